"""Our commands as separate processes, without the seconds that their imports take.

A server process imports what the commands import, computes nothing, and forks for every command.
The fork leaves the server's loop and becomes the interpreter of `python -m MODULE`: its exit code,
its traceback, its exit handlers and its death by a signal are those of a real process, except that
its modules are not taken apart at its end. For Linux.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import IO, Self

READ_ON_IMPORT = ("HF_", "HUGGINGFACE_", "MKL_", "OMP_", "OPENBLAS_", "PYTHON", "TRANSFORMERS_")
"""Prefixes of the variables that Python or libraries read before a command starts."""

KEPT = "FORKSERVER_KEPT"
"""Variable of a server alone: a folder in which its libraries may keep things for later forks."""

FORK_SAFE = {"jemalloc_bg_thd"}
"""Names of threads that start anew in a fork: Arrow's memory allocator has one."""


class Forked:
    """A command that a server has forked; wait for it and kill it like a `subprocess.Popen`.

    Attributes:
        pid: of the process, which leads a group and a session of its own.
        returncode: None while it runs; negative for the signal that ended it.
    """

    def __init__(self, args: list[str], minder: socket.socket, out: IO[bytes], errors: IO[bytes]):
        self.args, self.returncode = args, None
        self._minder, self._out, self._errors = minder, out, errors
        if not (pid := minder.recv(99)):
            raise ChildProcessError("the server of forks has ended; it has said why")
        self.pid = int(pid)

    def poll(self) -> int | None:
        """Return the exit code if the command has ended."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            subprocess.TimeoutExpired: it goes on after so many seconds.
        """
        if self._look(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end and return what it printed and its errors."""
        self.wait(timeout)
        return self.output(), _text(self._errors)

    def output(self) -> str:
        """Return what it has printed so far."""
        return _text(self._out)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, and all processes of its group, at once."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if kind:
            self.kill()
        self.wait()
        for handle in (self._minder, self._out, self._errors):
            handle.close()

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._minder.settimeout(timeout)
            try:
                status = self._minder.recv(99)
            except (BlockingIOError, TimeoutError):
                return None
            self.returncode = os.waitstatus_to_exitcode(int(status))
        return self.returncode


class Server:
    """The client's end of a server process; what `server` yields."""

    def __init__(self, control: socket.socket, environment: Mapping[str, str]):
        self._control, self._environment = control, environment

    def start(
        self, *command: str, cwd: Path, env: Mapping[str, str], merged: bool = False
    ) -> Forked:
        """Start `python -m COMMAND`, without an input.

        Args:
            merged: errors go where the output goes, as with `subprocess.STDOUT`.

        Raises:
            ValueError: the environment differs in what the server's imports have read already.
        """
        differs = {
            key
            for key in env.keys() | self._environment.keys()
            if key.startswith(READ_ON_IMPORT) and env.get(key) != self._environment.get(key)
        }
        if differs:
            raise ValueError(f"{', '.join(sorted(differs))}: only a new process would notice")
        out = TemporaryFile()  # noqa: SIM115
        errors = out if merged else TemporaryFile()  # noqa: SIM115
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        message = json.dumps({"command": command, "cwd": str(cwd), "env": dict(env)}).encode()
        files = [theirs.fileno(), out.fileno(), errors.fileno()]
        with theirs:
            socket.send_fds(self._control, [message], files)
        return Forked([*command], mine, out, errors)


@contextmanager
def server(package: str, *libraries: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Start a server that has imported a whole package and some libraries; end it with the block.

    Args:
        libraries: modules that the package imports only where it uses them. Not wandb: what it
            makes on import is removed when the first fork ends.
    """
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, __file__, str(theirs.fileno()), package, *libraries]
    with TemporaryDirectory() as kept:
        process = subprocess.Popen(
            command,
            env={**environment, KEPT: kept},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is pytest's alone
        )
        with process, mine:
            theirs.close()
            yield Server(mine, environment)


def _text(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


def _serve(control: socket.socket) -> tuple[str, ...]:
    """Fork for every request until the client's end is closed; return the command in the fork."""
    while True:
        message, files, _, _ = socket.recv_fds(control, 1 << 20, 3)
        if not message:
            while _reaped(0):
                pass
            os._exit(0)
        if os.fork() == 0:
            control.close()
            minder = socket.socket(fileno=files[0])
            if (pid := os.fork()) == 0:
                os.setsid()
                minder.send(str(os.getpid()).encode())
                minder.close()
                return _become(json.loads(message), *files[1:])
            _, status = os.waitpid(pid, 0)
            minder.send(str(status).encode())
            os._exit(0)
        for file in files:
            os.close(file)
        while _reaped(os.WNOHANG):
            pass


def _reaped(options: int) -> bool:
    try:
        return os.waitpid(-1, options) != (0, 0)
    except ChildProcessError:
        return False


def _become(request: dict, out: int, errors: int) -> tuple[str, ...]:
    """Give this fork what a new process has: a folder, an environment, streams."""
    os.dup2(out, 1)
    os.dup2(errors, 2)
    for file in (out, errors):
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[0] = request["cwd"]
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # Python's own generator is seeded anew by each fork
    return tuple(request["command"])


def _threads() -> set[str]:
    """Return the names of this process's other threads, as far as the system lists them."""
    others = (
        thread for thread in Path("/proc/self/task").glob("*") if thread.name != str(os.getpid())
    )
    return {(thread / "comm").read_text("utf-8").strip() for thread in others}


class _End:
    """The last exit handler: it leaves the memory, which all forks share, to the system.

    To take the modules apart would copy it first, for half a second. A command that an exception
    or a signal ended is left to the interpreter.
    """

    code: int | None = None

    def __call__(self) -> None:
        if self.code is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.code)


def _main() -> None:
    import atexit
    import gc
    import pkgutil
    import runpy
    from importlib import import_module

    end = _End()
    atexit.register(end)  # before all others, which come first then
    control = socket.socket(fileno=int(sys.argv[1]))
    package, *_ = map(import_module, sys.argv[2:])
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    if threads := _threads() - FORK_SAFE:
        sys.exit(f"The imports have begun threads that forks would lack: {', '.join(threads)}")
    gc.collect()
    gc.freeze()  # so that the collector touches no page that the forks share
    module, *arguments = _serve(control)
    sys.argv[1:] = arguments
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        end.code = 0
    except SystemExit as ended:
        if isinstance(ended.code, int | None):
            end.code = (ended.code or 0) & 0xFF
        raise


if __name__ == "__main__":
    _main()
