"""Re-ranking by exact gradients against a full sort of brute-force scores."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SMALL, run_xling
from encoders import batch, build, gradients
from torch.nn.functional import cross_entropy

from xling.attribution import Ranking, Traces, TracIn, candidates, reranked, shortened, trace
from xling.errors import ArgumentError
from xling.sketch import Projection, Source

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
            np.concatenate([g.flatten().numpy() for g in example.values()])
            for example in gradients(model, inputs, labels)
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
    method = TracIn(Projection(2), similarity)
    coarse = [[method.represent(model, side, 1)] for side in (train, test)]
    traces = trace(*coarse, np.arange(10) % 2, 5, method=method)[0]
    wanted = candidates(traces)
    assert all(len(indices) == 10 for indices in wanted)  # five best and five worst of ten
    size = flat.shape[1]
    for memory in (2.0, 30e-9 * size):  # all at once; one test example a turn
        scores = method.exact_scores(model, train, test, wanted, memory_gb=memory)
        np.testing.assert_allclose(np.stack(scores), truth, rtol=1e-4, atol=1e-6)
    again = reranked(traces, wanted, scores, train.ids, k=3)
    assert np.array_equal(again.positive.index, np.argsort(-truth, axis=1)[:, :3])
    assert np.array_equal(again.negative.index, np.argsort(truth, axis=1)[:, :3])
    assert not np.array_equal(shortened(traces, 3).positive.index, again.positive.index)
    with pytest.raises(ArgumentError, match="1e-06 GB is too little for exact gradients") as error:
        method.exact_scores(model, train, test, wanted, memory_gb=1e-6)
    assert error.value.argument == "memory_gb" and float(error.value.instead) > 0


def test_only_the_wanted_pairs_are_scored():
    model = build("xlmr", dtype=torch.float32)
    inputs, labels = batch(LENGTHS)
    seen = []

    def losses(group):
        seen.extend(group)
        some = {key: value[group] for key, value in inputs.items()}
        return cross_entropy(model(**some), labels[group], reduction="none")

    source = Source(losses, IDS, LENGTHS)
    wanted = [np.array([0, 4]), np.array([4, 7, 9])]
    scores = TracIn().exact_scores(model, source, source, wanted)
    assert set(seen) == {0, 1, 4, 7, 9}  # the test examples are 0 and 1
    assert [len(row) for row in scores] == [2, 3]
    assert scores[0][0] == pytest.approx(1)  # the cosine of a gradient with itself
    assert max(abs(scores[0][1]), *abs(scores[1])) < 0.999


def test_wrong_pairs_and_rankings_are_refused():
    model = build("xlmr", dtype=torch.float32)
    source = Source(lambda group: None, IDS, LENGTHS)
    for wanted, words in (
        ([np.array([1, 12])], "a training example is wanted that is not there; there are 12"),
        ([np.array([-1])], "not there"),
        ([np.array([3, 3])], "wanted twice of test example 0"),
        (["ab"], "of test example 0, a list or array of integers"),
        ([np.array([1.0])], "of test example 0, a list or array of integers"),
        ([np.array([1])] * 13, "of 13 test examples; there are 12"),
    ):
        with pytest.raises(ValueError, match=words):
            TracIn().exact_scores(model, source, source, wanted)
    for memory in (float("nan"), float("inf"), None, "2", 0):
        with pytest.raises(ArgumentError, match="memory_gb=.* write a finite number of gigabytes"):
            TracIn().exact_scores(model, source, source, [[0]], memory_gb=memory)
    ranking = Ranking(np.array([[0, 1]]), np.array([[1.0, 0.5]]))
    traces = Traces(ranking, ranking, np.zeros((1, 1)))
    with pytest.raises(ArgumentError, match="k=3 is more than the 2 candidates"):
        reranked(traces, [np.array([0, 1])], [np.array([1.0, 0.5])], IDS, 3)
    with pytest.raises(ValueError, match="each of these a score"):
        reranked(traces, [np.array([0, 1])], [np.array([1.0])], IDS, 1)
    for k in (0, -1):
        with pytest.raises(ArgumentError, match=f"k={k} is not possible"):
            shortened(traces, k)


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
