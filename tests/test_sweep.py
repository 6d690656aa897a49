"""Sweeps by their real commands: planned, skipped, tried again, killed, forced, side by side."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import config, run_command, run_xling, start_xling, surroundings
from runs import ONE_EPOCH, in_the_way, run_of, written

from xling.pipeline.paths import run_paths
from xling.stage import FINISHED
from xling.sweep.records import read_jobs, state_of


def words(folder: Path, name: str) -> list[str]:
    """Return the states of a sweep's jobs."""
    return [state_of(job).word for job in read_jobs(folder / "multirun/sweeps" / name)]


def test_a_dry_run_plans_checks_and_makes_nothing(tmp_path):
    command = ("-m", *ONE_EPOCH, "seed=0,1", "influence.top_k=5,6")
    done = run_xling(*command, "dry_run=true", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if " influence.top_k=" in line]
    makes = [" ".join(row[4:]) for row in rows]
    first, second = "makes 1 fine-tuning, 1 run", "makes 1 run; reuses 1 fine-tuning"
    assert makes == [first, first, second, second]
    assert re.search(r"Time: about \d+ (s|min) one after the other", done.stdout)
    assert re.search(r"Disk: at most \d+ MB; [\d.]+ [GM]B are free", done.stdout)
    assert "labels, alignment and sizes are correct" in done.stdout and "Fonts: " in done.stdout
    wrong = run_xling("-m", *ONE_EPOCH, "imbalance=25", "imbalance_language=de,ko", folder=tmp_path)
    assert wrong.returncode == 1 and "the sweep's job imbalance_language=ko" in wrong.stderr
    assert not list(tmp_path.rglob("*"))


@pytest.mark.command
def test_a_failed_job_is_reported_and_stops_no_other(broken):
    folder, command, done = broken
    assert done.returncode == 1 and words(folder, "s") == ["finished", "failed", "finished"]
    (line,) = re.findall(r"\[2/3\] seed=1: FAILED after .*\n +Log: (.*)", done.stdout)
    log = (folder / line).read_text("utf-8")
    assert "NotADirectoryError" in done.stdout and "Traceback" in log
    assert "Traceback" not in done.stdout + done.stderr
    table = done.stdout[done.stdout.rindex("   1  seed=0") :]
    assert "2 finished, 1 failed" in table and "NotADirectoryError" in table
    assert f"python -m xling {' '.join(command[:3])}" in table


def test_a_sweep_that_is_not_finished_has_a_report_that_says_so(broken):
    sweep = broken.folder / "multirun/sweeps/s"
    page = (sweep / "report.html").read_text("utf-8")
    assert "Not finished." in page and "2 of 3 jobs" in page and 'id="jobs"' in page
    jobs = pd.read_parquet(sweep / "tables/jobs.parquet")
    assert list(jobs.state) == ["finished", "failed", "finished"]
    assert jobs.error.isna().tolist() == [True, False, True]
    runs = pd.read_parquet(sweep / "tables/runs.parquet").set_index("switches")
    assert runs.state.to_dict() == {"seed=0": "finished", "seed=2": "finished", "seed=1": "failed"}
    assert runs.own_share.isna().to_dict() == {"seed=0": False, "seed=2": False, "seed=1": True}


@pytest.mark.command
def test_the_status_of_a_sweep_is_reported_with_the_time_left(broken):
    said = run_command(folder=broken.folder, module="xling.status").stdout
    assert "2 finished, 1 failed" in said and "Nothing is running; the rest takes about" in said


def test_the_same_command_does_what_is_missing_and_then_nothing(broken, copied):
    folder = copied(broken)
    in_the_way(folder).unlink()
    before = written(folder)
    done = run_xling(*broken.command, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 jobs, 2 finished" in done.stdout and "failed before" in done.stdout
    assert done.stdout.count("Fine-tuning on") == 1 and words(folder, "s") == ["finished"] * 3
    after = written(folder)
    assert before.items() <= after.items() and len(after) > len(before)
    sweep = folder / "multirun/sweeps/s"
    assert not (sweep / "tables/jobs.parquet").exists()
    page = (sweep / "report.html").read_text("utf-8")
    assert "Not finished" not in page and '<section id="seeds">' in page
    over_seeds_as_in_each_run(sweep, [run_of(folder, f"seed={seed}") for seed in range(3)])
    again = run_xling(*broken.command, folder=folder)
    assert again.returncode == 0 and "3 jobs, 3 finished" in again.stdout
    assert "Job 1" not in again.stdout and written(folder) == after


def over_seeds_as_in_each_run(sweep: Path, runs: list[Path]) -> None:
    """Compare shares over seeds with those of the runs, and the means of these."""
    keys = ["sign", "test_language", "train_language"]
    over = pd.read_parquet(sweep / "tables/seed_shares.parquet").set_index(keys).sort_index()
    tables = [pd.read_parquet(run / "tables/shares.parquet").query("epoch == 0") for run in runs]
    single = pd.concat(tables).groupby(keys)
    np.testing.assert_allclose(over["share"], single["share"].mean())
    np.testing.assert_allclose(over["between"], single["share"].std(), atol=1e-12)
    assert set(over["seeds"]) == {3} and over["low"].le(over["share"]).all()
    assert (sweep / "tables/seed_statements.csv").exists()


def test_forced_jobs_are_made_again_each_stage_once(broken, copied):
    folder = copied(broken)
    run = run_of(folder, "seed=0")
    before = (run / FINISHED).stat().st_mtime, (run / "tables/shares.csv").read_text()
    command = ("-m", *ONE_EPOCH, "influence.top_k=10,9", "force=true")
    done = run_xling(*command, folder=folder)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Fine-tuning on") == 1  # the second job reuses what the first made
    assert (run / FINISHED).stat().st_mtime > before[0]
    assert (run / "tables/shares.csv").read_text() == before[1]
    assert not list(folder.glob("multirun/xnli/**/*.old"))


def test_fail_fast_begins_no_other_job(tmp_path):
    command = ("-m", "tuning.learning_rate=1e25,1e-3", "sweep=s", *ONE_EPOCH)
    done = run_xling(*command, "fail_fast=true", folder=tmp_path)
    assert done.returncode == 1 and words(tmp_path, "s") == ["failed", "waiting"]
    assert "#1 :" not in done.stdout  # Hydra's own lines
    assert "1 failed, 1 waiting" in done.stdout and "no job" not in done.stderr
    assert not list(tmp_path.glob("multirun/xnli/*/results.json"))


def until(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_sweep_that_was_killed_goes_on(tmp_path):
    command = ("-m", "seed=0,1", "sweep=s", *ONE_EPOCH)
    first = run_of(tmp_path, "seed=0")
    second = run_paths(config(*ONE_EPOCH, "seed=1")).tuning
    with start_xling(*command, folder=tmp_path, merged=True) as sweep:
        until(lambda: first.exists() and (tmp_path / f"{second}.part").exists())
        sweep.kill()
    # A command that the killed process was just starting (git) may hold its lock for a moment.
    until(lambda: "running" not in words(tmp_path, "s"))
    assert words(tmp_path, "s") == ["finished", "stopped"]
    assert "1 stopped" in run_xling(folder=tmp_path, module="xling.status").stdout
    before = written(tmp_path)
    done = run_xling(*command, folder=tmp_path)
    assert done.returncode == 0 and "resumes" in done.stdout, done.stdout
    kept = {path: at for path, at in before.items() if first.relative_to(tmp_path) in path.parents}
    assert kept
    assert kept.items() <= written(tmp_path).items()
    assert words(tmp_path, "s") == ["finished"] * 2


@pytest.mark.slow
def test_a_killed_worker_costs_the_other_jobs_nothing(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    command = ("-m", *ONE_EPOCH, "seed=0,1,2", "sweep=s", "hydra/launcher=joblib")
    with subprocess.Popen(
        [sys.executable, "-m", "xling", *command, "hydra.launcher.n_jobs=2"],
        cwd=tmp_path,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as sweep:
        until(lambda: list(tmp_path.glob("multirun/sweeps/s/jobs/*.state")))
        (state, *_) = tmp_path.glob("multirun/sweeps/s/jobs/*.state")
        os.kill(json.loads(state.read_text("utf-8"))["process"], signal.SIGKILL)
        said = sweep.communicate()[0]
    assert sweep.returncode == 0 and "A worker was killed" in said, said
    assert words(tmp_path, "s") == ["finished"] * 3
    assert "[1/3] seed=0: started on" in said and "[3/3] seed=2: finished after" in said


def test_two_sweeps_at_once_do_each_stage_once(tmp_path):
    command = ("-m", *ONE_EPOCH, "influence.top_k=5,6", "sweep=s")
    begin = partial(start_xling, *command, folder=tmp_path, merged=True)
    with begin() as one, begin() as other:
        said = one.communicate()[0] + other.communicate()[0]
    assert one.returncode == other.returncode == 0, said
    assert said.count("Fine-tuning on") == 1 and said.count("Kept epoch") == 2
    assert words(tmp_path, "s") == ["finished"] * 2
