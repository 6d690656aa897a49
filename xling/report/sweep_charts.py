"""The figures of a sweep's report, one pure function each."""

from typing import Any

import altair as alt
import pandas as pd

from xling.report.charts import by_language, dashed
from xling.report.style import HUES, LINES, QUIET, SIGNS, styled
from xling.report.wording import change_intervals, interval

SOLID = alt.Legend(symbolOpacity=1, labelLimit=280)  # not the opacity of the bands


def sweep_charts(tables: dict[str, pd.DataFrame]) -> dict[str, alt.TopLevelMixin]:
    """Return the figures of the tables that are there."""
    charts = {}
    if "imbalance" in tables:
        for sign, name in SIGNS.items():
            charts[f"imbalance_{name}"] = imbalance_chart(tables["imbalance"], sign, "share")
            charts[f"imbalance_{name}_lift"] = imbalance_chart(tables["imbalance"], sign, "lift")
    if "zero_shot_shares" in tables:
        charts["zero_shot_shares"] = zero_shot_chart(tables["zero_shot_shares"])
    if "confidence" in tables:
        for sign in dict.fromkeys(tables["confidence"]["sign"]):
            charts[f"confidence_{SIGNS[sign]}"] = confidence_chart(tables["confidence"], sign)
    return charts


def imbalance_chart(curves: pd.DataFrame, sign: str, value: str) -> alt.LayerChart:
    """Share of a language's own data, or its lift over the base rate, against p (Fig. 5)."""
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
        y=alt.Y("low:Q", title=title, axis=axis), y2="high:Q"
    )
    lines = base.mark_line(strokeWidth=2).encode(y=f"{value}:Q", strokeDash=dash)
    points = base.mark_point(filled=True, size=50, opacity=1).encode(y=f"{value}:Q", shape=shape)
    layers = [bands, lines, points]
    if value == "lift":
        layers.insert(0, dashed(1, "y"))
    return styled(alt.layer(*layers).properties(width=420, height=260))


def zero_shot_chart(shares: pd.DataFrame) -> alt.TopLevelMixin:
    """Shares of the training languages for a language left out, by both models (Fig. 4)."""
    table = shares[(shares["sign"] == "+")].copy()
    table["interval"] = [interval(a, b) for a, b in zip(table["low"], table["high"], strict=True)]
    names = {"full": "with it", "without": "without it"}
    table["trained"] = table["model"].map(names)
    color = alt.Color("trained:N", title="trained", sort=list(names.values())).scale(
        domain=list(names.values()), range=[LINES[0], QUIET]
    )
    base = alt.Chart(table).encode(
        x=alt.X("train_language:N", title=None, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("trained:N", sort=list(names.values())),
        tooltip=[
            alt.Tooltip("test_language:N", title="test language"),
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("trained:N"),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        ],
    )
    bars = base.mark_bar(opacity=0.8, cornerRadiusEnd=2).encode(
        y=alt.Y("share:Q", title="share of the most positive", axis=alt.Axis(format=".0%")),
        color=color,
    )
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    width = max(90, 46 * table["train_language"].nunique())
    panel = (bars + whiskers).properties(width=width, height=180)
    return styled(panel.facet(facet=alt.Facet("test_language:N", title=None), columns=2))


def confidence_chart(changes: pd.DataFrame, sign: str) -> alt.LayerChart:
    """Change of the probability of the right class against k, beside the control (Fig. 1)."""
    table = changes[changes["sign"] == sign].copy()
    table["interval"] = change_intervals(table["low"], table["high"])
    for each in ("change", "low", "high"):
        table[each] = 100 * table[each]
    kinds = {"influential": f"most {SIGNS[sign]}", "random": "as many random ones like them"}
    table["dropped"] = table["left_out"].map(kinds)
    color = alt.Color("dropped:N", title="left out", sort=list(kinds.values()), legend=SOLID).scale(
        domain=list(kinds.values()), range=[f"rgb({HUES[sign]})", QUIET]
    )
    base = alt.Chart(table).encode(
        x=alt.X(
            "k:Q",
            title="examples left out",
            axis=alt.Axis(values=sorted(set(table["k"])), grid=False),
            scale=alt.Scale(zero=False),
        ),
        color=color,
        tooltip=[
            alt.Tooltip("dropped:N", title="left out"),
            alt.Tooltip("k:Q"),
            alt.Tooltip("change:Q", title="points of probability", format="+.2f"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("test_examples:Q", title="test examples"),
        ],
    )
    title = "change in probability, points"
    bands = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
    lines = base.mark_line(strokeWidth=2).encode(y="change:Q")
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        y="change:Q",
        shape=alt.Shape("dropped:N", title="left out", sort=list(kinds.values())).scale(
            domain=list(kinds.values()), range=["circle", "square"]
        ),
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=QUIET).encode(y="zero:Q")
    return styled((zero + bands + lines + points).properties(width=460, height=260))


def _printed(row: dict[str, Any], value: str) -> str:
    if value == "share":
        return interval(row["low"], row["high"])
    return f"{row['low']:.2f}–{row['high']:.2f}"
