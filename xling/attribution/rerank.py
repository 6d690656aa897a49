"""Exact influence for the candidates that the sketches name."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from xling.attribution.products import Similarity
from xling.attribution.top_k import Ranking
from xling.attribution.tracin import Traces
from xling.errors import UserError
from xling.sketch import GradientSketcher, Projection, Source
from xling.sketch.examples import batches, check_rows


def candidates(traces: Traces) -> list[np.ndarray]:
    """Return the training examples that stand in the rankings of each test example."""
    both = np.concatenate([traces.positive.index, traces.negative.index], axis=1)
    return [np.unique(row) for row in both]


def exact_scores(
    model: nn.Module,
    train: Source,
    test: Source,
    wanted: Sequence[np.ndarray],
    *,
    similarity: Similarity = "cosine",
    skip: tuple[str, ...] = (),
    memory_gb: float = 2.0,
    batch_tokens: int = 2048,
    progress: Callable[[Iterable[int], int], Iterable[int]] = lambda done, total: done,
) -> list[np.ndarray]:
    """Score chosen pairs by their whole gradients at the model's present weights.

    The gradients of as many test examples as fit are kept, and every training example that one of
    them wants is made anew for each such turn.

    Args:
        wanted: training examples of each test example.
        memory_gb: bound of the memory for gradients, in 10⁹ bytes.
        progress: wraps the numbers of training gradients done, given their total.

    Returns:
        Scores of the wanted pairs of each test example.

    Raises:
        UserError: the bound is too small for two gradients, or a gradient is zero or not finite.
    """
    scores = [np.empty(len(each), np.float32) for each in wanted]
    with GradientSketcher(model, Projection(method="exact"), epoch=0, skip=skip) as sketcher:
        size = sketcher.plan.dimensions(sketcher.projection)
        turn, batch = _how_many(size, memory_gb)
        turns = [range(at, min(at + turn, len(wanted))) for at in range(0, len(wanted), turn)]
        unions = [np.unique(np.concatenate([wanted[i] for i in each])) for each in turns]

        def work() -> Iterator[int]:
            for each, union in zip(turns, unions, strict=True):
                tests = torch.empty(len(each), size)
                for group, rows in _gradients(sketcher, test, list(each), batch, batch_tokens):
                    tests[[index - each.start for index in group]] = _unit(rows, similarity)
                for group, rows in _gradients(sketcher, train, union.tolist(), batch, batch_tokens):
                    found = (tests @ _unit(rows, similarity).T).numpy()
                    for row, index in enumerate(each):
                        _, ours, theirs = np.intersect1d(wanted[index], group, return_indices=True)
                        scores[index][ours] = found[row, theirs]
                    yield len(group)

        for _ in progress(work(), sum(map(len, unions))):
            pass
    return scores


def reranked(
    traces: Traces,
    wanted: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    ids: Sequence[str],
    k: int,
) -> Traces:
    """Return the traces with the k best and worst of the candidates by their exact scores."""
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


def shortened(traces: Traces, k: int) -> Traces:
    """Return the traces with rankings of at most k."""
    positive, negative = (
        Ranking(each.index[:, :k], each.score[:, :k]) for each in (traces.positive, traces.negative)
    )
    return dataclasses.replace(traces, positive=positive, negative=negative)


def _how_many(size: int, memory_gb: float) -> tuple[int, int]:
    """Return test examples per turn and training examples per batch: half of the memory each."""
    turn, batch = int(memory_gb * 0.5e9 / (4 * size)), int(memory_gb * 0.5e9 / (12 * size))
    if not batch:
        raise UserError(
            f"influence.memory_gb={memory_gb:g} is too little for exact gradients of {size:,} "
            f"numbers: write {24e-9 * size:.1f} or more."
        )
    return turn, batch


def _gradients(
    sketcher: GradientSketcher, source: Source, chosen: list[int], most: int, batch_tokens: int
) -> Iterator[tuple[list[int], Tensor]]:
    for group in batches([source.lengths[index] for index in chosen], batch_tokens):
        for start in range(0, len(group), most):
            part = [chosen[i] for i in group[start : start + most]]
            rows = sketcher(lambda part=part: source.losses(part), len(part)).rows.float().cpu()
            check_rows(rows.numpy(), [source.ids[index] for index in part])
            yield part, rows


def _unit(rows: Tensor, similarity: Similarity) -> Tensor:
    return torch.nn.functional.normalize(rows) if similarity == "cosine" else rows
