"""The jobs of a sweep on disk: their descriptions, states and logs."""

import contextlib
import dataclasses
import io
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from filelock import FileLock, Timeout

from xling.cli.mistakes import translate_argument_error
from xling.config import Config, nothing_left_out
from xling.errors import ArgumentError, UserError
from xling.pipeline.paths import run_paths
from xling.stage import is_complete

if TYPE_CHECKING:
    from xling.report.sweep_results import SweepJob

STATES = ("finished", "running", "failed", "stopped", "waiting")
"""A killed job is stopped; running the same command again resumes stopped and failed jobs."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A job of a sweep.

    Attributes:
        sweep: the sweep's folder.
        number: position in the plan, from 1; 0 for a single run that names the sweep.
        label: the switches in which the job differs from others.
        run: the run's folder, relative to the folder of all runs.
        base: name of the run that a fine-tuning without some examples is compared with.
        masks: whether the job only identifies subnetworks.
    """

    sweep: Path
    number: int
    label: str
    run: str
    base: str | None
    masks: bool

    @property
    def folder(self) -> Path:
        """Folder of the job's results, once it is finished."""
        return self.sweep.parent.parent / self.run

    @property
    def log(self) -> Path:
        """File with the job's output, including tracebacks."""
        return self._file("log")

    def _file(self, suffix: str) -> Path:
        return self.sweep / "jobs" / f"{self.run.replace('/', '-')}.{suffix}"


@dataclasses.dataclass(frozen=True)
class State:
    """State of a job.

    Attributes:
        word: one of STATES.
        began, ended: seconds since 1970, or None.
        host, process: machine and process id of the last attempt.
        error: last line of the error message, or None.
    """

    word: str
    began: float | None = None
    ended: float | None = None
    host: str | None = None
    process: int | None = None
    error: str | None = None


def job_of(config: Config, number: int = 0, label: str = "") -> Job:
    """Return the job of a configuration that names its sweep."""
    paths = run_paths(config)
    root = Path(config.folder)
    base = None
    if config.leave_out.example is not None:
        base = run_paths(nothing_left_out(config)).run.name
    run = paths.run.relative_to(root).as_posix()
    return Job(root / "sweeps" / config.sweep, number, label, run, base, config.subnetwork.only)


def write_job(job: Job) -> None:
    """Write a job's record; a single run keeps the record that its sweep wrote."""
    file = job._file("json")
    if job.number == 0 and file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    values = {k: v for k, v in dataclasses.asdict(job).items() if k != "sweep"}
    _write(file, values)


def read_jobs(sweep: Path) -> list[Job]:
    """Read the records of a sweep's jobs, in the order of its plan.

    Raises:
        UserError: the folder holds no records.
    """
    files = [*sweep.glob("jobs/*.json")]
    if not files:
        raise UserError(f"{sweep}: not the folder of a sweep. Name a folder in .../sweeps/.")
    jobs = [Job(sweep, **json.loads(file.read_text("utf-8"))) for file in files]
    return sorted(jobs, key=lambda job: (job.number, job.run))


def state_of(job: Job) -> State:
    """Return a job's state; a running job holds a lock, which a killed one no longer does."""
    file = job._file("state")
    values = json.loads(file.read_text("utf-8")) if file.exists() else {}
    state = State(**{"word": "waiting", **values})
    if _held(job._file("lock")):
        return state
    since = 0 if state.word == "finished" else state.began or 0
    if is_complete(job.folder, since):
        return dataclasses.replace(state, word="finished", error=None)
    removed = state.word == "finished"  # its folder no longer exists
    word = "waiting" if removed else {"running": "stopped"}.get(state.word, state.word)
    return dataclasses.replace(state, word=word)


def sweep_jobs(sweep: Path) -> "list[SweepJob]":
    """Return the jobs of a sweep with their states, as its report needs them.

    Raises:
        UserError: as `read_jobs`.
    """
    from xling.report.sweep_results import SweepJob  # with all that draws, which --help needs not

    states = {job: state_of(job) for job in read_jobs(sweep)}
    return [
        SweepJob(job.number, job.label, job.folder, job.base, job.masks, state.word, state.error)
        for job, state in states.items()
    ]


def _held(lock: Path) -> bool:
    """Return whether a process on any machine holds a lock."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def reset(job: Job) -> None:
    """Set a job back to waiting unless it is running."""
    if state_of(job).word != "running":
        job._file("state").unlink(missing_ok=True)


@contextlib.contextmanager
def recording_job(job: Job, to_terminal: bool) -> Iterator[None]:
    """Record a job's state and output while a block runs it.

    Args:
        to_terminal: whether the output goes to the terminal as well.
    """
    write_job(job)
    with FileLock(job._file("lock")), job.log.open("a", encoding="utf-8") as log:
        begun = {"began": time.time(), "host": platform.node(), "process": os.getpid()}
        log.write(f"=== {time.strftime('%Y-%m-%d %H:%M:%S')} on {begun['host']}: {job.label}\n")
        _write(job._file("state"), {"word": "running", **begun})
        try:
            with _logged(log, to_terminal):
                yield
        except BaseException as error:
            traceback.print_exc(file=log)
            word = "failed" if isinstance(error, Exception) else "stopped"
            end = {"ended": time.time(), "error": last_line(error)}
            _write(job._file("state"), {"word": word, **begun, **end})
            raise
        _write(job._file("state"), {"word": "finished", **begun, "ended": time.time()})


@contextlib.contextmanager
def recording_run(config: Config, overrides: Sequence[str]) -> Iterator[None]:
    """Record a single run in the sweep that it names, if any.

    Args:
        overrides: the user's overrides, which distinguish the run from the sweep's other runs.
    """
    if config.sweep is None:
        yield
        return
    unnamed = ("sweep=", "tracker", "folder=")
    label = " ".join(override for override in overrides if not override.startswith(unnamed))
    with recording_job(job_of(config, label=label), to_terminal=True):
        yield


def last_line(error: BaseException) -> str:
    """Return the last line of an error, or the first if the user can fix it."""
    if isinstance(error, UserError):
        return str(error).splitlines()[0]
    if isinstance(error, ArgumentError):
        return translate_argument_error(error).splitlines()[0]
    return traceback.format_exception_only(error)[-1].strip().splitlines()[-1]


class Tee(io.TextIOBase):
    """A stream that writes to both a terminal and a log."""

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> int:
        """Write to both."""
        self.log.write(text)
        return self.terminal.write(text)

    def flush(self) -> None:
        """Flush both."""
        self.log.flush()
        self.terminal.flush()

    @property
    def encoding(self) -> str:
        """The terminal's encoding."""
        return self.terminal.encoding

    def fileno(self) -> int:
        """Return the terminal's file descriptor, for code that bypasses Python's streams."""
        return self.terminal.fileno()

    def isatty(self) -> bool:
        """Return whether the output is interactive."""
        return self.terminal.isatty()


@contextlib.contextmanager
def _logged(log: TextIO, to_terminal: bool) -> Iterator[None]:
    """Send output to a log, and to the terminal too if requested."""
    with contextlib.redirect_stdout(Tee(sys.stdout, log) if to_terminal else log):
        with contextlib.nullcontext() if to_terminal else contextlib.redirect_stderr(log):
            yield


def _write(file: Path, values: dict[str, Any]) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(values, ensure_ascii=False, indent=1), "utf-8")
    part.replace(file)
