"""The report of a sweep: its tables, its page, the states of its jobs."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
from report_runs import PAIR
from report_subnetworks import finished, make_sweep

from xling.errors import UserError
from xling.report import papers
from xling.report.section import filled
from xling.report.sections import (
    confidence,
    imbalance,
    random_masks,
    sparse_fine_tuning,
    sweep_changes,
)
from xling.report.sweep_page import write_sweep
from xling.report.sweep_results import SweepResults, jobs_table, run_titles
from xling.report.words import percent


def test_a_sweep_that_identified_masks_alone_shows_the_heads_of_each_task(opened, tmp_path):
    written = write_sweep(*make_sweep(tmp_path, masks=("marc", "xnli")))
    tables = {file.stem: pd.read_parquet(file) for file in written.parent.glob("tables/*.parquet")}
    assert set(tables) == {"disabled_heads", "head_use"}
    assert set(tables["disabled_heads"]["task"]) == {"marc", "xnli"}
    kinds = ("head_use", "mask_overlap", "mask_overlap_shared", "mask_overlap_cosine", "pruning")
    names = {f"{kind}_{task}" for kind in kinds for task in ("marc", "xnli")}
    assert {file.stem for file in written.parent.glob("figures/*")} == names
    shown = opened(written)
    page = shown.page
    assert shown.complaints == [] and page.locator("figure.chart").count() == 2 * 5
    assert page.locator("h1").inner_text() == "Which heads does each language need?"
    assert "2 runs" in page.locator(".subtitle").inner_text()
    assert "marc: of 24 heads, 6 to 8 are off" in page.locator(".findings").inner_text()
    assert page.locator("#runs, #changes").count() == 0
    assert page.locator("#heads table").first.locator("tbody td:last-child").all_inner_texts() == [
        "56", "–",
    ]  # fmt: skip


def test_a_sweep_compares_its_runs_with_subnetworks(sweep_folder):
    page = (sweep_folder / "report.html").read_text("utf-8")
    tables = {file.stem: pd.read_parquet(file) for file in sweep_folder.glob("tables/*.parquet")}
    names = "runs sweep_change random_masks random_accuracy sft_accuracy own_share_epochs composed"
    assert set(tables) == {*names.split(), "disabled_heads", "head_use"}
    assert list(tables["runs"]["variant"]) == [
        "identified", "SFT, identified", "random 0", "random 1", "ko’s", "de ∪ ko",
    ]  # fmt: skip
    for section in ("heads", "changes", "random", "sft", "own-share-epochs", "composed"):
        assert f'<section id="{section}">' in page
    assert "the other marks are other languages’ subnetworks" in page
    assert "78.4% after sparse fine-tuning on pawsx" in page  # Tab. 2
    sweep = SweepResults(sweep_folder, {}, {}, tables)
    (sentence,) = sparse_fine_tuning.findings(sweep)
    accuracy = tables["sft_accuracy"]
    assert (
        f"from {percent(accuracy['after_full'].mean())} to {percent(accuracy['after_sft'].mean())}"
        in (sentence)
    )
    (sentence,) = random_masks.masks_sentences(tables["random_masks"])
    own = tables["random_masks"].query("sign == '+' and test_language == train_language")
    outside = ((own["change"] - own["random_low"]) * (own["random_high"] - own["change"]) < 0).sum()
    assert f"in {outside} of 2 comparisons" in sentence and "is 0.333" in sentence
    panels = random_masks.random_panels(tables["random_masks"], "+")
    assert list(panels) == [f"{language} test examples" for language in PAIR]


def test_means_are_of_the_same_languages_and_random_masks_count_as_one():
    def table(**changes):
        rows = [("+", name, name, change) for name, change in changes.items()]
        return pd.DataFrame(rows, columns="sign test_language train_language change".split())

    changes = {
        "identified": table(de=0.04, en=0.02),
        "random 0": table(de=0.01),
        "random 1": table(de=0.03),
    }
    first, second = sweep_changes.change_sentences(changes)
    assert "on average over de and en, changes by +3.0 (identified) percentage" in first
    assert "in de changes by +4.0 (identified) and +2.0 (random masks) percentage" in second


def test_runs_have_titles_of_their_own():
    def run(variant, task="xnli"):
        return {"variant": variant, "task": task}

    assert run_titles({"a": run("x"), "b": run("y")}) == {"a": "x", "b": "y"}
    several = {"a": run("x"), "b": run("x", "marc"), "c": run("x")}
    assert run_titles(several) == {"a": "a", "b": "marc, x", "c": "c"}


def test_the_paper_has_figures_of_its_tasks_alone():
    assert papers.printed_2024("pawsx", "disabled_heads")["ko"] == 42
    assert papers.printed_2024("sib200", "disabled_heads") == {}
    assert papers.accuracies_2024(["xnli"]) == ""
    assert "76.4%" not in papers.accuracies_2024(["pawsx"])


def test_a_sweep_without_a_finished_job_has_no_report(tmp_path):
    waiting = dataclasses.replace(finished(1, tmp_path / "run"), state="waiting")
    with pytest.raises(UserError, match="no job of this sweep is finished yet"):
        write_sweep(tmp_path, [waiting])
    with pytest.raises(UserError, match="this run of the sweep is gone"):
        write_sweep(tmp_path, [finished(1, tmp_path / "run")])


def test_a_sweep_that_is_not_finished_gives_the_states_of_its_jobs(tmp_path):
    folder, jobs = make_sweep(tmp_path, masks=("marc",))
    failed = dataclasses.replace(
        finished(2, tmp_path / "xnli/xnli-1", masks=True), state="failed", error="KeyError: 'x'"
    )
    page = write_sweep(folder, [*jobs, failed]).read_text("utf-8")
    assert "1 of 2 jobs of this sweep are finished" in page and 'href="#jobs"' in page
    table = pd.read_parquet(folder / "tables/jobs.parquet")
    pd.testing.assert_frame_equal(table, jobs_table([*jobs, failed]))
    assert list(table["state"]) == ["finished", "failed"] and table["error"][1] == "KeyError: 'x'"
    assert "KeyError" in page


def test_two_attribution_methods_have_a_panel_and_a_sentence_each():
    rows = [
        (method, "de", more, sign, share, share, share, 0.5, 2 * share)
        for method, first in (("embedding", 0.1), ("tracin", 0.5))
        for sign in "+-"
        for more, share in ((0, first), (50, first + 0.2))
    ]
    columns = "method language imbalance sign share low high base_rate lift".split()
    curves = pd.DataFrame(rows, columns=columns)
    columns = "method sign k left_out change low high test_examples p_random p_next".split()
    rows = [
        (method, "+", 50, "influential", change, change, change, 9, 0.5, 0.5)
        for method, change in (("embedding", -0.1), ("tracin", -0.2))
    ]
    changes = pd.DataFrame(rows, columns=columns)
    tables = {"imbalance": curves, "confidence": changes, "retrained": changes}
    sweep = SweepResults(Path(), {}, {}, tables)
    for section in (imbalance.SECTION, confidence.SECTION):
        (part,) = filled([section], sweep)
        assert all(list(figure.panels) == ["embedding", "tracin"] for figure in part.figures)
        assert part.html().count("<figure") == 2 * len(part.figures)
        starts = [sentence.split(":")[0] for sentence in section.findings(sweep)]
        assert starts == ["By embedding", "By tracin"]
    alone = {name: table.query("method == 'tracin'") for name, table in tables.items()}
    alone = {name: table.drop(columns="method") for name, table in alone.items()}
    for section in (imbalance.SECTION, confidence.SECTION):
        (part,) = filled([section], SweepResults(Path(), {}, {}, alone))
        assert part.html().count("<figure") == len(part.figures)
        assert '<h4 class="panel">' not in part.html()
