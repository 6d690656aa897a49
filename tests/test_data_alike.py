"""Files of one corpus are read alike, and translations stay beside each other."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from task_files import compose_task

from xling.config import checked
from xling.data import load_corpus
from xling.errors import UserError

TASK = """
name: mine
languages: [de, en]
parallel: {parallel}
columns: {{id: {id}, text: text, text_pair: null, label: label}}
headerless: null
labels: {{a: [a], b: [b]}}
ignore_labels: []
learning_rate: 2e-5
hub: null
"""


def load(folder: Path, *switches: str, identity: str = "id", parallel: bool = False):
    task = TASK.format(parallel=str(parallel).lower(), id=identity)
    own = folder.parent / "own"
    run = checked(compose_task(own, task, "data=files", f"data.path={folder}", *switches))
    said: list[str] = []
    return load_corpus(run, said.append), said


def written(folder: Path, write: Callable[[Path, str, str], None], ending: str) -> Path:
    folder = folder / "data"
    folder.mkdir()
    for language in ("de", "en"):
        for split in ("train", "dev", "test"):
            write(folder / f"{split}.{language}.{ending}", language, split)
    return folder


@pytest.mark.parametrize("broken", ["{}\nhalf", "\n{}"], ids=["half", "empty line"])
@pytest.mark.parametrize("ending", ["tsv", "csv"])
def test_no_rows_are_taken_for_translations_behind_a_line_that_may_shift_them(
    tmp_path: Path, broken: str, ending: str
) -> None:
    """A text with a line break in another row of each language leaves equal counts."""

    def write(path: Path, language: str, split: str) -> None:
        lines = [f"{language} {row}\t{'ab'[row % 2]}" for row in range(20)]
        at = {"de": 3, "en": 15}[language] if split == "train" else 19
        lines[at] = broken.format(lines[at]) if split == "train" else lines[at]
        text = "\n".join(["text\tlabel", *lines, ""])
        path.write_text(text if ending == "tsv" else text.replace("\t", ","))

    folder = written(tmp_path, write, ending)
    with pytest.raises(UserError, match=rf"train\.de\.{ending}:\d+: .*aligned by their numbers"):
        load(folder, "data.on_bad_row=drop", identity="null", parallel=True)


def test_empty_lines_at_the_end_shift_nothing(tmp_path: Path) -> None:
    def write(path: Path, language: str, split: str) -> None:
        rows = "".join(f"{language} {row}\t{'ab'[row % 2]}\n" for row in range(8))
        path.write_text(f"text\tlabel\n{rows}\n\n")

    folder = written(tmp_path, write, "tsv")
    corpus, _ = load(folder, "data.on_bad_row=drop", identity="null", parallel=True)
    by_content: dict[str, set[str]] = {}
    for row in corpus["train"]:
        by_content.setdefault(row["parallel_id"], set()).add(row["text"].split()[1])
    assert by_content and all(len(numbers) == 1 for numbers in by_content.values())


@pytest.mark.parametrize("ending", ["tsv", "csv"])
def test_backslashes_of_one_writer_are_read_alike_in_all_languages(
    tmp_path: Path, ending: str
) -> None:
    """One language has quotes, which show that a backslash escapes; the other has paths alone."""
    texts = {"de": 'Er sagt "ja" in C:\\dir', "en": "It is in C:\\dir"}

    def write(path: Path, language: str, split: str) -> None:
        with path.open("w", newline="") as file:
            writer = csv.writer(
                file,
                delimiter="\t" if ending == "tsv" else ",",
                doublequote=False,
                escapechar="\\",
            )
            writer.writerow(["id", "text", "label"])
            writer.writerows([row, f"{texts[language]} {row}", "ab"[row % 2]] for row in range(8))

    folder = written(tmp_path, write, ending)
    with pytest.raises(UserError, match=r"train\.de.* shows by its quotes.*train\.en.*=escaped"):
        load(folder)
    corpus, _ = load(folder, "data.quotes=escaped")
    found = {row["language"]: row["text"].rpartition(" ")[0] for row in corpus["train"]}
    assert found == texts


def test_backslashes_in_twos_are_told(tmp_path: Path) -> None:
    def write(path: Path, language: str, split: str) -> None:
        rows = "".join(f"{row}\tC:\\\\{language} {row}\t{'ab'[row % 2]}\n" for row in range(8))
        path.write_text(f"id\ttext\tlabel\n{rows}")

    folder = written(tmp_path, write, "tsv")
    corpus, said = load(folder)
    assert corpus["train"][0]["text"].startswith("C:\\\\de")
    assert any("twos only; data.quotes=escaped takes two for one" in line for line in said)
    corpus, said = load(folder, "data.quotes=escaped")
    assert corpus["train"][0]["text"].startswith("C:\\de")
    assert not any("come in twos" in line for line in said)
