"""What is lost without a method's first examples: the sets, and the differences by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xling.evaluation.dropped import (
    Drop,
    drops,
    fit_noise,
    loss_difference,
    loss_differences,
    nearest_control,
    ranked_first,
    retrainings_without,
)

LANGUAGES = ["de", "en"] * 20
LABELS = [0, 0, 1, 1] * 10


def test_the_share_that_scores_highest_comes_first_and_ties_are_broken_at_random():
    scores = np.array([0.1, 0.9, 0.5, -3, 0.5, 0.2])
    assert ranked_first(scores, 0.5, seed=0).tolist()[0] == 1
    assert set(ranked_first(scores, 0.5, seed=0)) == {1, 2, 4}
    assert ranked_first(scores, 0.001, seed=0).tolist() == [1]
    orders = {tuple(ranked_first(scores, 0.5, seed).tolist()) for seed in range(20)}
    assert orders == {(1, 2, 4), (1, 4, 2)}


def test_a_control_has_the_languages_and_labels_of_the_members_and_none_of_them():
    members = np.array([0, 4, 6, 1])  # de 0 twice, de 1, en 0
    for seed in range(5):
        control, matched = nearest_control(LANGUAGES, LABELS, members, [seed])
        pairs = sorted((LANGUAGES[row], LABELS[row]) for row in control)
        assert pairs == [("de", 0), ("de", 0), ("de", 1), ("en", 0)] and matched == 4
        assert not set(control) & set(members) and len(set(control)) == 4


def test_what_a_control_lacks_is_drawn_from_the_label_and_then_from_all():
    languages, labels = ["de"] * 4 + ["en"] * 8, [0, 0, 0, 1] + [0, 1] * 4
    control, matched = nearest_control(languages, labels, np.array([0, 1, 3]), [0])
    # One other German example of label 0, none of label 1: an English one for each that lacks.
    assert matched == 1 and 2 in control
    assert sorted(labels[row] for row in control) == [0, 0, 1]
    assert sorted(languages[row] for row in control) == ["de", "en", "en"]
    labels = [0, 0, 0, 1] + [1] * 8
    control, matched = nearest_control(languages, labels, np.array([0, 1]), [0])
    assert matched == 1 and sorted(labels[row] for row in control) == [0, 1]
    control, matched = nearest_control(languages, labels, np.arange(4), [0])
    assert matched == 0 and {languages[row] for row in control} == {"en"}
    with pytest.raises(ValueError, match="7 of 12 examples have no control"):
        nearest_control(languages, labels, np.arange(7), [0])


def test_all_data_but_each_set_are_fine_tuned_on_under_every_seed():
    ranked = {"cosine": np.array([5, 2]), "words": np.array([30, 31])}
    sets = drops(ranked, LANGUAGES, LABELS, seed=3, seeds=2)
    assert [one.kind for one in sets] == [
        "without random",
        "without cosine",
        "without matched cosine",
        "without words",
        "without matched words",
    ]
    parts = retrainings_without(sets, LANGUAGES, seed=3)
    assert [part.seed for part in parts] == [3, 4] * 5
    gone = [set(range(40)).difference(part.rows) for part in parts]
    assert gone[2] == gone[3] == {2, 5} and gone[6] == gone[7] == {30, 31}
    assert all(len(rows) == 2 for rows in gone)
    for before, after in ((0, 1), (4, 5), (8, 9)):  # random ones and controls are drawn again
        assert gone[before] != gone[after]
    assert parts[2].fractions == (("de", 0.95), ("en", 0.95))


def test_the_noise_of_fine_tunings_is_what_sets_and_seeds_do_not_explain():
    rng = np.random.default_rng(0)
    sets, seeds = rng.normal(size=(7, 1)), rng.normal(size=(1, 3))
    variance, freedom = fit_noise(sets + seeds)
    assert variance == pytest.approx(0, abs=1e-12) and freedom == 12
    # By hand: means of rows 1.5, 3, of columns 2, 2.5, of all 2.25; what is left is ±0.25.
    assert fit_noise(np.array([[1.0, 2], [3, 3]])) == (pytest.approx(4 * 0.25**2), 1)


def test_a_difference_by_hand():
    without_first = np.array([[1.0, 2.0, 3.0], [1.2, 2.4, 3.0]])
    without_others = np.array([[0.9, 1.9, 2.9], [0.9, 1.9, 2.9]])
    own = np.arange(3)
    found = loss_difference(without_first, without_others, 0.01, freedom=4, groups=own)
    # Test examples 0.2, 0.3, 0.1: variance 0.01 / 3; fine-tunings 2 · 0.01 / 2; of freedom
    # (1 + 1/3)² / (1² / 4 + (1/3)² / 2) = 5.818.
    error, student = np.sqrt(0.01 + 0.01 / 3), stats.t(5.8181818)
    assert found.value == pytest.approx(0.2)
    assert found.high - found.value == pytest.approx(student.ppf(0.975) * error)
    assert found.value - found.low == pytest.approx(student.ppf(0.975) * error)
    assert found.p == pytest.approx(2 * student.sf(np.sqrt(3)))
    same = loss_difference(without_others, without_others, 0.0, 4, own)
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_translations_of_a_test_example_tell_no_more_than_one_of_them():
    first, others = np.random.default_rng(0).normal(size=(2, 2, 30))
    once = loss_difference(first, others, 0.01, 4, np.arange(30))
    translated = [np.tile(losses, 5) for losses in (first, others)]
    five = loss_difference(*translated, 0.01, 4, np.tile(np.arange(30), 5))
    assert dataclasses.astuple(five) == pytest.approx(dataclasses.astuple(once))
    apart = loss_difference(*translated, 0.01, 4, np.arange(150))
    assert apart.high - apart.low < 0.7 * (once.high - once.low)
    sets, losses = made_up(np.random.default_rng(0), {})
    losses = np.concatenate([losses, losses], axis=2)
    languages, ids = ["de"] * 120 + ["en"] * 120, [f"{n}" for n in range(120)] * 2
    table = loss_differences(sets, losses, languages, ids)
    width = (table["high"] - table["low"]).groupby(table["test_language"]).mean()
    assert width["all"] == pytest.approx(width["de"]) and width["de"] == pytest.approx(width["en"])


def made_up(rng: np.random.Generator, effect: dict[str, float], seeds: int = 2, tests: int = 120):
    """Sets of two methods, and losses that are higher by an effect on the test examples' mean."""
    ranked = {"good": np.array([0, 1]), "bad": np.array([2, 3])}
    sets = drops(ranked, LANGUAGES, LABELS, 0, seeds)
    losses = 1 + 0.1 * rng.normal(size=(1, 1, tests))  # of the test examples
    losses = losses + 0.05 * rng.normal(size=(1, seeds, 1))  # of the seeds
    losses = losses + 0.01 * rng.normal(size=(len(sets), seeds, 1))  # of the fine-tunings
    losses = losses + 0.05 * rng.normal(size=(len(sets), seeds, tests))
    for place, one in enumerate(sets):
        losses[place] += effect.get(one.kind, 0.0) * rng.uniform(0, 2, tests)
    return sets, losses


def overall(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["test_language"] == "all"].set_index(["method", "against"])


def test_methods_are_told_from_controls_where_their_examples_matter():
    effect = {"without good": 0.2, "without matched good": 0.1}
    sets, losses = made_up(np.random.default_rng(1), effect)
    table = loss_differences(sets, losses, LANGUAGES * 3)
    assert len(table) == 2 * 2 * 3 and set(table["test_language"]) == {"all", "de", "en"}
    assert table["dropped"].eq(2).all() and table["fits"].eq(2).all()
    rows = overall(table)
    by_kind = {one.kind: of_set for one, of_set in zip(sets, losses, strict=True)}
    expected = by_kind["without good"].mean() - by_kind["without random"].mean()
    assert rows.loc[("good", "random"), "difference"] == pytest.approx(expected)
    german = np.array(LANGUAGES * 3) == "de"
    of_german = table.query("test_language == 'de' and method == 'bad' and against == 'matched'")
    left, right = by_kind["without bad"], by_kind["without matched bad"]
    expected = left[:, german].mean() - right[:, german].mean()
    assert of_german["difference"].item() == pytest.approx(expected)
    assert rows["beats"].to_dict() == {
        ("good", "random"): True,
        ("good", "matched"): True,
        ("bad", "random"): False,
        ("bad", "matched"): False,
    }
    assert (rows["q"] >= rows["p"]).all()
    assert rows["alike"].isna().to_dict()[("good", "random")] and rows["alike"].max() == 1


def test_methods_with_the_same_examples_count_once_for_the_noise():
    rng = np.random.default_rng(0)
    sets, losses = made_up(rng, {})
    twice = [*sets, *(Drop("again", one.against, one.rows) for one in sets[1:3])]
    more = np.concatenate([losses, losses[1:3]])
    once = overall(loss_differences(sets, losses, LANGUAGES * 3))
    again = overall(loss_differences(twice, more, LANGUAGES * 3))
    for column in ("difference", "low", "high", "p"):
        for name in ("good", "again"):
            assert again.loc[(name, "random"), column] == once.loc[("good", "random"), column]


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    inside, p = [], []
    for number in range(500):
        sets, losses = made_up(np.random.default_rng(number), {"without good": 0.05})
        noise = fit_noise(losses.mean(2))
        of_kind = {one.kind: of_set for one, of_set in zip(sets, losses, strict=True)}
        good, bad = (
            loss_difference(
                of_kind[f"without {name}"],
                of_kind[f"without matched {name}"],
                *noise,
                np.arange(losses.shape[2]),
            )
            for name in ("good", "bad")
        )
        inside.append(good.low <= 0.05 <= good.high)
        p.append(bad.p)
    assert 0.94 < np.mean(inside) < 0.99 and 0.01 < np.mean(np.array(p) < 0.05) < 0.06
