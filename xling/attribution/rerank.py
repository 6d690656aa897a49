"""The rankings of representations sorted anew by exact scores."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from xling.attribution.rankings import Traces, checked_k
from xling.attribution.top_k import Ranking
from xling.errors import ArgumentError


def candidates(traces: Traces) -> list[np.ndarray]:
    """Return the training examples that stand in the rankings of each test example."""
    both = np.concatenate([traces.positive.index, traces.negative.index], axis=1)
    return [np.unique(row) for row in both]


def reranked(
    traces: Traces,
    wanted: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    ids: Sequence[str],
    k: int,
) -> Traces:
    """Return the traces with the k best and worst of the candidates by their exact scores.

    Args:
        wanted: training examples of each test example, from `candidates`.
        scores: exact scores of each of them.
        ids: of all training examples; equal scores stand in their order.

    Raises:
        ValueError: scores that do not fit the candidates, fewer candidates than k.
    """
    sizes = [len(indices) for indices in wanted]
    if sizes != [len(exact) for exact in scores] or len(sizes) != len(traces.group_mean):
        raise ValueError("Each test example needs its candidates, and each of these a score.")
    if checked_k(k) > min(sizes):
        raise ArgumentError("k", f"Of {min(sizes)} candidates no {k} can be ranked.", min(sizes))
    names = np.array(ids)
    ends = []
    for sign in (-1, 1):
        rows = [
            np.lexsort((names[index], sign * score))[:k]
            for index, score in zip(wanted, scores, strict=True)
        ]
        ends.append(
            Ranking(
                np.stack([index[row] for index, row in zip(wanted, rows, strict=True)]),
                np.stack([score[row] for score, row in zip(scores, rows, strict=True)]),
            )
        )
    return dataclasses.replace(traces, positive=ends[0], negative=ends[1])
