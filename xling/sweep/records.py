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
from xling.config import Config, base_run
from xling.errors import ArgumentError, UserError
from xling.pipeline.paths import run_paths
from xling.stage import is_complete, is_held, lock_file

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
        base: name of the run that fine-tunings on some of its examples are compared with; None for
            an ordinary run, and for a job that does a share of another's fine-tunings.
        masks: whether the job only identifies subnetworks.
        evaluation: whether the job checks influence by fine-tuning on parts of the data.
        overrides: the job's switches, and Hydra's own; empty for a single run.
        stages: folders that it shares with other jobs, relative to the folder of all runs.
        launch: when its launch began, in seconds since 1970.
        since: what was completed before this time is made again.
    """

    sweep: Path
    number: int
    label: str
    run: str
    base: str | None
    masks: bool
    evaluation: bool = False
    overrides: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    launch: float = 0
    since: float = 0

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
    if config.has_base and not config.retrain.worker:
        base = run_paths(base_run(config)).run.name
    run = paths.run.relative_to(root).as_posix()
    sweep, masks = root / "sweeps" / config.sweep, config.subnetwork.only
    evaluation = config.evaluate is not None
    return Job(sweep, number, label, run, base, masks, evaluation, since=config.force)


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
    jobs = [_job(sweep, json.loads(file.read_text("utf-8"))) for file in files]
    return sorted(jobs, key=lambda job: (job.number, job.run))


def _job(sweep: Path, values: dict[str, Any]) -> Job:
    lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return Job(sweep, **values | lists)


def state_of(job: Job) -> State:
    """Return a job's state; a running job holds a lock, which a killed one no longer does."""
    file = job._file("state")
    values = json.loads(file.read_text("utf-8")) if file.exists() else {}
    state = State(**{"word": "waiting", **values})
    if is_held(job._file("lock")):
        return state
    since = 0 if state.word == "finished" else state.began or 0
    if is_complete(job.folder, max(since, job.since)):
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
        SweepJob(
            job.number,
            job.label,
            job.folder,
            job.base,
            job.masks,
            job.evaluation,
            state.word,
            state.error,
        )
        for job, state in states.items()
    ]


def reset(job: Job) -> None:
    """Set a job back to waiting unless it is running."""
    with contextlib.suppress(Timeout), FileLock(job._file("lock"), timeout=0):
        job._file("state").unlink(missing_ok=True)


def can_go_on(job: Job, running: Sequence[Job] = ()) -> bool:
    """Return whether a job has something to do but wait for stages that others build.

    Args:
        running: jobs that do, each of which has begun its first stage, or soon will.
    """
    missing = _missing(job)
    begun = [stage for other in running for stage in _missing(other)[:1]]
    built_elsewhere = {stage for stage in missing if stage in begun or is_held(lock_file(stage))}
    return not built_elsewhere or not built_elsewhere.issuperset(missing)


def _missing(job: Job) -> list[Path]:
    """Return the folders that a job shares with others and that are not complete."""
    folders = [job.sweep.parent.parent / stage for stage in job.stages]
    return [folder for folder in folders if not is_complete(folder, job.since)]


@contextlib.contextmanager
def recording_job(job: Job, to_terminal: bool, wait: bool = True) -> Iterator[bool]:
    """Record a job's state and output while a block runs it.

    Args:
        to_terminal: whether the output goes to the terminal as well.
        wait: whether to wait for another process that runs it.

    Yields:
        Whether the block is to run the job: another process does so if it may not wait.
    """
    write_job(job)
    lock = FileLock(job._file("lock"), timeout=-1 if wait else 0)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock)
        except Timeout:
            yield False
            return
        log = held.enter_context(job.log.open("a", encoding="utf-8"))
        begun = {"began": time.time(), "host": platform.node(), "process": os.getpid()}
        log.write(f"=== {time.strftime('%Y-%m-%d %H:%M:%S')} on {begun['host']}: {job.label}\n")
        _write(job._file("state"), {"word": "running", **begun})
        try:
            with _logged(log, to_terminal):
                yield True
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
