"""Folders that appear when they are complete, made once however many runs want them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock


@contextmanager
def stage(folder: Path) -> Iterator[Path | None]:
    """Yield a folder to fill, or None if it is there already.

    The folder is filled under the name `<name>.part`, which keeps what an earlier try left, and
    renamed at the end. Others that want it meanwhile wait.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if folder.exists():
            yield None
            return
        part = part_of(folder)
        part.mkdir(exist_ok=True)
        yield part
        part.rename(folder)


def part_of(folder: Path) -> Path:
    """Return the name under which a folder is filled."""
    return folder.with_name(f"{folder.name}.part")
