"""What a run takes along as artifacts: its checkpoints, sketches and masks."""

import dataclasses
import json
from pathlib import Path

from xling.console import amount
from xling.places import Places, masked


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


def artifacts(where: Places, folder: Path) -> list[Artifact]:
    """Return what a run's figures were made from, as far as it is there.

    Args:
        where: the run's folders.
        folder: its own, while it is filled.
    """
    masks = [mask_rows(file) for file in sorted((folder / "masks").glob("*.json"))]
    names = dict.fromkeys([where.sketches, *(masked(where.sketches, mask) for mask in masks)])
    stage, run = where.tuning, where.run.name
    found = [
        Artifact("checkpoints", stage.name, there(stage, "checkpoints"), settled=True),
        Artifact("sketches", stage.name, there(stage, *names), settled=True),
        Artifact("test-sketches", run, there(folder, "sketches"), settled=False),
        Artifact("masks", run, there(folder, "masks"), settled=False),
    ]
    return [each for each in found if each.folders]


def there(folder: Path, *names: str) -> list[Path]:
    """Return those of a folder's folders that exist."""
    return [folder / name for name in names if (folder / name).is_dir()]


def mask_rows(file: Path) -> list[list[int]]:
    """Read the rows of a mask that a run has written."""
    rows = json.loads(file.read_text("utf-8"))["mask"]
    return [[int(value) for value in row.split()] for row in rows]


def sizes_line(found: list[Artifact]) -> str:
    """Say what is taken along and how large it is."""
    return ", ".join(f"{each.kind} {amount(total_bytes(each.folders))}" for each in found)


def total_bytes(folders: list[Path]) -> int:
    """Return how much the files in folders hold."""
    return sum(
        file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()
    )
