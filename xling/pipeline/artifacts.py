"""What a run uploads as artifacts: its checkpoints, sketches and masks."""

import json
from pathlib import Path

from xling.pipeline.paths import RunPaths, masked
from xling.tracker.uploads import Artifact


def run_artifacts(paths: RunPaths, folder: Path) -> list[Artifact]:
    """Return what a run's figures were made from, as far as it exists.

    Args:
        paths: the run's folders.
        folder: its own, while it is filled.
    """
    masks = [mask_rows(file) for file in sorted((folder / "masks").glob("*.json"))]
    names = dict.fromkeys([paths.sketches, *(masked(paths.sketches, mask) for mask in masks)])
    stage, run = paths.tuning, paths.run.name
    artifacts = [
        Artifact("checkpoints", stage.name, existing(stage, "checkpoints"), settled=True),
        Artifact("sketches", stage.name, existing(stage, *names), settled=True),
        Artifact("test-sketches", run, existing(folder, "sketches"), settled=False),
        Artifact("masks", run, existing(folder, "masks"), settled=False),
    ]
    return [artifact for artifact in artifacts if artifact.folders]


def existing(folder: Path, *names: str) -> list[Path]:
    """Return those of a folder's folders that exist."""
    return [folder / name for name in names if (folder / name).is_dir()]


def mask_rows(file: Path) -> list[list[int]]:
    """Read the rows of a mask that a run has written."""
    rows = json.loads(file.read_text("utf-8"))["mask"]
    return [[int(value) for value in row.split()] for row in rows]
