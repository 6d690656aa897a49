"""How large the pages become, and what they leave out for it."""

import json
from contextlib import nullcontext

import pandas as pd
import pytest
from report_runs import make_run
from report_subnetworks import finished, make_subnetwork_run

from xling import report
from xling.report import sweep_page
from xling.report.sweep_results import RUNS
from xling.report.tables import PRINTED_ROWS, printed_rows


def test_the_page_of_the_papers_setting_is_below_5_mb(tmp_path):
    """The page shows 25 test examples a language and 10 members at most, however many there are."""
    languages = ("de", "en", "es", "fr", "ja", "ko", "zh")
    texts = {language: [f"{i} " + "텍스트 " * 30 for i in range(40)] for language in languages}
    folder = make_subnetwork_run(
        tmp_path / "run", languages, epochs=10, traced_per_language=30, top_k=12, texts=texts
    )
    written = report.write_page(folder)
    assert 3_000_000 < written.stat().st_size < 5_000_000
    assert "of the 210 traced test examples" in written.read_text("utf-8")


@pytest.mark.slow
def test_the_page_of_a_hundred_languages_is_below_5_mb_and_says_where_the_numbers_are(
    tmp_path,
):
    languages = tuple(a + b for a in "abcdefghij" for b in "klmnopqrst")
    folder = make_run(tmp_path / "run", languages, epochs=3, traced_per_language=2)
    written = report.write_page(folder)
    text = written.read_text("utf-8")
    assert written.stat().st_size < 5_000_000
    for name in ("shares", "mean_influence"):
        assert f"<code>tables/{name}.csv</code> alone" in text
    assert "The numbers with their 95% intervals" not in text


def test_the_page_of_a_hundred_runs_is_below_5_mb_and_says_what_it_leaves_out(
    tmp_path, monkeypatch
):
    languages = ("de", "en", "es", "fr", "ja", "ko", "zh")
    folder = tmp_path / "pawsx"
    runs = [folder / f"r{i:03}" for i in range(100)]
    make_subnetwork_run(runs[0], languages, epochs=10, traced_per_language=1, task="pawsx")
    results = json.loads((runs[0] / "results.json").read_text("utf-8"))
    for i, run in enumerate(runs):
        run.mkdir(exist_ok=True)
        if i:
            (run / "tables").symlink_to(runs[0] / "tables")
        kind = results["subnetwork"] | {"name": "random" if i else "identified", "seed": i}
        named = {"subnetwork": kind, "variant": f"masks {i}", "seed": i}
        (run / "results.json").write_text(json.dumps(results | named), "utf-8")
    jobs = [finished(number, run) for number, run in enumerate(runs, 1)]
    monkeypatch.setattr(sweep_page, "saved", lambda figures, folder: nullcontext())
    (tmp_path / "sweeps/s").mkdir(parents=True)
    written = sweep_page.write_sweep(tmp_path / "sweeps/s", jobs)
    assert written.stat().st_size < 5_000_000
    text, shown = written.read_text("utf-8"), RUNS
    assert f"Of the 100 runs, the figures show the first {shown}" in text
    assert text.count('<tr><th scope="row"><a href=') == 100
    assert text.count('data-file="change_positive"') == shown
    table = pd.read_parquet(written.parent / "tables/sweep_change.parquet")
    assert table["run"].nunique() == 100


def test_long_tables_of_a_sweep_are_cut_in_the_page_alone():
    table = pd.DataFrame({"k": range(PRINTED_ROWS + 7)})
    printed = printed_rows(table)
    assert len(printed["rows"]) == PRINTED_ROWS and printed["total"] == PRINTED_ROWS + 7


def test_numbers_of_a_printed_table_have_a_true_minus_and_none_at_nothing():
    printed = printed_rows(pd.DataFrame({"change": [-0.00004, -0.25, None]}))
    assert printed["rows"] == [["0.000"], ["−0.250"], ["–"]]
