"""Read every row of a data file (TSV, CSV, JSON Lines or Parquet) with its line number.

pyarrow is imported inside a function: only Parquet files need it.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from xling.config import Columns, Task
from xling.errors import UserError, nearest

EXTENSIONS = ("tsv", "csv", "jsonl", "parquet")


class Record(NamedTuple):
    """A row as read from a file: its values by column, or the problem that makes it unreadable.

    `line` is the line where the row starts, counted from 1; in Parquet, the row's number.
    """

    line: int
    values: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        name: name of the file in messages.
        records: the rows.
        count: number of rows, counted independently of `records` as a check.
        id_column: column that identifies the rows; if None, their numbers do.
        remark: addition to messages about the file.
    """

    name: str
    records: Iterable[Record]
    count: int
    id_column: str | None
    remark: str = ""


def read_table(path: Path, name: str, task: Task) -> Table:
    """Open a file with a known extension; messages refer to it as `name`.

    Raises:
        UserError: text that is not UTF-8, unbalanced quotes, or missing columns.
    """
    read = {"tsv": _tsv, "csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
    return read[path.suffix[1:]](path, name, task)


def _tsv(path: Path, name: str, task: Task) -> Table:
    """Read TSV: quotes are plain characters, and only "\\n" ends a row."""
    lines = _lines(path, name)
    rows = [(number, line.split("\t")) for number, line in enumerate(lines, 1)]
    return _with_header(name, rows, task)


def _csv(path: Path, name: str, task: Task) -> Table:
    """Read CSV: quoted fields may contain commas and line ends."""
    reader = csv.reader(io.StringIO(_text(path, name), newline=""), strict=True)
    rows = []
    while True:
        start = reader.line_num + 1
        try:
            rows.append((start, next(reader)))
        except StopIteration:
            return _with_header(name, rows, task)
        except csv.Error as error:
            raise UserError(
                f"{name}:{start}: the quotes in this row are not balanced: {error}."
            ) from None


def _jsonl(path: Path, name: str, task: Task) -> Table:
    lines = _lines(path, name)
    records = [_json_record(number, line) for number, line in enumerate(lines, 1)]
    first = next((record.values for record in records if not record.problem), {})
    _check_columns(name, tuple(first), task.columns)
    return Table(name, records, len(lines), task.columns.id)


def _json_record(number: int, line: str) -> Record:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        return Record(number, {}, "empty line" if not line.strip() else f"not JSON: {error}")
    if not isinstance(values, dict):
        return Record(number, {}, "not a JSON object")
    return Record(number, values)


def _parquet(path: Path, name: str, task: Task) -> Table:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise UserError(f"{name} is not a Parquet file: {error}") from None
    _check_columns(name, tuple(file.schema_arrow.names), task.columns)
    rows = _parquet_rows(file, wanted_columns(task.columns))
    return Table(name, rows, file.metadata.num_rows, task.columns.id)


def _parquet_rows(file: Any, columns: Sequence[str]) -> Iterator[Record]:
    number = 0
    for batch in file.iter_batches(columns=list(columns)):
        for values in batch.to_pylist():
            number += 1
            yield Record(number, values)


def wanted_columns(columns: Columns) -> tuple[str, ...]:
    """Return the names of the source columns that a task reads."""
    names = (columns.id, columns.text, columns.text_pair, columns.label)
    return tuple(name for name in names if name is not None)


def _text(path: Path, name: str) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(
            f"{name}:{line}: not UTF-8 ({error.reason}). Convert the file, for instance with "
            "`iconv -f LATIN1 -t UTF-8`."
        ) from None


def _lines(path: Path, name: str) -> list[str]:
    lines = _text(path, name).split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _with_header(name: str, rows: list[tuple[int, list[str]]], task: Task) -> Table:
    """Detect whether the first row is a header, and assign every field to its column."""
    if not rows:
        raise UserError(f"{name} is empty.")
    first = tuple(field.strip() for field in rows[0][1])
    columns = task.columns
    if columns.text in first and columns.label in first:
        _check_columns(name, first, columns)
        records = [_record(line, fields, first) for line, fields in rows[1:]]
        return Table(name, records, len(rows) - 1, columns.id)
    if task.headerless and len(task.headerless) == len(first):
        names = tuple(str(getattr(columns, role) or role) for role in task.headerless)
        records = [_record(line, fields, names) for line, fields in rows]
        id_column = columns.id if columns.id in names else None
        return Table(name, records, len(rows), id_column, f" (no header: {', '.join(names)})")
    _check_columns(name, first, columns)
    raise AssertionError("unreachable: the check covers the label and text columns")


def _record(line: int, fields: list[str], names: tuple[str, ...]) -> Record:
    if len(fields) != len(names):
        empty = not any(fields)
        problem = "empty line" if empty else f"{len(fields)} fields instead of {len(names)}"
        return Record(line, {}, problem)
    return Record(line, dict(zip(names, fields, strict=True)))


def _check_columns(name: str, present: tuple[str, ...], columns: Columns) -> None:
    repeated = [column for column in wanted_columns(columns) if present.count(column) > 1]
    if repeated:
        raise UserError(f"{name} has the column '{repeated[0]}' twice.")
    for role in ("label", "text", "text_pair", "id"):
        column = getattr(columns, role)
        if column is not None and column not in present:
            shown = ", ".join(field if len(field) <= 30 else field[:30] + "…" for field in present)
            hint = nearest(column, present)
            raise UserError(
                f"{name} has no column '{column}' (task.columns.{role}).{hint}\n"
                f"Its first line has: {shown or 'nothing'}.\n"
                f"The task reads {', '.join(wanted_columns(columns))}. "
                f"Write task.columns.{role}=NAME with the name in your files."
            )
