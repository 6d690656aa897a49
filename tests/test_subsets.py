"""Sums of scores over subsets of the training data."""

import numpy as np
import pytest
from sketch_rows import sketches

from xling.attribution import TracIn, subset_sums


@pytest.mark.parametrize("memory_gb", [2.0, 0.05])
def test_sums_are_those_of_all_scores(memory_gb):
    rng = np.random.default_rng(0)
    left, right = ([rng.normal(size=(n, 16)) for _ in range(2)] for n in (5000, 300))
    inside = rng.random((7, 5000)) < 0.5
    sums = subset_sums(
        [sketches(rows, epoch) for epoch, rows in enumerate(left)],
        [sketches(rows, epoch) for epoch, rows in enumerate(right)],
        inside,
        TracIn(similarity="dot"),
        weights=[1.0, 0.25],
        memory_gb=memory_gb,
    )
    scores = right[0] @ left[0].T + 0.25 * right[1] @ left[1].T
    expected = inside @ scores.T
    np.testing.assert_allclose(sums, expected, atol=1e-4 * np.abs(expected).max())


def test_nothing_in_a_subset_sums_to_nothing_and_all_of_it_to_the_sum():
    train, test = [sketches([[1, 0], [0, 2], [1, 1]])], [sketches([[3, 0], [1, 1]])]
    inside = np.array([[False] * 3, [True] * 3, [False, True, False]])
    sums = subset_sums(train, test, inside, TracIn())
    half = 0.5**0.5
    np.testing.assert_allclose(sums, [[0, 0], [1 + half, 2 * half + 1], [0, half]], atol=1e-3)


def test_subsets_of_other_examples_are_refused():
    train, test = [sketches([[1, 0], [0, 2]])], [sketches([[3, 0]])]
    for inside in (np.ones((3, 3), bool), np.ones((3, 2)), np.ones(2, bool)):
        with pytest.raises(ValueError, match=r"booleans of shape \(subsets, 2\) are expected"):
            subset_sums(train, test, inside, TracIn())
