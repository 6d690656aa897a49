"""Files of one corpus are read alike, and translations stay beside each other."""

import csv
import json
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


@pytest.mark.parametrize("ending", ["tsv", "jsonl"])
def test_no_rows_are_taken_for_translations_behind_one_without_a_language(
    tmp_path: Path, ending: str
) -> None:
    rows = [
        {"lang": language, "split": split, "text": f"{language} {row}", "label": "ab"[row % 2]}
        for language, broken in (("de", 1), ("en", 4))
        for split in ("train", "dev", "test")
        for row in range(8)
        if (split, row) != ("train", broken)
    ]
    rows.insert(1, {"lang": "", "split": "train", "text": "lost", "label": "a"})
    folder = tmp_path / "data"
    folder.mkdir()
    if ending == "tsv":
        lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    else:
        lines = [json.dumps(row) for row in rows]
    (folder / f"all.{ending}").write_text("\n".join([*lines, ""]))
    switches = (f"data.files=all.{ending}", "data.language_column=lang", "data.split_column=split")
    switches += ("data.on_bad_row=drop",)
    with pytest.raises(UserError, match=rf"all\.{ending}: 1 rows do not say .*by their numbers"):
        load(folder, *switches, identity="null", parallel=True)
    corpus, _ = load(folder, *switches, identity="null")
    assert len(corpus["train"]) == 14


@pytest.mark.parametrize(("mark", "wrong"), [("lang", "dee"), ("split", "trian")])
def test_marks_that_hardly_occur_are_told_where_rows_are_aligned_by_number(
    tmp_path: Path, mark: str, wrong: str
) -> None:
    rows = [
        {"lang": language, "split": split, "text": f"{language} {row}", "label": "ab"[row // 6 % 2]}
        for language in ("de", "en")
        for split in ("train", "dev", "test")
        for row in range(60)
    ]
    folder = tmp_path / "data"
    folder.mkdir()

    def said_of(rows: list[dict[str, str]], parallel: bool) -> list[str]:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "all.jsonl").write_text(text)
        switches = ("data.language_column=lang", "data.split_column=split")
        _, said = load(
            folder, "data.files=all.jsonl", *switches, identity="null", parallel=parallel
        )
        return [line for line in said if f"have {wrong} in the column {mark}" in line]

    mistyped = [{**row, mark: wrong} if n in (1, 184) else row for n, row in enumerate(rows)]
    if mark == "lang":
        mistyped = [*mistyped[:184], {**rows[184], "lang": "enn"}, *mistyped[185:]]
        wrong = "dee or enn"
    assert not said_of(rows, True) and not said_of(mistyped, False)
    assert len(said_of(mistyped, True)) == 1


def test_an_object_over_two_lines_shifts_the_rows_behind_it(tmp_path: Path) -> None:
    def write(path: Path, language: str, split: str) -> None:
        lines = [
            json.dumps({"text": f"{language} {row}", "label": "ab"[row % 2]}) for row in range(8)
        ]
        at = {"de": 1, "en": 4}[language]
        if split == "train":
            lines[at] = lines[at].replace(", ", ",\n")
        path.write_text("\n".join([*lines, ""]))

    folder = written(tmp_path, write, "jsonl")
    with pytest.raises(UserError, match=r"train\.de\.jsonl:2: not JSON.*aligned by their numbers"):
        load(folder, "data.on_bad_row=drop", identity="null", parallel=True)


def test_backslashes_that_only_some_files_show_to_be_escapes_are_refused(tmp_path: Path) -> None:
    """JSON's strings without their quotes: in German, a line break is one of the escapes."""
    texts = {"de": 'Er sagt "ja"\nund geht', "en": 'He says "yes"'}

    def write(path: Path, language: str, split: str) -> None:
        text = json.dumps(texts[language])[1:-1]
        rows = "".join(f"{row}\t{text} {row}\t{'ab'[row % 2]}\n" for row in range(8))
        path.write_text(f"id\ttext\tlabel\n{rows}")

    folder = written(tmp_path, write, "tsv")
    with pytest.raises(UserError, match=r"train\.en.* shows by its quotes.*train\.de.*=none"):
        load(folder)
    corpus, _ = load(folder, "data.quotes=none")
    assert corpus["train"][0]["text"].startswith('Er sagt \\"ja\\"\\nund geht')


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
