"""The page's charts as Vega-Lite specifications."""

from typing import Any

import altair as alt
import pandas as pd

from xling.report import charts, distributions, matrices
from xling.report.papers import Paper
from xling.report.style import SIGNS
from xling.report.tables import Run

FLUID = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
PANELS = 20  # languages up to which small multiples of matrices or distributions can be read


def specs(run: Run, paper: Paper) -> dict[str, Any]:
    """Return the specifications by name; those of several panels as dictionaries by panel."""
    tables, languages = run.tables, run.languages
    shares, limit = tables["shares"], matrices.share_limit(tables["shares"].query("epoch == 0"))
    found = {
        "positive": matrices.share_heatmap(shares, "+", 0, languages, limit).to_dict(),
        "negative": matrices.share_heatmap(shares, "-", 0, languages, limit).to_dict(),
        "means": matrices.mean_influence_matrix(tables["mean_influence"], 0, languages).to_dict(),
    }
    if len(paper.means):
        found["paper_means"] = matrices.mean_influence_matrix(paper.means).to_dict()
    if (tables["accuracy"]["epoch"] > 1).any():  # of a single epoch the table says it all
        found["accuracy"] = fluid(charts.accuracy_by_epoch(tables["accuracy"], languages))
    if (shares["epoch"] > 1).any():
        own = charts.own_per_epoch(shares)
        found["own"] = {
            language: fluid(charts.own_share(shares, language, charts.own_domain(own)))
            for language in languages
            if language in set(own["test_language"])
        }
        if few(run):
            found["epochs"] = _by_epoch(shares, languages)
    if "reinforcing" in tables:
        bars = charts.reinforcing_bars(tables["reinforcing"], languages, paper.reinforcing)
        found["reinforcing"] = fluid(bars)
    if few(run):
        panels = distributions.influence_distributions(tables["distribution"], languages)
        found["distribution"] = {language: fluid(panel) for language, panel in panels.items()}
    return found


def few(run: Run) -> bool:
    """Tell whether small multiples of all languages can be read."""
    return len(run.languages) <= PANELS


def _by_epoch(shares: pd.DataFrame, languages: list[str]) -> dict[str, dict[int, Any]]:
    single = shares.query("epoch > 0")
    limit = matrices.share_limit(single)
    return {
        name: {
            epoch: matrices.share_panel(shares, sign, epoch, languages, limit).to_dict()
            for epoch in sorted({int(epoch) for epoch in single["epoch"]})
        }
        for sign, name in SIGNS.items()
    }


def fluid(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """Let a chart take the width of its place on the page."""
    return {**chart.to_dict(), **FLUID}
