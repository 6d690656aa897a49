"""Read every row of a data file (TSV, CSV, JSON or Parquet) with its line number.

pyarrow is imported inside a function: only Parquet files need it.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from xling.config import Columns, Data, Task
from xling.data.json_tables import advice_on
from xling.data.quotes import Quotes, csv_quotes, csv_rows, quotes_of, with_pairs, with_spaces
from xling.data.text import lines_of, refuse_pointer, text_of
from xling.errors import UserError, nearest

EMPTY_LINE = "empty line"
ROLES = ("label", "text", "text_pair", "id")
SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}


class Record(NamedTuple):
    """A row as read from a file: its values by column, or the problem that makes it unreadable.

    `line` is the line where the row starts, counted from 1; in Parquet and in a JSON array, the
    row's number.
    """

    line: int
    values: dict[str, Any]
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """The rows of a file, or a part of them.

    Attributes:
        name: name of the file in messages.
        records: the rows.
        count: number of rows, counted independently of `records` as a check.
        columns: the file's names of the task's columns; if it has none that identifies the rows,
            their numbers do.
        remark: addition to messages about the file.
        part: which of the file's rows these are, in messages; "" for all.
        quotes: how quotes and backslashes were read, of TSV and CSV.
    """

    name: str
    records: Sequence[Record]
    count: int
    columns: Columns
    remark: str = ""
    part: str = ""
    quotes: Quotes | None = None


def read_table(path: Path, name: str, task: Task, data: Data) -> Table:
    """Open a file with a known ending; messages refer to it as `name`.

    Raises:
        UserError: a file that is damaged, not UTF-8, or lacks columns; unbalanced quotes.
    """
    return READERS[ending_of(name)](path, name, task, data)


def marks_of(data: Data) -> tuple[str, ...]:
    """Return the names of the columns that say which language and split a row belongs to."""
    return tuple(name for name in (data.language_column, data.split_column) if name)


def _tsv(path: Path, name: str, task: Task, data: Data) -> Table:
    """Read TSV: by default, the file itself shows whether quotes are plain characters."""
    text = text_of(path, name)
    quotes = tsv_quotes(text, name, data)
    if quotes.csv:
        return _with_header(name, csv_rows(text, "\t", name, quotes), task, data, quotes)
    rows = [(number, line.split("\t")) for number, line in enumerate(lines_of(text), 1)]
    return _with_header(name, rows, task, data, quotes)


def tsv_quotes(text: str, name: str, data: Data) -> Quotes:
    """Return how quotes in a TSV file are read.

    Raises:
        UserError: the file is ambiguous, and `data.quotes` does not say.
    """
    if data.quotes == "escaped":
        return Quotes(csv=True, escapes="all")
    if data.quotes == "none":
        return Quotes(csv=False)
    found = csv_quotes(text, "\t") if data.quotes == "csv" else quotes_of(text, name)
    return with_pairs(found, text, "\t")


def _csv(path: Path, name: str, task: Task, data: Data) -> Table:
    """Read CSV: quoted fields may contain commas and line ends, unless `data.quotes` is none."""
    text = text_of(path, name)
    if data.quotes == "none":
        rows = [(number, line.split(",")) for number, line in enumerate(lines_of(text), 1)]
        return _with_header(name, rows, task, data, Quotes(csv=False))
    if data.quotes == "escaped":
        quotes = Quotes(csv=True, escapes="all")
    else:
        quotes = with_spaces(with_pairs(csv_quotes(text, ","), text, ","), text)
    try:
        rows = csv_rows(text, ",", name, quotes)
    except UserError:
        start = (text.partition("\n")[0],)
        if advice := _parted_otherwise(start, alternatives(task.columns.text), ","):
            raise UserError(f"{name}: {advice}") from None
        raise
    return _with_header(name, rows, task, data, quotes)


def _jsonl(path: Path, name: str, task: Task, data: Data) -> Table:
    return _json_lines(path, name, text_of(path, name), task, data)


def _json(path: Path, name: str, task: Task, data: Data) -> Table:
    """Read an array of objects, or an object per line."""
    text = text_of(path, name)
    if not text.lstrip().startswith("["):
        return _json_lines(path, name, text, task, data)
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name}: {_json_problem(error)}.") from None
    records = [_object(number, row) for number, row in enumerate(rows, 1)]
    if records and all(record.problem for record in records):
        _refuse_table(path, name, text, task)
    return _of_objects(name, records, task, data)


def _json_lines(path: Path, name: str, text: str, task: Task, data: Data) -> Table:
    lines = lines_of(text)
    records = [_json_record(number, line) for number, line in enumerate(lines, 1)]
    if len(records) == 1 or (records and records[0].problem):
        _refuse_table(path, name, text, task)
    return _of_objects(name, records, task, data)


def _refuse_table(path: Path, name: str, text: str, task: Task) -> None:
    """Refuse a file that holds a table in another form than as rows."""
    if advice := advice_on(text, path, name, _names(task.columns)):
        raise UserError(advice)


def _of_objects(name: str, records: list[Record], task: Task, data: Data) -> Table:
    if not records:
        raise UserError(f"{name} is empty.")
    first = next((record for record in records if not record.problem), None)
    if first is None:
        raise UserError(
            f"{name}:{records[0].line}: {records[0].problem}. Expected an object per line, or an "
            'array of objects in a file that ends in .json, such as {"text": "...", "label": 1}.'
        )
    keys = dict.fromkeys(key for record in records for key in record.values)
    columns = _file_columns(name, tuple(keys), task, data)
    return Table(name, records, len(records), columns)


def _json_record(number: int, line: str) -> Record:
    try:
        return _object(number, json.loads(line))
    except (ValueError, RecursionError) as error:
        return Record(number, {}, _json_problem(error) if line.strip() else EMPTY_LINE)


def _object(number: int, row: object) -> Record:
    if not isinstance(row, dict):
        return Record(number, {}, "not a JSON object")
    return Record(number, row)


def _json_problem(error: Exception) -> str:
    """Say what the library cannot read; its recursion and its integers are limited."""
    if isinstance(error, RecursionError):
        return "JSON that is nested too deeply"
    known = isinstance(error, json.JSONDecodeError)
    return f"not JSON: {error}" if known else "an integer of more than 4,300 digits"


def _parquet(path: Path, name: str, task: Task, data: Data) -> Table:
    import pyarrow
    from pyarrow import parquet

    with path.open("rb") as file:
        refuse_pointer(file.read(100), name)
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{name} is not a Parquet file, or damaged: {_one_line(error)}") from None
    columns = _file_columns(name, tuple(file.schema_arrow.names), task, data)
    read = list(dict.fromkeys((*_names(columns), *marks_of(data))))
    records: list[Record] = []
    try:
        records.extend(_parquet_rows(file, read))
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else "damage"
        raise UserError(
            f"{name}: {problem} after row {len(records):,} of {file.metadata.num_rows:,}: "
            f"{_one_line(error)}. Fetch or write the file again."
        ) from None
    return Table(name, records, file.metadata.num_rows, columns)


def _parquet_rows(file: Any, columns: Sequence[str]) -> Iterator[Record]:
    number = 0
    for batch in file.iter_batches(columns=list(columns)):
        for values in batch.to_pylist():
            number += 1
            yield Record(number, values)


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


READERS = {
    "tsv": _tsv,
    "csv": _csv,
    "jsonl": _jsonl,
    "ndjson": _jsonl,
    "json": _json,
    "tsv.gz": _tsv,
    "csv.gz": _csv,
    "jsonl.gz": _jsonl,
    "ndjson.gz": _jsonl,
    "json.gz": _json,
    "parquet": _parquet,
}
"""The endings of files that can be read → what reads them."""


def ending_of(name: str) -> str | None:
    """Return which of the known endings a file's name has, in small letters or capitals."""
    folded = name.casefold()
    return next((ending for ending in READERS if folded.endswith(f".{ending}")), None)


def alternatives(column: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the names that a task gives for a column."""
    if column is None:
        return ()
    return (column,) if isinstance(column, str) else column


def _names(columns: Columns) -> tuple[str, ...]:
    return tuple(name for role in ROLES for name in alternatives(getattr(columns, role)))


def _with_header(
    name: str, rows: list[tuple[int, list[str]]], task: Task, data: Data, quotes: Quotes
) -> Table:
    """Detect whether the first row is a header, and assign every field to its column."""
    if not rows:
        raise UserError(f"{name} is empty.")
    first = tuple(field.strip() for field in rows[0][1])
    folded = {field.casefold() for field in first}  # a header in capitals is none without a header
    is_header = any(
        name.casefold() in folded
        for column in (task.columns.text, task.columns.label)
        for name in alternatives(column)
    )
    if task.headerless and len(task.headerless) == len(first) and not is_header:
        columns = _first_names(task.columns)
        names = tuple(str(getattr(columns, role, None) or role) for role in task.headerless)
        if columns.id not in names:
            columns = dataclasses.replace(columns, id=None)
        records = _records(rows, names, columns)
        remark = f" (no header: {', '.join(names)}){quotes.remark}"
        return Table(name, records, len(rows), columns, remark, quotes=quotes)
    columns = _file_columns(name, first, task, data)
    if {len(fields) for _, fields in rows[1:] if any(fields)} == {len(first) + 1}:
        raise UserError(
            f"{name}: every row has one field more than the first line. If these are row names of "
            "R, write the file with row.names=FALSE, or a name for the first column; else look for "
            "separators at the ends of rows, or within texts that do not stand in double quotes."
        )
    records = _records(rows[1:], first, columns)
    return Table(name, records, len(rows) - 1, columns, quotes.remark, quotes=quotes)


def _records(
    rows: Sequence[tuple[int, list[str]]], names: tuple[str, ...], columns: Columns
) -> list[Record]:
    """Assign fields to columns; refuse what a line break in the middle of a text left of its row.

    One in the first column leaves a single field, and then a row that looks whole but begins in
    the middle of the text; one in the last column, a row that looks whole and then a single field.
    """
    records = [_record(line, fields, names) for line, fields in rows]
    texts = (columns.text, columns.text_pair)
    whole = single = None  # the last row of several fields, and a line of one field since then
    for place, (line, fields) in enumerate(rows):
        if len(fields) > 1:
            if single is not None and names[0] in texts:
                records[place] = _half(records[place], "rest", single)
            whole, single = place, None
        elif any(fields) and len(names) > 1:
            if whole is not None and names[-1] in texts:
                records[whole] = _half(records[whole], "start", line)
            single = line
    return records


def _half(record: Record, which: str, line: int) -> Record:
    problem = f"perhaps the {which} of a text with a line break (line {line})"
    return record if record.problem else Record(record.line, {}, problem)


def _record(line: int, fields: list[str], names: tuple[str, ...]) -> Record:
    if len(fields) != len(names):
        count = f"{len(fields)} field{'s' if len(fields) > 1 else ''}"
        empty = not any(fields)
        return Record(line, {}, EMPTY_LINE if empty else f"{count} instead of {len(names)}")
    return Record(line, dict(zip(names, fields, strict=True)))


def _first_names(columns: Columns) -> Columns:
    return _renamed(columns, {role: alternatives(getattr(columns, role))[:1] for role in ROLES})


def _renamed(columns: Columns, names: dict[str, Sequence[str]]) -> Columns:
    return dataclasses.replace(
        columns, **{role: present[0] if present else None for role, present in names.items()}
    )


def _file_columns(name: str, present: tuple[str, ...], task: Task, data: Data) -> Columns:
    """Return which of the task's names for its columns a file has.

    Raises:
        UserError: a column that is missing, or there twice.
    """
    columns = task.columns
    for column in (*_names(columns), *marks_of(data)):
        if present.count(column) > 1:
            raise UserError(f"{name} has the column '{column}' twice.")
    chosen: dict[str, Sequence[str]] = {}
    for role in ROLES:
        names = alternatives(getattr(columns, role))
        chosen[role] = [column for column in names if column in present]
        if names and not chosen[role]:
            raise UserError(_no_column(name, names, f"task.columns.{role}", present, columns))
    for key in ("language_column", "split_column"):
        column = getattr(data, key)
        if column is not None and column not in present:
            raise UserError(_no_column(name, (column,), f"data.{key}", present, columns))
    return _renamed(columns, chosen)


def _no_column(
    name: str, names: Sequence[str], key: str, present: tuple[str, ...], columns: Columns
) -> str:
    shown = ", ".join(field if len(field) <= 30 else field[:30] + "…" for field in present)
    start = f"{name} has no column {' or '.join(repr(column) for column in names)} ({key})."
    its = f"Its first line has: {shown or 'nothing'}."
    if any(field.strip('"') in names and field.startswith('"') for field in present):
        return f"{start}\n{its}\nIts names are in quotes: write data.quotes=csv."
    if present and present[0].startswith("sep="):
        return f"{start}\n{its}\nLeave that line out, which Excel alone reads."
    if advice := _parted_otherwise(present, names):
        return f"{start}\n{its}\n{advice}"
    cased = [field for field in present if field.casefold() in {n.casefold() for n in names}]
    hint = f" Did you mean '{cased[0]}'?" if cased else nearest(names[0], present)
    if not set(present) & set(_names(columns)) and len(present) > 1:
        hint += " A file without a header needs task.headerless=[id,text,label], in its own order."
    return (
        f"{start}{hint}\n{its}\n"
        f"The task reads {', '.join(_names(columns))}. "
        f"Write {key}=NAME with the name in your files."
    )


def _parted_otherwise(present: Sequence[str], names: Sequence[str], but: str = "") -> str:
    """Say what parts the columns, if the first line has all of them in one field; "" if not.

    Args:
        but: what parts the columns of files with this ending.
    """
    for mark, word in SEPARATORS.items():
        if mark == but:
            continue
        parts = {part.strip(' "') for part in present[0].split(mark)}
        if len(present) == 1 and len(parts) > 1 and set(names) & parts:
            proper = {"\t": "tsv", ",": "csv"}.get(mark)
            advice = f"rename the file to .{proper}" if proper else "write it with tabs, as .tsv"
            return f"Its columns are parted by {word}: {advice}."
    return ""
