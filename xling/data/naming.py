"""What is said of a folder whose files are not named as expected, or are of a kind not read."""

import dataclasses
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from xling.config import Data
from xling.data.files import DEV, Index, index_of, layouts_of
from xling.data.languages import read_code
from xling.data.readers import READERS, ending_of, marks_of
from xling.errors import UserError

SHEET = "save such files as CSV in UTF-8."
FOREIGN = {
    ".xlsx": SHEET,
    ".xls": SHEET,
    ".ods": SHEET,
    ".arrow": "write it as Parquet: `datasets.load_from_disk(DIR)[SPLIT].to_parquet(NAME)`.",
    ".feather": "write it as Parquet: `pandas.read_feather(FILE).to_parquet(NAME)`.",
    ".pkl": "write it as Parquet: `pandas.read_pickle(FILE).to_parquet(NAME)`.",
    ".tar": "unpack it:\n  tar -xf {path} -C {folder}",
    ".tar.gz": "unpack it:\n  tar -xzf {path} -C {folder}",
    ".tgz": "unpack it:\n  tar -xzf {path} -C {folder}",
    ".tar.bz2": "unpack it:\n  tar -xjf {path} -C {folder}",
    ".tar.xz": "unpack it:\n  tar -xJf {path} -C {folder}",
    ".zip": "unpack it:\n  unzip {path} -d {folder}",
    ".7z": "unpack it:\n  7z x {path} -o{folder}",
    ".bz2": "unpack such files:\n  find {where} -name '*.bz2' -exec bunzip2 {{}} +",
    ".xz": "unpack such files:\n  find {where} -name '*.xz' -exec unxz {{}} +",
    ".zst": "unpack such files:\n  find {where} -name '*.zst' -exec zstd -d --rm {{}} +",
    ".txt": "rename such files to .tsv if tabs part their columns, or to .csv if commas do.",
}
"""Endings of files that are not read, and what to do about it; notes may end in .txt, too."""


def require_files(names: Sequence[str], task: str, data: Data, where: str) -> None:
    """Check that a folder has files that are named as expected.

    Args:
        names: paths of all files, relative to the folder.
        where: the folder.

    Raises:
        UserError: there are none; says which are expected, and where else there are some.
    """
    if index_of(names, task, data):
        return
    foreign = unread(names, where)
    if foreign and not any(map(ending_of, names)):
        raise UserError(f"{where} has no data file that xling reads, but {foreign}")
    layouts = layouts_of(data)[:6]
    shown = [layout.format(split="train", lang="de", task=task) for layout in layouts]
    its = f", {task} being the task's name" if any("{task}" in name for name in layouts) else ""
    deeper = _deeper(names, task, data)
    what = "language and split"
    if marks_of(data):
        what = "split" if data.split_column is None else "language"
    pattern = _fitting_pattern(names, task, data) or "{split}/{lang}_{split}.tsv"
    undivided = _undivided(names)
    raise UserError(
        f"{where} has no data file that xling recognises. "
        + (f"There are some in its folder {deeper}: write that folder.\n" if deeper else "")
        + f"Name the files by {what}, as in {', '.join(shown).replace('.ext', '.tsv')}{its} "
        f"({', '.join(READERS)}), or write how they are named, as in 'data.files=\"{pattern}\"'. "
        "If columns of the files hold the language or the split, write data.language_column=NAME "
        "or data.split_column=NAME."
        + (f" {undivided}" if undivided else "")
        + (f"\nxling does not read {foreign}" if foreign else "")
    )


def unread(names: Iterable[str], where: str) -> str:
    """Name a file that is likely to hold data that xling does not read, and say what to do.

    Args:
        names: paths, relative to the folder.
        where: the folder, for lines to paste; "DIR" for one that is to be made.

    Returns:
        "NAME: advice", or "" if there is none.
    """
    foreign = list(filter(foreign_ending, names))
    name = min(foreign, key=lambda name: [*FOREIGN].index(foreign_ending(name)), default=None)
    if name is None:
        return ""
    path = Path(where) / name
    words = {"path": path, "folder": path.parent, "where": where}
    quoted = {key: shlex.quote(str(word)) for key, word in words.items()}
    return f"{name}: {FOREIGN[foreign_ending(name)].format(**quoted)}"


def unread_data(names: Iterable[str], task: str, data: Data, where: str) -> str:
    """Do as `unread` for the files that are named as data is."""

    def is_data(name: str) -> bool:
        stem = name[: len(name) - len(foreign_ending(name))]
        return bool(index_of([stem if ending_of(stem) else f"{stem}.tsv"], task, data))

    return unread(filter(is_data, filter(foreign_ending, names)), where)


def foreign_ending(name: str) -> str:
    """Return the ending that keeps a file from being read, or ""."""
    folded = name.casefold()
    return max(filter(folded.endswith, FOREIGN), key=len, default="")


def _undivided(names: Sequence[str]) -> str:
    """Say how files of one language each, which are not divided into splits, are read; or ""."""
    endings = [
        name[-len(ending) - 1 :]
        for name in names
        if (ending := ending_of(name)) and read_code(name[: -len(ending) - 1])
    ]
    if len(endings) < 2:
        return ""
    return (
        "If a file has all of its language's examples, write "
        f"'data.files=\"{{lang}}{endings[0]}\"' "
        "'data.splits={train: all, dev: all, test: all}', and how many of them are for what: "
        "data.train_per_language, data.dev_per_language and data.test_per_language."
    )


def _deeper(names: Sequence[str], task: str, data: Data) -> str | None:
    """Return the first folder in a folder whose files are named as expected."""
    folders = sorted({folder.as_posix() for name in names for folder in Path(name).parents})
    for folder in folders:
        inside = [
            name.removeprefix(f"{folder}/") for name in names if name.startswith(f"{folder}/")
        ]
        if inside and index_of(inside, task, data):
            return folder
    return None


def _fitting_pattern(names: Sequence[str], task: str, data: Data) -> str:
    """Return the pattern that most names fit, such as `nli.{split}.tsv`; "" if none does."""
    splits = {"train", "test", *DEV, *data.splits.values()}
    best: tuple[Index, str] = ({}, "")
    for pattern in dict.fromkeys(made for name in names for made in _patterns(name, splits, data)):
        index = index_of(names, task, dataclasses.replace(data, files=pattern))
        languages = {language for language, _ in index}
        if len(index) > len(best[0]) and (data.language_column or len(languages) > 1):
            best = index, pattern
    return best[1]


def _patterns(name: str, splits: set[str], data: Data) -> Iterable[str]:
    """Yield the patterns that a file's name may follow."""
    ending = ending_of(name)
    if ending is None:
        return
    stem, ending = name[: -len(ending)], name[-len(ending) :]
    parts = [
        part
        for word in re.split(r"([./])", stem)
        for part in ([word] if word in splits or read_code(word) else re.split(r"([_-])", word))
    ]
    split = next((part for part in parts if part in splits), None)
    if split is None and data.split_column is None:
        return
    codes = [part for part in parts if part != split and read_code(part)]
    for code in [None] if data.language_column else codes:
        marks = {code: "{lang}"} | ({} if data.split_column else {split: "{split}"})
        yield "".join(marks.get(part, part) for part in parts) + ending
