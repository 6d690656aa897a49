"""Inner products of training and test sketches, tile by tile, in the arithmetic of their store."""

import platform
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch

from xling.sketch.store import Sketches

Similarity = Literal["cosine", "dot"]

Scorer = Callable[[slice], np.ndarray]
"""Scores a slice of the test examples against one tile of training examples: (test, train)."""

ZERO_POINT = 64
"""A test sketch's code of zero; codes reach 63 to both sides. Processors without a sum of four
products add two of them in 16 bits, which 127 · 127 + 127 · 127 does not overflow."""

FAST = (
    platform.machine() in ("x86_64", "AMD64")
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.onednn, "qlinear_pointwise")
)
"""Whether this build of torch multiplies 8-bit numbers faster than floats."""


def rows(sketches: Sketches, start: int, stop: int, similarity: Similarity) -> np.ndarray:
    """Return the rows whose inner products are the scores."""
    units = sketches.units(start, stop)
    return units if similarity == "cosine" else units * sketches.norms[start:stop, None]


def scorers(
    train: Sketches, tests: np.ndarray, similarity: Similarity
) -> Callable[[int, int], Scorer]:
    """Return what makes the scorer of a tile of training examples, from `start` to `stop`.

    Sketches that are kept as int8 are multiplied as such, about twice as fast, with test sketches
    of 7 bits: the rounding moves a cosine by about 0.02/√dimensions where a row's numbers are of
    one size, and more where a few are much larger than the rest.

    Args:
        tests: (test, dimensions) from `rows`; may be overwritten.
    """
    made = _in_integers if train.metadata.precision == "int8" else _in_floats
    return made(train, tests, similarity)


def _in_floats(
    train: Sketches, tests: np.ndarray, similarity: Similarity
) -> Callable[[int, int], Scorer]:
    def tile(start: int, stop: int) -> Scorer:
        left = rows(train, start, stop, similarity)
        return lambda part: tests[part] @ left.T

    return tile


def _in_integers(
    train: Sketches, tests: np.ndarray, similarity: Similarity
) -> Callable[[int, int], Scorer]:
    scales = np.maximum(tests.max(1), -tests.min(1))[:, None] / (ZERO_POINT - 1)
    tests /= scales
    tests = np.rint(tests, out=tests)
    tests += ZERO_POINT
    codes = tests.astype(np.uint8)
    multiplied = _by_onednn if FAST else _by_floats

    def tile(start: int, stop: int) -> Scorer:
        left, lengths = train.codes(start, stop)
        if similarity == "dot":
            lengths = lengths * train.norms[start:stop]
        product = multiplied(left, lengths)
        return lambda part: product(codes[part]) * scales[part]

    return tile


def _by_onednn(left: np.ndarray, scales: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what multiplies codes of test sketches with those of training sketches.

    Args:
        left: (train, dimensions), int8.
        scales: (train,) by which the products are multiplied.
    """
    weight = torch.ops.onednn.qlinear_prepack(torch.tensor(left), None)
    scale, zeros = torch.tensor(scales), torch.zeros(len(left), dtype=torch.int32)

    def times(codes: np.ndarray, bias: torch.Tensor | None) -> torch.Tensor:
        inputs = (torch.from_numpy(codes), 1.0, 0)
        output = (1.0, 0, torch.float32, "none", [], "")
        return torch.ops.onednn.qlinear_pointwise(*inputs, weight, scale, zeros, bias, *output)

    middle = -times(np.full((1, left.shape[1]), ZERO_POINT, np.uint8), None)[0]
    return lambda codes: times(codes, middle).numpy()


def _by_floats(left: np.ndarray, scales: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Do as `_by_onednn` in single precision, for the same scores on every machine."""
    floats = left.astype(np.float32)
    return lambda codes: (codes.astype(np.float32) - ZERO_POINT) @ floats.T * scales
