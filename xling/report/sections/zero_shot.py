"""The section on a language left out of training (Choenni et al. 2023, §8.3)."""

from typing import Any

import altair as alt
import pandas as pd

from xling.report.papers import reference_2023
from xling.report.section import INTERVAL, SIGN, Figure, Schema, Section
from xling.report.style import LINES, QUIET
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import printed_rows
from xling.report.words import interval, listed, percent, too_few

RUN_SCHEMAS = {
    "zero_shot": Schema(
        "Overlap of the top-k sets of a model that has seen a language and of one that has not.",
        {
            "sign": SIGN,
            "language": "language that was left out, and that the test examples are of",
            "measure": "translations: share of the zero-shot model's set that translates an "
            "example of the language in the full model's; recovered: share of the full model's "
            "members from other languages that is in the zero-shot model's set again",
            "value": "mean over test examples, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "chance": "what sets drawn at random would have",
            "test_examples": "number of test examples, which both models classify correctly",
        },
        required=False,
        gaps=("low", "high"),
    ),
    "zero_shot_shares": Schema(
        "Shares of the training languages for languages that were left out, by both models.",
        {
            "model": "full: trained on all languages; without: the zero-shot model",
            "sign": SIGN,
            "test_language": "language that was left out",
            "train_language": "language of the training examples",
            "share": "mean share of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "share of the model's training data that is of the training language",
        },
        required=False,
    ),
    "zero_shot_accuracy": Schema(
        "Test accuracy on languages that were left out, by both models.",
        {
            "language": "language that was left out",
            "model": "full: trained on all languages; without: the zero-shot model",
            "accuracy": "share of all its test examples classified correctly, 0 to 1",
        },
        required=False,
    ),
}
"""What documents the tables of a run, whose page shows none of them."""

SCHEMAS = {name: across_runs(schema.about, schema.columns) for name, schema in RUN_SCHEMAS.items()}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where no language was left out."""
    if "zero_shot" not in sweep.tables:
        return None
    return {
        "overlaps": printed_rows(sweep.tables["zero_shot"]),
        "accuracies": printed_rows(sweep.tables["zero_shot_accuracy"]),
        "paper": [row for task in sweep.tasks for row in reference_2023(task, "zero_shot")],
    }


def figures(sweep: SweepResults) -> list[Figure]:
    """Return the shares with and without the language in training."""
    if "zero_shot_shares" not in sweep.tables:
        return []
    label = "Shares of the training languages for languages left out, by both models"
    chart = zero_shot_chart(sweep.tables["zero_shot_shares"])
    return [Figure("zero_shot_shares", label, chart)]


def zero_shot_chart(shares: pd.DataFrame) -> alt.FacetChart:
    """Draw the shares of the training languages for held-out languages, by both models (Fig. 4)."""
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
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(
        y=alt.Y("low:Q"), y2=alt.Y2("high:Q")
    )
    width = max(90, 46 * table["train_language"].nunique())
    panel = (bars + whiskers).properties(width=width, height=180)
    return panel.facet(facet=alt.Facet("test_language:N", title=None), columns=2)


def findings(sweep: SweepResults) -> list[str]:
    """Say how far the two models rely on the same examples, and how accurate they are."""
    if "zero_shot" not in sweep.tables:
        return []
    overlaps, accuracies = sweep.tables["zero_shot"], sweep.tables["zero_shot_accuracy"]
    sentences = []
    positive = overlaps[overlaps["sign"] == "+"]
    for language, table in positive.groupby("language", sort=False):
        if few := too_few({str(language): int(table["test_examples"].min())}):
            sentences.append(few)
            continue
        measures = table.set_index("measure")
        parts = []
        if "translations" in measures.index:
            row = measures.loc["translations"]
            parts.append(
                f"{percent(row['value'])} of the zero-shot model’s most positive examples "
                f"translate {language} examples that the full model relied on "
                f"(by chance {percent(row['chance'])})"
            )
        if "recovered" in measures.index:
            row = measures.loc["recovered"]
            parts.append(
                f"{percent(row['value'])} of the full model’s examples in other languages are "
                f"relied on again (by chance {percent(row['chance'])})"
            )
        accuracy = accuracies[accuracies["language"] == language].set_index("model")["accuracy"]
        sentences.append(
            f"{language}: {listed(parts)}. Accuracy {percent(accuracy['full'])} with it in "
            f"training, {percent(accuracy['without'])} without."
        )
    return sentences


SECTION = Section(
    "zero-shot",
    "zero_shot.html.j2",
    content,
    "Left out",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    question="Which languages does a held-out language rely on?",
)
