"""What trackers show, read back by their own means; which switches each of them has."""

import json
import re
import time
from pathlib import Path

import pytest
from conftest import SMALL, config, run_xling
from runs import only
from tracked_runs import EPOCHS, outcome, stop_and_go_on

from xling import report, tracker
from xling.errors import UserError
from xling.tracker.library import library


def test_the_group_is_the_task_unless_a_sweep_or_the_user_names_one():
    assert tracker.group(config()) == "xnli"
    assert tracker.group(config("sweep=mine")) == "mine"
    assert tracker.group(config("sweep=mine", "tracker.group=other")) == "other"


def test_epochs_of_another_process_are_live(tmp_path):
    shown = []

    class Shows:
        def epoch(self, number: int, metrics: dict[str, float]) -> None:
            shown.append((number, metrics["dev_accuracy/de"]))

    tracked = tracker.TrackedRun(Shows(), tmp_path / "shown")
    with tracker.following(tracked, tmp_path):
        for count, record in enumerate(EPOCHS, 1):
            (tmp_path / "history.json").write_text(json.dumps(EPOCHS[:count]))
            deadline = time.monotonic() + 10
            while len(shown) < count:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert shown[-1] == (count, record["languages"]["de"])
    assert len(shown) == 2


def test_tensorboard_shows_epochs_results_and_charts(finished, tmp_path, capsys):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    chosen = config("tracker=tensorboard", f"folder={tmp_path}/multirun")
    with pytest.raises(KeyboardInterrupt):
        with tracker.tracking(chosen, "run", tmp_path) as tracked:
            tracker.log_epoch(tracked, EPOCHS[0])
            (file,) = tmp_path.glob("multirun/tensorboard/run/events*")
            live = EventAccumulator(str(file)).Reload()  # while it goes on
            assert [event.step for event in live.Scalars("dev_accuracy/de")] == [1]
            raise KeyboardInterrupt
    with tracker.tracking(chosen, "run", tmp_path) as tracked:
        for record in EPOCHS:
            tracker.log_epoch(tracked, record)
        results, tables = outcome(finished)
        headline = tracker.headline_metrics(results)
        tracker.log_results(tracked, headline, tables, report.figures(report.load(finished)))
    logged = EventAccumulator(str(tmp_path / "multirun/tensorboard/run")).Reload()
    values = [(event.step, round(event.value, 6)) for event in logged.Scalars("dev_accuracy/en")]
    assert values == [(1, 0.5), (2, 0.7)]
    results = outcome(finished)[0]
    (share,) = logged.Scalars("results/own_language_share/de")
    assert share.value == pytest.approx(results["own_language_share"]["de"])
    charts = {file.stem for file in (finished / "figures").glob("*.png")}
    assert {f"charts/{name}" for name in charts} == set(logged.Tags()["images"])
    texts = [event.tensor_proto.string_val[0] for event in logged.Tensors("status/text_summary")]
    assert texts == [b"failed", b"finished"]
    (root,) = set(re.findall(r"tensorboard --logdir (\S+)", capsys.readouterr().out))
    assert Path(root) == tmp_path / "multirun" / "tensorboard"


def test_tensorboard_shows_what_an_evaluation_has_found(tmp_path):
    """By the real command, tiny: numbers of each method, warnings as those of runs, and charts."""
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    few = ("faithfulness.subsets=8", "faithfulness.again=4", "faithfulness.drop=0")
    methods = ("faithfulness.methods=[count,same_label]", "retrain.processes=1")
    done = run_xling(
        "task=xnli", *SMALL, "tuning.epochs=1", "evaluate=faithfulness", *few, *methods,
        "tracker=tensorboard", folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    evaluation = only(tmp_path, "multirun/xnli/*-faithfulness-*")
    logged = EventAccumulator(str(tmp_path / "multirun/tensorboard" / evaluation.name)).Reload()
    results, tables = outcome(evaluation)
    shown = tables["faithfulness"].set_index(["level", "method"])["lds"]
    for level, name in [("example", "same_label"), ("language", "count")]:
        (score,) = logged.Scalars(f"results/lds/{level}/{name}")
        assert score.value == pytest.approx(shown[level, name])
    (count,) = logged.Scalars("results/retrainings")
    (warnings,) = logged.Scalars("results/warnings")
    assert (count.value, warnings.value) == (12, len(results["warnings"]))
    assert {f"charts/faithfulness_{level}" for level in ("example", "language")} == set(
        logged.Tags()["images"]
    )


def test_trackio_shows_epochs_results_and_charts(finished, tmp_path, monkeypatch, capsys):
    pytest.importorskip("trackio", reason="the extra trackio is not installed")
    import trackio
    from trackio import sqlite_storage, utils

    for module in (utils, sqlite_storage):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
    chosen = config("tracker=trackio", "tracker.group=mine", "tracker.project=tests")
    stop_and_go_on(chosen, tmp_path, RuntimeError)
    with tracker.tracking(chosen, "run+1", tmp_path) as tracked:
        results, tables = outcome(finished)
        headline = tracker.headline_metrics(results)
        tracker.log_results(tracked, headline, tables, report.figures(report.load(finished)))
    (run,) = trackio.Api().runs("tests")
    assert run.name == "run+1" and run.config["tuning"]["epochs"] == config().tuning.epochs
    assert run.config["_Group"] == "mine"
    *epochs, last = sqlite_storage.SQLiteStorage.get_logs("tests", "run+1")
    assert [(epoch["step"], epoch["dev_accuracy/en"]) for epoch in epochs] == [(1, 0.5), (2, 0.7)]
    results, tables = outcome(finished)
    assert last["results/test_accuracy/de"] == results["test_accuracy"]["de"]
    assert len(last["tables/shares"]["_value"]) == len(tables["shares"])
    assert {f"charts/{file.stem}" for file in (finished / "figures").glob("*.svg")} <= set(last)
    (alert,) = run.alerts()
    assert alert["level"] == "error"
    output = capsys.readouterr().out
    assert "trackio show --project tests" in output and "\x1b" not in output


def test_a_library_that_is_not_there_is_named_with_its_extra():
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
def test_switches_of_weights_and_biases_alone_are_refused_for_others(override, problem):
    assert config("tracker=wandb", override)
    for name in ("none", "trackio", "tensorboard"):
        with pytest.raises(UserError, match=problem):
            config(f"tracker={name}", override)
