"""A turn of a sweep's launch is taken by a job that has something to do but wait."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SMALL, run_command

from xling.cli.compose import conf_folder, register_resolvers
from xling.stage import FINISHED, SETTINGS, BusyError, in_any_order, lock_file, stage
from xling.sweep import launch
from xling.sweep.launch import composed_job, next_job
from xling.sweep.records import Job, can_go_on, read_jobs, recording_job, state_of, write_job

HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print(flush=True)
    sys.stdin.read()
"""


class Held:
    """A lock that another process holds in a block: one process can take a lock twice."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.command = [sys.executable, "-c", HOLD, str(file)]

    def __enter__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe)
        assert self.process.stdout and self.process.stdout.readline()

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


@pytest.fixture
def jobs(job) -> list[Job]:
    """Three jobs of one launch; the first two share a stage."""
    shared = {1: ("stages/a",), 2: ("stages/a",), 3: ("stages/b",)}
    planned = [
        dataclasses.replace(job, number=number, run=f"xnli/{number}", stages=stages, launch=1.5)
        for number, stages in shared.items()
    ]
    for one in planned:
        write_job(one)
    return read_jobs(job.sweep)


@pytest.fixture
def impatient(monkeypatch) -> Iterator[None]:
    """Fail where a turn would wait."""

    def refuse(seconds: float) -> None:
        raise TimeoutError

    monkeypatch.setattr(launch.time, "sleep", refuse)
    yield


def stage_of(job: Job, name: str) -> Path:
    return job.sweep.parent.parent / "stages" / name


def test_a_job_takes_its_own_turn(jobs, impatient):
    assert [next_job(own, jobs) for own in jobs] == jobs


def test_another_job_goes_before_one_that_would_wait(jobs, impatient):
    one, two, three = jobs
    with Held(one._file("lock")), Held(lock_file(stage_of(one, "a"))):
        one._file("state").write_text(json.dumps({"word": "running"}))
        assert not can_go_on(two) and can_go_on(three)
        assert next_job(two, jobs) == three
        with recording_job(three, to_terminal=False), stage(three.folder):
            pass
        with pytest.raises(TimeoutError):  # nothing else is left
            next_job(two, jobs)
    with stage(stage_of(one, "a")):
        pass
    assert next_job(two, jobs) == two
    assert next_job(three, jobs) == one  # killed: its lock is free, and it is not finished


def test_a_turn_ends_if_its_job_is_done_and_none_is_left(jobs, impatient):
    for job in jobs:
        with stage(job.folder):
            pass
    assert next_job(jobs[0], jobs) is None


def test_jobs_of_another_launch_keep_their_turns(jobs, impatient):
    one, *_ = jobs
    later = [one, *(dataclasses.replace(job, launch=2.5) for job in jobs[1:])]
    with stage(one.folder):
        pass
    assert next_job(one, later) is None
    assert next_job(later[1], later) == later[1]


def test_a_job_with_a_stage_that_nobody_builds_goes_on(jobs):
    both = dataclasses.replace(jobs[0], stages=("stages/a", "stages/b"))
    with Held(lock_file(stage_of(both, "a"))):
        assert can_go_on(both)
        with stage(stage_of(both, "b")):
            pass
        assert not can_go_on(both)
        assert can_go_on(dataclasses.replace(both, since=2**40))  # b is to be made again


def test_a_running_job_has_a_claim_to_its_first_stage(jobs):
    one, two, three = jobs
    assert not can_go_on(two, [one]) and can_go_on(three, [one])
    several = dataclasses.replace(one, stages=("stages/b", "stages/a"))
    assert can_go_on(two, [several]) and not can_go_on(three, [several])


def test_what_another_process_runs_is_left_to_it(jobs):
    with Held(jobs[0]._file("lock")):
        with recording_job(jobs[0], to_terminal=False, wait=False) as mine:
            assert not mine
    assert state_of(jobs[0]).word == "waiting"


def test_stages_that_other_processes_build_come_last(tmp_path):
    order = []

    def build(name: str, wait: bool) -> str:
        if wait:
            held.__exit__()
        with stage(tmp_path / name, wait=wait) as part:
            order.append((name, part is not None))
        return name.upper()

    held = Held(lock_file(tmp_path / "b"))
    with held:
        with pytest.raises(BusyError):
            build("b", False)
        assert in_any_order(["a", "b", "c"], build) == {"a": "A", "b": "B", "c": "C"}
    assert order == [("a", True), ("c", True), ("b", True)]


@pytest.mark.slow
def test_jobs_side_by_side_identify_a_language_each(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    done = run_command(
        *("--multirun", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "trainer.threads=1"),
        *("subnetwork=identified,random", "subnetwork.only=true", *SMALL),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    logs = [log.read_text("utf-8") for log in tmp_path.glob("multirun/sweeps/*/jobs/*.log")]
    assert sorted(log.count("Identifying the subnetwork of") for log in logs) == [1, 2]


@pytest.mark.slow
def test_no_job_waits_while_another_could_run(tmp_path):
    """Those that share a fine-tuning begin when the first of them has made it."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    done = run_command(
        *("--multirun", "hydra/launcher=joblib", "hydra.launcher.n_jobs=3", "trainer.threads=1"),
        *("tuning.epochs=20,1", "tuning.patience=20", "influence.top_k=5,6,7", "sweep=s"),
        *(switch for switch in SMALL if not switch.startswith(("tuning.", "influence.top_k"))),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    tuned = {
        json.loads((folder / SETTINGS).read_text())["tuning"]["epochs"]: (folder / FINISHED)
        for folder in tmp_path.glob("multirun/xnli/stages/tuning-*")
    }
    assert set(tuned) == {1, 20}
    began: dict[int, list[float]] = {1: [], 20: []}
    for job in read_jobs(tmp_path / "multirun/sweeps/s"):
        began[20 if "tuning.epochs=20" in job.label else 1].append(state_of(job).began or 0)
    short, long = sorted(began[1]), sorted(began[20])
    assert short[0] < tuned[1].stat().st_mtime <= short[1]  # the first of each makes it
    assert long[0] < tuned[20].stat().st_mtime <= long[1]
    assert short[1] < tuned[20].stat().st_mtime  # meanwhile the third process had work


def test_the_command_of_a_job_names_the_users_own_files(jobs, tmp_path):
    (tmp_path / "task").mkdir()
    (tmp_path / "task/mine.yaml").write_text((conf_folder() / "task/xnli.yaml").read_text())
    overrides = ("task=mine", "seed=3", "sweep=s", f"hydra.searchpath=[file://{tmp_path}]")
    register_resolvers()
    run, command = composed_job(dataclasses.replace(jobs[0], overrides=overrides))
    assert run.seed == 3
    assert command == f"xling --config-dir={tmp_path} task=mine seed=3"
