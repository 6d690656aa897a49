"""The launchers' presets in conf/hydra/launcher/, and how many runs a machine carries at once."""

import os
from pathlib import Path

PRESETS = ("joblib", "submitit_local", "submitit_slurm", "ray")
"""Names of the files in conf/hydra/launcher/."""


def register() -> None:
    """Teach OmegaConf and Hydra, in this process, what the presets need."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("parallel_jobs", parallel_jobs, replace=True)
    Plugins.instance()  # now the store has the plugins' own presets
    theirs = ConfigStore.instance().repo["hydra"]["launcher"]
    for preset in PRESETS:  # ours are whole: Hydra need not mix the two, and warn that it does
        theirs.pop(f"{preset}.yaml", None)


def parallel_jobs(accelerator: str, threads: int | None, devices: int, gigabytes: int) -> int:
    """Return how many runs this machine carries at once, for `hydra/launcher=joblib`.

    One where a GPU is used or where torch takes all cores (no number of threads): a second would
    only be in the way.

    Args:
        accelerator, threads, devices: the switches trainer.*; devices are processes on a CPU.
        gigabytes: memory that a run may take.
    """
    import torch

    if not threads or (accelerator != "cpu" and torch.accelerator.is_available()):
        return 1
    return carried(len(os.sched_getaffinity(0)), memory(), threads * devices, gigabytes)


def carried(cores: int, memory: float, cores_each: int, memory_each: float) -> int:
    """Return how many runs fit into the cores and the memory, at least one."""
    return max(1, min(cores // cores_each, int(memory // memory_each)))


def memory() -> float:
    """Return the gigabytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def needs_plugin(target: str, conf: Path) -> str:
    """Say how to install the plugin whose launcher class is `target`.

    Args:
        conf: the folder of the configuration, which has a preset for the launcher.
    """
    presets = (conf / "hydra" / "launcher").glob("*.yaml")
    name = next(each.stem for each in presets if f"_target_: {target}\n" in each.read_text("utf-8"))
    extra = "slurm" if name.startswith("submitit") else name
    return f"hydra/launcher={name} needs a plugin: pip install 'xling[{extra}]'"
