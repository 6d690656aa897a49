"""The part on modularity: how far predictions rely on the test language's own data alone."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.report.charts.lines import SOLID, dashed
from xling.report.section import INTERVAL, Figure, Schema, Section
from xling.report.style import HEADS, QUIET
from xling.report.tables import Run, records, there
from xling.report.words import number

MODEL_NAMES = {"full": "full model", "subnetwork": "subnetwork"}

SCHEMAS = {
    "modularity": Schema(
        "How far predictions rely on the test language's own training data alone.",
        {
            "language": "language of the test examples",
            "model": "full, subnetwork, or change from the one to the other",
            "value": "own share of the most positive less the base rate, over 1 less the base "
            "rate: 1 is the own language alone, 0 chance, below it avoidance of the own language",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "test_examples": "number of test examples averaged over",
        },
        required=False,
        gaps=("value", "low", "high"),
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints."""
    if not there(run.tables, "modularity"):
        return None
    modularity = run.tables["modularity"]
    return {
        "sentence": run.said("modularity", sentence, "language"),
        "rows": modularity_rows(modularity),
    }


def modularity_rows(modularity: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per language, with the numbers of each model and of the change."""
    numbers = {(row["language"], row["model"]): row for row in records(modularity)}
    return [
        {"language": language}
        | {model: numbers.get((language, model)) for model in ("full", "subnetwork", "change")}
        for language in dict.fromkeys(modularity["language"])
    ]


def figures(run: Run) -> list[Figure]:
    """Return the figure, unless there is no modularity to draw."""
    tables = run.tables
    if not there(tables, "modularity") or tables["modularity"]["value"].isna().all():
        return []
    label = "Modularity by the full model and through the subnetworks"
    chart = modularity_chart(tables["modularity"], run.languages)
    return [Figure("modularity", label, chart, fluid=True)]


def modularity_chart(
    modularity: pd.DataFrame, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Draw how far each language relies on its own data alone, with intervals, by both models."""
    table = modularity[modularity["model"].isin(MODEL_NAMES) & modularity["value"].notna()]
    table = table.round(5).assign(
        shown=table["model"].map(MODEL_NAMES),
        interval=[
            "none" if low != low else f"{number(low, 2)} to {number(high, 2)}"
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
    )
    names = list(MODEL_NAMES.values())
    look = {"domain": names, "range": [QUIET, f"rgb({HEADS})"]}
    base = alt.Chart(table).encode(
        y=alt.Y("language:N", sort=languages, title="test language").scale(paddingInner=0.3),
        yOffset=alt.YOffset("shown:N", sort=names),
        tooltip=[
            alt.Tooltip("language:N", title="test language"),
            alt.Tooltip("shown:N", title="model"),
            alt.Tooltip("value:Q", title="modularity", format=".3f"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("test_examples:Q", title="test examples"),
        ],
    )
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(
        x=alt.X("low:Q"), x2=alt.X2("high:Q")
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("value:Q", title="modularity", axis=alt.Axis(tickCount=6)),
        color=alt.Color("shown:N", title=None, sort=names, legend=SOLID).scale(**look),
        shape=alt.Shape("shown:N", title=None, sort=names).scale(
            domain=names, range=["circle", "diamond"]
        ),
    )
    height = 38 * max(1, table["language"].nunique())
    return (dashed(0, "x") + whiskers + dots).properties(width=460, height=height)


def sentence(modularity: pd.DataFrame) -> str:
    """Say how modular the predictions are by both models."""
    by_model = dict(list(modularity.dropna(subset="value").groupby("model")))
    if not by_model:
        return "All training examples are of one language, so there is no modularity to measure."
    full, subnetwork = (number(by_model[model]["value"].mean(), 2) for model in MODEL_NAMES)
    changes = by_model["change"]
    clear = int(((changes["low"] > 0) | (changes["high"] < 0)).sum())
    return (
        f"Modularity is {full} on average for the full model and {subnetwork} through the "
        f"subnetworks; the interval of the change excludes zero in {clear} of {len(changes)} "
        "languages."
    )


SECTION = Section("modularity", "modularity.html.j2", content, schemas=SCHEMAS, figures=figures)
