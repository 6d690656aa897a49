"""The launcher presets in conf/hydra/launcher/, and how many runs fit on this machine at once.

Torch is imported inside a function: only a sweep that shares a machine between jobs needs it.
"""

import os

PRESETS = ("joblib", "submitit_local", "submitit_slurm", "ray")
"""Names of the files in conf/hydra/launcher/."""


def parallel_jobs(accelerator: str, threads: int | None, devices: int, gigabytes: int) -> int:
    """Return how many runs fit on this machine at once, for `hydra/launcher=joblib`.

    The answer is one if a GPU is used, or if torch uses all cores (`threads` is None): a second run
    would only slow down the first.

    Args:
        accelerator, threads, devices: the switches trainer.*; on a CPU, devices are processes.
        gigabytes: memory that a run may use.
    """
    import torch

    if not threads or (accelerator != "cpu" and torch.accelerator.is_available()):
        return 1
    return fitting_runs(len(os.sched_getaffinity(0)), memory(), threads * devices, gigabytes)


def fitting_runs(cores: int, memory: float, run_cores: int, run_memory: float) -> int:
    """Return how many runs fit the cores and the memory; at least one."""
    return max(1, min(cores // run_cores, int(memory // run_memory)))


def memory() -> float:
    """Return the size of this machine's memory in gigabytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
