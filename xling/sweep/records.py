"""The jobs of a sweep on disk: what they are, how they stand, and their logs."""

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

from xling.config import Config, nothing_left_out
from xling.errors import UserError
from xling.pipeline.paths import run_paths
from xling.stage import made

if TYPE_CHECKING:
    from xling.report.sweep_results import SweepJob

STATES = ("finished", "running", "failed", "stopped", "waiting")
"""Stopped is what was killed; the same command takes it up, as it does the failed."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A job of a sweep.

    Attributes:
        sweep: the sweep's folder.
        number: from 1, as in the plan; 0 is a run on its own that names the sweep.
        label: the switches in which it differs from others.
        run: its folder, from the folder of all sweeps' parent.
        base: name of the run that a fine-tuning without some examples is compared with.
        masks: whether it identifies subnetworks and no more.
    """

    sweep: Path
    number: int
    label: str
    run: str
    base: str | None
    masks: bool

    @property
    def folder(self) -> Path:
        """Its results, once it is finished."""
        return self.sweep.parent.parent / self.run

    @property
    def log(self) -> Path:
        """All that it said, with tracebacks."""
        return self._file("log")

    def _file(self, suffix: str) -> Path:
        return self.sweep / "jobs" / f"{self.run.replace('/', '-')}.{suffix}"


@dataclasses.dataclass(frozen=True)
class State:
    """How a job stands.

    Attributes:
        word: one of STATES.
        began, ended: seconds since 1970; None for what has not.
        host, process: where it ran last.
        error: the last line of what went wrong.
    """

    word: str
    began: float | None = None
    ended: float | None = None
    host: str | None = None
    process: int | None = None
    error: str | None = None


def job_of(config: Config, number: int = 0, label: str = "") -> Job:
    """Return the job that a configuration with a sweep's name is."""
    paths = run_paths(config)
    root = Path(config.folder)
    base = None
    if config.leave_out.example is not None:
        base = run_paths(nothing_left_out(config)).run.name
    run = paths.run.relative_to(root).as_posix()
    return Job(root / "sweeps" / config.sweep, number, label, run, base, config.subnetwork.only)


def write_job(job: Job) -> None:
    """Write a job's record; a run on its own keeps the one that its sweep wrote."""
    file = job._file("json")
    if job.number == 0 and file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    values = {k: v for k, v in dataclasses.asdict(job).items() if k != "sweep"}
    _write(file, values)


def read_jobs(sweep: Path) -> list[Job]:
    """Read the records of a sweep's jobs, in the order of its plan.

    Raises:
        UserError: there are none.
    """
    files = [*sweep.glob("jobs/*.json")]
    if not files:
        raise UserError(f"{sweep}: no sweep has its jobs here. Name a folder in .../sweeps/.")
    jobs = [Job(sweep, **json.loads(file.read_text("utf-8"))) for file in files]
    return sorted(jobs, key=lambda job: (job.number, job.run))


def state_of(job: Job) -> State:
    """Tell how a job stands; what was killed is told by the lock that it no longer holds."""
    file = job._file("state")
    values = json.loads(file.read_text("utf-8")) if file.exists() else {}
    state = State(**{"word": "waiting", **values})
    if _held(job._file("lock")):
        return state
    if made(job.folder, state.began or 0) or (state.word == "finished" and made(job.folder)):
        return dataclasses.replace(state, word="finished", error=None)
    gone = state.word == "finished"  # its folder was removed
    word = "waiting" if gone else {"running": "stopped"}.get(state.word, state.word)
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
    """Tell whether a process, on whichever machine, holds a lock."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def forget(job: Job) -> None:
    """Set a job that is to be run back to waiting, if it is not running."""
    if state_of(job).word != "running":
        job._file("state").unlink(missing_ok=True)


@contextlib.contextmanager
def attended(job: Job, shown: bool) -> Iterator[None]:
    """Note how a job goes while a block does it, and keep what it says in its log.

    Args:
        shown: what it says goes to the terminal as well.
    """
    write_job(job)
    with FileLock(job._file("lock")), job.log.open("a", encoding="utf-8") as log:
        begun = {"began": time.time(), "host": platform.node(), "process": os.getpid()}
        log.write(f"=== {time.strftime('%Y-%m-%d %H:%M:%S')} on {begun['host']}: {job.label}\n")
        _write(job._file("state"), {"word": "running", **begun})
        try:
            with _logged(log, shown):
                yield
        except BaseException as error:
            traceback.print_exc(file=log)
            word = "failed" if isinstance(error, Exception) else "stopped"
            end = {"ended": time.time(), "error": last_line(error)}
            _write(job._file("state"), {"word": word, **begun, **end})
            raise
        _write(job._file("state"), {"word": "finished", **begun, "ended": time.time()})


@contextlib.contextmanager
def noted(config: Config, overrides: Sequence[str]) -> Iterator[None]:
    """Note a single run in the sweep that it names, if it names one.

    Args:
        overrides: what the user wrote, to be told from the sweep's other runs by.
    """
    if config.sweep is None:
        yield
        return
    own = [each for each in overrides if not each.startswith(("sweep=", "tracker", "folder="))]
    with attended(job_of(config, label=" ".join(own)), shown=True):
        yield


def last_line(error: BaseException) -> str:
    """Return an error's last line; of one that the user can fix, its first."""
    if isinstance(error, UserError):
        return str(error).splitlines()[0]
    return traceback.format_exception_only(error)[-1].strip().splitlines()[-1]


class Both(io.TextIOBase):
    """A stream that writes to a terminal and to a log."""

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
        """That of the terminal."""
        return self.terminal.encoding

    def fileno(self) -> int:
        """That of the terminal, for what writes past Python."""
        return self.terminal.fileno()

    def isatty(self) -> bool:
        """Tell whether somebody watches."""
        return self.terminal.isatty()


@contextlib.contextmanager
def _logged(log: TextIO, shown: bool) -> Iterator[None]:
    """Send what is said to a log, and to the terminal too if asked to."""
    with contextlib.redirect_stdout(Both(sys.stdout, log) if shown else log):
        with contextlib.nullcontext() if shown else contextlib.redirect_stderr(log):
            yield


def _write(file: Path, values: dict[str, Any]) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(values, ensure_ascii=False, indent=1), "utf-8")
    part.replace(file)
