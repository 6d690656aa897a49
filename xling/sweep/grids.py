"""The jobs that a command line requests by `experiment=` or `--multirun`.

Hydra's parser is imported inside a function: a command that is no sweep does not need it.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xling.cli.compose import compose_config, parse_arguments
from xling.config import digest
from xling.errors import UserError

UNNAMED = (
    *("tracker", "folder=", "sweep=", "hydra", "dry_run=", "force=", "fail_fast="),
    *(f"trainer.{key}=" for key in ("accelerator", "devices", "num_nodes", "strategy", "threads")),
)
"""Prefixes of switches that cannot change a result and so are not part of a sweep's name."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep requested on the command line.

    Attributes:
        folder: holds the records of the jobs and the report.
        jobs: the switches of each job.
        hydra: overrides of Hydra's own settings, such as its launcher.
    """

    folder: Path
    jobs: list[dict[str, str]]
    hydra: list[str]

    def labels(self) -> list[str]:
        """Label each job with the switches in which the jobs differ."""
        keys = dict.fromkeys(key for job in self.jobs for key in job)
        differing = [key for key in keys if len({job.get(key) for job in self.jobs}) > 1]
        return [
            " ".join(f"{key}={job[key]}" for key in differing if key in job) or "base settings"
            for job in self.jobs
        ]


def requested_sweep(arguments: Sequence[str]) -> Sweep | None:
    """Return the sweep that a command line requests, or None for a single run.

    An `experiment=` becomes a multirun over the switches of each of its grids, except for switches
    set on the command line, which keep their values. A sweep over imbalance also gets the value 0,
    where its curves start.

    Raises:
        UserError: a feature of Hydra's multiruns that sweeps here do not support.
    """
    command = parse_arguments(arguments)
    if command.help or command.hydra_help or command.cfg or command.info:
        return None
    if command.shell_completion:
        return None
    experiment = any(override.startswith("experiment=") for override in command.overrides)
    if not experiment and not command.multirun:
        return None
    _refuse_other_sweepers(command)
    overrides = {o.key_or_group: o for o in _parse_overrides(command.overrides)}
    _refuse_methods_apart(overrides)
    hydra = [o.input_line for key, o in overrides.items() if key.startswith("hydra")]
    if command.config_dir:  # the user's own files, in the same groups
        hydra.append(f"hydra.searchpath=[file://{Path(command.config_dir).resolve()}]")
    single = [
        o.input_line
        for key, o in overrides.items()
        if not o.is_sweep_override() and not key.startswith("hydra")
    ]
    config = compose_config([*single, *hydra])
    grids = _grids(config)
    if "languages" in grids[0] and "languages" not in overrides:
        # Set the languages first: other values of the grid may be computed from them.
        languages = f"languages={grids[0]['languages']}"
        grids = _grids(compose_config([*single, languages, *hydra]))
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
        slug = "-".join(key for key, o in overrides.items() if o.is_sweep_override())
        if "experiment" in config:
            slug = f"{config.experiment.name}-{config.task.name}"
        naming = [override for override in written if not override.startswith(UNNAMED)]
        name = f"{slug or 'sweep'}-{digest([sorted([*naming, *grid]) for grid in swept])}"
    common = [override for override in written if not override.startswith("sweep=")]
    jobs = [job | {"sweep": name} for grid in swept for job in expand_grid([*common, *grid])]
    return Sweep(Path(config.folder) / "sweeps" / name, jobs, hydra)


def expand_grid(overrides: Sequence[str]) -> list[dict[str, str]]:
    """Return the switches of each job of a grid; the last overrides change fastest."""
    values: dict[str, list[str]] = {}
    for override in _parse_overrides(overrides):
        if override.is_sweep_override() and not override.is_discrete_sweep():
            key = override.key_or_group
            raise UserError(
                f"{override.input_line}: a sweep needs a list of values, as in {key}=1,2,3 or "
                f"{key}='range(1,4)'."
            )
        values[override.get_key_element()] = (
            [*override.sweep_string_iterator()]
            if override.is_sweep_override()
            else [override.get_value_element_as_str()]
        )
    return [
        dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())
    ]


def _refuse_other_sweepers(command: Any) -> None:
    """Refuse settings that would be ignored, since jobs are planned here, not by Hydra."""
    for override in command.overrides:
        if override.startswith(("hydra/sweeper", "hydra.sweeper")):
            raise UserError(
                f"{override}: sweeps here are grids, which are planned before they start. Write "
                "the values, as in seed=0,1,2, or a file like those in conf/experiment/."
            )
    if command.config_name or command.config_path:
        raise UserError(
            "A sweep composes conf/config.yaml: put your own files into a folder with the same "
            "groups and write --config-dir DIR."
        )


def _refuse_methods_apart(overrides: Mapping[str, Any]) -> None:
    """Refuse a job for each method: only those of one evaluation are compared with each other.

    A job for each of several lists is none.
    """
    methods = overrides.get("faithfulness.methods")
    if methods is None or not methods.is_choice_sweep():
        return
    if not any(isinstance(method, list) for method in methods.value().list):
        values = ",".join(methods.sweep_string_iterator())
        raise UserError(
            f"{methods.input_line}: that is a job for each method, and no comparison of them. "
            f"Write 'faithfulness.methods=[{values}]', in quotes, for one job that compares them."
        )


def _parse_overrides(overrides: list[str]) -> list[Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_overrides(overrides)


def _grids(config: Any) -> list[dict[str, str]]:
    """Return the grids of a configuration's experiment, or one empty grid without one."""
    if "experiment" not in config:
        return [{}]
    experiment = config.experiment
    if config.data.source != "sample":
        return [dict(grid) for grid in experiment.sweep]
    return [{**experiment.sample_size, **grid} for grid in experiment.sample]
