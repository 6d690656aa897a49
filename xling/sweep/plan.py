"""What a sweep is going to make, and what of it is there already."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from xling.config import Config, alone, nothing_left_out, whole_model
from xling.pipeline.paths import pruning, run_paths
from xling.stage import made, part_of
from xling.sweep.records import Job, State

PLURALS = {
    "fine-tuning": "fine-tunings",
    "sketches": "sketches of training examples",
    "representations": "representations of training examples",
    "subnetwork": "subnetworks",
    "masks": "sets of masks",
    "retraining": "retrainings",
    "run": "runs",
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """A folder that is made once for all jobs that need it.

    Attributes:
        kind: one of PLURALS.
        config: of the fine-tuning or the run that makes it.
    """

    kind: str
    folder: Path
    config: Config

    @property
    def made(self) -> bool:
        """Whether it is there and need not be made again."""
        return made(self.folder, self.config.force)

    @property
    def begun(self) -> bool:
        """Whether an earlier try left something to go on from."""
        return part_of(self.folder).exists()


@dataclasses.dataclass(frozen=True)
class PlannedJob:
    """A job with what it needs.

    Attributes:
        overrides: the switches that it is run with.
        state: how it stood before.
        new, reused: what it makes, and what is there or made by a job before it.
    """

    job: Job
    config: Config
    overrides: list[str]
    state: State
    new: list[Stage]
    reused: list[Stage]


def needed(config: Config) -> list[Stage]:
    """Return the stages that a job goes through, in their order; the last is its own folder."""
    paths = run_paths(config)
    if config.leave_out.example is not None:
        base = needed(nothing_left_out(config))
        return [*base, Stage("retraining", paths.run, config)]
    stages = []
    if config.subnetwork.found:
        for language in config.languages:
            own = alone(config, language)
            tuned = run_paths(own)
            stages.append(Stage("fine-tuning", tuned.tuning, own))
            stages.append(Stage("subnetwork", pruning(config.subnetwork, own, tuned)[0], own))
    if config.subnetwork.only:
        return [*stages, Stage("masks", paths.run, config)]
    models = [config]
    if config.compare_full:
        models.append(dataclasses.replace(config, exclude=(), compare_full=False))
    if config.subnetwork.name != "full":
        models = [whole_model(config), *([config] if config.tuning.name == "sparse" else [])]
    for each in models:
        tuned = run_paths(each)
        stages.append(Stage("fine-tuning", tuned.tuning, each))
        if each.subnetwork.name == "full":  # through masks, their folders have the masks' names
            kind = "sketches" if config.influence.gradients else "representations"
            stages.append(Stage(kind, tuned.tuning / tuned.sketches, each))
    return [*stages, Stage("run", paths.run, config)]


def steps_of(jobs: Sequence[tuple[Job, Config, list[str], State]]) -> list[PlannedJob]:
    """Say of each job what it makes and what it takes over, in the order of the jobs."""
    planned, known = [], set()
    for job, config, overrides, state in jobs:
        stages = needed(config)
        if stages[-1].made:
            planned.append(PlannedJob(job, config, overrides, state, [], []))
            continue
        new, reused = [], []
        for each in {stage.folder: stage for stage in stages}.values():
            there = each.made or each.folder in known
            if each.kind == "sketches":  # a fine-tuning makes them as it goes
                there = there or each.folder.parent in {one.folder for one in new}
                new += [] if there else [each]
            else:
                (reused if there else new).append(each)
            known.add(each.folder)
        planned.append(PlannedJob(job, config, overrides, state, new, reused))
    return planned


def to_do(planned: Sequence[PlannedJob]) -> list[PlannedJob]:
    """Return the jobs that are not finished."""
    return [step for step in planned if step.new or step.reused]


def counted(stages: Sequence[Stage]) -> str:
    """List stages by kind, as in `2 fine-tunings, 1 run`."""
    counts = Counter(stage.kind for stage in stages)
    return ", ".join(
        f"{count} {kind if count == 1 else PLURALS[kind]}" for kind, count in counts.items()
    )
