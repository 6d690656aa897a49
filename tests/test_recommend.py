"""Recommendations follow from laws that are known: the best mixture is the one found by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from planted_effects import LANGUAGES, law, planted

from xling.evaluation.exchange_rates import FittedLaw, language_effects
from xling.evaluation.laws import Fit
from xling.evaluation.recommend import (
    aimed_at,
    best_mixture,
    gains_of_target,
    without_each,
)

MOST = np.full(5, 150)


def fitted(*rates, tests=("de", "en"), noise=0.05):
    tunings = planted([law(row) for row in rates], noise, tests[: len(rates)])
    return language_effects(tunings, resamples=200).fitted


@pytest.fixture(scope="module")
def two():
    """German learns from Russian above all, English from all but Swahili alike."""
    return fitted([1, 0.5, 3, 0.05, 0.5], [1, 1, 1, 0.05, 1])


@pytest.fixture(scope="module")
def same():
    return fitted([1] * 5, [1] * 5, noise=0.2)


@pytest.fixture(scope="module")
def own():
    return fitted(*np.eye(5)[:2], noise=0.2)


def examples(recommended, mixture="recommended") -> list[int]:
    table = recommended.mixtures
    return table[table["mixture"] == mixture]["examples"].tolist()


def test_what_a_language_without_examples_as_yet_brings_is_no_slope_at_none():
    slopes, offset = np.array([[0.5]]), np.array([2.0])
    fit = Fit("own", np.zeros(1), slopes, offset, np.array([[1.0, 0.0]]), np.zeros(1))
    law = FittedLaw("loss", "yo", 0, fit, fit)
    table = gains_of_target([law], ["yo", "de"], "yo", np.array([0, 300]))
    assert table.set_index("train_language").loc["yo", "gain"] == pytest.approx(0.5 * np.log(51))
    assert table.set_index("train_language").loc["de", "gain"] == 0


def test_gains_name_the_language_to_add(two):
    table = gains_of_target(two, LANGUAGES, "de", MOST).set_index("train_language")
    assert table.index[0] == "ru" and table.index[-1] == "sw"
    by_hand = 0.6 * np.log(1 + 100 * 3 / (30 + 150 * 5.05))
    assert table["gain"]["ru"] == pytest.approx(by_hand, rel=0.1)
    assert table["low"]["ru"] < by_hand < table["high"]["ru"]
    both = gains_of_target(two, LANGUAGES, "mean", MOST).set_index("train_language")
    english = gains_of_target(two, LANGUAGES, "en", MOST).set_index("train_language")
    assert both["gain"]["ru"] == pytest.approx((table["gain"]["ru"] + english["gain"]["ru"]) / 2)
    # English has the lower outcome there, as its effective amount is the smaller one.
    worst = gains_of_target(two, LANGUAGES, "worst", MOST).set_index("train_language")
    assert worst["gain"]["ru"] == pytest.approx(english["gain"]["ru"])


def test_a_language_that_brings_nothing_can_be_left_out(two):
    table = without_each(two, LANGUAGES, "mean", MOST, margin=0.02).set_index("train_language")
    assert table["verdict"].to_dict() == {
        "de": "keep", "en": "keep", "ru": "keep", "sw": "leave out", "zh": "keep"
    }  # fmt: skip
    by_hand = np.mean([0.6 * np.log((30 + 150 * (t - r)) / (30 + 150 * t))
                       for t, r in ((5.05, 3), (4.05, 1))])  # fmt: skip
    assert table["change"]["ru"] == pytest.approx(by_hand, abs=0.03)


def test_all_of_the_budget_goes_to_the_best_language_as_far_as_there_is_of_it(two):
    recommended = best_mixture(two, LANGUAGES, "de", 200, MOST)
    assert examples(recommended) == [50, 0, 150, 0, 0]  # three to one, then one to one half
    assert examples(recommended, "balanced") == [40] * 5
    assert examples(recommended, "target") == [150, 13, 13, 12, 12]
    predicted = recommended.predicted.set_index("mixture")
    by_hand = -2 + 0.6 * np.log(30 + 50 + 3 * 150)
    assert predicted["predicted"]["recommended"] == pytest.approx(by_hand, abs=0.05)
    apart = predicted["predicted"]["recommended"] - predicted["predicted"]
    assert predicted["better"].to_dict() == pytest.approx(apart.to_dict())
    assert predicted["better"]["recommended"] == 0 and predicted["better_low"]["balanced"] > 0


@pytest.mark.parametrize("target", ["de", "mean", "worst"])
def test_no_mixture_of_a_grid_is_better(two, own, target):
    limits = np.array([60, 80, 40, 100, 100])
    for laws in (two, own):
        recommended = best_mixture(laws, LANGUAGES, target, 120, limits)
        found = np.array(examples(recommended))
        assert found.sum() == 120 and (found >= 0).all() and (found <= limits).all()
        grid = [(*m, 120 - sum(m)) for m in product(*[range(0, x + 1, 10) for x in limits[:4]])]
        grid = np.array([m for m in grid if 0 <= m[-1] <= limits[-1]])
        aimed = [law for law in laws if target != "de" or law.test_language == "de"]
        outcomes = np.stack([law.fit.predict(grid)[0] for law in aimed])
        best = (outcomes.min(0) if target == "worst" else outcomes.mean(0)).max()
        value = recommended.predicted.set_index("mixture")["predicted"]["recommended"]
        assert value > best - 2e-3


def test_where_all_data_count_alike_the_balanced_mixture_is_recommended(same):
    for target in ("de", "mean", "worst"):
        recommended = best_mixture(same, LANGUAGES, target, 300, MOST)
        assert examples(recommended) == [60] * 5


def test_a_best_mixture_that_is_not_told_from_the_balanced_one_gives_way_to_it(two, same):
    unsure = [replace(law, resampled=alike.resampled) for law, alike in zip(two, same, strict=True)]
    recommended = best_mixture(unsure, LANGUAGES, "de", 200, MOST)
    assert examples(recommended) == examples(recommended, "balanced") == [40] * 5
    predicted = recommended.predicted.set_index("mixture").loc[["recommended", "balanced"]]
    assert predicted.nunique().eq(1).all()


def test_a_best_mixture_whose_rest_is_told_from_no_other_has_the_rest_of_all_languages():
    laws = fitted([1, 0.1, 0.1, 0.1, 0.1], noise=0.2)
    recommended = best_mixture(laws, LANGUAGES, "de", 200, MOST)
    assert examples(recommended) == examples(recommended, "target") == [150, 13, 13, 12, 12]
    predicted = recommended.predicted.set_index("mixture")
    assert predicted["better"]["target"] == 0 and predicted["better_low"]["balanced"] > 0


def test_what_only_its_own_data_help_is_given_them(own):
    assert examples(best_mixture(own, LANGUAGES, "en", 100, MOST)) == [0, 100, 0, 0, 0]
    both = examples(best_mixture(own, LANGUAGES, "worst", 100, MOST))
    assert both[2:] == [0, 0, 0] and abs(both[0] - both[1]) < 25


def test_data_that_hurt_are_left_out():
    def truth(numbers):
        return np.log(5 + numbers) @ [0.3, 0.1, 0.1, -0.15, 0.1]

    laws = language_effects(planted([truth], 0.1), resamples=200).fitted
    assert laws[0].fit.law == "separate"
    recommended = best_mixture(laws, LANGUAGES, "de", 300, MOST)
    assert examples(recommended)[3] == 0
    verdicts = without_each(laws, LANGUAGES, "de", MOST, margin=0.02)["verdict"]
    assert verdicts[3] == "leave out" and verdicts[0] == "keep"


def test_that_only_its_own_data_count_makes_it_not_certain_that_others_can_be_left_out():
    laws = fitted(*np.eye(5)[:2], noise=0.4)
    assert [law.fit.law for law in laws] == ["own", "own"]
    for target, mine in (("de", laws[:1]), ("mean", laws)):
        table = without_each(laws, LANGUAGES, target, MOST, margin=0.001)
        assert table["change"][2] == 0 and table["verdict"][2] == "unclear"
        assert without_each(laws, LANGUAGES, target, MOST, margin=1.0)["verdict"][2] == "leave out"
        # By hand: a rate for each language says how much of the amount goes with Russian.
        lost = np.mean(
            [
                law.general.slopes[:, 0]
                * np.log(1 - 150 * law.general.rates[:, 2] / (law.general.offset + amount))
                for law in mine
                for amount in [150 * law.general.rates.sum(1)]
            ],
            axis=0,
        )
        assert table["low"][2] == pytest.approx(np.percentile(lost, 2.5)) and table["high"][2] == 0
        gains = gains_of_target(laws, LANGUAGES, target, MOST).set_index("train_language")
        assert gains["gain"]["ru"] == 0 == gains["low"]["ru"] < gains["high"]["ru"]
        assert gains[["behind_low", "behind_high"]].iloc[0].tolist() == [0, 0]
    more = MOST + 100 * np.eye(5)[[0, 2]]
    by_set = [fits.predict(more) for fits in (laws[0].resampled, laws[0].general)]
    behind = [np.percentile(drawn[:, 0] - drawn[:, 1], 2.5) for drawn in by_set]
    gains = gains_of_target(laws, LANGUAGES, "de", MOST).set_index("train_language")
    assert gains["behind_low"]["ru"] == pytest.approx(min(behind)) and min(behind) > 0


def test_nothing_is_recommended_for_what_nothing_predicts():
    laws = fitted([1] * 5, [1] * 5, noise=1e3)
    for target in ("de", "mean", "worst"):
        assert not aimed_at(laws, target)["aimed_at"].any()
        with pytest.raises(ValueError, match=f"Nothing predicts the target, {target}: nothing"):
            best_mixture(laws, LANGUAGES, target, 100, MOST)


def test_the_mean_is_of_the_languages_that_something_predicts(two):
    (noise,) = fitted([1] * 5, tests=("en",), noise=1e3)
    laws = [two[0], noise]
    aim = aimed_at(laws, "mean").set_index("test_language")["aimed_at"].to_dict()
    assert (
        aim
        == {"de": True, "en": False}
        == aimed_at(laws, "de")["aimed_at"].set_axis(["de", "en"]).to_dict()
    )
    assert not aimed_at(laws, "en")["aimed_at"].any()
    of_both, of_one = (gains_of_target(own, LANGUAGES, "mean", MOST) for own in (laws, [two[0]]))
    pd.testing.assert_frame_equal(of_both, of_one)


def test_more_than_there_is_cannot_be_mixed(same):
    with pytest.raises(ValueError, match="A mixture of 751 examples; there are 750"):
        best_mixture(same, LANGUAGES, "de", 751, MOST)
    assert sum(examples(best_mixture(same, LANGUAGES, "de", 750, MOST))) == 750
