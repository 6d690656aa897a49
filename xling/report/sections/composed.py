"""The section on composed subnetworks (Choenni et al. 2024, app. F.2 and Fig. 19)."""

from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.charts.lines import dashed
from xling.report.charts.panels import BELOW, TEST_EXAMPLES, Panels, change_domain, panels
from xling.report.section import Figure, Section
from xling.report.sections.sweep_changes import CHANGE_COLUMNS
from xling.report.style import HUES, LINES, QUIET, rgba
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import printed_rows
from xling.report.words import change_intervals, listed, p_value, points

SCHEMAS = {
    "composed": across_runs(
        "What composed subnetworks change.",
        {
            "compose": "union or intersection",
            **CHANGE_COLUMNS,
            "languages": "whose subnetworks are composed",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None for a sweep without composed subnetworks."""
    if "composed" not in sweep.tables:
        return None
    return {"table": printed_rows(sweep.tables["composed"])}


def figures(sweep: SweepResults) -> list[Figure]:
    """Return the changes of the runs that are drawn, a panel per test language."""
    if "composed" not in sweep.tables:
        return []
    label = "Change of the shares through composed subnetworks, {}"
    by_language = composed_panels(sweep.drawn().titled("composed"))
    return [Figure("composed", label, by_language, columns=2, fluid=True)]


def composed_panels(composed: pd.DataFrame, sign: str = "+") -> Panels:
    """Draw the change through composed subnetworks, a panel per test language (Fig. 19)."""
    table = composed[composed["sign"] == sign]
    domain = change_domain([*table[["change", "low"]].min(), *table[["change", "high"]].max()])
    draw = partial(_composed, domain=domain)
    return panels(table, draw, "test_language", ("languages",), TEST_EXAMPLES)


def _composed(rows: pd.DataFrame, domain: tuple[float, float]) -> alt.LayerChart:
    order = list(dict.fromkeys(rows["train_language"]))
    names = sorted(set(rows["variant"]), key=lambda name: ("∪" in name, name))
    table = rows[["variant", "train_language", "full", "subnetwork"]].round(5)
    table = table.assign(
        **{column: (100 * rows[column]).round(3) for column in ("change", "low", "high")},
        interval=change_intervals(rows["low"], rows["high"]),
        q=[p_value(q) for q in rows["q"]],
    )
    sign = rows["sign"].iloc[0]
    shades = [f"rgb({HUES[sign]})", rgba(HUES[sign], 0.4), *LINES]
    base = alt.Chart(table).encode(
        x=alt.X("train_language:N", sort=order, title="training examples").axis(labelAngle=0),
        xOffset=alt.XOffset("variant:N", sort=names),
        tooltip=[
            alt.Tooltip("variant:N", title="subnetwork"),
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("full:Q", title="share, full model", format=".1%"),
            alt.Tooltip("subnetwork:Q", title="share, composed", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval of the change"),
            alt.Tooltip("q:N"),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        y=alt.Y("change:Q", title=f"change of the most {SIGNS[sign]}, points").scale(
            domain=domain, nice=True
        ),
        color=alt.Color("variant:N", title=None, sort=names, legend=BELOW).scale(
            domain=names, range=[shades[i % len(shades)] for i in range(len(names))]
        ),
    )
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(
        y=alt.Y("low:Q"), y2=alt.Y2("high:Q")
    )
    return (dashed(0, "y") + bars + whiskers).properties(width=330, height=230)


def findings(sweep: SweepResults) -> list[str]:
    """Say whether composed languages rely more on each other."""
    if "composed" not in sweep.tables:
        return []
    return composed_sentences(sweep.titled("composed"))


def composed_sentences(composed: pd.DataFrame) -> list[str]:
    """Say whether composed languages rely more on each other (app. F.2)."""
    parts = []
    for title, rows in composed.query("sign == '+'").groupby("variant", sort=False):
        pair = set(rows["languages"].iloc[0].split())
        mutual = rows[
            rows["test_language"].isin(pair)
            & rows["train_language"].isin(pair)
            & (rows["test_language"] != rows["train_language"])
        ]
        if len(mutual):
            parts.append(f"{points(mutual['change'].mean())} ({title})")
    if not parts:
        return []
    return [
        "Through composed subnetworks, the composed languages’ shares of the most positive "
        f"examples for each other change by {listed(parts)} percentage points on average."
    ]


SECTION = Section(
    "composed",
    "composed.html.j2",
    content,
    "Composed",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    question="Do composed subnetworks make two languages share?",
)
