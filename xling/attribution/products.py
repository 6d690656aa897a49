"""Inner products of training and test rows, tile by tile, in the arithmetic of their store."""

import dataclasses
import platform
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import torch

from xling.attribution.method import Scorer
from xling.attribution.tiles import TRAIN_TILE, spans
from xling.sketch.store import Sketches, check_comparable

Similarity = Literal["cosine", "dot"]

ZERO_POINT = 64
"""A test row's code of zero; codes reach 63 to both sides. Processors without a sum of four
products add two of them in 16 bits, which 127 · 127 + 127 · 127 does not overflow."""

FAST = (
    platform.machine() in ("x86_64", "AMD64")
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.onednn, "qlinear_pointwise")
)
"""Whether this build of torch multiplies 8-bit numbers faster than floats."""


@dataclasses.dataclass(frozen=True)
class InnerProducts:
    """Scores that are inner products of rows: a `Comparison`.

    Rows that are kept as int8 are multiplied as such, about twice as fast, with test rows of 7
    bits: the rounding moves a cosine by about 0.02/√dimensions where a row's numbers are of one
    size, and more where a few are much larger than the rest.

    Attributes:
        train, test: the rows of one checkpoint.
        similarity: cosine, with the rows' own norms, or dot for the plain product.

    Raises:
        ValueError: rows that are not comparable, or of norm zero or not finite.
    """

    train: Sketches
    test: Sketches
    similarity: Similarity = "cosine"

    def __post_init__(self) -> None:
        check_similarity(self.similarity)
        check_comparable(self.train, self.test)
        for sketches in (self.train, self.test):
            wrong = ~(np.isfinite(sketches.norms) & (sketches.norms > 0))
            if wrong.any():
                row = int(wrong.argmax())
                raise ValueError(
                    f"The row of example {sketches.ids[row]} has the norm {sketches.norms[row]:g} "
                    f"({int(wrong.sum())} such examples): it has no direction to compare."
                )

    @property
    def train_ids(self) -> Sequence[str]:
        """Ids of the training examples."""
        return self.train.ids

    @property
    def test_ids(self) -> Sequence[str]:
        """Ids of the test examples."""
        return self.test.ids

    @property
    def dimensions(self) -> int:
        """Numbers of a row."""
        return self.train.metadata.dimensions

    def scorers(self, tests: slice) -> Callable[[slice], Scorer]:
        """Take a slice of the test examples; return what makes the scorer of a training tile."""
        taken = rows(self.test, tests.start, tests.stop, self.similarity)
        return products(self.train, taken, factors(self.train, self.similarity))

    def mean_scores(self, test_groups: np.ndarray) -> np.ndarray:
        """Return (train, test groups) mean scores: those of the groups' mean rows."""
        tests = rows(self.test, 0, len(self.test), self.similarity)
        return mean_products(self.train, tests, factors(self.train, self.similarity), test_groups)


def check_similarity(similarity: str) -> None:
    """Refuse a similarity of another name.

    Raises:
        ValueError: naming those that there are.
    """
    known = get_args(Similarity)
    if similarity not in known:
        raise ValueError(f"There is no similarity {similarity!r}; there are {', '.join(known)}.")


def rows(sketches: Sketches, start: int, stop: int, similarity: Similarity) -> np.ndarray:
    """Return the rows whose inner products are the scores."""
    units = sketches.units(start, stop)
    return units if similarity == "cosine" else units * sketches.norms[start:stop, None]


def factors(sketches: Sketches, similarity: Similarity) -> np.ndarray | None:
    """Return what rows of norm one are multiplied by; None where they are taken as they are."""
    return None if similarity == "cosine" else sketches.norms


def products(
    train: Sketches, tests: np.ndarray, lengths: np.ndarray | None
) -> Callable[[slice], Scorer]:
    """Return what makes the scorer of a training tile: inner products with rows of test examples.

    Args:
        train: the training rows, which are multiplied in the arithmetic of their store.
        tests: (test, dimensions), float32, overwritten.
        lengths: (train,) of the training rows; None are those of norm one.
    """
    made = _in_integers if train.metadata.precision == "int8" else _in_floats
    return made(train, tests, lengths)


def mean_products(
    train: Sketches, tests: np.ndarray, lengths: np.ndarray | None, test_groups: np.ndarray
) -> np.ndarray:
    """Return (train, test groups) mean inner products: those of the groups' mean rows.

    Args:
        train, tests, lengths: as in `products`.
        test_groups: (test,) the group of each test example, 0, 1, ...
    """
    onehot = np.eye(test_groups.max() + 1, dtype=np.float32)[test_groups]
    means = onehot.T @ tests / onehot.sum(0)[:, None]
    parts = []
    for tile in spans(0, len(train), TRAIN_TILE):
        left = train.units(tile.start, tile.stop)
        left = left if lengths is None else left * lengths[tile, None]
        parts.append(left @ means.T)
    return np.concatenate(parts)


def _in_floats(
    train: Sketches, tests: np.ndarray, lengths: np.ndarray | None
) -> Callable[[slice], Scorer]:
    def scorer(tile: slice) -> Scorer:
        left = train.units(tile.start, tile.stop)
        left = left if lengths is None else left * lengths[tile, None]
        return lambda part: tests[part] @ left.T

    return scorer


def _in_integers(
    train: Sketches, tests: np.ndarray, lengths: np.ndarray | None
) -> Callable[[slice], Scorer]:
    """Multiply with 8-bit numbers; `tests` is overwritten."""
    scales = np.maximum(tests.max(1), -tests.min(1))[:, None] / (ZERO_POINT - 1)
    tests /= scales
    tests = np.rint(tests, out=tests)
    tests += ZERO_POINT
    codes = tests.astype(np.uint8)
    multiplied = _by_onednn if FAST else _by_floats

    def scorer(tile: slice) -> Scorer:
        left, steps = train.codes(tile.start, tile.stop)
        if lengths is not None:
            steps = steps * lengths[tile]
        product = multiplied(left, steps)
        return lambda part: product(codes[part]) * scales[part]

    return scorer


def _by_onednn(left: np.ndarray, scales: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what multiplies codes of test rows with those of training rows.

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
