"""Reinforcing and complementary influence in parallel data (Choenni et al. 2023, §8.1, Tab. 4)."""

import numpy as np
import pandas as pd

from xling.analysis.examples import Examples
from xling.analysis.intervals import interval, ratio
from xling.analysis.shares import SIGNS, ranking
from xling.attribution import Traces


def translations(members: np.ndarray, train: Examples, language: str) -> np.ndarray:
    """Mark members from other languages that translate a member from the given language.

    Args:
        members: (k,) rows of training examples, the influential ones of one test example.

    Returns:
        (k,) booleans.
    """
    if language not in train.languages:
        return np.zeros(len(members), dtype=bool)
    own = train.language[members] == train.languages.index(language)
    parallel = train.parallel[members]
    return ~own & np.isin(parallel, parallel[own])


def reinforcing(traces: Traces, train: Examples, test: Examples, seed: int = 0) -> pd.DataFrame:
    """Tabulate the part of other languages' members that reinforces: the rest is complementary.

    Pooled over the test examples of a language. A test language without training data, or with
    fewer than two test examples that have a member from another language, has no row: the part,
    or its interval, is not defined.

    Returns:
        Columns sign, test_language, reinforcing, low, high, members.
    """
    rows = []
    for sign in SIGNS:
        index = ranking(traces, sign).index
        for language in (each for each in test.languages if each in train.languages):
            code = train.languages.index(language)
            of = index[test.of(language)]
            others = (train.language[of] != code).sum(1)
            same = np.array([translations(each, train, language).sum() for each in of])
            has = others > 0  # the rest has no part in the ratio
            if has.sum() < 2:
                continue
            low, high = interval(same[has], others[has], statistic=ratio, seed=seed)
            rows.append((sign, language, ratio(same, others), low, high, others.sum()))
    columns = "sign test_language reinforcing low high members"
    return pd.DataFrame(rows, columns=columns.split())
