"""A run's tables as the rows and cells that the page prints, pure functions."""

from typing import Any

import pandas as pd
from fontTools import unicodedata

from xling.analysis.statistics import SIGNIFICANT
from xling.report.style import SIGNS
from xling.report.tables import Run

Cells = dict[tuple[str, str], dict[str, Any]]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain dictionaries, with None for every missing value."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def final_accuracy(run: Run) -> list[dict[str, Any]]:
    """Return test and development accuracy per language at the kept epoch, with example counts."""
    table, kept = run.tables["accuracy"], run.results["kept_epoch"]
    rows = table[table["epoch"] == kept].set_index(["split", "language"])
    return [
        {
            "language": language,
            **{
                split: rows.loc[split, language].to_dict()
                if (split, language) in rows.index
                else {}
                for split in ("dev", "test")
            },
        }
        for language in run.languages
    ]


def cells(table: pd.DataFrame) -> Cells:
    """Return the rows summed over checkpoints by (test language, training language)."""
    summed = records(table[table["epoch"] == 0])
    return {(row["test_language"], row["train_language"]): row for row in summed}


def share_cells(shares: pd.DataFrame, sign: str) -> Cells:
    """Return `cells` of one sign; `weak` are those that are not significant."""
    found = cells(shares[shares["sign"] == sign])
    return {key: {**row, "weak": _weak(row["q"])} for key, row in found.items()}


def label_rows(labels: pd.DataFrame, languages: list[str]) -> list[dict[str, Any]]:
    """Return a row per test language, with the base rate and the numbers of each sign."""
    found = {(row["test_language"], row["sign"]): row for row in records(labels)}
    rows = []
    for language in languages:
        both = {name: found.get((language, sign)) for sign, name in SIGNS.items()}
        if known := [row for row in both.values() if row]:
            rows.append({"language": language, "base_rate": known[0]["base_rate"], **both})
    return rows


def pair_grid(epoch_tests: pd.DataFrame, languages: list[str]) -> dict[str, Any]:
    """Return the tests between epochs as a grid of languages by pairs; the longer goes downwards.

    Returns:
        corner (what the rows are), rows, columns and cells by (row, column).
    """
    table = epoch_tests.assign(pair=_pairs(epoch_tests))
    present = [language for language in languages if language in set(table["test_language"])]
    pairs = list(dict.fromkeys(table["pair"]))
    downwards = len(present) >= len(pairs)
    found = {}
    for row in records(table):
        key = row["test_language"], row["pair"]
        found[key if downwards else key[::-1]] = {**row, "weak": _weak(row["p_holm"])}
    names = "test language", "epochs"
    rows, columns = (present, pairs) if downwards else (pairs, present)
    return {"corner": names[not downwards], "rows": rows, "columns": columns, "cells": found}


def script_rows(scripts: pd.DataFrame, languages: list[str]) -> list[dict[str, Any]]:
    """Return a row per training language: its script and (sign, own or others) → numbers."""
    rows = []
    for language in languages:
        table = scripts[scripts["train_language"] == language]
        if table.empty:
            continue
        parts = {(row["sign"], row["test_languages"]): row for row in records(table)}
        first = table.iloc[0]
        rows.append(
            {
                "language": language,
                "script": script_name(first["scripts"]),
                "all_examples": first["all_examples"],
                "parts": parts,
            }
        )
    return rows


def script_name(scripts: str) -> str:
    """Write codes of scripts, as in Hani+Hira, by their names."""
    names = [unicodedata.script_name(code, default=code) for code in scripts.split("+")]
    return " + ".join(name.replace("_", " ") for name in names)


def distance_rows(distances: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per kind of distance, with the numbers of each sign."""
    found = {(row["distance"], row["sign"]): row for row in records(distances)}
    return [
        {
            "distance": distance,
            "pairs": int(table["pairs"].iloc[0]),
            **{name: found.get((distance, sign)) for sign, name in SIGNS.items()},
        }
        for distance, table in distances.groupby("distance", sort=False)
    ]


def _pairs(tests: pd.DataFrame) -> list[str]:
    return [f"{a} → {b}" for a, b in zip(tests["first"], tests["second"], strict=True)]


def _weak(p: float | None) -> bool:
    return p is not None and p >= SIGNIFICANT
