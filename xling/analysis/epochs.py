"""Do the scores change from epoch to epoch? (Choenni et al. 2023, §8.2 and app. C)."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.statistics import holm, signed_rank

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
        of epochs and languages), effect (see `xling.analysis.statistics.SignedRank`), examples.
    """
    rows = []
    for number, language in enumerate(test.languages):
        for first, second in combinations(range(len(scores)), 2):
            before, after = scores[first][:, number], scores[second][:, number]
            change = signed_rank(before, after)
            rows.append(
                (language, first + 1, second + 1, change.p, 0.0, change.effect, len(before))
            )
    table = pd.DataFrame(rows, columns=COLUMNS.split())
    return table.assign(p_holm=holm(table["p"].to_numpy(float)))
