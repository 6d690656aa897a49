"""TracIn with cosines: scores per epoch and summed, their extremes and their means by group."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from xling.sketch.store import Sketches, check_comparable

TEST_BLOCK = 256


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The k most extreme training examples of each test example.

    Attributes:
        index: (test, k) rows of the training examples, the most extreme first.
        score: (test, k) their scores.
    """

    index: np.ndarray
    score: np.ndarray


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
    train: Sequence[Sketches], test: Sequence[Sketches], groups: np.ndarray, k: int
) -> list[Traces]:
    """Score every pair by the cosine of their gradients at each checkpoint, and by the sum.

    s_e(z, z') = cos(∇L(z, θ_e), ∇L(z', θ_e)) and I(z, z') = Σ_e s_e(z, z'): Choenni et al. 2023,
    eq. 2 with the normalisation of Barshan et al. 2020. The cosines use the sketches' own norms.

    Args:
        train, test: sketches at each checkpoint, in the order of the epochs.
        groups: (train,) the group of each training example, 0, 1, ...
        k: size of the rankings.

    Returns:
        The traces of I first, then of s_1, s_2, ...

    Raises:
        UserError: sketches that are not comparable.
    """
    for left, right in zip(train, test, strict=True):
        check_comparable(left, right)
    onehot = np.eye(groups.max() + 1, dtype=np.float32)[groups]
    share = onehot / onehot.sum(0)
    k = min(k, len(groups))
    blocks: list[list[Traces]] = []
    for start in range(0, len(test[0].ids), TEST_BLOCK):
        summed = np.zeros((), np.float32)
        epochs = []
        for left, right in zip(train, test, strict=True):
            scores = unit(right.rows[start : start + TEST_BLOCK]) @ unit(left.rows).T
            epochs.append(_traces(scores, share, k))
            summed = summed + scores
        blocks.append([_traces(summed, share, k), *epochs])
    return [_concatenate(parts) for parts in zip(*blocks, strict=True)]


def unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows to norm one."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def largest(scores: np.ndarray, k: int) -> Ranking:
    """Return the k largest scores of each row, ties in the order of the columns.

    Args:
        scores: (test, train).
    """
    index = np.empty((len(scores), k), np.int64)
    for row, values in enumerate(scores):
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        candidates = np.flatnonzero(values >= threshold)
        index[row] = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
    return Ranking(index, np.take_along_axis(scores, index, axis=1))


def _traces(scores: np.ndarray, share: np.ndarray, k: int) -> Traces:
    opposite = largest(-scores, k)
    negative = Ranking(opposite.index, -opposite.score)
    return Traces(largest(scores, k), negative, scores @ share)


def _concatenate(parts: Sequence[Traces]) -> Traces:
    def ranking(rankings: list[Ranking]) -> Ranking:
        return Ranking(
            np.concatenate([each.index for each in rankings]),
            np.concatenate([each.score for each in rankings]),
        )

    return Traces(
        ranking([part.positive for part in parts]),
        ranking([part.negative for part in parts]),
        np.concatenate([part.group_mean for part in parts]),
    )
