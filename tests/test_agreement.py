"""Whether influence orders pairs of languages as fine-tuning does, where pairs share languages."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xling.analysis.statistics import pair_correlation
from xling.evaluation.agreement import agreement

NAMES = ["de", "en", "fr", "ru"]


def table(values, rates, tests=NAMES, trained=NAMES, own=False):
    pairs = [(a, b) for a in range(len(tests)) for b in range(len(trained))]
    pairs = [(a, b) for a, b in pairs if own or tests[a] != trained[b]]
    rows = [(tests[a], trained[b], values[a, b], rates[a, b]) for a, b in pairs]
    return pd.DataFrame(rows, columns=["test_language", "train_language", "value", "rate"])


def permuted_p(pairs: pd.DataFrame) -> float:
    return pair_correlation(pairs, "value", "rate").rho_p


@pytest.mark.parametrize("own", [False, True])
def test_p_is_the_share_of_permuted_languages_that_correlate_as_far(own):
    rng = np.random.default_rng(0)
    values, rates = rng.normal(size=(2, 4, 4))
    used = np.ones((4, 4), dtype=bool) if own else ~np.eye(4, dtype=bool)
    found = pair_correlation(table(values, rates, own=own), "value", "rate")
    for by_scipy, of, p in (
        (stats.spearmanr, found.rho, found.rho_p),
        (stats.pearsonr, found.r, found.r_p),
    ):
        drawn = [
            by_scipy(values[np.ix_(order, order)][used], rates[used])[0]
            for order in permutations(range(4))
        ]
        assert of == pytest.approx(drawn[0])
        assert p == pytest.approx(np.mean(np.abs(drawn) >= abs(drawn[0]) - 1e-9))
    assert (found.points, found.least_p) == (used.sum(), 1 / 24)


def test_a_language_without_values_takes_nobody_s_place():
    rng = np.random.default_rng(3)
    values, rates = rng.normal(size=(2, 5, 5))
    four = pair_correlation(table(values, rates), "value", "rate")
    holes = values.copy()
    holes[4] = holes[:, 4] = np.nan
    five = table(holes, rates, [*NAMES, "sw"], [*NAMES, "sw"])
    assert pair_correlation(five, "value", "rate") == four
    # As a test language alone, it is still trained on: only the others can take its place.
    holes[:, 4] = values[:, 4]
    found = pair_correlation(table(holes, rates, [*NAMES, "sw"], [*NAMES, "sw"]), "value", "rate")
    assert found.least_p == 1 / 24 and found.points == 16


def test_many_permutations_are_looked_at_some_at_a_time(monkeypatch):
    values, rates = np.random.default_rng(4).normal(size=(2, 4, 4))
    once = pair_correlation(table(values, rates), "value", "rate")
    monkeypatch.setattr("xling.analysis.statistics.AT_ONCE", 50)
    assert pair_correlation(table(values, rates), "value", "rate") == once


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
    assert told.loc["all", "rho"] > 0.9
    assert told.loc["all", "p"] == told.loc["all", "least_p"] == 0.5
