"""Whether quotes in TSV are CSV's or text is found out by reading, and told for each file."""

import csv
import dataclasses
import io
from pathlib import Path

import pandas as pd
import pytest
from conftest import config

from xling.data.quotes import quotes_of
from xling.data.readers import Table, read_table
from xling.errors import UserError

TASK = dataclasses.replace(
    config("task=sib200").task,
    labels={"good": ("good",), "bad": ("bad",)},
)
DATA = config().data
TEXTS = [
    'He said "good" twice',
    '"Quoted throughout"',
    "plain, with a comma",
    '5" pipe',
    '"',
    "it’s „so“",
]


def read(path: Path, quotes: str = "auto") -> Table:
    return read_table(path, path.name, TASK, dataclasses.replace(DATA, quotes=quotes))


def texts(table: Table) -> list[str]:
    return [record.values["text"] for record in table.records]


def frame(written: list[str]) -> pd.DataFrame:
    labels = ["good", "bad"] * len(written)
    return pd.DataFrame(
        {"id": range(len(written)), "text": written, "label": labels[: len(written)]}
    )


@pytest.mark.parametrize("quoting", [0, 1, 2], ids=["minimal", "all", "nonnumeric"])
@pytest.mark.parametrize("written", [TEXTS, [*TEXTS, "two\nlines", "a\ttab"]], ids=["", "lines"])
def test_what_pandas_writes_is_read_as_pandas_reads_it(
    tmp_path: Path, written: list[str], quoting: int
) -> None:
    path = tmp_path / "train.de.tsv"
    frame(written).to_csv(path, sep="\t", index=False, quoting=quoting)
    table = read(path)
    assert texts(table) == written == list(pd.read_csv(path, sep="\t")["text"])
    assert table.count == len(written)
    assert "read as CSV writes them" in table.remark
    assert texts(read(path, "csv")) == written
    assert read(path, "csv").remark == ""


def test_the_number_of_quoted_fields_is_stated() -> None:
    text = frame(TEXTS[:4]).to_csv(sep="\t", index=False)
    assert quotes_of(text, "a").remark == " (3 fields in quotes, read as CSV writes them)"


@pytest.mark.parametrize(
    "written",
    [
        ["plain"],
        ['"Yes', 'he said "no"', "so"],
        ['"Yes', 'so"', "neither"],  # would be one row of three fields to a reader of CSV
        ['"A whole sentence."', "another"],  # pandas would have doubled its quotes
        ['"In quotes" and "again"', '""Twice""', 'he said ""so""'],
        ['"like ""CSV"" but alone"', 'a "b"', '"c', 'd" e'],
    ],
)
def test_quotes_that_are_text_stay(tmp_path: Path, written: list[str]) -> None:
    path = tmp_path / "a.tsv"
    lines = [f"{n}\t{text}\tgood" for n, text in enumerate(written)]
    path.write_text("\n".join(["id\ttext\tlabel", *lines]) + "\n", "utf-8")
    table = read(path)
    assert texts(table) == written
    doubled = any("CSV" in text for text in written)
    assert ("quotes taken as text, though 1 field" in table.remark) == doubled
    assert texts(read(path, "none")) == written


def test_quotes_of_a_few_damaged_fields_do_not_hide_csv_s() -> None:
    rows = ['1\t"a ""b"""\tgood', '2\t"c ""d"" e"\tbad', '3\t"""f"""\tbad', '4\tDer Star."\tbad']
    text = "\n".join(["id\ttext\tlabel", *rows, ""])
    assert quotes_of(text, "a.tsv").csv
    with pytest.raises(UserError) as caught:
        quotes_of(text + '5\t"open\tbad\n', "a.tsv")
    message = str(caught.value)
    assert (
        "a.tsv: 3 fields in quotes as CSV writes them, the first in line 2, but line 6" in message
    )
    assert "data.quotes=none" in message


def test_names_in_quotes_are_read_or_the_switch_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('"id"\t"text"\t"label"\n"1"\t"a"\t"good"\n')
    assert texts(read(path)) == ["a"]
    with pytest.raises(UserError, match=r"names are in quotes: write data\.quotes=csv") as caught:
        read(path, "none")
    assert "Did you mean" not in str(caught.value)


def test_csv_can_be_read_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text,label\n1,"a,good\n')
    assert texts(read(path, "none")) == ['"a']
    with pytest.raises(UserError, match="not balanced"):
        read(path)


def test_fields_of_any_length_are_read(tmp_path: Path) -> None:
    long = 'a "word" ' * 20_000
    for ending, separator in (("csv", ","), ("tsv", "\t")):
        path = tmp_path / f"a.{ending}"
        frame([long, "b"]).to_csv(path, sep=separator, index=False)
        assert texts(read(path)) == [long, "b"]


def test_old_line_ends_are_line_ends(tmp_path: Path) -> None:
    for ending, separator in (("csv", ","), ("tsv", "\t")):
        path = tmp_path / f"a.{ending}"
        buffer = io.StringIO()
        frame(TEXTS).to_csv(buffer, sep=separator, index=False, lineterminator="\r")
        path.write_bytes(buffer.getvalue().encode())
        assert texts(read(path)) == TEXTS


@pytest.mark.parametrize(("ending", "separator"), [("tsv", "\t"), ("csv", ",")])
@pytest.mark.parametrize("quoting", [1, 2], ids=["all", "nonnumeric"])
@pytest.mark.parametrize("quotes", ["auto", "csv"])
def test_what_r_and_spark_write_is_read(
    tmp_path: Path, ending: str, separator: str, quoting: int, quotes: str
) -> None:
    """pandas writes as they do if quotes are not doubled, but puts backslashes before backslashes.

    R does not do that; so no text here has one, but for the last.
    """
    written = [*TEXTS, "two\nlines", "a\ttab", '"a" and "b"']
    path = tmp_path / f"a.{ending}"
    frame(written).to_csv(
        path, sep=separator, index=False, quoting=quoting, doublequote=False, escapechar="\\"
    )
    table = read(path, quotes)
    assert texts(table) == written
    assert table.remark == ' (quotes read as R and Spark write them, \\" for one inside)'
    path.write_text(path.read_text().replace("two\nlines", "C:\\new"))
    assert "C:\\new" in texts(read(path, quotes))


@pytest.mark.parametrize(("ending", "separator"), [("tsv", "\t"), ("csv", ",")])
@pytest.mark.parametrize("quoting", [0, 1, 2, 3], ids=["minimal", "all", "nonnumeric", "none"])
@pytest.mark.parametrize("quotes", ["auto", "csv"])
def test_what_python_writes_with_an_escapechar_is_read(
    tmp_path: Path, ending: str, separator: str, quoting: int, quotes: str
) -> None:
    backslashes = ["C:\\new", "\\\\server\\", '\\"', "\\", 'a\\"b" \\\\"']
    written = [*TEXTS, *backslashes, "a\ttab", "two\nlines", '"a" and "b"']
    path = tmp_path / f"a.{ending}"
    with path.open("w", newline="", encoding="utf-8") as file:
        form = {"quoting": quoting, "doublequote": False, "escapechar": "\\"}
        writer = csv.writer(file, delimiter=separator, lineterminator="\n", **form)
        writer.writerow(["id", "text", "label"])
        writer.writerows([str(n), text, "good"] for n, text in enumerate(written))
    table = read(path, quotes)
    assert texts(table) == written
    assert table.remark == ' (backslashes read as Python writes them, \\" for a quote)'
    assert table.count == len(written)


def test_backslashes_that_are_text_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    for written in (
        ['say \\"so\\"', "C:\\new"],  # Python would have doubled the second one
        ['say \\"so\\"', 'he said "no"'],
        ['"a \\"b\\""', 'he said "no"', 'and "yes"'],
    ):
        lines = [f"{n}\t{text}\tgood" for n, text in enumerate(written)]
        path.write_text("\n".join(["id\ttext\tlabel", *lines]) + "\n")
        table = read(path)
        assert texts(table) == written
        behind = " (backslashes before the quotes of 1 field are taken as text)"
        assert table.remark == (behind if written[0].startswith("say") else "")
    path.write_text('id\ttext\tlabel\n1\tsay \\"so\\"\tgood\n')
    assert texts(read(path, "none")) == ['say \\"so\\"']
    path = tmp_path / "a.csv"
    path.write_text('id,text,label\n1,"ends in a backslash\\",good\n2,"b",good\n')
    assert texts(read(path)) == ["ends in a backslash\\", "b"]
    path.write_text('id,text,label\n1,"doubled \\"" behind one",good\n2,"b",good\n')
    assert texts(read(path)) == ['doubled \\" behind one', "b"]


@pytest.mark.parametrize(("ending", "separator"), [("tsv", "\t"), ("csv", ",")])
def test_a_text_of_r_that_ends_in_a_backslash_is_named(
    tmp_path: Path, ending: str, separator: str
) -> None:
    path = tmp_path / f"a.{ending}"
    rows = ['"id","text","label"', '1,"a \\"b\\"","good"', '2,"c","good"', '3,"c:\\","good"']
    path.write_text("\n".join([*rows, '4,"d","good"', ""]).replace(",", separator))
    with pytest.raises(UserError, match=rf"a\.{ending}:4: .*ends in a backslash"):
        read(path)


def test_row_names_of_r_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('"id"\t"text"\t"label"\n"1"\t"7"\t"a"\t"good"\n"2"\t"8"\t"b"\t"bad"\n')
    with pytest.raises(UserError, match=r"one field more than the first line.*row\.names=FALSE"):
        read(path)


def test_quotes_in_every_row_are_csv_s_whether_names_have_them_or_not(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\tlabel\n1\t"a, b"\t"good"\n2\t"c"\t"bad"\n')
    table = read(path)
    assert texts(table) == ["a, b", "c"]
    assert [record.values["label"] for record in table.records] == ["good", "bad"]
    path.write_text('id\ttext\tlabel\n1\t"car\rriage"\tgood\n2\tc\tbad\n')
    assert texts(read(path)) == ["car\rriage", "c"]


def test_spaces_before_quotes_in_csv_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id, text, label\n1, "a, b", good\n2, c, bad\n')
    table = read(path)
    assert texts(table) == ["a, b", "c"]
    assert table.remark == " (spaces behind commas left out)"
    path.write_text('id,text,label\n1, says "so",good\n2,b,bad\n')
    assert texts(read(path)) == [' says "so"', "b"]
