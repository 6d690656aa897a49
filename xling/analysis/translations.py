"""Reinforcing and complementary influence in parallel data (Choenni et al. 2023, §8.1, Tab. 4)."""

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.shares import SIGNS, ranking
from xling.analysis.statistics import bootstrap_interval, pooled_share
from xling.attribution import Traces


def contents(train: Examples) -> np.ndarray:
    """Return the (examples,) numbers that translations of each other share.

    Raises:
        ValueError: the task is not parallel.
    """
    if train.parallel is None:
        raise ValueError("Only the examples of a parallel task have translations.")
    return train.parallel


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
    parallel = contents(train)[members]
    if language not in train.languages:
        return np.zeros(len(members), dtype=bool)
    own = train.language[members] == train.languages.index(language)
    return ~own & np.isin(parallel, parallel[own])


def versions(train: Examples) -> np.ndarray:
    """Count the examples of each content in each language: (contents, languages).

    Raises:
        ValueError: the task is not parallel.
    """
    parallel = contents(train)
    counts = np.zeros((parallel.max() + 1, len(train.languages)), dtype=np.int64)
    np.add.at(counts, (parallel, train.language), 1)
    return counts


def expected(members: np.ndarray, train: Examples, language: str, of_content: np.ndarray) -> float:
    """Return how many members would be translations if those from other languages were random.

    As many as there are are drawn from each other language (the mean of the hypergeometric
    distribution).

    Args:
        members: (k,) rows of training examples, the influential ones of one test example.
        train: the training examples of a parallel task.
        language: that of the test example, one of the training languages.
        of_content: see `versions`.
    """
    own = train.languages.index(language)
    drawn = np.bincount(train.language[members], minlength=len(train.languages))
    translated = np.unique(contents(train)[members[train.language[members] == own]])
    hits = drawn * of_content[translated].sum(0) / of_content.sum(0)
    return float(hits.sum() - hits[own])


def reinforcing(traces: Traces, train: Examples, test: Examples, seed: int = 0) -> pd.DataFrame:
    """Tabulate the share of other languages' members that reinforces: the rest is complementary.

    Pooled over the test examples of a language. A test language without training data, or with
    fewer than two test examples that have a member from another language, has no row: the share,
    or its interval, is not defined.

    By chance, too, members translate one another, the more so the more members there are and the
    fewer examples. `expected` is the mean share if, with the members from the test language as they
    are, those from each other language were as many of its examples drawn at random.

    Returns:
        Columns sign, test_language, reinforcing, low, high, members, expected.
    """
    rows, of_content = [], versions(train)
    for sign in SIGNS:
        index = ranking(traces, sign).index
        for language in test.languages:
            if language not in train.languages:
                continue
            top = index[test.rows_of(language)]
            others = (train.language[top] != train.languages.index(language)).sum(1)
            same = np.array([translations(members, train, language).sum() for members in top])
            by_chance = sum(expected(members, train, language, of_content) for members in top)
            has = others > 0  # the rest does not enter the ratio
            if has.sum() < 2:
                continue
            low, high = bootstrap_interval(
                same[has], others[has], statistic=pooled_share, seed=seed
            )
            number = others.sum()
            share, chance = pooled_share(same, others), by_chance / number
            rows.append((sign, language, share, low, high, number, chance))
    columns = "sign test_language reinforcing low high members expected"
    return pd.DataFrame(rows, columns=columns.split())
