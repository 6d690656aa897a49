"""The page's charts as Vega-Lite specifications."""

from typing import Any

import altair as alt
import pandas as pd

from xling.report import charts, distributions, head_charts, matrices, subnetwork_charts
from xling.report.papers import Paper
from xling.report.style import SIGNS
from xling.report.tables import Run
from xling.report.told_subnetworks import one_for_all

FLUID = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
DRAWN = "layer > 0 and measure == 'cosine'"  # correlations that are drawn
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
    if "subnetwork_change" in tables:
        found["subnetworks"] = subnetworks(run)
    return found


def subnetworks(run: Run) -> dict[str, Any]:
    """Return the specifications of the subnetworks' figures, as far as there are tables."""
    tables, languages = run.tables, run.languages
    change = tables["subnetwork_change"]
    limit = subnetwork_charts.change_limit(change)
    matrices_of_change = {
        name: subnetwork_charts.change_matrix(change, sign, languages, limit).to_dict()
        for sign, name in SIGNS.items()
    }
    return {
        **_heads(tables, languages),
        "change": matrices_of_change,
        **going_with(tables, languages),
    }


def there(tables: dict[str, pd.DataFrame], name: str) -> bool:
    """Tell whether there is a table with rows."""
    return name in tables and not tables[name].empty


def _heads(tables: dict[str, pd.DataFrame], languages: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if there(tables, "pruning"):
        found["pruning"] = fluid(head_charts.pruning_chart(tables["pruning"], languages))
    if not there(tables, "masks"):
        return found
    masks = tables["masks"]
    found["head_use"] = head_charts.head_use_chart(masks).to_dict()
    if one_for_all(masks):
        return found
    if there(tables, "mask_overlap"):
        found["overlap"] = {
            value: head_charts.overlap_matrix(tables["mask_overlap"], value, languages).to_dict()
            for value in head_charts.OVERLAPS
        }
    if masks["language"].nunique() <= PANELS:
        found["masks"] = {
            language: head_charts.mask_map(masks, language).to_dict()
            for language in languages
            if language in set(masks["language"])
        }
    return found


def going_with(tables: dict[str, pd.DataFrame], languages: list[str]) -> dict[str, Any]:
    """Return the figures of what goes with specialization and with similar subnetworks."""
    found: dict[str, Any] = {}
    draw = subnetwork_charts
    if there(tables, "modularity") and tables["modularity"]["value"].notna().any():
        found["modularity"] = fluid(draw.modularity_chart(tables["modularity"], languages))
    if there(tables, "specialization"):
        chart = draw.specialization_chart(tables["specialization"], languages)
        found["specialization"] = fluid(chart)
    table = tables.get("similarity", pd.DataFrame())
    if len(table) and table.query("layer == 0")["cosine"].nunique() > 1:
        found["similarity"] = {
            name: fluid(draw.similarity_chart(table, sign, languages=languages))
            for sign, name in SIGNS.items()
        }
        chart = draw.similarity_chart(table, "-", measure="part", languages=languages)
        found["interference"] = chart.to_dict()  # folded away, where there is no width to take
    correlation = tables.get("similarity_correlation", pd.DataFrame())
    if len(correlation) and correlation.query(DRAWN)["rho"].notna().any():
        found["layers"] = fluid(draw.layer_correlation_chart(correlation))
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
