"""Messages of a sweep: its plan, the progress of its jobs, and how it ended.

pandas is imported inside a function: the plan of a sweep is printed before it.
"""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from xling.cli.console import format_duration, sample_lines
from xling.sweep.plan import PlannedJob, stage_counts
from xling.sweep.records import STATES, Job, State

SHOWN_JOBS = 40


def plan_lines(folder: Path, steps: Sequence[PlannedJob]) -> list[str]:
    """Tabulate a sweep's jobs: the stages they build and the stages they reuse."""
    finished = sum(not step.new and not step.reused for step in steps)
    jobs = "1 job" if len(steps) == 1 else f"{len(steps)} jobs"
    lines = [
        f"xling · sweep {folder.name} · {jobs}" + (f", {finished} finished" if finished else "")
    ]
    if any(step.config.data.source == "sample" for step in steps):
        lines += sample_lines(steps[0].config.task.name)
    width = max(len(step.job.label) for step in steps)
    for step in steps[:SHOWN_JOBS]:
        line = f"{step.job.number:>4}  {step.job.label:<{width}}  {initial_state(step):<13}"
        lines.append(f"{line} {'; '.join(work_summary(step))}".rstrip())
    if len(steps) > SHOWN_JOBS:
        lines.append(f"      and {len(steps) - SHOWN_JOBS} more")
    return lines


def work_summary(step: PlannedJob) -> list[str]:
    """Count the stages that a job builds and reuses; empty for a finished job."""
    built = [f"makes {stage_counts(step.new)}"] if step.new else []
    return built + ([f"reuses {stage_counts(step.reused)}"] if step.reused else [])


def initial_state(step: PlannedJob) -> str:
    """Describe a job's state before the sweep in a word or two."""
    if not step.new and not step.reused:
        return "finished"
    if step.state.word in ("failed", "running"):
        return {"failed": "failed before", "running": "is running"}[step.state.word]
    return "resumes" if any(stage.begun for stage in step.new) else "new"


def event_line(job: Job, state: State, jobs: int) -> str:
    """Report that a job has started or ended; for a failed job, add its error and log."""
    line = f"[{job.number}/{jobs}] {job.label}: "
    took = f" after {format_duration(state.ended - state.began)}" if state.ended else ""
    if state.word == "failed":
        return f"{line}FAILED{took}: {state.error}\n      Log: {job.log}"
    if state.word == "running":
        return f"{line}started on {state.host}"
    return f"{line}{state.word}{took}"


def unfinished_lines(jobs: Sequence[Job], states: Sequence[State], command: str) -> list[str]:
    """Tabulate a sweep that did not finish, and give the command that resumes it."""
    resume = f"Run the same command again to resume:  {command}"
    return ["", *state_lines(jobs, states), resume]


def state_lines(jobs: Sequence[Job], states: Sequence[State]) -> list[str]:
    """Tabulate the states of jobs, with the error and log of each failed one."""
    width = max(len(job.label) for job in jobs)
    lines = []
    for job, state in zip(jobs, states, strict=True):
        took = ""
        if has_duration(state):
            took = format_duration((state.ended or time.time()) - state.began)
        lines.append(f"{job.number:>4}  {job.label:<{width}}  {state.word:<8}  {took}".rstrip())
        if state.error and state.word in ("failed", "stopped"):
            lines += [f"      {state.error}", f"      Log: {job.log}"]
    counts = Counter(state.word for state in states)
    return [*lines, ", ".join(f"{counts[word]} {word}" for word in STATES if counts[word])]


def results_lines(sweep: Path) -> list[str]:
    """Tabulate the headline figures of a sweep's runs, as in its report."""
    import pandas as pd

    file = sweep / "tables" / "runs.parquet"
    if not file.exists():
        return []
    table = pd.read_parquet(file)
    text = table.to_string(
        index=False, float_format="{:.3f}".format, na_rep="–", max_rows=SHOWN_JOBS
    )
    return ["", *text.splitlines()]


def has_duration(state: State) -> bool:
    """Return whether a job's running time is known."""
    return state.began is not None and (state.ended is not None or state.word == "running")


def time_left(states: Sequence[State]) -> str | None:
    """Estimate a sweep's remaining time from the mean duration of its finished jobs.

    Assumes that as many jobs run at a time as are running now. Returns None if no job has finished
    yet, or if none remains.
    """
    durations = [s.ended - s.began for s in states if s.word == "finished" and s.ended and s.began]
    running = [time.time() - state.began for state in states if state.word == "running"]
    waiting = sum(state.word != "finished" for state in states) - len(running)
    if not durations or not (running or waiting):
        return None
    typical = mean(durations)
    if not running:
        return f"Nothing is running; the rest takes about {format_duration(typical * waiting)}."
    remaining = typical * waiting + sum(max(0.0, typical - elapsed) for elapsed in running)
    return f"About {format_duration(remaining / len(running))} left, {len(running)} at a time."
