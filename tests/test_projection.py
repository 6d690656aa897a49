"""Projections: which map a parameter has, and numbers that are the same on every machine."""

import pytest
import torch

from xling.sketch import Projection
from xling.sketch.projection import CountSketch, Kronecker, gaussian


@pytest.mark.parametrize(
    ("shape", "kind"), [((4, 9), Kronecker), ((9, 4), Kronecker), ((3, 9), CountSketch)]
)
def test_a_matrix_has_two_factors_if_its_smaller_side_is_at_least_the_sketch_s(shape, kind):
    assert type(Projection(side=4, stack=1).of("w", torch.Size(shape), 1)) is kind


def test_random_numbers_of_a_key_are_those_that_were_recorded():
    recorded = [[0.7066238034835881, 0.6854526914086815], [-0.7902400776297086, 0.5050048399505693]]
    expected = torch.tensor(recorded, dtype=torch.float64)
    assert torch.allclose(gaussian("a key", (2, 2)), expected, rtol=0, atol=1e-14)


def test_random_numbers_are_finite_and_standard_normal():
    numbers = gaussian("another key", (1000, 1000))
    assert numbers.isfinite().all()
    assert abs(float(numbers.mean())) < 5e-3 and abs(float(numbers.var()) - 1) < 1e-2
