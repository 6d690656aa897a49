"""What the tests of trackers share: a tracked run, what W&B recorded of it, a server for W&B."""

import http.server
import json
import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL, run_xling
from runs import Ended, only

from xling import tracker
from xling.config import Config
from xling.subnetwork.masks import write_mask

MASKS = {"de": [[1, 1, 0, 1]], "en": [[1, 0, 1, 1]], "fr": [[1, 1, 0, 1]]}
KEY = {"WANDB_API_KEY": "a" * 40}
EPOCHS = [
    {"epoch": 1, "train_loss": 0.7, "dev_accuracy": 0.4, "languages": {"de": 0.3, "en": 0.5}},
    {"epoch": 2, "train_loss": 0.6, "dev_accuracy": 0.6, "languages": {"de": 0.5, "en": 0.7}},
]

needs_wandb_command = pytest.mark.skipif(
    not shutil.which("wandb"), reason="the wandb command is not on the path"
)


@pytest.fixture(scope="session")
def tracked(tmp_path_factory) -> Ended:
    """A run with subnetworks and artifacts, tracked offline by W&B."""
    folder = tmp_path_factory.mktemp("tracked")
    (folder / "masks").mkdir()
    for language, rows in MASKS.items():
        write_mask(folder / "masks" / f"{language}.json", np.array(rows, bool), {})
    command = (
        "tracker=wandb", "tracker.mode=offline", "tracker.tags=[a,xnli]", "tracker.artifacts=true",
        "subnetwork=file", "subnetwork.path=masks", *SMALL,
    )  # fmt: skip
    done = run_xling(*command, folder=folder)
    assert done.returncode == 0, done.stderr
    return Ended(folder, command, done)


@pytest.fixture(scope="session")
def finished(tracked) -> Path:
    """The folder of the tracked run."""
    return only(tracked.folder, "multirun/xnli/tiny-*own_masks*")


@pytest.fixture(scope="session")
def records(tracked, finished) -> dict[str, list[dict]]:
    """What W&B recorded of the tracked run: kind → records."""
    if not shutil.which("wandb"):
        pytest.skip("the wandb command is not on the path")
    return inspected(only(tracked.folder, f"multirun/wandb/offline-run-*-{finished.name}"))


@pytest.fixture
def to_server(monkeypatch) -> Iterator[Callable[[str], None]]:
    """Have W&B log to a server, with a key, in this process."""
    import wandb

    def to(url: str) -> None:
        for key, value in {"WANDB_BASE_URL": url, **KEY}.items():
            monkeypatch.setenv(key, value)
        wandb.teardown()  # it has read the environment before

    yield to
    monkeypatch.undo()
    wandb.teardown()


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """A server that is there and accepts no key."""

    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(200)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.answer(401)

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def inspected(folder: Path) -> dict[str, list[dict]]:
    """Read a run's records back by W&B's own command: kind → records."""
    (file,) = folder.glob("*.wandb")
    done = subprocess.run(
        ["wandb", "leet", "inspect", "--json", str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "WANDB_MODE": "offline"},
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = {record["type"] for record in records}
    return {kind: [record[kind] for record in records if record["type"] == kind] for kind in kinds}


def epochs_of(records: dict[str, list[dict]]) -> list[dict]:
    items = [record["item"] for record in records["history"]]
    return [item for item in items if "train_loss" in item]


def sync_lines(output: str) -> list[list[str]]:
    """Return the commands that the output gives for sending runs."""
    return [shlex.split(line) for line in re.findall(r"wandb sync .*", output)]


def stop_and_go_on(tracked_by: Config, folder: Path, error: type[BaseException]) -> None:
    """Log an epoch, stop, and go on from the start of the history, as a run does."""
    with pytest.raises(error):
        with tracker.tracking(tracked_by, "run+1", folder) as tracked:
            tracker.log_epoch(tracked, EPOCHS[0])
            raise error
    time.sleep(1.1)  # W&B's folders are named by the second
    with tracker.tracking(tracked_by, "run+1", folder) as tracked:
        for record in EPOCHS:
            tracker.log_epoch(tracked, record)


def outcome(run: Path) -> tuple[dict, dict[str, pd.DataFrame]]:
    """Read a run's results and tables."""
    tables = {file.stem: pd.read_parquet(file) for file in (run / "tables").glob("*.parquet")}
    return json.loads((run / "results.json").read_text("utf-8")), tables
