"""W&B's server: out of reach, refusing; its agent and its sweep file."""

import itertools
import os
import re
import socket
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import SMALL, config
from ports import free_port
from runs import only
from tracked_runs import EPOCHS, epochs_of, inspected, needs_wandb_command, sync_lines

from xling import tracker
from xling.cli.mistakes import refuse_mistyped
from xling.errors import UserError
from xling.tracker.reach import server_answers

ROOT = Path(__file__).parent.parent
SWEEP = yaml.safe_load((ROOT / "docs" / "wandb_sweep.yaml").read_text("utf-8"))


def test_a_server_that_is_silent_or_away_does_not_answer():
    assert not server_answers(f"http://127.0.0.1:{free_port()}", {})
    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not server_answers(f"http://127.0.0.1:{silent.getsockname()[1]}", {}, seconds=1.0)
    assert 1 <= time.monotonic() - start < 3


def test_weights_and_biases_switched_off_is_refused(to_server, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    to_server("http://127.0.0.1")
    with pytest.raises(UserError, match="WANDB_MODE=disabled"):
        with tracker.tracking(config("tracker=wandb"), "run", tmp_path):
            pass


@needs_wandb_command
def test_a_server_out_of_reach_is_reported_soon_and_the_run_is_tracked_offline(
    to_server, tmp_path, monkeypatch, capsys
):
    """Reported soon, in one line; the run, here one of a sweep, is tracked offline."""
    url = f"http://127.0.0.1:{free_port()}"
    to_server(url)
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    with tracker.tracking(config("tracker=wandb", "sweep=mine"), "run", tmp_path) as tracked:
        assert time.monotonic() - start < 30  # W&B itself waits for more than a minute
        tracker.log_epoch(tracked, EPOCHS[0])
    output = capsys.readouterr().out
    assert output.count(f"W&B: {url} does not answer") == 1
    (command,) = sync_lines(output)
    (folder,) = command[2:]
    assert not Path(folder).is_absolute()
    records = inspected(tmp_path / folder)
    assert records["run"][0]["run_group"] == "mine"
    assert [epoch["epoch"] for epoch in epochs_of(records)] == [1]


def test_a_key_that_is_not_accepted_is_reported(refusing_server, to_server, tmp_path):
    assert server_answers(refusing_server, {})
    no_proxy = {"http": f"http://127.0.0.1:{free_port()}"}
    assert not server_answers(refusing_server, no_proxy)
    to_server(refusing_server)
    with pytest.raises(UserError, match=r"(?s)login --relogin.*tracker\.mode=offline"):
        with tracker.tracking(config("tracker=wandb", f"folder={tmp_path}"), "run", tmp_path):
            pass


@needs_wandb_command
@pytest.mark.slow
def test_the_agent_of_a_sweep_runs_its_jobs(tracked, copied, monkeypatch):
    """W&B's own agent starts what the sweep file says, as it would for a sweep on its server."""
    from wandb.wandb_agent import Agent

    folder = copied(tracked)
    monkeypatch.chdir(folder)
    for key, value in {
        "WANDB_SWEEP_ID": "sweep123", "WANDB_MODE": "offline", "WANDB_DIR": str(folder),
        "PYTHONPATH": "", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "WANDB_RUN_ID": "", "WANDB_SWEEP_PARAM_PATH": "",  # the agent sets them, in this process
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    agent = Agent(None, None, sweep_id="sweep123")
    agent._sweep_command = SWEEP["command"]
    given = dict(switch.split("=", 1) for switch in (*SMALL, "influence.top_k=7", "seed=0"))
    agent._command_run(
        {
            "run_id": "agent1",
            "program": "xling",
            "args": {k: {"value": v} for k, v in given.items()},
        }
    )
    assert agent._run_processes["agent1"].wait(timeout=200) == 0
    records = inspected(only(folder, "multirun/wandb/offline-run-*-agent1"))
    started = records["run"][0]
    assert started["run_id"] == "agent1" and started["sweep_id"] == "sweep123"
    assert started["display_name"].startswith("tiny-de+en+fr-")
    assert [epoch["epoch"] for epoch in epochs_of(records)] == [1, 2]


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
        chosen = config("tracker=wandb", *overrides)
        assert chosen.tuning.learning_rate == point["tuning.learning_rate"]
        assert list(chosen.exclude) == re.findall(r"\w+", point["exclude"])
