"""How influence is distributed between languages (Choenni et al. 2023, app. B, Fig. 9 to 11)."""

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples

BINS = 60
"""About so many, over all languages."""
MOST_BINS = 100 * BINS


def bin_edges(least: float, most: float) -> np.ndarray:
    """Return edges of bins of one round width that hold all scores.

    0 is one of them, unless the scores lie so far from it, and so close to each other, that it
    would take more than MOST_BINS. Scores that are all the same lie in a bin of a millionth of
    their size.
    """
    width = max((most - least) / BINS, 1e-6 * max(abs(least), abs(most)) / BINS, 1e-12)
    power = 10 ** np.floor(np.log10(width))
    width = power * next(step for step in (1, 2, 5, 10) if step * power >= width)
    first, last = np.floor(min(least, 0) / width), np.ceil(max(most, 0) / width)
    if last - first > MOST_BINS:
        first, last = np.floor(least / width), np.ceil(most / width)
    return width * np.arange(first, max(last, first + 1) + 1)


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
