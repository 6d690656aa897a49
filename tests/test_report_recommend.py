"""What a page says of a recommendation: never more than its fine-tunings have told."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from xling.report.section import filled
from xling.report.sections import recommend
from xling.report.sweep_results import SweepResults, evaluation_tables
from xling.report.tables import RunTables

COLUMNS = "against test_language asked difference low high p q told measure fits predicted".split()


def apart(*rows: tuple, fits: int = 3) -> pd.DataFrame:
    """Return a table of differences, given against, test language, difference, half width, told.

    And, for the target, what was predicted.
    """
    table = [
        (against, test, bool(predicted), value, value - half, value + half, 0.02, 0.03, told,
         "loss", fits, predicted[0] if predicted else None)
        for against, test, value, half, told, *predicted in rows
    ]  # fmt: skip
    return pd.DataFrame(table, columns=COLUMNS).astype({"predicted": float})


def said(*rows: tuple, fits: int = 3) -> str:
    return recommend._verified_sentence(apart(*rows, fits=fits))


def test_languages_that_can_be_left_out_can_be_one_at_a_time():
    left_out = pd.DataFrame(
        {"train_language": ["de", "en", "sw"], "verdict": ["keep", "leave out", "leave out"]}
    )
    assert recommend._leave_out_sentence(left_out, "de", "loss") == (
        "For de, by loss, en and sw can be left out, each by itself; de cannot be left out."
    )
    told = recommend._leave_out_sentence(left_out[:2], recommend.TARGETS["mean"], "loss")
    assert told.startswith("For the mean of the test languages, by loss, en can be left out; de ")


def test_languages_of_which_it_is_not_told_whether_they_can_be_left_out_are_named():
    left_out = pd.DataFrame(
        {"train_language": ["de", "en", "sw"], "verdict": ["keep", "unclear", "unclear"]}
    )
    assert recommend._leave_out_sentence(left_out, "de", "accuracy") == (
        "For de, by accuracy, de cannot be left out; of en and sw it is not told."
    )
    told = recommend._leave_out_sentence(left_out[1:], "de", "loss")
    assert told == "For de, by loss, it is told of no language whether it can be left out."


def test_which_languages_might_bring_as_much_is_told_by_the_difference_not_by_intervals_apart():
    gains = pd.DataFrame(
        {
            "train_language": ["de", "en", "sw"],
            "gain": [0.05, 0.02, 0.01],
            "low": [0.02, 0.01, 0.0],
            "high": [0.1, 0.04, 0.03],
            "behind_low": [0.0, 0.01, -0.01],
            "behind_high": [0.0, 0.08, 0.09],
        }
    )
    sw = recommend._gain_sentence(gains, "de", "loss")
    assert sw.startswith("By loss, 100 further examples bring de most if they are de: 0.050 (")
    assert sw.endswith("can be told, sw might bring as much.")
    both = recommend._gain_sentence(gains[:2], "de", "loss")
    assert both.endswith("; every other language’s bring less.")


def test_of_gains_that_are_not_told_apart_or_from_none_no_language_is_said_to_be_best():
    alike = pd.DataFrame(
        {"train_language": ["de", "en"], "gain": 0.05, "low": 0.02, "high": 0.1,
         "behind_low": 0.0, "behind_high": 0.0}
    )  # fmt: skip
    mean = recommend.TARGETS["mean"]
    assert recommend._gain_sentence(alike, mean, "accuracy") == (
        "By accuracy, 100 further examples bring the mean of the test languages 0.050 (0.020 to "
        "0.100), and as far as can be told it does not matter in which language."
    )
    assert recommend._gain_sentence(alike.assign(low=-0.01), "de", "loss") == (
        "By loss, of no language’s further examples is it told that they help de: 100 of de, the "
        "most by the laws, bring 0.050 (−0.010 to 0.100)."
    )


def test_a_recommendation_is_better_where_a_difference_is_told_and_no_further():
    assert said(("balanced", "de", 0.1, 0.06, "better", 0.12)) == (
        "3 fine-tunings of each show whether that holds. It is told from the balanced "
        "mixture: better by 0.100 in loss (0.040 to 0.160, q = 0.030); predicted was better by "
        "0.120, inside that interval."
    )
    assert "told from the balanced mixture: worse by 0.100 in loss (0.040 to 0.160, q" in said(
        ("balanced", "de", -0.1, 0.06, "worse", 0.12)
    )
    text = said(("balanced", "de", -0.1, 0.3, "no difference", 0.25))
    assert "It is told" not in text and text.endswith(
        "No difference from the balanced mixture is told: worse by 0.100 in loss (−0.200 to "
        "0.400, q = 0.030); predicted was better by 0.250, outside of that interval. 3 "
        "fine-tunings of each can tell large differences only; recommend.seeds=5 would "
        "tell smaller ones."
    )
    as_bad = said(("balanced", "de", -0.1, 0.3, "no difference", -0.12), fits=5)
    assert as_bad.endswith("q = 0.030); predicted was worse by 0.120, inside that interval.")
    alone = said(("balanced", "de", -0.1, 0.09, "no difference", 0.1))  # by p, not by q
    assert (
        "No difference from the balanced mixture is told, though by itself it would be: " in alone
    )
    assert "smaller ones" not in said(("balanced", "de", 0.1, 0.3, "no difference", 0.1), fits=5)


def test_the_same_examples_are_not_compared():
    text = said(
        ("balanced", "mean", 0.0, 0.0, "same examples", 0.0),
        ("target", "mean", 0.1, 0.06, "better", -0.01),
    )
    assert "The recommended one is the balanced mixture itself, so that there is nothing" in text
    assert "from the mixture with most of the target’s own data: better by 0.100" in text
    assert text.endswith("predicted was worse by 0.010, outside of that interval.")


def test_what_it_does_to_other_languages_is_said_where_it_is_told():
    text = said(
        ("balanced", "de", 0.1, 0.06, "better", 0.12),
        ("balanced", "mean", -0.2, 0.06, "worse"),
        ("balanced", "en", -0.2, 0.06, "worse"),
        ("balanced", "fr", 0.0, 0.06, "no difference"),
        ("balanced", "sw", -0.2, 0.06, "worse"),
    )
    assert text.endswith(
        "Of single test languages, beside the balanced mixture, it is told worse for en and sw."
    )


def run(differences: pd.DataFrame | None = None) -> RunTables:
    """Return the tables of a run by example; without differences, of an earlier version."""
    verified = pd.DataFrame(
        {
            "mixture": ["recommended", "random", "matched"],
            "examples": 60,
            "observed": [-0.5, -0.6, -0.55],
            "observed_low": [-0.6, -0.7, -0.6],
            "observed_high": [-0.4, -0.5, -0.5],
            "fits": 3,
        }
    )
    mixtures = pd.DataFrame(
        {"mixture": ["recommended", "random"], "train_language": "de", "examples": [60, 60]}
    )
    tables = {"recommend_verified": verified, "recommend_mixtures": mixtures}
    if differences is not None:
        tables["recommend_differences"] = differences.drop(columns="predicted")
    return RunTables(tables, ["de", "en"], "xnli", "")


EXAMPLES = apart(
    ("random", "de", 0.1, 0.06, "better", 0.0), ("matched", "de", 0.05, 0.06, "no difference", 0.0)
)


def test_examples_are_told_from_random_ones_and_from_matched_ones():
    first, second = recommend.sentences(run(EXAMPLES))
    assert first == (
        "The 60 examples that score highest for de are recommended. What came out of "
        "fine-tuning on them, and on as many others: recommended −0.500, random −0.600 and matched "
        "−0.550; more is better."
    )
    assert "It is told from as many random examples: better by 0.100 in loss" in second
    assert "No difference from random examples of the same languages and labels is told" in second
    assert "predicted" not in second


def test_differences_are_drawn_and_tracked_and_runs_without_them_still_have_a_page():
    named = [figure.name for figure in recommend.figures(run(EXAMPLES))]
    assert named == ["recommend_mixtures", "recommend_verified", "recommend_differences"]
    tracked = recommend.numbers(run(EXAMPLES))
    assert tracked["difference/random"] == pytest.approx(0.1)
    assert tracked["observed/matched"] == -0.55
    assert [figure.name for figure in recommend.figures(run())] == named[:2]
    assert len(recommend.sentences(run())) == 1
    pair = [
        dataclasses.replace(run(), title="old"),
        dataclasses.replace(run(EXAMPLES), title="new"),
    ]
    tables = evaluation_tables({"recommend": pair})
    assert set(tables["recommend_differences"]["switches"]) == {"new"}
    assert set(tables["recommend_differences"].columns) <= {
        "switches", *recommend.SCHEMAS["recommend_differences"].columns
    }  # fmt: skip


def test_fine_tunings_at_chance_stand_on_the_page_and_among_its_findings():
    one = run(EXAMPLES)
    assert recommend.of_run(one)["doubts"] == []
    rows = [(number, "random", 4, "de", 0.5, 0.5) for number in range(1, 9)]
    columns = "retraining kind steps test_language accuracy p".split()
    one.tables["retrainings"] = pd.DataFrame(rows, columns=columns)
    (doubt,) = recommend.of_run(one)["doubts"]
    assert doubt.startswith("8 of 8 fine-tunings that verify the recommendation have learnt noth")


def aim(target: str, **laws: str) -> pd.DataFrame:
    """Return the table of a target, given the law of each test language."""
    rows = [
        (name, law, law != "nothing" and target in (name, "mean", "worst"), target, "loss")
        for name, law in laws.items()
    ]
    return pd.DataFrame(rows, columns="test_language law aimed_at target measure".split())


def test_the_languages_that_a_mean_is_without_are_named():
    (said,) = recommend._left_aside_sentence(aim("worst", de="one", en="one", sw="nothing"))
    assert said == (
        "Nothing predicts the loss of sw, so the worst test language is told of de and en alone."
    )
    for whole in (aim("mean", de="one", en="own"), aim("de", de="one", en="nothing"), None):
        assert recommend._left_aside_sentence(whole) == []


def test_a_run_quotes_whom_a_mean_is_without_and_whether_chosen_examples_do_better():
    gains = pd.DataFrame(
        {"train_language": ["de", "en"], "gain": 0.05, "low": 0.02, "high": 0.1,
         "behind_low": 0.0, "behind_high": 0.0}
    )  # fmt: skip
    rows = [
        (name, language, 9) for name in ("recommended", "balanced") for language in ("de", "en")
    ]
    tables = {
        "recommend_target": aim("mean", de="one", en="one", sw="nothing"),
        "recommend_gains": gains,
        "recommend_leave_out": gains.assign(verdict="keep"),
        "recommend_mixtures": pd.DataFrame(rows, columns="mixture train_language examples".split()),
        "recommend_verified": pd.DataFrame(
            {"mixture": ["recommended"], "observed": -0.5, "examples": 9}
        ),
        "recommend_differences": apart(("balanced", "mean", 0.0, 0.0, "same examples", 0.0)),
    }
    more, without = recommend.quoted(RunTables(tables, ["de", "en", "sw"], "xnli", ""))
    assert more.startswith("By loss, 100 further examples bring the mean of the test languages")
    assert without.endswith("so the mean of the test languages is told of de and en alone.")
    chosen = {name: tables[name] for name in ("recommend_mixtures", "recommend_verified")}
    chosen["recommend_differences"] = apart(("random", "de", -0.1, 0.05, "worse", 0.0))
    first, verified = recommend.quoted(RunTables(chosen, ["de", "en"], "xnli", ""))
    assert first.startswith("The 9 examples that score highest for de are recommended.")
    assert "It is told from as many random examples: worse by 0.100 in loss" in verified


@pytest.mark.parametrize(
    ("target", "laws", "said"),
    [
        ("sw", ("one", "nothing"), "predicts its loss in 9 fine-tunings, so nothing is recommended."
         " Predicted is de. More fine-tunings (mixture.fits)"),
        ("mean", ("nothing", "nothing"), "predicts any test language’s loss in 9 fine-tunings, so "
         "nothing is recommended. More fine-tunings (mixture.fits)"),
    ],
)  # fmt: skip
def test_what_nothing_predicts_has_a_page_that_says_so(target, laws, said):
    rows = [(n, "mixture", 99, "de", 0.9, 1e-9) for n in range(9)]
    columns = "retraining kind steps test_language accuracy p".split()
    tables = {
        "recommend_target": aim(target, **dict(zip(("de", "sw"), laws, strict=True))),
        "retrainings": pd.DataFrame(rows, columns=columns),
    }
    one = RunTables(tables, ["de", "sw"], "xnli", "")
    (sentence,) = recommend.sentences(one)
    assert sentence.startswith(f"recommend.target={target}: nothing {said}")
    assert recommend.figures(one) == [] and recommend.numbers(one) == {}
    (part,) = filled((recommend.RUN,), one)
    assert sentence in part.html() and "<caption>The target</caption>" in part.html()
    assert recommend.quoted(one) == [sentence]
    (page,) = filled(
        (recommend.SECTION,), SweepResults(Path(), {}, {}, {}, evaluations={"recommend": [one]})
    )
    assert sentence in page.html()
    for done in ("It was then fine-tuned", "The recommended examples lie"):  # nothing was
        assert done not in page.html()


def test_that_it_does_not_matter_whose_data_is_a_recommendation():
    def mixtures(*recommended: int) -> pd.DataFrame:
        rows = [("recommended", name, n) for name, n in zip(("de", "en"), recommended, strict=True)]
        rows += [("balanced", name, 30) for name in ("de", "en")]
        return pd.DataFrame(rows, columns=["mixture", "train_language", "examples"])

    assert recommend._mixture_sentence(mixtures(30, 30), "de") == (
        "The balanced mixture is recommended: no other of 60 examples is told to do better for de."
    )
    said = recommend._mixture_sentence(mixtures(50, 10), "de")
    assert said == "The best mixture of 60 examples for de is 50 de and 10 en."
    even = mixtures(50, 10)
    target = even[even["mixture"] == "recommended"].assign(mixture="target")
    said = recommend._mixture_sentence(pd.concat([even, target]), "de")
    assert said == (
        "The best mixture of 60 examples for de is 50 de and 10 en: its own data first, and no "
        "other rest is told to do better."
    )


def test_a_choice_that_is_nearly_all_of_one_label_is_said_to_be_so():
    def said(*shares: float) -> list[str]:
        names = ["entailment", "neutral", "contradiction"][: len(shares)]
        base = [1 / len(shares)] * len(shares)
        table = pd.DataFrame({"train_label": names, "share": shares, "base_rate": base})
        return recommend._label_sentences(table)

    (sentence,) = said(0.1, 0.9, 0.0)
    assert sentence.startswith("90% of them are neutral, as are 33% of the training data: ")
    assert said(0.4, 0.4, 0.2) == said(0.6, 0.4) == recommend._label_sentences(None) == []
