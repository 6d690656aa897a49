"""The states of a sweep's jobs, as recorded on disk."""

import dataclasses
import os
import time

import pytest
from conftest import config
from filelock import FileLock

from xling.errors import UserError
from xling.stage import is_complete, stage
from xling.sweep.records import (
    Job,
    State,
    job_of,
    read_jobs,
    recording_job,
    recording_run,
    reset,
    state_of,
    write_job,
)
from xling.sweep.terminal import event_line, state_lines, time_left


def finish(job: Job) -> None:
    with stage(job.folder):
        pass


def test_a_job_waits_runs_and_finishes(job, capsys):
    write_job(job)
    assert read_jobs(job.sweep) == [job] and state_of(job).word == "waiting"
    with recording_job(job, to_terminal=True):
        print("said")
        assert state_of(job).word == "running" and state_of(job).process == os.getpid()
        finish(job)
    state = state_of(job)
    assert state.word == "finished" and state.ended >= state.began and state.error is None
    assert "said" in capsys.readouterr().out and "said" in job.log.read_text("utf-8")


def test_output_that_is_not_for_the_terminal_goes_to_the_log_alone(job, capsys):
    with recording_job(job, to_terminal=False):
        print("said")
        finish(job)
    assert capsys.readouterr().out == "" and "said" in job.log.read_text("utf-8")


@pytest.mark.parametrize(
    ("error", "word", "message"),
    [
        (UserError("too little data\nsecond line"), "failed", "too little data"),
        (ValueError("no"), "failed", "ValueError: no"),
        (KeyboardInterrupt(), "stopped", "KeyboardInterrupt"),
    ],
)
def test_what_went_wrong_is_recorded(job, error, word, message):
    with pytest.raises(type(error)), recording_job(job, to_terminal=False):
        raise error
    state = state_of(job)
    assert (state.word, state.error) == (word, message)
    assert "Traceback" in job.log.read_text("utf-8")
    lines = state_lines([job], [state])
    assert message in lines[1] and str(job.log) in lines[2]
    assert ("FAILED" in event_line(job, state, 3)) == (word == "failed")
    finish(job)  # by another sweep
    assert state_of(job).word == "finished" and state_of(job).error is None
    reset(job)
    assert state_of(job).word == "finished"


def test_a_job_that_was_killed_holds_no_lock(job):
    with recording_job(job, to_terminal=False):
        before = job._file("state").read_text("utf-8")
        finish(job)
    job.folder.rename(job.folder.with_name("elsewhere"))
    assert state_of(job).word == "waiting"  # finished once, and its folder is gone
    job._file("state").write_text(before, "utf-8")
    assert state_of(job).word == "stopped"
    with FileLock(job._file("lock")):
        assert state_of(job).word == "running"
        reset(job)  # leaves what is running
        assert job._file("state").exists()


def test_runs_on_their_own_join_the_sweep_that_they_name(tmp_path):
    chosen = config(f"folder={tmp_path}", "sweep=mine", "seed=3")
    with recording_run(chosen, ["seed=3", "sweep=mine", "tracker=wandb"]):
        finish(job_of(chosen))
    (recorded,) = read_jobs(tmp_path / "sweeps/mine")
    assert recorded.label == "seed=3" and state_of(recorded).word == "finished"
    write_job(dataclasses.replace(recorded, number=4, label="by a sweep"))
    with recording_run(chosen, ["seed=3", "sweep=mine"]):
        pass
    assert read_jobs(tmp_path / "sweeps/mine")[0].label == "by a sweep"
    with pytest.raises(UserError, match="not the folder of a sweep"):
        read_jobs(tmp_path)


def test_what_was_made_before_a_time_is_made_again(tmp_path):
    folder = tmp_path / "stage"
    with stage(folder) as part:
        (part / "old").touch()
    now = time.time()
    os.utime(folder / ".finished", (now - 10, now - 10))
    assert (
        is_complete(folder) and is_complete(folder, now - 11) and not is_complete(folder, now - 9)
    )
    with pytest.raises(RuntimeError), stage(folder, now - 9) as part:
        (part / "half").touch()
        raise RuntimeError  # the old stays until the new is complete
    assert (folder / "old").exists()
    with stage(folder, now - 9) as part:
        assert (part / "half").exists()  # begun since then: taken up
    assert not (folder / "old").exists() and (folder / "half").exists()
    with stage(folder, now - 9) as part:
        assert part is None
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith("lock")] == ["stage"]


def test_the_time_left_follows_from_the_jobs_that_are_done():
    now = time.time()
    done = State("finished", began=now - 100, ended=now - 40)
    assert time_left([done, done]) is None and time_left([State("waiting")]) is None
    assert "60 s" in time_left([done, State("waiting")])
    assert "Nothing is running" in time_left([done, State("failed", began=now - 3, ended=now)])
    running = State("running", began=now - 20)
    assert time_left([done, running, running]) == "About 40 s left, 2 at a time."
    assert time_left([done, running, *[State("waiting")] * 2]) == "About 3 min left, 1 at a time."
