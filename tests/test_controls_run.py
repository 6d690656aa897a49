"""Runs by methods that look at no model: once for all epochs, and nothing sketched."""

import json
from dataclasses import fields
from typing import get_args

import pandas as pd
import pytest
from conftest import SMALL, config, run_xling

from xling.attribution import ExactMethod
from xling.cli.compose import conf_folder
from xling.config.schema import Setting
from xling.pipeline.paths import run_paths
from xling.sweep.estimate import Speed, stage_cost
from xling.sweep.plan import required_stages
from xling.training.sketches import method_of

SPEED = Speed(0.001, 1_000_000, 40, 96, {"train": 200, "dev": 50, "test": 50}, {
    "train": 20, "dev": 20, "test": 20,
})  # fmt: skip


@pytest.mark.parametrize("name", ["same_label", "bm25"])
def test_a_run_represents_the_examples_once_and_reports_its_scores(name, tmp_path, monkeypatch):
    more = ("data.train_per_language=150", "data.dev_per_language=60")
    command = ("task=xnli", *SMALL, *more, "tuning.epochs=3", "tuning.learning_rate=5e-3")
    done = run_xling(*command, f"influence={name}", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Representing the training examples ({name}): 1 pass over 450 examples" in done.stdout
    monkeypatch.chdir(tmp_path)
    paths = run_paths(config(*command, f"influence={name}"))
    assert [path.name for path in sorted((paths.tuning / paths.sketches).iterdir())
            if path.is_dir()] == ["epoch-01"]  # fmt: skip
    results = json.loads((paths.run / "results.json").read_text("utf-8"))
    assert results["kept_epoch"] > 1 and results["method"] == name and "sketch" not in results
    tables = {file.stem: pd.read_parquet(file) for file in paths.run.glob("tables/*.parquet")}
    assert set(tables["shares"]["epoch"]) == {0, 1} and "coverage" not in tables
    influential = tables["influential"]
    if name == "same_label":
        best, worst = (influential.query("sign == @sign")["score"] for sign in "+-")
        assert (best == 1).all() and (worst == 0).all()
        labels = tables["labels"].set_index("sign")["same_label"]
        assert (labels["+"] == 1).all() and (labels["-"] == 0).all()
    else:
        assert (influential["score"] >= 0).all() and influential["score"].nunique() > 50
    page = (paths.run / "report.html").read_text("utf-8")
    words = {"same_label": "this run is a control", "bm25": "The model is not looked at"}[name]
    assert words in page and "At the end of every epoch" not in page


def test_what_needs_no_model_costs_no_pass_and_a_row_of_words_or_tokens():
    def cost(name, kind):
        chosen = config(f"influence={name}", "tuning.epochs=4", "data.max_length=64")
        return next(
            stage_cost(stage, SPEED) for stage in required_stages(chosen) if stage.kind == kind
        )

    examples, epochs = 5 * 200, 4
    assert cost("tracin", "sketches").bytes == 2 * 1024 * examples * epochs
    assert cost("embedding", "representations").bytes == 2 * 96 * examples * epochs
    for name in ("bm25", "same_language", "count"):
        assert cost(name, "representations").bytes == 4 * 65 * examples
        assert cost(name, "representations").seconds == 0
        assert cost(name, "run").seconds < cost("embedding", "run").seconds
    assert cost("preconditioned", "sketches") == cost("tracin", "sketches")


def test_every_method_says_in_its_file_which_settings_it_has():
    files = sorted(file.stem for file in (conf_folder() / "influence").glob("*.yaml"))
    assert {"tracin", "tracin_dot", "preconditioned", "embedding", "bm25", "count"} <= set(files)
    for name in files:
        chosen = config(f"influence={name}")
        method = method_of(chosen)
        has = {field.name for field in fields(method)} & set(get_args(Setting))
        has |= {"weights"} if chosen.influence.gradients else set()
        has |= {"rerank"} if isinstance(method, ExactMethod) else set()
        assert set(chosen.influence.uses) == has, name
        assert ("projection" in {f.name for f in fields(method)}) == chosen.influence.gradients
