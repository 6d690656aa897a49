"""The section on mean influence: over all pairs of a training and a test example."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.report.charts.matrix import matrix
from xling.report.methods import method
from xling.report.papers import paper
from xling.report.section import EPOCH, INTERVAL, Figure, Schema, Section
from xling.report.sections.shares import cells, is_printed, present
from xling.report.style import HUES, rgba
from xling.report.tables import Run
from xling.report.words import number

FLAT = 0.2  # matrices whose values differ by less, relatively, are coloured from zero

SCHEMAS = {
    "mean_influence": Schema(
        "Mean influence over all pairs of a training and a test example.",
        {
            "epoch": EPOCH,
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "mean": "mean influence ({mean})",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
        },
    ),
}


def content(run: Run) -> dict[str, Any]:
    """Return what the template prints."""
    means = paper(run).means
    return {
        "above_zero": method(run.results).above_zero,
        "cells": cells(run.tables["mean_influence"]),
        "test_languages": present(run, "test_language"),
        "train_languages": present(run, "train_language"),
        "printed": is_printed(run.tables["mean_influence"]),
        "source": means["source"].iloc[0] if len(means) else "",
    }


def figures(run: Run) -> list[Figure]:
    """Return the matrix of the run, and that of the paper where it has one for the task."""
    table, means = run.tables["mean_influence"], paper(run).means
    drawn = [
        Figure(
            "mean_influence",
            "Mean influence of each training language on each test language",
            mean_influence_matrix(table, 0, run.languages),
        )
    ]
    if len(means):
        label = f"Mean influence in {means['source'].iloc[0]}"
        drawn.append(Figure("mean_influence_in_paper", label, mean_influence_matrix(means)))
    return drawn


def mean_influence_matrix(
    mean_influence: pd.DataFrame, epoch: int = 0, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Mean influence of each training on each test language (Choenni et al. 2023, Tab. 3).

    A table without the columns low and high, as of a paper, is drawn without intervals.
    """
    table = mean_influence.query("epoch == @epoch")
    low, high = table["mean"].min(), table["mean"].max()
    size = max(abs(low), abs(high), 1e-12)
    digits = 2 if size >= 0.1 else 3 if size >= 0.01 else 4
    ends = [table[end] for end in ("low", "high") if end in table]
    table = table[["test_language", "train_language"]].assign(
        mean=table["mean"].astype(float).round(digits + 3),
        printed=[number(mean, digits) for mean in table["mean"]],
    )
    tooltip = [alt.Tooltip("mean:Q", title="mean influence", format=f".{digits + 1}f")]
    if ends:
        table["interval"] = [
            f"{number(low, digits + 1)} to {number(high, digits + 1)}"
            for low, high in zip(*ends, strict=True)
        ]
        tooltip.append(alt.Tooltip("interval:N", title="95% interval"))
    strong, weak = ({sign: rgba(hue, alpha) for sign, hue in HUES.items()} for alpha in (0.8, 0.04))
    if low < 0 < high:
        ticks = [-size, 0.0, size]
        domain = [-size, 0, 1e-6 * size, size]
        colors = [strong["-"], weak["-"], weak["+"], strong["+"]]
    else:  # all of one sign: from the smallest, unless they hardly differ
        weakest = min(abs(low), abs(high)) if high - low > FLAT * size else 0.0
        ticks = domain = [weakest, size] if high > 0 else [-size, -weakest]
        colors = [weak["+"], strong["+"]] if high > 0 else [strong["-"], weak["-"]]
    color = alt.Color("mean:Q", title="mean influence").scale(domain=domain, range=colors)
    legend = color.legend(orient="bottom", format=f".{digits}f", values=ticks)
    return matrix(table, legend, tooltip, languages)


SECTION = Section(
    "means", "means.html.j2", content, "Mean influence", schemas=SCHEMAS, figures=figures
)
