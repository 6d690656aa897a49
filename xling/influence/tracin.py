"""TracIn: scores per epoch and summed, their extremes and their means by group, in bounded memory.

The scores themselves are never all there. The training sketches stream from disk in tiles; each
tile is scored against the test sketches, and what it adds to the extremes and means is kept.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from xling.errors import UserError
from xling.influence.extremes import Largest, Ranking
from xling.sketch.store import Sketches, check_comparable

TRAIN_TILE = 2048
TEST_TILE = 256
"""Scores are made in tiles of this size: larger ones leave the processor's cache."""

Similarity = Literal["cosine", "dot"]


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
        tests = [rows(each, start, stop, similarity) for each in test]
        parts.append(_turn(train, tests, groups, k, order, similarity, weights))
    return [_concatenate(each) for each in zip(*parts, strict=True)]


def examples_at_once(dimensions: int, epochs: int, k: int, memory_gb: float) -> int:
    """Return how many test examples fit into the memory bound beside the tiles.

    Raises:
        UserError: not even one tile of them does.
    """
    tiles = 4 * (3 * TRAIN_TILE * dimensions + 4 * TEST_TILE * TRAIN_TILE)
    each = epochs * 4 * dimensions + (epochs + 1) * 2 * k * 6 * 20  # sketches; extremes, waiting
    found = int((memory_gb * 1e9 - tiles) / each) // TEST_TILE * TEST_TILE
    if found < TEST_TILE:
        needed = (tiles + TEST_TILE * each) / 1e9
        raise UserError(
            f"influence.memory_gb={memory_gb:g} is too little for sketches of {dimensions:,} "
            f"numbers at {epochs} epochs: write {needed:.1f} or more."
        )
    return found


def rows(sketches: Sketches, start: int, stop: int, similarity: Similarity) -> np.ndarray:
    """Return the rows whose inner products are the scores."""
    units = sketches.units(start, stop)
    return units if similarity == "cosine" else units * sketches.norms[start:stop, None]


def _turn(
    train: Sequence[Sketches],
    tests: list[np.ndarray],
    groups: np.ndarray,
    k: int,
    order: np.ndarray,
    similarity: Similarity,
    weights: list[float],
) -> list[Traces]:
    """Score one turn of test examples against all training examples."""
    tiles = [slice(at, at + TEST_TILE) for at in range(0, len(tests[0]), TEST_TILE)]
    sizes = [len(tests[0][tile]) for tile in tiles]
    alone = len(train) == 1 and weights[0] == 1  # then the sum is the epoch's
    kinds = range(1 if alone else len(train) + 1)  # the sum, then the epochs
    ends = [[[Largest(size, k, order) for size in sizes] for _ in kinds] for _ in "+-"]
    counts = np.bincount(groups)
    onehot = np.eye(len(counts), dtype=np.float32)
    means = [np.zeros((len(counts), each.shape[1])) for each in tests]
    for start in range(0, len(groups), TRAIN_TILE):
        stop = min(start + TRAIN_TILE, len(groups))
        lefts = [rows(each, start, stop, similarity) for each in train]
        for epoch, left in enumerate(lefts):
            means[epoch] += onehot[:, groups[start:stop]] @ left
        for number, tile in enumerate(tiles):
            for kind, scores in enumerate(_scores(lefts, [each[tile] for each in tests], weights)):
                ends[0][kind][number].add(scores, start)
                ends[1][kind][number].add(np.negative(scores, out=scores), start)
    means = [(mean / counts[:, None]).astype(np.float32) for mean in means]
    by_epoch = [right @ mean.T for right, mean in zip(tests, means, strict=True)]
    total = sum(weight * each for weight, each in zip(weights, by_epoch, strict=True))
    found = [
        Traces(
            _stacked([each.ranking() for each in ends[0][kind]]),
            _negated(_stacked([each.ranking() for each in ends[1][kind]])),
            [total, *by_epoch][kind],
        )
        for kind in kinds
    ]
    return found * 2 if alone else found


def _scores(
    lefts: list[np.ndarray], rights: list[np.ndarray], weights: list[float]
) -> Iterable[np.ndarray]:
    """Yield a tile's scores: the sum, then each epoch's."""
    each = [right @ left.T for left, right in zip(lefts, rights, strict=True)]
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
