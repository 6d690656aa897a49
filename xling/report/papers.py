"""What the papers print for a task, to be shown beside a run's own figures and never among them."""

import dataclasses
from functools import cache
from typing import Any

import pandas as pd

from xling.analysis.reference import reference
from xling.report.tables import Run
from xling.report.words import listed, percent

NAME = "Choenni et al. 2023"
NAME_2024 = "Choenni et al. 2024"
TABLES_2024 = {
    "disabled_heads": "Tab. 1",
    "subnetwork_accuracy_full": "Tab. 2",
    "subnetwork_accuracy_sft": "Tab. 2",
}
SETTING = "XLM-R base, 2,000 examples per language"


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper's figures for one task; tables and sentences are empty where it has none.

    `means` and `reinforcing` have the columns of the run's own tables of that name, as far as the
    paper has them, and `source`. `sentences` are by the section of the page that they belong to.
    """

    means: pd.DataFrame
    reinforcing: pd.DataFrame
    sentences: dict[str, str]


@cache
def _reference(task: str) -> pd.DataFrame:
    return reference(task)


def paper(run: Run) -> Paper:
    """Return what Choenni et al. (2023) print for the task and the languages of a run."""
    table = _reference(run.results["task"]).query("paper == 'choenni_2023'")
    means = _figures(table, "mean_influence", "mean").assign(epoch=0)
    sentences = {
        "accuracy": [*_accuracy(table), *_zero_shot(table, run.results.get("exclude") or [])],
        "shares": _shares(table, run.languages),
        "scripts": _scripts(table, run.languages),
    }
    return Paper(
        means,
        _figures(table, "reinforcing", "reinforcing"),
        {section: " ".join(parts) for section, parts in sentences.items()},
    )


def source(where: str) -> str:
    """Write where a figure is printed and what it was measured with."""
    return f"{NAME}, {where}: {SETTING}"


def _begin(where: str) -> str:
    return f"{NAME}, {where} ({SETTING})"


def _figures(table: pd.DataFrame, what: str, value: str) -> pd.DataFrame:
    rows = table.query("what == @what").rename(columns={"value": value})
    columns = ["sign", "test_language", "train_language", value]
    return rows[columns].assign(source=[source(where) for where in rows["where"]])


def _accuracy(table: pd.DataFrame) -> list[str]:
    return [
        f"{_begin(row.where)}: {percent(row.value, 0)} on the development set."
        for row in table.query("what == 'dev_accuracy'").itertuples()
    ]


def _zero_shot(table: pd.DataFrame, left_out: list[str]) -> list[str]:
    rows = table[(table["what"] == "zero_shot_accuracy") & table["test_language"].isin(left_out)]
    if rows.empty:
        return []
    reached = [f"{row.test_language} reaches {percent(row.value, 0)}" for row in rows.itertuples()]
    return [f"Left out of training, {listed(reached)} ({rows['where'].iloc[0]})."]


def _shares(table: pd.DataFrame, languages: list[str]) -> list[str]:
    rows = table[(table["what"] == "share") & table["train_language"].isin(languages)]
    return [
        f"{_begin(row.where)}: {row.train_language} holds {percent(row.value, 0)} of the most "
        "positive training examples of the other languages’ test examples."
        for row in rows.itertuples()
    ]


def _scripts(table: pd.DataFrame, languages: list[str]) -> list[str]:
    rows = table[(table["what"] == "script_whole") & table["train_language"].isin(languages)]
    return [
        f"{_begin(row.where)}: of the {row.train_language} training examples among the most "
        f"positive of other languages’ test examples, {percent(row.value, 0)} are written wholly "
        "in their own script."
        for row in rows.itertuples()
    ]


def printed_2024(task: str, what: str) -> dict[str, float]:
    """Return what Choenni et al. (2024) print for a task, by language; nothing if they do not."""
    table = _reference(task).query("paper == 'choenni_2024' and what == @what")
    return dict(zip(table["test_language"], table["value"], strict=True))


def source_2024(what: str) -> str:
    """Write where a figure of Choenni et al. (2024) is printed and what it was measured with."""
    return f"{NAME_2024}, {TABLES_2024[what]}: {SETTING}"


def after_tuning(tuning: str) -> str:
    """Name the paper's accuracies after full or after sparse fine-tuning."""
    return f"subnetwork_accuracy_{'sft' if tuning == 'sparse' else 'full'}"


def accuracies_2024(tasks: list[str]) -> str:
    """Say what Choenni et al. (2024) found on sparse fine-tuning, for the tasks that they have."""
    means = []
    for task in tasks:
        full, sparse = (printed_2024(task, after_tuning(tuning)) for tuning in ("full", "sparse"))
        if full:
            before, later = (percent(sum(own.values()) / len(own)) for own in (full, sparse))
            means.append(f"{before} after full and {later} after sparse fine-tuning on {task}")
    if not means:
        return ""
    where = source_2024(after_tuning("full"))
    return f"{where}: subnetworks reach {listed(means)}, on average over languages."


def reference_2023(task: str, what: str) -> list[dict[str, Any]]:
    """Return the figures of a task whose name begins with `what`, as rows."""
    table = _reference(task)
    return table[table["what"].str.startswith(what)].to_dict("records")
