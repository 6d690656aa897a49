"""Whether a TSV file writes quotes as CSV does (as pandas does), or takes them as text."""

import csv
import io
from collections import Counter
from dataclasses import dataclass

from xling.data.text import lines_of
from xling.errors import UserError

LIMIT = 2**31 - 1  # characters of a field; the library's own limit is 131,072


@dataclass(frozen=True)
class Quotes:
    """How quotes in a file are read.

    Attributes:
        csv: whether fields in quotes lose them, and hold doubled ones for one.
        escaped: whether they hold `\\"` for one instead.
        remark: addition to the line about the file.
    """

    csv: bool
    escaped: bool = False
    remark: str = ""


@dataclass(frozen=True)
class Evidence:
    """Numbers of fields with quotes, and the first line of two kinds.

    Attributes:
        doubled: in quotes, with doubled ones inside: as CSV writes them, and hardly anyone else.
        escaped: in quotes, with those inside behind backslashes, as R writes them.
        open: begin with a quote, but are not in quotes: CSV cannot read them.
        inside: with quotes further on: CSV reads them, but does not write them.
        column: whether a column is in quotes in every row.
        ragged: whether rows differ in their number of fields if only tabs part them.
    """

    doubled: int
    escaped: int
    open: int
    inside: int
    first_doubled: int
    first_open: int
    column: bool
    ragged: bool


def quotes_of(text: str, name: str) -> Quotes:
    """Find out how a TSV file writes quotes, by reading it.

    pandas and most other writers put a field with quotes into quotes, and double those inside. So
    fields like `"He said ""good"" twice"` speak for CSV, and all other fields with quotes against
    it; the more numerous decide.

    Args:
        name: name of the file in messages.

    Raises:
        UserError: CSV's quotes throughout, but for fields that CSV cannot read.
    """
    if '"' not in text:
        return Quotes(csv=False)
    seen = evidence(text)
    if seen.escaped and not seen.doubled:
        quotes = csv_quotes(text, "\t")
        if quotes.escaped and (not seen.inside or (seen.ragged and _rectangular(text, True))):
            return quotes
    others = seen.open + seen.inside + seen.escaped
    if (seen.open and seen.ragged and _rectangular(text)) or (seen.column and not others):
        return Quotes(csv=True, remark=" (quotes read as CSV writes them)")
    if not seen.doubled:
        return Quotes(csv=False)
    if seen.doubled <= others:
        remark = (
            f" (quotes taken as text, though {_fields(seen.doubled)} in quotes would be CSV's, and "
            f"{_fields(others)} would not; data.quotes=csv reads them as CSV writes them)"
        )
        return Quotes(csv=False, remark=remark)
    if seen.open:
        raise UserError(
            f"{name}: {_fields(seen.doubled)} in quotes as CSV writes them, the first in line "
            f"{seen.first_doubled}, but line {seen.first_open} has a field with a quote left open. "
            "Fix that line, or write data.quotes=none to take all quotes as text."
        )
    remark = f" ({_fields(seen.doubled)} in quotes, read as CSV writes them)"
    return Quotes(csv=True, remark=remark)


def csv_quotes(text: str, delimiter: str) -> Quotes:
    """Find out how fields in quotes hold quotes: doubled, or as R and Spark write them."""
    if '\\"' not in text or _readable(text, delimiter) or not _readable(text, delimiter, True):
        return Quotes(csv=True)
    remark = ' (quotes read as R and Spark write them, \\" for one inside)'
    return Quotes(csv=True, escaped=True, remark=remark)


def _fields(count: int) -> str:
    return f"{count:,} field{'s' if count > 1 else ''}"


def evidence(text: str) -> Evidence:
    """Count a TSV file's fields with quotes by kind."""
    counts: Counter[str] = Counter()
    first: dict[str, int] = {}
    widths = set()
    quoted: set[int] | None = None  # columns that are in quotes in all rows so far
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        widths.add(line.count("\t"))
        in_quotes = set()
        if '"' in line:
            for column, field in enumerate(line.split("\t")):
                if kind := _kind(field):
                    counts[kind] += 1
                    first.setdefault(kind, number)
                    if kind in ("doubled", "escaped", "plain"):
                        in_quotes.add(column)
        quoted = in_quotes if quoted is None else quoted & in_quotes
    return Evidence(
        doubled=counts["doubled"],
        escaped=counts["escaped"],
        open=counts["open"],
        inside=counts["inside"],
        first_doubled=first.get("doubled", 0),
        first_open=first.get("open", 0),
        column=bool(quoted),
        ragged=len(widths) > 1,
    )


def _kind(field: str) -> str:
    if '"' not in field:
        return ""
    if not field.startswith('"'):
        return "inside"
    inner = field[1:-1]
    if len(field) < 2 or not field.endswith('"') or '"' in inner.replace('""', ""):
        escaped = len(field) > 1 and field.endswith('"') and '"' not in inner.replace('\\"', "")
        return "escaped" if escaped else "open"
    return "doubled" if '""' in inner else "plain"


def csv_rows(
    text: str, delimiter: str, name: str, escaped: bool = False
) -> list[tuple[int, list[str]]]:
    """Return the rows of a text with CSV's quotes, each with the line where it starts.

    Args:
        name: name of the file in messages.
        escaped: whether `\\"` stands for a quote inside; all other backslashes are text.

    Raises:
        UserError: a quote that is left open, or text after a closing one.
    """
    csv.field_size_limit(LIMIT)
    text = text.replace('\\"', '""') if escaped else text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    while True:
        start = reader.line_num + 1
        try:
            rows.append((start, next(reader)))
        except StopIteration:
            return rows
        except csv.Error as error:
            raise UserError(
                f"{name}:{start}: the quotes in this row are not balanced: {error}."
            ) from None


def _readable(text: str, delimiter: str, escaped: bool = False) -> bool:
    return bool(_widths(text, delimiter, escaped))


def _rectangular(text: str, escaped: bool = False) -> bool:
    return len(_widths(text, "\t", escaped)) == 1


def _widths(text: str, delimiter: str, escaped: bool) -> set[int]:
    """Return the numbers of fields that rows have, or nothing if CSV cannot read the text."""
    try:
        return {len(fields) for _, fields in csv_rows(text, delimiter, "", escaped) if fields}
    except UserError:
        return set()
