"""The launch of a sweep: hand its jobs to Hydra's launcher and report how they end.

Hydra and the report are imported inside functions: the plan of a sweep is printed before them.
"""

import dataclasses
import logging
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock

from xling.cli.background import background
from xling.cli.compose import composer, register_resolvers, repeat_command, resolved
from xling.cli.console import say
from xling.cli.preflight import preflight
from xling.config import Config, checked
from xling.errors import UserError
from xling.pipeline.paths import is_finished, run_paths
from xling.pipeline.start import start
from xling.sweep import feasibility
from xling.sweep.grids import Sweep
from xling.sweep.plan import PlannedJob, plan_jobs, unfinished
from xling.sweep.records import (
    Job,
    State,
    can_go_on,
    job_of,
    read_jobs,
    recording_job,
    reset,
    state_of,
    sweep_jobs,
    write_job,
)
from xling.sweep.terminal import (
    event_line,
    plan_lines,
    results_lines,
    unfinished_lines,
    work_summary,
)
from xling.training.ranks import require_no_launcher

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
LOCAL = (BASIC, JOBLIB)
"""Launchers whose jobs run on this machine and end with this process."""

HUSHED = "ignore::UserWarning:multiprocessing.process"
"""Where Hydra's remark on plugins' presets seems to come from in a launcher's processes."""

REPORT_EVERY_SECONDS = 2.0
"""How often the states of jobs that run elsewhere are read."""

LOOK_EVERY_SECONDS = 1.0
"""How often a job that can only wait looks for what it waits for."""


def run_sweep(sweep: Sweep, arguments: Sequence[str]) -> bool:
    """Plan a sweep, run its unfinished jobs and write its report; return whether all finished.

    Args:
        arguments: the command line, printed as the command that resumes the sweep.
    """
    with composer() as hydra:
        settings = launcher_settings(sweep, hydra)
        if settings.hydra.launcher._target_ != BASIC:
            require_no_launcher()
        instantiate_launcher(settings, hydra)  # reports a missing plugin before the planning
        planned = planned_jobs(sweep)
        for line in plan_lines(sweep.folder, planned):
            say(line)
        remaining = unfinished(planned)
        if remaining:
            runs_here = settings.hydra.launcher._target_ in LOCAL
            dry = planned[0].config.dry_run
            for line in feasibility.cost_lines(remaining, runs_here, details=dry):
                say(line)
        if planned[0].config.dry_run:
            feasibility.check_inputs([step.config for step in remaining])
            return True
        now = time.time()
        for step in planned:
            write_job(dataclasses.replace(step.job, launch=now if step in remaining else 0))
        for step in remaining:
            reset(step.job)
        if remaining:
            launch(remaining, settings, hydra)
    jobs = [step.job for step in planned]
    states = [state_of(job) for job in jobs]
    done = all(state.word == "finished" for state in states)
    if not done:
        command = shlex.join(["python", "-m", "xling", *arguments])
        for line in unfinished_lines(jobs, states, command):
            say(line)
    if any(state.word == "finished" for state in states):
        from xling.report.sweep_page import write_sweep  # heavy: only at the end of a sweep

        with FileLock(sweep.folder / ".report.lock"):
            report = write_sweep(sweep.folder, sweep_jobs(sweep.folder))
        if not remaining:
            say_findings_again(planned)
        for line in results_lines(sweep.folder):
            say(line)
        say(f"\nReport of the sweep: {report}")
    return done


def say_findings_again(planned: Sequence[PlannedJob]) -> None:
    """Repeat what the evaluations among finished jobs have found, as they said when they ran."""
    from xling.pipeline.certainty import say_again  # imports torch: after the plan is printed

    for step in planned:
        if not step.config.evaluate or step.config.retrain.worker:
            continue
        if len(planned) > 1:
            say(f"\n── Job {step.job.number} of {len(planned)} · {step.job.label}")
        say_again(run_paths(step.config).run)


def dry_run(config: Config) -> None:
    """Plan and check a single run."""
    named = dataclasses.replace(config, sweep=config.sweep or "dry-run")
    (step,) = plan_jobs([(job_of(named), config, [], State("waiting"))])
    say(f"xling · {step.job.folder}: {'; '.join(work_summary(step)) or 'already finished'}")
    if step.new:
        for line in feasibility.cost_lines([step], runs_here=True, details=True):
            say(line)
    feasibility.check_inputs([config] if step.new or step.reused else [])


def planned_jobs(sweep: Sweep) -> list[PlannedJob]:
    """Compose, check and plan all jobs; jobs that result in the same run become one.

    Raises:
        UserError: values of a job that cannot be used.
    """
    from hydra import compose

    jobs: dict[str, tuple[Job, Config, list[str], State]] = {}
    for label, switches in zip(sweep.labels(), sweep.jobs, strict=True):
        overrides = [f"{key}={value}" for key, value in switches.items()]
        try:
            config = checked(resolved(compose("config", [*overrides, *sweep.hydra])))
            if not is_finished(config):
                preflight(config)
        except UserError as error:
            raise UserError(f"{error}\nThe error is in the sweep's job {label}.") from None
        if config.force:  # one time for all jobs: none rebuilds what another has just rebuilt
            unforced = [override for override in overrides if not override.startswith("force=")]
            overrides = [*unforced, f"force={config.force}"]
        job = job_of(config, len(jobs) + 1, label)
        job = dataclasses.replace(job, overrides=(*overrides, *sweep.hydra))
        jobs.setdefault(job.run, (job, config, overrides, state_of(job)))
    return plan_jobs([*jobs.values()])


def launch(jobs: Sequence[PlannedJob], settings: Any, hydra: Any) -> None:
    """Hand jobs to Hydra's launcher; launch those lost with a killed worker a second time."""
    from hydra.core.utils import JobStatus

    logging.getLogger("hydra").setLevel(
        logging.WARNING
    )  # its launchers' messages are replaced by ours
    os.environ.setdefault("PYTHONWARNINGS", HUSHED)
    remaining = list(jobs)
    target = settings.hydra.launcher._target_
    if target != BASIC:  # jobs that wait for another job's stages come last, to block no slot
        remaining.sort(key=lambda step: any(not stage.complete for stage in step.reused))
    for attempt in range(2):
        launcher = instantiate_launcher(settings, hydra)
        with nullcontext() if target == BASIC else watching([step.job for step in remaining]):
            try:
                results = launcher.launch([step.overrides for step in remaining], initial_job_idx=0)
                for result in results:
                    if result.status == JobStatus.FAILED:
                        say(f"A job could not start: {result._return_value}")
                wait_for_others([step.job for step in remaining])
                return
            except Exception as error:  # of a worker or the queue: jobs record their own errors
                if all(state_of(step.job).word == "waiting" for step in remaining):
                    raise
                say(f"The launcher reports: {' '.join(str(error).split())[:300]}")
                if target not in LOCAL or attempt:
                    return
        unfinished_words = ("stopped", "waiting")
        remaining = [step for step in remaining if state_of(step.job).word in unfinished_words]
        if not remaining:
            return
        say("A worker was killed, perhaps for lack of memory: its unfinished jobs are resumed.")


def wait_for_others(jobs: Sequence[Job]) -> None:
    """Wait for jobs that run in another launch of the same sweep."""
    while any(state_of(job).word == "running" for job in jobs):
        time.sleep(LOOK_EVERY_SECONDS)


def run_job(composed: Any) -> None:
    """Run one job of a sweep; record its errors, so that the other jobs continue.

    Every job of a launch has a turn, but does not have to take its own: see `next_job`.
    """
    from hydra.core.hydra_config import HydraConfig

    register_resolvers()  # the launcher may have started another process
    config = checked(resolved(composed))
    launcher = HydraConfig.get().launcher
    to_terminal = launcher._target_ == BASIC
    jobs = {job.run: job for job in read_jobs(Path(config.folder) / "sweeps" / config.sweep)}
    own = jobs.get(job_of(config).run)
    if own is None:
        raise UserError(
            f"{job_of(config).run} was not planned: the data, the model or conf/ has changed since "
            "the sweep started. Run its command again."
        )
    together = sum(job.launch == own.launch for job in jobs.values())
    beside = launcher.n_jobs if launcher._target_ == JOBLIB else 1
    at_once = min(together, beside if beside > 0 else together)  # -1: all
    mine = False
    while not mine and (job := next_job(own, list(jobs.values()))):
        if config.fail_fast and any(state_of(other).word == "failed" for other in jobs.values()):
            return
        if to_terminal:
            say(f"\n── Job {job.number} of {len(jobs)} · {job.label}")
        try:
            with recording_job(job, to_terminal, wait=False) as mine:
                if mine:
                    config, command = composed_job(job)
                    start(sharing(config, at_once), command)
                else:
                    time.sleep(LOOK_EVERY_SECONDS)
        except Exception:
            if to_terminal:
                say(event_line(job, state_of(job), len(jobs)))
            return


def next_job(own: Job, jobs: Sequence[Job]) -> Job | None:
    """Return which job to run in a job's turn: its own, unless that would wait and another not.

    Waits while all would wait for stages that other processes build, and while another process
    runs the own one, which may be killed.

    Args:
        jobs: of the sweep, in the order of its plan.

    Returns:
        None if no job of the same launch is left.
    """
    launched = [own, *(job for job in jobs if job.launch == own.launch and job != own)]
    while True:
        words = {job: state_of(job).word for job in launched}
        left = [job for job, word in words.items() if word in ("waiting", "stopped")]
        running = [job for job, word in words.items() if word == "running"]
        if job := next((job for job in left if can_go_on(job, running)), None):
            return job
        if not left and own not in running:
            return None
        time.sleep(LOOK_EVERY_SECONDS)


def sharing(config: Config, jobs: int) -> Config:
    """Divide the fine-tunings that an evaluation makes at once by the jobs beside each other.

    Args:
        jobs: that run at once on this machine.
    """
    from xling.pipeline.retrain import processes  # heavy: only where a job runs

    if config.retrain.processes or jobs == 1:
        return config
    fair = max(1, processes(config) // jobs)
    return dataclasses.replace(config, retrain=dataclasses.replace(config.retrain, processes=fair))


def composed_job(job: Job) -> tuple[Config, str]:
    """Return a job's configuration, and the command that repeats it alone."""
    from hydra import compose
    from omegaconf import open_dict

    with composer():
        composed = compose("config", list(job.overrides), return_hydra_config=True)
    command = repeat_command(composed.hydra)
    with open_dict(composed):
        del composed["hydra"]
    return checked(resolved(composed)), command


def instantiate_launcher(settings: Any, hydra: Any) -> Any:
    """Return Hydra's launcher, set up to call `run_job`."""
    from hydra._internal.callbacks import Callbacks
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext

    context = HydraContext(hydra.config_loader, Callbacks(settings))
    return Plugins.instance().instantiate_launcher(context, run_job, settings)


def launcher_settings(sweep: Sweep, hydra: Any) -> Any:
    """Compose Hydra's own configuration, which launchers read, with the first job's switches."""
    from hydra.types import RunMode

    first = [f"{key}={value}" for key, value in sweep.jobs[0].items()]
    return hydra.compose_config("config", [*first, *sweep.hydra], RunMode.MULTIRUN, True)


@contextmanager
def watching(jobs: Sequence[Job]) -> Iterator[None]:
    """Report the start and end of jobs that run elsewhere while a block waits for them."""
    reported = dict.fromkeys(jobs, "waiting")
    last_number = max(job.number for job in jobs)

    def report_changes() -> None:
        for job in jobs:
            state = state_of(job)
            if state.word != reported[job]:
                reported[job] = state.word
                say(event_line(job, state, last_number))

    try:
        with background(report_changes, REPORT_EVERY_SECONDS):
            yield
    finally:
        report_changes()
