"""The jobs that a command line stands for: an `experiment=`, or a multirun."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xling.cli.compose import composed, parsed
from xling.config import digest
from xling.errors import UserError

UNNAMED = ("tracker", "folder=", "sweep=", "hydra", "trainer.", "dry_run=", "force=", "fail_fast=")
"""Switches that change no result and so do not name a sweep."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep as the command line asks for it.

    Attributes:
        folder: takes the records of the jobs and the report.
        jobs: the switches of each job.
        hydra: overrides of Hydra itself, as of its launcher.
    """

    folder: Path
    jobs: list[dict[str, str]]
    hydra: list[str]

    def labels(self) -> list[str]:
        """Name each job by the switches in which it differs from others."""
        keys = dict.fromkeys(key for job in self.jobs for key in job)
        differ = [key for key in keys if len({job.get(key) for job in self.jobs}) > 1]
        return [
            " ".join(f"{key}={job[key]}" for key in differ if key in job) or "as it stands"
            for job in self.jobs
        ]


def planned(arguments: Sequence[str]) -> Sweep | None:
    """Work out the sweep that a command line asks for; None for a single run.

    An `experiment=` becomes a multirun over the switches of each of its grids; those that are given
    on the command line stay as they are given. A sweep over imbalance gets its start, 0, if it
    lacks one.

    Raises:
        UserError: something of Hydra's multiruns that sweeps here do not have.
    """
    asked = parsed(arguments)
    if asked.help or asked.hydra_help or asked.cfg or asked.info or asked.shell_completion:
        return None
    experiment = any(each.startswith("experiment=") for each in asked.overrides)
    if not experiment and not asked.multirun:
        return None
    _refuse_other_sweepers(asked)
    overrides = {each.key_or_group: each for each in _parsed(asked.overrides)}
    hydra = [o.input_line for key, o in overrides.items() if key.startswith("hydra")]
    if asked.config_dir:  # files of the user's own, in the same groups
        hydra.append(f"hydra.searchpath=[file://{Path(asked.config_dir).resolve()}]")
    single = [
        o.input_line
        for key, o in overrides.items()
        if not o.is_sweep_override() and not key.startswith("hydra")
    ]
    config = composed([*single, *hydra])
    grids = _grids(config)
    if "languages" in grids[0] and "languages" not in overrides:
        # Before the others: values of the grid may be made of the languages.
        languages = f"languages={grids[0]['languages']}"
        grids = _grids(composed([*single, languages, *hydra]))
    added = {}
    if "imbalance" in overrides and overrides["imbalance"].is_sweep_override():
        values = [*overrides["imbalance"].sweep_string_iterator()]
        if "0" not in values:
            added["imbalance"] = ",".join(["0", *values])
    written = [o.input_line for key, o in overrides.items() if not key.startswith("hydra")]
    swept = [
        [f"{key}={value}" for key, value in grid.items() if key not in overrides]
        + [f"{key}={value}" for key, value in added.items()]
        for grid in grids
    ]
    name = config.sweep
    if name is None:
        slug = "-".join(key for key, each in overrides.items() if each.is_sweep_override())
        if "experiment" in config:
            slug = f"{config.experiment.name}-{config.task.name}"
        kept = [each for each in written if not each.startswith(UNNAMED)]
        name = f"{slug or 'sweep'}-{digest([sorted([*kept, *grid]) for grid in swept])}"
    own = [each for each in written if not each.startswith("sweep=")]
    jobs = [job | {"sweep": name} for grid in swept for job in expanded([*own, *grid])]
    return Sweep(Path(config.folder) / "sweeps" / name, jobs, hydra)


def expanded(overrides: Sequence[str]) -> list[dict[str, str]]:
    """Return the switches of each job of a grid; the last overrides change fastest."""
    values: dict[str, list[str]] = {}
    for each in _parsed(overrides):
        if each.is_sweep_override() and not each.is_discrete_sweep():
            raise UserError(
                f"{each.input_line}: a sweep takes each of some values, as in "
                f"{each.key_or_group}=1,2,3 or {each.key_or_group}='range(1,4)'."
            )
        values[each.get_key_element()] = (
            [*each.sweep_string_iterator()]
            if each.is_sweep_override()
            else [each.get_value_element_as_str()]
        )
    return [
        dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())
    ]


def _refuse_other_sweepers(asked: Any) -> None:
    """Refuse what would be lost, as jobs are made here and not by a sweeper of Hydra."""
    for each in asked.overrides:
        if each.startswith(("hydra/sweeper", "hydra.sweeper")):
            raise UserError(
                f"{each}: sweeps here are grids, which are planned before they start. Write the "
                "values, as in seed=0,1,2, or a file like those of conf/experiment/."
            )
    if asked.config_name or asked.config_path:
        raise UserError(
            "A sweep composes conf/config.yaml: put files of your own into a folder with the same "
            "groups and write --config-dir DIR."
        )


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
