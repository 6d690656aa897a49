"""What YAML makes of a word is not what was meant: said before any file is read, or read right."""

from pathlib import Path

import pytest
from conftest import config, run_xling
from task_files import compose_task

from xling.config import Config, checked
from xling.errors import UserError

TASK = """name: mine
languages: [de, en]
parallel: false
columns: {id: id, text: text, text_pair: null, label: label}
headerless: null
labels: {good: [good], bad: [bad]}
ignore_labels: []
learning_rate: 2e-5
hub: null
"""
LABELS = "labels: {good: [good], bad: [bad]}"


def composed(folder: Path, old: str, new: str) -> Config:
    assert old in TASK
    return checked(compose_task(folder, TASK.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (LABELS, "labels: {good: [yes], bad: [x]}", 'task.labels.good: YAML reads yes, on or true'),
        (LABELS, "labels: {good: [x], bad: [off]}", 'in quotes: "no"'),
        (LABELS, "labels: {yes: [1], no: [0]}", "task.labels: YAML reads"),
        (LABELS, "labels: {good: [1.0], bad: [0.5]}", 'the number 1.0. Put it into quotes'),
        (LABELS, "labels: {good: [null], bad: [x]}", "as no value"),
        (LABELS, "labels: {good: [x], bad: }", "task.labels.bad: YAML reads null"),
        (LABELS, "labels: {good: [x], bad: []}", "task.labels.bad has no values"),
        (LABELS, "labels: {good: [x]}", "two classes or more"),
        (LABELS, "labels: [good, bad]", "labels: {good: [good], bad: [bad]}"),
        ("[de, en]", "[no, sv]", 'task.languages: YAML reads no, off or false'),
        ("ignore_labels: []", "ignore_labels: [no]", "task.ignore_labels: YAML"),
        ("label: label}", "label: no}", "task.columns.label: YAML"),
        ("text: text", "text: label", "the model would read the answer"),
        ("id: id", "id: label", "task.columns.id and task.columns.label are both"),
        ("headerless: null", "headerless: [text, lable]", "no label. Did you mean 'lable'?"),
        ("headerless: null", "headerless: [text, label, text]", "has text twice"),
        ("hub: null\n", "", "task.hub is missing: add it to its file"),
        ("text_pair: null, ", "", "task.columns.text_pair is missing"),
        ("ignore_labels", "ignore_label", "task.ignore_label is not a setting of xling"),
    ],
)  # fmt: skip
def test_a_task_file_that_says_something_else_is_refused(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    with pytest.raises(UserError) as caught:
        composed(tmp_path, old, new)
    assert expected in str(caught.value).replace("into quotes, as it is in your files", "in quotes")
    assert len(str(caught.value)) < 350  # never the whole task


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        ("{good: good, bad: [bad, 7]}", {"good": ("good",), "bad": ("bad", 7)}),
        ("{good: 1, bad: 0}", {"good": (1,), "bad": (0,)}),
        ("{1: [1], 0: [0]}", {"1": (1,), "0": (0,)}),
        ('{"yes": ["yes"], "no": ["no", "010"]}', {"yes": ("yes",), "no": ("no", "010")}),
    ],
)
def test_what_is_plain_is_read(tmp_path: Path, written: str, classes: dict[str, tuple]) -> None:
    assert composed(tmp_path, LABELS, f"labels: {written}").task.labels == classes


def test_the_command_line_takes_words_as_words() -> None:
    assert config("languages=[no,sv]", "imbalance_language=no").languages == ("no", "sv")
    labels = config("task=sib200", "task.labels.travel=[yes,no]").task.labels
    assert labels["travel"] == ("yes", "no")
    with pytest.raises(UserError, match="task.columns.text and task.columns.label are both"):
        config("task.columns.text=label")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (LABELS, "labels: {a: [1], a: [0]}", "mine.yaml:6: not YAML: found duplicate key a."),
        ("hub: null", "hub: null\nname: x", "mine.yaml:10: not YAML: found duplicate key name."),
        (LABELS, "\tlabels: {a: b}", "mine.yaml:6: not YAML: found character"),
        (LABELS, "labels: {a: [b}", "mine.yaml:6: not YAML: expected"),
        (LABELS, "labels: {null: [a], b: [c]}", "null"),
    ],
)
def test_a_file_that_is_no_yaml_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mine.yaml").write_text(TASK.replace(old, new))
    done = run_xling("--config-dir", ".", "task=mine", "dry_run=true", folder=tmp_path)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr) < 500


@pytest.mark.parametrize("written", ["", "name: mine\nlanguages: [de, en]\n"])
def test_a_key_that_a_file_lacks_is_named(tmp_path: Path, written: str) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mine.yaml").write_text(written)
    switches = ("task.columns.id=id",) if written else ()
    done = run_xling("--config-dir", ".", "task=mine", "dry_run=true", *switches, folder=tmp_path)
    assert done.returncode == 1
    key = "task.columns.id" if written else "task.languages"
    assert f"xling: {key} is missing: add it to the file that you chose with task=" in done.stderr


@pytest.mark.parametrize(
    ("label", "written", "advice"),
    [
        ("010", "[010]", 'YAML reads 010 as the number 8: write "010" in quotes in task.labels.'),
        ("0.0", "[0]", 'pandas writes 0 so beside empty places: add "0.0", in quotes.'),
    ],
)
def test_a_label_that_a_program_reads_as_a_number_is_explained_by_the_data(
    tmp_path: Path, label: str, written: str, advice: str
) -> None:
    task = TASK.replace(LABELS, f"labels: {{a: {written}, b: [20]}}")
    for language in ("de", "en"):
        for split in ("train", "dev", "test"):
            rows = "".join(f"{n}\tsome {n}\t{(label, '20')[n % 2]}\n" for n in range(4))
            (tmp_path / f"{split}.{language}.tsv").write_text(f"id\ttext\tlabel\n{rows}")
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mine.yaml").write_text(task)
    command = ("--config-dir", ".", "task=mine", "data=files", "data.path=.", "dry_run=true")
    done = run_xling(*command, folder=tmp_path)
    assert done.returncode == 1
    assert advice in done.stderr
