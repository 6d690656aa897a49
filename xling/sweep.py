"""Sweeps: what an `experiment=` stands for, and where the sweep's jobs and its report are."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xling.command_line import composed
from xling.config import digest

UNNAMED = ("tracker", "folder=", "sweep=", "hydra", "trainer.")
"""Switches that change no result and so do not name a sweep."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep as the command line asks for it.

    Attributes:
        arguments: overrides to be added to the command line.
        folder: takes the jobs' records and the report.
    """

    arguments: list[str]
    folder: Path


def planned(arguments: Sequence[str]) -> Sweep | None:
    """Work out the sweep that a command line asks for; None for a single run.

    An `experiment=` becomes a multirun over its switches; those that are given on the command line
    stay as they are given. A sweep over imbalance gets its start, 0, if it lacks one.
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
    grid = _grid(config)
    if "languages" in grid and "languages" not in overrides:
        # Before the others: values of the grid may be made of the languages.
        grid = _grid(composed([*single, f"languages={grid['languages']}"]))
    added = [f"{key}={value}" for key, value in grid.items() if key not in overrides]
    if "imbalance" in overrides and overrides["imbalance"].is_sweep_override():
        values = [*overrides["imbalance"].sweep_string_iterator()]
        if "0" not in values:
            added.append(f"imbalance={','.join(['0', *values])}")
    name = config.sweep
    if name is None:
        slug = "-".join(key for key, each in overrides.items() if each.is_sweep_override())
        if "experiment" in config:
            slug = f"{config.experiment.name}-{config.task.name}"
        named = sorted(each for each in [*written, *added] if not each.startswith(UNNAMED))
        name = f"{slug or 'sweep'}-{digest(named)}"
        added.append(f"sweep={name}")
    return Sweep(added, Path(config.folder) / "sweeps" / name)


def register_resolvers() -> None:
    """Teach OmegaConf the functions that conf/experiment/ uses, in this process."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("each", each, replace=True)
    OmegaConf.register_new_resolver("some", some, replace=True)


def each(values: Sequence[str]) -> str:
    """Write values as a sweep over them, as in `de,en`."""
    return ",".join(values)


def some(values: Sequence[str], wanted: Sequence[str]) -> str:
    """Write a sweep over lists of one value: those wanted that are there, else every one."""
    chosen = [value for value in wanted if value in values] or values
    return ",".join(f"[{value}]" for value in chosen)


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


def _grid(config: Any) -> dict[str, str]:
    """Return the switches of a composed configuration's experiment: none without an experiment."""
    if "experiment" not in config:
        return {}
    return config.experiment.sample if config.data.source == "sample" else config.experiment.sweep
