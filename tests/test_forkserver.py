"""Forked commands behave like new processes: what they end with, print and find."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import run_command, run_xling, start_xling

TESTS = Path(__file__).parent


@pytest.mark.command
def test_a_forked_command_ends_and_prints_like_a_real_one(tmp_path):
    forked, true = (run("exclude=kr", folder=tmp_path) for run in (run_xling, run_command))
    assert (forked.returncode, forked.stdout) == (true.returncode, true.stdout) == (1, "")
    assert forked.stderr == true.stderr


def test_a_fork_has_its_own_folder_arguments_and_environment(tmp_path):
    done = run_xling("asked", "a b", folder=TESTS, module="in_a_fork", MINE="1")
    folder, arguments, mine, group, blank = done.stdout.splitlines()
    assert (folder, arguments, mine, blank) == (str(TESTS), "['a b']", "1", "b''")
    assert int(group) not in (os.getpgid(0), os.getpid())
    again = run_xling("asked", folder=TESTS, module="in_a_fork")
    assert again.stdout.splitlines()[2] == "None"


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("code", 7, ""),
        ("words", 1, "in words\n"),
        ("error", 1, "ZeroDivisionError: division by zero\n"),
        ("signal", -signal.SIGTERM, ""),
    ],
)
def test_exit_codes_are_those_of_python(how, code, said):
    done = run_xling(how, folder=TESTS, module="in_a_fork")
    assert done.returncode == code and done.stderr.endswith(said)
    true = [sys.executable, "-m", "in_a_fork", how]
    assert subprocess.run(true, cwd=TESTS, stderr=subprocess.DEVNULL).returncode == code


def test_what_one_fork_changes_is_unchanged_in_the_next():
    for _ in range(2):
        assert run_xling("changes", folder=TESTS, module="in_a_fork").stdout == "as new\n"


def test_exit_handlers_and_threads_end_before_the_process():
    assert run_xling("exits", folder=TESTS, module="in_a_fork").stdout == "thread\nhandler\n"


def test_a_fork_that_is_killed_takes_its_children_along():
    with start_xling("parent", folder=TESTS, module="in_a_fork", merged=True) as process:
        while not (child := process.output().strip()):
            time.sleep(0.01)
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/cmdline").exists() and Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_environment_that_only_imports_would_notice_is_refused():
    with pytest.raises(ValueError, match="HF_HOME: only a new process would notice"):
        run_xling(folder=TESTS, HF_HOME="/elsewhere")
