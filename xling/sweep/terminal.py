"""What a sweep says: its plan, how its jobs go, and how it ended."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from xling.cli.console import duration, sample_lines
from xling.sweep.plan import PlannedJob, counted
from xling.sweep.records import STATES, Job, State

SHOWN_JOBS = 40


def plan_lines(folder: Path, steps: Sequence[PlannedJob]) -> list[str]:
    """Tabulate a sweep's jobs: what they make, and what is there already."""
    finished = sum(not step.new and not step.reused for step in steps)
    jobs = "1 job" if len(steps) == 1 else f"{len(steps)} jobs"
    lines = [
        f"xling · sweep {folder.name} · {jobs}" + (f", {finished} finished" if finished else "")
    ]
    if any(step.config.data.source == "sample" for step in steps):
        lines += sample_lines(steps[0].config.task.name)
    width = max(len(step.job.label) for step in steps)
    for step in steps[:SHOWN_JOBS]:
        line = f"{step.job.number:>4}  {step.job.label:<{width}}  {standing(step):<13}"
        lines.append(f"{line} {'; '.join(does(step))}".rstrip())
    if len(steps) > SHOWN_JOBS:
        lines.append(f"      and {len(steps) - SHOWN_JOBS} more")
    return lines


def does(step: PlannedJob) -> list[str]:
    """Say what a job makes and what it reuses; nothing of one that is finished."""
    makes = [f"makes {counted(step.new)}"] if step.new else []
    return makes + ([f"reuses {counted(step.reused)}"] if step.reused else [])


def standing(step: PlannedJob) -> str:
    """Say in a word or two how a job stands before the sweep."""
    if not step.new and not step.reused:
        return "finished"
    if step.state.word in ("failed", "running"):
        return {"failed": "failed before", "running": "is running"}[step.state.word]
    return "goes on" if any(stage.begun for stage in step.new) else "new"


def event(job: Job, state: State, jobs: int) -> str:
    """Say that a job has begun or ended; of one that failed, why and where its log is."""
    line = f"[{job.number}/{jobs}] {job.label}: "
    took = f" after {duration(state.ended - state.began)}" if state.ended else ""
    if state.word == "failed":
        return f"{line}FAILED{took}: {state.error}\n      Log: {job.log}"
    if state.word == "running":
        return f"{line}has begun on {state.host}"
    return f"{line}{state.word}{took}"


def outcome(jobs: Sequence[Job], states: Sequence[State], command: str) -> list[str]:
    """Tabulate a sweep that did not finish, and say how it goes on."""
    return ["", *table(jobs, states), f"The same command goes on with what is left:  {command}"]


def table(jobs: Sequence[Job], states: Sequence[State]) -> list[str]:
    """Tabulate jobs by how they stand; those that failed with their error and log."""
    width = max(len(job.label) for job in jobs)
    lines = []
    for job, state in zip(jobs, states, strict=True):
        took = duration((state.ended or time.time()) - state.began) if timed(state) else ""
        lines.append(f"{job.number:>4}  {job.label:<{width}}  {state.word:<8}  {took}".rstrip())
        if state.error and state.word in ("failed", "stopped"):
            lines += [f"      {state.error}", f"      Log: {job.log}"]
    counts = Counter(state.word for state in states)
    return [*lines, ", ".join(f"{counts[word]} {word}" for word in STATES if counts[word])]


def results_lines(sweep: Path) -> list[str]:
    """Tabulate the headline figures of a sweep's runs, as its report has them."""
    import pandas as pd

    file = sweep / "tables" / "runs.parquet"
    if not file.exists():
        return []
    table = pd.read_parquet(file)
    text = table.to_string(
        index=False, float_format="{:.3f}".format, na_rep="–", max_rows=SHOWN_JOBS
    )
    return ["", *text.splitlines()]


def timed(state: State) -> bool:
    """Tell whether it is known how long a job has run."""
    return state.began is not None and (state.ended is not None or state.word == "running")


def time_left(states: Sequence[State]) -> str | None:
    """Say how long a sweep will go on, by the mean of its finished jobs.

    As many at a time as are running now. None if none has finished here, or none is left.
    """
    took = [s.ended - s.began for s in states if s.word == "finished" and s.ended and s.began]
    running = [time.time() - state.began for state in states if state.word == "running"]
    waiting = sum(state.word != "finished" for state in states) - len(running)
    if not took or not (running or waiting):
        return None
    typical = mean(took)
    if not running:
        return f"Nothing is running; the rest takes about {duration(typical * waiting)}."
    rest = typical * waiting + sum(max(0.0, typical - now) for now in running)
    return f"About {duration(rest / len(running))} left, {len(running)} at a time."
