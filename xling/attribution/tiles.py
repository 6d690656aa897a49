"""All scores, a tile of training and test examples at a time, in bounded memory."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from xling.attribution.method import Comparison, Method, Scorer
from xling.errors import ArgumentError
from xling.sketch.arguments import array, check_memory, real, sequence
from xling.sketch.store import Sketches

TRAIN_TILE = 2048
TEST_TILE = 256
"""Scores are made in tiles of this size: larger ones leave the processor's cache."""


@dataclasses.dataclass(frozen=True)
class Tile:
    """The scores of some training examples with some test examples.

    Attributes:
        train, test: which ones.
        summed: (test, train) weighted sum over the checkpoints, float32.
        epochs: (test, train) scores at each checkpoint; with one of weight 1, `summed` itself.
    """

    train: slice
    test: slice
    summed: np.ndarray
    epochs: list[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What fits into memory.

    Attributes:
        train: training examples of a tile, at most TRAIN_TILE.
        tests: test examples that are scored while the training examples are read once.
    """

    train: int
    tests: int

    def turns(self, tests: int) -> list[slice]:
        """Divide the test examples."""
        return spans(0, tests, self.tests)


def sizes(dimensions: int, epochs: int, memory_gb: float, beside: int = 0) -> Sizes:
    """Work out how much can be taken at once.

    Args:
        dimensions: numbers of a representation.
        memory_gb: bound of the working memory, in 10⁹ bytes.
        beside: bytes that are needed for each test example besides its representations.

    Raises:
        ArgumentError: not even one of the smallest tiles fits, or the bound is no size.
    """
    check_memory(memory_gb)
    # Floats of all epochs, of which one is being turned into something else.
    per_test = (epochs + 1) * 4 * dimensions + beside
    tile = 0
    for train in (TRAIN_TILE, TRAIN_TILE // 2, TRAIN_TILE // 4, TRAIN_TILE // 8):
        tile = 4 * train * ((epochs + 2) * dimensions + (epochs + 4) * TEST_TILE)
        tests = int((memory_gb * 1e9 - tile) / per_test) // TEST_TILE * TEST_TILE
        if tests >= TEST_TILE:
            return Sizes(train, tests)
    needed = math.ceil((tile + TEST_TILE * per_test) / 1e7) / 100
    raise ArgumentError(
        "memory_gb",
        f"A memory of {memory_gb:g} GB is too little for representations of {dimensions:,} numbers "
        f"at {'1 epoch' if epochs == 1 else f'{epochs} epochs'}: they need {needed:g} GB.",
        f"{needed:g}",
    )


def score_matrix(
    train: Sequence[Sketches],
    test: Sequence[Sketches],
    method: Method,
    *,
    weights: Sequence[float] | None = None,
    memory_gb: float = 2.0,
) -> Iterator[Tile]:
    """Return the scores of all pairs as a stream of tiles, which are never all in memory.

    The arguments are checked at the call; the scores are made when the tiles are asked for.

    Args:
        train, test: representations at each checkpoint, in the order of the epochs.
        method: made them.
        weights: of each checkpoint in the sum; None is 1.
        memory_gb: bound of the working memory, in 10⁹ bytes; the arrays of a tile are the caller's.

    Returns:
        Tiles that cover every pair once.

    Raises:
        ValueError: representations that are not comparable or damaged, weights that do not fit the
            epochs, a bound too small for one tile.
    """
    comparisons = compared(train, test, method)
    weights = checked_weights(weights, len(comparisons))
    fitting = sizes(widest(comparisons), len(comparisons), memory_gb)
    turns = fitting.turns(len(comparisons[0].test_ids))
    return chain.from_iterable(tiles(comparisons, turn, fitting.train, weights) for turn in turns)


def tiles(
    comparisons: Sequence[Comparison], turn: slice, train_tile: int, weights: Sequence[float]
) -> Iterator[Tile]:
    """Yield the scores of some test examples with all training examples.

    Args:
        comparisons: of each checkpoint.
        turn: the test examples.
        train_tile: training examples of a tile.
        weights: of each checkpoint in the sum.
    """
    scorers = [comparison.scorers(turn) for comparison in comparisons]
    parts = spans(0, turn.stop - turn.start, TEST_TILE)
    for train in spans(0, len(comparisons[0].train_ids), train_tile):
        yield from _tiles([scorer(train) for scorer in scorers], train, parts, turn.start, weights)


def _tiles(
    scorers: list[Scorer], train: slice, parts: list[slice], start: int, weights: Sequence[float]
) -> Iterator[Tile]:
    """Yield the scores of one tile of training examples, which is let go of afterwards."""
    for part in parts:
        epochs = [scorer(part) for scorer in scorers]
        test = slice(part.start + start, part.stop + start)
        yield Tile(train, test, weighted_sum(epochs, weights), epochs)


def weighted_sum(epochs: list[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Sum the scores of the checkpoints; those of the only one are not copied at weight 1."""
    if list(weights) == [1]:
        return epochs[0]
    total = weights[0] * epochs[0]
    for weight, scores in zip(weights[1:], epochs[1:], strict=True):
        total += scores if weight == 1 else weight * scores
    return total


def tiled_means(
    comparison: Comparison, test_groups: np.ndarray, memory_gb: float = 2.0
) -> np.ndarray:
    """Return each training example's mean score over the test examples of each group, by tiles.

    Returns:
        (train, test groups), float32.
    """
    counts = checked_groups(test_groups, len(comparison.test_ids), "test_groups")
    onehot = np.eye(len(counts))[test_groups]
    sums = np.zeros((len(comparison.train_ids), len(counts)))
    fitting = sizes(comparison.dimensions, 1, memory_gb)
    for turn in fitting.turns(len(comparison.test_ids)):
        for tile in tiles([comparison], turn, fitting.train, [1.0]):
            sums[tile.train] += tile.summed.T @ onehot[tile.test]
    return (sums / counts).astype(np.float32)


def compared(
    train: Sequence[Sketches], test: Sequence[Sketches], method: Method
) -> list[Comparison]:
    """Have a method compare the representations of every checkpoint.

    Raises:
        ValueError: none at all, what are not sequences of `Sketches`, training and test examples
            at different checkpoints, checkpoints out of order or of different examples, or what
            is not a method.
    """
    train, test = checked_sides(train, test)
    if isinstance(method, type) or not callable(getattr(method, "compare", None)):
        shown = method.__name__ if isinstance(method, type) else repr(method)
        raise ValueError(
            f"method={shown} is not possible: pass an attribution method, such as TracIn() or "
            'named("tracin").'
        )
    if not train or len(train) != len(test):
        raise ValueError(
            f"Training examples at {len(train)} epochs and test examples at {len(test)}: both are "
            "needed at the same epochs, at one or more."
        )
    for name, sides in (("training", train), ("test", test)):
        if any(other.ids != sides[0].ids for other in sides[1:]):
            raise ValueError(f"The {name} examples are not the same ones at every epoch.")
        if not len(sides[0]):
            raise ValueError(f"There are no {name} examples.")
    epochs = [sketches.metadata.settings.get("epoch") for sketches in train]
    known = [epoch for epoch in epochs if epoch is not None]
    if known != sorted(set(known)):
        raise ValueError(f"The epochs {', '.join(map(str, known))} are not in ascending order.")
    return [method.compare(left, right) for left, right in zip(train, test, strict=True)]


def checked_sides(train: Any, test: Any) -> tuple[list[Sketches], list[Sketches]]:
    """Return the representations of training and of test examples, those of each checkpoint.

    Raises:
        ValueError: not sequences of `Sketches`.
    """
    return _checked_side("train", train), _checked_side("test", test)


def _checked_side(name: str, side: Any) -> list[Sketches]:
    if isinstance(side, Sketches):
        raise ValueError(f"{name} is a single Sketches: pass a list, one for each checkpoint.")
    sides = sequence(name, side)
    for item in sides:
        if not isinstance(item, Sketches):
            raise ValueError(
                f"{name}: the Sketches of a checkpoint are expected, got a {type(item).__name__}."
            )
    return sides


def widest(comparisons: Sequence[Comparison]) -> int:
    """Return the most numbers that a representation has at any checkpoint."""
    return max(comparison.dimensions for comparison in comparisons)


def checked_weights(weights: Sequence[float] | None, epochs: int) -> list[float]:
    """Return one weight for each epoch.

    Raises:
        ArgumentError: their number is another, one is negative, not finite or not a number, or all
            are zero.
        ValueError: not a sequence.
    """
    if weights is None:
        return [1.0] * epochs
    weights = sequence("weights", weights)
    if len(weights) != epochs:
        raise ArgumentError(
            "weights", f"{len(weights)} weights for {epochs} epochs: each epoch needs one."
        )
    if wrong := [weight for weight in weights if not 0 <= real(weight) < math.inf]:
        raise ArgumentError(
            "weights", f"weights={wrong[0]!r} is not possible: write finite numbers from 0 on."
        )
    if not any(weights):
        raise ArgumentError("weights", "All weights are 0: write one or more that are above 0.")
    return weights


def checked_groups(groups: np.ndarray, examples: int, argument: str = "groups") -> np.ndarray:
    """Return how many examples each group has.

    Raises:
        ArgumentError: the groups are not numbered 0, 1, ..., or not one for each example.
    """
    values = array(argument, groups)
    if values.shape != (examples,):
        raise ArgumentError(
            argument, f"{argument} of shape {values.shape} for {examples} examples: each needs one."
        )
    if values.dtype.kind not in "iu":
        raise ArgumentError(
            argument,
            f"{argument} of type {values.dtype}: groups are numbered 0, 1, ... Names are turned "
            "into numbers by numpy.unique(names, return_inverse=True).",
        )
    if values.min() < 0:
        raise ArgumentError(argument, f"{argument}: {values.min()} is negative.")
    counts = np.bincount(values)
    if not counts.all():
        raise ArgumentError(argument, f"{argument}: no example is of group {counts.argmin()}.")
    return counts


def spans(start: int, stop: int, wide: int) -> list[slice]:
    """Divide a range into slices."""
    return [slice(at, min(at + wide, stop)) for at in range(start, stop, wide)]
