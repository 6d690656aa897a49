"""Find a task's files in a folder, or in a listing of one, by language and split."""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from xling.data.readers import EXTENSIONS
from xling.errors import UserError, nearest

DEV = ("dev", "validation", "valid", "val")
LAYOUTS = (
    "{split}.{lang}.ext",
    "{split}-{lang}.ext",
    "{split}_{lang}.ext",
    "{lang}.{split}.ext",
    "{lang}/{split}.ext",
    "{split}/{lang}.ext",
    "{lang}/{split}-00000-of-00001.parquet",
    "{lang}/{split}/0000.parquet",
)
NO_LANGUAGES = ("all", "all_languages", "data", "default", "multilingual", "plain_text")
"""Folders that data sets of the Hub have beside those of their languages, or instead."""

Index = dict[tuple[str, str], list[str]]


def canonical_split(split: str) -> str:
    """Return the standard name of a split that has several names: `validation` → `dev`."""
    return DEV[0] if split in DEV else split


def index_of(names: Iterable[str], task: str, splits: Iterable[str]) -> Index:
    """Return the file names of each (language, split).

    Args:
        names: paths relative to the folder, with "/" as separator.
        task: name of the task; files may be in a subfolder of this name.
        splits: names of splits to recognise besides the usual ones.
    """
    known = sorted({"train", "test", *DEV, *splits}, key=len, reverse=True)
    patterns = [_pattern(layout, task, known) for layout in LAYOUTS]
    index: Index = {}
    for name in sorted(names):
        for match in filter(None, (pattern.fullmatch(name) for pattern in patterns)):
            key = (match["lang"], canonical_split(match["split"]))
            if key[0] in NO_LANGUAGES:
                continue
            if name not in index.setdefault(key, []):
                index[key].append(name)
    return index


def _pattern(layout: str, task: str, splits: list[str]) -> re.Pattern[str]:
    pattern = re.escape(layout).replace(
        r"\{split\}", f"(?P<split>{'|'.join(map(re.escape, splits))})"
    )
    pattern = pattern.replace(r"\{lang\}", r"(?P<lang>[^./]+)")
    pattern = pattern.replace(r"\.ext", rf"\.(?:{'|'.join(EXTENSIONS)})")
    pattern = pattern.replace(r"\-00000\-of\-00001", r"-\d{5}-of-\d{5}").replace("0000", r"\d{4}")
    return re.compile(f"(?:{re.escape(task)}/)?{pattern}")


def find(index: Index, language: str, split: str, where: str) -> list[str]:
    """Return the file of a language and split, or all its Parquet shards in order.

    Args:
        where: name of the folder or data set in messages.

    Raises:
        UserError: no file, several candidates, or missing shards.
    """
    names = index.get((language, canonical_split(split)))
    if not names:
        raise UserError(_no_file_message(index, language, canonical_split(split), where))
    if len(names) == 1 and not re.search(r"-of-\d{5}\.", names[0]):
        return names
    series = {re.sub(r"\d{5}-of-(\d{5}\.)|\d{4}\.parquet$", r"*\1", name) for name in names}
    if len(series) > 1 or "*" not in min(series):
        raise UserError(
            f"{where} has several files for language {language}, split {split}; keep only one:\n"
            + "\n".join(f"  {name}" for name in names)
        )
    total = re.search(r"-of-(\d{5})\.", names[0])
    if total and len(names) != int(total[1]):
        raise UserError(
            f"{where}: {len(names)} of {int(total[1])} shards of language {language}, split "
            f"{split} exist: {', '.join(names)}. Fetch the others."
        )
    return names


def _no_file_message(index: Index, language: str, split: str, where: str) -> str:
    languages = sorted({code for code, _ in index})
    with_split = [code for code in languages if (code, split) in index]
    splits = sorted({name for code, name in index if code == language})
    if not index:
        layouts = ", ".join(layout.format(split="train", lang=language) for layout in LAYOUTS[:6])
        return (
            f"{where} has no data file that xling recognises. Name the files by language and "
            f"split, as in {layouts.replace('.ext', '.tsv')} ({', '.join(EXTENSIONS)})."
        )
    if splits:
        advice = (
            f"Language {language} has {', '.join(splits)}: write data.splits.train=… and so on."
        )
        if with_split:
            advice += f" Split {split} exists for {', '.join(with_split)}."
    else:
        advice = f"It has the languages {', '.join(languages)}.{nearest(language, languages)}"
    return (
        f"{where} has no file for language {language}, split {split}, such as "
        f"{split}.{language}.tsv or {language}/{split}.tsv.\n{advice}"
    )


def list_files(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it, except hidden ones."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix() for path in files if not any(name.startswith(".") for name in path.parts)
    )


def file_digest(path: Path) -> str:
    """Return the blake2b digest (32 hexadecimal digits) of a file's contents."""
    state = path.stat()
    return _digest(path.absolute(), state.st_size, state.st_mtime_ns)


@cache  # a run needs the same digests for each shared stage, a sweep for each job
def _digest(path: Path, size: int, changed: int) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def folder_digest(path: str | Path) -> str:
    """Return a digest (32 hexadecimal digits) of the names and contents of a folder's files.

    Hidden files are ignored.

    Raises:
        UserError: the folder does not exist.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"{path}: no such folder.")
    digest = hashlib.blake2b(digest_size=16)
    for name in list_files(folder):
        digest.update(f"{name}\0{file_digest(folder / name)}\0".encode())
    return digest.hexdigest()
