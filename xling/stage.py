"""Folders that appear when they are complete, made once however many runs want them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

BEGUN, FINISHED = ".begun", ".finished"
"""Empty files in a stage's folder; their times are those of its beginning and its end."""


@contextmanager
def stage(folder: Path, since: float = 0) -> Iterator[Path | None]:
    """Yield a folder to fill, or None if it is there already.

    The folder is filled under the name `<name>.part`, which keeps what an earlier try left, and
    renamed at the end. Others that want it meanwhile wait.

    Args:
        since: what was made or begun before this time (in seconds since 1970) is made again; the
            old folder stays until the new one is complete.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if made(folder, since):
            yield None
            return
        part = part_of(folder)
        if part.exists() and _time(part, BEGUN) < since:
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


def made(folder: Path, since: float = 0) -> bool:
    """Tell whether a folder is complete, and not made before a time."""
    return folder.exists() and _time(folder, FINISHED) >= since


def part_of(folder: Path) -> Path:
    """Return the name under which a folder is filled."""
    return folder.with_name(f"{folder.name}.part")


def _time(folder: Path, stamp: str) -> float:
    """Return the time of a stamp; the folder's own if it has none."""
    file = folder / stamp
    return (file if file.exists() else folder).stat().st_mtime
