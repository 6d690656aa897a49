"""The section on how well the model learnt: accuracy per language."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.learnt import ALL
from xling.analysis.statistics import SIGNIFICANT, wilson_interval
from xling.analysis.subnetwork_sweeps import subnetwork_kind
from xling.report.charts.lines import by_language, epochs_axis
from xling.report.papers import paper
from xling.report.section import Figure, KeyFigure, Schema, Section
from xling.report.tables import Run
from xling.report.words import interval, percent

SCHEMAS = {
    "accuracy": Schema(
        "Accuracy per language: the development set after every epoch, the test set at the end.",
        {
            "split": "dev or test",
            "epoch": "epoch, from 1; for the test set the epoch that was kept",
            "language": "language code",
            "accuracy": "share of the examples classified correctly, 0 to 1",
            "examples": "number of examples",
        },
    ),
    "learnt": Schema(
        "Test accuracy of each language, and of all, beside chance and the most frequent class.",
        {
            "language": "language code; all is all languages together",
            "accuracy": "share of the test examples classified correctly, 0 to 1",
            "low": "lower end of its 95% interval (Wilson)",
            "high": "upper end of its 95% interval (Wilson)",
            "chance": "1 divided by the number of classes",
            "majority": "share of the most frequent class among the test examples; of all "
            "languages, the mean over the examples",
            "p": "one-sided p-value, exact binomial test against the larger of the two; for all "
            "languages, translations count once",
            "q": "p with the false discovery rate controlled over the languages; of all languages "
            "p itself",
            "learnt": "whether q is below 0.05",
            "only_class": "the class that is predicted for every example, if there is only one",
            "examples": "number of test examples",
        },
        required=False,
        gaps=("only_class",),
        newer=("q",),
    ),
}


def content(run: Run) -> dict[str, Any]:
    """Return what the template prints."""
    return {
        "kept_epoch": run.results["kept_epoch"],
        "through_subnetworks": subnetwork_kind(run.results) is not None,
        "rows": final_accuracy(run),
        "beside_chance": "learnt" in run.tables,
        "corrected": "learnt" in run.tables and "q" in run.tables["learnt"],
        "sentence": sentence(run.tables["learnt"]) if "learnt" in run.tables else "",
        "paper": paper(run).sentences["accuracy"],
    }


def sentence(learnt: pd.DataFrame) -> str:
    """Say in how many languages the accuracy is above chance and the most frequent class.

    Earlier versions tested each language for itself, and have no q.
    """
    by_language = learnt[learnt["language"] != ALL]
    above = int(by_language["learnt"].sum())
    every = learnt[learnt["language"] == ALL].iloc[0]
    told = f"q < {SIGNIFICANT} over the languages" if "q" in learnt else f"p < {SIGNIFICANT}"
    return (
        "The test accuracy is told to be above both chance and the most frequent class in "
        f"{above} of {len(by_language)} languages (exact binomial test, {told}), "
        f"{'and also' if every['learnt'] and above else 'but' if every['learnt'] else 'and not'} "
        "in all languages together."
    )


def final_accuracy(run: Run) -> list[dict[str, Any]]:
    """Return test and development accuracy per language at the kept epoch, with example counts."""
    table, kept = run.tables["accuracy"], run.results["kept_epoch"]
    rows = table[table["epoch"] == kept].set_index(["split", "language"])
    learnt = run.tables.get("learnt", pd.DataFrame(columns=["language"])).set_index("language")
    return [
        {
            "language": language,
            "learnt": learnt.loc[language].to_dict() if language in learnt.index else {},
            **{
                split: rows.loc[split, language].to_dict()
                if (split, language) in rows.index
                else {}
                for split in ("dev", "test")
            },
        }
        for language in run.languages
    ]


def figures(run: Run) -> list[Figure]:
    """Return the figure; of a single epoch the table says it all."""
    table = run.tables["accuracy"]
    return [
        Figure(
            "accuracy_by_epoch",
            "Development accuracy of each language after each epoch",
            accuracy_by_epoch(table, run.languages),
            fluid=True,
            shown=bool((table["epoch"] > 1).any()),
        )
    ]


def accuracy_by_epoch(
    accuracy: pd.DataFrame, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Development accuracy of each language after each epoch."""
    table = accuracy.query("split == 'dev'")
    counts = zip(table["accuracy"], table["examples"], strict=True)
    table = table.assign(interval=[interval(*wilson_interval(*pair)) for pair in counts])
    color, dash, shape = by_language(table, languages)
    base = alt.Chart(table).encode(
        x=epochs_axis(table),
        y=alt.Y(
            "accuracy:Q",
            title="development accuracy",
            axis=alt.Axis(format=".0%", tickMinStep=0.01),
        ).scale(zero=False, nice=True),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("epoch:O"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("examples:Q"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash)
    points = base.mark_point(filled=True, size=55, opacity=1).encode(shape=shape)
    return (lines + points).properties(width=560, height=260)


def key_figures(run: Run) -> list[KeyFigure]:
    """Return the development accuracy and the epoch that was kept."""
    results = run.results
    kept, epochs = results["kept_epoch"], results["epochs"]
    return [
        ("Development accuracy", percent(results["dev_accuracy"]), _kept(results)),
        *_test_accuracy(run),
        ("Kept epoch", str(kept), f"of {epochs} trained" if epochs > 1 else "the only one"),
    ]


def _test_accuracy(run: Run) -> list[KeyFigure]:
    """Return the test accuracy beside what it is compared with; earlier versions have no table."""
    if "learnt" not in run.tables:
        return []
    every = run.tables["learnt"].set_index("language").loc[ALL]
    beside = f"chance {percent(every['chance'])}, most frequent class {percent(every['majority'])}"
    return [("Test accuracy", percent(every["accuracy"]), beside)]


def _kept(results: dict[str, Any]) -> str:
    """Say what the development accuracy of the fine-tuning is of."""
    whole = subnetwork_kind(results) is not None and results["tuning"] == "full"
    return "with all heads, at the kept epoch" if whole else "at the kept epoch"


SECTION = Section(
    "accuracy",
    "accuracy.html.j2",
    content,
    "Accuracy",
    schemas=SCHEMAS,
    figures=figures,
    key_figures=key_figures,
)
