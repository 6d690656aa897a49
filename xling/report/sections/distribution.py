"""The section on how influence is distributed, a panel per test language.

Choenni et al. 2023, Fig. 9 to 11.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.charts.lines import sign_hues
from xling.report.section import Figure, Schema, Section
from xling.report.sections.epochs import few
from xling.report.sections.shares import present
from xling.report.style import HUES, INK, QUIET
from xling.report.tables import Run
from xling.report.words import number, percent

RIDGES = 7  # with more training languages, quantiles are drawn instead of the whole distribution
LEVELS = {"least": 0.01, "lower": 0.25, "median": 0.5, "upper": 0.75, "most": 0.99}
PAIR = ["test_language", "train_language"]

SCHEMAS = {
    "distribution": Schema(
        "How many pairs of a training and a test example have which summed influence.",
        {
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "low": "lower end of the bin",
            "high": "upper end of the bin",
            "pairs": "number of pairs",
        },
    ),
}


def content(run: Run) -> dict[str, Any]:
    """Return what the template prints."""
    return {
        "sentence": run.said("distribution", sentence),
        "by_quantiles": len(present(run, "train_language")) > RIDGES,
    }


def figures(run: Run) -> list[Figure]:
    """Return the panels of all test languages, unless they are too many to read."""
    if not few(run):
        return []
    panels = influence_distributions(run.tables["distribution"], run.languages)
    label = "Distribution of the influence of each training language on {}"
    return [Figure("distribution", label, panels, fluid=True)]


def normalised(distribution: pd.DataFrame) -> pd.DataFrame:
    """Add `share`: the pairs of a bin as a share of all of its two languages, 0 to 1."""
    total = distribution.groupby(PAIR, sort=False)["pairs"].transform("sum")
    return distribution.assign(share=distribution["pairs"] / total)


def quantiles(distribution: pd.DataFrame) -> pd.DataFrame:
    """Return the quantiles `LEVELS` of each pair of languages, straight lines within a bin."""
    rows = []
    for key, bins in distribution.sort_values("low").groupby(PAIR, sort=False):
        # bins without pairs are left out of the table, so both ends of each bin are points
        below = np.concatenate([[0], bins["pairs"].cumsum()]) / bins["pairs"].sum()
        ends = np.column_stack([bins["low"], bins["high"]]).ravel()
        reached = np.column_stack([below[:-1], below[1:]]).ravel()
        rows.append((*key, *np.interp(list(LEVELS.values()), reached, ends)))
    return pd.DataFrame(rows, columns=[*PAIR, *LEVELS])


def _ordered(values: Iterable[str], languages: Sequence[str] | None) -> list[str]:
    present = list(dict.fromkeys(values))
    return [language for language in languages if language in present] if languages else present


def influence_distributions(
    distribution: pd.DataFrame, languages: Sequence[str] | None = None
) -> dict[str, alt.LayerChart]:
    """Draw the distribution of the influence of each training language, by test language.

    The axes hold all of the table, so that the panels have one scale. Up to `RIDGES` training
    languages are drawn as histograms, normalised within the pair of languages; more as their
    quartiles and the range of their middle 98%.

    Args:
        distribution: the table `distribution`.
        languages: their order; by default as they come.
    """
    order = _ordered(distribution["train_language"], languages)
    many = len(order) > RIDGES
    table = quantiles(distribution) if many else normalised(distribution)
    draw = _quantile_bars if many else _ridges
    return {
        name: draw(table, name, order).properties(width=250, title=alt.Title(name, anchor="start"))
        for name in _ordered(table["test_language"], languages)
    }


def _ridges(histograms: pd.DataFrame, test_language: str, order: list[str]) -> alt.LayerChart:
    table = histograms.query("test_language == @test_language").drop(columns="test_language")
    row = table["train_language"].map(order.index)
    table = table.assign(
        share=table["share"].round(6),
        foot=row + 1,
        head=(row + 1 - 0.92 * table["share"] / histograms["share"].max()).round(4),
        influence=np.where(table["low"] < 0, SIGNS["-"], SIGNS["+"]),
        bin=[
            f"{number(a, 2)} to {number(b, 2)}" for a, b in zip(table.low, table.high, strict=True)
        ],
    )
    names = f"{json.dumps(order)}[floor(datum.value)]"
    axis = alt.Axis(
        values=[place + 0.75 for place in range(len(order))],
        labelExpr=names,
        labelFontWeight=_bold_where(f"{names} == {json.dumps(test_language)}"),
        labelOverlap=False,
        grid=False,
    )
    height = alt.Scale(domain=[len(order), 0], nice=False, zero=False)
    domain = alt.Scale(domain=[histograms["low"].min(), histograms["high"].max()], nice=False)
    bars = (
        alt.Chart(table)
        .mark_rect(opacity=0.8)
        .encode(
            x=alt.X("low:Q", scale=domain, title="influence", axis=alt.Axis(tickCount=5)),
            x2=alt.X2("high:Q"),
            y=alt.Y("foot:Q", scale=height, axis=axis, title=None),
            y2=alt.Y2("head:Q"),
            color=alt.Color("influence:N", legend=None, scale=sign_hues()),
            tooltip=[
                alt.Tooltip("train_language:N", title="training language"),
                alt.Tooltip("bin:N", title="influence"),
                alt.Tooltip("share:Q", title="of the pairs", format=".1%"),
                alt.Tooltip("pairs:Q", format=","),
            ],
        )
    )
    feet = alt.Chart(pd.DataFrame({"foot": range(1, len(order) + 1)}))
    lines = feet.mark_rule(color=QUIET, opacity=0.35).encode(
        y=alt.Y("foot:Q", scale=height, axis=axis, title=None)
    )
    return alt.layer(lines, bars, _zero()).properties(height=34 * len(order))


def _quantile_bars(
    quantile_rows: pd.DataFrame, test_language: str, order: list[str]
) -> alt.LayerChart:
    table = quantile_rows.query("test_language == @test_language")
    table = table.drop(columns="test_language").round(4)
    domain = alt.Scale(
        domain=[quantile_rows["least"].min(), quantile_rows["most"].max()], nice=True
    )
    axis = alt.Axis(
        labelFontSize=11,
        labelFontWeight=_bold_where(f"datum.value == {json.dumps(test_language)}"),
        grid=False,
    )
    base = alt.Chart(table).encode(
        y=alt.Y("train_language:N", sort=order, title=None, axis=axis),
        tooltip=[
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("median:Q", format=".2f"),
            alt.Tooltip("lower:Q", title="lower quartile", format=".2f"),
            alt.Tooltip("upper:Q", title="upper quartile", format=".2f"),
            alt.Tooltip("least:Q", title="1% lie below", format=".2f"),
            alt.Tooltip("most:Q", title="1% lie above", format=".2f"),
        ],
    )
    ticks = alt.Axis(tickCount=5)
    layers = []
    for low, high, size, opacity in (("least", "most", 2.5, 0.7), ("lower", "upper", 8, 0.85)):
        for sign, end in (("-", "min"), ("+", "max")):  # cut at zero, a colour on each side
            layers.append(
                base.transform_calculate(a=f"{end}(0, datum.{low})", b=f"{end}(0, datum.{high})")
                .mark_bar(size=size, opacity=opacity, color=f"rgb({HUES[sign]})", clip=True)
                .encode(
                    x=alt.X("a:Q", scale=domain, axis=ticks, title="influence"), x2=alt.X2("b:Q")
                )
            )
    median = base.mark_tick(color=INK, thickness=2, size=12).encode(x=alt.X("median:Q", axis=ticks))
    return alt.layer(*layers, median, _zero()).properties(height=15 * len(order))


def _zero() -> alt.Chart:
    return (
        alt.Chart(pd.DataFrame({"zero": [0]}))
        .mark_rule(color=QUIET, strokeDash=[4, 4], clip=True)  # 0 may lie far outside
        .encode(x=alt.X("zero:Q"))
    )


def _bold_where(test: str) -> dict[str, object]:
    return {"condition": {"test": test, "value": "bold"}, "value": "normal"}


def sentence(distribution: pd.DataFrame) -> str:
    """Say what share of all pairs has positive influence, within and between languages."""
    own = distribution["test_language"] == distribution["train_language"]
    table = distribution.assign(
        above=distribution["pairs"].where(distribution["low"] >= 0, 0),
        where=own.map({True: "within", False: "between"}),
    )
    sums = table.groupby("where")[["above", "pairs"]].sum()
    shares = sums["above"] / sums["pairs"]
    overall = percent(sums["above"].sum() / sums["pairs"].sum())
    text = f"Of all pairs of a training and a test example, {overall} have positive influence"
    if len(shares) < 2:
        return f"{text}."
    return (
        f"{text}: {percent(shares['within'])} of those in the same language, "
        f"{percent(shares['between'])} of those in different ones."
    )


SECTION = Section(
    "distribution",
    "distribution.html.j2",
    content,
    "Distribution",
    schemas=SCHEMAS,
    figures=figures,
)
