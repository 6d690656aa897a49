"""The part on specialization: own-language share and accuracy at every epoch (§7.1)."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.report.charts.lines import by_language
from xling.report.section import Figure, Schema, Section
from xling.report.tables import Run, RunTables, there
from xling.report.words import coefficients, number

CORRELATION = {
    "r": "Pearson's correlation",
    "r_p": "its p-value",
    "rho": "Spearman's rank correlation",
    "rho_p": "its p-value",
}
"""The columns of a table of correlations."""

SCHEMAS = {
    "specialization": Schema(
        "Own-language share and accuracy of each language at each epoch.",
        {
            "language": "language code",
            "epoch": "epoch, from 1",
            "own_share": "share of the language's own data in the most positive examples, computed "
            "from that epoch alone, 0 to 1",
            "accuracy": "accuracy on the language's development set through its subnetwork",
        },
        required=False,
        gaps=("accuracy",),
    ),
    "specialization_correlation": Schema(
        "Correlation of own-language share and accuracy over languages and epochs.",
        {
            "model": "what was traced: the subnetworks",
            **CORRELATION,
            "points": "number of languages times epochs",
        },
        required=False,
        gaps=tuple(CORRELATION),
    ),
}


def content(run: Run | RunTables) -> dict[str, Any] | None:
    """Return what the template prints of a run's tables."""
    if not there(run.tables, "specialization"):
        return None
    correlation = "specialization_correlation"
    text = sentence(run.tables[correlation]) if there(run.tables, correlation) else ""
    return {"sentence": text}


def figures(run: Run | RunTables) -> list[Figure]:
    """Draw the figure of a run's tables, if there is one to draw."""
    if not there(run.tables, "specialization"):
        return []
    label = "Own-language share against accuracy at each epoch"
    chart = specialization_chart(run.tables["specialization"], run.languages)
    return [Figure("specialization", label, chart, fluid=True, subject=run.title)]


def specialization_chart(
    specialization: pd.DataFrame, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Draw the own-language share against accuracy at every epoch (Choenni et al. 2024, Fig. 7).

    A line joins a language's epochs.
    """
    table = specialization.dropna().round(5)
    color, _, shape = by_language(table, languages)
    ratio = alt.Axis(format=".0%", tickCount=6, tickMinStep=0.01)
    base = alt.Chart(table).encode(
        x=alt.X("own_share:Q", title="share of the language’s own data", axis=ratio).scale(
            zero=False
        ),
        y=alt.Y("accuracy:Q", title="development accuracy", axis=ratio).scale(zero=False),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("epoch:O"),
            alt.Tooltip("own_share:Q", title="own share", format=".1%"),
            alt.Tooltip("accuracy:Q", format=".1%"),
        ],
    )
    lines = base.mark_line(strokeWidth=1, opacity=0.4).encode(order=alt.Order("epoch:Q"))
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(shape=shape)
    return (lines + dots).properties(width=460, height=280)


def sentence(specialization_correlation: pd.DataFrame) -> str:
    """Say whether accuracy goes with a larger or a smaller own-language share (§7.1)."""
    row = specialization_correlation.iloc[0]
    over = f"{number(row['points'])} points, each a language at an epoch"
    if pd.isna(row["rho"]):
        return (
            f"Own share and accuracy cannot be correlated over {over}: a correlation needs "
            "three or more, with different values of both."
        )
    which = "lower" if row["rho"] < 0 else "higher"
    return (
        f"Larger own shares go with {which} accuracy: {coefficients(row)}, over {over}. Points of "
        "one language are not independent."
    )


SECTION = Section(
    "specialization", "specialization.html.j2", content, schemas=SCHEMAS, figures=figures
)
