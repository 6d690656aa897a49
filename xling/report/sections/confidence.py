"""The section on fine-tuning again without the most influential examples.

Choenni et al. 2023, §6 and Fig. 1, 6 to 8.
"""

from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.analysis.sweeps import flattens
from xling.report.charts.panels import by_method, split_by_method
from xling.report.section import INTERVAL, SIGN, Figure, Section
from xling.report.style import HUES, QUIET
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import printed_rows
from xling.report.words import FEW, change_intervals, p_equals, points

LEGEND = alt.Legend(symbolOpacity=1, labelLimit=280)  # not the opacity of the bands

SCHEMAS = {
    "retrained": across_runs(
        "Fine-tunings without some training examples, and the predictions that they change.",
        {
            "base": "run whose influential examples were left out",
            "example": "place of the test example among the run's",
            "test_id": "id of the test example",
            "language": "its language",
            "sign": SIGN,
            "k": "number of training examples left out",
            "control": "0: the influential ones; from 1: random ones like them",
            "before": "probability of the right class by the run's model",
            "after": "the same without the examples",
            "dropped": "number of training examples that were in fact left out",
        },
    ),
    "confidence": across_runs(
        "Change of the probability of the right class when training examples are left out.",
        {
            "sign": SIGN,
            "k": "number of training examples left out",
            "left_out": "influential, or as many random ones like them",
            "change": "mean change of the probability over the test examples",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "test_examples": "number of test examples",
            "p_random": "p-value, paired Wilcoxon test against the random ones",
            "p_next": "p-value, paired Wilcoxon test against the next k",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where no examples were left out."""
    if "confidence" not in sweep.tables:
        return None
    return {
        "confidence": printed_rows(sweep.tables["confidence"]),
        "retrained": printed_rows(sweep.tables["retrained"]),
    }


def figures(sweep: SweepResults) -> list[Figure]:
    """Return the curve of each sign that was looked at."""
    if "confidence" not in sweep.tables:
        return []
    changes = sweep.tables["confidence"]
    return [
        Figure(
            f"confidence_{SIGNS[sign]}",
            f"Change in probability against k, {SIGNS[sign]}",
            by_method(changes[changes["sign"] == sign], partial(confidence_chart, sign=sign)),
            fluid=True,
        )
        for sign in dict.fromkeys(changes["sign"])
    ]


def confidence_chart(changes: pd.DataFrame, sign: str) -> alt.LayerChart:
    """Draw the change in probability of the right class against k, by the control (Fig. 1)."""
    table = changes[changes["sign"] == sign].copy()
    table["interval"] = change_intervals(table["low"], table["high"])
    for column in ("change", "low", "high"):
        table[column] = 100 * table[column]
    kinds = {"influential": f"most {SIGNS[sign]}", "random": "as many random ones like them"}
    table["dropped"] = table["left_out"].map(kinds)
    names = list(kinds.values())
    color = alt.Color("dropped:N", title="left out", sort=names, legend=LEGEND).scale(
        domain=names, range=[f"rgb({HUES[sign]})", QUIET]
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
    bands = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=title), y2=alt.Y2("high:Q"))
    lines = base.mark_line(strokeWidth=2).encode(y=alt.Y("change:Q"))
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        y=alt.Y("change:Q"),
        shape=alt.Shape("dropped:N", title="left out", sort=names).scale(
            domain=names, range=["circle", "square"]
        ),
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=QUIET).encode(y=alt.Y("zero:Q"))
    return (zero + bands + lines + points).properties(width=460, height=260)


def findings(sweep: SweepResults) -> list[str]:
    """Say what leaving out most examples changes, and from which k on the curve is flat."""
    if "confidence" not in sweep.tables:
        return []
    parts = split_by_method(sweep.tables["confidence"])
    return [start + text for start, changes in parts for text in _sentences(changes)]


def _sentences(changes: pd.DataFrame) -> list[str]:
    sentences = []
    for sign, table in changes.groupby("sign", sort=False):
        influential = table[table["left_out"] == "influential"]
        row = influential.loc[influential["k"].idxmax()]
        if row["test_examples"] < FEW:
            sentences.append(
                f"Too few test examples (n = {row['test_examples']}) were fine-tuned without "
                f"their {row['k']} most {SIGNS[sign]} examples to say anything: it takes {FEW} or "
                "more."
            )
            continue
        text = (
            f"Without the {row['k']} most {SIGNS[sign]} examples the probability of the right "
            f"class changes by {points(row['change'])} points on average over "
            f"{row['test_examples']} test examples"
        )
        control = table[(table["left_out"] == "random") & (table["k"] == row["k"])]
        if len(control):
            text += f", without as many random ones by {points(control.iloc[0]['change'])}"
        if pd.notna(row["p_random"]):
            text += f" ({p_equals(row['p_random'])})"
        where = flattens(changes, sign)
        text += f". The curve is flat from k = {where} on." if where else "."
        sentences.append(text)
    return sentences


SECTION = Section(
    "confidence",
    "confidence.html.j2",
    content,
    "Fine-tuned again",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    question="Do the most influential examples make the predictions?",
)
