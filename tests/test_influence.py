"""Rankings and means of scores against hand-computed and brute-force ones."""

import numpy as np
import pytest
from sketch_rows import sketches

from xling.attribution import TracIn, histograms, products, shortened, trace
from xling.attribution.top_k import Extremes, descending, from_descending, sparse_places
from xling.sketch import Sketches, SketchMetadata


def test_rankings_and_means_are_those_computed_by_hand():
    """Five training and two test examples in two dimensions, at two checkpoints."""
    train = [
        sketches([[2, 0], [0, 3], [-1, 0], [1, 1], [3, 4]], 1),
        sketches([[0, 1], [0, -1], [5, 0], [1, 0], [0, 2]], 2),
    ]
    test = [sketches([[1, 0], [0, 2]], 1), sketches([[0, 1], [1, 0]], 2)]
    summed, first, second = trace(train, test, np.array([0, 0, 1, 1, 1]), k=2)
    # s_1 of the first test example: 1, 0, -1, √½, 3/5; s_2: 1, -1, 0, 0, 1; I: 2, -1, -1, √½, 8/5.
    assert first.positive.index[0].tolist() == [0, 3]
    assert second.positive.index[0].tolist() == [0, 4]
    assert summed.positive.index[0].tolist() == [0, 4]
    assert summed.positive.score[0] == pytest.approx([2, 1.6])
    assert summed.negative.index[0].tolist() == [1, 2]  # equal scores: in the order of the rows
    assert summed.negative.score[0] == pytest.approx([-1, -1])
    assert summed.group_mean[0] == pytest.approx([0.5, (-1 + 0.5**0.5 + 1.6) / 3])
    # The second: s_1: 0, 1, 0, √½, 4/5; s_2: 0, 0, 1, 1, 0; I: 0, 1, 1, 1+√½, 4/5.
    assert summed.positive.index[1].tolist() == [3, 1]
    assert summed.negative.index[1].tolist() == [0, 4]
    assert first.group_mean[1] == pytest.approx([0.5, (0.5**0.5 + 0.8) / 3])


def test_rankings_of_many_test_examples_equal_a_full_sort():
    """More test examples than one block holds; every ranking equals a stable sort of all scores."""
    rng = np.random.default_rng(0)
    left = [rng.normal(size=(90, 12)), rng.normal(size=(90, 12))]
    right = [rng.normal(size=(700, 12)), rng.normal(size=(700, 12))]
    traces = trace(
        [sketches(rows, e) for e, rows in enumerate(left)],
        [sketches(rows, e) for e, rows in enumerate(right)],
        np.arange(90) % 3,
        k=7,
    )
    norms = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (*left, *right)]
    scores = norms[2] @ norms[0].T + norms[3] @ norms[1].T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :7]
    worst = np.argsort(scores, axis=1, kind="stable")[:, :7]
    assert np.array_equal(traces[0].positive.index, best)
    assert np.array_equal(traces[0].negative.index, worst)
    np.testing.assert_allclose(
        traces[0].positive.score, np.take_along_axis(scores, best, 1), atol=1e-5
    )
    groups = np.stack([scores[:, g::3].mean(1) for g in range(3)], axis=1)
    np.testing.assert_allclose(traces[0].group_mean, groups, atol=1e-5)


def test_ties_are_in_the_order_of_the_ids():
    scores = np.array([[1.0, 2.0, 2.0, 1.0, 2.0, 1.0]], np.float32)
    for order, two, five, lowest in [
        (range(6), [1, 2], [1, 2, 4, 0, 3], [0, 3]),
        ([5, 4, 3, 2, 1, 0], [4, 2], [4, 2, 1, 5, 3], [5, 3]),
    ]:
        for width in (1, 2, 6):  # of the tiles
            for k, expected in ((2, two), (5, five)):
                extremes = Extremes(1, k, np.array(order))
                for start in range(0, 6, width):
                    extremes.add(scores[:, start : start + width], start)
                largest, smallest = extremes.rankings()
                assert largest.index[0].tolist() == expected
                assert smallest.index[0].tolist()[:2] == lowest


@pytest.mark.parametrize("values", [3, 50, 10**6], ids=["few", "some", "many"])
@pytest.mark.parametrize("k", [1, 7, 150, 400])
def test_both_ends_are_those_of_a_sort_of_everything(values, k):
    rng = np.random.default_rng(k)
    scores = (rng.integers(-values, values + 1, size=(9, 400)) / values).astype(np.float32)
    scores[0] = -0.0  # equal to zero
    scores[0, ::2] = 0.0
    order = rng.permutation(400)
    for width in (13, 64, 400):
        extremes = Extremes(9, k, order)
        for start in range(0, 400, width):
            extremes.add(scores[:, start : start + width], start)
        for sign, ranking in zip((-1, 1), extremes.rankings(), strict=True):
            whole = np.lexsort((np.broadcast_to(order, scores.shape), sign * scores), axis=1)[:, :k]
            assert np.array_equal(ranking.index, whole)
            assert np.array_equal(ranking.score, np.take_along_axis(scores, whole, 1))


def test_keys_are_in_the_order_of_the_scores_and_give_them_back():
    extremes = [np.inf, 3.4e38, 1.0, 1e-45, 0.0, -1e-45, -1.0, -3.4e38, -np.inf]
    scores = np.array(extremes, np.float32)
    keys = descending(scores)
    assert (np.diff(keys.astype(np.int64)) > 0).all() and keys.max() < 2**32
    assert np.array_equal(from_descending(keys << np.uint64(32)), scores)
    assert descending(np.float32([-0.0])) == descending(np.float32([0.0]))


@pytest.mark.parametrize("size", [1, 7, 8, 9, 200])
@pytest.mark.parametrize("share", [0, 0.02, 1])
def test_the_places_of_a_mask_are_found(size, share):
    mask = np.random.default_rng(size).random(size) < share
    assert np.array_equal(sparse_places(mask), np.flatnonzero(mask))


def test_rankings_are_no_longer_than_the_training_data():
    (summed, _) = trace([sketches(np.eye(3))], [sketches([[1, 2, 3]])], np.zeros(3, int), k=100)
    assert summed.positive.index.tolist() == [[2, 1, 0]]


def test_dot_products_are_weighted_by_epoch_in_the_sum_alone():
    """I = Σ w_e ⟨g, g'⟩ for a case computed by hand."""
    train = [sketches([[2, 0], [0, 3]], 1), sketches([[0, 1], [5, 0]], 2)]
    test = [sketches([[1, 4]], 1), sketches([[2, 1]], 2)]
    summed, first, second = trace(
        train, test, np.array([0, 1]), k=2, method=TracIn(similarity="dot"), weights=[0.5, 0.1]
    )
    assert first.positive.score[0] == pytest.approx([12, 2])
    assert second.positive.score[0] == pytest.approx([10, 1])
    assert summed.positive.score[0] == pytest.approx([0.5 * 12 + 0.1 * 10, 0.5 * 2 + 0.1 * 1])
    assert summed.group_mean[0] == pytest.approx([1.1, 7])


def test_one_epoch_with_a_weight_is_weighted_in_the_sum_alone():
    summed, only = trace([sketches([[1, 0], [3, 4]])], [sketches([[1, 0]])], [0, 1], 2, weights=[3])
    assert summed.positive.score[0] == pytest.approx([3, 1.8])
    assert only.positive.score[0] == pytest.approx([1, 0.6])
    assert summed.group_mean[0] == pytest.approx([3, 1.8])


def test_neither_the_order_of_the_examples_nor_the_memory_matters():
    """The training examples in another order, in small blocks: the same ids and scores."""
    rng = np.random.default_rng(1)
    left = rng.integers(-2, 3, size=(5000, 3)).astype(float)  # few values: many equal scores
    left[~left.any(1)] = 1
    right = rng.normal(size=(600, 3))
    ids = np.array([f"x{index:04d}" for index in range(5000)])
    runs = []
    for order, memory in ((np.arange(5000), 2.0), (rng.permutation(5000), 0.03)):
        train = [Sketches.of(left[order], ids[order].tolist(), {})]
        test = [Sketches.of(right, [str(index) for index in range(600)], {})]
        summed, _ = trace(train, test, order % 3, k=50, memory_gb=memory)
        runs.append((ids[order], summed))
    (names, one), (others, other) = runs
    for end in ("positive", "negative"):
        a, b = getattr(one, end), getattr(other, end)
        np.testing.assert_array_equal(names[a.index], others[b.index])
        np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_allclose(one.group_mean, other.group_mean, atol=1e-6)


@pytest.mark.skipif(not products.FAST, reason="torch does not multiply 8-bit numbers fast here")
def test_integer_products_are_exact_at_their_largest():
    rng = np.random.default_rng(0)
    for largest in (True, False):  # sums of two products would overflow first where all are large
        codes = rng.integers(1, 128, (5, 4096), np.uint8)
        left = rng.integers(-127, 128, (70, 4096), np.int8)
        if largest:
            codes[:], left[:] = 127, np.where(np.arange(70)[:, None] % 2, 127, -127)
        expected = (codes.astype(int) - products.ZERO_POINT) @ left.astype(int).T
        scales = rng.uniform(0.5, 2, 70).astype(np.float32)
        for multiplied in (products._by_onednn, products._by_floats):
            product = multiplied(left, scales)(codes)
            assert product == pytest.approx(expected * scales, rel=1e-6, abs=1)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_rows_kept_as_int8_are_scored_as_such(similarity, fast, tmp_path, monkeypatch):
    if fast and not products.FAST:
        pytest.skip("torch does not multiply 8-bit numbers fast here")
    monkeypatch.setattr(products, "FAST", fast)
    rng = np.random.default_rng(0)
    made = [rng.standard_normal((3000, 256)), rng.standard_normal((3000, 256))]
    tests = [sketches(rng.standard_normal((300, 256)), epoch) for epoch in (1, 2)]
    stored = []
    for epoch, rows in enumerate(made, start=1):
        ids = [str(index) for index in range(3000)]
        metadata = SketchMetadata(ids, {"epoch": epoch}, 256, {}, [], "int8")
        store = Sketches.empty(metadata, tmp_path / str(epoch))
        for block in metadata.blocks():
            store.write(block, rows[metadata.span(block)].astype(np.float32), {}, {})
        stored.append(Sketches.read(tmp_path / str(epoch)))
    exact = [sketches(rows, epoch) for epoch, rows in enumerate(made, start=1)]
    options = {"method": TracIn(similarity=similarity), "weights": [1.0, 0.5], "k": 50}
    groups = np.arange(3000) % 3
    for rough, right in zip(
        trace(stored, tests, groups, **options), trace(exact, tests, groups, **options), strict=True
    ):
        error = (rough.positive.score - right.positive.score).std()
        assert error < 0.02 / 16 * (1 if similarity == "cosine" else 256)  # 16 = √dimensions
        assert np.abs(rough.group_mean - right.group_mean).max() < error
        same = [
            len(np.intersect1d(a, b)) / 50
            for a, b in zip(rough.positive.index, right.positive.index, strict=True)
        ]
        assert np.mean(same) > 0.96


def test_shortened_rankings_are_the_first_of_both_ends():
    train = sketches([[1, 0], [3, 4], [0, 1], [-1, 0]])
    (traces, _) = trace([train], [sketches([[1, 0]])], np.zeros(4, int), k=3)
    short = shortened(traces, 2)
    assert short.positive.index.tolist() == [[0, 1]] and short.negative.index.tolist() == [[3, 2]]
    np.testing.assert_allclose(short.positive.score, [[1, 0.6]], rtol=1e-6)
    np.testing.assert_allclose(short.negative.score, [[-1, 0]], atol=1e-6)
    assert short.group_mean is traces.group_mean


def test_a_checkpoint_that_only_one_side_has_is_refused():
    train, test = [sketches([[1, 0], [0, 1]], epoch) for epoch in (1, 2)], [sketches([[1, 0]], 1)]
    with pytest.raises(ValueError):
        trace(train, test, np.array([0, 1]), k=1)


def test_scores_at_the_ends_of_the_bins_are_counted_in_the_outermost_ones():
    train, test = [sketches([[1, 0], [-1, 0], [0, 1]])], [sketches([[1, 0]])]
    edges, groups = np.array([-0.5, 0.0, 0.5]), np.zeros(3, int)
    counts = histograms(train, test, groups, np.zeros(1, int), edges)
    assert counts.tolist() == [[[1, 2]]]  # -1 lies below all bins, 1 above, 0 begins the second
