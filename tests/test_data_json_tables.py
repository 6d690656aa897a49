"""Another form of a table in JSON than rows is told, and the advice makes rows of it."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import config

from xling.config import Task
from xling.data.readers import read_table
from xling.errors import UserError

ROWS = [
    {"id": "007", "premise": 'Grüße, "so" } {', "hypothesis": "это", "label": "neutral"},
    {"id": "2024-01-02", "premise": "12", "hypothesis": "我", "label": "entailment"},
]
TABLE = pd.DataFrame(ROWS)
NAMES = ["premise", "hypothesis", "label"]


def read(path: Path, task: Task) -> list[dict[str, object]]:
    table = read_table(path, path.name, task, config().data)
    return [record.values for record in table.records]


def refusal(path: Path, task: Task) -> str:
    with pytest.raises(UserError) as caught:
        read(path, task)
    return str(caught.value)


def follow(message: str) -> None:
    """Run the line that a message ends with, in a shell as a user does."""
    command = message.splitlines()[-1].strip()
    command = command.replace("python -c", f"{sys.executable} -c")
    subprocess.run(command, shell=True, check=True)


FORMS = {
    "columns": (TABLE.to_json(), "columns, as pandas writes them by default"),
    "index": (TABLE.to_json(orient="index"), 'orient="index"'),
    "split": (TABLE.to_json(orient="split"), 'orient="split"'),
    "table": (TABLE.to_json(orient="table", index=False), 'within an object, under "data"'),
    "indented": (TABLE.to_json(indent=2), "columns, as pandas writes them by default"),
    "lists": (json.dumps(TABLE.to_dict("list")), "holds columns. Write an array of objects"),
    "several lines": (
        "\ufeff" + "\n".join(json.dumps(row, indent=2) for row in ROWS),
        "holds objects that take several lines each. Write an array of objects",
    ),
    "data": (json.dumps({"version": "1.0", "data": ROWS}), 'under "data". Write that array alone'),
    "rows": (json.dumps({"rows": ROWS, "n": 2}, indent=1), 'under "rows". Write that array alone'),
}


@pytest.mark.parametrize(("content", "expected"), FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", ["my file.json", "a.jsonl", "a.json.gz"])
def test_a_table_in_another_form_is_told_and_the_line_makes_rows_of_it(
    tmp_path: Path, xnli_task: Task, name: str, content: str, expected: str
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    message = refusal(path, xnli_task)
    assert message.startswith(f"{name} holds ") and expected in message
    assert ("pandas" in expected or "orient" in expected) == ('orient="records")' in message)
    follow(message)
    kept = path.with_name(f"{name}.orig").read_bytes()
    assert (gzip.decompress(kept) if name.endswith("gz") else kept) == content.encode()
    unpacked = path.with_suffix("") if name.endswith("gz") else path
    made = unpacked.with_suffix(".json")
    unpacked.rename(made)  # an array, whatever the file's name was
    assert read(made, xnli_task) == ROWS


def test_what_takes_more_than_a_command_is_told(tmp_path: Path, xnli_task: Task) -> None:
    path = tmp_path / "a.json"
    path.write_text(TABLE.to_json(orient="values"))
    message = refusal(path, xnli_task)
    assert message.startswith("a.json holds rows without the names of their columns. Write DataF")
    path.write_text(json.dumps({"train": ROWS, "test": ROWS}))
    assert 'under "train" and "test". Write each into a file of its own.' in refusal(
        path, xnli_task
    )


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_one_row_alone_is_a_row(tmp_path: Path, xnli_task: Task, name: str) -> None:
    row = {**ROWS[0], "tokens": [{"a": 1}], "meta": {"premise": 1}}
    path = tmp_path / name
    path.write_text(json.dumps(row))
    assert read(path, xnli_task) == [row]
    path.write_text(json.dumps({"premisse": {"a": 1}, "label": "neutral"}))
    assert "has no column 'premise'" in refusal(path, xnli_task)
