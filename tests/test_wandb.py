"""What W&B is sent of a run is read back by its own means: no account, no network."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import SMALL, config, run_xling, start_xling
from runs import only
from tracked_runs import (
    EPOCHS,
    MASKS,
    epochs_of,
    inspected,
    needs_wandb_command,
    stop_and_go_on,
    sync_lines,
)

from xling.pipeline.paths import masked
from xling.tracker.uploads import total_bytes


def test_the_run_has_its_name_group_tags_and_settings(records, finished):
    started = records["run"][0]
    assert started["run_id"] == started["display_name"] == finished.name
    assert started["project"] == "xling" and started["run_group"] == "xnli"
    assert started["job_type"] == "full" and started["tags"] == ["a", "xnli", "full", "file"]
    logged = started["config"]["update"]
    assert logged["tuning"]["epochs"] == 2 and logged["languages"] == ["de", "en", "fr"]
    assert logged["task"]["name"] == "xnli" and "tracker" not in logged and "folder" not in logged
    assert records["exit"][0].get("exit_code", 0) == 0
    assert not list(finished.glob(".*epochs"))  # the note for a run that goes on


def test_epochs_are_those_of_the_history(records, finished):
    (file,) = finished.parent.glob("stages/tuning-*/history.json")
    history = json.loads(file.read_text("utf-8"))
    epochs = epochs_of(records)
    assert [epoch["epoch"] for epoch in epochs] == [record["epoch"] for record in history] == [1, 2]
    for epoch, record in zip(epochs, history, strict=True):
        assert epoch["train_loss"] == record["train_loss"]
        for language in ("de", "en", "fr"):
            assert epoch[f"dev_accuracy/{language}"] == record["languages"][language]
    drawn = {metric.get("name") or metric["glob_name"]: metric for metric in records["metric"]}
    over_epochs = {name for name, metric in drawn.items() if metric.get("step_metric") == "epoch"}
    assert {"train_loss", "learning_rate", "dev_accuracy", "dev_accuracy/*"} == over_epochs


def test_tables_charts_and_results_are_those_of_the_run(records, finished):
    keys = {key.split(".")[0] for row in records["history"] for key in row["item"]}
    assert {f"tables/{file.stem}" for file in (finished / "tables").glob("*.csv")} <= keys
    assert {f"charts/{file.stem}" for file in (finished / "figures").glob("*.svg")} <= keys
    results = json.loads((finished / "results.json").read_text("utf-8"))
    summary = {
        key: value
        for record in records["summary"]
        for key, value in record.get("update", {}).items()
    }
    assert summary["kept_epoch"] == results["kept_epoch"]
    assert summary["dev_accuracy"] == pytest.approx(results["dev_accuracy"])
    for language in ("de", "en", "fr"):
        assert summary[f"test_accuracy/{language}"] == results["test_accuracy"][language]


def test_artifacts_are_the_files_of_the_run_and_stay_on_disk(records, tracked):
    artifacts = {artifact["type"]: artifact for artifact in records["artifact"]}
    kinds = {"checkpoints", "sketches", "test-sketches", "masks"}
    assert kinds <= set(artifacts)
    stage = only(tracked.folder, "multirun/xnli/stages/tuning-*")
    contents = {
        kind: {file["path"]: file for file in artifacts[kind]["manifest"]["contents"]}
        for kind in kinds
    }
    assert set(contents["checkpoints"]) == {"epoch-01.safetensors", "epoch-02.safetensors"}
    assert set(contents["masks"]) == {"de.json", "en.json", "fr.json"}
    (whole,) = [path.name for path in stage.glob("sketches-*") if "mask" not in path.name]
    through = {masked(whole, mask) for mask in MASKS.values()}
    assert {path.split("/")[0] for path in contents["sketches"]} == {whole, *through}
    for kind in kinds:  # when it is sent later, every file is still there
        for file in contents[kind].values():
            assert Path(file["local_path"]).stat().st_size == int(file.get("size", 0))
    (line,) = re.findall(r"W&B artifacts: (.*)", tracked.done.stdout)
    size = total_bytes([stage / "checkpoints"]) / 1000
    assert line.startswith(f"checkpoints {size:.0f} kB, sketches ") and "masks " in line


@needs_wandb_command
def test_the_command_that_sends_a_run_later_works(tracked, finished):
    (command,) = sync_lines(tracked.done.stdout)
    done = subprocess.run(
        [*command, "--dry-run"], cwd=tracked.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "Would sync 1 run(s)" in done.stdout + done.stderr
    assert finished.name in done.stdout + done.stderr


@needs_wandb_command
def test_a_run_that_fails_says_so(tmp_path):
    offline = ("tracker=wandb", "tracker.mode=offline")
    done = run_xling(*offline, "tuning.learning_rate=1e25", *SMALL, folder=tmp_path)
    assert done.returncode == 1 and "tuning.learning_rate" in done.stderr
    (command,) = sync_lines(done.stdout)
    assert inspected(tmp_path / command[2])["exit"][0]["exit_code"] == 1


@needs_wandb_command
def test_a_run_that_goes_on_is_the_same_run(tmp_path, capsys):
    offline = config("tracker=wandb", "tracker.mode=offline", f"folder={tmp_path}/multirun")
    stop_and_go_on(offline, tmp_path, KeyboardInterrupt)
    first, second = sorted(tmp_path.glob("multirun/wandb/offline-run-*-run+1"))
    attempts = [inspected(folder) for folder in (first, second)]
    assert [attempt["run"][0]["run_id"] for attempt in attempts] == ["run+1", "run+1"]
    assert [attempt["exit"][0].get("exit_code", 0) for attempt in attempts] == [1, 0]
    assert [[epoch["epoch"] for epoch in epochs_of(attempt)] for attempt in attempts] == [[1], [2]]
    *_, command = sync_lines(capsys.readouterr().out)
    assert command == ["wandb", "sync", str(first), str(second)]


@needs_wandb_command
def test_a_killed_run_has_shown_its_epochs(tmp_path):
    arguments = (str(tmp_path), json.dumps(EPOCHS[0]))
    with start_xling(
        *arguments, folder=Path(__file__).parent, module="killed_after_epoch", WANDB_SERVICE=""
    ) as process:
        assert process.wait() == -signal.SIGKILL
    folder = only(tmp_path, "multirun/wandb/offline-run-*-run")
    assert [epoch["epoch"] for epoch in epochs_of(inspected(folder))] == [1]
    assert (tmp_path / ".wandb-epochs").read_text() == "1"
