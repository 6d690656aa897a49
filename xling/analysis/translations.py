"""Reinforcing and complementary influence in parallel data (Choenni et al. 2023, §8.1, Tab. 4)."""

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.shares import SIGNS, ranking
from xling.analysis.statistics import bootstrap_interval, pooled_share
from xling.attribution import Traces


def translations(members: np.ndarray, train: Examples, language: str) -> np.ndarray:
    """Mark members from other languages that translate a member from the given language.

    Args:
        members: (k,) rows of training examples, the influential ones of one test example.
        train: the training examples of a parallel task.

    Returns:
        (k,) booleans.

    Raises:
        ValueError: the task is not parallel.
    """
    if train.parallel is None:
        raise ValueError("Only the examples of a parallel task have translations.")
    if language not in train.languages:
        return np.zeros(len(members), dtype=bool)
    own = train.language[members] == train.languages.index(language)
    parallel = train.parallel[members]
    return ~own & np.isin(parallel, parallel[own])


def reinforcing(traces: Traces, train: Examples, test: Examples, seed: int = 0) -> pd.DataFrame:
    """Tabulate the share of other languages' members that reinforces: the rest is complementary.

    Pooled over the test examples of a language. A test language without training data, or with
    fewer than two test examples that have a member from another language, has no row: the share,
    or its interval, is not defined.

    Returns:
        Columns sign, test_language, reinforcing, low, high, members.
    """
    rows = []
    for sign in SIGNS:
        index = ranking(traces, sign).index
        for language in test.languages:
            if language not in train.languages:
                continue
            top = index[test.rows_of(language)]
            others = (train.language[top] != train.languages.index(language)).sum(1)
            same = np.array([translations(members, train, language).sum() for members in top])
            has = others > 0  # the rest does not enter the ratio
            if has.sum() < 2:
                continue
            low, high = bootstrap_interval(
                same[has], others[has], statistic=pooled_share, seed=seed
            )
            rows.append((sign, language, pooled_share(same, others), low, high, others.sum()))
    columns = "sign test_language reinforcing low high members"
    return pd.DataFrame(rows, columns=columns.split())
