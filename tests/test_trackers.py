"""What trackers show is read back by their own means: no account, no network."""

import http.server
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import SMALL, config, run_xling

from xling import tracker
from xling.cli.mistakes import refuse_mistyped
from xling.config import Config
from xling.errors import UserError
from xling.pipeline.paths import masked
from xling.pipeline.run import job
from xling.subnetwork.masks import write_mask
from xling.tracker.artifacts import total_bytes
from xling.tracker.library import library
from xling.tracker.reach import server_answers

ROOT = Path(__file__).parent.parent
SWEEP = yaml.safe_load((ROOT / "docs" / "wandb_sweep.yaml").read_text("utf-8"))
MASKS = {"de": [[1, 1, 0, 1]], "en": [[1, 0, 1, 1]], "fr": [[1, 1, 0, 1]]}
KEY = {"WANDB_API_KEY": "a" * 40}
EPOCHS = [
    {"epoch": 1, "train_loss": 0.7, "dev_accuracy": 0.4, "languages": {"de": 0.3, "en": 0.5}},
    {"epoch": 2, "train_loss": 0.6, "dev_accuracy": 0.6, "languages": {"de": 0.5, "en": 0.7}},
]

needs_wandb_command = pytest.mark.skipif(
    not shutil.which("wandb"), reason="the wandb command is not on the path"
)


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
    return {kind: [each[kind] for each in records if each["type"] == kind] for kind in kinds}


def epochs_of(records: dict[str, list[dict]]) -> list[dict]:
    items = [each["item"] for each in records["history"]]
    return [each for each in items if "train_loss" in each]


def sync_lines(output: str) -> list[list[str]]:
    """Return the commands that the output gives for sending runs."""
    return [shlex.split(line) for line in re.findall(r"wandb sync .*", output)]


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A run with subnetworks and artifacts, tracked offline, in the folder of the command."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "masks").mkdir()
    for language, rows in MASKS.items():
        write_mask(folder / "masks" / f"{language}.json", np.array(rows, bool), {})
    done = run_xling(
        "tracker=wandb", "tracker.mode=offline", "tracker.tags=[a,xnli]", "tracker.artifacts=true",
        "subnetwork=file", "subnetwork.path=masks", *SMALL, folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "output.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def finished(world) -> Path:
    (run,) = [each for each in world.glob("multirun/xnli/tiny-*own_masks*") if each.is_dir()]
    return run


@pytest.fixture(scope="module")
def records(world, finished) -> dict[str, list[dict]]:
    if not shutil.which("wandb"):
        pytest.skip("the wandb command is not on the path")
    (offline,) = world.glob(f"multirun/wandb/offline-run-*-{finished.name}")
    return inspected(offline)


def test_the_run_in_weights_and_biases(records, finished):
    started = records["run"][0]
    assert started["run_id"] == started["display_name"] == finished.name
    assert started["project"] == "xling" and started["run_group"] == "xnli"
    assert started["job_type"] == "full" and started["tags"] == ["a", "xnli", "full", "file"]
    logged = started["config"]["update"]
    assert logged["tuning"]["epochs"] == 2 and logged["languages"] == ["de", "en", "fr"]
    assert logged["task"]["name"] == "xnli" and "tracker" not in logged and "folder" not in logged
    assert records["exit"][0].get("exit_code", 0) == 0
    assert not list(finished.glob(".*epochs"))  # the note for a run that goes on


def test_epochs_in_weights_and_biases(records, finished):
    (file,) = finished.parent.glob("stages/tuning-*/history.json")
    history = json.loads(file.read_text("utf-8"))
    epochs = epochs_of(records)
    assert [each["epoch"] for each in epochs] == [each["epoch"] for each in history] == [1, 2]
    for each, record in zip(epochs, history, strict=True):
        assert each["train_loss"] == record["train_loss"]
        for language in ("de", "en", "fr"):
            assert each[f"dev_accuracy/{language}"] == record["languages"][language]
    drawn = {each.get("name") or each["glob_name"]: each for each in records["metric"]}
    over_epochs = {name for name, each in drawn.items() if each.get("step_metric") == "epoch"}
    assert {"train_loss", "learning_rate", "dev_accuracy", "dev_accuracy/*"} == over_epochs


def test_results_in_weights_and_biases(records, finished):
    keys = {key.split(".")[0] for each in records["history"] for key in each["item"]}
    assert {f"tables/{file.stem}" for file in (finished / "tables").glob("*.csv")} <= keys
    assert {f"charts/{file.stem}" for file in (finished / "figures").glob("*.svg")} <= keys
    found = json.loads((finished / "results.json").read_text("utf-8"))
    summary = {
        key: value for each in records["summary"] for key, value in each.get("update", {}).items()
    }
    assert summary["kept_epoch"] == found["kept_epoch"]
    assert summary["dev_accuracy"] == pytest.approx(found["dev_accuracy"])
    for language in ("de", "en", "fr"):
        assert summary[f"test_accuracy/{language}"] == found["test_accuracy"][language]


def test_artifacts(records, world, finished):
    found = {each["type"]: each for each in records["artifact"]}
    kinds = {"checkpoints", "sketches", "test-sketches", "masks"}
    assert kinds <= set(found)
    (stage,) = world.glob("multirun/xnli/stages/tuning-*/")
    contents = {
        kind: {each["path"]: each for each in found[kind]["manifest"]["contents"]} for kind in kinds
    }
    assert set(contents["checkpoints"]) == {"epoch-01.safetensors", "epoch-02.safetensors"}
    assert set(contents["masks"]) == {"de.json", "en.json", "fr.json"}
    (whole,) = [path.name for path in stage.glob("sketches-*") if "mask" not in path.name]
    through = {masked(whole, mask) for mask in MASKS.values()}
    assert {path.split("/")[0] for path in contents["sketches"]} == {whole, *through}
    for kind in kinds:  # when it is sent later, every file is still there
        for each in contents[kind].values():
            assert Path(each["local_path"]).stat().st_size == int(each.get("size", 0))
    (line,) = re.findall(r"W&B artifacts: (.*)", (world / "output.txt").read_text())
    size = total_bytes([stage / "checkpoints"]) / 1000
    assert line.startswith(f"checkpoints {size:.0f} kB, sketches ") and "masks " in line


@needs_wandb_command
def test_the_line_that_sends_a_run_later(world, finished):
    (command,) = sync_lines((world / "output.txt").read_text())
    done = subprocess.run(
        [*command, "--dry-run"], cwd=world, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "Would sync 1 run(s)" in done.stdout + done.stderr
    assert finished.name in done.stdout + done.stderr


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


def test_whether_a_server_answers():
    assert not server_answers(f"http://127.0.0.1:{closed_port()}", {})
    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not server_answers(f"http://127.0.0.1:{silent.getsockname()[1]}", {}, seconds=1.0)
    assert 1 <= time.monotonic() - start < 3


def test_weights_and_biases_switched_off(to_server, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    to_server("http://127.0.0.1")
    with pytest.raises(UserError, match="WANDB_MODE=disabled"):
        with tracker.tracking(config("tracker=wandb"), "run", tmp_path):
            pass


@needs_wandb_command
def test_a_server_out_of_reach(world, to_server, monkeypatch, capsys):
    """Said in a line, and soon; the run, here one of a sweep, is tracked offline."""
    url = f"http://127.0.0.1:{closed_port()}"
    to_server(url)
    monkeypatch.chdir(world)
    chosen = config(*SMALL, "tracker=wandb", "sweep=mine", "influence.top_k=5")
    start = time.monotonic()
    with tracker.tracking(chosen, "run", world):
        assert time.monotonic() - start < 30  # W&B itself waits for more than a minute
    job(chosen, "xling")
    output = capsys.readouterr().out
    assert output.count(f"W&B: {url} does not answer") == 2
    *_, command = sync_lines(output)
    (folder,) = command[2:]
    assert not Path(folder).is_absolute()
    assert inspected(world / folder)["run"][0]["run_group"] == "mine"


def test_the_group():
    assert tracker.group(config()) == "xnli"
    assert tracker.group(config("sweep=mine")) == "mine"
    assert tracker.group(config("sweep=mine", "tracker.group=other")) == "other"


@pytest.fixture
def server() -> Iterator[str]:
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


def test_a_key_that_is_not_accepted(server, to_server, tmp_path):
    assert server_answers(server, {})
    assert not server_answers(
        server, {"http": f"http://127.0.0.1:{closed_port()}"}
    )  # the proxy is away
    to_server(server)
    with pytest.raises(UserError, match=r"(?s)login --relogin.*tracker\.mode=offline"):
        with tracker.tracking(config("tracker=wandb", f"folder={tmp_path}"), "run", tmp_path):
            pass


@needs_wandb_command
def test_a_run_that_fails_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    offline = ("tracker=wandb", "tracker.mode=offline")
    with pytest.raises(UserError, match=r"tuning\.learning_rate"):
        job(config(*offline, "tuning.learning_rate=1e25", *SMALL), "xling")
    (command,) = sync_lines(capsys.readouterr().out)
    assert inspected(tmp_path / command[2])["exit"][0]["exit_code"] == 1


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


@needs_wandb_command
def test_a_run_that_goes_on_is_the_same_run(tmp_path, capsys):
    offline = config("tracker=wandb", "tracker.mode=offline", f"folder={tmp_path}/multirun")
    stop_and_go_on(offline, tmp_path, KeyboardInterrupt)
    first, second = sorted(tmp_path.glob("multirun/wandb/offline-run-*-run+1"))
    tries = [inspected(each) for each in (first, second)]
    assert [each["run"][0]["run_id"] for each in tries] == ["run+1", "run+1"]
    assert [each["exit"][0].get("exit_code", 0) for each in tries] == [1, 0]
    assert [[epoch["epoch"] for epoch in epochs_of(each)] for each in tries] == [[1], [2]]
    *_, command = sync_lines(capsys.readouterr().out)
    assert command == ["wandb", "sync", str(first), str(second)]


KILLED = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import config
from xling import tracker
with tracker.tracking(config("tracker=wandb", "tracker.mode=offline"), "run", Path()) as tracked:
    tracker.log_epoch(tracked, EPOCH)
    until = time.monotonic() + 10  # W&B itself would write after 15
    while time.monotonic() < until and b"train_loss" not in b"".join(
        file.read_bytes() for file in Path().glob("multirun/wandb/offline-run-*/*.wandb")
    ).partition(b"_timestamp")[2]:
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_wandb_command
def test_a_killed_run_has_shown_its_epochs(tmp_path):
    code = KILLED.replace("EPOCH", repr(EPOCHS[0]))
    command = [sys.executable, "-c", code, str(ROOT / "tests")]
    own = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
    done = subprocess.run(command, cwd=tmp_path, env=own, check=False)  # not this process's service
    assert done.returncode == -signal.SIGKILL
    (folder,) = tmp_path.glob("multirun/wandb/offline-run-*-run")
    assert [each["epoch"] for each in epochs_of(inspected(folder))] == [1]
    assert (tmp_path / ".wandb-epochs").read_text() == "1"


def test_epochs_of_another_process_are_live(tmp_path):
    shown = []

    class Shows:
        def epoch(self, number: int, metrics: dict[str, float]) -> None:
            shown.append((number, metrics["dev_accuracy/de"]))

    tracked = tracker.Tracked(Shows(), tmp_path / "shown")
    with tracker.following(tracked, tmp_path):
        for count, record in enumerate(EPOCHS, 1):
            (tmp_path / "history.json").write_text(json.dumps(EPOCHS[:count]))
            deadline = time.monotonic() + 10
            while len(shown) < count:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert shown[-1] == (count, record["languages"]["de"])
    assert len(shown) == 2


@needs_wandb_command
@pytest.mark.slow
def test_an_agent_of_a_sweep_runs_it(world, monkeypatch):
    """W&B's own agent starts what the sweep file says, as it would for a sweep on its server."""
    from wandb.wandb_agent import Agent

    monkeypatch.chdir(world)
    for key, value in {
        "WANDB_SWEEP_ID": "sweep123", "WANDB_MODE": "offline", "WANDB_DIR": str(world),
        "PYTHONPATH": "", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "WANDB_RUN_ID": "", "WANDB_SWEEP_PARAM_PATH": "",  # the agent sets them, in this process
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    agent = Agent(None, None, sweep_id="sweep123")
    agent._sweep_command = SWEEP["command"]
    given = dict(each.split("=", 1) for each in (*SMALL, "influence.top_k=7", "seed=0"))
    agent._command_run(
        {
            "run_id": "agent1",
            "program": "xling",
            "args": {k: {"value": v} for k, v in given.items()},
        }
    )
    assert agent._run_processes["agent1"].wait(timeout=200) == 0
    (folder,) = world.glob("multirun/wandb/offline-run-*-agent1")
    found = inspected(folder)
    started = found["run"][0]
    assert started["run_id"] == "agent1" and started["sweep_id"] == "sweep123"
    assert started["display_name"].startswith("tiny-de+en+fr-")
    assert [each["epoch"] for each in epochs_of(found)] == [1, 2]


def test_every_run_of_the_sweep_file_composes():
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    choices = {
        key: values.get("values", [values.get("value")])
        for key, values in SWEEP["parameters"].items()
    }
    points = [
        dict(zip(choices, point, strict=True)) for point in itertools.product(*choices.values())
    ]
    assert len(points) == 8 and SWEEP["command"][-1] == "${args_no_hyphens}"
    for point in points:
        args = {key: {"value": value} for key, value in point.items()}
        overrides = create_sweep_command_args({"args": args})["args_no_hyphens"]
        refuse_mistyped(["tracker=wandb", *overrides])
        found = config("tracker=wandb", *overrides)
        assert found.tuning.learning_rate == point["tuning.learning_rate"]
        assert list(found.exclude) == re.findall(r"\w+", point["exclude"])


def outcome(run: Path) -> tuple[dict, dict[str, pd.DataFrame]]:
    tables = {file.stem: pd.read_parquet(file) for file in (run / "tables").glob("*.parquet")}
    return json.loads((run / "results.json").read_text("utf-8")), tables


def test_tensorboard(finished, tmp_path, capsys):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    chosen = config("tracker=tensorboard", f"folder={tmp_path}/multirun")
    with pytest.raises(KeyboardInterrupt):
        with tracker.tracking(chosen, "run", tmp_path) as tracked:
            tracker.log_epoch(tracked, EPOCHS[0])
            (file,) = tmp_path.glob("multirun/tensorboard/run/events*")
            live = EventAccumulator(str(file)).Reload()  # while it goes on
            assert [each.step for each in live.Scalars("dev_accuracy/de")] == [1]
            raise KeyboardInterrupt
    with tracker.tracking(chosen, "run", tmp_path) as tracked:
        for record in EPOCHS:
            tracker.log_epoch(tracked, record)
        tracker.log_results(tracked, *outcome(finished), finished)
    found = EventAccumulator(str(tmp_path / "multirun/tensorboard/run")).Reload()
    values = [(each.step, round(each.value, 6)) for each in found.Scalars("dev_accuracy/en")]
    assert values == [(1, 0.5), (2, 0.7)]
    results = outcome(finished)[0]
    (share,) = found.Scalars("results/own_language_share/de")
    assert share.value == pytest.approx(results["own_language_share"]["de"])
    charts = {file.stem for file in (finished / "figures").glob("*.png")}
    assert {f"charts/{name}" for name in charts} == set(found.Tags()["images"])
    texts = [each.tensor_proto.string_val[0] for each in found.Tensors("status/text_summary")]
    assert texts == [b"failed", b"finished"]
    (root,) = set(re.findall(r"tensorboard --logdir (\S+)", capsys.readouterr().out))
    assert Path(root) == tmp_path / "multirun" / "tensorboard"


def test_trackio(finished, tmp_path, monkeypatch, capsys):
    pytest.importorskip("trackio", reason="the extra trackio is not installed")
    import trackio
    from trackio import sqlite_storage, utils

    for module in (utils, sqlite_storage):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
    chosen = config("tracker=trackio", "tracker.group=mine", "tracker.project=tests")
    stop_and_go_on(chosen, tmp_path, RuntimeError)
    with tracker.tracking(chosen, "run+1", tmp_path) as tracked:
        tracker.log_results(tracked, *outcome(finished), finished)
    (run,) = trackio.Api().runs("tests")
    assert run.name == "run+1" and run.config["tuning"]["epochs"] == config().tuning.epochs
    assert run.config["_Group"] == "mine"
    *epochs, last = sqlite_storage.SQLiteStorage.get_logs("tests", "run+1")
    assert [(each["step"], each["dev_accuracy/en"]) for each in epochs] == [(1, 0.5), (2, 0.7)]
    results, tables = outcome(finished)
    assert last["results/test_accuracy/de"] == results["test_accuracy"]["de"]
    assert len(last["tables/shares"]["_value"]) == len(tables["shares"])
    assert {f"charts/{file.stem}" for file in (finished / "figures").glob("*.svg")} <= set(last)
    (alert,) = run.alerts()
    assert alert["level"] == "error"
    output = capsys.readouterr().out
    assert "trackio show --project tests" in output and "\x1b" not in output


def test_a_library_that_is_not_there():
    with pytest.raises(UserError, match=re.escape("pip install 'xling[tensorboard]'")):
        library("torch.utils.nowhere", "tensorboard")


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("tracker.artifacts=true", "tracker.artifacts=true is for W&B only"),
        ("tracker.mode=online", "tracker.mode=online is for W&B only"),
        ("tracker.entity=me", "tracker.entity=me is for W&B only"),
    ],
)
def test_what_only_weights_and_biases_has(override, problem):
    assert config("tracker=wandb", override)
    for name in ("none", "trackio", "tensorboard"):
        with pytest.raises(UserError, match=problem):
            config(f"tracker={name}", override)
