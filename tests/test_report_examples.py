"""The test examples on a run's page: filters, search, members, what fits."""

import pandas as pd
from report_runs import LANGUAGES, make_run

from xling import report
from xling.report import words
from xling.report.sections import traced_examples


def test_filters_and_search_choose_rows(opened, run_folder):
    page = opened(run_folder / "report.html")
    traced = report.load(run_folder).tables["traced"]
    page.choose("Test language", "ko")
    assert page.rows().count() == 3
    assert set(page.page.locator("#browser summary .code").all_inner_texts()) == {"ko"}
    page.choose("Class", "entailment")
    expected = traced.query("language == 'ko' and label == 'entailment'")
    assert page.rows().count() == len(expected) == 1
    page.choose("Test language", "all")
    page.choose("Class", "all")
    page.search("no such text anywhere")
    assert page.page.locator(".dt-empty").inner_text() == "No test example matches."
    page.search("probability 0.52")  # the third test example of each language
    assert page.rows().count() == len(LANGUAGES)


def test_sign_and_training_language_choose_members(opened, run_folder):
    page = opened(run_folder / "report.html")
    sets = page.page.locator("#browser details[open] .set:visible")
    assert sets.count() == 2
    page.choose("Influence", "negative")
    assert sets.count() == 1
    assert "Most negative" in sets.inner_text()
    page.choose("Training language", "ko")
    members = sets.locator(".member:visible")
    influential = report.load(run_folder).tables["influential"]
    expected = influential.query("test_id == 'de0' and sign == '-' and rank <= 10")
    assert members.count() == (expected["train_language"] == "ko").sum() > 0


def test_script_chooses_members_and_mixed_ones_are_marked(opened, run_folder):
    page = opened(run_folder / "report.html")
    influential = report.load(run_folder).tables["influential"]
    shown = influential.query("test_id == 'de0' and rank <= 10")
    members = page.page.locator("#browser details[open] .member:visible")
    assert members.count() == len(shown)
    marks = page.page.locator("#browser details[open] .member .mixed")
    assert marks.count() == (~shown["own_script"]).sum() > 0
    page.choose("Script", "own script only")
    assert members.count() == shown["own_script"].sum()
    assert not marks.first.is_visible()
    page.choose("Script", "mixed script only")
    assert members.count() == marks.count()
    page.choose("Influence", "negative")
    assert members.count() == (~shown["own_script"] & (shown["sign"] == "-")).sum()
    page.choose("Script", "all")
    assert members.count() == (shown["sign"] == "-").sum()


def test_members_show_id_score_label_and_translation(opened, run_folder):
    page = opened(run_folder / "report.html")
    influential = report.load(run_folder).tables["influential"]
    row = influential.query("test_id == 'de0' and sign == '-' and rank == 3").iloc[0]
    member = page.page.locator("#browser details[open] .set.negative .member").nth(2)
    assert row["translation"]
    shown = [member.locator(part).inner_text() for part in (".id", "b", ".score", ".translation")]
    score = words.number(row["score"], 3)
    assert shown == [row["train_id"], row["label"], score, "translation"]
    assert page.page.locator("#browser summary .id").first.inner_text() == "de0"


def test_examples_open_by_keyboard(opened, run_folder):
    page = opened(run_folder / "report.html")
    second = page.page.locator("#browser details").nth(1)
    assert not second.locator(".sets").is_visible()
    second.locator("summary").focus()
    page.page.keyboard.press("Enter")
    assert second.locator(".sets").is_visible()


def test_page_stays_below_5_mb_and_says_what_it_leaves_out(tmp_path):
    languages = ("ar", "de", "en", "es", "fr", "ko", "ru", "zh")
    texts = {language: [f"{i} " + "텍" * 150 for i in range(40)] for language in languages}
    folder = make_run(tmp_path / "run", languages, traced_per_language=40, texts=texts)
    written = report.write_page(folder)
    assert written.stat().st_size < 5_000_000
    shown = traced_examples.choose(report.load(folder))
    per_language = pd.Series([traced.example["language"] for traced in shown.examples])
    counts = per_language.value_counts()
    assert counts.nunique() == 1 and 1 <= counts.iloc[0] < traced_examples.MAX_EXAMPLES
    assert f"{len(shown.examples)} of the 320 traced" in written.read_text("utf-8")
