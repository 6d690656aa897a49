"""Re-ranking by exact gradients against a full sort of brute-force scores."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SMALL, run_xling
from encoders import batch, build, gradients
from torch.nn.functional import cross_entropy

from xling.attribution import trace
from xling.attribution.rerank import Source, candidates, exact_scores, reranked, shortened
from xling.errors import UserError
from xling.sketch import Projection, sketch_examples

LENGTHS = [9, 4, 17, 2, 12, 5, 7, 3, 20, 6, 8, 11]
IDS = [f"x{index:02d}" for index in range(len(LENGTHS))]


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_the_rankings_are_those_of_exact_gradients(similarity):
    """Ten training and two test examples, candidates from a very coarse sketch."""
    model = build("xlmr", dtype=torch.float32)
    inputs, labels = batch(LENGTHS)

    def losses(group):
        some = {key: value[group] for key, value in inputs.items()}
        return cross_entropy(model(**some), labels[group], reduction="none")

    flat = np.stack(
        [
            np.concatenate([g.flatten().numpy() for g in each.values()])
            for each in gradients(model, inputs, labels)
        ]
    )
    if similarity == "cosine":
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    truth = flat[10:] @ flat[:10].T

    def source(part):
        def ours(group):
            return losses([index + part.start for index in group])

        return Source(ours, IDS[part], LENGTHS[part])

    train, test = source(slice(0, 10)), source(slice(10, 12))
    coarse = [
        sketch_examples(model, each.losses, each.ids, each.lengths, Projection(2), 1)
        for each in (train, test)
    ]
    traces = trace(coarse[:1], coarse[1:], np.arange(10) % 2, 5, similarity=similarity)[0]
    wanted = candidates(traces)
    assert all(len(each) == 10 for each in wanted)  # five best and five worst of ten
    size = flat.shape[1]
    for memory in (2.0, 30e-9 * size):  # all at once; one test example a turn
        scores = exact_scores(model, train, test, wanted, similarity=similarity, memory_gb=memory)
        np.testing.assert_allclose(np.stack(scores), truth, rtol=1e-4, atol=1e-6)
    found = reranked(traces, wanted, scores, train.ids, k=3)
    assert np.array_equal(found.positive.index, np.argsort(-truth, axis=1)[:, :3])
    assert np.array_equal(found.negative.index, np.argsort(truth, axis=1)[:, :3])
    assert not np.array_equal(shortened(traces, 3).positive.index, found.positive.index)
    with pytest.raises(UserError, match="memory_gb=1e-06 is too little for exact gradients"):
        exact_scores(model, train, test, wanted, memory_gb=1e-6)


def test_only_the_wanted_pairs_are_scored():
    model = build("xlmr", dtype=torch.float32)
    inputs, labels = batch(LENGTHS)
    seen = []

    def losses(group):
        seen.extend(group)
        some = {key: value[group] for key, value in inputs.items()}
        return cross_entropy(model(**some), labels[group], reduction="none")

    source = Source(losses, IDS, LENGTHS)
    wanted = [np.array([1, 4]), np.array([4, 7, 9])]
    scores = exact_scores(model, source, source, wanted)
    assert set(seen) == {0, 1, 4, 7, 9}  # the test examples are 0 and 1
    assert [len(each) for each in scores] == [2, 3]
    assert scores[1][0] == pytest.approx(exact_scores(model, source, source, wanted)[1][0])


@pytest.mark.slow
def test_a_run_with_more_candidates_than_examples_is_one_of_exact_gradients(tmp_path):
    """With every example a candidate, a coarse sketch and none at all give the same rankings."""
    tables = []
    for sketch in ("sketch.side=2", "sketch=exact"):
        options = (sketch, "influence.rerank=500")
        (tmp_path / sketch).mkdir()
        done = run_xling("task=xnli", *SMALL, *options, folder=tmp_path / sketch)
        assert done.returncode == 0, done.stderr
        assert "exact gradients" in done.stdout
        (run,) = (tmp_path / sketch / "multirun" / "xnli").glob("tiny-*")
        tables.append(pd.read_parquet(run / "tables" / "influential.parquet"))
    keys = ["test_id", "sign", "rank", "train_id"]
    same = (tables[0][keys] == tables[1][keys]).all(axis=1)
    assert same.mean() > 0.99  # but for ties within rounding
    np.testing.assert_allclose(tables[0]["score"], tables[1]["score"], atol=1e-4)
