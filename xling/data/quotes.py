"""Whether a TSV file writes quotes as CSV does (as pandas does), or takes them as text."""

import csv
import dataclasses
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from xling.data.text import lines_of
from xling.errors import UserError

LIMIT = 2**31 - 1  # characters of a field; the library's own limit is 131,072

Escapes = Literal["", "quotes", "all"]
"""What a backslash escapes in a file with CSV's quotes: nothing (quotes inside are doubled); quotes
in quotes alone, as R and Spark write them; or also separators, line ends and backslashes, in
quotes and without, as Python does with an `escapechar`."""


@dataclass(frozen=True)
class Quotes:
    """How quotes in a file are read.

    Attributes:
        csv: whether fields in quotes lose them, and hold doubled ones for one.
        escapes: what backslashes escape.
        doubtful: whether backslashes that are taken as text may be escapes: they come in twos
            only, or before all quotes of a field.
        spaced: whether spaces before a field are left out.
        remark: addition to the line about the file.
    """

    csv: bool
    escapes: Escapes = ""
    doubtful: bool = False
    spaced: bool = False
    remark: str = ""


@dataclass(frozen=True)
class Evidence:
    """Numbers of fields with quotes, and the first line of two kinds.

    Attributes:
        doubled: in quotes, with doubled ones or a carriage return inside: as CSV writes them, and
            hardly anyone else.
        escaped: in quotes, with those inside behind backslashes, as R writes them.
        bare: not in quotes, and all quotes behind backslashes, as Python may write them.
        open: begin with a quote, but are not in quotes: CSV cannot read them.
        inside: with quotes further on: CSV reads them, but does not write them.
        column: whether a column is in quotes in every row.
        ragged: whether rows differ in their number of fields if only tabs part them.
    """

    doubled: int
    escaped: int
    bare: int
    open: int
    inside: int
    first_doubled: int
    first_open: int
    column: bool
    ragged: bool


def with_spaces(quotes: Quotes, text: str) -> Quotes:
    """Leave out the spaces before fields of CSV where quotes stand behind them."""
    if not re.search(r', +"', text):
        return quotes
    fields = (field for _, row in parsed(text, ",", quotes.escapes).rows for field in row)
    if not any(field.startswith(' "') for field in fields):
        return quotes
    spaced = parsed(text, ",", quotes.escapes, spaced=True)
    if spaced.refused or len(spaced.widths) > 1:
        return quotes
    remark = f"{quotes.remark} (spaces behind commas left out)"
    return dataclasses.replace(quotes, spaced=True, remark=remark)


def with_pairs(quotes: Quotes, text: str, delimiter: str) -> Quotes:
    """Say so where backslashes that are taken as text may be escaped ones."""
    if quotes.escapes or "\\\\" not in text or not _python_escapes(text, delimiter):
        return quotes
    remark = " (backslashes come in twos only; data.quotes=escaped takes two for one)"
    return dataclasses.replace(quotes, doubtful=True, remark=quotes.remark + remark)


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
    if (seen.escaped or seen.bare) and not seen.doubled:
        quotes = csv_quotes(text, "\t")
        if quotes.escapes == "all":
            return quotes
        if quotes.escapes and (not seen.inside or (seen.ragged and _rectangular(text, "quotes"))):
            return quotes
    others = seen.open + seen.inside + seen.escaped + seen.bare
    if (seen.open and seen.ragged and _rectangular(text)) or (seen.column and not others):
        return Quotes(csv=True, remark=" (quotes read as CSV writes them)")
    if not seen.doubled:
        behind = f" (backslashes before the quotes of {_fields(seen.bare)} are taken as text)"
        return Quotes(csv=False, doubtful=bool(seen.bare), remark=behind if seen.bare else "")
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
    """Find out how fields hold quotes: doubled, or behind backslashes.

    Where every reading fails somewhere, the one that comes furthest is chosen, so that what is
    refused is what is wrong.
    """
    if '\\"' not in text:
        return Quotes(csv=True)
    plain = parsed(text, delimiter, "")
    with_quotes = "".join(field for _, row in plain.rows for field in row if '"' in field)
    if not plain.refused and not _only_escaped(with_quotes):
        return Quotes(csv=True)
    quotes = parsed(text, delimiter, "quotes")
    if _python_escapes(text, delimiter):
        escaped = parsed(text, delimiter, "all")
        if not escaped.refused and len(escaped.widths) == 1 and escaped.rows != quotes.rows:
            remark = ' (backslashes read as Python writes them, \\" for a quote)'
            return Quotes(csv=True, escapes="all", remark=remark)
    if plain.refused and (not quotes.refused or quotes.refused > plain.refused):
        remark = ' (quotes read as R and Spark write them, \\" for one inside)'
        return Quotes(csv=True, escapes="quotes", remark=remark)
    taken = "" if plain.refused else " (backslashes before quotes are taken as text)"
    return Quotes(csv=True, doubtful=bool(taken), remark=taken)


def _python_escapes(text: str, delimiter: str) -> bool:
    """Return whether every backslash stands before what Python escapes."""
    return set(re.findall(r"\\(.?)", text, re.DOTALL)) <= {*'\\"\r\n', delimiter}


def _only_escaped(field: str) -> bool:
    return '"' in field and '"' not in re.sub(r"\\.", "", field)


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
        in_quotes: set[int] = set()
        if '"' in line:
            for column, field in enumerate(line.split("\t")):
                if kind := _kind(field):
                    counts[kind] += 1
                    first.setdefault(kind, number)
                    if kind in ("doubled", "escaped", "plain"):
                        in_quotes.add(column)
        if number > 1:  # names need not be in quotes where all texts are
            quoted = in_quotes if quoted is None else quoted & in_quotes
    return Evidence(
        doubled=counts["doubled"],
        escaped=counts["escaped"],
        bare=counts["bare"],
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
        return "bare" if _only_escaped(field) else "inside"
    inner = field[1:-1]
    if len(field) < 2 or not field.endswith('"') or '"' in inner.replace('""', ""):
        escaped = len(field) > 1 and field.endswith('"') and '"' not in inner.replace('\\"', "")
        return "escaped" if escaped else "open"
    return "doubled" if '""' in inner or "\r" in inner else "plain"


@dataclass(frozen=True)
class Parsed:
    """The rows of a text up to the first that cannot be read.

    Attributes:
        rows: each with the line where it starts, counted from 1.
        refused: where the row starts that cannot be read; 0 if all can.
        reason: why it cannot.
    """

    rows: list[tuple[int, list[str]]]
    refused: int = 0
    reason: str = ""

    @property
    def widths(self) -> set[int]:
        """Numbers of fields that rows have."""
        return {len(fields) for _, fields in self.rows if fields}


def parsed(text: str, delimiter: str, escapes: Escapes, spaced: bool = False) -> Parsed:
    """Read the rows of a text with CSV's quotes."""
    csv.field_size_limit(LIMIT)
    text = text.replace('\\"', '""') if escapes == "quotes" else text
    escapechar = "\\" if escapes == "all" else None
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        escapechar=escapechar,
        skipinitialspace=spaced,
        strict=True,
    )
    rows = []
    while True:
        start = reader.line_num + 1
        try:
            rows.append((start, next(reader)))
        except StopIteration:
            return Parsed(rows)
        except csv.Error as error:
            return Parsed(rows, start, str(error))


def csv_rows(text: str, delimiter: str, name: str, quotes: Quotes) -> list[tuple[int, list[str]]]:
    """Return the rows of a text with CSV's quotes, each with the line where it starts.

    Args:
        name: name of the file in messages.

    Raises:
        UserError: a quote that is left open, or text after a closing one.
    """
    result = parsed(text, delimiter, quotes.escapes, quotes.spaced)
    if not result.refused:
        return result.rows
    line = lines_of(text)[result.refused - 1]
    ends_so = quotes.escapes == "quotes" and re.search(rf'\\"({re.escape(delimiter)}|$)', line)
    advice = " A text that ends in a backslash is written so: add a space to it." if ends_so else ""
    raise UserError(
        f"{name}:{result.refused}: the quotes in this row are not balanced: "
        f"{result.reason}.{advice}"
    )


def _rectangular(text: str, escapes: Escapes = "") -> bool:
    """Return whether a TSV text can be read with CSV's quotes, all rows of one width."""
    result = parsed(text, "\t", escapes)
    return not result.refused and len(result.widths) == 1
