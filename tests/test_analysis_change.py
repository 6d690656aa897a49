"""What subnetworks change, against cases computed by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xling.analysis.change import (
    accuracy_change,
    change,
    modularity,
    specialization,
    specialization_correlation,
)
from xling.analysis.example_metadata import Examples
from xling.analysis.shares import base_rates, language_shares, shares
from xling.analysis.statistics import bootstrap_interval
from xling.attribution import Ranking, Traces

# Training examples 0 to 4: de de en en en.
TRAIN = Examples(
    ("de1", "de2", "en1", "en2", "en3"),
    ("de", "en"),
    np.array([0, 0, 1, 1, 1]),
    np.array([0, 1, 0, 1, 0]),
    None,
)
# Test examples: three of de, one of ko, which is not trained on.
TEST = Examples(
    ("de7", "de8", "de9", "ko9"), ("de", "ko"), np.array([0, 0, 0, 1]), np.zeros(4, int), None
)
# Of the two most positive, German are: de7 0 → 2, de8 1 → 2, de9 1 → 1; ko9 2 → 0.
FULL = [[2, 3], [0, 3], [1, 4], [0, 1]]
SUBNETWORK = [[0, 1], [1, 0], [4, 0], [3, 2]]
# Of the two most negative nothing changes but the order.
NEGATIVE = [[4, 3], [4, 0], [2, 3], [3, 4]]


def traces(positive: list[list[int]], negative: list[list[int]]) -> Traces:
    rankings = (
        Ranking(np.array(index), np.zeros(np.shape(index))) for index in (positive, negative)
    )
    return Traces(*rankings, np.zeros((len(positive), 2)))


def both() -> tuple[Traces, Traces]:
    turned = [members[::-1] for members in NEGATIVE]
    return traces(FULL, NEGATIVE), traces(SUBNETWORK, turned)


def only(table: pd.DataFrame, **where: object) -> pd.Series:
    for key, value in where.items():
        table = table[table[key] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_shares_are_means_of_each_examples_language_shares():
    full, _ = both()
    by_example = language_shares(full.positive, TRAIN)
    assert by_example.tolist() == [[0, 1], [0.5, 0.5], [0.5, 0.5], [1, 0]]
    two = dataclasses.replace(TEST, language=np.array([0, 0, 1, 1]))
    table = shares([full], TRAIN, two)
    german = table[(table.sign == "+") & (table.train_language == "de")]
    assert german.share.to_list() == [by_example[:2, 0].mean(), by_example[2:, 0].mean()]
    assert base_rates(TRAIN).tolist() == [2 / 5, 3 / 5]


def test_changes_are_between_the_two_shares_with_a_signed_rank_test():
    table = change(*both(), TRAIN, TEST)
    columns = "sign test_language train_language full subnetwork change low high p q test_examples"
    assert list(table.columns) == columns.split() and len(table) == 2 * 2 * 2
    row = only(table, sign="+", test_language="de", train_language="de")
    assert (row.full, row.subnetwork) == pytest.approx((1 / 3, 5 / 6))
    assert row.change == pytest.approx((1 + 0.5 + 0) / 3) and row.test_examples == 3
    # 27 equally likely samples of 1, .5, 0: more than 2.5 % of them are all 0, and all 1.
    assert (row.low, row.high) == pytest.approx((0, 1))
    assert row.p == pytest.approx(stats.wilcoxon([1, 0.5]).pvalue) == 0.5
    mirrored = only(table, sign="+", test_language="de", train_language="en")
    assert mirrored.change == pytest.approx(-0.5) and mirrored.p == 0.5
    same = table[table.sign == "-"]
    assert (same.change == 0).all() and (same.p == 1).all() and (same.q == 1).all()
    # Two of the eight p-values are .5: .5 * 8 / 2 is more than 1.
    assert table.q.to_numpy() == pytest.approx(stats.false_discovery_control(table.p))


def test_change_of_a_single_test_example_has_no_interval():
    row = only(change(*both(), TRAIN, TEST), sign="+", test_language="ko", train_language="de")
    assert (row.full, row.subnetwork, row.change, row.p) == (1, 0, -1, 1)
    assert np.isnan(row.low) and np.isnan(row.high) and row.test_examples == 1


def test_change_is_paired_and_corrected_over_the_table():
    """Ten of twelve examples lose one of three German members, one wins one, one keeps them.

    Thirds are not exact: 2/3 - 1/3 and 1 - 2/3 differ in the last digit, yet are tied.
    """
    test = Examples(tuple(map(str, range(12))), ("de",), np.zeros(12, int), np.zeros(12, int), None)
    members = {0: [2, 3, 4], 1: [0, 3, 4], 2: [0, 1, 4], 3: [0, 1, 0]}
    before, after = [3] * 6 + [2] * 5 + [1], [2] * 6 + [1] * 4 + [3] + [1]
    full, subnetwork = (
        traces([members[n] for n in numbers], [[0]] * 12) for numbers in (before, after)
    )
    table = change(full, subnetwork, TRAIN, test)
    row = only(table, sign="+", train_language="de")
    # Ranks are all equal, so that it is the sign test: of 11, all or all but one fall.
    assert row.p == pytest.approx(2 * (1 + 11) / 2**11)
    assert row.change == pytest.approx((-10 + 1) / 12 / 3)
    # The p-values are p, p, 1, 1: q is 4 / 2 times p.
    assert row.q == pytest.approx(2 * row.p) and (table.q[table.sign == "-"] == 1).all()
    changes = (np.array(after) - before) / 3
    low, high = bootstrap_interval(changes)
    assert (row.low, row.high) == pytest.approx((low, high))


def test_change_without_test_examples_is_empty():
    test = Examples((), (), np.zeros(0, int), np.zeros(0, int), None)
    nothing = traces(np.zeros((0, 2), int), np.zeros((0, 2), int))
    for table in (change, modularity):
        assert table(nothing, nothing, TRAIN, test).empty


def test_accuracy_changes_are_tested_on_the_examples_that_change():
    """Of six German, the subnetwork loses one and wins four; of English, nothing changes."""
    languages = ["de", "en", "de", "de", "de", "de", "de", "en"]
    full = np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    subnetwork = np.array([0, 1, 1, 1, 1, 1, 1, 0], dtype=bool)
    table = accuracy_change(languages, full, subnetwork)
    assert list(table.columns) == "language full subnetwork change low high p examples".split()
    row = only(table, language="de")
    assert (row.full, row.subnetwork, row.change) == pytest.approx((2 / 6, 5 / 6, 1 / 2))
    assert row.p == pytest.approx(2 * (1 + 5) / 2**5) and row.examples == 6
    assert row.low < row.change < row.high <= 1
    row = only(table, language="en")
    assert (row.full, row.subnetwork, row.change, row.p) == (0.5, 0.5, 0, 1)
    assert (row.low, row.high, row.examples) == (0, 0, 2)


def test_accuracy_change_of_a_single_example_has_no_interval():
    row = accuracy_change(["de"], np.array([False]), np.array([True])).iloc[0]
    assert (row.change, row.p, row.examples) == (1, 1, 1)
    assert np.isnan(row.low) and np.isnan(row.high)


def test_modularity_is_zero_at_chance_and_one_at_the_own_language_alone():
    """German is 2 of 5: a share of 1/3 is below chance, (1/3 - 2/5) / (3/5); 5/6 is above it."""
    table = modularity(*both(), TRAIN, TEST)
    assert list(table.columns) == "language model value low high test_examples".split()
    assert set(table.language) == {"de"} and set(table.test_examples) == {3}
    row = table.set_index("model")
    assert row.value["full"] == pytest.approx((1 / 3 - 2 / 5) / (3 / 5))
    assert row.value["subnetwork"] == pytest.approx((5 / 6 - 2 / 5) / (3 / 5))
    assert row.value["change"] == pytest.approx(1 / 2 / (3 / 5))
    assert (row.low["full"], row.high["full"]) == pytest.approx((-2 / 3, 1 / 6))  # 0 and 1/2
    assert (row.low["change"], row.high["change"]) == pytest.approx((0, 1 / (3 / 5)))


def test_modularity_of_one_language_is_missing():
    alone = Examples(("de1", "de2"), ("de",), np.array([0, 0]), np.array([0, 1]), None)
    test = Examples(("de8", "de9"), ("de",), np.array([0, 0]), np.array([0, 1]), None)
    same = traces([[0, 1], [1, 0]], [[0, 1], [1, 0]])
    table = modularity(same, same, alone, test)
    assert len(table) == 3 and table[["value", "low", "high"]].isna().all().all()


def test_specialization_takes_each_epoch_alone():
    columns = ["epoch", "sign", "test_language", "train_language", "share"]
    rows = [
        (0, "+", "de", "de", 0.9),
        (1, "+", "de", "de", 0.5),
        (1, "-", "de", "de", 0.8),
        (1, "+", "de", "en", 0.7),
        (2, "+", "de", "de", 0.4),
        (1, "+", "en", "en", 0.6),
        (2, "+", "en", "en", 0.3),
    ]
    accuracies = [
        ("dev", 1, "de", 0.55),
        ("dev", 2, "de", 0.7),
        ("dev", 3, "de", 0.99),  # after the kept epoch
        ("dev", 1, "en", 0.65),
        ("test", 2, "de", 0.1),
    ]
    table = specialization(
        pd.DataFrame(rows, columns=columns),
        pd.DataFrame(accuracies, columns=["split", "epoch", "language", "accuracy"]),
    )
    assert list(table.columns) == ["language", "epoch", "own_share", "accuracy"]
    assert table.astype(object).where(table.notna(), None).to_numpy().tolist() == [
        ["de", 1, 0.5, 0.55],
        ["de", 2, 0.4, 0.7],
        ["en", 1, 0.6, 0.65],
        ["en", 2, 0.3, None],
    ]
    with pytest.raises(ValueError, match="one-to-one"):  # an accuracy that stands twice
        specialization(
            pd.DataFrame(rows, columns=columns),
            pd.DataFrame(accuracies[:1] * 2, columns=["split", "epoch", "language", "accuracy"]),
        )


def test_own_shares_and_accuracies_are_correlated_where_both_are_known():
    rows = [("de", 1, 0.5, 0.55), ("de", 2, 0.4, 0.7), ("en", 1, 0.6, 0.65), ("en", 2, 0.3, np.nan)]
    table = pd.DataFrame(rows, columns=["language", "epoch", "own_share", "accuracy"])
    correlations = specialization_correlation(table)
    assert list(correlations.columns) == ["model", "r", "r_p", "rho", "rho_p", "points"]
    row = correlations.iloc[0]
    assert len(correlations) == 1 and row.model == "subnetwork" and row.points == 3
    expected = stats.pearsonr([0.5, 0.4, 0.6], [0.55, 0.7, 0.65])
    assert (row.r, row.r_p) == pytest.approx(tuple(expected))
    assert row.rho == pytest.approx(-0.5) and row.rho_p == 1
    few = specialization_correlation(table[:2]).iloc[0]
    assert few[["r", "r_p", "rho", "rho_p"]].isna().all() and few.points == 2
