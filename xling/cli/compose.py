"""Everything that touches Hydra and OmegaConf: conf/, its resolvers, composing, parsing.

Hydra and OmegaConf are imported inside functions: this module is imported by commands, such as
`xling.status`, that need neither.
"""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xling.cli.launchers import PRESETS, parallel_jobs

OWN_FOLDERS = ("command-line", "hydra.searchpath in command-line")
"""What Hydra calls where the folder of `--config-dir` comes from, in a run and in a sweep."""


def conf_folder() -> Path:
    """Return the configuration folder of the installed package or of the checkout."""
    here = Path(__file__).parents[1]
    return next(folder for folder in (here / "conf", here.parent / "conf") if folder.is_dir())


def repeat_command(hydra: Any) -> str:
    """Return the command that repeats one run, whether or not it belongs to a sweep.

    Args:
        hydra: Hydra's own configuration of the run.
    """
    dropped = ("sweep=", "experiment=", "force=")
    kept = [override for override in hydra.overrides.task if not override.startswith(dropped)]
    own = [source.path for source in hydra.runtime.config_sources if source.provider in OWN_FOLDERS]
    return shlex.join(["xling", *(f"--config-dir={path}" for path in own), *kept])


def expand_home(argument: str) -> str:
    """Write out the home folder in `key=~/folder`: a shell does not, and Hydra cannot read it."""
    key, sign, value = argument.partition("=")
    at_home = sign and (value == "~" or value.startswith("~/"))
    return f"{key}={os.path.expanduser('~')}{value[1:]}" if at_home else argument


def switch_names() -> set[str]:
    """Return the names of all switches: the keys and groups of the default configuration."""
    return set(dotted_keys(compose_config()))


def quoted_pattern(argument: str) -> str:
    """Put the pattern of `data.files` into quotes: Hydra reads braces without them as a mapping."""
    key, _, value = argument.partition("=")
    if key != "data.files" or "{" not in value or set(value) & set("\"'"):
        return argument
    return f'{key}="{value}"'


def parse_arguments(arguments: Sequence[str]) -> Any:
    """Parse a command line as Hydra does, into its flags and overrides."""
    from hydra._internal.utils import get_args_parser

    return get_args_parser().parse_args(flags_first(arguments))


def flags_first(arguments: Sequence[str]) -> list[str]:
    """Put Hydra's flags, with their values, first: between overrides, it misreads them."""
    from hydra._internal.utils import get_args_parser

    known = get_args_parser()._option_string_actions
    flags, rest = [], []
    following = iter(arguments)
    for argument in following:
        name, sign, _ = argument.partition("=")
        if name not in known or known[name].nargs not in (None, 0):
            rest.append(argument)
            continue
        flags.append(argument)
        if known[name].nargs is None and not sign:
            flags += [value for value in [next(following, None)] if value is not None]
    return [*flags, *rest]


@contextmanager
def composer() -> Iterator[Any]:
    """Yield Hydra, ready to compose configurations from conf/."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.initialize import get_gh_backup, restore_gh_from_backup

    before = get_gh_backup()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
            yield GlobalHydra.instance().hydra
    finally:
        restore_gh_from_backup(before)


def compose_config(overrides: Sequence[str] = ()) -> Any:
    """Compose the configuration with these overrides, not yet resolved or checked."""
    from hydra import compose

    with composer():
        return compose("config", list(overrides))


def resolved(composed: Any) -> dict[str, Any]:
    """Return a composed configuration as plain values, free of OmegaConf."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)


def dotted_keys(values: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of a nested configuration."""
    from omegaconf import DictConfig

    for key in values:
        yield f"{prefix}{key}"
        node = values._get_node(key)
        if isinstance(node, DictConfig) and not node._is_none() and not node._is_interpolation():
            yield from dotted_keys(node, f"{prefix}{key}.")


def register_resolvers() -> None:
    """Register the functions and launchers that conf/ uses with OmegaConf and Hydra."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    for name, function in RESOLVERS.items():
        OmegaConf.register_new_resolver(name, function, replace=True)
    Plugins.instance()  # adds the plugins' own presets to the store
    plugin_presets = ConfigStore.instance().repo["hydra"]["launcher"]
    for preset in PRESETS:  # ours are complete: merging the two would only make Hydra warn
        plugin_presets.pop(f"{preset}.yaml", None)


def sweep_over(values: Sequence[str]) -> str:
    """Write a sweep over all values, as in `de,en`."""
    return ",".join(values)


def sweep_over_some(values: Sequence[str], wanted: Sequence[str]) -> str:
    """Write a sweep over one-value lists: the wanted values that exist, or all if none does."""
    chosen = [value for value in wanted if value in values] or values
    return ",".join(f"[{value}]" for value in chosen)


def list_of_wanted(values: Sequence[str], wanted: Sequence[str]) -> str:
    """Write a list of the wanted values if all exist, else of equally many from the start."""
    exist = all(value in values for value in wanted)
    return f"[{','.join(wanted if exist else values[: len(wanted)])}]"


def sweep_over_others(values: Sequence[str], wanted: Sequence[str], than: str) -> str:
    """Write a sweep over values other than `than`: the wanted ones that exist, or all if none does.

    If `than` is not among the values, the first value is skipped, as `all_of` would choose it.
    """
    skipped = than if than in values else values[0]
    remaining = [value for value in values if value != skipped]
    return ",".join([value for value in wanted if value in remaining] or remaining)


RESOLVERS = {
    "each": sweep_over,
    "some": sweep_over_some,
    "all_of": list_of_wanted,
    "others": sweep_over_others,
    "parallel_jobs": parallel_jobs,
}
"""The functions that files in conf/ call, as in `${each:${languages}}`, by name."""
