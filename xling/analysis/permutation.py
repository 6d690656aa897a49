"""Would chance give such shares? Permutations of the training examples' languages."""

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.shares import SIGNS, ranking
from xling.analysis.statistics import permutation_p, q_values
from xling.attribution import Ranking, Traces

PERMUTATIONS = 1000


def with_significance(
    shares: pd.DataFrame, traces: Traces, train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Add columns `p` and `q` to the table of shares, for the summed influence alone.

    `p` is how likely permuted languages give a share as far from chance, `q` the same with the
    false discovery rate controlled over both signs.

    Args:
        shares: the table, whose rows of epoch 0 are in the order of the signs and languages.
        traces: of the summed influence.
        seed: of the permutations.
    """
    summed = shares["epoch"] == 0
    p = np.stack([share_p_values(ranking(traces, sign), train, test, seed) for sign in SIGNS])
    table = shares.assign(p=np.nan, q=np.nan)
    table.loc[summed, "p"] = p.ravel()
    table.loc[summed, "q"] = q_values(p).ravel()
    return table


def share_p_values(ranking: Ranking, train: Examples, test: Examples, seed: int = 0) -> np.ndarray:
    """Return the two-sided p-value of each share if languages were labels without a meaning.

    Languages are permuted among the training examples: among the translations of one content if
    the task is parallel, so that content stays what it is, else among the examples of one class.
    How far a share lies from its mean over the permutations is compared with how far theirs lie.

    Returns:
        (test languages, train languages); see `xling.analysis.statistics.permutation_p`.
    """
    counts = _occurrences(ranking, train, test)
    strata = train.label if train.parallel is None else train.parallel
    near = np.isin(strata, np.unique(strata[counts.any(0)]))  # the others change nothing
    counts, strata, language = counts[:, near], strata[near], train.language[near]
    onehot = np.eye(len(train.languages))
    rng = np.random.default_rng(seed)
    by_stratum = np.argsort(strata, kind="stable")
    permuted = np.empty((PERMUTATIONS, len(test.languages), len(train.languages)))
    for number in range(PERMUTATIONS):
        shuffled = np.empty_like(language)
        shuffled[by_stratum] = language[np.lexsort((rng.random(len(strata)), strata))]
        permuted[number] = counts @ onehot[shuffled]
    return permutation_p(
        counts @ onehot[language], permuted, _expected(counts, strata, onehot[language])
    )


def _expected(counts: np.ndarray, strata: np.ndarray, onehot: np.ndarray) -> np.ndarray:
    """Return the mean over all permutations: each language's share of a stratum, of its counts."""
    _, stratum = np.unique(strata, return_inverse=True)
    sizes = np.bincount(stratum)
    totals = np.stack([np.bincount(stratum, weights) for weights in counts])
    share = np.stack([np.bincount(stratum, column) for column in onehot.T], axis=1) / sizes[:, None]
    return totals @ share


def _occurrences(ranking: Ranking, train: Examples, test: Examples) -> np.ndarray:
    """Count, per test language, how often each training example is in a top-k set."""
    return np.stack(
        [
            np.bincount(ranking.index[test.rows_of(language)].ravel(), minlength=len(train.ids))
            for language in test.languages
        ]
    ).astype(float)
