"""A run, from the text to the report: the stages in their order."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from xling import report, tracker
from xling.cli.console import plain_libraries, say
from xling.cli.messages import closing, disabled_line, opening
from xling.config import Config, base_run, settings, whole_model
from xling.data import load_corpus
from xling.pipeline.artifacts import run_artifacts
from xling.pipeline.certainty import say_again
from xling.pipeline.checks import recorded_checks, seconds_to_check
from xling.pipeline.evaluate import evaluate, retrain
from xling.pipeline.fine_tune import FineTuned, sketch_train, tune
from xling.pipeline.identify import Subnetworks, subnetworks, write_masks
from xling.pipeline.inputs import RunInputs, distinct, prepare, train_dumps
from xling.pipeline.leave_out import leave_out
from xling.pipeline.modularity import (
    change_through,
    mask_tables,
    pruning_doubts,
    subnetwork_results,
)
from xling.pipeline.paths import RunPaths, run_paths
from xling.pipeline.provenance import machine, software
from xling.pipeline.results import RunResult, profile, write_config, write_json
from xling.pipeline.sizes import check_sizes
from xling.pipeline.trace import analyse
from xling.pipeline.zero_shot import compare
from xling.report.export import write_tables
from xling.stage import is_complete, require_same_settings, stage
from xling.training.history import read_history


@dataclasses.dataclass(frozen=True)
class RunContext:
    """A run in progress.

    Attributes:
        config, paths, inputs: its configuration, its folders, and what it works on.
        folder: the run's own, while it is filled.
        tracked: the run's page in a tracker, to log to.
        timed: records under a name how long a block takes.
    """

    config: Config
    paths: RunPaths
    inputs: RunInputs
    folder: Path
    tracked: tracker.TrackedRun | None
    timed: Callable[[str], AbstractContextManager[None]]


def job(config: Config, command: str) -> None:
    """Do what one configuration asks for.

    Args:
        command: what the user wrote, for the record.
    """
    plain_libraries()
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    if config.subnetwork.only:
        heads_alone(config)
    elif config.has_base:
        again(config, command)
    else:
        run(config, command)


def again(config: Config, command: str) -> None:
    """Fine-tune again on some of the examples, after the run on all of them.

    Args:
        command: what the user wrote, for the record.
    """
    base = base_run(config)
    paths, base_paths = run_paths(config), run_paths(base)
    if not is_complete(paths.run, config.force):
        check_sizes(config, load_corpus(config, _quiet), _quiet)  # before the base run
    if config.retrain.worker:
        share(config, paths, base_paths)
        return
    if not is_complete(base_paths.run, config.force):
        say(opening(base))
        run(base, command)
    require_same_settings(base_paths.run, settings(base))
    (evaluate if config.evaluate else leave_out)(config, paths, base_paths)


def share(config: Config, paths: RunPaths, base_paths: RunPaths) -> None:
    """Do a share of an evaluation's fine-tunings: another job makes the tables."""
    with stage(paths.run, config.force, settings(config)) as folder:
        if folder:
            write_config(config, folder)
            base = base_run(config)
            retrain(config, fine_tuned(base, base_paths, prepare(base), None))
        else:
            say("Its share of the fine-tunings is done.")


def _quiet(line: str) -> None:
    """Print nothing: the base run says it."""


def run(config: Config, command: str) -> None:
    """Do what remains to be done of a run.

    Args:
        command: what the user wrote, for the record.
    """
    paths = run_paths(config)
    origin = {"command": command, "fingerprints": paths.fingerprints, "software": software()}
    with stage(paths.run, config.force, settings(config)) as folder:
        if folder:
            with tracker.tracking(config, paths.run.name, folder) as tracked:
                complete(config, paths, folder, tracked, origin)
        else:
            say("This run is already finished.")
            say_again(paths.run)
    say(closing(paths.run))


def heads_alone(config: Config) -> None:
    """Identify the subnetworks and stop there: the folder has masks/, tables/ and results."""
    paths = run_paths(config)
    with stage(paths.run, config.force, settings(config)) as folder:
        if folder:
            write_config(config, folder)
            inputs = prepare(config)
            heads = subnetworks(config, inputs)
            write_masks(folder / "masks", config, heads.used)
            write_tables(folder / "tables", mask_tables(heads))
            about = {"task": config.task.name, "languages": config.languages}
            about |= {"profile": profile(config), "fingerprints": paths.fingerprints}
            about |= {"warnings": pruning_doubts(config, heads, inputs)}
            write_json(folder / "results.json", about | subnetwork_results(config, heads.used))
            say(disabled_line(heads.used))
        else:
            say("These subnetworks are already identified.")
    say(f"Masks: {paths.run / 'masks'}")


def complete(
    config: Config,
    paths: RunPaths,
    folder: Path,
    tracked: tracker.TrackedRun | None,
    origin: dict[str, Any],
) -> None:
    """Go through all stages; what an earlier attempt finished is reused.

    Args:
        origin: what made the run, for results.json.
    """
    write_config(config, folder)
    seconds: dict[str, float] = {}
    with timed(seconds, "corpus"):
        inputs = prepare(config)
        check_sizes(config, inputs.corpus, say)
    going = RunContext(config, paths, inputs, folder, tracked, partial(timed, seconds))
    result = (with_all_heads if config.subnetwork.name == "full" else through_heads)(going)
    checks = {"evaluations": recorded_checks(paths)}
    write_json(folder / "results.json", result.results | checks | origin)
    spent = {"machine": machine(), "seconds_to_check": seconds_to_check(config, inputs)}
    write_json(folder / "run.json", spent)  # the page says how long a check would take
    influence = config.influence
    write_tables(
        folder / "tables",
        result.tables,
        method=influence.method,
        similarity=influence.similarity,
        weights=influence.weights,
        damping=influence.damping,
    )
    with timed(seconds, "report"):
        report.write_report(folder)
        figures = report.figures(report.load(folder)) if tracked else []
        headline = tracker.headline_metrics(result.results)
        tracker.log_results(tracked, headline, result.tables, figures)
        if config.tracker.artifacts:
            tracker.log_artifacts(tracked, run_artifacts(paths, folder))
    write_json(folder / "run.json", spent | {"seconds": seconds})


def with_all_heads(run: RunContext) -> RunResult:
    """Fine-tune, trace, and compare if asked to."""
    with run.timed("tuning"):
        model = fine_tuned(run.config, run.paths, run.inputs, run.tracked)
    with run.timed("tracing"):
        traced = analyse(model, run.folder)
    if not run.config.compare_full:
        return traced
    with run.timed("comparison"):
        full = dataclasses.replace(run.config, exclude=(), compare_full=False)
        say(f"Comparing with the model that is trained on {' '.join(full.languages)}")
        other = fine_tuned(full, run_paths(full), prepare(full), None)
        tables, doubts = compare(model, other, run.folder)
        return traced.also(tables, doubts)


def through_heads(run: RunContext) -> RunResult:
    """Find the subnetworks, fine-tune, trace through them, and compare with the whole model."""
    config, inputs = run.config, run.inputs
    with run.timed("subnetworks"):
        heads = subnetworks(config, inputs)
        write_masks(run.folder / "masks", config, heads.used)
        say(disabled_line(heads.used))
    with run.timed("tuning"):
        other = whole_model(config)
        sparse = config.tuning.name == "sparse"
        whole = fine_tuned(other, run_paths(other), inputs, None if sparse else run.tracked)
        model = fine_tuned(config, run.paths, inputs, run.tracked, heads)
    with run.timed("tracing"):
        return change_through(model, whole, heads, run.folder)


def fine_tuned(
    config: Config,
    paths: RunPaths,
    inputs: RunInputs,
    tracked: tracker.TrackedRun | None,
    through: Subnetworks | None = None,
) -> FineTuned:
    """Fine-tune and sketch the training examples, as far as it is not done yet."""
    used, trained = (through.used, through.trained) if through else (None, None)
    dumps = distinct(
        train_dumps(config, paths.tuning, paths.sketches, inputs, used), config.tuning.epochs
    )
    if through is None or config.tuning.name == "sparse":  # else it is the whole model's
        tune(config, paths, inputs, tracked, dumps if config.influence.gradients else [], trained)
    model = FineTuned(config, paths, inputs, read_history(paths.tuning), used)
    sketch_train(model)
    return model


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Record how long a block takes."""
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 1)
