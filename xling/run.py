"""A run, from the text to the report: the rooms in their order."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from xling import report, tracker
from xling.comparison import compare
from xling.config import Config, nothing_left_out, whole_model
from xling.console import plain_libraries, say
from xling.fine_tuning import Tuned, sketch_train, tune
from xling.identification import Subnetworks, subnetworks, write_masks
from xling.leave_out import leave_out
from xling.materials import Materials, distinct, fresh, prepare, train_dumps
from xling.modularity import change_through, facts, mask_tables
from xling.places import Places, located
from xling.provenance import machine, software
from xling.results import profile, write_config, write_json, write_tables
from xling.stages import made, stage
from xling.summary import closing, disabled_line, opening
from xling.tracing import analyse
from xling.tracker.artifacts import artifacts
from xling.tuning.callbacks import read_history

Outcome = tuple[dict[str, Any], dict[str, pd.DataFrame]]
"""The headline figures and the tables."""


@dataclasses.dataclass(frozen=True)
class Underway:
    """A run on its way.

    Attributes:
        config, where, materials: its configuration, its folders, and what it works on.
        folder: the run's own, while it is filled.
        tracked: is logged to.
        timed: notes how long a block takes, by a name.
    """

    config: Config
    where: Places
    materials: Materials
    folder: Path
    tracked: tracker.Tracked | None
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
    elif config.leave_out.example is None:
        run(config, command)
    else:
        whole = nothing_left_out(config)
        where, base_where = located(config)[0], located(whole)[0]
        if not made(base_where.run, config.force):
            run(whole, command)
        leave_out(config, where, base_where)


def run(config: Config, command: str) -> None:
    """Do what is not done yet of a run.

    Args:
        command: what the user wrote, for the record.
    """
    say(opening(config))
    where, fingerprints = located(config)
    origin = {"command": command, "fingerprints": fingerprints, "software": software()}
    with stage(where.run, config.force) as folder:
        if folder:
            with tracker.tracking(config, where.run.name, folder) as tracked:
                complete(config, where, folder, tracked, origin)
        else:
            say("This run is finished already.")
    say(closing(where.run))


def heads_alone(config: Config) -> None:
    """Identify the subnetworks and stop there: the folder has masks/, tables/ and results."""
    say(opening(config))
    where, fingerprints = located(config)
    with stage(where.run, config.force) as folder:
        if folder:
            write_config(config, folder)
            found = subnetworks(config, prepare(config))
            write_masks(folder / "masks", config, found.used)
            write_tables(folder / "tables", mask_tables(found))
            about = {"task": config.task.name, "languages": config.languages}
            about |= {"profile": profile(config), "fingerprints": fingerprints}
            write_json(folder / "results.json", about | facts(config, found.used))
            say(disabled_line(found.used))
        else:
            say("These subnetworks are identified already.")
    say(f"Masks: {where.run / 'masks'}")


def complete(
    config: Config,
    where: Places,
    folder: Path,
    tracked: tracker.Tracked | None,
    origin: dict[str, Any],
) -> None:
    """Go through all rooms; what an earlier try finished is taken up.

    Args:
        origin: what made the run, for results.json.
    """
    write_config(config, folder)
    seconds: dict[str, float] = {}
    with timed(seconds, "corpus"):
        materials = prepare(config)
    going = Underway(config, where, materials, folder, tracked, partial(timed, seconds))
    results, tables = (with_all_heads if config.subnetwork.name == "full" else through_heads)(going)
    write_json(folder / "results.json", results | origin)
    write_tables(folder / "tables", tables)
    with timed(seconds, "report"):
        report.write(folder)
        report.figures(folder)
        tracker.log_results(tracked, results, tables, folder)
        if config.tracker.artifacts:
            tracker.log_artifacts(tracked, artifacts(where, folder))
    write_json(folder / "run.json", {"machine": machine(), "seconds": seconds})


def with_all_heads(run: Underway) -> Outcome:
    """Fine-tune, trace, and compare if asked to."""
    with run.timed("tuning"):
        model = tuned(run.config, run.where, run.materials, run.tracked)
    with run.timed("tracing"):
        traced = analyse(model, run.folder)
    if not run.config.compare_full:
        return traced.results, traced.tables
    with run.timed("comparison"):
        full = dataclasses.replace(run.config, exclude=(), compare_full=False)
        say(f"Comparing with the model that is trained on {' '.join(full.languages)}")
        other = tuned(full, located(full)[0], prepare(full), None)
        return traced.results, traced.tables | compare(model, other, run.folder)


def through_heads(run: Underway) -> Outcome:
    """Find the subnetworks, fine-tune, trace through them, and compare with the whole model."""
    config, materials = run.config, run.materials
    with run.timed("subnetworks"):
        found = subnetworks(config, materials)
        write_masks(run.folder / "masks", config, found.used)
        say(disabled_line(found.used))
    with run.timed("tuning"):
        other = whole_model(config)
        sparse = config.tuning.name == "sparse"
        whole = tuned(other, located(other)[0], materials, None if sparse else run.tracked)
        if sparse:
            materials = fresh(config, materials)
        model = tuned(config, run.where, materials, run.tracked, found)
    with run.timed("tracing"):
        return change_through(model, whole, found, run.folder)


def tuned(
    config: Config,
    where: Places,
    materials: Materials,
    tracked: tracker.Tracked | None,
    through: Subnetworks | None = None,
) -> Tuned:
    """Fine-tune and sketch the training examples, as far as that is not done."""
    used, trained = (through.used, through.trained) if through else (None, None)
    dumps = distinct(
        train_dumps(config, where.tuning, where.sketches, materials, used), config.tuning.epochs
    )
    if through is None or config.tuning.name == "sparse":  # else it is the whole model's
        tune(config, where, materials, tracked, dumps, trained)
    model = Tuned(config, where, materials, read_history(where.tuning), used)
    sketch_train(model)
    return model


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long a block takes."""
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 1)
