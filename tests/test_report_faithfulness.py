"""What a page says of how well scores predict fine-tunings, and of what is lost without some."""

import dataclasses
from itertools import combinations

import pandas as pd
import pytest
from conftest import config

from xling.report.sections import faithfulness
from xling.report.sections.checked import scored_by
from xling.report.sweep_results import evaluation_tables
from xling.report.tables import RunTables

LANGUAGES = ["de", "en", "sw"]


def scores(**lds: float) -> RunTables:
    """Return the tables of a run whose methods have these scores; `dot` beats all controls.

    Scores above 0.05 are told from 0, and those that differ by 0.1 or more from each other.
    """
    rows = [
        (name, level, value, value - 0.05, value + 0.05, 0.01 if value > 0.05 else 0.3, 0, 100, 40)
        for name, value in {**lds, "noise ceiling": 0.46}.items()
        for level in ("example", "language")
    ]
    columns = "method level lds low high q constant tests subsets"
    pairs = [
        (one, other, level, lds[one] - lds[other], abs(lds[one] - lds[other]) > 0.099)
        for one, other in combinations((name for name in lds if name != "count"), 2)
        for level in ("example", "language")
    ]
    beats = [
        (name, control, level, lds[name], 0.0, 1.0, 0.01, 0.01, name == "dot")
        for name in lds
        for control in ("count", "random")
        for level in ("example", "language")
    ]
    beats_columns = "method control level difference low high p q beats".split()
    tables = {
        "faithfulness": pd.DataFrame(rows, columns=columns.split()).assign(
            beyond=lambda table: table["lds"] / 2, beyond_low=0.0, beyond_high=1.0
        ),
        "faithfulness_pairs": pd.DataFrame(
            pairs, columns="method other level difference told".split()
        ),
        "faithfulness_beats": pd.DataFrame(beats, columns=beats_columns),
        "faithfulness_languages": pd.DataFrame(
            {"method": ["dot"], "test_language": ["de"], "lds": [0.4]}
        ),
    }
    return RunTables(tables, LANGUAGES, "xnli", "")


def test_the_best_method_is_named_with_the_ceiling_and_what_it_beats():
    example, language = faithfulness.sentences(scores(dot=0.3, cosine=0.1))
    assert example == (
        "In 40 fine-tunings on random halves, dot goes furthest with each test example’s loss, "
        "told from the next, cosine: linear datamodelling score 0.30 (0.25 to 0.35; noise ceiling "
        "0.46, 0.41 to 0.51), and 0.15 beyond counts of labels and languages. Better than every "
        "control (count and random): dot."
    )
    assert "each test language’s mean loss" in language
    alone, _ = faithfulness.sentences(scores(dot=0.3))
    assert "random halves, dot is shown to predict each test example’s loss: linear" in alone


def test_a_method_leads_only_if_it_is_told_from_the_next():
    run = scores(bm25=0.02, cosine=0.25, dot=0.3)
    example, _ = faithfulness.sentences(run)
    assert (
        "halves, dot and cosine are not told apart in how well they predict each test example’s "
        "loss; the highest is dot’s linear datamodelling score 0.30 (0.25 to 0.35; " in example
    )
    assert "languages. Shown to predict at all: dot and cosine. Better than every" in example
    printed = faithfulness.of_run(run)["ranked"]["example"]
    assert printed["rows"] == [
        ["dot", "bm25", "–"],
        ["cosine", "bm25", "–"],
        ["bm25", "–", "dot, cosine"],
    ]
    # What is worse than another cannot lead, though it is not told from the highest.
    pairs = run.tables["faithfulness_pairs"]
    told = (pairs["method"] == "bm25") & (pairs["other"] == "cosine")
    run.tables["faithfulness_pairs"] = pairs.assign(told=told)
    assert "halves, dot and cosine are not told apart" in faithfulness.sentences(run)[0]
    run.tables["faithfulness_pairs"] = pairs.assign(told=False)
    assert "dot, cosine and bm25 are not told apart" in faithfulness.sentences(run)[0]


def test_a_lower_score_that_is_told_from_nothing_is_not_overlooked():
    run = scores(dot=0.12, cosine=0.1)
    table = run.tables["faithfulness"]
    wide = table["method"] == "dot"
    run.tables["faithfulness"] = table.assign(
        low=table["low"].mask(wide, -0.1), q=table["q"].mask(wide, 0.2)
    )
    example, _ = faithfulness.sentences(run)
    assert "halves, dot and cosine are not told apart in how well they predict" in example
    assert "Shown to predict at all: cosine." in example


def test_the_highest_of_many_is_not_shown_to_predict_by_its_own_interval():
    run = scores(dot=0.06, cosine=0.01)
    assert run.tables["faithfulness"].query("method == 'dot'")["low"].gt(0).all()
    run.tables["faithfulness"] = run.tables["faithfulness"].assign(q=0.06)
    example, _ = faithfulness.sentences(run)
    assert "halves, no method is shown to predict each test example’s loss; the highest" in example
    negative = scores(dot=-0.3, cosine=-0.35)  # told from 0, on the wrong side
    negative.tables["faithfulness"] = negative.tables["faithfulness"].assign(q=0.001)
    assert "halves, no method is shown to predict" in faithfulness.sentences(negative)[0]


def test_evaluations_of_earlier_versions_compared_no_methods():
    run = scores(dot=0.3, cosine=0.25)
    del run.tables["faithfulness_pairs"], run.tables["faithfulness"]["q"]
    example, _ = faithfulness.sentences(run)
    assert (
        "halves, dot is highest with each test example’s loss, methods not having been compared "
        "with each other: linear datamodelling score 0.30 (" in example
    )
    printed = faithfulness.of_run(run)
    assert printed["pairs"] is None and printed["ranked"] == {"example": None, "language": None}
    low = scores(dot=0.04)
    del low.tables["faithfulness_pairs"], low.tables["faithfulness"]["q"]
    assert "halves, no method is shown to predict" in faithfulness.sentences(low)[0]


def test_a_score_that_is_not_told_from_nothing_or_below_a_control_is_not_the_best():
    example, _ = faithfulness.sentences(scores(dot=0.04))
    assert example.startswith(
        "In 40 fine-tunings on random halves, no method is shown to predict each test example’s "
        "loss; the highest is dot’s linear datamodelling score 0.04 (−0.01 to 0.09, q = 0.300 "
        "among the methods; noise ceiling"
    )
    run = scores(dot=0.3, count=0.35)
    beats = run.tables["faithfulness_beats"]
    run.tables["faithfulness_beats"] = beats[beats["method"] == "dot"].assign(beats=False)
    example, _ = faithfulness.sentences(run)
    assert "dot is shown to predict each test example’s loss: " in example
    assert example.endswith(
        "The control count has 0.35. No method is told from all controls (count and random)."
    )


def test_where_no_method_beats_the_controls_that_is_said():
    example, _ = faithfulness.sentences(scores(cosine=0.1))
    assert example.endswith("No method is told from all controls (count and random).")


def test_a_run_quotes_what_its_own_method_is_worth():
    text = faithfulness.of_method(scores(dot=0.3, cosine=0.1).tables, "cosine")
    assert text.startswith("In 40 fine-tunings on random halves, these scores went with each test ")
    assert "ρ = 0.10 (0.05 to 0.15; noise ceiling 0.46, 0.41 to 0.51), 0.05 beyond counts" in text
    than = ", not told to be better than every control"
    assert text.count(than) == 2  # of each level
    run = scores(dot=0.3, cosine=0.1)
    run.tables["faithfulness_beats"] = run.tables["faithfulness_beats"].assign(beats=True)
    assert than not in faithfulness.of_method(run.tables, "dot")
    beats = run.tables["faithfulness_beats"]
    beats["beats"] = beats["level"] != "language"
    assert faithfulness.of_method(run.tables, "dot").count(than) == 1


def test_scores_by_other_moments_are_not_taken_for_those_that_were_looked_at():
    plain = config("influence=preconditioned").influence
    recorded = scored_by(dataclasses.asdict(plain))
    assert recorded == scored_by({**dataclasses.asdict(plain), "fit_examples": 1000})
    other = config("influence=preconditioned", "influence.moments=adafactor").influence
    few = config("influence=ekfac", "influence.fit_examples=50").influence
    ekfac = config("influence=ekfac").influence
    assert (
        len({recorded, *(scored_by(dataclasses.asdict(one)) for one in (other, few, ekfac))}) == 4
    )
    earlier = dataclasses.asdict(plain)
    del earlier["moments"], earlier["fit_examples"]
    assert scored_by(earlier) == recorded


def test_halves_that_have_learnt_nothing_are_told_on_the_page():
    run = scores(dot=0.3)
    assert faithfulness.of_run(run)["doubts"] == []
    columns = "retraining kind steps test_language accuracy p".split()
    rows = [(number, "half", 4, "de", 0.5, 0.5) for number in range(1, 9)]
    run.tables["retrainings"] = pd.DataFrame(rows, columns=columns)
    (doubt,) = faithfulness.of_run(run)["doubts"]
    assert doubt.startswith("8 of 8 fine-tunings on parts of the data have learnt nothing")


def dropped(**differences: tuple[float, float]) -> RunTables:
    """Return the tables of a run: per method what is lost, against random and matched examples."""
    rows = [
        (name, against, test, 40, 1.0, value, value - 0.01, value + 0.01, 0.02, 0.03, value > 0.01)
        for name, pair in differences.items()
        for against, value in zip(("random", "matched"), pair, strict=True)
        for test in ("all", "de")
    ]
    columns = "method against test_language dropped alike difference low high p q beats".split()
    run = scores(**dict.fromkeys(differences, 0.3))
    run.tables["faithfulness_dropped"] = pd.DataFrame(rows, columns=columns).assign(fits=2)
    return run


def test_what_is_lost_without_the_first_examples_is_said_of_the_best_method():
    *_, sentence = faithfulness.sentences(dropped(dot=(0.021, 0.018), cosine=(0.015, -0.004)))
    assert sentence == (
        "Without the 40 examples that dot ranks first for all test examples, the loss is 0.021 "
        "higher than without random examples (0.011 to 0.031, q = 0.030) and 0.018 higher than "
        "without others of the same language and label (0.008 to 0.028, q = 0.030); 2 fine-tunings "
        "of each. Told from both controls: dot."
    )
    *_, sentence = faithfulness.sentences(dropped(cosine=(0.015, -0.004)))
    assert "and 0.004 lower than without others of the same language and label (" in sentence
    assert sentence.endswith("No method is told from both controls; from random examples: cosine.")
    *_, sentence = faithfulness.sentences(dropped(cosine=(0.005, -0.004)))
    assert sentence.endswith("No method is told from either control.")
    assert len(faithfulness.sentences(scores(dot=0.3))) == 2  # of an evaluation without


def test_what_is_lost_is_drawn_of_all_test_examples_together():
    run = dropped(cosine=(0.015, -0.004), dot=(0.02, 0.018))
    *_, figure = faithfulness.figures(run)
    assert figure.name == "faithfulness_dropped"
    (rows,) = (
        table
        for table in faithfulness.dropped_chart(run.tables["faithfulness_dropped"])
        .to_dict()["datasets"]
        .values()
        if "method" in table[0]
    )
    assert len(rows) == 4 and {row["others"] for row in rows} == {
        "random examples",
        "same language and label",
    }


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_evaluations_with_and_without_anything_left_out_share_a_page(order):
    pair = [
        dataclasses.replace(dropped(dot=(0.02, 0.01)), title="drop=0.01"),
        dataclasses.replace(scores(dot=0.3), title="drop=0"),
    ]
    tables = evaluation_tables({"faithfulness": pair[order]})
    assert set(tables["faithfulness_dropped"]["switches"]) == {"drop=0.01"}
    assert set(tables["faithfulness"]["switches"]) == {"drop=0.01", "drop=0"}
