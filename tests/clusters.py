"""Clusters of this machine alone: a sweep on SLURM, and Ray."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import one_node_slurm
import pytest
from conftest import SMALL, surroundings

LONGER = (*SMALL, "tuning.epochs=4", "data.train_per_language=100")


class EndedSweep(NamedTuple):
    """A sweep that has ended: its folder, its output and its exit code."""

    folder: Path
    output: str
    code: int


@pytest.fixture(scope="session")
def slurm_sweep(tmp_path_factory) -> Iterator[EndedSweep]:
    """Two jobs, of which the first is pre-empted in its training."""
    folder = tmp_path_factory.mktemp("sweep")
    state = Path(tempfile.mkdtemp(prefix="slurm-"))
    command = [sys.executable, "-m", "xling", "--multirun", "hydra/launcher=submitit_slurm"]
    with one_node_slurm.slurm(state) as environment:
        process = subprocess.Popen(
            [*command, "seed=0,1", *LONGER],
            cwd=folder,
            env=surroundings(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            one_node_slurm.wait(lambda: kept(folder, 0), "the first epoch", 200)
            preempt(folder, environment)
            output, _ = process.communicate(timeout=300)
        finally:
            process.kill()
        yield EndedSweep(folder, output, process.returncode)
    shutil.rmtree(state)


def kept(folder: Path, seed: int) -> bool:
    """Return whether a fine-tuning that is under way can resume from its first epoch."""
    for made_by in folder.glob("multirun/xnli/stages/tuning-*.part/made_by.json"):
        if json.loads(made_by.read_text("utf-8"))["settings"]["seed"] == seed:
            return any(made_by.parent.glob("resume/epoch=000*.ckpt"))
    return False


def preempt(folder: Path, environment: dict[str, str]) -> None:
    """Send the first job of the array the signal that SLURM sends before it takes the node away."""
    job = log_of_first(folder).parent.name
    subprocess.run(["scancel", "--signal=USR2", job], env=environment, check=True)


def log_of_first(folder: Path) -> Path:
    """Return the file with what the first job printed."""
    return next(folder.glob("multirun/logs/*_0/*_log.out"))


@pytest.fixture
def ray_address(monkeypatch):
    """Two nodes of one core each: neither can take both jobs at once."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()
