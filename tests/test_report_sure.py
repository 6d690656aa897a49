"""A page refuses to sound sure: banners, another headline, ties, too few test examples."""

import json
import re

import pandas as pd
import pytest
from report_runs import make_run
from report_subnetworks import make_sweep

from xling import report
from xling.analysis.doubts import (
    CODES,
    LABEL,
    LANGUAGES,
    MODEL,
    NEGATIVE_TIES,
    ONE_CLASS,
    TIES,
    learning_doubts,
    ordered,
    ranking_doubts,
    size_doubts,
    subnetwork_doubts,
)
from xling.analysis.learnt import ALL
from xling.analysis.shares import told_side
from xling.errors import UserError
from xling.report.doubts import TITLES
from xling.report.section import filled
from xling.report.sections import accuracy
from xling.report.sections.readings import readings
from xling.report.sections.shares import findings
from xling.report.sections.what_was_run import summary
from xling.report.sweep_page import write_sweep
from xling.tracker import headline_metrics


def learnt_table(accuracies: dict[str, float], only: str = "") -> pd.DataFrame:
    """The table of 100 test examples of each language, two classes and a majority of 0.55."""
    rows = [
        (name, value, value - 0.1, value + 0.1, 0.5, 0.55, 0.5, 0.6, value > 0.7, only, 100)
        for name, value in accuracies.items()
    ]
    columns = "language accuracy low high chance majority p q learnt only_class examples"
    return pd.DataFrame(rows, columns=columns.split())


def doubted(folder, doubts, **more):
    """An invented run with warnings in its results."""
    make_run(folder, traced_per_language=6, **more)
    file = folder / "results.json"
    results = json.loads(file.read_text("utf-8")) | {"warnings": doubts}
    file.write_text(json.dumps(results), "utf-8")
    return folder


GOOD = {"de": 0.9, "en": 0.8, "ko": 0.85, "all": 0.85}


def test_accuracies_become_warnings():
    assert learning_doubts(learnt_table(GOOD)) == []
    (some,) = learning_doubts(learnt_table(GOOD | {"ko": 0.56}))
    assert (some["code"], some["languages"]) == (LANGUAGES, ["ko"])
    assert "in 1 of 3 languages (ko 56.0% against 55.0%)" in some["sentence"]
    bad = dict.fromkeys(GOOD, 0.55)
    (whole,) = learning_doubts(learnt_table(bad), "the whole model")
    assert (whole["code"], whole["model"]) == (MODEL, "the whole model")
    assert whole["sentence"].startswith("The whole model is not shown to be better than chance")
    (one,) = learning_doubts(learnt_table(bad, "entailment"))
    assert one["code"] == ONE_CLASS
    assert "predicts entailment for every test example (55.0% of the test" in one["sentence"]
    assert subnetwork_doubts([]) == [] and subnetwork_doubts(["de"])[0]["languages"] == ["de"]
    assert [doubt["code"] for doubt in ordered([some, whole, one])] == [
        ONE_CLASS, LANGUAGES, MODEL,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("by_chance", "cosine", "codes"),
    [
        ((0.5, 0.5), 0.86, []),
        ((0.95, 0.0), 0.5, [TIES]),
        ((0.95, 1.0), 0.5, [TIES]),
        ((0.5, 0.95), 0.5, [NEGATIVE_TIES]),
        ((0.5, 0.0), 0.999, [LABEL]),
        ((0.95, 0.0), 1, [LABEL, TIES]),
    ],
)
def test_ties_and_labels_become_warnings(by_chance, cosine, codes):
    ties = pd.DataFrame({"sign": ["+", "-"], "by_chance": by_chance})
    rows = [(0, 1.5, cosine), (1, 2.0, 0.0)]
    dimension = pd.DataFrame(rows, columns=["epoch", "dimension", "same_label_cosine"])
    found = ranking_doubts({"ties": ties, "effective_dimension": dimension})
    assert [doubt["code"] for doubt in found] == codes
    assert ranking_doubts({}) == []


@pytest.mark.parametrize("ranked", [0.1, 0.3, 0.5])
def test_large_rankings_of_equal_scores_are_ties_too(ranked):
    ties = pd.DataFrame({"sign": ["+", "-"], "by_chance": [1 - ranked, 0.0]})
    (doubt,) = ranking_doubts({"ties": ties}, ranked)
    assert doubt["code"] == TIES
    assert doubt["sentence"].endswith(f"; of rankings of nothing, {1 - ranked:.0%} would be.")
    assert ranking_doubts({"ties": ties.assign(by_chance=0.8 * (1 - ranked))}, ranked) == []


def test_ties_of_the_negative_side_leave_the_positive_one(tmp_path):
    (doubt,) = ranking_doubts(
        {"ties": pd.DataFrame({"sign": ["+", "-"], "by_chance": [0.1, 0.95]})}
    )
    assert doubt["sentence"].startswith("95% of the most negative training examples would be ")
    run = report.load(doubted(tmp_path / "run", [doubt]))
    run.tables["shares"]["q"] = 0.01
    page = report.write_page(run.folder).read_text("utf-8")
    assert "<strong>The negative rankings are ties.</strong>" in page
    assert "Own-language share" in page.split("<nav")[0]
    assert all(
        "on the positive side, and the negative one is ties." in text for text in readings(run)
    )
    assert not any("alone" in text or "neither" in text for text in readings(run))
    run.results["warnings"] = []
    assert any("stands out on both sides" in text for text in readings(run))


def test_a_language_that_was_left_out_draws_on_none_unless_that_is_told(tmp_path):
    run = report.load(make_run(tmp_path / "run", exclude=("ko",), traced_per_language=6))
    shares = run.tables["shares"]
    shares[["share", "low", "high", "base_rate"]] = 0.4, 0.3, 0.5, 0.5
    about = "ko was left out of training; "
    (sentence,) = (text for text in findings(run) if text.startswith(about))
    assert sentence == (
        f"{about}no language’s data stands out among the most positive of its test examples."
    )
    for language, told in {
        "de": (0.6, 0.55, 0.65, 0.5, 0.01),
        "en": (0.5, 0.3, 0.7, 0.1, 0.2),
    }.items():
        rows = (shares["test_language"] == "ko") & (shares["train_language"] == language)
        shares.loc[rows, ["share", "low", "high", "base_rate", "q"]] = told
    (sentence,) = (text for text in findings(run) if text.startswith(about))
    assert sentence == (
        f"{about}de training examples stand out most among the most positive of its test examples "
        "(60.0%, base rate 50.0%)."
    )


def test_rankings_of_most_of_the_data_make_no_finding(tmp_path):
    assert size_doubts(50, 100) == []
    (doubt,) = size_doubts(51, 100)
    assert doubt["sentence"].startswith("influence.top_k=51 is more than half of the 100 ")
    assert doubt["sentence"].endswith("influence.top_k=10 tells more.")
    page = report.write_page(doubted(tmp_path / "run", [doubt])).read_text("utf-8")
    assert '<p class="finding">The rankings of this run hold most of the training data' in page
    assert "<strong>The rankings hold most of the data.</strong>" in page
    assert "Own-language share" not in page.split("<nav")[0]


def test_a_model_that_has_not_learnt_has_another_headline(opened, tmp_path):
    doubts = learning_doubts(learnt_table(dict.fromkeys(GOOD, 0.55), "entailment"))
    page = opened(report.write_page(doubted(tmp_path / "run", doubts)), color_scheme="dark")
    assert page.complaints == []
    banner = page.page.locator("main > .banner").first
    assert banner.get_attribute("role") == "alert"
    assert (
        "This model has not learnt the task. The model predicts entailment" in banner.inner_text()
    )
    assert page.page.locator(".finding").inner_text().startswith("This model has not learnt")
    lead = page.page.locator(".lead").inner_text()
    assert "Each language’s own data holds" not in lead and "Own-language share" not in lead
    assert "Not a finding." in page.page.locator("#shares").inner_text()
    page.page.set_viewport_size({"width": 360, "height": 900})
    assert page.page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize(("by_chance", "cosine"), [(0.95, 0.5), (0.3, 0.99)])
def test_ties_have_another_headline(by_chance, cosine, tmp_path):
    ties = pd.DataFrame({"sign": ["+", "-"], "by_chance": by_chance})
    rows = [(0, 1.0, cosine)]
    dimension = pd.DataFrame(rows, columns=["epoch", "dimension", "same_label_cosine"])
    doubts = ranking_doubts({"ties": ties, "effective_dimension": dimension})
    page = report.write_page(doubted(tmp_path / "run", doubts)).read_text("utf-8")
    assert re.search('<p class="finding">The rankings of this run are (as good as )?ties', page)
    assert f"<strong>{TITLES[doubts[0]['code']]}</strong>" in page
    assert "Own-language share" not in page.split("<nav")[0]


def test_languages_that_are_not_learnt_are_left_out_of_the_sentences(tmp_path):
    doubts = learning_doubts(learnt_table(GOOD | {"ko": 0.56}))
    run = report.load(doubted(tmp_path / "run", doubts))
    shares = run.tables["shares"].query("epoch == 0 and sign == '+' and test_language != 'ko'")
    own = shares[shares["test_language"] == shares["train_language"]]["share"]
    first, *rest = findings(run)
    assert first.startswith("This model has not been shown to learn ko; this holds for the other")
    assert f"{100 * own.min():.0f}–{100 * own.max():.0f}%" in first
    assert not any("on ko test examples" in sentence for sentence in rest)


def test_a_page_without_warnings_has_no_banner(opened, tmp_path):
    folder = make_run(tmp_path / "run", traced_per_language=5, profile="paper")
    page = opened(report.write_page(folder)).page
    assert page.locator(".banner").count() == 0
    assert page.locator(".finding").inner_text().startswith("Each language’s own data holds")


def test_too_few_test_examples_get_no_sentence_but_their_number(tmp_path):
    run = report.load(make_run(tmp_path / "one", traced_per_language=1))
    (sentence,) = findings(run)
    assert sentence.startswith("Too few test examples were traced in de (n = 1), en (n = 1) and ko")
    page = report.write_page(run.folder).read_text("utf-8")
    for claim in ("holds", "Across languages", "have positive influence", "Of all pairs"):
        assert claim not in page.split('<section id="run">')[0]
    assert all("too few test examples (n = 1)" in text for text in readings(run))
    assert "have the test example’s own label" not in page


def test_the_number_that_was_traced_is_shown_beside_the_setting():
    results = {
        "task": "xnli", "classes": ["a"], "languages": ["de", "en"], "epochs": 1, "kept_epoch": 1,
        "top_k": 10, "config": {"influence": {"test_per_language": 500}},
    }  # fmt: skip
    row = "Traced test examples"
    assert dict(summary(results, {"de": 500, "en": 500}))[row] == "500 per language"
    assert dict(summary(results, {"de": 500, "en": 31}))[row] == (
        "de 500, en 31; 500 of each were asked for"
    )


def test_a_language_is_read_in_one_sentence(tmp_path):
    folder = make_run(tmp_path / "run", traced_per_language=6)
    learnt_table(GOOD | {"ko": 0.56}).to_parquet(folder / "tables/learnt.parquet")
    run = report.load(folder)
    run.tables["shares"]["q"] = 0.01
    shares = run.tables["shares"].query("epoch == 0 and test_language == train_language")
    mean = (
        run.tables["mean_influence"]
        .query("epoch == 0 and test_language == 'de' and train_language == 'de'")["mean"]
        .iloc[0]
    )
    positive, negative = (
        shares.query("test_language == 'de' and sign == @sign")["share"].iloc[0] for sign in "+-"
    )
    german, english, korean = readings(run)
    assert german.startswith(
        f"de: its own data (33.3% of all) holds {100 * positive:.1f}% of the most positive and "
        f"{100 * negative:.1f}% of the most negative examples, its mean influence is +{mean:.2f}, "
        "accuracy 90.0% (chance 50.0%, most frequent class 55.0%): its data stands out on both"
    )
    assert english.endswith("not only among what is positive.") and german.count(". ") == 0
    assert korean.endswith("not shown to be learnt, so that these shares mean little.")


def test_languages_are_told_by_q_and_those_of_earlier_versions_by_p(tmp_path):
    folder = make_run(tmp_path / "run", traced_per_language=6)
    file, table = folder / "tables/learnt.parquet", learnt_table(GOOD | {"ko": 0.56})
    for written, told, header in (
        (
            table,
            "(exact binomial test, q &lt; 0.05 over the languages)",
            '>p</th><th scope="col">q<',
        ),
        (
            table.drop(columns="q"),
            "(exact binomial test, p &lt; 0.05)",
            '>p</th><th scope="col">te',
        ),
    ):
        written.to_parquet(file)
        html = filled((accuracy.SECTION,), report.load(folder))[0].html()
        assert f"above both chance and the most frequent class in 2 of 3 languages {told}" in html
        assert header in html and ("0.600" in html) == ("q" in written)
    table.drop(columns="majority").to_parquet(file)
    with pytest.raises(UserError, match="no column majority"):
        report.load(folder)


def test_accuracy_above_chance_only_in_all_languages_together_is_a_sentence():
    table = pd.DataFrame({"language": ["de", "en", ALL], "learnt": [False, False, True]})
    assert accuracy.sentence(table).endswith(
        "in 0 of 2 languages (exact binomial test, p < 0.05), but in all languages together."
    )
    for learnt, end in ((True, "and also in all languages"), (False, "and not in all languages")):
        table["learnt"] = [True, True, learnt]
        assert f"(exact binomial test, p < 0.05), {end} together." in accuracy.sentence(table)


def test_trackers_get_every_flag_as_a_number():
    doubts = learning_doubts(learnt_table(GOOD | {"ko": 0.56}))
    results = {"kept_epoch": 1, "dev_accuracy": 0.5, "test_accuracy": {}, "own_language_share": {}}
    flags = headline_metrics(results | {"warnings": doubts})
    assert flags["warnings"] == 1 and flags[f"warning/{LANGUAGES}"] == 1
    assert [flags[f"warning/{code}"] for code in CODES].count(0) == len(CODES) - 1
    assert headline_metrics(results)["warnings"] == 0  # of an earlier version


def test_a_sweep_names_its_runs_that_have_not_learnt(opened, tmp_path):
    kinds = [(name, {}, {"variant": "identified", "seed": seed}) for seed, name in enumerate("ab")]
    folder, jobs = make_sweep(tmp_path, *kinds)
    name = jobs[0].folder.name
    file = jobs[0].folder / "results.json"
    doubts = learning_doubts(learnt_table(dict.fromkeys(GOOD, 0.55)))
    results = json.loads(file.read_text("utf-8")) | {"warnings": doubts}
    file.write_text(json.dumps(results), "utf-8")
    page = opened(write_sweep(folder, jobs))
    assert page.complaints == []
    text = page.page.locator(".banner.doubt").inner_text()
    assert text.startswith(f"The task is not learnt in 1 of {len(jobs)} runs.") and name in text
    table = pd.read_parquet(folder / "tables/runs.parquet").set_index("run")
    assert table.loc[name, "warnings"] == MODEL
    assert set(table["warnings"].drop(name)) == {""}
    assert "warnings" in page.page.locator("#runs thead").inner_text()
    assert "What this page says of it means little: " in text
    ties = ranking_doubts({"ties": pd.DataFrame({"sign": ["+", "-"], "by_chance": 0.95})})
    file.write_text(json.dumps(results | {"warnings": ties}), "utf-8")  # not of fine-tuning again
    html = write_sweep(folder, jobs).read_text("utf-8")
    assert "The rankings are ties in 1 of" in html
    assert "What this page says of its influence means little: " in html


@pytest.mark.parametrize(("q", "side"), [(0.01, 1), (0.53, 0), (float("nan"), 1)])
def test_a_share_stands_out_only_where_that_is_told_among_all_shares(q, side):
    row = pd.Series({"low": 0.3, "high": 0.4, "base_rate": 0.2, "q": q})
    assert told_side(row) == side
    assert told_side(row.drop("q")) == 1  # of an earlier version
