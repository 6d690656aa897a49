"""Finished runs and sweeps that several tests only read: each is made once a process."""

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL, config, run_command, run_xling

from xling.pipeline.paths import run_paths
from xling.subnetwork.masks import write_mask

ONE_EPOCH = (*SMALL, "languages=[de,en]", "tuning.epochs=1")
TWO_LAYERS = (*SMALL, "model.tiny.layers=2", "task=xnli", "languages=[de,en,fr]")
MASKS = {"de": [[1, 1, 0, 1]], "en": [[1, 0, 1, 1]], "fr": [[1, 1, 0, 1]]}


class Ended(NamedTuple):
    """A command that has ended.

    Attributes:
        folder: where it was given.
        command: its arguments.
        done: its exit code and what it printed.
    """

    folder: Path
    command: tuple[str, ...]
    done: CompletedProcess[str]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Ended:
    """A run, by the true command."""
    folder = tmp_path_factory.mktemp("undisturbed")
    command = ("task=xnli", *SMALL)
    done = run_command(*command, folder=folder)
    assert done.returncode == 0, done.stderr
    return Ended(folder, command, done)


@pytest.fixture(scope="session")
def broken(tmp_path_factory) -> Ended:
    """A sweep, by the true command, whose second job has a file where its folder should be."""
    folder = tmp_path_factory.mktemp("sweep")
    obstacle = in_the_way(folder)
    obstacle.parent.mkdir(parents=True)
    obstacle.touch()
    command = ("-m", "seed=0,1,2", "sweep=s", *ONE_EPOCH)
    return Ended(folder, command, run_command(*command, folder=folder))


def in_the_way(folder: Path) -> Path:
    """Return the file that keeps the second job of `broken` from its folder."""
    run = run_of(folder, "seed=1")
    return run.with_name(f"{run.name}.part")


def run_of(folder: Path, *overrides: str) -> Path:
    """Return the folder of a run of one epoch."""
    return folder / run_paths(config(*ONE_EPOCH, *overrides)).run


@pytest.fixture(scope="session")
def sparse(tmp_path_factory) -> Ended:
    """A run of sparse fine-tuning through the subnetworks that it identifies."""
    folder = tmp_path_factory.mktemp("subnetworks")
    command = (*TWO_LAYERS, "tuning=sparse", "subnetwork=identified")
    done = run_xling(*command, folder=folder)
    assert done.returncode == 0, done.stderr
    return Ended(folder, command, done)


@pytest.fixture(scope="session")
def tracked(tmp_path_factory) -> Ended:
    """A run with subnetworks and artifacts, tracked offline by W&B."""
    folder = tmp_path_factory.mktemp("tracked")
    (folder / "masks").mkdir()
    for language, rows in MASKS.items():
        write_mask(folder / "masks" / f"{language}.json", np.array(rows, bool), {})
    command = (
        "tracker=wandb", "tracker.mode=offline", "tracker.tags=[a,xnli]", "tracker.artifacts=true",
        "subnetwork=file", "subnetwork.path=masks", *SMALL,
    )  # fmt: skip
    done = run_xling(*command, folder=folder)
    assert done.returncode == 0, done.stderr
    return Ended(folder, command, done)


@pytest.fixture
def copied(tmp_path) -> Callable[[Ended], Path]:
    """Copy what a command has left, so that a test may go on from there."""

    def copy(ended: Ended) -> Path:
        return shutil.copytree(ended.folder, tmp_path / ended.folder.name)

    return copy


def report_folder(ended: Ended) -> Path:
    """Return the folder that a run says it has written."""
    return (ended.folder / ended.done.stdout.split("Report: ")[-1].strip()).parent


def only(folder: Path, pattern: str) -> Path:
    """Return the only folder that fits a pattern."""
    (path,) = (each for each in folder.glob(pattern) if each.is_dir())
    return path


def written(folder: Path) -> dict[Path, int]:
    """Return the files of runs and stages, relative to a folder, with their times in ns."""
    return {
        path.relative_to(folder): path.stat().st_mtime_ns
        for path in folder.glob("multirun/*/**/*")
        if path.is_file() and path.suffix != ".lock" and "sweeps" not in path.parts
    }


def sweep_tables(folder: Path, name: str) -> dict[str, pd.DataFrame]:
    """Read the tables of the only sweep of a name."""
    tables = only(folder, f"multirun/sweeps/{name}-*/tables")
    return {file.stem: pd.read_parquet(file) for file in tables.glob("*.parquet")}
