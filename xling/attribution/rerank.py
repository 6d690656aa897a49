"""The rankings of representations sorted anew by exact scores."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from xling.attribution.rankings import Traces
from xling.attribution.top_k import Ranking
from xling.attribution.tracin import checked_wanted
from xling.errors import ArgumentError
from xling.sketch.arguments import distinct_ids, real_array, sequence, whole_number


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
        ValueError: candidates that have no id, scores that do not fit the candidates or are not
            finite, fewer candidates than k, ids that are not distinct.
    """
    k, names = whole_number("k", k), np.array(distinct_ids(ids))
    wanted = checked_wanted(wanted, len(names), len(traces.group_mean))
    scores = [real_array("scores", exact, 1) for exact in sequence("scores", scores)]
    sizes = [len(indices) for indices in wanted]
    if sizes != [len(exact) for exact in scores] or len(sizes) != len(traces.group_mean):
        raise ValueError("Each test example needs its candidates, and each of these a score.")
    if not all(np.isfinite(exact).all() for exact in scores):
        raise ValueError("scores: every score has to be finite to be ranked.")
    fewest = min(sizes, default=0)
    if not fewest:
        raise ValueError("wanted: every test example needs one candidate or more.")
    if k > fewest:
        raise ArgumentError(
            "k",
            f"k={k} is more than the {fewest} candidates of a test example: write a whole number "
            f"from 1 to {fewest}.",
            fewest,
        )
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
