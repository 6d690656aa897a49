"""What a run leaves for the report: results.json and the tables, checked as they are read."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from xling.errors import UserError, nearest
from xling.report.section import Schema
from xling.report.words import FEW, too_few


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run as read from its folder."""

    folder: Path
    results: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    @property
    def languages(self) -> list[str]:
        """Languages in the run's own order."""
        return list(self.results["languages"])

    @property
    def traced(self) -> dict[str, int]:
        """How many test examples were traced, by language."""
        counts = self.tables["traced"]["language"].value_counts()
        return {name: int(counts[name]) for name in self.languages if name in counts}

    @property
    def enough(self) -> list[str]:
        """The languages with enough traced test examples for a sentence."""
        return [name for name, count in self.traced.items() if count >= FEW]

    def told(self, name: str, language: str = "test_language") -> pd.DataFrame:
        """Return the rows of a table whose test language has enough traced test examples."""
        table = self.tables[name]
        return table[table[language].isin(self.enough)]

    def said(
        self, name: str, sentence: Callable[[pd.DataFrame], str], language: str = "test_language"
    ) -> str:
        """Return what a sentence says of these rows, or that there are too few test examples."""
        told = self.told(name, language)
        if told.empty and len(self.tables[name]):
            return too_few(self.traced)
        return sentence(told)

    @property
    def title(self) -> str:
        """Nothing: a run's own page has no other run to distinguish it from."""
        return ""


@dataclasses.dataclass(frozen=True)
class RunTables:
    """Some tables of one of a sweep's runs, as parts of its page need them.

    Attributes:
        tables: by name.
        languages: their order.
        task: the run's.
        title: what the page calls the run.
    """

    tables: dict[str, pd.DataFrame]
    languages: list[str]
    task: str
    title: str


PRINTED_ROWS = 500  # rows of a table that a sweep's page prints at most

NEEDED = ("run", "task", "profile", "languages", "classes", "epochs", "kept_epoch", "dev_accuracy")
NEEDED += ("top_k",)

Cells = dict[tuple[str, str], dict[str, Any]]
"""Rows of a table by (row, column) of the grid that a page prints of it."""


def read_run(folder: Path, schemas: Mapping[str, Schema]) -> Run:
    """Read the results and tables of a finished run.

    Args:
        schemas: what the tables must hold, by name.

    Raises:
        UserError: a file, a key or a column is not there, or a number is missing.
    """
    file = folder / "results.json"
    if not file.is_file():
        raise UserError(
            f"{folder}: no results.json, so this is not the folder of a finished run. "
            "Give a folder that the program has finished, as in multirun/xnli/<name>."
        )
    results = json.loads(file.read_text(encoding="utf-8"))
    if lacking := [key for key in NEEDED if key not in results]:
        raise UserError(f"{file}: lacks {', '.join(lacking)}. Run the command of that run again.")
    tables = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("tables/*.parquet"))}
    for name, schema in schemas.items():
        if name in tables:
            _check(tables[name], schema, folder / "tables" / f"{name}.parquet")
        elif schema.required:
            raise UserError(f"{folder}/tables: no {name}.parquet.{nearest(name, tables)}")
    return Run(folder, results, tables)


def there(tables: Mapping[str, pd.DataFrame], name: str) -> bool:
    """Tell whether there is a table with rows."""
    return name in tables and not tables[name].empty


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain dictionaries, with None for every missing value."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _check(table: pd.DataFrame, schema: Schema, file: Path) -> None:
    for column in schema.columns:
        if column not in table and column in schema.newer:
            continue
        if column not in table:
            raise UserError(
                f"{file}: no column {column}; it has {', '.join(table.columns)}."
                f"{nearest(column, table.columns)}"
            )
        if column not in schema.gaps and table[column].isna().any():
            row = int(table[column].isna().to_numpy().argmax())
            raise UserError(f"{file}: column {column} has no value in row {row}: {schema.about}")
    if "sign" in table and (wrong := set(table["sign"]) - {"+", "-"}):
        raise UserError(f"{file}: sign={sorted(map(str, wrong))[0]}; expected + or -.")


def printed_rows(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as a sweep's page prints it: columns, which are words, rows of texts."""
    numbers = [pd.api.types.is_numeric_dtype(table[column]) for column in table]
    return {
        "columns": list(table.columns),
        "words": [not number for number in numbers],
        "rows": [
            [_short(value) for value in row] for row in table[:PRINTED_ROWS].itertuples(index=False)
        ],
        "total": len(table),
    }


def _short(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
