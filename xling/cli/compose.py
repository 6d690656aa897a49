"""All that touches Hydra and OmegaConf: the folder conf/, its resolvers, composing, parsing."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xling.cli.launchers import PRESETS, parallel_jobs


def conf_folder() -> Path:
    """Return the folder of the configuration, in an installed package or in a checkout."""
    here = Path(__file__).parents[1]
    return next(folder for folder in (here / "conf", here.parent / "conf") if folder.is_dir())


def repeat(overrides: Sequence[str]) -> str:
    """Return the command that repeats one run, also one of a sweep."""
    own = ("sweep=", "experiment=", "force=")
    return shlex.join(["xling", *(each for each in overrides if not each.startswith(own))])


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
    from hydra.initialize import get_gh_backup, restore_gh_from_backup

    before = get_gh_backup()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
            yield GlobalHydra.instance().hydra
    finally:
        restore_gh_from_backup(before)


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


def register_resolvers() -> None:
    """Teach OmegaConf and Hydra, in this process, the functions and launchers that conf/ uses."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    for function in (each, some, all_of, others, parallel_jobs):
        OmegaConf.register_new_resolver(function.__name__, function, replace=True)
    Plugins.instance()  # now the store has the plugins' own presets
    theirs = ConfigStore.instance().repo["hydra"]["launcher"]
    for preset in PRESETS:  # ours are whole: Hydra need not mix the two, and warn that it does
        theirs.pop(f"{preset}.yaml", None)


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
