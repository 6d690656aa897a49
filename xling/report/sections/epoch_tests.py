"""The part on tests between epochs: whether training examples' scores differ."""

from typing import Any

import pandas as pd

from xling.report.section import Schema, Section
from xling.report.tables import Run, records, there
from xling.report.words import SIGNIFICANT, number

SCHEMAS = {
    "epoch_tests": Schema(
        "Whether the training examples' scores differ between epochs (Wilcoxon signed-rank test).",
        {
            "test_language": "language whose test examples the scores are averaged over",
            "first": "an epoch",
            "second": "a later epoch",
            "p": "p-value",
            "p_holm": "p-value corrected for the number of pairs and languages (Holm)",
            "effect": "rank-biserial correlation: -1 all scores fall, 1 all rise",
            "examples": "number of training examples",
        },
        required=False,
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints."""
    if not there(run.tables, "epoch_tests"):
        return None
    tests = run.tables["epoch_tests"]
    return {
        "sentence": run.said("epoch_tests", sentence),
        "tested": int(tests["examples"].max()),
        "tests": pair_grid(tests, run.languages),
    }


def pair_grid(epoch_tests: pd.DataFrame, languages: list[str]) -> dict[str, Any]:
    """Return the tests between epochs as a grid of languages by pairs; the longer goes downwards.

    Returns:
        corner (what the rows are), rows, columns and cells by (row, column).
    """
    table = epoch_tests.assign(pair=_pairs(epoch_tests))
    present = [language for language in languages if language in set(table["test_language"])]
    pairs = list(dict.fromkeys(table["pair"]))
    downwards = len(present) >= len(pairs)
    cells = {}
    for row in records(table):
        key = row["test_language"], row["pair"]
        weak = row["p_holm"] is not None and row["p_holm"] >= SIGNIFICANT
        cells[key if downwards else key[::-1]] = {**row, "weak": weak}
    names = "test language", "epochs"
    rows, columns = (present, pairs) if downwards else (pairs, present)
    return {"corner": names[not downwards], "rows": rows, "columns": columns, "cells": cells}


def _pairs(tests: pd.DataFrame) -> list[str]:
    return [f"{a} → {b}" for a, b in zip(tests["first"], tests["second"], strict=True)]


def sentence(tests: pd.DataFrame) -> str:
    """Say how many comparisons of two epochs differ and which change is the most one-sided."""
    differ = int((tests["p_holm"] < SIGNIFICANT).sum())
    if len(tests) == 1:
        verb = "differs" if differ else "does not differ"
        text = f"The one comparison of two epochs {verb} (p < {SIGNIFICANT})."
    else:
        count = f"{number(differ) if differ else 'none'} {'differs' if differ < 2 else 'differ'}"
        text = (
            f"Of {number(len(tests))} comparisons of two epochs, {count} "
            f"(p < {SIGNIFICANT} after Holm’s correction)."
        )
    if not differ:
        return text
    row = tests.loc[tests["effect"].abs().idxmax()]
    return (
        f"{text} The most one-sided change is from epoch {row['first']} to {row['second']} "
        f"on {row['test_language']} test examples: most scores "
        f"{'rise' if row['effect'] > 0 else 'fall'} (effect {number(row['effect'], 2)})."
    )


SECTION = Section("tests", "epoch_tests.html.j2", content, schemas=SCHEMAS)
