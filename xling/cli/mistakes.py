"""Mistakes on the command line, and what to write instead.

Hydra is imported inside functions: only a mistake on the command line needs its exceptions.
"""

import errno
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xling.cli.compose import conf_folder, switch_names
from xling.errors import ArgumentError, UserError, nearest

SWITCH_OF_ARGUMENT = {
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
    "parameters": "influence.parameters",
    "damping": "influence.damping",
    "moments": "influence.moments",
    "fit_examples": "influence.fit_examples",
}
"""Library argument → the switch that sets it."""

FIXED_BY_METHOD = (
    *("influence.method", "influence.gradients"),
    *("influence.checkpoints", "influence.uses"),
)
"""Keys that only the file of an attribution method sets."""

REMEDIES = {
    "losses": "A lower tuning.learning_rate or trainer.precision=32-true may help.",
    "lengths": "Lower data.max_length.",
    "folder": "Remove that folder and run the same command again.",
}
"""Library argument that no switch sets → what to do if it cannot be used."""


def refuse_mistyped(arguments: list[str]) -> None:
    """Refuse arguments that Hydra would accept but misread.

    Raises:
        UserError: `+key=value`, which would add a key that nothing reads, or `--key value`.
    """
    from hydra._internal.utils import get_args_parser

    flags = set(get_args_parser()._option_string_actions)
    for position, argument in enumerate(arguments):
        if argument.startswith(("+", "~")):
            key = argument.lstrip("+~").split("=")[0]
            value = argument.partition("=")[2] or "VALUE"
            raise UserError(
                f"{argument}: switches cannot be added or removed; all of them already exist. "
                f"To set one, write {key}={value}.{near_key(key)}"
            )
        name, _, value = argument.partition("=")
        if name in FIXED_BY_METHOD:
            raise UserError(f"{argument}: choose a method by its file; write influence=NAME.")
        if value == "null" and (conf_folder() / name).is_dir():
            raise UserError(f"{argument}: to choose no file of {name}, omit this switch.")
        if name.startswith("-") and name not in flags:
            following = arguments[position + 1 : position + 2]
            value = value or next((word for word in following if "=" not in word), "VALUE")
            key = name.lstrip("-").replace("-", "_")
            raise UserError(
                f"{argument}: switches are written without dashes and with '=': {key}={value}."
                f"{near_key(key)}"
            )


def explain(error: BaseException, conf: Path) -> str | None:
    """Return a short message for an error that the user can fix, or None for any other error."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
    from yaml import MarkedYAMLError

    for cause in causes(error):
        if isinstance(cause, UserError):
            return f"xling: {cause}"
        if isinstance(cause, ArgumentError):
            return f"xling: {translate_argument_error(cause)}"
        if type(cause).__name__ == "MisconfigurationException":  # Lightning's: not imported here
            return f"xling: trainer.*: {str(cause).splitlines()[0]}"
        if isinstance(cause, MarkedYAMLError):
            return f"xling: {explain_yaml(cause)}"
        if full_disk(cause):
            return (
                "xling: no space left on the disk. Finished work is kept: free some space, or "
                "choose another disk with folder=DIR, and run the same command again."
            )
    text = str(error)
    if isinstance(error, MissingMandatoryValue):
        return f"xling: {error.full_key} has no value: write {error.full_key}=..."
    if match := re.match(r"Ambiguous value for argument '(?P<key>[^=]+)=(?P<values>.*)'", text):
        key, values = match["key"], match["values"]
        return (
            f"xling: {key}={values}: write '{key}=[{values}]' for a list. To run once for each "
            "value, add --multirun."
        )
    if match := re.match(r"Interpolation key '(?P<key>[^']+)' not found", text):
        return f"xling: {missing_key(match['key'])}"
    if match := re.match(r"Could not override '(?P<key>[^']+)'", text):
        if f"+{match['key']}={{" in text:
            return (
                f"xling: {match['key']}: its keys stand in a file, and cannot be others on the "
                "command line. Write a file of your own, and add its folder with --config-dir."
            )
        if match["key"] in switch_names():
            return f"xling: {missing_key(match['key'])}"
        return f"xling: there is no switch {match['key']}.{near_key(match['key'])}\n{see_help()}"
    if match := re.search(r"Unknown plugin class : '(?P<target>hydra_plugins[^']+)'", text):
        return f"xling: {needs_plugin(match['target'], conf)}"
    if 'Could not detect "srun"' in text:
        return (
            "xling: hydra/launcher=submitit_slurm: there is no SLURM here (srun is not on the "
            "path). Run the command where you would run sbatch, or try "
            "hydra/launcher=submitit_local."
        )
    if match := re.search(r"Could not find '(?P<path>[^']+)'", text):
        return f"xling: {missing_choice(match['path'], text, conf)}"
    if isinstance(error, OverrideParseException):
        return f"xling: {explain_unreadable(error.override, text.splitlines()[0])}"
    if isinstance(error, HydraException | OmegaConfBaseException):
        texts = (str(cause).strip() for cause in causes(error))
        first = next(filter(None, texts), type(error).__name__).splitlines()[0]
        if first.startswith("Incompatible key type"):
            first = 'A file of the configuration has the key null or ~: put it into quotes, "null".'
        return f"xling: {first}\n{see_help()}"
    return None


def missing_choice(path: str, text: str, conf: Path) -> str:
    """Say which files there are to choose from, and where files of a user's own belong.

    Args:
        path: of the file that was chosen, without its ending, such as task/xnil.
        text: of Hydra's error, which lists the files of all folders, if the group has any.
        conf: the configuration folder.
    """
    parts = path.split("/")
    depth = next(
        (n for n in range(len(parts) - 1, 0, -1) if (conf / "/".join(parts[:n])).is_dir()), 1
    )
    group, choice = "/".join(parts[:depth]), "/".join(parts[depth:])
    choices = sorted(file.stem for file in (conf / group).glob("*.yaml"))
    choices = ["basic", *choices] if group == "hydra/launcher" else choices
    choices = sorted({*choices, *re.findall(r"^\t(\S+)$", text, re.MULTILINE)})
    message = f"{group}={choice} does not exist: write one of {', '.join(choices)}."
    message += nearest(choice, choices)
    if group == "model":
        return (
            f"{message} For a folder or a model of the hub, write model=local model.path={choice}."
        )
    if group == "task":
        return f"{message} A file of your own, DIR/task/NAME.yaml, is added with --config-dir DIR."
    return message


def missing_key(key: str) -> str:
    """Say that a chosen file of the configuration lacks a key."""
    group = key.partition(".")[0]
    example = sorted(file.name for file in (conf_folder() / group).glob("*.yaml"))[-1:]
    shown = f", as in conf/{group}/{example[0]}" if example else ""
    return f"{key} is missing: add it to the file that you chose with {group}=NAME{shown}."


def explain_yaml(error: Any) -> str:
    """Say where a file of the configuration is no YAML, and why."""
    mark = error.problem_mark or error.context_mark
    where = f"{mark.name}:{mark.line + 1}" if mark else "A file of the configuration"
    advice = ""
    if "duplicate key" in str(error.problem):
        advice = " Keep one of them; a class has all its values in one list."
    elif "\\t" in str(error.problem):
        advice = " Indent with spaces."
    elif "mapping values" in str(error.problem) or "expected" in str(error.problem):
        advice = " Look for a bracket that is not closed, or text with a colon that needs quotes."
    return f"{where}: not YAML: {error.problem}.{advice}"


def translate_argument_error(error: ArgumentError) -> str:
    """Return the library's message, with what to write on the command line if that is known."""
    if switch := SWITCH_OF_ARGUMENT.get(error.argument):
        value = f"{switch}={error.instead}"
        value = f"'{value}'" if "[" in value else value  # the shell reads brackets as a pattern
        advice = "" if error.instead is None else f": write {value}"
        return f"{error} The switch is {switch}{advice}."
    return f"{error} {REMEDIES.get(error.argument, '')}".rstrip()


def explain_unreadable(override: str, reason: str) -> str:
    """Say how to write an override that Hydra cannot read."""
    key, sign, value = override.partition("=")
    if not sign:
        return f"{key} has no value: write {key}=VALUE.{near_key(key)}"
    if not value.isascii() and not set(value) & set("\"'"):
        words = r"[^\[\],]+" if value.startswith("[") else r".+"
        quoted = re.sub(words, lambda word: f'"{word[0].strip()}"', value)
        return (
            f"{override}: put letters beyond a to z into quotes, and those quotes into another "
            f"pair for the shell. Write {key}='{quoted}'"
        )
    return (
        f"{override} cannot be read: {reason}. Write lists as 'languages=[de,en]', and quote text "
        "with spaces or special characters: 'data.path=\"my data\"'."
    )


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and the chain of errors that caused it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def full_disk(error: BaseException) -> bool:
    """Return whether an error means that the disk is full, whichever library raised it."""
    known = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return known or "No space left on device" in str(error) or "os error 28" in str(error)


def near_key(key: str) -> str:
    """Suggest the switch closest to a key; return nothing for a key that exists."""
    known = switch_names()
    if key in known:
        return ""
    return nearest(key, known) or nearest(key, {name.rpartition(".")[2] for name in known})


def see_help() -> str:
    """Say which command lists the switches."""
    return "`python -m xling --help` lists all switches with examples."


def needs_plugin(target: str, conf: Path) -> str:
    """Say how to install the plugin whose launcher class is `target`.

    Args:
        conf: the configuration folder, which has a preset for the launcher.
    """
    presets = (conf / "hydra" / "launcher").glob("*.yaml")
    line = f"_target_: {target}\n"
    name = next(preset.stem for preset in presets if line in preset.read_text("utf-8"))
    extra = "slurm" if name.startswith("submitit") else name
    return f"hydra/launcher={name} needs a plugin: pip install 'xling[{extra}]'"
