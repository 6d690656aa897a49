"""TracIn: scores per epoch and summed, their extremes and their means by group, in bounded memory.

The scores themselves are never all there. The training sketches stream from disk in tiles; each
tile is scored against the test sketches, and what it adds to the extremes and means is kept.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from xling.errors import UserError
from xling.influence.extremes import Largest, Ranking
from xling.influence.products import Scorer, Similarity, rows, scorers
from xling.sketch.store import Sketches, check_comparable

TRAIN_TILE = 2048
TEST_TILE = 256
"""Scores are made in tiles of this size: larger ones leave the processor's cache."""


@dataclasses.dataclass(frozen=True)
class Traces:
    """Influence of all training examples on all test examples, for one epoch or summed.

    Attributes:
        positive, negative: the largest and the smallest scores.
        group_mean: (test, groups) mean score over the training examples of each group.
    """

    positive: Ranking
    negative: Ranking
    group_mean: np.ndarray


def trace(
    train: Sequence[Sketches],
    test: Sequence[Sketches],
    groups: np.ndarray,
    k: int,
    *,
    similarity: Similarity = "cosine",
    weights: Sequence[float] | None = None,
    memory_gb: float = 2.0,
) -> list[Traces]:
    """Score every pair at each checkpoint, and by the sum.

    s_e(z, z') = cos(∇L(z, θ_e), ∇L(z', θ_e)) and I(z, z') = Σ_e w_e s_e(z, z'): Choenni et al.
    2023, eq. 2 with the normalisation of Barshan et al. 2020. With `dot`, s_e is the inner product
    and, weighted by the learning rates, I is the TracInCP of Pruthi et al. 2020. Both are those of
    the sketches, cosines with the sketches' own norms.

    Args:
        train, test: sketches at each checkpoint, in the order of the epochs.
        groups: (train,) the group of each training example, 0, 1, ...
        k: size of the rankings; equal scores stand in the order of the ids.
        similarity: of two gradients.
        weights: w_e of each epoch; None is 1. The traces of single epochs are not weighted.
        memory_gb: bound of the working memory, in 10⁹ bytes; test examples are taken in as many
            turns as it needs, and the training sketches read once a turn.

    Returns:
        The traces of I first, then of s_1, s_2, ...

    Raises:
        UserError: sketches that are not comparable or damaged, weights that do not fit the
            epochs, a bound too small for one tile.
    """
    for left, right in zip(train, test, strict=True):
        check_comparable(left, right)
    weights = [1.0] * len(train) if weights is None else list(weights)
    if len(weights) != len(train):
        raise UserError(f"{len(weights)} weights for {len(train)} epochs: one each is needed.")
    k = min(k, len(groups))
    turn = examples_at_once(train[0].facts.dimensions, len(train), k, memory_gb)
    order = np.empty(len(groups), np.int64)
    order[np.argsort(np.array(train[0].ids), kind="stable")] = np.arange(len(groups))
    parts = []
    for start in range(0, len(test[0]), turn):
        stop = min(start + turn, len(test[0]))
        made = [
            scorers(left, rows(right, start, stop, similarity), similarity)
            for left, right in zip(train, test, strict=True)
        ]
        parts.append(_turn(made, stop - start, groups, k, order, weights))
    return [_concatenate(each) for each in zip(*parts, strict=True)]


def examples_at_once(dimensions: int, epochs: int, k: int, memory_gb: float) -> int:
    """Return how many test examples fit into the memory bound beside the tiles.

    Raises:
        UserError: not even one tile of them does.
    """
    tiles = 4 * (3 * TRAIN_TILE * dimensions + 4 * TEST_TILE * TRAIN_TILE)
    sketches = (epochs * 4 + 1) * dimensions  # as floats, and one epoch's as integers beside them
    each = sketches + (epochs + 1) * 2 * k * 6 * 20  # and extremes, waiting
    found = int((memory_gb * 1e9 - tiles) / each) // TEST_TILE * TEST_TILE
    if found < TEST_TILE:
        needed = (tiles + TEST_TILE * each) / 1e9
        raise UserError(
            f"influence.memory_gb={memory_gb:g} is too little for sketches of {dimensions:,} "
            f"numbers at {epochs} epochs: write {needed:.1f} or more."
        )
    return found


def _turn(
    scorers: list[Callable[[int, int], Scorer]],
    tests: int,
    groups: np.ndarray,
    k: int,
    order: np.ndarray,
    weights: list[float],
) -> list[Traces]:
    """Score one turn of test examples against all training examples, by each epoch's scorers."""
    tiles = [slice(at, min(at + TEST_TILE, tests)) for at in range(0, tests, TEST_TILE)]
    sizes = [tile.stop - tile.start for tile in tiles]
    alone = len(scorers) == 1 and weights[0] == 1  # then the sum is the epoch's
    kinds = range(1 if alone else len(scorers) + 1)  # the sum, then the epochs
    ends = [[[Largest(size, k, order) for size in sizes] for _ in kinds] for _ in "+-"]
    counts = np.bincount(groups)
    onehot = np.eye(len(counts), dtype=np.float32)
    sums = [np.zeros((tests, len(counts))) for _ in kinds]
    for start in range(0, len(groups), TRAIN_TILE):
        stop = min(start + TRAIN_TILE, len(groups))
        score = [each(start, stop) for each in scorers]
        for number, tile in enumerate(tiles):
            for kind, scores in enumerate(_summed([each(tile) for each in score], weights)):
                sums[kind][tile] += scores @ onehot[groups[start:stop]]
                ends[0][kind][number].add(scores, start)
                ends[1][kind][number].add(np.negative(scores, out=scores), start)
    found = [
        Traces(
            _stacked([each.ranking() for each in ends[0][kind]]),
            _negated(_stacked([each.ranking() for each in ends[1][kind]])),
            sums[kind] / counts,
        )
        for kind in kinds
    ]
    return found * 2 if alone else found


def _summed(each: list[np.ndarray], weights: list[float]) -> Iterable[np.ndarray]:
    """Yield a tile's scores: the sum, then each epoch's."""
    if len(each) == 1 and weights[0] == 1:
        yield each[0]
        return
    total = weights[0] * each[0]
    for weight, scores in zip(weights[1:], each[1:], strict=True):
        total += scores if weight == 1 else weight * scores
    yield total
    yield from each


def _stacked(rankings: Sequence[Ranking]) -> Ranking:
    return Ranking(
        np.concatenate([each.index for each in rankings]),
        np.concatenate([each.score for each in rankings]),
    )


def _negated(ranking: Ranking) -> Ranking:
    return Ranking(ranking.index, -ranking.score)


def _concatenate(parts: Sequence[Traces]) -> Traces:
    return Traces(
        _stacked([part.positive for part in parts]),
        _stacked([part.negative for part in parts]),
        np.concatenate([part.group_mean for part in parts]),
    )
