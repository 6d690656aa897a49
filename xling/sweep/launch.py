"""The launch of a sweep: its jobs go to Hydra's launcher, and what becomes of them is told."""

import dataclasses
import logging
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock

from xling.cli.background import background
from xling.cli.compose import composer, register_resolvers, repeat, resolved
from xling.cli.console import say
from xling.cli.preflight import preflight
from xling.config import Config, checked
from xling.errors import UserError
from xling.sweep import checks
from xling.sweep.grids import Sweep
from xling.sweep.plan import PlannedJob, steps_of, to_do
from xling.sweep.records import (
    Job,
    State,
    attended,
    forget,
    job_of,
    read_jobs,
    state_of,
    sweep_jobs,
    write_job,
)
from xling.sweep.terminal import does, event, outcome, plan_lines, results_lines
from xling.training.ranks import require_no_launcher

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
LOCAL = (BASIC, "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher")
"""Launchers whose jobs run on this machine and end with this process."""

LOOK_SECONDS = 2.0


def run_sweep(sweep: Sweep, arguments: Sequence[str]) -> bool:
    """Plan a sweep, do what is missing of it, and report; return whether all of it is finished.

    Args:
        arguments: the command line, to be told how to go on.
    """
    with composer() as hydra:
        launching = settings_of_launcher(sweep, hydra)
        if launching.hydra.launcher._target_ != BASIC:
            require_no_launcher()
        launcher_of(launching, hydra)  # a missing plugin is told before anything is planned
        steps = planned(sweep)
        for line in plan_lines(sweep.folder, steps):
            say(line)
        missing = to_do(steps)
        if missing:
            for line in checks.costs(missing, launching.hydra.launcher._target_ in LOCAL):
                say(line)
        if steps[0].config.dry_run:
            checks.check([step.config for step in steps])
            return True
        for step in steps:
            write_job(step.job)
        for step in missing:
            forget(step.job)
        if missing:
            launch(missing, launching, hydra)
    jobs = [step.job for step in steps]
    states = [state_of(job) for job in jobs]
    done = all(state.word == "finished" for state in states)
    if not done:
        for line in outcome(jobs, states, shlex.join(["python", "-m", "xling", *arguments])):
            say(line)
    if any(state.word == "finished" for state in states):
        from xling.report.sweep_page import write_sweep

        with FileLock(sweep.folder / ".report.lock"):
            report = write_sweep(sweep.folder, sweep_jobs(sweep.folder))
        for line in results_lines(sweep.folder):
            say(line)
        say(f"\nReport of the sweep: {report}")
    return done


def dry_run(config: Config) -> None:
    """Plan and check a single run."""
    named = dataclasses.replace(config, sweep=config.sweep or "dry-run")
    (step,) = steps_of([(job_of(named), config, [], State("waiting"))])
    say(f"xling · {step.job.folder}: {'; '.join(does(step)) or 'finished already'}")
    if step.new:
        for line in checks.costs([step], here=True):
            say(line)
    checks.check([config])


def planned(sweep: Sweep) -> list[PlannedJob]:
    """Compose and check all jobs; jobs that come to the same run are one.

    Raises:
        UserError: a job's values cannot be used.
    """
    from hydra import compose

    jobs: dict[str, tuple[Job, Config, list[str], State]] = {}
    for label, switches in zip(sweep.labels(), sweep.jobs, strict=True):
        overrides = [f"{key}={value}" for key, value in switches.items()]
        try:
            config = checked(resolved(compose("config", [*overrides, *sweep.hydra])))
            preflight(config)
        except UserError as error:
            raise UserError(f"{error}\nThis is the job {label} of the sweep.") from None
        if config.force:  # each job is told the time: what one has made again is new to the others
            kept = [each for each in overrides if not each.startswith("force=")]
            overrides = [*kept, f"force={config.force}"]
        job = job_of(config, len(jobs) + 1, label)
        jobs.setdefault(job.run, (job, config, overrides, state_of(job)))
    return steps_of([*jobs.values()])


def launch(steps: Sequence[PlannedJob], launching: Any, hydra: Any) -> None:
    """Hand jobs to Hydra's launcher, and those that a killed worker took with it once again."""
    from hydra.core.utils import JobStatus

    logging.getLogger("hydra").setLevel(logging.WARNING)  # what its launchers tell is told here
    left = list(steps)
    own = launching.hydra.launcher._target_
    if own != BASIC:  # those that wait for what another makes come last, and hold no place before
        left.sort(key=lambda step: any(not stage.made for stage in step.reused))
    for attempt in range(2):
        launcher = launcher_of(launching, hydra)
        with nullcontext() if own == BASIC else watched([step.job for step in left]):
            try:
                results = launcher.launch([step.overrides for step in left], initial_job_idx=0)
                for error in (each for each in results if each.status == JobStatus.FAILED):
                    say(f"A job could not begin: {error._return_value}")
                return
            except Exception as error:  # of a worker or of the queue: our jobs note their own
                if all(state_of(step.job).word == "waiting" for step in left):
                    raise
                say(f"The launcher reports: {' '.join(str(error).split())[:300]}")
                if own not in LOCAL or attempt:
                    return
        left = [step for step in left if state_of(step.job).word in ("stopped", "waiting")]
        if not left:
            return
        say("A worker was ended from outside, as by a lack of memory: what it left goes on.")


def work(composed: Any) -> None:
    """Do a job of a sweep; what goes wrong is noted, and the other jobs go on."""
    from hydra.core.hydra_config import HydraConfig

    register_resolvers()  # a launcher may have brought this to another process
    config = checked(resolved(composed))
    hydra = HydraConfig.get()
    others = {job.run: job for job in read_jobs(Path(config.folder) / "sweeps" / config.sweep)}
    job = others.get(job_of(config).run)
    if job is None:
        raise UserError(
            f"{job_of(config).run} was not planned: the data, the model or conf/ has changed since "
            "the sweep began. Give its command again."
        )
    if config.fail_fast and any(state_of(each).word == "failed" for each in others.values()):
        return
    shown = hydra.launcher._target_ == BASIC
    if shown:
        say(f"\n── Job {job.number} of {len(others)} · {job.label}")
    try:
        with attended(job, shown):
            from xling.pipeline.run import job as do

            do(config, repeat(hydra.overrides.task))
    except Exception:
        if shown:
            say(event(job, state_of(job), len(others)))


def launcher_of(launching: Any, hydra: Any) -> Any:
    """Return Hydra's launcher, ready to do `work`."""
    from hydra._internal.callbacks import Callbacks
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext

    context = HydraContext(hydra.config_loader, Callbacks(launching))
    return Plugins.instance().instantiate_launcher(context, work, launching)


def settings_of_launcher(sweep: Sweep, hydra: Any) -> Any:
    """Compose what the launcher needs: Hydra's own configuration with the first job's switches."""
    from hydra.types import RunMode

    first = [f"{key}={value}" for key, value in sweep.jobs[0].items()]
    return hydra.compose_config("config", [*first, *sweep.hydra], RunMode.MULTIRUN, True)


@contextmanager
def watched(jobs: Sequence[Job]) -> Iterator[None]:
    """Tell of jobs that run elsewhere as they begin and end."""
    seen = dict.fromkeys(jobs, "waiting")

    def look() -> None:
        for job in jobs:
            state = state_of(job)
            if state.word != seen[job]:
                seen[job] = state.word
                say(event(job, state, max(each.number for each in jobs)))

    try:
        with background(look, LOOK_SECONDS):
            yield
    finally:
        look()
