"""The part on labels: how much of the influential training data has the test example's own."""

from typing import Any

import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.section import INTERVAL, SIGN, Schema, Section
from xling.report.tables import Run, records
from xling.report.words import listed, percent_range

SCHEMAS = {
    "labels": Schema(
        "How much of the most influential training data has the test example's own label.",
        {
            "sign": SIGN,
            "test_language": "language of the test examples",
            "same_label": "mean share of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "share of all training data with such a label, 0 to 1",
        },
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints."""
    rows = label_rows(run.tables["labels"], run.languages)
    return {"sentence": run.said("labels", sentence), "rows": rows} if rows else None


def label_rows(labels: pd.DataFrame, languages: list[str]) -> list[dict[str, Any]]:
    """Return a row per test language, with the base rate and the numbers of each sign."""
    numbers = {(row["test_language"], row["sign"]): row for row in records(labels)}
    rows = []
    for language in languages:
        both = {name: numbers.get((language, sign)) for sign, name in SIGNS.items()}
        if known := [row for row in both.values() if row]:
            rows.append({"language": language, "base_rate": known[0]["base_rate"], **both})
    return rows


def sentence(labels: pd.DataFrame) -> str:
    """Say what share of the influential examples has the test example's own label."""
    parts = [
        f"{percent_range(rows['same_label'])} of the most {name}"
        for sign, name in SIGNS.items()
        if len(rows := labels[labels["sign"] == sign])
    ]
    if not parts:
        return ""
    return (
        f"{listed(parts)} training examples have the test example’s own label, against "
        f"{percent_range(labels['base_rate'])} of all training examples. Ranges are over the test "
        "languages."
    )


SECTION = Section("labels", "labels.html.j2", content, schemas=SCHEMAS)
