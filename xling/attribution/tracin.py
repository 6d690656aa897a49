"""TracIn: scores per epoch and summed, their extremes and their means by group, in bounded memory.

The scores themselves are never all there. The training sketches stream from disk in tiles; each
tile is scored against the test sketches, and what it adds to the extremes and means is kept.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from xling.attribution.products import Similarity
from xling.attribution.tiles import TEST_TILE, sizes, spans, tiles
from xling.attribution.top_k import Largest, Ranking
from xling.errors import UserError
from xling.sketch.store import Sketches, check_comparable


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
    # Of each test example, the extremes at both ends and what waits to be selected from.
    beside = (len(train) + 1) * 2 * k * 6 * 20
    fitting = sizes(train[0].metadata.dimensions, len(train), memory_gb, beside)
    order = np.empty(len(groups), np.int64)
    order[np.argsort(np.array(train[0].ids), kind="stable")] = np.arange(len(groups))
    parts = []
    for turn in fitting.turns(len(test[0])):
        found = tiles(train, test, turn, fitting.train, similarity)
        parts.append(_turn(found, turn.stop - turn.start, groups, k, order, weights))
    return [concatenated(each) for each in zip(*parts, strict=True)]


def _turn(
    found: Iterable[tuple[slice, slice, list[np.ndarray]]],
    tests: int,
    groups: np.ndarray,
    k: int,
    order: np.ndarray,
    weights: list[float],
) -> list[Traces]:
    """Keep of the tiles of one turn of test examples what is asked for."""
    parts = spans(0, tests, TEST_TILE)
    alone = weights == [1]  # then the sum is the epoch's
    kinds = range(1 if alone else len(weights) + 1)  # the sum, then the epochs
    ends = [
        [[Largest(part.stop - part.start, k, order) for part in parts] for _ in kinds] for _ in "+-"
    ]
    counts = np.bincount(groups)
    onehot = np.eye(len(counts), dtype=np.float32)[groups]
    sums = [np.zeros((tests, len(counts))) for _ in kinds]
    for part, some, each in found:
        for kind, scores in enumerate(_summed(each, weights)):
            sums[kind][part] += scores @ onehot[some]
            high, low = (end[kind][part.start // TEST_TILE] for end in ends)
            high.add(scores, some.start)
            low.add(np.negative(scores, out=scores), some.start)
    return [
        Traces(
            _stacked([each.ranking() for each in ends[0][kind]]),
            _negated(_stacked([each.ranking() for each in ends[1][kind]])),
            sums[kind] / counts,
        )
        for kind in ([0, 0] if alone else kinds)
    ]


def _summed(each: list[np.ndarray], weights: list[float]) -> Iterable[np.ndarray]:
    """Yield a tile's scores: the sum, then each epoch's."""
    if weights == [1]:
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


def concatenated(parts: Sequence[Traces]) -> Traces:
    """Join the traces of several sets of test examples of the same training examples."""
    return Traces(
        _stacked([part.positive for part in parts]),
        _stacked([part.negative for part in parts]),
        np.concatenate([part.group_mean for part in parts]),
    )
