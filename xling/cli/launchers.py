"""The launchers' presets in conf/hydra/launcher/, and how many runs a machine carries at once."""

import os

PRESETS = ("joblib", "submitit_local", "submitit_slurm", "ray")
"""Names of the files in conf/hydra/launcher/."""


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
