"""Scores per epoch and summed: their extremes and their means by group, in bounded memory.

The scores themselves are never all there. The training representations stream from disk in tiles;
each tile is scored against the test examples, and what it adds to the extremes and means is kept.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from xling.attribution.method import Comparison, Method
from xling.attribution.tiles import (
    TEST_TILE,
    Sizes,
    checked_groups,
    checked_weights,
    compared,
    sizes,
    spans,
    tiles,
    widest,
)
from xling.attribution.top_k import Extremes, Ranking
from xling.attribution.tracin import TracIn
from xling.errors import ArgumentError
from xling.sketch.arguments import sequence, whole_number
from xling.sketch.store import Sketches


@dataclasses.dataclass(frozen=True)
class Traces:
    """Scores of all training examples for all test examples, of one epoch or summed.

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
    method: Method | None = None,
    weights: Sequence[float] | None = None,
    memory_gb: float = 2.0,
) -> list[Traces]:
    """Score every pair at each checkpoint, and by the sum I(z, z') = Σ_e w_e s_e(z, z').

    Args:
        train, test: representations at each checkpoint, in the order of the epochs.
        groups: (train,) the group of each training example, 0, 1, ...
        k: size of the rankings; equal scores stand in the order of the ids.
        method: that made the representations; None is `TracIn` with cosines.
        weights: w_e of each epoch; None is 1. The traces of single epochs are not weighted.
        memory_gb: bound of the working memory, in 10⁹ bytes; test examples are taken in as many
            turns as it needs, and the training examples read once a turn.

    Returns:
        The traces of I first, then of s_1, s_2, ...

    Raises:
        ValueError: representations that are not comparable or damaged, groups or weights that do
            not fit, a bound too small for one tile, scores that are not finite.
    """
    comparisons = compared(train, test, TracIn() if method is None else method)
    weights = checked_weights(weights, len(comparisons))
    checked_groups(groups, len(comparisons[0].train_ids))
    groups = np.asarray(groups)
    k = min(whole_number("k", k), len(groups))
    fitting = tile_sizes(widest(comparisons), len(comparisons), k, memory_gb)
    order = np.empty(len(groups), np.int64)
    order[np.argsort(np.array(comparisons[0].train_ids), kind="stable")] = np.arange(len(groups))
    parts = [
        _turn(comparisons, turn, fitting.train, groups, k, order, weights)
        for turn in fitting.turns(len(comparisons[0].test_ids))
    ]
    return [concatenated(of_one_kind) for of_one_kind in zip(*parts, strict=True)]


def tile_sizes(dimensions: int, epochs: int, k: int, memory_gb: float) -> Sizes:
    """Work out how much of representations can be compared at once, before there are any.

    Args:
        dimensions: numbers of a representation.
        epochs, k, memory_gb: as in `trace`.

    Raises:
        ArgumentError: not even one of the smallest tiles fits into `memory_gb`.
    """
    # Of each test example, the extremes at both ends and what waits to be selected from.
    return sizes(dimensions, epochs, memory_gb, (epochs + 1) * 2 * k * 6 * 20)


def _turn(
    comparisons: Sequence[Comparison],
    turn: slice,
    train_tile: int,
    groups: np.ndarray,
    k: int,
    order: np.ndarray,
    weights: list[float],
) -> list[Traces]:
    """Keep of the tiles of one turn of test examples what is asked for."""
    tests = turn.stop - turn.start
    parts = spans(0, tests, TEST_TILE)
    alone = weights == [1]  # then the sum is the epoch's
    kinds = range(1 if alone else len(weights) + 1)  # the sum, then the epochs
    extremes = [[Extremes(part.stop - part.start, k, order) for part in parts] for _ in kinds]
    counts = np.bincount(groups)
    onehot = np.eye(len(counts), dtype=np.float32)[groups]
    sums = [np.zeros((tests, len(counts))) for _ in kinds]
    for tile in tiles(comparisons, turn, train_tile, weights):
        start = tile.test.start - turn.start
        part = slice(start, tile.test.stop - turn.start)
        every_kind: Iterable[np.ndarray] = [tile.summed] if alone else [tile.summed, *tile.epochs]
        for kind, scores in enumerate(every_kind):
            sums[kind][part] += scores @ onehot[tile.train]
            extremes[kind][start // TEST_TILE].add(scores, tile.train.start)
    if not all(np.isfinite(sum_of_kind).all() for sum_of_kind in sums):
        raise ArgumentError(
            "losses", "Some scores are not finite: they can neither be ranked nor averaged."
        )
    traces = []
    for of_kind, sum_of_kind in zip(extremes, sums, strict=True):
        largest, smallest = zip(*(part.rankings() for part in of_kind), strict=True)
        traces.append(Traces(_stacked(largest), _stacked(smallest), sum_of_kind / counts))
    return [*traces, *traces] if alone else traces


def shortened(traces: Traces, k: int) -> Traces:
    """Return the traces with rankings of at most k.

    Raises:
        ArgumentError: k is not a whole number from 1 on.
    """
    k = whole_number("k", k)
    positive, negative = (
        Ranking(ranking.index[:, :k], ranking.score[:, :k])
        for ranking in (traces.positive, traces.negative)
    )
    return dataclasses.replace(traces, positive=positive, negative=negative)


def concatenated(parts: Sequence[Traces]) -> Traces:
    """Join the traces of several sets of test examples of the same training examples.

    Raises:
        ValueError: none, or traces with other numbers of ranks or of groups.
    """
    parts = sequence("parts", parts)
    if not parts:
        raise ValueError("parts is empty: there are no traces to join.")
    widths = {(part.positive.index.shape[1], part.group_mean.shape[1]) for part in parts}
    if len(widths) > 1:
        raise ValueError(
            "parts: traces with rankings of one size and the same groups are expected."
        )
    return Traces(
        _stacked([part.positive for part in parts]),
        _stacked([part.negative for part in parts]),
        np.concatenate([part.group_mean for part in parts]),
    )


def _stacked(rankings: Sequence[Ranking]) -> Ranking:
    return Ranking(
        np.concatenate([ranking.index for ranking in rankings]),
        np.concatenate([ranking.score for ranking in rankings]),
    )
