"""The section on more and more data of one language (Choenni et al. 2023, §8.4 and Fig. 5)."""

from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.charts.lines import by_language, dashed
from xling.report.charts.panels import by_method, split_by_method
from xling.report.section import INTERVAL, SIGN, Figure, Section
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import printed_rows
from xling.report.words import interval, percent

SCHEMAS = {
    "imbalance": across_runs(
        "Share of a language's own data among its most influential, against how much there is.",
        {
            "language": "language that there is more data of",
            "sign": SIGN,
            "share": "mean share of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "share of all training data that is of the language, 0 to 1",
            "lift": "share divided by the base rate",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where no imbalance was swept."""
    if "imbalance" not in sweep.tables:
        return None
    return {"table": printed_rows(sweep.tables["imbalance"])}


def figures(sweep: SweepResults) -> list[Figure]:
    """Return the curves of both signs: the share, and its lift over the base rate."""
    if "imbalance" not in sweep.tables:
        return []
    curves, drawn = sweep.tables["imbalance"], []
    for sign, name in SIGNS.items():
        label = f"Own share of the most {name} against imbalance"
        chart = by_method(curves, partial(imbalance_chart, sign=sign, value="share"))
        drawn.append(Figure(f"imbalance_{name}", label, chart, fluid=True))
        label = f"Lift over the base rate against imbalance, {name}"
        chart = by_method(curves, partial(imbalance_chart, sign=sign, value="lift"))
        drawn.append(Figure(f"imbalance_{name}_lift", label, chart, fluid=True))
    return drawn


def imbalance_chart(curves: pd.DataFrame, sign: str, value: str) -> alt.LayerChart:
    """Draw the share of a language's own data, or its lift, against the imbalance (Fig. 5)."""
    table = curves[curves["sign"] == sign].copy()
    if value == "lift":
        for end in ("low", "high"):
            table[end] = table[end] / table["base_rate"]
    table["interval"] = [_printed(row, value) for row in table.to_dict("records")]
    order = list(dict.fromkeys(table["language"]))
    title, form = ("own share", ".0%") if value == "share" else ("share ÷ base rate", ".1f")
    color, dash, shape = by_language(table, order)
    base = alt.Chart(table).encode(
        x=alt.X(
            "imbalance:Q",
            title="more data of the language, %",
            axis=alt.Axis(values=sorted(set(table["imbalance"])), grid=False),
        ),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("imbalance:Q", title="more data, %"),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
            alt.Tooltip("lift:Q", title="share ÷ base rate", format=".2f"),
            alt.Tooltip("interval:N", title=f"95% interval, {title}"),
        ],
    )
    axis = alt.Axis(format=form, tickCount=5)
    bands = base.mark_area(opacity=0.12).encode(
        y=alt.Y("low:Q", title=title, axis=axis), y2=alt.Y2("high:Q")
    )
    lines = base.mark_line(strokeWidth=2).encode(y=alt.Y(f"{value}:Q"), strokeDash=dash)
    points = base.mark_point(filled=True, size=50, opacity=1).encode(
        y=alt.Y(f"{value}:Q"), shape=shape
    )
    layers = [bands, lines, points]
    if value == "lift":
        layers.insert(0, dashed(1, "y"))
    return alt.layer(*layers).properties(width=420, height=260)


def _printed(row: dict[str, Any], value: str) -> str:
    if value == "share":
        return interval(row["low"], row["high"])
    return f"{row['low']:.2f}–{row['high']:.2f}"


def findings(sweep: SweepResults) -> list[str]:
    """Say how the share moves from the least to the most data, by language."""
    if "imbalance" not in sweep.tables:
        return []
    parts = split_by_method(sweep.tables["imbalance"])
    return [start + text for start, curves in parts for text in _sentences(curves)]


def _sentences(curves: pd.DataFrame) -> list[str]:
    sentences = []
    for language, table in curves[curves["sign"] == "+"].groupby("language", sort=False):
        first, last = table.iloc[0], table.iloc[-1]
        if first["imbalance"] == last["imbalance"]:
            continue
        sentences.append(
            f"With {last['imbalance']}% more {language} data, its share of its own most positive "
            f"examples goes from {percent(first['share'])} to {percent(last['share'])}; its share "
            f"of all training data from {percent(first['base_rate'])} to "
            f"{percent(last['base_rate'])}, so the lift over it from {first['lift']:.2f} to "
            f"{last['lift']:.2f}."
        )
    return sentences


SECTION = Section(
    "imbalance",
    "imbalance.html.j2",
    content,
    "Imbalance",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    question="What does more data of one language change?",
)
