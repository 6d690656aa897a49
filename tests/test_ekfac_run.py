"""Runs whose gradients are preconditioned: fitted to the training examples, once per checkpoint."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from conftest import LANGUAGES, SMALL, config, encoded, run_xling
from small_tunings import KIND, SETTINGS, same, tune, weights

from xling.attribution import score_matrix
from xling.pipeline.paths import run_paths
from xling.sketch import Projection, Sketches
from xling.stage import partial_folder
from xling.training.batches import Collator
from xling.training.sketches import FITTED, SketchDump, method_of, rehearse


def dump(folder, tokenizer, *overrides, train=None, count=24) -> SketchDump:
    settings = config(*SETTINGS, "influence=ekfac", *overrides)
    collate, method = Collator(tokenizer, LANGUAGES), method_of(settings)
    rows = encoded(count, seed=0 if train is None else 5)
    return SketchDump(rows, collate, method, settings.sketch, folder, "", KIND, train=train)


def rows(sketches: Sketches) -> np.ndarray:
    return sketches.units(0, len(sketches)) * sketches.norms[:, None]


def test_the_fit_does_not_change_the_training_by_a_bit(tmp_path, make_model, tokenizer):
    more = ("influence=ekfac", "tuning.epochs=2")
    tune(tmp_path / "fitted", make_model, tokenizer, *more)
    tune(tmp_path / "plain", make_model, tokenizer, "tuning.epochs=2", sketches=False)
    for epoch in (1, 2):
        assert same(weights(tmp_path / "fitted", epoch), weights(tmp_path / "plain", epoch))
        assert (tmp_path / f"fitted/sketches/epoch-0{epoch}" / FITTED).exists()


def test_what_a_stopped_pass_left_is_used_for_the_same_weights_only(
    tmp_path, make_model, tokenizer, monkeypatch
):
    model = make_model()
    fresh = dump(tmp_path / "fresh", tokenizer)
    fresh(model, 1)
    stopped = dump(tmp_path / "stopped", tokenizer)
    part = partial_folder(stopped.folder / "epoch-01")
    part.mkdir(parents=True)
    other = make_model()
    with torch.no_grad():
        next(other.head.parameters()).add_(1)
    stopped.sketches(other, 1, part, (0, 1))  # a training that was stopped has lost these weights
    stopped(model, 1)
    np.testing.assert_array_equal(rows(stopped.read(1)[0]), rows(fresh.read(1)[0]))
    again = dump(tmp_path / "again", tokenizer)
    part = partial_folder(again.folder / "epoch-01")
    part.mkdir(parents=True)
    (part / FITTED).write_bytes((fresh.folder / "epoch-01" / FITTED).read_bytes())
    monkeypatch.setattr(type(again.method), "fit", lambda *args, **options: pytest.fail("fitted"))
    again(model, 1)
    np.testing.assert_array_equal(rows(again.read(1)[0]), rows(fresh.read(1)[0]))


def test_processes_share_what_one_has_fitted(tmp_path, make_model, tokenizer):
    model, whole = make_model(), dump(tmp_path / "whole", tokenizer)
    whole(model, 1)
    shared, folder = dump(tmp_path / "shared", tokenizer), tmp_path / "shared" / "part"
    shared._method(model, 1, folder)  # as the first does before the others go on
    for rank in (1, 0):
        shared.sketches(model, 1, folder, (rank, 2))
    np.testing.assert_array_equal(rows(Sketches.read(folder)), rows(whole.read(1)[0]))


def test_a_model_is_tried_with_a_fit_before_it_is_trained(make_model, tokenizer):
    settings = config(*SETTINGS, "influence=ekfac", "influence.memory_gb=0.0001")
    method, collate = method_of(settings), Collator(tokenizer, LANGUAGES)
    with pytest.raises(ValueError, match="too little for the curvature"):
        rehearse(make_model(), KIND, encoded(4), collate, method)
    wide = dataclasses.replace(method, memory_gb=1.0, projection=Projection(4))
    rehearse(make_model(), KIND, encoded(4), collate, wide)


def test_a_run_scores_by_the_curvature_of_its_training_examples(tmp_path, monkeypatch):
    more = ("data.train_per_language=150", "data.dev_per_language=60", "data.test_per_language=60")
    command = ("task=xnli", *SMALL, *more, "tuning.epochs=1", "influence=ekfac")
    done = run_xling(*command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    settings = config(*command)
    paths = run_paths(settings)
    train = Sketches.read(paths.tuning / paths.sketches / "epoch-01")
    test = Sketches.read(paths.run / "sketches" / "test" / "epoch-01")
    digests = {one.metadata.settings["preconditioner"] for one in (train, test)}
    assert len(digests) == 1
    # The mean of gᵀH⁻¹g is at most the number of parameters, over what H was fitted to.
    own = np.square(train.norms).mean()
    assert 0 < own < sum(train.metadata.sizes.values())
    tiles = score_matrix([train], [test], method_of(settings))
    assert all(np.isfinite(tile.summed).all() for tile in tiles)
    results = json.loads((paths.run / "results.json").read_text("utf-8"))
    assert results["method"] == "ekfac"
    page = (paths.run / "report.html").read_text("utf-8")
    assert "influence functions by EK-FAC" in page and "divided by the root of their" in page
    assert "squared norm, preconditioned: embeddings" in done.stdout
    other = run_paths(config(*command, "influence.damping=1"))
    assert (other.tuning, other.sketches) != (paths.tuning, paths.sketches)
    assert other.tuning == paths.tuning
    moments = run_paths(
        config(*command[:-1], "influence=preconditioned", "influence.moments=adamw")
    )
    assert moments.sketches != run_paths(config(*command[:-1])).sketches
    whitened = run_paths(config(*command[:-1], "influence=preconditioned"))
    assert whitened.sketches == run_paths(config(*command[:-1])).sketches
