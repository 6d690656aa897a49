"""Processes that torchrun started, on one node or several: the first drives, the others follow.

The first process does the whole run as if it were alone. The others wait until it fine-tunes, do
their share of the batches and of the sketches, and wait again. So they take no locks, print nothing
and write nothing but their shares.

Torch is imported inside functions: every command imports this module, and --help is to be quick.
"""

import atexit
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from xling.cli.console import plain_libraries
from xling.config import Trainer
from xling.errors import UserError

Log = Callable[[dict], None]


class ParallelFit(Protocol):
    """A fine-tuning that can be pickled."""

    def __call__(self, log: Log) -> None:
        """Do this process's share of it; `log` is called in the first process."""


def launched() -> bool:
    """Return whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def follow() -> bool:
    """Join the fits of the first process until it ends; to be called at the very start.

    Returns:
        Whether this process has nothing else to do. False where it is the first or the only one.
    """
    if not launched():
        return False
    plain_torch()
    import torch
    from torch import distributed

    # gloo for what is handed over, also between GPUs; the first process may be busy for long.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=timedelta(days=30))
    if distributed.get_rank() == 0:
        atexit.register(_dismiss)
        return False
    plain_libraries()
    while fit := _hand_over(None):
        fit(lambda record: None)
    distributed.destroy_process_group()
    return True


def leave() -> None:
    """End a process of torchrun's at once, after all that is registered for its end.

    Taking down the interpreter aborts such a process now and then (SIGABRT), as threads of gloo's
    still run; torchrun then reports that a finished run has failed.
    """
    if not launched():
        return
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def plain_torch() -> None:
    """Keep the hints of torch's own C++ off the terminal, if it is imported after this.

    They address developers: that every parameter was reached, so that none need be looked for.
    """
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def together(fit: ParallelFit, log: Log) -> None:
    """Fine-tune in this process, and in those that follow it if there are any."""
    if not launched():
        fit(log)
        return
    # If it fails here, the others wait for a collective that never comes: torchrun ends them.
    atexit.unregister(_dismiss)
    _hand_over(fit)
    fit(log)
    atexit.register(_dismiss)


def _hand_over(fit: ParallelFit | None) -> ParallelFit | None:
    """Return the first process's argument in every process."""
    import torch
    from torch import distributed

    handed = [fit]
    distributed.broadcast_object_list(handed, src=0, device=torch.device("cpu"))
    return handed[0]


def _dismiss() -> None:
    """End the other processes; called in the first."""
    from torch import distributed

    _hand_over(None)
    distributed.destroy_process_group()  # a group that is left to the exit aborts it occasionally


def require_processes(trainer: Trainer) -> None:
    """Make sure that the processes which torchrun started are those of the configuration.

    Raises:
        UserError: several nodes without torchrun, or another number of processes than devices.
    """
    nodes, devices = trainer.num_nodes, trainer.devices
    if not launched():
        if nodes > 1:
            raise UserError(
                f"trainer.num_nodes={nodes}: start the command with torchrun on each of them, as "
                f"docs/cluster.md shows: torchrun --nnodes={nodes} --nproc-per-node={devices} ..."
            )
        return
    started = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if started != (nodes * devices, devices):
        raise UserError(
            f"trainer.num_nodes={nodes} trainer.devices={devices}: torchrun started {started[0]} "
            f"processes, {started[1]} of them on this node. Write trainer.num_nodes="
            f"{started[0] // started[1]} trainer.devices={started[1]}, "
            "or start as many processes as configured."
        )


def require_no_launcher() -> None:
    """Make sure that no launcher takes jobs out of reach of the processes that torchrun started.

    Raises:
        UserError: torchrun started this process.
    """
    if launched():
        raise UserError(
            "hydra/launcher: under torchrun a sweep's jobs run one after the other, all processes "
            "on each. Omit the launcher, or run the command without torchrun."
        )
