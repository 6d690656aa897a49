"""Do the scores change from epoch to epoch? (Choenni et al. 2023, §8.2 and app. C)."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata, wilcoxon

from xling.analysis.examples import Examples

COLUMNS = "test_language first second p p_holm effect examples"


def epoch_tests(scores: Sequence[np.ndarray], test: Examples) -> pd.DataFrame:
    """Compare the scores of each pair of epochs by the Wilcoxon signed-rank test.

    The pairs are the training examples, each with its score averaged over the traced test examples
    of a language: single scores, which the paper pairs, are not independent, as one gradient takes
    part in many.

    Args:
        scores: of each epoch, (train, test languages), from `xling.attribution.mean_scores`.

    Returns:
        Columns test_language, first, second (epochs), p, p_holm (corrected for the number of pairs
        of epochs and languages), effect (matched-pairs rank-biserial correlation, from -1: all
        scores fall, to 1: all rise), examples.
    """
    rows = []
    for number, language in enumerate(test.languages):
        for first, second in combinations(range(len(scores)), 2):
            change = scores[second][:, number].astype(float) - scores[first][:, number]
            found = signed_ranks(change)
            rows.append((language, first + 1, second + 1, found[0], 0.0, found[1], len(change)))
    table = pd.DataFrame(rows, columns=COLUMNS.split())
    return table.assign(p_holm=holm(table["p"].to_numpy(float)))


def signed_ranks(change: np.ndarray) -> tuple[float, float]:
    """Return the p-value and the effect size of paired differences; no difference: 1 and 0."""
    if not change.any():
        return 1.0, 0.0
    moved = change[change != 0]
    ranks = rankdata(np.abs(moved))
    return float(wilcoxon(moved).pvalue), float((ranks * np.sign(moved)).sum() / ranks.sum())


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p-values for their number, step by step (Holm 1979)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(steps, 1)
    return corrected
