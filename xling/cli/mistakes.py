"""Mistakes on the command line, and what to write instead."""

import errno
import re
from collections.abc import Iterator
from pathlib import Path

from xling.cli.compose import conf_folder, keys
from xling.errors import ArgumentError, UserError, nearest

SWITCHES = {
    "memory_gb": "influence.memory_gb",
    "skip": "sketch.skip",
    "batch_tokens": "sketch.batch_tokens",
    "method": "sketch.method",
    "side": "sketch.side",
    "stack": "sketch.stack",
    "combine": "sketch.combine",
    "twin": "sketch.twin",
    "k": "influence.top_k",
    "precision": "sketch.store",
    "fraction": "subnetwork.fraction",
    "keep": "subnetwork.keep",
    "how": "subnetwork.compose",
    "attribution": "influence.method",
}
"""Arguments of the library, and the switches that set them."""

REMEDIES = {
    "losses": "A lower tuning.learning_rate or trainer.precision=32-true may help.",
    "lengths": "Lower data.max_length.",
    "folder": "Remove that folder and run the same command again.",
}
"""Arguments of the library that no switch sets, and what to do where one cannot be used."""


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
        if name in ("influence.method", "influence.gradients"):
            raise UserError(f"{argument}: a method is chosen as a whole; write influence=NAME.")
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


def explain(error: BaseException, conf: Path) -> str | None:
    """Return a message of a few lines for an error that the user can fix, None for another."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    for each in causes(error):
        if isinstance(each, UserError):
            return f"xling: {each}"
        if isinstance(each, ArgumentError):
            return f"xling: {translated(each)}"
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


def translated(error: ArgumentError) -> str:
    """Return the library's words, and what to write on the command line if that is known."""
    if switch := SWITCHES.get(error.argument):
        value = f"{switch}={error.instead}"
        value = f"'{value}'" if "[" in value else value  # to the shell, brackets are a pattern
        return (
            f"{error} The switch is {switch}{'' if error.instead is None else f': write {value}'}."
        )
    return f"{error} {REMEDIES.get(error.argument, '')}".rstrip()


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


def see_help() -> str:
    """Say where the switches are listed."""
    return "`python -m xling --help` lists all switches with examples."


def needs_plugin(target: str, conf: Path) -> str:
    """Say how to install the plugin whose launcher class is `target`.

    Args:
        conf: the folder of the configuration, which has a preset for the launcher.
    """
    presets = (conf / "hydra" / "launcher").glob("*.yaml")
    name = next(each.stem for each in presets if f"_target_: {target}\n" in each.read_text("utf-8"))
    extra = "slurm" if name.startswith("submitit") else name
    return f"hydra/launcher={name} needs a plugin: pip install 'xling[{extra}]'"
