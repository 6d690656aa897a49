"""The figures of a page and the files of figures: the same, from one list."""

import re
from collections import Counter

import pytest

from xling import report
from xling.report.order import RUN_SECTIONS, SWEEP_SECTIONS
from xling.report.section import all_figures, filled
from xling.report.style import styled
from xling.report.sweep_page import write_sweep
from xling.report.sweep_results import gather

STARTS = {".svg": b"<svg", ".png": b"\x89PNG\r\n", ".pdf": b"%PDF-"}
FOLDERS = ("run_folder", "subnetwork_folder", "sweep_folder")

PAGE_AND_FILE = {
    "accuracy_by_epoch", "positive_shares", "negative_shares", "own_share_by_epoch",
    "positive_shares_by_epoch", "negative_shares_by_epoch", "mean_influence",
    "mean_influence_in_paper", "distribution", "reinforcing",
}  # fmt: skip
OF_SUBNETWORKS = {
    "pruning", "head_use", "masks", "mask_overlap", "mask_overlap_shared", "mask_overlap_cosine",
    "positive_change", "negative_change", "modularity", "specialization", "similarity",
    "similarity_negative", "interference", "layers",
}  # fmt: skip
OF_SWEEP = {
    "change_positive", "change_negative", "random_masks_positive", "random_masks_negative",
    "sft_accuracy", "own_share_epochs", "composed",
}  # fmt: skip

FILES_ALONE = {
    f"{name}_{run}"
    for name in ("similarity", "similarity_negative", "interference")
    for run in ("identified", "SFT_identified")
}
"""Files of figures that a page leaves out: of two languages' subnetworks there is one cosine."""


def on_page(folder):
    """The names of the files of a page's figures, with how many charts each is."""
    page = (folder / "report.html").read_text("utf-8")
    names = re.findall(r'<figure class="chart[^"]*" data-file="([^"]+)"', page)
    assert len(names) == page.count("<figure")
    return Counter(names)


def files(folder):
    return {file.name for file in (folder / "figures").iterdir()}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_figure_on_a_page_is_also_a_file(request, name, sweep_of_all_kinds):
    folder = request.getfixturevalue(name)
    write_sweep(*sweep_of_all_kinds) if name == "sweep_folder" else report.write_report(folder)
    shown, stems = on_page(folder), {file.rsplit(".")[0] for file in files(folder)}
    alone = FILES_ALONE if name == "sweep_folder" else set()
    assert len(shown) > 5 and set(shown) <= stems and stems - set(shown) == alone
    assert files(folder) == {stem + suffix for stem in stems for suffix in STARTS}
    for file in (folder / "figures").iterdir():
        assert file.read_bytes().startswith(STARTS[file.suffix])


def test_the_figures_of_runs_and_of_sweeps_have_these_names(
    run_folder, subnetwork_folder, sweep_folder
):
    assert set(on_page(run_folder)) == PAGE_AND_FILE
    assert set(on_page(subnetwork_folder)) == PAGE_AND_FILE | OF_SUBNETWORKS
    assert set(on_page(sweep_folder)) >= OF_SWEEP | {"head_use_pawsx", "specialization_identified"}


def test_a_figure_of_panels_is_one_chart_in_its_file(run_folder):
    run = report.load(run_folder)
    figures = {figure.name: figure for figure in report.figures(run)}
    own, shown = figures["own_share_by_epoch"], on_page(run_folder)
    assert shown["own_share_by_epoch"] == len(own.specs) == len(run.languages)
    assert [panel["title"]["text"] for panel in own.spec["concat"]] == run.languages
    assert shown["positive_shares"] == 1 and "concat" not in figures["positive_shares"].spec


def test_figures_are_valid_on_the_page_and_in_their_files(subnetwork_folder):
    """While they are drawn nothing checks them, since that takes half of the time."""
    for figure in report.figures(report.load(subnetwork_folder)):
        charts = figure.chart if isinstance(figure.chart, dict) else {"": figure.chart}
        assert list(charts) == list(figure.panels)
        for title, chart in charts.items():
            assert styled(chart).to_dict(validate=True) == figure.panels[title]


def test_a_figure_is_a_page_of_its_own_for_trackers(run_folder):
    (figure,) = (
        figure
        for figure in report.figures(report.load(run_folder))
        if figure.name == "positive_shares"
    )
    page = figure.html()
    assert "vegaEmbed" in page and "percentage points from the base rate" in page
    assert 'src="http' not in page


def test_no_section_and_no_table_occurs_twice():
    for sections in (RUN_SECTIONS, SWEEP_SECTIONS):
        every = [part for section in sections for part in (section, *section.parts)]
        names = [section.name for section in every]
        tables = [table for section in every for table in section.schemas]
        assert len(set(names)) == len(names) and len(set(tables)) == len(tables)


def test_no_figure_is_wired_twice(run_folder, subnetwork_folder, sweep_of_all_kinds):
    runs = [filled(RUN_SECTIONS, report.load(folder)) for folder in (run_folder, subnetwork_folder)]
    sweep = filled(SWEEP_SECTIONS, gather(*sweep_of_all_kinds))
    for sections in (*runs, sweep):
        names = [figure.file for figure in all_figures(sections)]
        assert len(names) > 5 and len(set(names)) == len(names)
