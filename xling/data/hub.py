"""A task's data set on the Hugging Face Hub as a folder of files on this machine."""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from xling.config import Config
from xling.data.addresses import refuse_page
from xling.data.connection import Say
from xling.data.files import find, index_of
from xling.data.naming import unread
from xling.data.repository import fetch_missing, folder_of, locate, named_by_id, require
from xling.data.snapshot import Repository, Snapshot
from xling.errors import UserError


def dataset_of(config: Config) -> tuple[str, str | None]:
    """Return the id and revision of the data set: the task's, or `data.path=OWNER/NAME@REVISION`.

    Raises:
        UserError: the task has no data set on the Hub.
    """
    if config.data.path:
        name, _, revision = config.data.path.partition("@")
        refuse_page(config.data.path)
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
            raise UserError(
                f"data.path={config.data.path}: with data=hub this must be the id of a data set, "
                "OWNER/NAME or OWNER/NAME@REVISION. For a folder, write data=files data.path=DIR."
            )
        return name, revision or None
    if config.task.hub is None:
        withdrawn = " (the corpus was withdrawn by its owner)" if config.task.name == "marc" else ""
        raise UserError(
            f"Task {config.task.name} has no data set on the hub{withdrawn}.\n"
            "Read your own copy: data=files data.path=DIR\n"
            f"or a mirror that you trust: data=hub data.path=OWNER/NAME{_or_sample(config)}"
        )
    return config.task.hub.path, config.task.hub.revision


def require_hub(config: Config, needed: Iterable[tuple[str, str]], say: Say) -> None:
    """Check that the data set's files are cached, or that the Hub has them and gives them.

    Args:
        say: prints what is tried again.

    Raises:
        UserError: neither is the case, or the task has no data set on the Hub.
    """
    require(_located(config, needed, say), say)


def hub_folder(config: Config, needed: Iterable[tuple[str, str]], say: Say) -> Path:
    """Return the folder of the data set, with the files of every (language, split) in `needed`.

    Files in the Hub's cache at the pinned commit are used without a network.

    Raises:
        UserError: no data set, no network, or missing files.
    """
    return folder_of(_located(config, needed, say), say)


def fetch_dataset(config: Config, needed: Iterable[tuple[str, str]], say: Say) -> None:
    """Fetch what this machine has not of the data set; say so only if there is something.

    Raises:
        UserError: as `hub_folder`.
    """
    fetch_missing(_located(config, needed, say), say)


def is_listed(config: Config, needed: Iterable[tuple[str, str]]) -> bool:
    """Tell whether the data set has files for every (language, split).

    Raises:
        UserError: its listing cannot be had.
    """
    _located(config, (), lambda line: None)
    try:
        _located(config, needed, lambda line: None)
    except UserError:
        return False
    return True


def named_by_hub(config: Config) -> AbstractContextManager[None]:
    """Return what lets the errors of a block, which reads the data, name the data set."""
    hub = config.data.source == "hub"
    return named_by_id(_repository(config, ())) if hub else nullcontext()


def _repository(config: Config, needed: Iterable[tuple[str, str]]) -> Repository:
    """Describe the data set; the Hub's usual layout has a folder for each language."""
    name, revision = dataset_of(config)
    languages = sorted({language for language, _ in needed})
    size = config.data.train_per_language
    sample_size = f" data.train_per_language={size}" if size else ""
    return Repository(
        "dataset",
        name,
        revision,
        switch="data.path=OWNER/NAME@REVISION" if config.data.path else "the task's hub.path",
        filters=""
        if config.data.path
        else "".join(f' --include "{language}/*"' for language in languages),
        otherwise=f"To read files in a folder:  data=files data.path=DIR{sample_size} "
        f"data.on_bad_row={config.data.on_bad_row}{_or_sample(config)}",
    )


def _located(config: Config, needed: Iterable[tuple[str, str]], say: Say) -> Snapshot:
    """Find the files of every (language, split)."""
    needed = [*needed]
    repository = _repository(config, needed)

    def select(names: list[str]) -> list[str]:
        index = index_of(names, config.task.name, config.data)
        try:
            files = (find(index, *key, where=str(repository)) for key in needed)
            return list(dict.fromkeys(name for names in files for name in names))
        except UserError as error:
            if index or "convert" in (repository.revision or ""):
                raise
            text = (
                f"{error}\nThe hub's own copy as Parquet may do, where there is one: "
                f"data.path={repository.name}@refs/convert/parquet"
            )
            if other := unread(names, "DIR"):
                text += f"\nxling does not read {other}\n{repository.copying}"
            raise UserError(text) from None

    return locate(repository, select, say)


def _or_sample(config: Config) -> str:
    from xling.data.sample import TASKS  # its lexicon is read only where needed

    if config.task.name not in TASKS:
        return ""
    return f"\nTo try the program on the sample corpus: task={config.task.name} profile=sample"
