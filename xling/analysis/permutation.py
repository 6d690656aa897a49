"""Would chance give such shares? Permutations of the training examples' languages."""

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from xling.analysis.examples import Examples
from xling.analysis.shares import SIGNS, ranking
from xling.attribution import Ranking, Traces

PERMUTATIONS = 1000


def with_significance(
    shares: pd.DataFrame, traces: Traces, train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Add columns `p` and `q` to the table of shares, for the summed influence alone.

    `p` is whether permuted languages give such a share, `q` the same with the false discovery rate
    controlled over both signs.

    Args:
        shares: the table, whose rows of epoch 0 are in the order of the signs and languages.
        traces: of the summed influence.
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
        (test languages, train languages); the least possible is 1 / (permutations + 1).
    """
    counts = _occurrences(ranking, train, test)
    strata = train.label if train.parallel is None else train.parallel
    near = np.isin(strata, np.unique(strata[counts.any(0)]))  # the others change nothing
    counts, strata, language = counts[:, near], strata[near], train.language[near]
    onehot = np.eye(len(train.languages))
    rng = np.random.default_rng(seed)
    by_stratum = np.argsort(strata, kind="stable")
    permuted = np.empty((PERMUTATIONS, len(test.languages), len(train.languages)))
    for each in permuted:
        shuffled = np.empty_like(language)
        shuffled[by_stratum] = language[np.lexsort((rng.random(len(strata)), strata))]
        each[:] = counts @ onehot[shuffled]
    found = counts @ onehot[language]
    center = _expected(counts, strata, onehot[language])
    as_far = np.abs(permuted - center) >= np.abs(found - center) - 1e-9
    return (1 + as_far.sum(0)) / (PERMUTATIONS + 1)


def _expected(counts: np.ndarray, strata: np.ndarray, onehot: np.ndarray) -> np.ndarray:
    """Return the mean over all permutations: each language's part of a stratum, of its counts."""
    _, stratum = np.unique(strata, return_inverse=True)
    sizes = np.bincount(stratum)
    total = np.stack([np.bincount(stratum, each) for each in counts])
    part = np.stack([np.bincount(stratum, each) for each in onehot.T], axis=1) / sizes[:, None]
    return total @ part


def q_values(p: np.ndarray) -> np.ndarray:
    """Control the false discovery rate over all p-values given (Benjamini and Hochberg 1995)."""
    return false_discovery_control(p.ravel()).reshape(p.shape)


def _occurrences(ranking: Ranking, train: Examples, test: Examples) -> np.ndarray:
    """Count, per test language, how often each training example is in a top-k set."""
    return np.stack(
        [
            np.bincount(ranking.index[test.of(each)].ravel(), minlength=len(train.ids))
            for each in test.languages
        ]
    ).astype(float)
