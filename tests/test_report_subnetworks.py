"""What the page of a run shows of subnetworks, with invented tables."""

import numpy as np
import pandas as pd
import pytest
from report_pages import rows_with
from report_runs import LANGUAGES, make_run
from report_subnetworks import HEADS, LAYERS, make_subnetwork_run

from xling import report
from xling.errors import UserError
from xling.report.section import filled
from xling.report.sections import (
    change,
    heads,
    modularity,
    similarity,
    specialization,
    subnetwork_accuracy,
    sweep_changes,
)
from xling.report.sections.what_was_run import summary, traced_through
from xling.report.words import percent, points


def test_the_page_shows_the_subnetworks(opened, subnetwork_folder, subnetwork_tables):
    shown = opened(subnetwork_folder / "report.html")
    page = shown.page
    assert shown.complaints == [] and shown.outside_requests() == []
    assert page.locator("nav a[href='#subnetworks']").count() == 1
    assert "through subnetworks, not through the full model" in page.locator("#traced").inner_text()
    # pruning, head map, 3 masks, 3 overlaps
    assert page.locator("#subnetworks figure svg.marks").count() == 8
    # changes ±, modularity, specialization, similarity ±, shared part, layers
    assert page.locator("#subnetwork-change figure svg.marks").count() == 8
    change = subnetwork_tables["subnetwork_change"]
    drawn = page.locator("#subnetwork-change .pair").first.locator(".role-mark.mark-text text")
    assert sorted(drawn.all_text_contents()) == sorted(points(cell) for cell in change["change"])
    shown.unfold()
    assert page.locator("#changes td.weak").count() == (change["q"] >= 0.05).sum() > 0
    paper = page.locator("#disabled tbody td:last-child").all_inner_texts()
    assert paper == ["42", "56", "42"]  # Tab. 1: de, en, ko
    paper = page.locator("#subnetwork-accuracy tbody td:last-child").all_inner_texts()
    assert paper == ["68.0%", "78.6%", "67.1%"]  # Tab. 2
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_runs_without_subnetworks_show_none_of_it(tmp_path):
    folder = make_run(tmp_path / "run", ("de", "en"), epochs=1, traced_per_language=1)
    written = report.write_page(folder).read_text("utf-8")
    assert 'id="subnetwork' not in written and "#subnetworks" not in written
    assert 'id="traced"' not in written and "with all heads" not in written
    assert not {"head_use", "positive_change"} & {
        figure.name for figure in report.figures(report.load(folder))
    }


def test_a_run_with_own_masks_has_no_pruning_and_one_language_no_overlap(tmp_path):
    folder = make_subnetwork_run(
        tmp_path / "run", ("de",), "file", epochs=1, traced_per_language=1, task="mine"
    )
    (folder / "tables/pruning.parquet").unlink()
    written = report.write_page(folder).read_text("utf-8")
    assert "while heads are switched off" not in written and "How far they overlap" not in written
    assert "Similar subnetworks and influence" not in written
    assert "The subnetwork has" in written and "its mask file" in written
    assert "in the paper</th>" not in written


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "identified"}, "§3.1"),
        ({"name": "random", "seed": 2}, "random attention heads, as many as .* (seed 2;"),
        ({"name": "suboptimal", "language": "ko"}, "through the subnetwork of ko"),
        (
            {"name": "composed", "languages": ["es", "fr"], "compose": "union"},
            "union of the subnetworks of es and fr",
        ),
        ({"name": "file", "apply": "test"}, "off for the test examples alone"),
    ],
)
def test_what_was_traced_is_stated_plainly(settings, words):
    subnetwork = {"apply": "both", "seed": 0, "language": None, "languages": [], "compose": None}
    results = {"subnetwork": subnetwork | settings, "tuning": "full"}
    sentence = traced_through(results)
    assert all(word in sentence for word in words.split(" .* "))
    assert "sparsely" not in sentence
    assert "sparsely" in traced_through(results | {"tuning": "sparse"})
    assert traced_through({"subnetwork": {"name": "full"}}) == traced_through({}) == ""


def test_sentences_are_computed(subnetwork_folder, subnetwork_tables):
    results = report.load(subnetwork_folder).results
    assert heads.disabled_sentence(results) == (
        "Of 24 heads, a language’s subnetwork leaves 4 to 8 off (17–33%)."
    )
    changes = subnetwork_tables["subnetwork_change"]
    own = changes.query("sign == '+' and test_language == train_language")["change"]
    sentence = change.change_sentence(changes)
    assert f"by {points(own.min())} to {points(own.max())} percentage points" in sentence
    assert f"on average {points(own.mean())}" in sentence
    accuracy = subnetwork_tables["subnetwork_accuracy"]
    assert subnetwork_accuracy.sentence(accuracy).startswith(
        f"The subnetworks classify {percent(accuracy['subnetwork'].mean())} of the test examples"
    )
    assert "differ in 2 of 3 languages" in subnetwork_accuracy.sentence(accuracy)
    row = subnetwork_tables["specialization_correlation"].iloc[0]
    assert "go with lower accuracy" in specialization.sentence(
        subnetwork_tables["specialization_correlation"]
    )
    assert f"over {row['points']} points" in specialization.sentence(pd.DataFrame([row]))
    use = subnetwork_tables["masks"].groupby(["layer", "head"])["on"].sum()
    assert heads.heads_sentence(subnetwork_tables["masks"]).startswith(
        f"{(use == 3).sum()} of 24 heads are in every"
    )
    pairs = subnetwork_tables["mask_overlap"].query("layer == 0 and language != other")
    most = pairs.loc[pairs["cosine"].idxmax()]
    assert (
        f"{most['language']} and {most['other']} (cosine {most['cosine']:.2f})"
        in heads.overlap_sentence(subnetwork_tables["mask_overlap"])
    )
    facts = dict(summary(results, {}))
    assert facts["Subnetworks"] == "identified; on for test and training examples"


def test_p_values_are_said_to_be_of_permuted_languages(subnetwork_folder, subnetwork_tables):
    table = subnetwork_tables["similarity_correlation"]
    assert set(table["least_p"]) == {1 / 6}  # three languages
    run = report.load(subnetwork_folder)
    told = "so p is of permuted languages (Mantel): of so few it is 0.167 at least."
    assert similarity.content(run)["whose_p"].endswith(told)
    assert "Of so few languages none could be: p is 0.667 at least then." in (
        similarity.layers_sentence(table)
    )
    many = pd.concat([table.assign(layer=table["layer"] + 10 * more) for more in range(2)])
    assert "p is 1.000 at least then." in similarity.layers_sentence(many)
    seven = similarity.layers_sentence(table.assign(least_p=1 / 5040))
    assert "none could be" not in seven
    # Of earlier versions, which took pairs as independent.
    run.tables["similarity_correlation"] = table.drop(columns="least_p")
    assert similarity.content(run)["whose_p"].endswith("so p is too small: read it as a hint.")
    assert "none could be" not in similarity.content(run)["layers"]
    html = filled((similarity.SECTION,), run)[0].html()
    assert "p is too small: read it as a hint." in html


def test_what_cannot_be_computed_is_stated(subnetwork_tables):
    none = subnetwork_tables["similarity_correlation"].assign(
        r=np.nan, r_p=np.nan, rho=np.nan, rho_p=np.nan
    )
    none = none.assign(p_holm=np.nan)
    assert "cannot be correlated" in similarity.similarity_sentence(none)
    assert "In layers 1, 2, 3 and 4 it cannot be determined" in similarity.layers_sentence(none)
    assert (
        "in no layer for the most positive and no layer for the most negative"
        in similarity.layers_sentence(none)
    )
    row = subnetwork_tables["specialization_correlation"].assign(rho=np.nan)
    assert "cannot be correlated" in specialization.sentence(row)
    assert "no modularity" in modularity.sentence(
        subnetwork_tables["modularity"].assign(value=np.nan)
    )
    chart = similarity.layer_correlation_chart(none).to_dict()
    assert rows_with(chart, "p_holm")["rho"].isna().all()


def test_tables_with_gaps_are_read_and_with_holes_refused(tmp_path):
    folder = make_subnetwork_run(tmp_path / "run", epochs=1, traced_per_language=1)
    file = folder / "tables/subnetwork_change.parquet"
    change = pd.read_parquet(file)
    change.assign(low=np.nan, high=np.nan).to_parquet(file)
    assert "no interval" in report.write_page(folder).read_text("utf-8")
    change.assign(change=np.nan).to_parquet(file)
    with pytest.raises(UserError, match="column change has no value"):
        report.write_page(folder)


def test_changes_have_one_scale_and_strong_ones_are_bold(subnetwork_tables):
    changes = subnetwork_tables["subnetwork_change"]
    for sign in "+-":
        limit = change.change_limit(changes)
        chart = change.change_matrix(changes, sign, LANGUAGES, limit).to_dict()
        cells = rows_with(chart, "shade")
        table = changes[changes["sign"] == sign]
        np.testing.assert_allclose(cells["shade"], 100 * table["change"], atol=1e-3)
        assert list(cells["weak"]) == list(table["q"] >= 0.05)
        domain = chart["layer"][0]["encoding"]["color"]["scale"]["domain"]
        np.testing.assert_allclose((domain[0], domain[-1]), (-100 * limit, 100 * limit))
    panels = sweep_changes.change_panels({"a": changes, "b": changes}, "+")
    assert [panel.to_dict()["title"]["text"] for panel in panels.values()] == ["a", "b"]


def test_heads_are_counted_and_a_language_is_not_compared_with_itself(subnetwork_tables):
    cells = rows_with(heads.head_use_chart(subnetwork_tables["masks"]).to_dict(), "languages")
    use = subnetwork_tables["masks"].groupby(["layer", "head"])["on"].sum()
    counts = cells.set_index(["layer", "head"])["languages"]
    assert (counts.loc[use.index] == use).all() and len(cells) == LAYERS * HEADS
    for value in heads.OVERLAPS:
        cells = rows_with(
            heads.overlap_matrix(subnetwork_tables["mask_overlap"], value).to_dict(), "shade"
        )
        assert (cells["shade"].isna() == (cells["language"] == cells["other"])).all()
    assert set(cells.loc[cells["shade"].isna(), "printed"]) == {"1.00"}
    for language, mask in subnetwork_tables["masks"].groupby("language"):
        cells = rows_with(heads.mask_map(subnetwork_tables["masks"], language).to_dict(), "on")
        assert list(cells["on"]) == list(mask["on"])
