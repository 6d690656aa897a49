"""Mistakes on the command line, and what to write instead."""

import errno
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xling.errors import UserError, nearest
from xling.parallel import needs_plugin


def check(arguments: list[str]) -> None:
    """Refuse arguments that Hydra would take for something else than was meant.

    Raises:
        UserError: `+key=value` (it would add a key that nothing reads), `--key value`.
    """
    from hydra._internal.utils import get_args_parser

    flags = set(get_args_parser()._option_string_actions)
    for position, argument in enumerate(arguments):
        if argument.startswith(("+", "~")):
            key = argument.lstrip("+~").split("=")[0]
            value = argument.partition("=")[2] or "VALUE"
            raise UserError(
                f"{argument}: switches are neither added nor removed; every one of them exists. "
                f"Write {key}={value} for one that does.{near_key(key)}"
            )
        name, _, value = argument.partition("=")
        if name.startswith("-") and name not in flags:
            following = arguments[position + 1 : position + 2]
            value = value or next((each for each in following if "=" not in each), "VALUE")
            key = name.lstrip("-").replace("-", "_")
            raise UserError(
                f"{argument}: switches are written without dashes and with '=': {key}={value}."
                f"{near_key(key)}"
            )


def sweep_group(arguments: list[str]) -> list[str]:
    """Return the override that groups a sweep's runs in the tracker by what the user wrote."""
    overrides = [each for each in arguments if not each.startswith(("-", "tracker", "folder="))]
    if any(each.startswith("tracker.group=") for each in arguments) or not overrides:
        return []
    name = " ".join(overrides)[:128].replace("\\", "").replace("'", "")
    return [f"tracker.group='{name}'"]


def repeat(overrides: Sequence[str]) -> str:
    """Return the command that repeats one run, also one of a sweep."""
    own = ("tracker.group=", "sweep=", "experiment=")
    return shlex.join(["xling", *(each for each in overrides if not each.startswith(own))])


def explain(error: BaseException, conf: Path) -> str | None:
    """Return a message of a few lines for an error that the user can mend, None for another."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    for each in causes(error):
        if isinstance(each, UserError):
            return f"xling: {each}"
        if full_disk(each):
            return (
                "xling: no space left on the disk. What was finished is kept: make room, or choose "
                "another disk with folder=DIR, and give the same command again."
            )
    text = str(error)
    if isinstance(error, MissingMandatoryValue):
        return f"xling: {error.full_key} has no value yet: write {error.full_key}=..."
    if found := re.match(r"Could not override '(?P<key>[^']+)'", text):
        return f"xling: there is no switch {found['key']}.{near_key(found['key'])}\n{see_help()}"
    if found := re.search(r"Unknown plugin class : '(?P<target>hydra_plugins[^']+)'", text):
        return f"xling: {needs_plugin(found['target'], conf)}"
    if 'Could not detect "srun"' in text:
        return (
            "xling: hydra/launcher=submitit_slurm: there is no SLURM here (no srun on the path). "
            "Give the command where you would give sbatch, or try hydra/launcher=submitit_local."
        )
    if found := re.search(r"Could not find '(?P<group>.+)/(?P<choice>[^'/]+)'", text):
        choices = sorted(file.stem for file in (conf / found["group"]).glob("*.yaml"))
        return (
            f"xling: {found['group']}={found['choice']} does not exist: write one of "
            f"{', '.join(choices)}.{nearest(found['choice'], choices)}"
        )
    if isinstance(error, OverrideParseException):
        return (
            f"xling: {error.override} cannot be read: {text.splitlines()[0]}. Lists are written "
            "'languages=[de,en]', texts with spaces or signs in quotes: 'data.path=\"my data\"'."
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        return f"xling: {text.splitlines()[0]}\n{see_help()}"
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def full_disk(error: BaseException) -> bool:
    """Tell whether an error means that the disk is full, whichever library raised it."""
    known = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return known or "No space left on device" in str(error) or "os error 28" in str(error)


def near_key(key: str) -> str:
    """Return the hint to the switch that is closest to a key, or nothing."""
    return nearest(key, keys()) or nearest(key, {each.rpartition(".")[2] for each in keys()})


def keys() -> set[str]:
    """Return all switches: the dotted keys and the groups of the default configuration."""
    return set(flat(composed()))


def composed(overrides: Sequence[str] = ()) -> Any:
    """Return the configuration that overrides make, not yet resolved or checked."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from xling.__main__ import conf_folder

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return compose("config", list(overrides))


def flat(values: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of nested values."""
    from omegaconf import DictConfig

    for key in values:
        yield f"{prefix}{key}"
        node = values._get_node(key)
        if isinstance(node, DictConfig) and not node._is_none() and not node._is_interpolation():
            yield from flat(node, f"{prefix}{key}.")


def see_help() -> str:
    """Say where the switches are listed."""
    return "`python -m xling --help` lists all switches with examples."
