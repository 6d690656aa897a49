"""The subnetworks' tables as the rows and cells that the page prints, with the paper's figures."""

from typing import Any

import pandas as pd

from xling.analysis.reference import reference
from xling.analysis.statistics import SIGNIFICANT
from xling.report.papers import SETTING
from xling.report.rows import Cells, records
from xling.report.tables import Run
from xling.report.wording import listed, percent

PAPER = "Choenni et al. 2024"
TABLES = {
    "disabled_heads": "Tab. 1",
    "subnetwork_accuracy_full": "Tab. 2",
    "subnetwork_accuracy_sft": "Tab. 2",
}


def printed(task: str, what: str) -> dict[str, float]:
    """Return what the paper prints for a task, by language; nothing if it does not."""
    table = reference(task).query("paper == 'choenni_2024' and what == @what")
    return dict(zip(table["test_language"], table["value"], strict=True))


def source(what: str) -> str:
    """Write where the paper prints a figure and what it was measured with."""
    return f"{PAPER}, {TABLES[what]}: {SETTING}"


def after(tuning: str) -> str:
    """Name the paper's accuracies after full or after sparse fine-tuning."""
    return f"subnetwork_accuracy_{'sft' if tuning == 'sparse' else 'full'}"


def disabled_rows(task: str, counts: dict[str, int], heads: int) -> list[dict[str, Any]]:
    """Return a row per language: heads that are off, their part of all, and the paper's number."""
    beside = printed(task, "disabled_heads")
    return [
        {"language": language, "disabled": count, "part": count / heads}
        | {"paper": beside.get(language)}
        for language, count in counts.items()
    ]


def accuracy_rows(run: Run) -> list[dict[str, Any]]:
    """Return the rows of the table of accuracies, with the paper's; `weak` are not significant."""
    beside = printed(run.results["task"], after(run.results.get("tuning", "full")))
    return [
        {**row, "weak": row["p"] >= SIGNIFICANT, "paper": beside.get(row["language"])}
        for row in records(run.tables["subnetwork_accuracy"])
    ]


def modularity_rows(modularity: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per language, with the numbers of each model and of the change."""
    found = {(row["language"], row["model"]): row for row in records(modularity)}
    return [
        {"language": language}
        | {model: found.get((language, model)) for model in ("full", "subnetwork", "change")}
        for language in dict.fromkeys(modularity["language"])
    ]


def change_cells(subnetwork_change: pd.DataFrame, sign: str) -> Cells:
    """Return the changes of one sign by (test language, training language); `weak` as above."""
    rows = records(subnetwork_change[subnetwork_change["sign"] == sign])
    return {
        (row["test_language"], row["train_language"]): {**row, "weak": row["q"] >= SIGNIFICANT}
        for row in rows
    }


def accuracies(tasks: list[str]) -> str:
    """Say what the paper found on sparse fine-tuning, for tasks that it has it of (Tab. 2)."""
    found = []
    for task in tasks:
        full, sparse = (printed(task, after(tuning)) for tuning in ("full", "sparse"))
        if full:
            means = (sum(each.values()) / len(each) for each in (full, sparse))
            before, later = (percent(mean) for mean in means)
            found.append(f"{before} after full and {later} after sparse fine-tuning on {task}")
    if not found:
        return ""
    return f"{source(after('full'))}: subnetworks reach {listed(found)}, on average over languages."
