"""What the papers print for the task of a run, to be shown beside it and never as a part of it."""

import dataclasses

import pandas as pd

from xling.analysis.reference import reference
from xling.report.tables import Run
from xling.report.wording import listed, percent

NAME = "Choenni et al. 2023"
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


def paper(run: Run) -> Paper:
    """Return what Choenni et al. (2023) print for the task and the languages of a run."""
    table = reference(run.results["task"]).query("paper == 'choenni_2023'")
    means = _figures(table, "mean_influence", "mean").assign(epoch=0)
    found = {
        "accuracy": [*_accuracy(table), *_zero_shot(table, run.results.get("exclude") or [])],
        "shares": _shares(table, run.languages),
        "scripts": _scripts(table, run.languages),
    }
    return Paper(
        means,
        _figures(table, "reinforcing", "reinforcing"),
        {section: " ".join(told) for section, told in found.items()},
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
    found = [f"{row.test_language} reaches {percent(row.value, 0)}" for row in rows.itertuples()]
    return [f"Left out of training, {listed(found)} ({rows['where'].iloc[0]})."]


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
