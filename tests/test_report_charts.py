"""The figures of runs: what is drawn of their tables, by which scale."""

import itertools

import numpy as np
import pandas as pd
import pytest
from report_pages import rows_in, rows_of
from report_runs import LANGUAGES, make_distribution, make_shares

from xling import report
from xling.analysis.reference import reference
from xling.report import papers
from xling.report.charts.lines import own_domain
from xling.report.sections.distribution import influence_distributions, quantiles
from xling.report.sections.epochs import own_per_epoch, shares_by_epoch
from xling.report.sections.means import mean_influence_matrix
from xling.report.sections.reinforcing import reinforcing_bars
from xling.report.sections.shares import share_heatmap, share_limit


def test_heatmaps_are_coloured_from_the_base_rate_on_one_scale(run_folder):
    shares = report.load(run_folder).tables["shares"]
    chart = share_heatmap(shares, "-", epoch=2, limit=0.5).to_dict()
    cells = rows_in(next(iter(chart["datasets"].values())))
    table = shares.query("sign == '-' and epoch == 2")
    assert len(cells) == len(table) == len(LANGUAGES) ** 2
    excess = 100 * (table["share"] - table["base_rate"])
    np.testing.assert_allclose(cells["excess"].astype(float), excess, atol=1e-3)
    domain = chart["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert (domain[0], domain[1], domain[-1]) == (-50, 0, 50)


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([0.4, 0.5, 0.6, 0.66], [0.4, 0.66]),
        ([0.050, 0.051, 0.050, 0.052], [0, 0.052]),
        ([-0.1, -0.4, -0.2, -0.3], [-0.4, -0.1]),
    ],
)
def test_mean_influence_of_one_sign_uses_one_hue(means, expected):
    pairs = list(itertools.product(("de", "en"), repeat=2))
    table = pd.DataFrame(pairs, columns=["test_language", "train_language"])
    table = table.assign(epoch=0, mean=means, low=means, high=means)
    scale = mean_influence_matrix(table).to_dict()["layer"][0]["encoding"]["color"]
    np.testing.assert_allclose(scale["scale"]["domain"], expected)


def test_heatmaps_show_lift_and_q_where_there_are_any(run_folder):
    shares = report.load(run_folder).tables["shares"]
    summed = share_heatmap(shares, "+").to_dict()
    fields = {entry["field"] for entry in summed["layer"][0]["encoding"]["tooltip"]}
    assert {"share", "interval", "base_rate", "lift", "q"} <= fields
    cells = rows_in(next(iter(summed["datasets"].values())))
    assert set(cells["q"]) == {"<0.001", "0.210"}
    single = share_heatmap(shares, "+", epoch=1).to_dict()
    fields = {entry["field"] for entry in single["layer"][0]["encoding"]["tooltip"]}
    assert "lift" in fields and "q" not in fields


@pytest.mark.parametrize(("count", "epochs"), [(5, 3), (15, 10)])
def test_shares_of_each_epoch_have_one_scale(count, epochs):
    languages = [f"l{i:02}" for i in range(count)]
    shares = make_shares(np.random.default_rng(1), languages, languages, epochs, 3)
    chart = shares_by_epoch(shares, "-", languages).spec
    panels = chart["concat"]
    assert [panel["title"]["text"] for panel in panels] == [f"epoch {i + 1}" for i in range(epochs)]
    limit = 100 * share_limit(shares.query("epoch > 0"))
    for at, panel in enumerate(panels, 1):
        scale = panel["layer"][0]["encoding"]["color"]["scale"]["domain"]
        np.testing.assert_allclose((scale[0], scale[-1]), (-limit, limit))
        cells = rows_of(chart, panel)
        table = shares[(shares["sign"] == "-") & (shares["epoch"] == at)]
        np.testing.assert_allclose(cells["share"], table["share"], atol=1e-5)
        assert panel["width"]["step"] * count <= 300  # three fit beside one another


def test_distribution_is_normalised_within_two_languages(run_folder):
    distribution = report.load(run_folder).tables["distribution"]
    panels = influence_distributions(distribution, ["ko", "en", "de"])
    assert list(panels) == ["ko", "en", "de"]
    spec = panels["en"].to_dict()
    bars = rows_of(spec, spec["layer"][1])
    np.testing.assert_allclose(bars.groupby("train_language")["share"].sum(), 1, atol=1e-4)
    assert (bars.loc[bars["low"] < 0, "influence"] == "negative").all()
    assert (bars.loc[bars["low"] >= 0, "influence"] == "positive").all()
    # rows go downwards in the languages' order, and no bar leaves its row
    assert bars.groupby("train_language")["foot"].unique().map(list).to_dict() == {
        "ko": [1], "en": [2], "de": [3],
    }  # fmt: skip
    assert (bars["foot"] - bars["head"]).between(0, 0.92).all()


def test_many_languages_are_drawn_by_their_quantiles():
    languages = [f"l{i:02}" for i in range(15)]
    table = make_distribution(np.random.default_rng(0), languages, languages)
    panels = influence_distributions(table, languages)
    assert len(panels) == 15
    spec = panels["l03"].to_dict()
    quartiles = pd.DataFrame(next(d for d in spec["datasets"].values() if "median" in d[0]))
    quartiles = quartiles.set_index("train_language")
    assert len(quartiles) == 15
    np.testing.assert_allclose(quartiles.loc["l03", "median"], 0.7, atol=0.05)
    np.testing.assert_allclose(quartiles.loc["l04", ["lower", "upper"]], [0.03, 0.57], atol=0.05)


def test_quantiles_lie_within_the_bins():
    table = pd.DataFrame(
        [("a", "b", -1.0, 0.0, 25), ("a", "b", 0.0, 1.0, 50), ("a", "b", 4.0, 5.0, 25)],
        columns=["test_language", "train_language", "low", "high", "pairs"],
    )
    row = quantiles(table).iloc[0]
    np.testing.assert_allclose([row.least, row.lower, row["median"]], [-0.96, 0, 0.5])
    assert row.most == pytest.approx(4.96)


def test_reinforcing_has_the_papers_figures_as_diamonds(run_folder):
    run = report.load(run_folder)
    paper = papers.paper(run)
    chart = reinforcing_bars(run.tables["reinforcing"], LANGUAGES, paper.reinforcing)
    spec = chart.to_dict()
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["bar", "rule", "tick", "point"]
    marks = rows_of(spec, spec["layer"][3])
    table = reference("xnli").query("what == 'reinforcing' and test_language in ['de', 'en']")
    np.testing.assert_allclose(marks["reinforcing"], table["value"])
    assert set(marks["printed"]) == {"Choenni et al. 2023, Tab. 4"}
    bars = rows_of(spec, spec["layer"][0])
    np.testing.assert_allclose(bars["reinforcing"], run.tables["reinforcing"]["reinforcing"])
    earlier = run.tables["reinforcing"].drop(columns="expected")
    assert len(reinforcing_bars(earlier).to_dict()["layer"]) == 2


def test_own_share_takes_the_diagonal_of_single_epochs(run_folder):
    shares = report.load(run_folder).tables["shares"]
    own = own_per_epoch(shares)
    assert len(own) == 2 * 3 * len(LANGUAGES)
    low, high = own_domain(own)
    assert low == 0 and high >= own["high"].max()
