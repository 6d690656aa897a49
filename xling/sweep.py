"""Sweeps: what an `experiment=` stands for, and where the sweep's jobs and its report are."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xling import parallel
from xling.command_line import composed
from xling.config import digest

UNNAMED = ("tracker", "folder=", "sweep=", "hydra", "trainer.")
"""Switches that change no result and so do not name a sweep."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep as the command line asks for it.

    Attributes:
        grids: overrides to be added to the command line: of each grid, one after the other.
        folder: takes the jobs' records and the report.
    """

    grids: list[list[str]]
    folder: Path


def planned(arguments: Sequence[str]) -> Sweep | None:
    """Work out the sweep that a command line asks for; None for a single run.

    An `experiment=` becomes a multirun over the switches of each of its grids; those that are given
    on the command line stay as they are given. A sweep over imbalance gets its start, 0, if it
    lacks one.
    """
    if {"--help", "-h", "--cfg", "-c", "--info", "-i", "--hydra-help"} & set(arguments):
        return None
    experiment = any(each.startswith("experiment=") for each in arguments)
    if not experiment and not {"-m", "--multirun"} & set(arguments):
        return None
    written = [each for each in arguments if not each.startswith("-")]
    overrides = {each.key_or_group: each for each in _parsed(written)}
    single = [each.input_line for each in overrides.values() if not each.is_sweep_override()]
    config = composed(single)
    grids = _grids(config)
    if "languages" in grids[0] and "languages" not in overrides:
        # Before the others: values of the grid may be made of the languages.
        grids = _grids(composed([*single, f"languages={grids[0]['languages']}"]))
    added = []
    if "imbalance" in overrides and overrides["imbalance"].is_sweep_override():
        values = [*overrides["imbalance"].sweep_string_iterator()]
        if "0" not in values:
            added.append(f"imbalance={','.join(['0', *values])}")
    swept = [
        [f"{key}={value}" for key, value in grid.items() if key not in overrides] + added
        for grid in grids
    ]
    name = config.sweep
    if name is None:
        slug = "-".join(key for key, each in overrides.items() if each.is_sweep_override())
        if "experiment" in config:
            slug = f"{config.experiment.name}-{config.task.name}"
        kept = [each for each in written if not each.startswith(UNNAMED)]
        name = f"{slug or 'sweep'}-{digest([sorted([*kept, *grid]) for grid in swept])}"
        swept = [[*grid, f"sweep={name}"] for grid in swept]
    return Sweep(swept, Path(config.folder) / "sweeps" / name)


def register_resolvers() -> None:
    """Teach OmegaConf the functions that conf/ uses, in this process."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("each", each, replace=True)
    OmegaConf.register_new_resolver("some", some, replace=True)
    OmegaConf.register_new_resolver("all_of", all_of, replace=True)
    OmegaConf.register_new_resolver("others", others, replace=True)
    parallel.register()


def each(values: Sequence[str]) -> str:
    """Write values as a sweep over them, as in `de,en`."""
    return ",".join(values)


def some(values: Sequence[str], wanted: Sequence[str]) -> str:
    """Write a sweep over lists of one value: those wanted that are there, else every one."""
    chosen = [value for value in wanted if value in values] or values
    return ",".join(f"[{value}]" for value in chosen)


def all_of(values: Sequence[str], wanted: Sequence[str]) -> str:
    """Write a list of the wanted values if all are there, else of as many first ones."""
    there = all(value in values for value in wanted)
    return f"[{','.join(wanted if there else values[: len(wanted)])}]"


def others(values: Sequence[str], wanted: Sequence[str], than: str) -> str:
    """Write a sweep over those wanted that are there, else over all values; without one of them.

    That one is the first value if it is not there itself, as in `all_of`.
    """
    left = [value for value in values if value != (than if than in values else values[0])]
    return ",".join([value for value in wanted if value in left] or left)


def note(folder: Path, run: Path, record: dict[str, Any]) -> None:
    """Note a finished job of a sweep.

    Args:
        folder: of the sweep.
        run: the job's own folder.
        record: what else is to be known of it.
    """
    jobs = folder / "jobs"
    jobs.mkdir(parents=True, exist_ok=True)
    values = {**record, "run": str(Path("../..") / run.relative_to(folder.parent.parent))}
    part = jobs / f".{run.name}.part"
    part.write_text(json.dumps(values, ensure_ascii=False, indent=1), "utf-8")
    part.replace(jobs / f"{run.parent.name}-{run.name}.json")


def noted(folder: Path) -> list[dict[str, Any]]:
    """Read the records of a sweep's finished jobs, with `run` as a path from here."""
    records = [json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("jobs/*.json"))]
    return [{**each, "run": folder / each["run"]} for each in records]


def _parsed(overrides: list[str]) -> list[Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_overrides(overrides)


def _grids(config: Any) -> list[dict[str, str]]:
    """Return the grids of a composed configuration's experiment: an empty one without any."""
    if "experiment" not in config:
        return [{}]
    experiment = config.experiment
    if config.data.source != "sample":
        return [dict(grid) for grid in experiment.sweep]
    return [{**experiment.sample_size, **grid} for grid in experiment.sample]
