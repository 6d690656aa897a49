"""Every row of every kind of file arrives, with its line, whatever its texts hold."""

import dataclasses
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import config

from xling.config import Task
from xling.data.readers import Table, read_table
from xling.data.rows import separate_rows
from xling.errors import UserError

DATA = config().data
HEADER = "premise\thypothesis\tlabel\n"


def read(
    path: Path, task: Task, **data: str
) -> tuple[Table, list[tuple[int, dict[str, object], str]]]:
    table = read_table(path, path.name, task, dataclasses.replace(DATA, **data))
    return table, [tuple(record) for record in table.records]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_tsv_takes_quotes_and_unicode_separators_as_text(tmp_path: Path, xnli_task: Task) -> None:
    rows = ['"Yes', "it's \u2028 so", "neutral"], ["a\u0085b", 'he said "no"', "entailment"]
    path = write(tmp_path / "a.tsv", HEADER + "".join("\t".join(row) + "\n" for row in rows))
    table, records = read(path, xnli_task)
    assert table.count == 2
    assert [(line, list(values.values())) for line, values, _ in records] == [
        (2, rows[0]),
        (3, rows[1]),
    ]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + "a\tb\tneutral\n",
        HEADER + "a\tb\tneutral",  # no line end after the last row
        HEADER.replace("\n", "\r\n") + "a\tb\tneutral\r\n",
        "\ufeff" + HEADER + "a\tb\tneutral\n",
    ],
)
def test_line_ends_and_byte_order_marks_change_no_text(
    tmp_path: Path, xnli_task: Task, content: str
) -> None:
    table, records = read(write(tmp_path / "a.tsv", content), xnli_task)
    assert table.count == 1
    assert records == [(2, {"premise": "a", "hypothesis": "b", "label": "neutral"}, "")]


def test_ragged_rows_are_reported_and_keep_their_place(tmp_path: Path, xnli_task: Task) -> None:
    content = HEADER + "a\tb\n\nc\td\tneutral\ne\tf\tneutral\tmore\n"
    table, records = read(write(tmp_path / "a.tsv", content), xnli_task)
    assert table.count == 4
    assert [(line, problem) for line, _, problem in records] == [
        (2, "2 fields instead of 3"),
        (3, "empty line"),
        (4, ""),
        (5, "4 fields instead of 3"),
    ]


@pytest.mark.parametrize(
    ("header", "content", "halves"),
    [
        ("text\tlabel", "a\t0\nb\n\nc\nd\t0\ne\t0\n", 1),
        ("label\ttext", "0\ta\n0\tb\n\nc\nd\n0\te\n", 1),
        ("id\ttext\tlabel", "1\ta\t0\n2\tb\n\nc\t0\n5\te\t0\n", 0),
        ("id\tlabel\ttext", "1\t0\ta\n2\t0\tb\nc\n\n5\t0\te\n\n", 1),
        ("id\ttext\tlabel", "1\ta\t0\n2\n5\te\t0\n", 0),  # no half of a text
    ],
)
@pytest.mark.parametrize("ending", ["tsv", "csv"])
def test_no_half_of_a_text_with_a_line_break_stays(
    tmp_path: Path, header: str, content: str, halves: int, ending: str
) -> None:
    task = config("task=sib200").task
    columns = dataclasses.replace(task.columns, id="id" if "id" in header else None)
    task = dataclasses.replace(task, labels={"x": ("0",)}, columns=columns)
    content = f"{header}\n{content}".replace("\t", "," if ending == "csv" else "\t")
    table = read_table(write(tmp_path / f"a.{ending}", content), f"a.{ending}", task, DATA)
    rows, bad = separate_rows([table], task)
    assert [row.text for row in rows] == ["a", "e"]
    assert len(rows) + len(bad) == table.count
    assert [row.reason for row in bad].count("half a text") == halves


def test_a_file_without_a_header_is_recognised(tmp_path: Path, xnli_task: Task) -> None:
    table, records = read(write(tmp_path / "a.tsv", "a\tb\tneutral\nc\td\tentailment\n"), xnli_task)
    assert (table.count, table.columns.id) == (2, None)
    assert "no header" in table.remark
    assert records[0] == (1, {"premise": "a", "hypothesis": "b", "label": "neutral"}, "")


def test_rows_without_a_header_and_ids_are_numbered(tmp_path: Path) -> None:
    pawsx = config("task=pawsx").task
    assert pawsx.columns.id == "id"
    table, _ = read(write(tmp_path / "a.tsv", "a\tb\t1\n"), pawsx)
    assert table.columns.id is None


def test_csv_quotes_hold_commas_and_line_ends(tmp_path: Path, xnli_task: Task) -> None:
    content = 'label,premise,hypothesis\nneutral,"a, b\nc","say ""hi"""\nentailment,d,e\n'
    table, records = read(write(tmp_path / "a.csv", content), xnli_task)
    assert table.count == 2
    assert records[0] == (
        2,
        {"label": "neutral", "premise": "a, b\nc", "hypothesis": 'say "hi"'},
        "",
    )
    assert records[1][0] == 4  # the line where the row starts


def test_a_quote_left_open_in_csv_is_refused(tmp_path: Path, xnli_task: Task) -> None:
    content = 'premise,hypothesis,label\na,b,neutral\nc,"d,neutral\n'
    with pytest.raises(UserError, match=r"a\.csv:3: the quotes in this row are not balanced"):
        read(write(tmp_path / "a.csv", content), xnli_task)


@pytest.mark.parametrize("ending", ["jsonl", "ndjson"])
def test_every_record_of_jsonl_is_read(tmp_path: Path, xnli_task: Task, ending: str) -> None:
    good = {"premise": "a\u2028b", "hypothesis": "c", "label": 0, "more": [1]}
    lines = [json.dumps(good, ensure_ascii=False), "{", "[1]"]
    table, records = read(write(tmp_path / f"a.{ending}", "\n".join(lines) + "\n"), xnli_task)
    assert table.count == 3
    assert records[0] == (1, good, "")
    assert "not JSON" in records[1][2]
    assert records[2][2] == "not a JSON object"


def test_parquet_reads_the_task_s_columns_only(tmp_path: Path, xnli_task: Task) -> None:
    path = tmp_path / "a.parquet"
    columns = {"premise": ["a", None], "hypothesis": ["b", "c"], "label": [0, 2], "x": [1.0, 2.0]}
    pq.write_table(pa.table(columns), path)
    table, records = read(path, xnli_task)
    assert table.count == 2
    assert records == [
        (1, {"premise": "a", "hypothesis": "b", "label": 0}, ""),
        (2, {"premise": None, "hypothesis": "c", "label": 2}, ""),
    ]


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path, xnli_task: Task) -> None:
    with pytest.raises(UserError, match="not a Parquet file"):
        read(write(tmp_path / "a.parquet", "premise"), xnli_task)


def test_wrong_encoding_names_file_and_line(tmp_path: Path, xnli_task: Task) -> None:
    content = HEADER.encode() + b"a\tb\tneutral\n" + "Äpfel\tb\tneutral\n".encode("latin-1")
    with pytest.raises(UserError, match=r"a\.tsv:3: not UTF-8"):
        read(write(tmp_path / "a.tsv", content), xnli_task)


def test_wrong_column_names_what_is_there_and_what_to_write(
    tmp_path: Path, xnli_task: Task
) -> None:
    path = write(tmp_path / "a.tsv", "id\tpremisse\thypothesis\tlabel\n1\ta\tb\tneutral\n")
    with pytest.raises(UserError) as caught:
        read(path, xnli_task)
    message = str(caught.value)
    assert "no column 'premise' (task.columns.text). Did you mean 'premisse'?" in message
    assert "id, premisse, hypothesis, label" in message
    assert "task.columns.text=NAME" in message


def test_an_empty_file_and_a_doubled_column_are_refused(tmp_path: Path, xnli_task: Task) -> None:
    with pytest.raises(UserError, match="is empty"):
        read(write(tmp_path / "a.tsv", ""), xnli_task)
    with pytest.raises(UserError, match="'label' twice"):
        read(write(tmp_path / "b.tsv", "premise\thypothesis\tlabel\tlabel\n"), xnli_task)
