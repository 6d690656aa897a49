"""A run, from the text to the report: the rooms in their order."""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from xling import data, model, report, tracker
from xling.comparison import compare
from xling.config import Config, nothing_left_out
from xling.console import plain_libraries, say
from xling.leave_out import leave_out
from xling.materials import Materials, at_epoch, prepare, train_dump
from xling.places import Places, places
from xling.provenance import machine, software
from xling.results import write_config, write_json, write_tables
from xling.stages import stage
from xling.summary import closing, epoch_line, opening, tuning_line
from xling.sweep import note
from xling.tracing import analyse
from xling.tuning.callbacks import read_history
from xling.tuning.fit import fine_tune, kept_epoch


def job(config: Config, command: str) -> None:
    """Do what one configuration asks for, and note it in its sweep.

    Args:
        command: what the user wrote, for the record.
    """
    plain_libraries()
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    base = None
    if config.leave_out.example is None:
        folder = run(config, command)
    else:
        whole = nothing_left_out(config)
        where, base_where = located(config)[0], located(whole)[0]
        if not base_where.run.exists():
            run(whole, command)
        leave_out(config, where, base_where)
        folder, base = where.run, base_where.run
    if config.sweep:
        record = {"base": base and base.name, "leave_out": dataclasses.asdict(config.leave_out)}
        note(Path(config.folder) / "sweeps" / config.sweep, folder, record)


def run(config: Config, command: str) -> Path:
    """Do what is not done yet of a run and return its folder.

    Args:
        command: what the user wrote, for the record.
    """
    say(opening(config))
    where, fingerprints = located(config)
    origin = {"command": command, "fingerprints": fingerprints, "software": software()}
    with stage(where.run) as folder:
        if folder:
            with tracker.tracking(config, where.run.name) as tracked:
                complete(config, where, folder, tracked, origin)
        else:
            say("This run is finished already.")
    say(closing(where.run))
    return where.run


def located(config: Config) -> tuple[Places, dict[str, str]]:
    """Return a run's folders, and the digests of local files that their names depend on."""
    fingerprints = {**data.fingerprint(config), **model.fingerprint(config.model)}
    return places(config, fingerprints), fingerprints


def complete(
    config: Config,
    where: Places,
    folder: Path,
    tracked: tracker.Tracked,
    origin: dict[str, Any],
) -> None:
    """Go through all rooms; what an earlier try finished is taken up.

    Args:
        origin: what made the run, for results.json.
    """
    seconds: dict[str, float] = {}
    write_config(config, folder)
    with timed(seconds, "corpus"):
        materials = prepare(config)
    with timed(seconds, "tuning"):
        history = tune(config, where, materials, tracked)
    with timed(seconds, "tracing"):
        results, tables = analyse(config, where, materials, history, folder)
    if config.compare_full:
        with timed(seconds, "comparison"):
            tables |= compared(config, where, materials, history, folder)
    write_json(folder / "results.json", results | origin)
    write_tables(folder / "tables", tables)
    with timed(seconds, "report"):
        report.write(folder)
        report.figures(folder)
        tracker.log_results(tracked, results, tables, folder)
    write_json(folder / "run.json", {"machine": machine(), "seconds": seconds})


def compared(
    config: Config,
    where: Places,
    materials: Materials,
    history: list[dict[str, Any]],
    folder: Path,
) -> dict[str, pd.DataFrame]:
    """Return the tables of the comparison with the model of all languages, which is made first."""
    full = dataclasses.replace(config, exclude=(), compare_full=False)
    full_where, _ = located(full)
    say(f"Comparing with the model that is trained on {' '.join(full.languages)}")
    full_materials = prepare(full)
    full_history = tune(full, full_where, full_materials, None)
    return compare(
        (config, where, materials, history),
        (full, full_where, full_materials, full_history),
        folder,
    )


def tune(
    config: Config, where: Places, materials: Materials, tracked: tracker.Tracked
) -> list[dict[str, Any]]:
    """Fine-tune and sketch the training examples, as far as that is not done, for the history."""
    several = config.trainer.devices > 1  # then epochs end in another process, out of W&B's reach
    log = partial(announce, None if several else tracked)
    with stage(where.tuning) as part:
        if part:
            say(tuning_line(config, len(materials.encoded["train"])))
            made_by = {"settings": where.tuned_by, "software": software(), "machine": machine()}
            write_json(part / "made_by.json", made_by)
            dump = train_dump(config, part / where.sketches, materials)
            fine_tune(
                config, materials.classifier, materials.encoded, materials.collate, part, dump, log
            )
        else:
            say(f"The model is fine-tuned already: {where.tuning}")
        if several or not part:
            for record in read_history(part or where.tuning):
                tracker.log_epoch(tracked, record)
    history = read_history(where.tuning)
    dump = train_dump(config, where.tuning / where.sketches, materials)
    for epoch in dump.missing(kept_epoch(history)):  # of a design that the training did not dump
        say(f"Sketching the training examples at epoch {epoch}")
        dump(at_epoch(config, where, materials, epoch), epoch)
    return history


def announce(tracked: tracker.Tracked, record: dict[str, Any]) -> None:
    """Say how an epoch went."""
    say(epoch_line(record))
    tracker.log_epoch(tracked, record)


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long a block takes."""
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 1)
