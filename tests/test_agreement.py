"""Whether influence orders pairs of languages as fine-tuning does, where pairs share languages."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xling.evaluation.agreement import agreement, permuted_p

NAMES = ["de", "en", "fr", "ru"]


def table(values, rates, tests=NAMES, trained=NAMES, own=False):
    pairs = [(a, b) for a in range(len(tests)) for b in range(len(trained))]
    pairs = [(a, b) for a, b in pairs if own or tests[a] != trained[b]]
    rows = [(tests[a], trained[b], values[a, b], rates[a, b]) for a, b in pairs]
    return pd.DataFrame(rows, columns=["test_language", "train_language", "value", "rate"])


def test_p_is_the_share_of_permuted_languages_that_correlate_as_far():
    rng = np.random.default_rng(0)
    values, rates = rng.normal(size=(2, 4, 4))
    off = ~np.eye(4, dtype=bool)
    rhos = [
        stats.spearmanr(values[np.ix_(order, order)][off], rates[off])[0]
        for order in permutations(range(4))
    ]
    expected = np.mean(np.abs(rhos) >= abs(rhos[0]) - 1e-9)
    assert permuted_p(table(values, rates)) == pytest.approx(expected)


def test_columns_that_differ_at_random_are_not_told_to_agree():
    """As many independent pairs would be told in a third of all cases."""
    rng = np.random.default_rng(1)
    told = []
    for _ in range(200):
        columns = rng.normal(size=(2, 1, 6))
        values, rates = columns + 0.3 * rng.normal(size=(2, 6, 6))
        pairs = table(values, rates, list("abcdef"), list("abcdef"))
        naive = stats.spearmanr(pairs["value"], pairs["rate"])[1]
        told.append((permuted_p(pairs) < 0.05, naive < 0.05))
    permuted, naive = np.mean(told, axis=0)
    assert permuted <= 0.09 and naive > 0.3


def test_languages_that_are_only_tested_or_only_trained_on_keep_to_themselves():
    rng = np.random.default_rng(2)
    values, rates = rng.normal(size=(2, 3, 4))
    pairs = table(values, rates, ["de", "en", "sw"], ["de", "en", "fr", "ru"])
    p = permuted_p(pairs)
    assert p * 4 == pytest.approx(round(p * 4))  # two of both kinds, and two only trained on
    many = list("abcdefghi")
    same = rng.normal(size=(9, 9))
    assert permuted_p(table(same, same, many, many)) == pytest.approx(1 / 5041)


def test_two_languages_tell_nothing_of_agreement():
    rates = table(np.zeros((2, 2)), np.array([[1, 0.3], [0.6, 1]]), NAMES[:2], NAMES[:2], own=True)
    rates = rates.assign(law="each", measure="loss").drop(columns="value")
    matrix = rates[["test_language", "train_language"]].assign(value=[0.9, 0.1, 0.2, 0.8])
    told = agreement(rates, {"mean influence": matrix}).set_index("pairs")
    assert np.isnan(told.loc["other languages", "p"])
    assert told.loc["all", "rho"] > 0.9 and told.loc["all", "p"] >= 0.5
