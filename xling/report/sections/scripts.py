"""The section on scripts: influential examples that are written wholly in their own."""

from typing import Any

import pandas as pd
from fontTools import unicodedata

from xling.report.papers import paper
from xling.report.section import INTERVAL, SIGN, Schema, Section
from xling.report.tables import Run, records
from xling.report.words import FEW, interval, percent, too_few

SCHEMAS = {
    "scripts": Schema(
        "Influential training examples that are written wholly in their language's own script.",
        {
            "sign": SIGN,
            "train_language": "language of the training examples",
            "test_languages": "of the test examples: own (the same language) or others",
            "scripts": "the language's script, by its Unicode name",
            "whole": "share of the members written wholly in it, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "members": "number of members",
            "all_examples": "the same share of all training examples of the language",
        },
        gaps=("low", "high"),
    ),
}


def content(run: Run) -> dict[str, Any]:
    """Return what the template prints."""
    scripts = run.tables["scripts"]
    return {
        "sentence": _said(run),
        "all_whole": all_whole(scripts),
        "rows": script_rows(scripts, run.languages),
        "paper": paper(run).sentences["scripts"],
    }


def _said(run: Run) -> str:
    """Say it of all test examples together, if these are enough."""
    scripts, traced = run.tables["scripts"], sum(run.traced.values())
    return sentence(scripts) if traced >= FEW or all_whole(scripts) else too_few(run.traced)


def script_rows(scripts: pd.DataFrame, languages: list[str]) -> list[dict[str, Any]]:
    """Return a row per training language: its script and (sign, own or others) → numbers."""
    rows = []
    for language in languages:
        table = scripts[scripts["train_language"] == language]
        if table.empty:
            continue
        numbers = {(row["sign"], row["test_languages"]): row for row in records(table)}
        first = table.iloc[0]
        rows.append(
            {
                "language": language,
                "script": script_name(first["scripts"]),
                "all_examples": first["all_examples"],
                "numbers": numbers,
            }
        )
    return rows


def script_name(scripts: str) -> str:
    """Write codes of scripts, as in Hani+Hira, by their names."""
    names = [unicodedata.script_name(code, default=code) for code in scripts.split("+")]
    return " + ".join(name.replace("_", " ") for name in names)


def all_whole(scripts: pd.DataFrame) -> bool:
    """Tell whether all training examples are in their own script, so that a table says nothing."""
    return bool((scripts["whole"] == 1).all() and (scripts["all_examples"] == 1).all())


def sentence(scripts: pd.DataFrame) -> str:
    """Say where influence on other languages goes least, or most, by the script (§7.1)."""
    if scripts.empty:
        return "No training example is among the most influential."
    if all_whole(scripts):
        return (
            "All training examples are written wholly in their language’s own script, "
            "the most influential ones as well."
        )
    rows = scripts.query("sign == '+' and test_languages == 'others'")
    if rows.empty:
        return ""
    row = rows.loc[(rows["whole"] - rows["all_examples"]).abs().idxmax()]
    ends = "" if pd.isna(row["low"]) else f" ({interval(row['low'], row['high'])})"
    return (
        f"Of the {row['train_language']} training examples among the most positive of other "
        f"languages’ test examples, {percent(row['whole'])}{ends} are written wholly in their own "
        f"script ({script_name(row['scripts'])}); of all {row['train_language']} training examples "
        f"{percent(row['all_examples'])} are."
    )


SECTION = Section("scripts", "scripts.html.j2", content, "Scripts", schemas=SCHEMAS)
