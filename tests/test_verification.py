"""Whether a recommendation holds: differences by hand, and how often intervals hold the truth."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xling.analysis.statistics import clustered_variance
from xling.evaluation.mixtures import full, mixtures
from xling.evaluation.recommend import Recommendation
from xling.evaluation.verification import Verification, differences, observed
from xling.pipeline.recommend import verifications

LANGUAGES = np.array(["de"] * 4 + ["en"] * 2)


def verification(outcomes, languages=LANGUAGES, groups=None, known=("de", "en"), same=()):
    rows = {
        name: (("same" if name in same else name,),) * len(values)
        for name, values in outcomes.items()
    }
    groups = np.arange(len(languages)) if groups is None else groups
    return Verification(outcomes, rows, languages, groups, known)  # type: ignore[arg-type]


def made_up(seed=0, seeds=3, tests=6, mixtures=("recommended", "balanced", "target")):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(seeds, tests)) for name in mixtures}


def by_hand(first, others, groups=None):
    """Half the width over seeds, and over test examples of one language, squared and added."""
    apart, seeds = first - others, len(first)
    over_seeds = stats.sem(apart.mean(1)) * stats.t.ppf(0.975, seeds - 1)
    tests = apart.mean(0)
    over_tests = stats.sem(tests) * stats.t.ppf(0.975, len(tests) - 1)
    return apart.mean(), np.hypot(over_seeds, over_tests)


def test_differences_of_a_language_are_those_by_hand():
    outcomes = made_up()
    table = differences(verification(outcomes), "de")
    assert table["test_language"].tolist() == ["de", "mean", "en"] * 2
    assert table["against"].tolist() == ["balanced"] * 3 + ["target"] * 3
    assert table["asked"].tolist() == [True, False, False] * 2 and table["fits"].eq(3).all()
    for row in table[table["test_language"] != "mean"].to_dict("records"):
        mine = row["test_language"] == LANGUAGES
        pair = [outcomes[name][:, mine] for name in ("recommended", row["against"])]
        value, half = by_hand(*pair)
        assert row["difference"] == pytest.approx(value)
        assert row["high"] - value == value - row["low"] == pytest.approx(half)
    asked, rest = table[table["asked"]], table[~table["asked"]]
    for family in (asked, rest):
        expected = stats.false_discovery_control(family["p"])
        assert family["q"].to_numpy() == pytest.approx(expected)


def test_test_examples_that_all_change_alike_leave_the_paired_test_over_seeds():
    outcomes = made_up(seeds=4)
    shifts = np.array([0.3, 0.5, 0.2, 0.4])
    outcomes["recommended"] = outcomes["balanced"] + shifts[:, None]
    table = differences(verification(outcomes), "mean").set_index(["against", "test_language"])
    expected = stats.ttest_1samp(shifts, 0)
    for test in ("mean", "de", "en"):
        row = table.loc[("balanced", test)]
        assert (row["low"], row["high"]) == pytest.approx(tuple(expected.confidence_interval()))
        assert row["p"] == pytest.approx(expected.pvalue)
        assert row["told"] == "better"
    turned = {**outcomes, "recommended": outcomes["balanced"] - shifts[:, None]}
    assert differences(verification(turned), "mean")["told"][0] == "worse"


def test_a_mean_gives_each_language_the_same_weight_and_its_own_spread():
    outcomes = made_up()
    row = differences(verification(outcomes), "mean").iloc[0]
    apart = outcomes["recommended"] - outcomes["balanced"]
    seeds = (apart[:, :4].mean(1) + apart[:, 4:].mean(1)) / 2
    assert row["difference"] == pytest.approx(seeds.mean())
    tests = apart.mean(0)
    # Each language's own spread counts, not how far the languages lie apart: by weights 1/8, 1/4.
    left = np.r_[(tests[:4] - tests[:4].mean()) / 8, (tests[4:] - tests[4:].mean()) / 4]
    of_tests = (left**2).sum() * 6 / 5
    half = np.hypot(stats.sem(seeds) * stats.t.ppf(0.975, 2), of_tests**0.5 * stats.t.ppf(0.975, 5))
    assert row["high"] - row["difference"] == pytest.approx(half)
    known = differences(verification(outcomes, known=("en",)), "mean").iloc[0]
    assert known["difference"] == pytest.approx(apart[:, 4:].mean())


def test_the_worst_is_each_mixtures_own_worst_language():
    outcomes = made_up()
    outcomes["recommended"][:, :4] -= 9  # German is its worst
    outcomes["balanced"][:, 4:] -= 9  # English is
    row = differences(verification(outcomes), "worst").iloc[0]
    expected = outcomes["recommended"][:, :4].mean() - outcomes["balanced"][:, 4:].mean()
    assert row["difference"] == pytest.approx(expected)
    table = observed(verification(outcomes), "worst").set_index("mixture")
    assert table["observed"]["balanced"] == pytest.approx(outcomes["balanced"][:, 4:].mean())
    own = outcomes["recommended"][:, :4].mean(1)
    half = stats.sem(own) * stats.t.ppf(0.975, 2)
    assert table["observed_high"]["recommended"] == pytest.approx(own.mean() + half)


def test_translations_of_a_test_example_tell_no_more_than_one_of_them():
    outcomes = made_up(tests=30, mixtures=("recommended", "balanced"))
    german = np.array(["de"] * 30)
    once = differences(verification(outcomes, german, known=("de",)), "mean").iloc[0]
    five = {name: np.tile(values, 5) for name, values in outcomes.items()}
    every = np.repeat(["de", "en", "fr", "ru", "sw"], 30)
    groups = np.tile(np.arange(30), 5)
    known = ("de", "en", "fr", "ru", "sw")
    mean = differences(verification(five, every, groups, known), "mean").iloc[0]
    for column in ("difference", "low", "high", "p"):
        assert mean[column] == pytest.approx(once[column])
    values = np.random.default_rng(0).normal(size=30)
    assert clustered_variance(values, np.arange(30)) == pytest.approx(values.var(ddof=1) / 30)
    assert np.isnan(clustered_variance(values, np.zeros(30)))


def test_the_same_examples_are_not_compared_and_count_for_no_other_test():
    outcomes = made_up()
    outcomes["balanced"] = outcomes["recommended"]
    fits = verification(outcomes, same=("recommended", "balanced"))
    table = differences(fits, "de")
    same = table["against"] == "balanced"
    assert same.sum() == 1 and (~same).sum() == 3
    assert (table.loc[same, "told"] == "same examples").all()
    assert (table.loc[same, ["difference", "low", "high"]] == 0).all(None)
    assert table.loc[same, ["p", "q"]].isna().all(None)
    first = table[table["asked"] & ~same].iloc[0]
    assert first["q"] == first["p"]


def test_two_seeds_tell_only_what_is_large_and_a_single_test_example_nothing():
    outcomes = made_up(seeds=2)
    outcomes["recommended"] = outcomes["balanced"] + np.array([[0.3], [0.4]])
    table = differences(verification(outcomes), "de")
    # Student's t of one degree of freedom is 12.7: ten per cent of spread is too much.
    assert table["told"][0] == "no difference" and table["low"][0] < 0 < table["high"][0]
    outcomes["recommended"] = outcomes["balanced"] + np.array([[0.3], [0.31]])
    assert differences(verification(outcomes), "de")["told"][0] == "better"
    languages = np.array(["de", *["en"] * 5])
    one = differences(verification(outcomes, languages), "de").iloc[0]
    assert np.isnan(one["low"]) and np.isnan(one["q"]) and one["told"] == "no difference"


@pytest.mark.parametrize("seeds", [2, 3])
def test_intervals_hold_the_truth_where_one_mixture_varies_more_than_another(seeds):
    tests, languages = 60, np.repeat(["de", "en"], 30)
    rng, inside = np.random.default_rng(0), []
    for _ in range(200):
        both = rng.normal(0, 0.5, (1, tests)) + rng.normal(0, 0.05, (seeds, 1))
        first, others = (
            both
            + rng.normal(0, spread, (seeds, 1))
            + rng.normal(0, 0.15, (1, tests))
            + rng.normal(0, 0.3, (seeds, tests))
            for spread in (0.1, 0.02)
        )
        fits = verification({"recommended": first + 0.2, "balanced": others}, languages)
        row = differences(fits, "mean").iloc[0]
        inside.append(row["low"] <= 0.2 <= row["high"])
    assert 0.93 < np.mean(inside) <= 1


def test_a_mixture_that_the_design_repeats_is_verified_under_seeds_of_no_repetition():
    languages = ["de"] * 8 + ["en"] * 8
    parts = [*mixtures(languages, 40, 0), *full(languages, [0])]
    rows = [("balanced", "de", 4), ("balanced", "en", 4)]
    best = Recommendation(
        pd.DataFrame(rows, columns=["mixture", "train_language", "examples"]), pd.DataFrame()
    )
    config: Any = SimpleNamespace(
        seed=0, mixture=SimpleNamespace(seeds=1), recommend=SimpleNamespace(seeds=2)
    )
    model: Any = SimpleNamespace(inputs=SimpleNamespace(corpus={"train": {"language": languages}}))
    checks = verifications(config, model, best, parts)
    (balanced,) = {part.rows for part in checks}
    assert sum(part.rows == balanced for part in parts) > 1
    assert not {part.seed for part in checks} & {part.seed for part in parts}
    assert len({part.seed for part in checks}) == 2
