"""Which stages a sweep will build, and which it can reuse."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xling.config import Config, base_run, settings, single_language, whole_model
from xling.pipeline.paths import pruning, run_paths, tuning_settings
from xling.stage import is_complete, partial_folder, require_same_settings
from xling.sweep.records import Job, State

COUNTED = {
    "fine-tuning": ("fine-tuning", "fine-tunings"),
    "sketches": ("set of sketches", "sets of sketches"),
    "representations": ("set of representations", "sets of representations"),
    "subnetwork": ("subnetwork", "subnetworks"),
    "masks": ("set of masks", "sets of masks"),
    "retraining": ("retraining", "retrainings"),
    "evaluation": ("evaluation", "evaluations"),
    "run": ("run", "runs"),
}
"""The kinds of stages: how one is counted, and how several are."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """A folder that is built once for all jobs that need it.

    Attributes:
        kind: a key of COUNTED.
        config: configuration of the fine-tuning or run that builds the folder.
        settings: all settings that the folder depends on.
    """

    kind: str
    folder: Path
    config: Config
    settings: dict[str, Any]

    @property
    def complete(self) -> bool:
        """Whether the folder is complete and need not be built again."""
        return is_complete(self.folder, self.config.force)

    @property
    def begun(self) -> bool:
        """Whether an earlier attempt left work to resume from."""
        return partial_folder(self.folder).exists()


@dataclasses.dataclass(frozen=True)
class PlannedJob:
    """A job and the stages it needs.

    Attributes:
        overrides: the job's switches.
        state: the job's state before the sweep.
        new: stages that the job builds.
        reused: stages that are complete or built by an earlier job.
    """

    job: Job
    config: Config
    overrides: list[str]
    state: State
    new: list[Stage]
    reused: list[Stage]


def required_stages(config: Config) -> list[Stage]:
    """Return the stages that a job needs, in order; the last is the job's own folder."""
    paths = run_paths(config)
    if config.has_base:
        base = required_stages(base_run(config))
        if config.retrain.worker:  # it needs the model alone, not what is traced
            base = [stage for stage in base if stage.kind == "fine-tuning"]
        kind = "evaluation" if config.evaluate else "retraining"
        return [*base, Stage(kind, paths.run, config, settings(config))]
    stages = []
    if config.subnetwork.is_pruned:
        for language in config.languages:
            single = single_language(config, language)
            tuned = run_paths(single)
            stages.append(Stage("fine-tuning", tuned.tuning, single, tuning_settings(single)))
            folder, values = pruning(config.subnetwork, single, tuned)
            stages.append(Stage("subnetwork", folder, single, values))
    if config.subnetwork.only:
        return [*stages, Stage("masks", paths.run, config, settings(config))]
    models = [config]
    if config.compare_full:
        models.append(dataclasses.replace(config, exclude=(), compare_full=False))
    if config.subnetwork.name != "full":
        models = [whole_model(config), *([config] if config.tuning.name == "sparse" else [])]
    for model in models:
        tuned = run_paths(model)
        stages.append(Stage("fine-tuning", tuned.tuning, model, tuning_settings(model)))
        if model.subnetwork.name == "full":  # folders of masked sketches are named by their masks
            kind = "sketches" if config.influence.gradients else "representations"
            stages.append(Stage(kind, tuned.tuning / tuned.sketches, model, {}))
    return [*stages, Stage("run", paths.run, config, settings(config))]


def plan_jobs(jobs: Sequence[tuple[Job, Config, list[str], State]]) -> list[PlannedJob]:
    """Determine which stages each job builds and which it reuses, in the order of the jobs."""
    planned, known = [], set()
    for job, config, overrides, state in jobs:
        stages = required_stages(config)
        job = dataclasses.replace(job, stages=_shared(stages, Path(config.folder)))
        for stage in stages:
            if stage.complete:
                require_same_settings(stage.folder, stage.settings)
        if stages[-1].complete:
            planned.append(PlannedJob(job, config, overrides, state, [], []))
            continue
        new, reused = [], []
        for stage in {stage.folder: stage for stage in stages}.values():
            available = stage.complete or stage.folder in known
            if stage.kind == "sketches":  # a fine-tuning makes them after each epoch
                if not available and stage.folder.parent not in {built.folder for built in new}:
                    new.append(stage)
            else:
                (reused if available else new).append(stage)
            known.add(stage.folder)
        planned.append(PlannedJob(job, config, overrides, state, new, reused))
    return planned


def _shared(stages: Sequence[Stage], root: Path) -> tuple[str, ...]:
    """Return the folders that a process may have to wait for; sketches are within others."""
    inside = ("sketches", "representations")
    folders = [stage.folder for stage in stages[:-1] if stage.kind not in inside]
    return tuple(dict.fromkeys(folder.relative_to(root).as_posix() for folder in folders))


def unfinished(planned: Sequence[PlannedJob]) -> list[PlannedJob]:
    """Return the jobs that are not finished."""
    return [step for step in planned if step.new or step.reused]


def stage_counts(stages: Sequence[Stage]) -> str:
    """Count stages by kind, as in `2 fine-tunings, 1 run`."""
    counts = Counter(stage.kind for stage in stages)
    return ", ".join(f"{count} {COUNTED[kind][count > 1]}" for kind, count in counts.items())
