"""Laws that predict practically as well as the chosen one, and have to be told beside it."""

import numpy as np
import pytest
from planted_effects import LANGUAGES, law, planted

from xling.evaluation.choice import practically_as_good, try_together
from xling.evaluation.exchange_rates import language_effects

MEASURED = dict(nothing=0.049, alike=0.849, own=0.269, one=0.847, separate=0.875, each=0.862)
"""SIB-200, five languages with 40 examples each, 36 fine-tunings; `separate` was chosen."""


@pytest.mark.parametrize(
    ("chosen", "r2", "told"),
    [
        ("separate", MEASURED, ["each", "alike"]),  # `one` is no better than `alike`
        ("separate", MEASURED | {"each": 0.855}, ["alike"]),  # nor is `each` here
        ("separate", MEASURED | {"alike": 0.8}, ["each", "one"]),
        ("separate", MEASURED | {"alike": 0.8, "one": 0.8}, ["each"]),
        ("separate", MEASURED | {"separate": 0.95}, []),  # a clear winner
        ("each", MEASURED | {"each": 0.92, "separate": 0.8}, []),
        ("each", MEASURED | {"each": 0.89}, ["separate"]),
        ("each", MEASURED | {"each": 0.87, "separate": 0.8}, ["alike"]),
        ("one", MEASURED | {"one": 0.89}, []),
        ("one", MEASURED | {"one": 0.87}, ["alike"]),
        # Generalisations of the chosen law always predict as well: they are no news.
        ("own", dict(nothing=-0.1, alike=0.2, own=0.89, one=0.9, separate=0.89, each=0.88), []),
        ("alike", MEASURED, []),
        ("alike", MEASURED | {"own": 0.84}, ["own"]),  # all languages' data grew together
        ("nothing", dict(nothing=0.0, alike=0.02, own=0.01), []),
    ],
)
def test_what_predicts_practically_as_well_with_no_more_numbers_is_told(chosen, r2, told):
    assert practically_as_good(r2, chosen, languages=5) == told


def test_with_two_languages_as_many_numbers_tell_all_that_languages_do():
    r2 = dict(nothing=0.0, alike=0.5, own=0.4, one=0.88, separate=0.87, each=0.88)
    assert practically_as_good(r2, "one", languages=2) == ["separate"]  # `each` is the same law
    assert practically_as_good(r2, "one", languages=3) == []
    assert practically_as_good(r2, "separate", languages=2) == ["one"]


def overall(rates: dict[str, list[float]], noise: float):
    tests = tuple(rates)
    made = planted([law(rates[name]) for name in tests], noise, tests=tests)
    table = language_effects(made, resamples=20).overall.set_index("law")
    return table[table["chosen"]].index.item(), table.index[table["as_good"]].tolist()


def test_a_clear_winner_stands_alone():
    own = {name: np.eye(5)[n].tolist() for n, name in enumerate(LANGUAGES)}
    assert overall(own, 0.1) == ("own", [])
    assert overall({name: [1.0] * 5 for name in LANGUAGES}, 0.1) == ("alike", [])
    assert overall({name: [1.0, 1.0, 1.0, 0.1, 0.4] for name in "de en".split()}, 0.05) == (
        "each", [],
    )  # fmt: skip


def test_what_predicts_no_language_by_itself_is_not_told_of_all_together():
    rng = np.random.default_rng(0)
    errors = [
        {"nothing": 1 + 0.3 * rng.random(30), "alike": 0.6 + 0.3 * rng.random(30)} for _ in "abc"
    ]
    for predicted, told in ((True, "alike"), (False, "nothing")):
        table = try_together([(True, predicted, error) for error in errors], 5).set_index("law")
        assert table.index[table["chosen"]].tolist() == [told]
        assert table["r2"]["alike"] == pytest.approx(
            1 - np.mean([error["alike"] for error in errors])
        )
