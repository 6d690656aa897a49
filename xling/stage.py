"""Folders that appear only once complete, built once however many runs need them.

A folder is named by those of its settings that are not defaults, and records all of them: once a
default has changed, the name alone cannot tell.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from xling.errors import UserError

Item = TypeVar("Item")
Made = TypeVar("Made")

BEGUN, FINISHED = ".begun", ".finished"
"""Empty files in a stage's folder; their modification times say when it began and finished."""

SETTINGS = "settings.json"
"""File in a stage's folder: all settings that it depends on."""


class BusyError(Exception):
    """Another process fills the folder."""


@contextmanager
def stage(
    folder: Path, since: float = 0, settings: dict[str, Any] | None = None, wait: bool = True
) -> Iterator[Path | None]:
    """Yield a folder to fill, or None if it is already complete.

    The folder is filled under the name `<name>.part`, which keeps the files of an earlier attempt,
    and is renamed at the end. Other processes that need it wait in the meantime, if they may.

    Args:
        since: a folder completed or begun before this time (in seconds since 1970) is built again;
            the old folder stays until the new one is complete.
        settings: all settings that the folder depends on, as plain values; they are recorded.
        wait: whether to wait for another process that fills it.

    Raises:
        UserError: the folder, or what an earlier attempt left of it, was made with other settings.
        BusyError: another process fills it, and `wait` is false.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(FileLock(lock_file(folder), timeout=-1 if wait else 0))
        except Timeout:
            raise BusyError(folder) from None
        if is_complete(folder, since):
            require_same_settings(folder, settings)
            yield None
            return
        part = partial_folder(folder)
        if part.exists() and _modified(part, BEGUN) < since:
            shutil.rmtree(part)
        if not part.exists():
            part.mkdir()
            (part / BEGUN).touch()
        require_same_settings(part, settings)
        _record(part, settings)
        yield part
        _record(part, settings)  # again, as a builder may have emptied the folder
        (part / FINISHED).touch()
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def in_any_order(items: Sequence[Item], build: Callable[[Item, bool], Made]) -> dict[Item, Made]:
    """Build a stage for each item, in their order, but those last that other processes build.

    So several processes that need the same stages build one each.

    Args:
        build: gets an item, and whether it may wait; it raises `BusyError` where it may not.
    """
    made: dict[Item, Made] = {}

    def try_one(pending: Sequence[Item]) -> None:
        for item in pending:
            try:
                made[item] = build(item, False)
                return
            except BusyError:
                continue
        made[pending[0]] = build(pending[0], True)

    while pending := [item for item in items if item not in made]:
        try_one(pending)
    return {item: made[item] for item in items}


def lock_file(folder: Path) -> Path:
    """Return the file that the process that fills a folder holds a lock on."""
    return folder.with_name(f".{folder.name}.lock")


def is_held(lock: Path) -> bool:
    """Return whether a process on any machine holds a lock."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def is_complete(folder: Path, since: float = 0) -> bool:
    """Return whether a folder is complete and was not completed before `since`."""
    return folder.exists() and _modified(folder, FINISHED) >= since


def partial_folder(folder: Path) -> Path:
    """Return the path under which a folder is filled."""
    return folder.with_name(f"{folder.name}.part")


def require_same_settings(folder: Path, settings: dict[str, Any] | None) -> None:
    """Make sure that a folder was made with these settings, as far as both know them.

    Settings that only one of the two has come from an older or a newer version and are ignored.

    Raises:
        UserError: a setting differs: its default has changed since the folder was made.
    """
    file = folder / SETTINGS
    if settings is None or not file.exists():
        return
    recorded = json.loads(file.read_text("utf-8"))
    if changes := [
        f"{key}={_shown(old)}, now {_shown(new)}"
        for key, (old, new) in setting_pairs(recorded, settings, only_common=True).items()
        if old != new
    ]:
        raise UserError(
            f"{folder} was made when other settings were the default: {'; '.join(changes)}. "
            "Write force=true to make it again, or folder=DIR to keep it and write elsewhere."
        )


def setting_pairs(
    values: dict[str, Any], others: dict[str, Any], prefix: str = "", only_common: bool = False
) -> dict[str, tuple[Any, Any]]:
    """Map dotted keys to both values; groups that only one side has are compared as a whole."""
    pairs: dict[str, tuple[Any, Any]] = {}
    for key, value in values.items():
        if key not in others:
            if not only_common:
                pairs[f"{prefix}{key}"] = (value, None)
        elif isinstance(value, dict) and isinstance(others[key], dict):
            pairs |= setting_pairs(value, others[key], f"{prefix}{key}.", only_common)
        else:
            pairs[f"{prefix}{key}"] = (value, others[key])
    return pairs


def _record(folder: Path, settings: dict[str, Any] | None) -> None:
    if settings is not None:
        text = json.dumps(settings, ensure_ascii=False, indent=1)
        if not folder.exists():
            folder.mkdir()
        part = folder / f"{SETTINGS}.part"  # a kill may come at any moment
        part.write_text(text + "\n", "utf-8")
        part.replace(folder / SETTINGS)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _modified(folder: Path, stamp: str) -> float:
    """Return the modification time of a stamp, or of the folder if it has no stamp."""
    file = folder / stamp
    return (file if file.exists() else folder).stat().st_mtime
