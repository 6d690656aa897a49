"""Values and files that a library chokes on are named with their place, in a sentence."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import config

from xling.config import Task
from xling.data.readers import Table, read_table
from xling.data.rows import BadRow, separate_rows
from xling.errors import UserError, nearest

DATA = config().data
GOOD = {"premise": "a", "hypothesis": "b", "label": "neutral"}


def read(path: Path, task: Task) -> Table:
    return read_table(path, path.name, task, DATA)


def bad_rows(path: Path, task: Task) -> list[BadRow]:
    return separate_rows([read(path, task)], task)[1]


def refusal(path: Path, task: Task) -> str:
    with pytest.raises(UserError) as caught:
        read(path, task)
    return str(caught.value)


DEEP, HUGE = "[" * 100_000 + "]" * 100_000, "1" * 5_000
LINES = {
    f'{{"premise": {DEEP}}}': "JSON that is nested too deeply",
    f'{{"premise": {HUGE}}}': "an integer of more than 4,300 digits",
    '{"premise": ': "not JSON: Expecting value",
    "": "empty line",
    "[1]": "not a JSON object",
    json.dumps({**GOOD, "label": ["neutral"]}): "a list as label (label)",
    json.dumps({**GOOD, "label": {"a": 1}}): "a dict as label (label)",
    json.dumps({**GOOD, "label": "\ud800"}): "invalid Unicode in the label (label)",
    json.dumps({**GOOD, "label": "x" * 5_000}): f"unknown label '{'x' * 60}…'",
    json.dumps({**GOOD, "label": None}): "no label (label)",
    json.dumps({**GOOD, "premise": {"en": "a"}}): "not text (premise)",
    json.dumps({**GOOD, "premise": "\udc00"}): "invalid Unicode (premise)",
    json.dumps({"hypothesis": "b", "label": 1}): "empty text (premise)",
}


@pytest.mark.parametrize("problem", LINES.values())
def test_a_bad_line_of_json_is_reported_alone(
    tmp_path: Path, xnli_task: Task, problem: str
) -> None:
    (line,) = (line for line, its in LINES.items() if its == problem)
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n{json.dumps(GOOD)}\n")
    (bad,) = bad_rows(path, xnli_task)
    assert (bad.file, bad.line) == ("a.jsonl", 2)
    assert bad.detail.startswith(problem)


def test_an_array_of_objects_is_read_and_its_faults_named(tmp_path: Path, xnli_task: Task) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([GOOD, "x", GOOD], indent=2))
    table = read(path, xnli_task)
    assert [record.values for record in table.records] == [GOOD, {}, GOOD]
    assert [(row.line, row.detail) for row in bad_rows(path, xnli_task)] == [
        (2, "not a JSON object")
    ]
    for content, problem in {
        f"[{DEEP}": "nested too deeply",
        f"[{HUGE}]": "4,300 digits",
        '[{"premise": "a"}': "a.json: not JSON: Expecting ',' delimiter: line 1",
        "[]": "a.json is empty",
        "{\n}": "a.json:1: not JSON: Expecting property name enclosed in double quotes",
        '{"dat": 1}': "a.json has no column 'label'",
    }.items():
        path.write_text(content)
        assert problem in refusal(path, xnli_task)


def parquet(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False)
    return path


def test_parquet_whose_text_is_not_utf8_is_named(tmp_path: Path, xnli_task: Task) -> None:
    wrong = pa.array([b"good", b"caf\xe9"], pa.binary()).cast(pa.string(), safe=False)
    two = pa.array(["b", "b"])
    path = parquet(tmp_path / "a.parquet", premise=wrong, hypothesis=two, label=two)
    message = refusal(path, xnli_task)
    assert "a.parquet: text that is not UTF-8 after row" in message
    assert "of 2" in message


def test_a_damaged_page_of_parquet_is_named(tmp_path: Path, xnli_task: Task) -> None:
    words = pa.array([f"some words {n}" for n in range(5_000)])
    path = parquet(tmp_path / "a.parquet", premise=words, hypothesis=words, label=words)
    content = bytearray(path.read_bytes())
    for start in range(4, len(content) // 2, 997):
        content[start : start + 40] = bytes(np.random.default_rng(start).bytes(40))
    path.write_bytes(content)
    message = refusal(path, xnli_task)
    assert message.startswith("a.parquet: ") and "of 5,000" in message
    path.write_bytes(content[: len(content) // 2])
    assert "a.parquet is not a Parquet file, or damaged" in refusal(path, xnli_task)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "git lfs pull" in refusal(path, xnli_task)


def test_columns_parted_by_something_else_are_explained(tmp_path: Path, xnli_task: Task) -> None:
    for name, separator, advice in (
        ("a.csv", ";", "parted by semicolons: write it with tabs, as .tsv"),
        ("a.csv", "\t", "parted by tabs: rename the file to .tsv"),
        ("a.tsv", ",", "parted by commas: rename the file to .csv"),
        ("a.tsv", " ", "parted by spaces: write it with tabs, as .tsv"),
    ):
        path = tmp_path / name
        path.write_text(separator.join(GOOD) + "\n" + separator.join(GOOD.values()) + "\n")
        assert advice in refusal(path, xnli_task)
        quoted = [separator.join(f'"{word}"' for word in row) for row in (GOOD, GOOD.values())]
        path.write_text("\n".join(quoted) + "\n")
        assert advice in refusal(path, xnli_task)


def test_a_file_without_a_header_is_told_how_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("0,a text,good\n1,another,bad\n")
    assert "A file without a header needs task.headerless=" in refusal(
        path, config("task=marc").task
    )


def test_a_header_in_capitals_is_no_row(tmp_path: Path, xnli_task: Task) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("Premise\tHypothesis\tLabel\na\tb\tneutral\n")
    message = refusal(path, xnli_task)
    assert "no column 'label' (task.columns.label). Did you mean 'Label'?" in message


def test_whole_numbers_are_labels_with_or_without_a_fraction(
    tmp_path: Path, xnli_task: Task
) -> None:
    labels = pa.array([0.0, 1.0, None, float("nan"), 0.5])
    words = pa.array(["a"] * 5)
    path = parquet(tmp_path / "a.parquet", premise=words, hypothesis=words, label=labels)
    good, bad = separate_rows([read(path, xnli_task)], xnli_task)
    assert [row.label for row in good] == [1, 0]  # 0 is entailment
    details = [row.detail for row in bad]
    assert details == ["no label (label)", "no label (label)", "unknown label '0.5'"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\0\0\0", "an Excel sheet or an archive"),
        (b"\x1f\x8b\x08\0\0\0", "a packed file"),
        (b"PAR1\x15\0\x15", "a Parquet file"),
    ],
)
def test_what_is_no_text_is_named(
    tmp_path: Path, xnli_task: Task, content: bytes, kind: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UserError, match=rf"^a\.csv holds {kind}"):
        read(tmp_path / "a.csv", xnli_task)
    (tmp_path / "a.csv.gz").write_bytes(b"premise,hypothesis,label\n")
    with pytest.raises(UserError, match=r"If it is not packed, leave \.gz out of its name"):
        read(tmp_path / "a.csv.gz", xnli_task)


def test_the_first_row_of_json_lines_need_not_have_every_key(
    tmp_path: Path, xnli_task: Task
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"premise": "a"}\n{"premise": "b", "hypothesis": "c", "label": "neutral"}\n')
    rows, bad = separate_rows([read(path, xnli_task)], xnli_task)
    assert [row.text for row in rows] == ["b"] and [row.line for row in bad] == [1]


def test_excel_s_line_about_the_separator_is_named(tmp_path: Path, xnli_task: Task) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=,\npremise,hypothesis,label\na,b,neutral\n")
    with pytest.raises(UserError, match="Leave that line out, which Excel alone reads"):
        read(path, xnli_task)


def test_another_form_of_unicode_is_told() -> None:
    composed, apart = (unicodedata.normalize(form, "négatif") for form in ("NFC", "NFD"))
    assert nearest(apart, [composed, "positif"]) == (
        f" It is '{composed}' but for Unicode's form (NFC or NFD): copy it from the file."
    )
    assert "Did you mean" in nearest("negatif", [composed])
