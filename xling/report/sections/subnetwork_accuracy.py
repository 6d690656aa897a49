"""The part on accuracy through the subnetworks."""

from typing import Any

import pandas as pd

from xling.report.papers import after_tuning, printed_2024, source_2024
from xling.report.section import Schema, Section
from xling.report.tables import Run, records, there
from xling.report.words import SIGNIFICANT, percent, points

CHANGE_INTERVAL = "end of the 95% bootstrap interval of the change, paired over test examples"

SCHEMAS = {
    "subnetwork_accuracy": Schema(
        "Test accuracy of the full model and through each language's subnetwork.",
        {
            "language": "language code",
            "full": "accuracy of the full model, 0 to 1",
            "subnetwork": "accuracy through the subnetwork, 0 to 1",
            "change": "subnetwork less full",
            "low": f"lower {CHANGE_INTERVAL}",
            "high": f"upper {CHANGE_INTERVAL}",
            "p": "p-value, exact test of McNemar on the examples that one model alone gets right",
            "examples": "number of test examples",
        },
        required=False,
        gaps=("low", "high"),
    ),
    "correct": Schema(
        "Every test example, and which of the two models classify it correctly.",
        {
            "test_id": "id of the test example",
            "language": "language code",
            "full": "whether the full model does",
            "subnetwork": "whether the language's subnetwork does",
        },
        required=False,
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints."""
    if not there(run.tables, "subnetwork_accuracy"):
        return None
    tuning = run.results.get("tuning", "full")
    return {
        "sentence": sentence(run.tables["subnetwork_accuracy"]),
        "rows": accuracy_rows(run),
        "source": source_2024(after_tuning(tuning)),
        "tuning": tuning,
    }


def accuracy_rows(run: Run) -> list[dict[str, Any]]:
    """Return the rows of the table of accuracies, with the paper's; `weak` are not significant."""
    in_paper = printed_2024(run.results["task"], after_tuning(run.results.get("tuning", "full")))
    return [
        {**row, "weak": row["p"] >= SIGNIFICANT, "paper": in_paper.get(row["language"])}
        for row in records(run.tables["subnetwork_accuracy"])
    ]


def sentence(subnetwork_accuracy: pd.DataFrame) -> str:
    """Say what the subnetworks do to the accuracy."""
    table = subnetwork_accuracy
    differ = int((table["p"] < SIGNIFICANT).sum())
    return (
        f"The subnetworks classify {percent(table['subnetwork'].mean())} of the test examples "
        f"correctly on average over the languages, the full model "
        f"{percent(table['full'].mean())} ({points(table['change'].mean())} points). The two "
        f"differ in {differ} of {len(table)} languages (exact McNemar test, p < {SIGNIFICANT})."
    )


SECTION = Section("subnetwork-accuracy", "subnetwork_accuracy.html.j2", content, schemas=SCHEMAS)
