"""Whitened gradients: against explicit matrices, and what must not change the scores."""

import gc
import json
import weakref

import numpy as np
import pandas as pd
import pytest
from conftest import LANGUAGES, SMALL, config, encoded, run_xling
from scipy.stats import spearmanr
from sketch_rows import sketches

from xling.attribution import (
    ExactMethod,
    Preconditioned,
    TracIn,
    mean_scores,
    named,
    row_settings,
    score_matrix,
    trace,
)
from xling.attribution.preconditioned import fitted
from xling.cli.mistakes import explain
from xling.errors import ArgumentError, UserError
from xling.pipeline.paths import named_paths, run_paths
from xling.report.sections.what_was_run import summary
from xling.sketch import Projection, Sketches
from xling.tasks import Classification
from xling.training.batches import Collator
from xling.training.sketches import method_of, rehearse


def by_hand(train, test, damping, similarity="dot") -> np.ndarray:
    """Return (test, train) scores from the matrix (GᵀG/N + λI)^−½, written out."""
    moment = sum(np.outer(row, row) for row in train) / len(train)
    moment = moment + damping * np.mean(np.linalg.eigvalsh(moment)) * np.eye(len(moment))
    values, vectors = np.linalg.eigh(moment)
    whiten = vectors @ np.diag(values**-0.5) @ vectors.T
    left, right = train @ whiten, test @ whiten
    if similarity == "cosine":
        left, right = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (left, right))
    return right @ left.T


def scores(train, test, method, weights=None, memory_gb=2.0) -> np.ndarray:
    """Return (test, train) scores, from tiles."""
    made = np.full((len(test[0]), len(train[0])), np.nan)
    for tile in score_matrix(train, test, method, weights=weights, memory_gb=memory_gb):
        made[tile.test, tile.train] = tile.summed
    return made


def uneven(count, dimensions, seed=0) -> np.ndarray:
    """Rows whose variance differs by direction, by factors of up to 10,000, with a common mean."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, dimensions)) * np.geomspace(10, 0.1, dimensions) + 1
    return rows @ np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("damping", [0.001, 0.1, 3.0])
@pytest.mark.parametrize(("count", "dimensions"), [(2300, 6), (40, 6), (5, 12), (1, 4)])
def test_scores_are_those_of_explicit_matrices(similarity, damping, count, dimensions):
    """More training examples than numbers, and fewer: then the moment has no full rank."""
    method = Preconditioned(similarity=similarity, damping=damping)
    rows = uneven(count + 300, dimensions)
    train, test = rows[:count], rows[count:]
    dense = by_hand(train, test, damping, similarity)
    made = scores([sketches(train)], [sketches(test)], method, memory_gb=0.05)
    scale, close = np.abs(dense).max(), max(2e-5, 2e-7 / damping)  # of single precision
    np.testing.assert_allclose(made / scale, dense / scale, atol=close)
    groups = np.arange(300) % 4
    means = mean_scores(sketches(train), sketches(test), groups, method)
    expected = np.stack([dense[groups == group].mean(0) for group in range(4)], axis=1)
    np.testing.assert_allclose(means / scale, expected / scale, atol=close)


def test_each_checkpoint_is_whitened_by_its_own_moment():
    pairs = [(uneven(50, 5, seed), uneven(9, 5, seed + 10)) for seed in (1, 2)]
    train = [sketches(left, epoch) for epoch, (left, _) in enumerate(pairs)]
    test = [sketches(right, epoch) for epoch, (_, right) in enumerate(pairs)]
    dense = [by_hand(left, right, 0.1) for left, right in pairs]
    made = scores(train, test, Preconditioned(), weights=[1.0, 0.25])
    np.testing.assert_allclose(made, dense[0] + 0.25 * dense[1], rtol=1e-4, atol=1e-3)
    summed, *epochs = trace(
        train, test, np.zeros(50, int), 3, method=Preconditioned(), weights=[1.0, 0.25]
    )
    np.testing.assert_array_equal(summed.positive.index, np.argsort(-made, axis=1)[:, :3])
    np.testing.assert_array_equal(epochs[1].negative.index, np.argsort(dense[1], axis=1)[:, :3])


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_neither_a_rotation_nor_the_order_of_the_examples_changes_a_score(similarity):
    method, rng = Preconditioned(similarity=similarity), np.random.default_rng(3)
    train, test = uneven(80, 7), uneven(11, 7, 1)
    before = scores([sketches(train)], [sketches(test)], method)
    turn = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    turned = scores([sketches(train @ turn)], [sketches(test @ turn)], method)
    np.testing.assert_allclose(turned, before, rtol=1e-3, atol=1e-4)
    order = rng.permutation(80)
    shuffled = scores([sketches(train[order])], [sketches(test)], method)
    np.testing.assert_allclose(shuffled, before[:, order], rtol=1e-4, atol=1e-5)
    plain = scores([sketches(train)], [sketches(test)], TracIn(similarity=similarity))
    assert np.abs(np.corrcoef(plain.ravel(), before.ravel())[0, 1]) < 0.9  # it does change some


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_with_large_damping_the_scores_are_plain_but_for_their_scale(similarity):
    train, test = uneven(60, 6), uneven(10, 6, 1)
    sides = [sketches(train)], [sketches(test)]
    plain = scores(*sides, TracIn(similarity=similarity))
    made = scores(*sides, Preconditioned(similarity=similarity, damping=1e7))
    if similarity == "dot":
        made *= 1e7 * np.mean(train**2)  # the mean eigenvalue of GᵀG/N
    np.testing.assert_allclose(made, plain, rtol=1e-4, atol=1e-4 * np.abs(plain).max())


def test_whitening_finds_what_a_direction_common_to_all_examples_hides():
    """Planted: each test example has one relative, along its own axis; all share a large one."""
    rng = np.random.default_rng(0)
    own = np.eye(40, 41, 1) * 0.2
    common = np.zeros(41)
    common[0] = 1.0
    train = own + np.outer(rng.uniform(1, 5, 40), common)
    test = own + np.outer(rng.uniform(1, 5, 40), common)
    sides = [sketches(train)], [sketches(test)]
    right = np.arange(40)
    whitened = scores(*sides, Preconditioned(damping=0.01)).argmax(1)
    assert (whitened == right).all()
    assert (scores(*sides, TracIn(similarity="dot")).argmax(1) == right).mean() < 0.1


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize(("precision", "least"), [("float16", 0.9999), ("int8", 0.995)])
def test_rows_in_few_bytes_rank_alike(similarity, precision, least):
    rows, ids = uneven(700, 64), [str(index) for index in range(700)]
    train = Sketches.of(rows[:600], ids[:600], {}, precision)
    test = Sketches.of(rows[600:], ids[600:], {}, precision)
    made = scores([train], [test], Preconditioned(similarity=similarity))
    dense = by_hand(rows[:600], rows[600:], 0.1, similarity)
    ranks = [spearmanr(*pair).statistic for pair in zip(made, dense, strict=True)]
    assert min(ranks) > least


def test_gradients_of_any_size_have_finite_scores():
    for size in (1e-15, 1.0, 1e15):
        train, test = uneven(30, 5) * size, uneven(4, 5, 1) * size
        made = scores([sketches(train)], [sketches(test)], Preconditioned())
        np.testing.assert_allclose(made, by_hand(train, test, 0.1), rtol=1e-3, atol=1e-3)


def test_a_fit_is_kept_as_long_as_the_sketches_are():
    train = sketches(uneven(30, 5))
    first = fitted(train, 0.1)
    assert fitted(train, 0.1) is first and fitted(train, 0.2) is not first
    gone = weakref.ref(first)
    del train, first
    gc.collect()
    assert gone() is None


def test_sketches_that_are_too_large_to_be_whitened_are_refused_before_training(
    make_model, tokenizer
):
    train, test = ([sketches(np.eye(100))] for _ in range(2))
    with pytest.raises(ArgumentError, match="too little to whiten sketches of 100") as raised:
        scores(train, test, Preconditioned(memory_gb=1e-4))
    scores(train, test, Preconditioned(memory_gb=float(raised.value.instead)))
    method = Preconditioned(Projection(method="exact"), memory_gb=0.2)
    with pytest.raises(ArgumentError, match="too little to whiten") as raised:
        collate = Collator(tokenizer, LANGUAGES)
        rehearse(make_model(), Classification(), encoded(6), collate, method)
    assert "write influence.memory_gb=" in explain(raised.value, None)


def test_the_method_takes_its_settings_and_refuses_others():
    chosen = method_of(config("influence=preconditioned", "influence.damping=0.5"))
    assert (chosen.damping, chosen.similarity) == (0.5, "dot")
    assert not isinstance(named("preconditioned"), ExactMethod)
    for wrong in (0, -1, float("nan"), float("inf"), "0.1", True):
        with pytest.raises(ArgumentError, match="damping=.* is not possible") as raised:
            Preconditioned(damping=wrong)
        assert "influence.damping" in explain(raised.value, None)
    for override in ("influence.damping=0", "influence.damping=-1"):
        with pytest.raises(UserError, match="greater than 0"):
            config("influence=preconditioned", override)
    with pytest.raises(UserError, match="rerank=5 has no effect on influence=preconditioned"):
        config("influence=preconditioned", "influence.rerank=5")
    for other in ("tracin", "tracin_dot", "embedding"):
        with pytest.raises(UserError, match="damping=0.5 has no effect.*influence=precond"):
            config(f"influence={other}", "influence.damping=0.5")


def test_it_reads_the_sketches_of_tracin():
    names = [named_paths(config(f"influence={name}"), {}) for name in ("tracin", "preconditioned")]
    assert names[0].sketches == names[1].sketches and names[0].tuning == names[1].tuning
    assert names[1].run.name.startswith("tiny-preconditioned-")
    assert row_settings(Preconditioned()) == row_settings(TracIn())


def test_a_run_makes_no_second_pass_and_scores_as_by_hand(tmp_path, monkeypatch):
    overrides = ("task=xnli", *SMALL, "sketch.store=float32")
    assert run_xling(*overrides, folder=tmp_path).returncode == 0
    done = run_xling(*overrides, "influence=preconditioned", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "already fine-tuned" in done.stdout and "Sketching" not in done.stdout
    monkeypatch.chdir(tmp_path)
    exact = run_xling(*overrides, "influence=preconditioned", "sketch=exact", folder=tmp_path)
    assert "too little to whiten" in exact.stderr and "Sketching" not in exact.stdout
    paths = run_paths(config(*overrides, "influence=preconditioned"))
    results = json.loads((paths.run / "results.json").read_text("utf-8"))
    assert results["method"] == "preconditioned" and results["sketch"]["dimensions"] == 1024
    dense = 0.0
    for epoch in range(1, results["kept_epoch"] + 1):
        sides = []
        for folder in (paths.tuning / paths.sketches, paths.run / "sketches" / "test"):
            made = Sketches.read(folder / f"epoch-{epoch:02d}")
            sides.append(made.units(0, len(made)) * made.norms[:, None].astype(float))
        dense = dense + by_hand(*sides, 0.1)
    by_pair = pd.DataFrame(
        dense,
        made.ids,
        json.loads((paths.tuning / paths.sketches / "epoch-01/metadata.json").read_text("utf-8"))[
            "ids"
        ],
    )
    influential = pd.read_parquet(paths.run / "tables" / "influential.parquet")
    scale = np.abs(dense).max()
    for row in influential.itertuples():
        assert row.score == pytest.approx(by_pair.loc[row.test_id, row.train_id], abs=1e-4 * scale)
    assert dict(summary(results, {}))["Method"] == "preconditioned, dot product, damping 0.1"
    page = (paths.run / "report.html").read_text("utf-8")
    assert "directions in which all gradients vary count less" in page
