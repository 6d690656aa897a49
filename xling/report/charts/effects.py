"""What each language's data does: exchange rates, laws, and curves."""

from collections.abc import Sequence
from functools import partial

import altair as alt
import pandas as pd

from xling.report.charts.lines import by_language
from xling.report.charts.matrix import ROOM, TEST, Side, cell_width, matrix
from xling.report.charts.panels import TEST_EXAMPLES, Panels, panels
from xling.report.style import HEADS, HUES, rgba
from xling.report.words import SIGNIFICANT, number, p_value

LAWS = ("nothing", "alike", "own", "one", "separate", "each")
"""The order of the laws; `nothing` is the mean, to compare with."""

LAW = Side("law", "law", "law")

ROW = 32
"""Height of a language's laws in pixels: there are many languages, and five laws."""


def rates_matrix(rates: pd.DataFrame, languages: Sequence[str]) -> alt.LayerChart:
    """Draw what an example of each training language is worth to each test language."""
    known = rates.dropna(subset="rate")
    width = cell_width(known["train_language"].nunique(), ROOM, 30)
    own = known["test_language"] == known["train_language"]
    table = known[["test_language", "train_language"]].assign(
        rate=known["rate"].round(4),
        shade=known["rate"].clip(upper=2).round(4),
        printed=[_printed_rate(rate, 2 if width >= 36 else 1) for rate in known["rate"]],
        interval=[
            "1 by definition" if pd.isna(low) else f"{number(low, 2)} to {number(high, 2)}"
            for low, high in zip(known["low"], known["high"], strict=True)
        ],
        none=_printed_q(known["q_none"]),
        alike=_printed_q(known["q_alike"]),
        weak=~own & ~(known["q_none"] < SIGNIFICANT),
    )
    color = alt.Color("shade:Q", title="own examples that an example is worth").scale(
        domain=[0, 1, 2], range=[rgba(HUES["+"], 0), rgba(HUES["+"], 0.5), rgba(HUES["+"], 0.9)]
    )
    tooltip = [
        alt.Tooltip("rate:Q", title="worth", format=".3f"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("none:N", title="q against 0"),
        alt.Tooltip("alike:N", title="q against 1"),
    ]
    legend = color.legend(orient="bottom", values=[0, 1, 2], format="d")
    return matrix(table, legend, tooltip, languages, width)


def _printed_rate(rate: float, digits: int) -> str:
    """Write a rate so that it fits into a cell."""
    return ">99" if rate > 99 else number(rate, digits if rate < 9.9 else 0)


def _printed_q(values: pd.Series) -> list[str]:
    return ["–" if pd.isna(q) else p_value(q) for q in values]


def laws_matrix(laws: pd.DataFrame, languages: Sequence[str]) -> alt.LayerChart:
    """Draw the cross-validated R² of each law for each test language; the chosen one is bold."""
    known = laws.dropna(subset="r2")
    table = known[["test_language", "law"]].assign(
        r2=known["r2"].round(4),
        shade=known["r2"].clip(lower=0).round(4),
        printed=[number(r2, 2) for r2 in known["r2"]],
        rho=["–" if pd.isna(rho) else number(rho, 2) for rho in known["rho"]],
        parameters=known["parameters"],
        weak=~known["chosen"].astype(bool),
    )
    color = alt.Color("shade:Q", title="R², cross-validated").scale(
        domain=[0, 1], range=[rgba(HEADS, 0), rgba(HEADS, 0.75)]
    )
    tooltip = [
        alt.Tooltip("r2:Q", title="R², cross-validated", format=".3f"),
        alt.Tooltip("rho:N", title="rank correlation"),
        alt.Tooltip("parameters:Q"),
    ]
    order = [*languages, *LAWS]
    legend = color.legend(orient="bottom", values=[0, 0.5, 1], format=".1f")
    return matrix(table, legend, tooltip, order, 70, sides=(TEST, LAW), tallest=ROW)


def curve_panels(curves: pd.DataFrame, points: pd.DataFrame, languages: Sequence[str]) -> Panels:
    """Draw each test language's measure against the examples of each training language."""
    draw = partial(_curves, points=points, languages=languages)
    return panels(curves, draw, "test_language", (), TEST_EXAMPLES)


def _curves(curves: pd.DataFrame, points: pd.DataFrame, languages: Sequence[str]) -> alt.LayerChart:
    test, measure = curves["test_language"].iloc[0], curves["measure"].iloc[0]
    sign, form = (-1, ".2f") if measure == "loss" else (1, ".0%")
    title = "mean loss" if measure == "loss" else "accuracy"
    shown = curves[["train_language", "examples"]].assign(
        value=(sign * curves["predicted"]).round(4),
        low=(sign * curves["low"]).round(4),
        high=(sign * curves["high"]).round(4),
    )
    own = points[points["test_language"] == test]
    own = own[["train_language", "examples"]].assign(value=(sign * own["value"]).round(4))
    color, dash, _ = by_language(shown, languages, "train_language")
    x = alt.X(
        "examples:Q", title="examples of the language", axis=alt.Axis(tickCount=5, grid=False)
    )
    y = alt.Y("value:Q", title=title, axis=alt.Axis(format=form, tickCount=5)).scale(zero=False)
    lines = (
        alt.Chart(shown)
        .mark_line(strokeWidth=2)
        .encode(
            x=x,
            y=y,
            color=color,
            strokeDash=dash,
            tooltip=[
                alt.Tooltip("train_language:N", title="training language"),
                alt.Tooltip("examples:Q", format=".0f"),
                alt.Tooltip("value:Q", title=title, format=".3f"),
                alt.Tooltip("low:Q", title="95% interval, one end", format=".3f"),
                alt.Tooltip("high:Q", title="the other", format=".3f"),
            ],
        )
    )
    dots = (
        alt.Chart(own).mark_point(filled=True, size=14, opacity=0.35).encode(x=x, y=y, color=color)
    )
    return (dots + lines).properties(width=330, height=230)
