"""Tables of rows from the sample corpus, the Hub or files.

The sample corpus is imported inside functions: its lexicon is read only where needed.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from xling.config import Config
from xling.data.addresses import refuse_page
from xling.data.files import (
    broken_links,
    file_digest,
    find,
    index_of,
    list_files,
)
from xling.data.hub import hub_folder, is_listed, require_hub
from xling.data.naming import require_files, unread_data
from xling.data.parts import divided, parts_of
from xling.data.quotes import quotes_of
from xling.data.readers import Record, Table, ending_of, marks_of, read_table
from xling.data.sampling import SPLITS
from xling.data.text import text_of
from xling.errors import UserError, nearest

Key = tuple[str, str]  # language, source split


def tables_of(
    config: Config, needed: Iterable[Key], say: Callable[[str], None]
) -> dict[Key, list[Table]]:
    """Return the tables of each (language, source split); several if the data is sharded.

    Raises:
        UserError: data that is missing or cannot be read.
    """
    needed = list(needed)
    if config.data.source == "sample":
        return {key: [_sample(config, *key)] for key in needed}
    if config.data.source == "hub":
        folder = hub_folder(config, needed, say)
    else:
        folder = _folder(config)
        say(f"Reading files below {folder}")
    files = _files(config, folder, needed)
    read = {
        name: read_table(folder / name, name, config.task, config.data)
        for name in dict.fromkeys(name for names in files.values() for name in names)
    }
    if not marks_of(config.data):
        return {key: [read[name] for name in names] for key, names in files.items()}
    parts = {
        name: divided(table, config.data, config.task.parallel, say) for name, table in read.items()
    }
    tables = {
        key: parts_of([(read[name], parts[name]) for name in names], *key, config.data)
        for key, names in files.items()
    }
    _refuse_shared(
        {key: [table.part for table in shards] for key, shards in tables.items()}, "rows of "
    )
    return tables


def require(config: Config, needed: Iterable[Key], say: Callable[[str], None]) -> None:
    """Check that the data exists or can be fetched, in two seconds and one for each 2 GB cached.

    Raises:
        UserError: neither is the case.
    """
    needed = list(needed)
    if config.data.source == "sample":
        for language, _ in needed:
            _check_sample(config, language)
    elif config.data.source == "hub":
        require_hub(config, needed, say)
    else:
        _files(config, _folder(config), needed)


def exists(config: Config, needed: Iterable[Key]) -> bool:
    """Tell whether there are files of the user's, or on the hub, without looking into them.

    Raises:
        UserError: nobody can tell, as the hub is out of reach.
    """
    needed = list(needed)
    if config.data.source == "hub":
        return is_listed(config, needed)
    try:
        _files(config, _folder(config), needed)
    except UserError:
        return False
    return True


def file_digests(config: Config, needed: Iterable[Key]) -> dict[str, str]:
    """Return the digest of every file that `tables_of` would read below `data.path`.

    The digest of a TSV file that is found to write quotes as CSV does says so: before xling looked
    for such quotes, it made other results of the same contents.
    """
    folder = _folder(config)
    files = _files(config, folder, list(needed))
    digests = {}
    for name in dict.fromkeys(name for names in files.values() for name in names):
        digests[name] = file_digest(folder / name)
        if config.data.quotes == "auto" and has_csv_quotes(folder, name, digests[name]):
            digests[name] += "-csv-quotes"
    return digests


@cache
def has_csv_quotes(folder: Path, name: str, digest: str) -> bool:
    """Return whether a TSV file is found to write quotes as CSV does.

    Args:
        name: of the file, below the folder.
        digest: of the file's contents, for which the answer is kept.
    """
    if ending_of(name) not in ("tsv", "tsv.gz"):
        return False
    return quotes_of(text_of(folder / name, name), name).csv


def _folder(config: Config) -> Path:
    if not config.data.path:
        raise UserError("data=files needs the folder of your files: write data.path=DIR")
    folder = Path(config.data.path).expanduser()
    if not folder.is_dir():
        refuse_page(config.data.path)
        what = "no such folder"
        if any(mark in config.data.path for mark in "*?{["):
            what += "; write the folder alone, and how its files are named in data.files"
        if folder.exists():
            what = (
                f"is a file; write its folder, data.path={folder.parent}, and how it is named there"
            )
            what += f", data.files={folder.name}" if ending_of(folder.name) else ", data.files=NAME"
        raise UserError(f"data.path={config.data.path}: {what}.")
    return folder


def _files(config: Config, folder: Path, needed: list[Key]) -> dict[Key, list[str]]:
    names = list_files(folder)
    try:
        require_files(names, config.task.name, config.data, str(folder))
        index = index_of(names, config.task.name, config.data)
        files = {key: find(index, *key, where=str(folder)) for key in needed}
    except UserError as error:
        more = [f"Its link {link} leads to no file." for link in broken_links(folder)[:1]]
        other = unread_data(names, config.task.name, config.data, str(folder))
        if other and other not in str(error):
            more.append(f"xling does not read {other}")
        raise UserError("\n".join([str(error), *more])) from None
    if config.data.language_column is None:
        _refuse_shared(files, "")
    return files


def _refuse_shared(holding: Mapping[Key, Sequence[str]], what: str) -> None:
    """Refuse two codes for one language: its rows would count as two languages'."""
    languages: dict[tuple[str, str], str] = {}
    for (language, split), names in holding.items():
        for name in names:
            other = languages.setdefault((split, name), language)
            if other != language:
                raise UserError(
                    f"languages {other} and {language} are the same in the data: both are read "
                    f"from {what}{name}. Name the language once, in languages=[...]."
                )


def _sample(config: Config, language: str, split: str) -> Table:
    from xling.data.sample import rows  # its lexicon is read only where needed

    _check_sample(config, language)
    if split not in SPLITS:
        raise UserError(f"data.splits: the sample corpus has {', '.join(SPLITS)}, not '{split}'.")
    sample = rows(config.task.name, language, split)
    records = [Record(number, dict(row)) for number, row in enumerate(sample, 1)]
    columns = dataclasses.replace(config.task.columns, id="id")
    return Table(f"sample/{config.task.name}/{split}.{language}", records, len(sample), columns)


def _check_sample(config: Config, language: str) -> None:
    from xling.data.sample import LANGUAGES, TASKS  # its lexicon is read only where needed

    task = config.task.name
    if task not in TASKS:
        raise UserError(
            f"task={task} is not in the sample corpus, which has {', '.join(TASKS)}.\n"
            f"Read your own files: task={task} data=files data.path=DIR"
        )
    if language not in LANGUAGES:
        raise UserError(
            f"languages={language}: the sample corpus has {', '.join(LANGUAGES)}."
            f"{nearest(language, LANGUAGES)}\n"
            f"For other languages, read your own files: task={task} data=files data.path=DIR"
        )
