"""Tables of rows from the sample corpus, the Hub or files.

The sample corpus is imported inside functions: its lexicon is read only where needed.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from xling.config import Config
from xling.data.files import file_digest, find, index_of, list_files
from xling.data.hub import hub_folder, require_hub
from xling.data.readers import Record, Table, read_table
from xling.data.sampling import SPLITS
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
    return {
        key: [read_table(folder / name, name, config.task) for name in names]
        for key, names in _files(config, folder, needed).items()
    }


def require(config: Config, needed: Iterable[Key], say: Callable[[str], None]) -> None:
    """Check that the data exists or can be fetched; without a network, in less than two seconds.

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


def file_digests(config: Config, needed: Iterable[Key]) -> dict[str, str]:
    """Return the digest of every file that `tables_of` would read below `data.path`."""
    folder = _folder(config)
    files = _files(config, folder, list(needed))
    return {name: file_digest(folder / name) for names in files.values() for name in names}


def _folder(config: Config) -> Path:
    if not config.data.path:
        raise UserError("data=files needs the folder of your files: write data.path=DIR")
    folder = Path(config.data.path).expanduser()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "no such folder"
        raise UserError(f"data.path={config.data.path}: {what}.")
    return folder


def _files(config: Config, folder: Path, needed: list[Key]) -> dict[Key, list[str]]:
    index = index_of(list_files(folder), config.task.name, config.data.splits.values())
    return {key: find(index, *key, where=str(folder)) for key in needed}


def _sample(config: Config, language: str, split: str) -> Table:
    from xling.data.sample import rows  # its lexicon is read only where needed

    _check_sample(config, language)
    if split not in SPLITS:
        raise UserError(f"data.splits: the sample corpus has {', '.join(SPLITS)}, not '{split}'.")
    sample = rows(config.task.name, language, split)
    records = [Record(number, dict(row)) for number, row in enumerate(sample, 1)]
    return Table(f"sample/{config.task.name}/{split}.{language}", records, len(sample), "id")


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
