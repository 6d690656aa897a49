"""All scores, a tile of training and test examples at a time, in bounded memory."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from xling.attribution.products import Scorer, Similarity, rows, scorers
from xling.errors import UserError
from xling.sketch.store import Sketches

TRAIN_TILE = 2048
TEST_TILE = 256
"""Scores are made in tiles of this size: larger ones leave the processor's cache."""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What fits into memory.

    Attributes:
        train: training examples of a tile, at most TRAIN_TILE.
        tests: test examples that are scored while the training sketches are read once.
    """

    train: int
    tests: int

    def turns(self, tests: int) -> list[slice]:
        """Divide the test examples."""
        return spans(0, tests, self.tests)


def sizes(dimensions: int, epochs: int, memory_gb: float, beside: int = 0) -> Sizes:
    """Work out how much can be taken at once.

    Args:
        dimensions: numbers of a sketch.
        memory_gb: bound of the working memory, in 10⁹ bytes.
        beside: bytes that are needed for each test example besides its sketches.

    Raises:
        UserError: not even one of the smallest tiles fits.
    """
    # Floats of all epochs, of which one is being turned into something else.
    each = (epochs + 1) * 4 * dimensions + beside
    for train in (TRAIN_TILE, TRAIN_TILE // 2, TRAIN_TILE // 4, TRAIN_TILE // 8):
        tile = 4 * train * ((epochs + 2) * dimensions + (epochs + 4) * TEST_TILE)
        tests = int((memory_gb * 1e9 - tile) / each) // TEST_TILE * TEST_TILE
        if tests >= TEST_TILE:
            return Sizes(train, tests)
    needed = (tile + TEST_TILE * each) / 1e9
    raise UserError(
        f"influence.memory_gb={memory_gb:g} is too little for sketches of {dimensions:,} numbers "
        f"at {epochs} epochs: write {np.ceil(needed * 100) / 100:g} or more."
    )


def tiles(
    train: Sequence[Sketches],
    test: Sequence[Sketches],
    turn: slice,
    train_tile: int,
    similarity: Similarity,
) -> Iterator[tuple[slice, slice, list[np.ndarray]]]:
    """Yield the scores of some test examples with all training examples.

    Args:
        train, test: sketches at each checkpoint.
        turn: the test examples.

    Returns:
        Test examples, counted from the turn's first; training examples; their scores at each
        checkpoint, (test, train) each. The arrays are the caller's.
    """
    made = [
        scorers(left, rows(right, turn.start, turn.stop, similarity), similarity)
        for left, right in zip(train, test, strict=True)
    ]
    parts = spans(0, turn.stop - turn.start, TEST_TILE)
    for some in spans(0, len(train[0]), train_tile):
        yield from _tile([each(some.start, some.stop) for each in made], some, parts)


def _tile(
    score: list[Scorer], some: slice, parts: list[slice]
) -> Iterator[tuple[slice, slice, list[np.ndarray]]]:
    """Yield the scores of one tile of training examples, which is let go of afterwards."""
    for part in parts:
        yield part, some, [each(part) for each in score]


def spans(start: int, stop: int, wide: int) -> list[slice]:
    """Divide a range into slices."""
    return [slice(at, min(at + wide, stop)) for at in range(start, stop, wide)]
