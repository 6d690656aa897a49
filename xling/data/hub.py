"""A data set from the Hugging Face Hub as a folder of files on this machine.

`huggingface_hub` is imported inside functions: only data from the Hub needs it.
"""

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
    """Return within 1.5 seconds whether the Hub, or the proxy in front of it, answers.

    Respects `HF_ENDPOINT`, `HF_HUB_OFFLINE` and the proxy variables. The result is cached.
    """
    if _switched_off():
        return False
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    proxy = getproxies().get(endpoint.scheme) or getproxies().get("all")
    if proxy and not proxy_bypass(endpoint.hostname or ""):
        endpoint = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    return _accepts_connections(endpoint.hostname or "", port)


def _switched_off() -> bool:
    return any(os.environ.get(name, "").lower() in TRUE for name in OFFLINE)


def _accepts_connections(host: str, port: int) -> bool:
    """Open a connection in a thread, as resolving a name may take longer than the limit."""
    outcomes: list[bool] = []

    def connect() -> None:
        try:
            with socket.create_connection((host, port), timeout=SECONDS):
                outcomes.append(True)
        except OSError:
            outcomes.append(False)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return outcomes == [True]


def dataset_of(config: Config) -> tuple[str, str | None]:
    """Return the id and revision of the data set: the task's, or `data.path=OWNER/NAME@REVISION`.

    Raises:
        UserError: the task has no data set on the Hub.
    """
    if config.data.path:
        name, _, revision = config.data.path.partition("@")
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


def require_hub(config: Config, needed: Iterable[tuple[str, str]]) -> None:
    """Check in less than two seconds that the data set is cached or the Hub answers.

    Raises:
        UserError: neither is the case, or the task has no data set on the Hub.
    """
    name, revision = dataset_of(config)
    needed = list(needed)
    if not hub_reachable() and not _complete(config, _cached(name, revision), needed):
        raise UserError(_offline(config, name, revision, needed))


def hub_folder(
    config: Config, needed: Iterable[tuple[str, str]], say: Callable[[str], None]
) -> Path:
    """Return the folder of the data set, with the files of every (language, split) in `needed`.

    Files in the Hub's cache at the pinned commit are used without a network.

    Raises:
        UserError: no data set, no network, or missing files.
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
    return index_of(names, config.task.name, config.data)


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
    with _explained(name, revision):
        info = HfApi().dataset_info(name, revision=revision)
    index = _index((file.rfilename for file in info.siblings or ()), config)
    files = [
        file
        for language, split in needed
        for file in find(index, language, split, f"Data set {name}")
    ]
    with _explained(name, revision):
        folder = snapshot_download(
            name, repo_type="dataset", revision=info.sha, allow_patterns=files
        )
    return Path(folder)


@contextmanager
def _explained(name: str, revision: str | None) -> Iterator[None]:
    """Explain errors of the Hub's client and of its HTTP library."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"Data set {name}{f' at {revision}' if revision else ''} cannot be fetched: {reason}\n"
            "Check its id and revision (data.path=OWNER/NAME@REVISION) and, if it is gated, log in "
            "with `hf auth login`; or read your own files: data=files data.path=DIR"
        ) from error


def _offline(config: Config, name: str, revision: str | None, needed: list[tuple[str, str]]) -> str:
    pinned = f" --revision {revision}" if revision else ""
    languages = sorted({language for language, _ in needed})
    patterns = "".join(f' --include "{language}/*"' for language in languages)
    size = config.data.train_per_language
    sample_size = f" data.train_per_language={size}" if size else ""
    reason = f"{' or '.join(OFFLINE)} is set" if _switched_off() else "the hub does not answer"
    return (
        f"Data set {name} is not on this machine and {reason}.\n"
        "Fetch it on a machine with a network, and run again:\n"
        f"  hf download {name} --repo-type dataset{pinned}{patterns}\n"
        "Or fetch it with --local-dir DIR, copy the folder here and write:\n"
        f"  data=files data.path=DIR{sample_size} data.on_bad_row={config.data.on_bad_row}"
        f"{_or_sample(config)}"
    )


def _or_sample(config: Config) -> str:
    from xling.data.sample import TASKS  # its lexicon is read only where needed

    if config.task.name not in TASKS:
        return ""
    return f"\nTo try the program on the sample corpus: task={config.task.name} profile=sample"
