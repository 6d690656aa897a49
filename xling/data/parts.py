"""The rows of one language and split in a file that holds several, as columns of the file say."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

from xling.config import Data
from xling.data.files import canonical_split
from xling.data.languages import likely_name, matching
from xling.data.readers import Record, Table, marks_of
from xling.errors import UserError, nearest

FEW = 0.02
"""Share of the most frequent value's rows below which another value is likely to be mistyped."""

Parts = dict[tuple[str, str], list[Record]]
"""Values of the columns of the language and of the split ("" without such a column) → rows."""


def divided(table: Table, data: Data, parallel: bool, say: Callable[[str], None]) -> Parts:
    """Divide a file's rows by the values in the columns of the language and of the split.

    Args:
        parallel: whether equal ids, or else equal numbers, are translations.

    Raises:
        UserError: rows that do not say where they belong, unless `data.on_bad_row` is `drop` and
            they shift no number that translations share.
    """
    parts: Parts = {}
    strays: list[Record] = []
    by_number = parallel and table.columns.id is None
    for record in table.records:
        values = [_value(record, column) for column in (data.language_column, data.split_column)]
        if record.problem or None in values:
            strays.append(record)
        else:
            parts.setdefault((str(values[0]), str(values[1])), []).append(record)
    if strays:
        line, _, problem = strays[0]
        message = (
            f"{table.name}: {len(strays):,} rows do not say to which language and split they belong"
            f" ({', '.join(marks_of(data))}), the first in line {line}"
            + (f": {problem}." if problem else ".")
        )
        last = max((part[-1].line for part in parts.values()), default=0)
        if by_number and line < last:
            raise UserError(
                f"{message} Rows are aligned by their numbers in each language, and those after "
                "such a row would not be translations. Correct these rows, or write "
                "task.columns.id=NAME if a column identifies the rows."
            )
        if data.on_bad_row == "stop":
            raise UserError(f"{message} Write data.on_bad_row=drop to leave these rows out.")
        say(f"{message} They are left out (data.on_bad_row=drop).")
    if by_number:
        for place, column in enumerate((data.language_column, data.split_column)):
            counts: Counter[str] = Counter()
            for marks, rows in parts.items():
                counts[marks[place]] += len(rows)
            if few := [
                name for name, count in counts.items() if count < FEW * max(counts.values())
            ]:
                say(
                    f"WARNING: {table.name}: very few rows have {' or '.join(few)} in the column "
                    f"{column}. Rows are aligned by their numbers in each language: if that is a "
                    "mistake, correct it, as the rows behind it are no translations."
                )
    return parts


def parts_of(
    shards: Sequence[tuple[Table, Parts]], language: str, split: str, data: Data
) -> list[Table]:
    """Return the rows of a language and split, by the shard of the file that has them.

    Args:
        shards: each with its rows as `divided` divides them.

    Raises:
        UserError: there are no such rows.
    """
    keys = sorted({key for _, parts in shards for key in parts})
    name = ", ".join(table.name for table, _ in shards)
    code, chosen = "", [""]
    if data.language_column:
        where, codes = f"{name}, column {data.language_column}", {code for code, _ in keys}
        code = matching(language, codes, where)
        if code is None:
            raise UserError(
                f"{where}: no row is of language {language}; it has {', '.join(sorted(codes))}. "
                "Write languages=[...] as the column has them."
                f"{likely_name(language, codes) or nearest(language, codes)}"
            )
    if data.split_column:
        wanted = canonical_split(split)
        chosen = sorted({value for _, value in keys if canonical_split(value) == wanted})
    _check_spellings(keys, code, chosen, data, name)
    label = " ".join(filter(None, (code, *chosen)))
    tables = []
    for table, parts in shards:
        if records := [record for value in chosen for record in parts.get((code, value), [])]:
            part = f"{label} in {table.name}"
            tables.append(
                dataclasses.replace(table, records=records, count=len(records), part=part)
            )
    if not tables:
        there = ", ".join(value for other, value in keys if other == code)
        raise UserError(
            f"{name}: no row of language {language} is of split {split}"
            + (f"; column {data.split_column} has {there}" if data.split_column else "")
            + ". Write data.splits.train=... and so on."
        )
    return tables


def _check_spellings(
    keys: Sequence[tuple[str, str]], code: str, chosen: Sequence[str], data: Data, name: str
) -> None:
    """Refuse other spellings of a language or split, whose rows would be left out unnoticed."""
    columns = (
        (data.language_column, {language for language, _ in keys}, [code]),
        (data.split_column, {split for _, split in keys}, chosen),
    )
    for column, values, taken in columns:
        folded = {canonical_split(value.casefold()) for value in taken}
        for value in sorted(values - {*taken}):
            if column and canonical_split(value.casefold()) in folded:
                raise UserError(
                    f"{name}, column {column}: {value} and {', '.join(taken)} are different values "
                    "here, and seem to mean the same. Write one of them throughout."
                )


def _value(record: Record, column: str | None) -> str | None:
    """Return a row's value in a column: "" if there is no such column, None if it is empty."""
    if column is None:
        return ""
    value = record.values.get(column)
    return None if value is None or not str(value).strip() else str(value).strip()
