"""The section on full and sparse fine-tuning (Choenni et al. 2024, §6, app. E and Tab. 2)."""

from typing import Any

import altair as alt
import pandas as pd

from xling.report.charts.panels import BELOW, Panels, panels
from xling.report.papers import accuracies_2024
from xling.report.section import Figure, Section
from xling.report.sections.subnetwork_accuracy import SCHEMAS as RUN_SCHEMAS
from xling.report.style import HEADS, QUIET
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import SWITCH_COLUMNS, across_runs, compared_columns
from xling.report.tables import printed_rows
from xling.report.words import SIGNIFICANT, change_intervals, p_value, percent, points

TUNED = {"after_full": "full fine-tuning", "after_sft": "sparse fine-tuning"}

SCHEMAS = {
    "sft_accuracy": across_runs(
        "Test accuracy of subnetworks after full and after sparse fine-tuning.",
        {
            **RUN_SCHEMAS["subnetwork_accuracy"].columns,
            "after_full": "accuracy after full fine-tuning, 0 to 1",
            "after_sft": "accuracy after sparse fine-tuning, 0 to 1",
            "change": "after sparse less after full fine-tuning",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where no run was fine-tuned sparsely."""
    if "sft_accuracy" not in sweep.tables:
        return None
    return {
        "table": printed_rows(sweep.tables["sft_accuracy"]),
        "paper": accuracies_2024(sweep.tasks),
    }


def figures(sweep: SweepResults) -> list[Figure]:
    """Return the accuracies, a panel per variant."""
    if "sft_accuracy" not in sweep.tables:
        return []
    label = "Accuracy after full and after sparse fine-tuning, {}"
    panels_by_variant = sft_accuracy_panels(sweep.tables["sft_accuracy"])
    return [Figure("sft_accuracy", label, panels_by_variant, columns=2, fluid=True)]


def sft_accuracy_panels(sft_accuracy: pd.DataFrame) -> Panels:
    """Draw the accuracy of subnetworks after full and after sparse fine-tuning (Tab. 2)."""
    return panels(sft_accuracy, _two_accuracies, "variant", (*SWITCH_COLUMNS, "apply"))


def _two_accuracies(rows: pd.DataFrame) -> alt.LayerChart:
    """Draw two marks a language, joined."""
    names = list(TUNED.values())
    table = (
        rows[["language", *TUNED, "examples"]]
        .round(5)
        .assign(
            change=[points(change) for change in rows["change"]],
            interval=change_intervals(rows["low"], rows["high"]),
            p=[p_value(p) for p in rows["p"]],
        )
    )
    tooltip = [
        alt.Tooltip("language:N"),
        alt.Tooltip("change:N", title="change, points"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("p:N"),
        alt.Tooltip("examples:Q", title="test examples"),
    ]
    axis = alt.Axis(format=".0%", tickCount=6)
    x = alt.X("after_full:Q", title="test accuracy", axis=axis).scale(zero=False, padding=10)
    y = alt.Y("language:N", sort=list(table["language"]), title="test language")
    joined = alt.Chart(table).mark_rule(strokeWidth=2, color=QUIET, opacity=0.6)
    joined = joined.encode(x=x, x2=alt.X2("after_sft:Q"), y=y, tooltip=tooltip)
    kept = [column for column in table if column not in TUNED]
    long = table.rename(columns=TUNED).melt(kept, var_name="tuned", value_name="accuracy")
    look = {"domain": names, "range": [QUIET, f"rgb({HEADS})"]}
    shapes = {"domain": names, "range": ["circle", "diamond"]}
    dots = (
        alt.Chart(long)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            y=y,
            x=alt.X("accuracy:Q", axis=axis).scale(zero=False, padding=10),
            color=alt.Color("tuned:N", title=None, sort=names, legend=BELOW).scale(**look),
            shape=alt.Shape("tuned:N", title=None, sort=names).scale(**shapes),
            tooltip=["tuned:N", alt.Tooltip("accuracy:Q", format=".1%"), *tooltip],
        )
    )
    return (joined + dots).properties(width=400, height=34 * len(table))


def findings(sweep: SweepResults) -> list[str]:
    """Say what sparse fine-tuning does to the subnetworks' accuracy."""
    if "sft_accuracy" not in sweep.tables:
        return []
    sft_accuracy, sentences = sweep.tables["sft_accuracy"], []
    for values, rows in sft_accuracy.groupby(
        compared_columns(sft_accuracy), sort=False, dropna=False
    ):
        differ = int((rows["p"] < SIGNIFICANT).sum())
        sentences.append(
            f"{', '.join(map(str, values))}: sparse fine-tuning takes the subnetworks’ test "
            f"accuracy from {percent(rows['after_full'].mean())} to "
            f"{percent(rows['after_sft'].mean())} on average over the languages "
            f"({points(rows['change'].mean())} points); the two differ in {differ} of {len(rows)} "
            f"languages (exact McNemar test, p < {SIGNIFICANT})."
        )
    return sentences


SECTION = Section(
    "sft",
    "sparse_fine_tuning.html.j2",
    content,
    "Sparse fine-tuning",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    question="What does sparse fine-tuning do to the subnetworks?",
)
