"""How influence is distributed between languages (Choenni et al. 2023, app. B, Fig. 9 to 11)."""

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples

BINS = 60
"""About so many, over all languages."""


def bin_edges(least: float, most: float) -> np.ndarray:
    """Return edges of bins of one round width that hold all scores; 0 is one of them."""
    width = (most - least) / BINS
    power = 10 ** np.floor(np.log10(width))
    width = power * next(step for step in (1, 2, 5, 10) if step * power >= width)
    return width * np.arange(np.floor(min(least, 0) / width), np.ceil(max(most, 0) / width) + 1)


def distribution(
    counts: np.ndarray, edges: np.ndarray, train: Examples, test: Examples
) -> pd.DataFrame:
    """Tabulate how many pairs of a training and a test example have which summed influence.

    Args:
        counts: from `xling.attribution.histograms`, (test languages, train languages, bins).
        edges: of the bins.

    Returns:
        Columns test_language, train_language, low, high, pairs; bins without pairs are left out.
    """
    a, b, place = np.nonzero(counts)
    return pd.DataFrame(
        {
            "test_language": np.array(test.languages)[a],
            "train_language": np.array(train.languages)[b],
            "low": edges[place],
            "high": edges[place + 1],
            "pairs": counts[a, b, place],
        }
    )
