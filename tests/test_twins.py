"""Twin sketches: the first is the same as without, the second measures its noise."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SMALL, run_xling
from encoders import batch, build, error, fused, gradients

from xling.analysis.twins import agreement
from xling.attribution import TracIn, trace
from xling.sketch import Projection, Sketches


@pytest.mark.parametrize(
    "options",
    [{}, {"stack": 3}, {"combine": "concat"}, {"method": "dense"}],
    ids=["paper", "stack", "concat", "dense"],
)
def test_the_twin_follows_the_first_in_every_row(options):
    model = build("xlmr")
    inputs, labels = batch([9, 4, 17])
    alone = fused(model, inputs, labels, Projection(8, **options))
    both = fused(model, inputs, labels, Projection(8, **options, twin=True))
    first, second = both.rows.chunk(2, dim=1)
    assert error(first, alone.rows) < 1e-12
    cosine = torch.cosine_similarity(first, second)
    assert cosine.abs().max() < 0.5
    exact = sum(g.square().sum() for g in gradients(model, inputs, labels)[0].values())
    assert sum(norms[0] for norms in both.square_norms.values()) == pytest.approx(exact, rel=0.5)


def test_agreement_is_that_of_independent_noise():
    """Exact twins agree fully; noisy ones as far as a brute-force comparison says."""
    rng = np.random.default_rng(0)
    truth, tests = rng.normal(size=(300, 40)), rng.normal(size=(8, 40))

    def twins(rows, noise):
        copies = [rows + noise * rng.normal(size=rows.shape) for _ in range(2)]
        single = Sketches.of(rows, [str(i) for i in range(len(rows))], {})
        metadata = single.metadata.__class__(single.ids, {}, 40, {}, [], "float32", copies=2)
        made = Sketches.empty(metadata)
        made.write(0, np.concatenate(copies, axis=1), {}, {})
        return made

    for noise in (0.0, 0.5):
        train, test = [twins(truth, noise)], [twins(tests, noise)]
        groups = np.arange(300) % 3
        first, _ = trace(train, test, groups, k=20)
        second, _ = trace([train[0].twin], [test[0].twin], groups, k=20)
        measured = agreement(train, test, first, second, [1.0], TracIn())
        if not noise:
            assert measured == pytest.approx(
                {"spearman": 1, "positive_overlap": 1, "negative_overlap": 1}
            )
    scores = [
        right.units(0, 8) @ left.units(0, 300).T
        for right, left in ((test[0], train[0]), (test[0].twin, train[0].twin))
    ]
    ranks = [np.argsort(np.argsort(matrix, axis=1), axis=1) for matrix in scores]
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*ranks, strict=True)])
    assert measured["spearman"] == pytest.approx(expected)
    products = agreement(train, test, first, second, [1.0], TracIn(similarity="dot"))
    assert products["spearman"] != measured["spearman"]  # the rows differ in length
    best = [np.argsort(-matrix, axis=1)[:, :20] for matrix in scores]
    common = [len(set(a) & set(b)) / 20 for a, b in zip(*best, strict=True)]
    assert measured["positive_overlap"] == pytest.approx(np.mean(common))
    with pytest.raises(ValueError, match="twin=True"):
        Sketches.of(truth, [str(i) for i in range(300)], {}).twin.units(0, 3)


def test_a_run_reports_the_noise(tmp_path):
    done = run_xling("task=xnli", *SMALL, "sketch.twin=true", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Twin sketches: scores correlate at 0." in done.stdout
    (run,) = (tmp_path / "multirun" / "xnli").glob("tiny-*")
    table = pd.read_parquet(run / "tables" / "shares.parquet")
    assert table["noise"].notna().all() and (table["noise"] > 0).any()
    assert json.loads((run / "results.json").read_text())["twin"]["spearman"] > 0.6
    assert "independent twins" in (run / "report.html").read_text()
