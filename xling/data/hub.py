"""A data set of the Hugging Face hub as a folder of files on this machine."""

import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from xling.config import Config
from xling.data.files import Index, find, index_of, list_files
from xling.errors import UserError

SECONDS = 1.5
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
TRUE = {"1", "on", "yes", "true"}


@cache
def hub_reachable() -> bool:
    """Tell within 1.5 seconds whether the hub (or the proxy on the way to it) answers.

    `HF_ENDPOINT`, `HF_HUB_OFFLINE` and the proxy variables are respected. The answer is kept.
    """
    if _switched_off():
        return False
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    proxy = getproxies().get(endpoint.scheme) or getproxies().get("all")
    if proxy and not proxy_bypass(endpoint.hostname or ""):
        endpoint = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    return _answers(endpoint.hostname or "", port)


def _switched_off() -> bool:
    return any(os.environ.get(name, "").lower() in TRUE for name in OFFLINE)


def _answers(host: str, port: int) -> bool:
    """Open a connection in a thread: a name that does not resolve may take longer than allowed."""
    answers: list[bool] = []

    def connect() -> None:
        try:
            with socket.create_connection((host, port), timeout=SECONDS):
                answers.append(True)
        except OSError:
            answers.append(False)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return answers == [True]


def dataset_of(config: Config) -> tuple[str, str | None]:
    """Return the id and revision of the data set: the task's, or `data.path=OWNER/NAME@REVISION`.

    Raises:
        UserError: the task has no data set on the hub.
    """
    if config.data.path:
        name, _, revision = config.data.path.partition("@")
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
            raise UserError(
                f"data.path={config.data.path}: with data=hub this is the id of a data set, "
                "OWNER/NAME or OWNER/NAME@REVISION. For a folder write data=files data.path=DIR."
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


def require_hub(config: Config, needed: Iterable[tuple[str, str]]) -> None:
    """Make sure, in less than two seconds, that the data set is cached or the hub answers.

    Raises:
        UserError: neither, or the task has no data set on the hub.
    """
    name, revision = dataset_of(config)
    needed = list(needed)
    if not hub_reachable() and not _complete(config, _cached(name, revision), needed):
        raise UserError(_offline(config, name, revision, needed))


def hub_folder(
    config: Config, needed: Iterable[tuple[str, str]], say: Callable[[str], None]
) -> Path:
    """Return the folder of the data set, with the files of all (language, split) needed.

    What the hub's cache has at the pinned commit is taken from there without network.

    Raises:
        UserError: no data set, no network, or files missing in it.
    """
    name, revision = dataset_of(config)
    needed = list(needed)
    pinned = bool(re.fullmatch(r"[0-9a-f]{40}", revision or ""))
    folder = _cached(name, revision)
    if folder and _complete(config, folder, needed) and (pinned or not hub_reachable()):
        say(f"Data set {name} at {folder.name}, from the cache")
        return folder
    if not hub_reachable():
        raise UserError(_offline(config, name, revision, needed))
    folder = _download(config, name, revision, needed)
    say(f"Data set {name} at {folder.name}")
    if not pinned:
        say(f"The revision is not pinned; to repeat this run: data.path={name}@{folder.name}")
    return folder


def _index(names: Iterable[str], config: Config) -> Index:
    return index_of(names, config.task.name, config.data.splits.values())


def _complete(config: Config, folder: Path | None, needed: Iterable[tuple[str, str]]) -> bool:
    if folder is None:
        return False
    index = _index(list_files(folder), config)
    try:
        return all(find(index, language, split, str(folder)) for language, split in needed)
    except UserError:
        return False


def _cached(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(name, repo_type="dataset", revision=revision, local_files_only=True)
        )
    except LocalEntryNotFoundError:
        return None


def _download(
    config: Config, name: str, revision: str | None, needed: list[tuple[str, str]]
) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    with _refusals(name, revision):
        info = HfApi().dataset_info(name, revision=revision)
    index = _index((file.rfilename for file in info.siblings or ()), config)
    found = [find(index, language, split, f"Data set {name}") for language, split in needed]
    files = [file for names in found for file in names]
    with _refusals(name, revision):
        folder = snapshot_download(
            name, repo_type="dataset", revision=info.sha, allow_patterns=files
        )
    return Path(folder)


@contextmanager
def _refusals(name: str, revision: str | None) -> Iterator[None]:
    """Explain whatever the hub's client raises: its errors and those of its HTTP library."""
    try:
        yield
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"Data set {name}{f' at {revision}' if revision else ''} cannot be fetched: {said}\n"
            "Check its id and revision (data.path=OWNER/NAME@REVISION) and, if it is gated, log in "
            "by `hf auth login`; or read files: data=files data.path=DIR"
        ) from error


def _offline(config: Config, name: str, revision: str | None, needed: list[tuple[str, str]]) -> str:
    pinned = f" --revision {revision}" if revision else ""
    languages = sorted({language for language, _ in needed})
    wanted = "".join(f' --include "{language}/*"' for language in languages)
    size = config.data.train_per_language
    same = f" data.train_per_language={size}" if size else ""
    reason = f"{' or '.join(OFFLINE)} is set" if _switched_off() else "the hub does not answer"
    return (
        f"Data set {name} is not on this machine and {reason}.\n"
        "Fetch it beforehand, where there is a network, and run again:\n"
        f"  hf download {name} --repo-type dataset{pinned}{wanted}\n"
        "Or fetch it with --local-dir DIR, bring the folder here and write:\n"
        f"  data=files data.path=DIR{same} data.on_bad_row={config.data.on_bad_row}"
        f"{_or_sample(config)}"
    )


def _or_sample(config: Config) -> str:
    from xling.data.sample import TASKS

    if config.task.name not in TASKS:
        return ""
    return f"\nTo try the program on the sample corpus: task={config.task.name} profile=sample"
