"""Folders that a tracker keeps as artifacts, and how large they are."""

import dataclasses
from pathlib import Path

from xling.cli.console import format_bytes


@dataclasses.dataclass(frozen=True)
class Artifact:
    """Folders that are kept together.

    Attributes:
        kind: checkpoints, sketches (of the training examples), test-sketches or masks.
        owner: name of the stage that runs share, or of the run, that they belong to.
        folders: one or more.
        settled: whether they stay where they are; a run's own folder is renamed when it ends.
    """

    kind: str
    owner: str
    folders: list[Path]
    settled: bool


def sizes_line(found: list[Artifact]) -> str:
    """Say what is taken along and how large it is."""
    return ", ".join(f"{each.kind} {format_bytes(total_bytes(each.folders))}" for each in found)


def total_bytes(folders: list[Path]) -> int:
    """Return how much the files in folders hold."""
    return sum(
        file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()
    )
