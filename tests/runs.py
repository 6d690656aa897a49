"""Finished runs and sweeps that several tests only read: each is made once per process."""

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import pandas as pd
import pytest
from conftest import SMALL, config, run_command, run_xling

from xling.pipeline.paths import run_paths
from xling.sweep.records import Job

ONE_EPOCH = (*SMALL, "languages=[de,en]", "tuning.epochs=1")
TWO_LAYERS = (*SMALL, "model.tiny.layers=2", "task=xnli", "languages=[de,en,fr]")


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
    """A run by the real command."""
    folder = tmp_path_factory.mktemp("undisturbed")
    command = ("task=xnli", *SMALL)
    done = run_command(*command, folder=folder)
    assert done.returncode == 0, done.stderr
    return Ended(folder, command, done)


@pytest.fixture(scope="session")
def broken(tmp_path_factory) -> Ended:
    """A sweep by the real command, whose second job has a file where its folder should be."""
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


class Variants(NamedTuple):
    """What `sparse` has left behind, and a sweep over variants of its subnetworks beside it.

    Attributes:
        folder: where both commands were given; what is done there finds the models and masks.
        sparse: the folder of the first run.
        before, after: the files of stages around the sweep, with their times in ns.
        done: the sweep's exit code and what it printed.
    """

    folder: Path
    sparse: Path
    before: dict[Path, int]
    after: dict[Path, int]
    done: CompletedProcess[str]


@pytest.fixture(scope="session")
def variants(sparse, tmp_path_factory) -> Variants:
    """The sweep `subnetwork=full,identified,random`."""
    folder = tmp_path_factory.mktemp("variants") / "copy"
    shutil.copytree(sparse.folder, folder)
    before = stages(folder)
    command = ("--multirun", "subnetwork=full,identified,random")
    done = run_xling(*TWO_LAYERS, *command, folder=folder)
    assert done.returncode == 0, done.stderr
    return Variants(folder, report_folder(folder, sparse.done), before, stages(folder), done)


def stages(folder: Path) -> dict[Path, int]:
    """Return the files of stages, relative to the folder of these, with their times in ns."""
    root = folder / "multirun/xnli/stages"
    files = (path for path in root.glob("[!.]*/**/*") if path.is_file())
    return {path.relative_to(root): path.stat().st_mtime_ns for path in files}


@pytest.fixture
def job(tmp_path) -> Job:
    """A job of a sweep, not begun."""
    return Job(tmp_path / "m/sweeps/s", 2, "seed=1", "xnli/tiny-1", base=None, masks=False)


@pytest.fixture
def copied(tmp_path) -> Callable[[Ended], Path]:
    """Copy what a command has left behind, so that a test can continue from there."""

    def copy(ended: Ended) -> Path:
        return shutil.copytree(ended.folder, tmp_path / ended.folder.name)

    return copy


def report_folder(folder: Path, done: CompletedProcess[str]) -> Path:
    """Return the folder that a run says it has written."""
    return (folder / done.stdout.split("Report: ")[-1].strip()).parent


def only(folder: Path, pattern: str) -> Path:
    """Return the only folder that matches a pattern."""
    (path,) = (path for path in folder.glob(pattern) if path.is_dir())
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


def sweep_report(folder: Path, name: str) -> str:
    """Read the page of the only sweep of a name."""
    return (only(folder, f"multirun/sweeps/{name}-*") / "report.html").read_text("utf-8")
