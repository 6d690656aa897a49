"""The section on reinforcing or complementary examples: translations of the own language's."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.charts.lines import sign_hues
from xling.report.papers import paper
from xling.report.section import INTERVAL, SIGN, Figure, KeyFigure, Schema, Section
from xling.report.style import INK, QUIET
from xling.report.tables import Run
from xling.report.words import interval, percent

SCHEMAS = {
    "reinforcing": Schema(
        "Influential examples of other languages that are translations of own-language ones.",
        {
            "sign": SIGN,
            "test_language": "language of the test examples",
            "reinforcing": "share of the members from other languages that are translations of a "
            "member from the test language, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "members": "number of members from other languages",
            "expected": "mean share if as many examples were drawn at random from each other "
            "language, 0 to 1",
        },
        required=False,
        newer=("expected",),
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None for a task whose data is not parallel."""
    if "reinforcing" not in run.tables:
        return None
    printed = paper(run).reinforcing
    return {
        "source": printed["source"].iloc[0] if len(printed) else "",
        "chance": "expected" in run.tables["reinforcing"],
    }


def figures(run: Run) -> list[Figure]:
    """Return the bars, with the paper's figures where it has any."""
    if "reinforcing" not in run.tables:
        return []
    bars = reinforcing_bars(run.tables["reinforcing"], run.languages, paper(run).reinforcing)
    label = "Share of the influential examples from other languages that are reinforcing"
    return [Figure("reinforcing", label, bars, fluid=True)]


def reinforcing_bars(
    reinforcing: pd.DataFrame,
    languages: Sequence[str] | None = None,
    paper: pd.DataFrame | None = None,
) -> alt.LayerChart:
    """Draw the share of the influential examples from other languages that reinforce.

    Choenni et al. 2023, §8.1 and Tab. 4. Strokes mark what random examples would have, where the
    table knows it. The figures of a `paper` (columns sign, test_language, reinforcing, source) are
    marked by diamonds on the bars of the same languages.
    """
    table = reinforcing.copy()
    order = list(languages) if languages else list(dict.fromkeys(table["test_language"]))
    table["interval"] = [
        interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)
    ]
    table["influence"] = table["sign"].map(SIGNS)
    place = {
        "y": alt.Y("test_language:N", sort=order, title="test language").scale(paddingInner=0.35),
        "yOffset": alt.YOffset("influence:N", sort=list(SIGNS.values())),
    }
    tooltip = [
        alt.Tooltip("test_language:N", title="test language"),
        alt.Tooltip("influence:N"),
        alt.Tooltip("reinforcing:Q", format=".1%"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("members:Q", title="from other languages"),
    ]
    if "expected" in table:
        tooltip.append(alt.Tooltip("expected:Q", title="random examples", format=".1%"))
    base = alt.Chart(table).encode(**place, tooltip=tooltip)
    color = alt.Color("influence:N", title=None, sort=list(SIGNS.values()), scale=sign_hues())
    axis = alt.Axis(format=".0%", tickCount=5)
    bars = base.mark_bar(opacity=0.75, cornerRadiusEnd=2).encode(
        x=alt.X("reinforcing:Q", title="reinforcing", axis=axis), color=color
    )
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(
        x=alt.X("low:Q"), x2=alt.X2("high:Q")
    )
    chart = bars + whiskers
    if "expected" in table:
        chart += base.mark_tick(color=INK, thickness=2, size=11).encode(x=alt.X("expected:Q"))
    if paper is not None:
        paper = paper[paper["test_language"].isin(table["test_language"])]
        chart = chart if paper.empty else chart + _diamonds(paper, place)
    return chart.properties(width=460, height=38 * table["test_language"].nunique())


def _diamonds(paper: pd.DataFrame, place: dict[str, alt.SchemaBase]) -> alt.Chart:
    """Mark a paper's figures where its languages and signs have their bars."""
    return (
        alt.Chart(
            paper.assign(
                influence=paper["sign"].map(SIGNS), printed=paper["source"].str.split(":").str[0]
            )
        )
        .mark_point(filled=True, size=70, color=INK, stroke="white", strokeWidth=1, opacity=1)
        .encode(
            **place,
            x=alt.X("reinforcing:Q"),
            shape=alt.Shape("printed:N", title=None)
            .scale(range=["diamond"])
            .legend(orient="bottom", labelLimit=260),
            tooltip=[
                alt.Tooltip("source:N", title="not of this run"),
                alt.Tooltip("test_language:N", title="test language"),
                alt.Tooltip("influence:N"),
                alt.Tooltip("reinforcing:Q", format=".0%"),
            ],
        )
    )


def key_figures(run: Run) -> list[KeyFigure]:
    """Return the mean over the languages, of the most positive examples."""
    if "reinforcing" not in run.tables:
        return []
    positive = run.tables["reinforcing"].query("sign == '+'")
    if positive.empty:
        return []
    mean = percent(positive["reinforcing"].mean())
    what = "of the positive in other languages translate own ones"
    if "expected" in positive:
        what += f"; random ones: {percent(positive['expected'].mean())}"
    return [("Reinforcing", mean, what)]


SECTION = Section(
    "reinforcing",
    "reinforcing.html.j2",
    content,
    "Reinforcing",
    schemas=SCHEMAS,
    figures=figures,
    key_figures=key_figures,
)
