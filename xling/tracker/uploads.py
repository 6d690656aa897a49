"""Folders that a tracker stores as artifacts, and their sizes."""

import dataclasses
from pathlib import Path

from xling.cli.console import format_bytes


@dataclasses.dataclass(frozen=True)
class Artifact:
    """Folders that are stored together.

    Attributes:
        kind: checkpoints, sketches (of the training examples), test-sketches or masks.
        owner: name of the shared stage or of the run to which the folders belong.
        folders: one or more folders.
        settled: whether the folders keep their paths; a run's own folder is renamed when it ends.
    """

    kind: str
    owner: str
    folders: list[Path]
    settled: bool


def sizes_line(artifacts: list[Artifact]) -> str:
    """List the kind and size of each artifact."""
    return ", ".join(
        f"{artifact.kind} {format_bytes(total_bytes(artifact.folders))}" for artifact in artifacts
    )


def total_bytes(folders: list[Path]) -> int:
    """Return the total size of the files in these folders."""
    return sum(
        file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()
    )
