"""Folders that appear only once complete, built once however many runs need them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

BEGUN, FINISHED = ".begun", ".finished"
"""Empty files in a stage's folder; their modification times say when it began and finished."""


@contextmanager
def stage(folder: Path, since: float = 0) -> Iterator[Path | None]:
    """Yield a folder to fill, or None if it is already complete.

    The folder is filled under the name `<name>.part`, which keeps the files of an earlier attempt,
    and is renamed at the end. Other processes that need it wait in the meantime.

    Args:
        since: a folder completed or begun before this time (in seconds since 1970) is built again;
            the old folder stays until the new one is complete.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if is_complete(folder, since):
            yield None
            return
        part = partial_folder(folder)
        if part.exists() and _modified(part, BEGUN) < since:
            shutil.rmtree(part)
        if not part.exists():
            part.mkdir()
            (part / BEGUN).touch()
        yield part
        (part / FINISHED).touch()
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def is_complete(folder: Path, since: float = 0) -> bool:
    """Return whether a folder is complete and was not completed before `since`."""
    return folder.exists() and _modified(folder, FINISHED) >= since


def partial_folder(folder: Path) -> Path:
    """Return the path under which a folder is filled."""
    return folder.with_name(f"{folder.name}.part")


def _modified(folder: Path, stamp: str) -> float:
    """Return the modification time of a stamp, or of the folder if it has no stamp."""
    file = folder / stamp
    return (file if file.exists() else folder).stat().st_mtime
