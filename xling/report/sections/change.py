"""The section on what subnetworks change (Choenni et al. 2024)."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.charts.matrix import cell_width, matrix
from xling.report.section import SIGN, Figure, KeyFigure, Schema, Section
from xling.report.sections import modularity, similarity, specialization, subnetwork_accuracy
from xling.report.sections.shares import is_printed, present
from xling.report.style import GREY, HUES, rgba
from xling.report.tables import Cells, Run, records, there
from xling.report.words import (
    SIGNIFICANT,
    change_interval,
    change_intervals,
    listed,
    p_equals,
    p_value,
    percent,
    points,
    points_range,
)

SMALL = 250  # pixels that the columns of one of several small matrices share
CHANGE_INTERVAL = "end of the 95% bootstrap interval of the change, paired over test examples"

SCHEMAS = {
    "subnetwork_change": Schema(
        "How the shares of the training languages change when predictions go through a subnetwork.",
        {
            "sign": SIGN,
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "full": "mean share of the top-k set by the full model, 0 to 1",
            "subnetwork": "the same through the subnetwork",
            "change": "subnetwork less full",
            "low": f"lower {CHANGE_INTERVAL}",
            "high": f"upper {CHANGE_INTERVAL}",
            "p": "p-value, paired Wilcoxon signed-rank test over the test examples",
            "q": "p with the false discovery rate controlled over the table (Benjamini, Hochberg)",
            "test_examples": "number of test examples, which both models classify correctly",
        },
        required=False,
        gaps=("low", "high"),
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None for a run without subnetworks."""
    if not there(run.tables, "subnetwork_change"):
        return None
    changes = run.tables["subnetwork_change"]
    return {
        "change": run.said("subnetwork_change", change_sentence),
        "across": across_sentence(run.told("subnetwork_change")),
        "cells": {sign: change_cells(changes, sign) for sign in SIGNS},
        "test_languages": present(run, "test_language", "subnetwork_change"),
        "train_languages": present(run, "train_language", "subnetwork_change"),
        "printed": is_printed(changes),
        "sparse": run.results["tuning"] == "sparse",
    }


def change_cells(subnetwork_change: pd.DataFrame, sign: str) -> Cells:
    """Return the changes of one sign by (test language, training language).

    `weak` are those that are not significant.
    """
    rows = records(subnetwork_change[subnetwork_change["sign"] == sign])
    return {
        (row["test_language"], row["train_language"]): {**row, "weak": row["q"] >= SIGNIFICANT}
        for row in rows
    }


def figures(run: Run) -> list[Figure]:
    """Return the matrices of both signs, on one scale."""
    if not there(run.tables, "subnetwork_change"):
        return []
    changes = run.tables["subnetwork_change"]
    limit = change_limit(changes)
    return [
        Figure(
            f"{name}_change",
            f"Change of the shares of the most {name} training examples through the subnetworks",
            change_matrix(changes, sign, run.languages, limit),
        )
        for sign, name in SIGNS.items()
    ]


def change_limit(subnetwork_change: pd.DataFrame) -> float:
    """Return the largest change of a share (0 to 1), of both signs."""
    return float(subnetwork_change["change"].abs().max())


def change_matrix(
    subnetwork_change: pd.DataFrame,
    sign: str,
    languages: Sequence[str] | None = None,
    limit: float | None = None,
    small: bool = False,
) -> alt.LayerChart:
    """Draw the change of the shares through the subnetworks.

    Choenni et al. 2024, Fig. 2, 4 and 6. Changes that are significant are bold.

    Args:
        subnetwork_change: the table of that name.
        sign: "+" or "-".
        languages: order of rows and columns; by default as they come.
        limit: change (0 to 1) with the strongest colour, so that several charts can have one
            scale; by default the largest in the chart.
        small: one of several: without a legend and titles of the axes.
    """
    limit = max(100 * (limit if limit is not None else change_limit(subnetwork_change)), 0.1)
    rows = subnetwork_change.query("sign == @sign")
    columns = rows["train_language"].nunique()
    width = cell_width(columns, SMALL, 24) if small else cell_width(columns)
    color = alt.Color("shade:Q", title="change, percentage points").scale(
        domain=[-limit, 0, 1e-6 * limit, limit],
        range=[rgba(GREY, 0.6), rgba(GREY, 0), rgba(HUES[sign], 0), rgba(HUES[sign], 0.8)],
    )
    form = "+.0f" if limit >= 2 else "+.1f"
    label = f"datum.value == 0 ? 'no change' : format(datum.value, '{form}')"
    legend = alt.Legend(orient="bottom", labelExpr=label, values=[-limit, 0, limit])
    tooltip = [
        alt.Tooltip("full:Q", title="share, full model", format=".1%"),
        alt.Tooltip("subnetwork:Q", title="share, subnetwork", format=".1%"),
        alt.Tooltip("shade:Q", title="change, points", format="+.2f"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("p:N"),
        alt.Tooltip("q:N"),
        alt.Tooltip("test_examples:Q", title="test examples"),
    ]
    table = _change_table(rows, 1 if width >= 34 else 0)
    return matrix(table, color.legend(None if small else legend), tooltip, languages, width, small)


def _change_table(rows: pd.DataFrame, digits: int) -> pd.DataFrame:
    """Return what the cells of a matrix of changes print and what their tooltips show."""
    table = rows[["test_language", "train_language", "full", "subnetwork", "test_examples"]]
    return table.round(5).assign(
        shade=(100 * rows["change"]).round(3),
        weak=rows["q"] >= SIGNIFICANT,
        printed=[points(change, digits) for change in rows["change"]],
        interval=change_intervals(rows["low"], rows["high"]),
        p=[p_value(p) for p in rows["p"]],
        q=[p_value(q) for q in rows["q"]],
    )


def own_changes(subnetwork_change: pd.DataFrame, sign: str) -> pd.DataFrame:
    """Return the rows in which a language meets its own training data."""
    return subnetwork_change.query("sign == @sign and test_language == train_language")


def change_sentence(subnetwork_change: pd.DataFrame) -> str:
    """Say how the own language's share changes, positive and negative."""
    parts = []
    for sign, name in SIGNS.items():
        own = own_changes(subnetwork_change, sign)
        if own.empty:
            continue
        whose = "the own language’s" if len(own) > 1 else f"the {own.iloc[0]['test_language']}"
        subject = f"that of the most {name}" if parts else f"{whose} share of the most {name}"
        mean = f", on average {points(own['change'].mean())}" if len(own) > 1 else ""
        clear = int((own["q"] < SIGNIFICANT).sum())
        parts.append(
            f"{subject} examples changes by {points_range(own['change'])} percentage points{mean} "
            f"(q < {SIGNIFICANT} in {clear} of {len(own)})"
        )
    if not parts:
        return "No test language has training data of its own in this run."
    return f"Through the subnetworks, {listed(parts)}."


def across_sentence(subnetwork_change: pd.DataFrame) -> str:
    """Say which change between different languages is the largest, of the most positive."""
    others = subnetwork_change.query("sign == '+' and test_language != train_language")
    if others.empty:
        return ""
    row = others.loc[others["change"].abs().idxmax()]
    return (
        f"The largest change across languages is of {row['train_language']} training examples on "
        f"{row['test_language']} test examples: {points(row['change'])} points "
        f"({change_interval(row['low'], row['high'])}; {p_equals(row['q'], 'q')})."
    )


def findings(run: Run) -> list[str]:
    """Return how the own language's share changes."""
    if not there(run.tables, "subnetwork_change"):
        return []
    told = run.told("subnetwork_change")
    return [] if told.empty else [change_sentence(told)]


def key_figures(run: Run) -> list[KeyFigure]:
    """Return the mean change of the own language's share."""
    if not there(run.tables, "subnetwork_change"):
        return []
    own = own_changes(run.tables["subnetwork_change"], "+")
    if own.empty:
        return []
    full = f"points, from {percent(own['full'].mean())} by the full model"
    return [("Own share, change", points(own["change"].mean()), full)]


SECTION = Section(
    "subnetwork-change",
    "change.html.j2",
    content,
    "Change",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    key_figures=key_figures,
    parts=(
        modularity.SECTION,
        subnetwork_accuracy.SECTION,
        specialization.SECTION,
        similarity.SECTION,
    ),
)
