"""Processes that torchrun starts, on two nodes: the first drives, the other follows."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from conftest import SMALL, run_command, run_xling
from ports import free_port

TWO_AT_ONCE = ("--multirun", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1")
HINTS = ("MEMBER", "recommended", "HINT", "unused")
CPU = ("trainer.accelerator=cpu", "trainer.threads=1")


def torchrun(
    *arguments: str, folder: Path, nodes: int, per_node: int
) -> list[subprocess.CompletedProcess[str]]:
    """Run the command under torchrun, as if this machine were several nodes; a result for each."""
    port = free_port()
    with ThreadPoolExecutor(nodes) as threads:  # so that nobody waits for a full pipe to be read
        return list(
            threads.map(
                lambda node: subprocess.run(
                    [
                        *(sys.executable, "-m", "torch.distributed.run"),
                        *("--master-addr=127.0.0.1", f"--master-port={port}"),
                        *(f"--nnodes={nodes}", f"--node-rank={node}"),
                        *(f"--nproc-per-node={per_node}", "-m", "xling", *arguments),
                    ],
                    cwd=folder,
                    env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
                    capture_output=True,
                    text=True,
                    timeout=900,
                    check=False,
                ),
                range(nodes),
            )
        )


@pytest.mark.slow
@pytest.mark.cluster
def test_two_nodes_give_the_same_as_two_processes_on_one(tmp_path):
    """Two fine-tunings in one run: the followers take part in the second as in the first."""
    switches = (*SMALL, *CPU, "exclude=de", "compare_full=true", "tuning.epochs=1")
    for name in ("nodes", "one"):
        (tmp_path / name).mkdir()
    first, second = torchrun(
        *switches, "trainer.num_nodes=2", folder=tmp_path / "nodes", nodes=2, per_node=1
    )
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout.count("epoch  1") == 2 and second.stdout == ""
    one = run_command(*switches, "trainer.devices=2", folder=tmp_path / "one")
    assert one.returncode == 0, one.stderr
    assert shown(first.stdout) == shown(one.stdout)
    assert not any(hint in one.stdout + one.stderr for hint in HINTS)
    tables = [shares(tmp_path / name) for name in ("nodes", "one")]
    pd.testing.assert_frame_equal(*tables, atol=1e-4)
    assert not list(tmp_path.rglob("*.part"))


def shown(output: str) -> list[str]:
    """Return the lines on the epochs and on the results."""
    return [line for line in output.splitlines() if line.startswith(("epoch", "de ", "en ", "fr "))]


def shares(folder: Path) -> pd.DataFrame:
    """Read the shares of the only run."""
    return pd.read_csv(next(folder.glob("multirun/xnli/tiny-*/tables/shares.csv")))


@pytest.mark.slow
@pytest.mark.cluster
def test_an_error_ends_all_processes(tmp_path):
    """Also in the midst of a fine-tuning, where each waits for the other."""
    switches = (*SMALL, *CPU, "trainer.devices=2", "tuning.learning_rate=1e25")
    (done,) = torchrun(*switches, folder=tmp_path, nodes=1, per_node=2)
    assert done.returncode != 0 and "xling: The loss is nan" in done.stderr


def test_another_number_of_processes_than_devices_is_refused(tmp_path):
    (done,) = torchrun(*SMALL, *CPU, folder=tmp_path, nodes=1, per_node=2)
    expected = "torchrun started 2 processes, 2 of them on this node. Write trainer.num_nodes=1"
    assert done.returncode != 0 and expected in done.stderr, done.stderr
    assert not list(tmp_path.rglob("results.json"))


def test_a_launcher_is_refused_under_torchrun(tmp_path):
    """In one process, with the environment that torchrun gives it."""
    ranks = dict.fromkeys(("RANK", "LOCAL_RANK", "GROUP_RANK"), "0")
    sizes = dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), "1")
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    done = run_xling(
        *TWO_AT_ONCE, *SMALL, *CPU, folder=tmp_path, TORCHELASTIC_RUN_ID="none",
        **ranks, **sizes, **address,
    )  # fmt: skip
    assert done.returncode == 1 and "under torchrun a sweep's jobs run one after" in done.stderr
    assert not list(tmp_path.rglob("results.json"))


@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        ("trainer.num_nodes=2", "torchrun --nnodes=2 --nproc-per-node=1"),
        ("trainer.strategy=fsdp", "trainer.strategy=fsdp is not possible: write 'auto' or 'ddp'."),
    ],
)
def test_switches_that_need_torchrun_or_do_not_exist_are_refused(switch, expected, tmp_path):
    done = run_xling(switch, folder=tmp_path)
    assert done.returncode == 1 and expected in done.stderr and "Traceback" not in done.stderr
