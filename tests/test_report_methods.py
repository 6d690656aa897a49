"""The report of a run by another attribution method, which has no gradients."""

import json

import pandas as pd
import pytest
from report_runs import make_run

from xling import report
from xling.report.export import write_tables
from xling.report.methods import method as report_method
from xling.report.methods import words_of


def test_a_run_without_gradients_has_no_section_on_them(opened, embedding_folder):
    shown = opened(embedding_folder / "report.html")
    assert shown.complaints == []
    assert shown.page.locator("#coverage, nav a[href='#coverage']").count() == 0
    assert "Gradient sketches" not in shown.page.locator("#run").inner_text()
    assert "sketch" not in shown.page.locator("main").inner_text().lower()


def test_the_page_says_what_the_scores_are(embedding_folder, tmp_path):
    hidden, gradients = "the cosine of the two hidden states, summed over the epochs", "TracIn"
    page = (embedding_folder / "report.html").read_text("utf-8")
    assert hidden in page and gradients not in page
    assert "that the model represents most like its test examples" in page
    assert "the right predictions" not in page
    assert "influence: cosine of the hidden states, summed over the epochs" in page
    twins = "shares by the sketches and by their twins"
    assert twins not in page and "no estimate is noisy" in page
    run = make_run(tmp_path / "run", traced_per_language=5)
    page = report.write_page(run).read_text("utf-8")
    assert gradients in page and hidden not in page
    assert (
        "that TracIn estimates to help its test examples most" in page
        and "the right predictions" in page
    )
    assert "influence: cosine of the gradients, summed over the checkpoints" in page
    assert twins in page and "no estimate is noisy" not in page


def test_the_tables_say_what_the_scores_are(tmp_path):
    table = {"influential": pd.DataFrame({"score": [0.5]})}
    write_tables(tmp_path / "a", table)
    assert "cosine of the gradients" in (tmp_path / "a/README.md").read_text("utf-8")
    write_tables(tmp_path / "b", table, method="embedding")
    assert "cosine of the hidden states" in (tmp_path / "b/README.md").read_text("utf-8")


def test_a_run_that_names_tracin_has_the_page_of_one_that_names_no_method(tmp_path):
    folder = make_run(tmp_path / "run", epochs=1, traced_per_language=1)
    before = report.write_page(folder).read_text("utf-8")
    results = json.loads((folder / "results.json").read_text("utf-8"))
    (folder / "results.json").write_text(json.dumps(results | {"method": "tracin"}), "utf-8")
    assert report.write_page(folder).read_text("utf-8") == before


def test_a_method_without_words_of_its_own_is_named(tmp_path):
    folder = make_run(tmp_path / "run", epochs=1, traced_per_language=1)
    results = json.loads((folder / "results.json").read_text("utf-8"))
    (folder / "results.json").write_text(json.dumps(results | {"method": "guess"}), "utf-8")
    page = report.write_page(folder).read_text("utf-8")
    assert "by the method <em>guess</em>" in page and "TracIn" not in page
    write_tables(tmp_path / "t", {"influential": pd.DataFrame({"score": [0.5]})}, method="guess")
    assert "by the method guess" in (tmp_path / "t/README.md").read_text("utf-8")


def test_the_words_name_the_similarity(tmp_path):
    """By cosine or by dot product, in the page and in the documentation of the tables."""
    table = {
        "mean_influence": pd.DataFrame({"mean": [0.5]}),
        "influential": pd.DataFrame({"score": [0.5]}),
    }
    for method, suffix in (("tracin", ""), ("embedding", " of the hidden states")):
        write_tables(tmp_path / method, table, method=method, similarity="dot")
        text = (tmp_path / method / "README.md").read_text("utf-8")
        assert f"mean influence (dot product{suffix}; summed over the" in text
        assert "influence: dot product of the" in text and "cosine" not in text
        results = {"method": method, "config": {"influence": {"similarity": "dot"}}}
        words = report_method(results)
        assert "the dot product of the two" in words.reading and "cosine" not in words.reading
    write_tables(tmp_path / "default", table)
    text = (tmp_path / "default/README.md").read_text("utf-8")
    assert "mean influence (cosine; summed over the checkpoints where epoch is 0)" in text


def test_the_words_name_the_weights():
    words = words_of("tracin", similarity="dot", weights="learning_rate", top_k=100)
    summed = "summed over the checkpoints with their learning rates as weights"
    assert words.scores == f"dot product of the gradients, {summed}"
    assert summed in words.reading and "Pruthi et al. 2020" in words.reading
    assert "Choenni et al. 2023" in words_of("tracin").reading


@pytest.mark.parametrize("name", ["same_language", "same_label", "count", "random"])
def test_the_page_of_a_control_makes_no_finding_of_its_shares(name, tmp_path):
    folder = make_run(tmp_path / "run", epochs=1, traced_per_language=5)
    plain = report.write_page(folder).read_text("utf-8")
    assert "Each language’s own data holds" in plain and "This run is a control" not in plain
    results = json.loads((folder / "results.json").read_text("utf-8"))
    (folder / "results.json").write_text(json.dumps(results | {"method": name}), "utf-8")
    page = report.write_page(folder).read_text("utf-8")
    assert f"<strong>This run is a control.</strong> {name} looks at no model and no text" in page
    assert f'<p class="finding">The control {name} measures nothing' in page
    for claim in ("own data holds", "stands out", "stand out", "Across languages", "own-language"):
        assert claim not in page.split('<section id="run"')[0].replace("Own-language", ""), claim


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bm25", "which languages share words, not which the model learns from"),
        ("embedding", "which languages’ examples the model represents alike, not which it learns"),
    ],
)
def test_the_page_of_a_method_that_looks_at_no_training_says_so_at_its_top(name, says, tmp_path):
    folder = make_run(tmp_path / "run", epochs=1, traced_per_language=5)
    results = json.loads((folder / "results.json").read_text("utf-8"))
    (folder / "results.json").write_text(json.dumps(results | {"method": name}), "utf-8")
    page = report.write_page(folder).read_text("utf-8")
    head, _ = page.split('<section class="lead"')
    assert says in head
    assert "Each language’s own data holds" in page
