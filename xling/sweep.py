"""Sweeps: what an `experiment=` stands for, and where the sweep's jobs and its report are."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    overrides = [each for each in arguments if not each.startswith("-")]
    composed = _composed([each for each in overrides if not _is_sweep(each)])
    added, given = [], {each.split("=")[0] for each in overrides}
    if composed.get("experiment"):
        grid = composed["experiment"]["sweep"]
        if composed["data"]["source"] == "sample":
            grid = composed["experiment"]["sample"]
        # The languages come first: other values of the grid may be made of them.
        first = [f"languages={grid['languages']}"] if "languages" in grid else []
        if first and "languages" not in given:
            composed = _composed([*(each for each in overrides if not _is_sweep(each)), *first])
            grid = composed["experiment"]["sample"]
        added = [f"{key}={value}" for key, value in grid.items() if key not in given]
    start = []
    for each in overrides:
        key, _, values = each.partition("=")
        if key == "imbalance" and "," in values and "0" not in values.split(","):
            start = [f"imbalance=0,{values}"]
    named = sorted(each for each in [*overrides, *added] if not each.startswith(UNNAMED))
    name = composed.get("sweep") or f"{_slug(composed, [*overrides, *added])}-{digest(named)}"
    return Sweep(
        [*added, *start, *([] if composed.get("sweep") else [f"sweep={name}"])],
        Path(composed["folder"]) / "sweeps" / name,
    )


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


def _is_sweep(override: str) -> bool:
    """Tell whether an override has several values: then a single run cannot be composed of it."""
    value = override.partition("=")[2]
    depth = 0
    for character in value:
        depth += (character in "[({") - (character in "])}")
        if character == "," and depth == 0:
            return True
    return value.startswith(("range(", "choice(", "glob(", "interval("))


def _slug(composed: dict[str, Any], overrides: Sequence[str]) -> str:
    if composed.get("experiment"):
        return f"{composed['experiment']['name']}-{composed['task']['name']}"
    return "-".join(each.split("=")[0] for each in overrides if _is_sweep(each)) or "sweep"


def _composed(overrides: Sequence[str]) -> dict[str, Any]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    from xling.__main__ import conf_folder

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        found = OmegaConf.to_container(compose("config", list(overrides)), resolve=True)
    GlobalHydra.instance().clear()
    return found
