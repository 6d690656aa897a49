"""Mistakes on the command line, and what to write instead."""

import errno
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

    from xling.__main__ import conf_folder

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
        if value == "null" and (conf_folder() / name).is_dir():
            raise UserError(f"{argument}: to choose none of the files of {name}, leave it out.")
        if name.startswith("-") and name not in flags:
            following = arguments[position + 1 : position + 2]
            value = value or next((each for each in following if "=" not in each), "VALUE")
            key = name.lstrip("-").replace("-", "_")
            raise UserError(
                f"{argument}: switches are written without dashes and with '=': {key}={value}."
                f"{near_key(key)}"
            )


def repeat(overrides: Sequence[str]) -> str:
    """Return the command that repeats one run, also one of a sweep."""
    own = ("sweep=", "experiment=", "force=")
    return shlex.join(["xling", *(each for each in overrides if not each.startswith(own))])


def explain(error: BaseException, conf: Path) -> str | None:
    """Return a message of a few lines for an error that the user can mend, None for another."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    for each in causes(error):
        if isinstance(each, UserError):
            return f"xling: {each}"
        if type(each).__name__ == "MisconfigurationException":  # Lightning's: not imported here
            return f"xling: trainer.*: {str(each).splitlines()[0]}"
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
    if found := re.search(r"Could not find '(?P<group>[^']+)/(?P<choice>[^'/]+)'", text):
        choices = sorted(file.stem for file in (conf / found["group"]).glob("*.yaml"))
        choices = ["basic", *choices] if found["group"] == "hydra/launcher" else choices
        return (
            f"xling: {found['group']}={found['choice']} does not exist: write one of "
            f"{', '.join(choices)}.{nearest(found['choice'], choices)}"
        )
    if isinstance(error, OverrideParseException):
        return f"xling: {unread(error.override, text.splitlines()[0])}"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return f"xling: {text.splitlines()[0]}\n{see_help()}"
    return None


def unread(override: str, why: str) -> str:
    """Say how to write an override that Hydra cannot read."""
    key, sign, value = override.partition("=")
    if not sign:
        return f"{key} lacks its value: write {key}=VALUE.{near_key(key)}"
    if not value.isascii() and not set(value) & set("\"'"):
        words = r"[^\[\],]+" if value.startswith("[") else r".+"
        quoted = re.sub(words, lambda word: f'"{word[0].strip()}"', value)
        return (
            f"{override}: letters beyond a to z are put into quotes, and these into others for the "
            f"shell. Write {key}='{quoted}'"
        )
    return (
        f"{override} cannot be read: {why}. Lists are written 'languages=[de,en]', texts with "
        "spaces or signs in quotes: 'data.path=\"my data\"'."
    )


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
    known = keys()
    if key in known:
        return ""
    return nearest(key, known) or nearest(key, {each.rpartition(".")[2] for each in known})


def keys() -> set[str]:
    """Return all switches: the dotted keys and the groups of the default configuration."""
    return set(flat(composed()))


def parsed(arguments: Sequence[str]) -> Any:
    """Return Hydra's reading of a command line: its flags and the overrides."""
    from hydra._internal.utils import get_args_parser

    flags = {"-m", "--multirun"}
    rest = [each for each in arguments if each not in flags]
    # In front: between overrides Hydra would take what follows for something else.
    return get_args_parser().parse_args([*(flags & set(arguments)), *rest])


@contextmanager
def composer() -> Iterator[Any]:
    """Yield Hydra, ready to compose configurations of conf/."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from xling.__main__ import conf_folder

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        yield GlobalHydra.instance().hydra


def composed(overrides: Sequence[str] = ()) -> Any:
    """Return the configuration that overrides make, not yet resolved or checked."""
    from hydra import compose

    with composer():
        return compose("config", list(overrides))


def resolved(composed: Any) -> dict[str, Any]:
    """Return a composed configuration as plain values; OmegaConf ends here."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)


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
