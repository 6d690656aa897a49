"""A SLURM of one node, this machine, from Debian's packages: started for a test, then stopped.

By hand, as root: `python tests/one_node_slurm.py FOLDER [CORES]` prints the variable that its
commands need and stays until it is killed (SIGTERM). It may claim more cores than there are.
"""

import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ports import free_port

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
PACKAGES = "munge slurmctld slurmd slurm-client"

SETTINGS = """
ClusterName=xlingtests
SlurmctldHost={host}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=64000 State=UNKNOWN
PartitionName=tests Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Return why no SLURM can be started here; None if one can."""
    missing = [name for name in DAEMONS if not command(name)]
    if missing:
        return f"no {', '.join(missing)} here: apt-get install {PACKAGES}"
    if os.geteuid() != 0:
        return "only root may start slurmd"
    return None


@contextmanager
def slurm(folder: Path, cores: int | None = None) -> Iterator[dict[str, str]]:
    """Start SLURM and yield the environment of its commands; stop its jobs and itself at the end.

    Args:
        folder: takes its state and logs; of a short path, for the sake of its socket.
        cores: that it takes the machine to have; None: as many as it has.
    """
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    host = platform.node().split(".")[0]
    ports = {"controller_port": free_port(), "node_port": free_port()}
    values = {"folder": folder, "host": host, "cores": cores or os.cpu_count(), **ports}
    settings = folder / "slurm.conf"
    settings.write_text(SETTINGS.format(**values), "utf-8")
    files = {name: f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")}
    socket_file = folder / "munge.socket"
    environment = {**os.environ, "SLURM_CONF": str(settings)}
    with ExitStack() as running:
        running.enter_context(
            daemon("munged", "-F", "--force", f"--socket={socket_file}", *files.values())
        )
        wait(socket_file.exists, "munged")
        running.enter_context(daemon("slurmctld", "-D", "-f", str(settings)))
        running.enter_context(daemon("slurmd", "-D", "-f", str(settings)))
        wait(lambda: "idle" in answer(environment, "sinfo", "-h", "-o", "%T"), "slurmd")
        try:
            yield environment
        finally:
            answer(environment, "scancel", "--user=root")
            wait(lambda: not answer(environment, "squeue", "-h"), "the end of the jobs")


@contextmanager
def daemon(name: str, *arguments: str) -> Iterator[None]:
    """Run a daemon in the foreground of a process of its own, and end it."""
    process = subprocess.Popen(
        [command(name), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def command(name: str) -> str | None:
    """Return where a command is; daemons are not on a user's path."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def answer(environment: dict[str, str], *arguments: str) -> str:
    """Return what a command of SLURM prints; nothing as long as the controller does not answer."""
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def wait(until: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it is not so after some seconds.
    """
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with slurm(Path(sys.argv[1]), *map(int, sys.argv[2:])):
        print(f"export SLURM_CONF={sys.argv[1]}/slurm.conf", flush=True)
        signal.pause()
