"""A sweep as an array of jobs on a real SLURM of one node; one is pre-empted and goes on."""

import json
import re
from pathlib import Path

import one_node_slurm
import pytest
from clusters import LONGER, log_of_first
from conftest import run_xling

from xling.sweep.records import read_jobs, state_of

pytest.importorskip("submitit", reason="no submitit here: pip install 'xling[slurm]'")
reason = one_node_slurm.why_not()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.skipif(bool(reason), reason=str(reason)),
]


def result(folder: Path, seed: int) -> dict:
    """Read the results of a finished run."""
    files = folder.glob("multirun/xnli/tiny-*/results.json")
    results = [json.loads(file.read_text("utf-8")) for file in files]
    return next(run for run in results if run["config"]["seed"] == seed)


def test_a_sweep_is_an_array_of_jobs(slurm_sweep):
    assert slurm_sweep.code == 0, slurm_sweep.output
    script = next(slurm_sweep.folder.glob("multirun/logs/*/*_submission.sh")).read_text("utf-8")
    assert "#SBATCH --array=0-1%2" in script and "#SBATCH --signal=USR2@120" in script
    assert result(slurm_sweep.folder, 0)["epochs"] == result(slurm_sweep.folder, 1)["epochs"] == 4
    assert not list(slurm_sweep.folder.rglob("*.part"))
    report = next(slurm_sweep.folder.glob("multirun/sweeps/*/report.html"))
    assert f"Report of the sweep: {report.relative_to(slurm_sweep.folder)}" in slurm_sweep.output


def test_a_pre_empted_job_goes_on_in_the_same_folder(slurm_sweep, tmp_path):
    log = log_of_first(slurm_sweep.folder).read_text("utf-8")
    assert log.count("Starting with JobEnvironment") == 2 and "this job is preempted" in log
    (sweep,) = slurm_sweep.folder.glob("multirun/sweeps/*")
    first = read_jobs(sweep)[0]
    assert state_of(first).word == "finished"
    _, before, after = re.split("^=== ", first.log.read_text("utf-8"), flags=re.M)
    assert epochs(before) == [1] and epochs(after) == [2, 3, 4]  # none is trained twice
    alone = run_xling("seed=0", *LONGER, folder=tmp_path)
    assert alone.returncode == 0, alone.stderr
    expected, resumed = result(tmp_path, 0), result(slurm_sweep.folder, 0)
    assert {**resumed, "command": None} == {**expected, "command": None}


def epochs(log: str) -> list[int]:
    """Return the numbers of the epochs that a log lists."""
    return [int(number) for number in re.findall(r"^epoch +(\d+) ", log, re.M)]
