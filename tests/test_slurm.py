"""A sweep as an array of jobs on a real SLURM of one node; one is pre-empted and goes on."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import one_node_slurm
import pytest
from conftest import SMALL, run_xling

from xling.sweep.records import read_jobs, state_of

pytest.importorskip("submitit", reason="no submitit here: pip install 'xling[slurm]'")
reason = one_node_slurm.why_not()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.skipif(bool(reason), reason=str(reason)),
]

SWITCHES = (*SMALL, "tuning.epochs=4", "data.train_per_language=100")


class Swept(NamedTuple):
    """A sweep that has come to its end."""

    folder: Path
    output: str
    code: int


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> Iterator[Swept]:
    """Two jobs, of which the first is pre-empted in its training."""
    folder = tmp_path_factory.mktemp("swept")
    state = Path(tempfile.mkdtemp(prefix="slurm-"))
    command = [sys.executable, "-m", "xling", "--multirun", "hydra/launcher=submitit_slurm"]
    with one_node_slurm.slurm(state) as environment:
        process = subprocess.Popen(
            [*command, "seed=0,1", *SWITCHES],
            cwd=folder,
            env={**environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
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
        yield Swept(folder, output, process.returncode)
    shutil.rmtree(state)


def kept(folder: Path, seed: int) -> bool:
    """Tell whether a fine-tuning that is under way could go on from its first epoch."""
    for made_by in folder.glob("multirun/xnli/stages/tuning-*.part/made_by.json"):
        if json.loads(made_by.read_text("utf-8"))["settings"]["seed"] == seed:
            return any(made_by.parent.glob("resume/epoch=000*.ckpt"))
    return False


def preempt(folder: Path, environment: dict[str, str]) -> None:
    """Send the first job of the array the signal that SLURM sends before it takes the node away."""
    job = log_of_first(folder).parent.name
    subprocess.run(["scancel", "--signal=USR2", job], env=environment, check=True)


def log_of_first(folder: Path) -> Path:
    """Return what the first job printed."""
    return next(folder.glob("multirun/logs/*_0/*_log.out"))


def result(folder: Path, seed: int) -> dict:
    """Read the results of a finished run."""
    files = folder.glob("multirun/xnli/tiny-*/results.json")
    found = [json.loads(file.read_text("utf-8")) for file in files]
    return next(each for each in found if each["config"]["seed"] == seed)


def test_a_sweep_is_an_array_of_jobs(swept):
    assert swept.code == 0, swept.output
    script = next(swept.folder.glob("multirun/logs/*/*_submission.sh")).read_text("utf-8")
    assert "#SBATCH --array=0-1%2" in script and "#SBATCH --signal=USR2@120" in script
    assert result(swept.folder, 0)["epochs"] == result(swept.folder, 1)["epochs"] == 4
    assert not list(swept.folder.rglob("*.part"))
    report = next(swept.folder.glob("multirun/sweeps/*/report.html"))
    assert f"Report of the sweep: {report.relative_to(swept.folder)}" in swept.output


def test_a_pre_empted_job_goes_on_in_the_same_folder(swept, tmp_path):
    log = log_of_first(swept.folder).read_text("utf-8")
    assert log.count("Starting with JobEnvironment") == 2 and "this job is preempted" in log
    (sweep,) = swept.folder.glob("multirun/sweeps/*")
    first = read_jobs(sweep)[0]
    assert state_of(first).word == "finished"
    _, before, after = re.split("^=== ", first.log.read_text("utf-8"), flags=re.M)
    assert epochs(before) == [1] and epochs(after) == [2, 3, 4]  # none is trained twice
    alone = run_xling("seed=0", *SWITCHES, folder=tmp_path)
    assert alone.returncode == 0, alone.stderr
    expected, found = result(tmp_path, 0), result(swept.folder, 0)
    assert {**found, "command": None} == {**expected, "command": None}


def epochs(log: str) -> list[int]:
    """Return the numbers of the epochs that a log tells of."""
    return [int(number) for number in re.findall(r"^epoch +(\d+) ", log, re.M)]
