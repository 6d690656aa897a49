"""What all of a language's data change is estimated with its sign, and harm is told from none."""

import numpy as np
import pytest
from planted_effects import LANGUAGES, designed, law, planted
from scipy import stats

from xling.evaluation.changes import changes
from xling.evaluation.exchange_rates import language_effects

HARM = 0.2
"""What all Swahili data take off the outcome."""


def harmed(numbers):
    return law([1, 1, 1, 0, 1])(numbers) - HARM * numbers[:, 3] / 150


def test_a_language_whose_data_harm_is_told_with_how_much():
    effects = language_effects(planted([harmed] * 2, 0.15, ("de", "sw")), resamples=50)
    table = effects.changes.set_index(["test_language", "train_language"])
    for test in ("de", "sw"):  # its own data, too
        row = table.loc[(test, "sw")]
        assert row["low"] < -HARM < row["high"] < 0 and row["q"] < 0.001
        others = table.loc[test].drop("sw")
        assert (others["low"] > 0).all() and (others["q"] > 0.9).all()


@pytest.mark.parametrize("name", ["nothing", "alike", "own", "one", "separate", "each"])
def test_every_law_of_the_others_leaves_room_for_harm(name):
    numbers, parts = designed(count=80)
    outcomes = law([1, 1, 1, 1, 1])(numbers) - 1.5 * numbers[:, 3] / 150
    outcomes = outcomes + np.random.default_rng(0).normal(size=len(outcomes)) * 0.1
    table = changes(name, numbers, outcomes, 0, parts)
    assert table["change"].idxmin() == 3 and table["p"][3] < 1e-4 and table["high"][3] < 0
    assert (table["p"].drop(3) > 0.05).all()


def test_with_no_law_it_is_the_slope_of_a_regression():
    numbers, _ = designed()
    parts = np.arange(len(numbers))
    outcomes = np.random.default_rng(1).normal(size=len(parts))
    row = changes("nothing", numbers, outcomes, 0, parts).loc[2]
    line = stats.linregress(numbers[:, 2] / 150, outcomes, alternative="less")
    margin = stats.t.ppf(0.975, len(parts) - 2) * line.stderr
    assert row.tolist() == pytest.approx(
        [line.slope, line.slope - margin, line.slope + margin, line.pvalue]
    )


def test_harm_is_not_told_more_often_than_it_should_where_there_is_none():
    rates = np.array([1, 0, 0, 0, 0])
    p = []
    for seed in range(40):
        tunings = planted([law(rates)], 0.5, seed=seed)
        table = changes("own", tunings.counts, tunings.outcomes["loss"][:, 0], 0, tunings.parts)
        p.extend(table["p"][rates == 0])
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.1


@pytest.mark.parametrize("right", [0.2, 0.34, 34 / 70, 0.5])
def test_outcomes_that_are_all_the_same_tell_no_harm(right):
    numbers, parts = designed()
    y = np.array([np.mean([right] * 7) for _ in parts])
    for law_of_others in ("nothing", "own", "alike"):
        assert changes(law_of_others, numbers, y, 0, parts).isna().all(None)


def test_nothing_is_said_of_a_language_that_is_always_there_or_of_too_few_parts():
    tunings = planted([law([1] * 5)], 0.1)
    y = tunings.outcomes["loss"][:, 0]
    tunings.counts[:, 3] = 150
    table = changes("alike", tunings.counts, y, 0, tunings.parts)
    assert table.loc[3].isna().all() and table.drop(3).notna().all(None)
    few = np.flatnonzero(tunings.parts < 3)
    assert changes("alike", tunings.counts[few], y[few], 0, tunings.parts[few]).isna().all(None)
    assert len(LANGUAGES) == len(table)
