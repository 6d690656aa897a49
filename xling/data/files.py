"""Find a task's files in a folder, or in a listing of one, by language and split."""

import hashlib
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from xling.config import Data
from xling.data.languages import likely_name, matching, read_code, read_name
from xling.data.readers import READERS, ending_of
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
"""Names of files, one or more per language and split."""

LAYOUTS_WITHOUT = {
    ("language",): (
        "{split}.ext",
        "{task}.{split}.ext",
        "{task}-{split}.ext",
        "{task}_{split}.ext",
        "{split}-00000-of-00001.parquet",
        "{split}/0000.parquet",
    ),
    ("split",): ("{lang}.ext", "{task}.{lang}.ext", "{task}-{lang}.ext", "{task}_{lang}.ext"),
    ("language", "split"): ("{task}.ext", "data.ext"),
}
"""Names of files where a column says which language, split or both a row belongs to."""

ANY = "*"
"""In place of a language or a split: a column of the file says which."""

NO_LANGUAGES = ("all", "all_languages", "data", "default", "multilingual", "plain_text")
"""Folders that data sets of the Hub have beside those of their languages, or instead."""

Index = dict[tuple[str, str], list[str]]


def canonical_split(split: str) -> str:
    """Return the standard name of a split that has several names: `validation` → `dev`."""
    return DEV[0] if split in DEV else split


def layouts_of(data: Data) -> tuple[str, ...]:
    """Return the patterns of the names of files: the user's own, or all that are known.

    Raises:
        UserError: a pattern whose files no reader reads.
    """
    if data.files is None:
        columns = (("language", data.language_column), ("split", data.split_column))
        in_columns = tuple(what for what, column in columns if column)
        return LAYOUTS_WITHOUT.get(in_columns, LAYOUTS)
    if ending_of(data.files) is None:
        raise UserError(
            f"data.files={data.files} must end in one of the kinds of files that xling reads: "
            f"{', '.join(READERS)}."
        )
    return (data.files,)


def index_of(names: Iterable[str], task: str, data: Data) -> Index:
    """Return the file names of each (language, split); either is `ANY` if a column says it.

    Args:
        names: paths relative to the folder, with "/" as separator.
        task: name of the task; files may be in a subfolder of this name.
        data: the splits' names, and how the files are named.
    """
    splits = sorted({"train", "test", *DEV, *data.splits.values()}, key=len, reverse=True)
    patterns = [_pattern(layout, task, splits, data) for layout in layouts_of(data)]
    written = {split.casefold(): split for split in splits} | {split: split for split in splits}
    index: Index = {}
    for name in sorted(names):
        for match in filter(None, (pattern.fullmatch(name) for pattern in patterns)):
            parts = match.groupdict()
            split = parts.get("split", ANY)
            split = written.get(split) or written.get(split.casefold(), split)
            key = (parts.get("lang", ANY), canonical_split(split))
            if key[0] in NO_LANGUAGES:
                continue
            if name not in index.setdefault(key, []):
                index[key].append(name)
    return index


def _pattern(layout: str, task: str, splits: list[str], data: Data) -> re.Pattern[str]:
    """Return a layout as a regular expression; a placeholder stands for one value throughout."""
    pattern = re.escape(layout)
    for name, values in (("split", "|".join(map(re.escape, splits))), ("lang", "[^./]+")):
        pattern = pattern.replace(rf"\{{{name}\}}", f"(?P<{name}>(?i:{values}))", 1)
        pattern = pattern.replace(rf"\{{{name}\}}", f"(?P={name})")
    pattern = pattern.replace(r"\{task\}", re.escape(task))
    pattern = re.sub(r"\\-\d{5}\\-of\\-\d{5}", r"-\\d{5}-of-\\d{5}", pattern)
    if data.files is not None:
        return re.compile(pattern)
    pattern = pattern.replace(r"\.ext", rf"\.(?i:{'|'.join(map(re.escape, READERS))})")
    pattern = pattern.replace("0000", r"\d{4}")
    return re.compile(f"(?:(?:{re.escape(task)}|data)/)?{pattern}")


def find(index: Index, language: str, split: str, where: str) -> list[str]:
    """Return the file of a language and split, or all its Parquet shards in order.

    The language's code may follow another standard in the file's name.

    Args:
        where: name of the folder or data set in messages.

    Raises:
        UserError: no file, several candidates, or missing shards.
    """
    split = canonical_split(split)
    with_split = {code: names for (code, name), names in index.items() if name in (split, ANY)}
    code = ANY if ANY in with_split else matching(language, with_split, f"{where}, split {split}")
    if code is None or code not in with_split:
        raise UserError(_no_file_message(index, language, split, where))
    names = with_split[code]
    if len(names) == 1 and not re.search(r"-of-\d{5}\.", names[0]):
        return names
    series = {re.sub(r"\d{5}-of-(\d{5}\.)|\d{4}\.parquet$", r"*\1", name) for name in names}
    if len(series) > 1 or "*" not in min(series):
        raise UserError(
            f"{where} has several files for language {language}, split {split}; keep only one, or "
            "name one with data.files:\n" + "\n".join(f"  {name}" for name in names)
        )
    total = re.search(r"-of-(\d{5})\.", names[0])
    if total and len(names) != int(total[1]):
        raise UserError(
            f"{where}: {len(names)} of {int(total[1])} shards of language {language}, split "
            f"{split} exist: {', '.join(names)}. Fetch the others."
        )
    return names


def _no_file_message(index: Index, language: str, split: str, where: str) -> str:
    codes = {code for code, _ in index}
    if not codes:
        return f"{where} has no data file that xling recognises."
    named = [code for code in codes if read_code(code) or read_name(code)]
    languages = sorted(named or codes)  # all_languages is none
    code = language if ANY in codes else matching(language, languages, where)
    splits = sorted({name for other, name in index if other in (code, ANY)})
    with_split = sorted({other for other, name in index if name == split} - {ANY})
    such_as = f"{split}.{language}.tsv or {language}/{split}.tsv"
    if ANY in codes:
        advice = f"It has {', '.join(splits)}: {_rename(split)}"
        such_as = f"{split}.tsv"
    elif splits:
        advice = f"Language {code} has {', '.join(splits)}: {_rename(split)}"
        if with_split:
            advice += f" Split {split} exists for {', '.join(with_split)}."
    elif named:
        advice = f"It has the languages {', '.join(languages)}.{nearest(language, languages)}"
        advice += likely_name(language, codes)
    elif seems := likely_name(language, codes):
        advice = seems.strip()
    else:
        advice = (
            f"Where its files' names should say the language, they say {', '.join(languages)}. "
            "Write how they are named, as in 'data.files=\"{split}/{lang}_{split}.tsv\"'."
        )
    return (
        f"{where} has no file for language {language}, split {split}, such as {such_as}.\n{advice}"
    )


def _rename(split: str) -> str:
    return f"add {split}, or write data.splits.{split}=NAME if it is one of these."


def list_files(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it, except hidden ones.

    Links to files and to folders are followed, but for a folder that is linked within itself.
    """
    files: list[str] = []
    above = {str(folder): {folder.resolve()}}
    for root, folders, names in os.walk(folder, followlinks=True):
        inside = Path(root)
        here = above.pop(root)
        followed = {name: (inside / name).resolve() for name in folders if name[0] != "."}
        folders[:] = [name for name, target in followed.items() if target not in here]
        above |= {os.path.join(root, name): here | {followed[name]} for name in folders}
        files += [
            (inside / name).relative_to(folder).as_posix()
            for name in names
            if name[0] != "." and (inside / name).is_file()
        ]
    return sorted(files)


def broken_links(folder: Path) -> list[str]:
    """Return the paths of all links below a folder that lead nowhere, relative to it."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() and not path.exists()
    )


def file_digest(path: Path) -> str:
    """Return the blake2b digest (32 hexadecimal digits) of a file's contents.

    Raises:
        UserError: the file cannot be read.
    """
    state = path.stat()
    return _digest(path.absolute(), state.st_size, state.st_mtime_ns)


@cache  # a run needs the same digests for each shared stage, a sweep for each job
def _digest(path: Path, size: int, changed: int) -> str:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
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
