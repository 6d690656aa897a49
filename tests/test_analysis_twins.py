"""The noise of a sketch, from its twin: cases computed by hand and by the whole matrix at once."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xling.analysis import twins
from xling.analysis.twins import agreement, with_noise
from xling.attribution import trace
from xling.sketch import Sketches, SketchMetadata


def twin_sketches(first: np.ndarray, second: np.ndarray) -> Sketches:
    ids = [str(row) for row in range(len(first))]
    metadata = SketchMetadata(ids, {}, first.shape[1], {}, [], "float32", copies=2)
    sketches = Sketches.empty(metadata)
    sketches.write(0, np.concatenate([first, second], axis=1), {}, {})
    return sketches


def test_noise_is_how_far_the_shares_of_two_sketches_differ():
    shares = pd.DataFrame({"share": [0.5, 0.25, 0.25]})
    pair = (pd.DataFrame({"share": [0.5, 0.2, 0.3]}), pd.DataFrame({"share": [0.4, 0.3, 0.3]}))
    table = with_noise(shares, pair)
    assert table.share.to_list() == [0.5, 0.25, 0.25]
    assert table.noise.to_list() == pytest.approx([0.1, 0.1, 0])
    assert with_noise(shares, None).noise.isna().all()


def test_agreement_is_the_same_whatever_is_read_at_a_time(monkeypatch):
    """40 training examples, of which 30 are compared, read at once and seven rows at a time."""
    rng = np.random.default_rng(0)
    train = [twin_sketches(*rng.normal(size=(2, 40, 8))) for _ in range(2)]
    test = [twin_sketches(*rng.normal(size=(2, 3, 8))) for _ in range(2)]
    groups, weights = np.zeros(40, int), [1.0, 0.25]
    traces = trace(train, test, groups, k=5, weights=weights)[0]
    twin = trace(
        [epoch.twin for epoch in train],
        [epoch.twin for epoch in test],
        groups,
        k=5,
        weights=weights,
    )[0]
    monkeypatch.setattr(twins, "SAMPLE", 30)
    chosen = np.sort(np.random.default_rng(0).permutation(40)[:30])
    scores = [
        sum(
            weight * (right.units(0, 3) @ left.units(0, 40).T)
            for weight, left, right in zip(
                weights,
                *[[getattr(s, copy) if copy else s for s in side] for side in (train, test)],
                strict=True,
            )
        )[:, chosen]
        for copy in ("", "twin")
    ]
    expected = np.mean([stats.spearmanr(a, b).statistic for a, b in zip(*scores, strict=True)])
    for stretch in (4096, 7):
        monkeypatch.setattr(twins, "STRETCH", stretch)
        summary = agreement(train, test, traces, twin, weights)
        assert summary["spearman"] == pytest.approx(expected, abs=1e-6)
    overlap = [
        len(set(a) & set(b)) / 5
        for a, b in zip(traces.positive.index, twin.positive.index, strict=True)
    ]
    assert summary["positive_overlap"] == pytest.approx(np.mean(overlap))
    with pytest.raises(ValueError):
        agreement(train, test, traces, twin, [1.0])
