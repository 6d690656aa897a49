"""Planted truths: the law that made the outcomes is chosen, and its rates are recovered."""

import dataclasses

import numpy as np
import pytest
from planted_effects import LANGUAGES, OFFSET, designed, law, planted

from xling.evaluation import exchange_rates
from xling.evaluation.choice import choose, cross_validated
from xling.evaluation.exchange_rates import FineTunings, bootstrap_weights, language_effects

RATES = np.array([[1, 1, 1, 0.3, 0.8], [0.9, 1, 1, 0.35, 1], [1, 1, 0.7, 1, 1.2]])


def chosen(effects) -> list[str]:
    table = effects.laws[effects.laws["chosen"]]
    assert not table.duplicated(["measure", "test_language"]).any()
    return table["law"].tolist()


def rates_of(effects, law="each"):
    table = effects.exchange_rates
    return table[table["law"] == law].set_index(["test_language", "train_language"])


def test_a_known_matrix_of_rates_is_within_its_intervals():
    truth = RATES.copy()
    truth[2] = [1, 1, 1, 0.7, 1.2]
    tunings = planted([law(row) for row in truth], 0.12, ("de", "en", "ru"), count=60)
    effects = language_effects(tunings, resamples=300)
    assert chosen(effects)[:2] == ["each", "each"]
    assert effects.overall.set_index("law")["chosen"]["each"]
    table = rates_of(effects)
    true = truth.ravel()
    known = ~np.isnan(table["low"].to_numpy())
    assert known.sum() == 12 and (table["rate"][~known] == 1).all()
    inside = (table["low"] <= true) & (true <= table["high"])
    assert inside[known].sum() >= 11
    np.testing.assert_allclose(table["rate"], true, atol=0.35)
    assert table["q_alike"][("de", "sw")] < 0.05 and table["q_alike"][("en", "sw")] < 0.05
    assert table["q_alike"][("de", "en")] > 0.05
    assert (table["q_none"][known] < 0.05).all()
    gains = effects.gains.set_index(["test_language", "train_language"])
    most = tunings.counts.max(0)  # by hand: β log(1 + 100 τ / (n₀ + Σ τ n))
    expected = 0.6 * np.log(1 + 100 * 0.3 / (30 + most @ truth[0]))
    assert gains["low"][("de", "sw")] < expected < gains["high"][("de", "sw")]
    assert gains["gain"][("de", "sw")] == pytest.approx(expected, rel=0.3)


def test_where_all_data_count_alike_that_is_the_law():
    effects = language_effects(planted([law([1] * 5)] * 3, 0.3, ("de", "en", "ru")), resamples=200)
    assert chosen(effects) == ["alike"] * 3
    assert effects.overall.query("chosen")["law"].tolist() == ["alike"]
    table = rates_of(effects)
    assert not (table["q_alike"] < 0.05).any()
    gains = effects.gains.pivot(index="test_language", columns="train_language", values="gain")
    assert (gains.std(axis=1) < 1e-9).all() and (effects.gains["q"] < 0.05).all()


def test_where_only_the_own_language_counts_that_is_the_law():
    truth = [law(np.eye(5)[i]) for i in range(3)]
    effects = language_effects(planted(truth, 0.3, ("de", "en", "ru")), resamples=200)
    assert chosen(effects) == ["own"] * 3
    for name in ("each", "one"):
        others = rates_of(effects, name).query("train_language != test_language")
        assert (others["rate"] < 0.06).all() and (others["low"] < 0.01).all()
        assert (others["q_none"] > 0.05).all() and (others["q_alike"] < 0.05).all()
    gains = effects.gains.query("train_language != test_language")
    assert (gains["gain"] == 0).all() and gains["q"].isna().all()


def test_a_language_of_wrong_labels_is_worth_nothing_to_the_others():
    truth = law([1, 1, 1, 0, 1])
    effects = language_effects(planted([truth] * 3, 0.12, ("de", "en", "ru")), resamples=200)
    assert chosen(effects) == ["each"] * 3
    noisy = rates_of(effects).xs("sw", level="train_language")
    assert (noisy["high"] < 0.5).all() and (noisy["low"] == 0).all()
    assert (noisy["q_none"] > 0.05).all() and (noisy["q_alike"] < 0.05).all()


def test_data_that_hurt_are_told_by_separate_terms():
    def truth(numbers):
        return np.log(5 + numbers) @ [0.3, 0.1, 0.1, -0.15, 0.1]

    effects = language_effects(planted([truth], 0.1), resamples=200)
    assert chosen(effects) == ["separate"]
    gains = effects.gains.set_index("train_language")
    assert (
        gains["high"]["sw"] < 0 and gains["q"]["sw"] < 0.05 and (gains["gain"].drop("sw") > 0).all()
    )


def test_of_noise_nothing_is_predicted():
    numbers, parts = designed()
    tests = [f"t{i}" for i in range(12)] + ["de"]
    outcomes = np.random.default_rng(0).normal(size=(len(numbers), 13))
    outcomes[:, 3] = 0.5  # a model that has learnt nothing has one accuracy everywhere
    tunings = FineTunings(numbers, {"accuracy": outcomes}, LANGUAGES, tests, parts)
    effects = language_effects(tunings, resamples=50)
    assert chosen(effects) == ["nothing"] * 13
    assert effects.overall.query("chosen")["law"].tolist() == ["nothing"]
    assert effects.exchange_rates[["rate", "low", "high", "q_alike", "q_none"]].isna().all(None)
    assert (effects.gains["gain"] == 0).all() and effects.gains["q"].isna().all()


def test_where_no_outcome_varies_nothing_is_predicted_and_no_law_explains_anything():
    tunings = planted([law([1] * 5)] * 2, 0.1, ("de", "en"))
    same = dataclasses.replace(
        tunings, outcomes={"accuracy": np.full((len(tunings.counts), 2), 0.5)}
    )
    effects = language_effects(same, resamples=20)
    assert chosen(effects) == ["nothing"] * 2
    assert effects.overall.query("chosen")["law"].tolist() == ["nothing"]
    assert (effects.overall["r2"] == 0).all()


@pytest.mark.parametrize("rates", [[0, 1, 0.3, 0.1, 0.6], [0, 1, 1, 1, 1]])
def test_own_data_that_bring_nothing_are_told_from_those_that_do(rates):
    effects = language_effects(planted([law(rates)], 0.1), resamples=200)
    assert chosen(effects) == ["each" if rates[2] < 1 else "one"]
    gains = effects.gains.set_index("train_language")
    assert gains["gain"].idxmax() == "en" and gains["gain"]["de"] < 0.05 * gains["gain"]["en"]
    assert gains["q"]["de"] > 0.05 and gains["q"]["en"] < 0.001
    helped = language_effects(planted([law([0.3, *rates[1:]])], 0.1), resamples=200)
    assert helped.gains.set_index("train_language")["q"]["de"] < 0.001


def test_a_language_that_is_not_trained_on_learns_from_the_one_that_helps():
    truth = [law([0.05, 0.05, 3, 0.05, 0.05]), law([1] * 5)]
    effects = language_effects(planted(truth, 0.2, ("be", "tr")), resamples=200)
    assert chosen(effects) == ["each", "alike"]
    laws = effects.laws.set_index(["test_language", "law"])
    assert laws["why"][("be", "own")] == "the language is not trained on"
    assert "`alike`" in laws["why"][("be", "one")] and np.isnan(laws["r2"][("be", "one")])
    table = rates_of(effects)
    assert table["rate"].groupby("test_language").mean().tolist() == pytest.approx([1, 1])
    be = table.loc["be"]
    assert be["rate"].idxmax() == "ru" and be["rate"]["ru"] > 4 and be["q_alike"]["ru"] < 0.05
    assert not (table.loc["tr"]["q_alike"] < 0.05).any()
    assert effects.overall["languages"].unique().tolist() == [2]


def test_it_is_said_which_laws_too_few_fine_tunings_cannot_tell():
    tunings = planted([law(RATES[0])], 0.1, count=8)
    few = np.flatnonzero(tunings.parts <= np.unique(tunings.parts)[9])
    fewer = FineTunings(
        tunings.counts[few], {"loss": tunings.outcomes["loss"][few]}, LANGUAGES, ("de",),
        tunings.parts[few],
    )  # fmt: skip
    laws = language_effects(fewer, resamples=50).laws.set_index("law")
    assert laws["why"]["each"] == "needs 14 different parts of the data, there are 10"
    assert laws["why"]["alike"] == "" and not np.isnan(laws["r2"]["alike"])
    assert np.isnan(laws["r2"]["each"]) and not laws["chosen"]["each"]


def test_a_language_that_is_in_all_parts_has_no_rate_and_that_is_said():
    tunings = planted([law(RATES[0])], 0.1)
    tunings.counts[:, 3] = 150
    effects = language_effects(tunings, resamples=50)
    laws = effects.laws.set_index("law")
    for name in ("each", "separate"):
        assert laws["why"][name] == "always as many examples of sw"
    assert laws["why"]["own"] == ""
    assert effects.exchange_rates["law"].unique().tolist() == ["one"]


def test_two_languages_and_a_handful_of_mixtures_are_enough_for_a_clear_case():
    tunings = planted([law([1, 0.3]), law([0.3, 1])], 0.05, ("de", "sw"), count=12,
                      languages=("de", "sw"))  # fmt: skip
    effects = language_effects(tunings, resamples=200)
    assert chosen(effects) == ["one", "one"]  # of two languages, the same as each
    table = rates_of(effects, "one")
    assert table["rate"][("de", "sw")] == pytest.approx(0.3, abs=0.15)
    assert (table["q_alike"].dropna() < 0.05).all()


def test_repetitions_with_other_seeds_are_left_out_together():
    numbers, parts = designed()
    y = law(RATES[0])(numbers)
    part = parts[np.argmax(np.bincount(parts)[parts])]
    same = np.flatnonzero(parts == part)
    assert len(same) >= 3  # the full data
    before = cross_validated("alike", numbers, y, 0, parts, 0)
    y[same] += 3
    after = cross_validated("alike", numbers, y, 0, parts, 0)
    np.testing.assert_allclose(after[same], before[same], atol=1e-6)
    weights = bootstrap_weights(parts, 400, 0)
    assert weights.mean(0) == pytest.approx(np.ones(len(parts)), abs=0.35)
    times = weights[:, same].sum(1) / len(same)  # a part is drawn whole, its seeds among themselves
    assert (times == times.round()).all() and weights[:, same].std(1).max() > 0


def test_many_fine_tunings_are_left_out_by_twentieths():
    tunings = planted([law(RATES[0])], 0.1, count=80)
    y = tunings.outcomes["loss"][:, 0]
    few, many = (cross_validated("each", tunings.counts, y, 0, p, 0)
                 for p in (tunings.parts, np.arange(len(y))))  # fmt: skip
    np.testing.assert_allclose(few, many, atol=0.15)


def test_the_simplest_law_within_a_standard_error_is_chosen():
    noise = np.random.default_rng(0).random(40) * 0.02
    errors = {"nothing": noise + 1, "alike": noise + 0.2, "own": noise + 0.5, "each": noise + 0.2}
    assert choose(errors, 1.0, 3) == "alike"
    errors["each"] = noise + np.linspace(0.05, 0.3, 40)  # better by 0.025 ± 0.012
    assert choose(errors, 1.0, 3) == "each"
    errors["each"] = noise + np.linspace(-0.8, 1.15, 40)  # better by 0.025 ± 0.09
    assert choose(errors, 1.0, 3) == "alike"
    assert choose({**errors, "own": noise + 0.1}, 1.0, 3) == "own"  # as simple as alike, and better
    assert choose({"nothing": noise + 1, "alike": noise + 0.95}, 1.0, 3) == "nothing"  # R² of 0.04


def test_of_laws_with_as_many_numbers_the_better_is_chosen():
    """With two languages: α, β, n₀ and τ; α, two β and n₀."""
    noise = np.random.default_rng(0).random(40) * 0.02
    errors = dict.fromkeys(("one", "each"), noise + 0.2)
    errors |= {"nothing": noise + 1, "alike": noise + 0.5, "separate": noise + 0.195}
    assert choose(errors, 1.0, languages=2) == "separate"
    assert choose(errors, 1.0, languages=3) == "one"  # of five numbers then, for 0.005 of R²
    errors["separate"] = noise + 0.205
    assert choose(errors, 1.0, languages=2) == "one"
    del errors["one"]  # of a language that is not trained on
    assert choose(errors, 1.0, languages=2) == choose(errors, 1.0, languages=3) == "each"


def test_two_languages_that_do_not_stand_in_for_one_another():
    def separate(numbers):
        return np.log(OFFSET + numbers) @ [0.6, 0.5]

    made = planted([separate], 0.5, languages=("de", "en"), seed=7)
    laws = language_effects(made, resamples=20).laws.set_index("law")
    assert laws["parameters"].to_dict() == dict(
        nothing=1, alike=3, own=3, one=4, separate=4, each=4
    )
    assert laws.index[laws["chosen"]].tolist() == ["separate"]


def test_curves_and_points_are_of_the_chosen_law():
    tunings = planted([law([1] * 5)], 0.1)
    effects = language_effects(tunings, resamples=50)
    fitted = effects.fitted[0]
    curve = effects.curves.query("train_language == 'sw'")
    mean = tunings.counts.mean(0)
    total = mean.sum() - mean[3] + curve["examples"]
    by_hand = fitted.fit.level[0] + fitted.fit.slopes[0, 0] * np.log(fitted.fit.offset[0] + total)
    np.testing.assert_allclose(curve["predicted"], by_hand)
    assert (curve["low"] <= curve["predicted"]).all() and curve["examples"].max() == 150
    points = effects.points.query("train_language == 'sw'")
    assert points["examples"].tolist() == tunings.counts[:, 3].tolist()
    left = tunings.outcomes["loss"][:, 0] - fitted.fit.predict(tunings.counts)[0]
    on_curve = np.interp(points["examples"], curve["examples"], curve["predicted"])
    np.testing.assert_allclose(points["value"] - on_curve, left, atol=2e-3)


def test_what_does_not_fit_together_is_refused():
    tunings = planted([law(RATES[0])], 0.1)
    with pytest.raises(ValueError, match="5 columns for 4 train languages"):
        language_effects(dataclasses.replace(tunings, train_languages=LANGUAGES[:4]))
    with pytest.raises(ValueError, match=r"loss: outcomes are of shape \(\d+, 1\), expected"):
        language_effects(dataclasses.replace(tunings, test_languages=("de", "en")))
    missing = tunings.outcomes["loss"] * np.nan
    with pytest.raises(ValueError, match="loss: not every fine-tuning has a finite outcome"):
        language_effects(dataclasses.replace(tunings, outcomes={"loss": missing}))
    with pytest.raises(ValueError, match="1 different parts .* fewer than 3"):
        language_effects(dataclasses.replace(tunings, parts=tunings.parts * 0))
    assert exchange_rates.RESAMPLES == 1000


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    inside = []
    for seed in range(60):
        effects = language_effects(planted([law(RATES[0])], 0.3, seed=seed), seed, resamples=400)
        table = rates_of(effects).iloc[1:]
        if table["rate"].notna().all():
            inside.append((table["low"] <= RATES[0, 1:]) & (RATES[0, 1:] <= table["high"]))
    assert len(inside) > 55
    assert 0.86 < np.mean(inside) < 0.99


def test_outcomes_that_differ_by_rounding_alone_follow_no_law():
    tunings = planted([law([1, 1, 1, 1, 1])], 0.05, ("de",))
    fits = len(tunings.counts)
    same = 0.7 + np.where(np.arange(fits) % 3 == 0, 1e-16, 0.0)[:, None]
    effects = language_effects(dataclasses.replace(tunings, outcomes={"accuracy": same}))
    assert effects.laws[effects.laws["chosen"]]["law"].tolist() == ["nothing"]
    assert effects.overall[effects.overall["chosen"]]["law"].tolist() == ["nothing"]
    assert effects.exchange_rates["rate"].isna().all()
