"""Sketches of a whole set of examples: batches by length, rows in the examples' order."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from torch import Tensor, nn

from xling.errors import UserError
from xling.sketch.gradients import GradientSketcher
from xling.sketch.projection import VERSION, Projection
from xling.sketch.store import Sketches

Progress = Callable[[Iterable[list[int]]], Iterable[list[int]]]


def batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Group examples of like length, longest first, into batches of at most `batch_tokens`.

    Args:
        lengths: tokens of each example.
        batch_tokens: examples in a batch times its longest length; one example may be longer.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        if not groups or (len(groups[-1]) + 1) * lengths[groups[-1][0]] > batch_tokens:
            groups.append([])
        groups[-1].append(index)
    return groups


def sketch_examples(
    model: nn.Module,
    losses: Callable[[list[int]], Tensor],
    ids: Sequence[str],
    lengths: Sequence[int],
    projection: Projection,
    epoch: int,
    *,
    skip: tuple[str, ...] = (),
    batch_tokens: int = 2048,
    progress: Progress = iter,
) -> Sketches:
    """Sketch the loss gradient of every example at the model's present weights.

    Args:
        model: its weights are frozen meanwhile and its modes restored.
        losses: runs the model on the examples of these indices, one loss each.
        ids, lengths: of the examples, in order.
        projection, epoch: of the random matrices; the same for sketches to be compared.
        skip: patterns of parameters to leave out.
        batch_tokens: see `batches`; the result does not depend on it.
        progress: wraps the iteration over the batches.

    Raises:
        UserError: a gradient that is zero or not finite, naming the example.
    """
    with GradientSketcher(model, projection, epoch, skip) as sketcher:
        plan = sketcher.plan
        rows = np.empty((len(ids), plan.dimensions(projection)), np.float32)
        norms: dict[str, float] = {}
        for group in progress(batches(lengths, batch_tokens)):
            batch = sketcher(lambda group=group: losses(group), len(group))
            rows[group] = batch.rows.float().cpu().numpy()
            for name, square in batch.square_norms.items():
                norms[name] = norms.get(name, 0.0) + float(square.sum())
    check_rows(rows, ids)
    settings = {
        "version": VERSION,
        "epoch": epoch,
        **dataclasses.asdict(projection),
        "parameters": _parameters_digest(model, plan.covered),
    }
    means = {name: total / max(len(ids), 1) for name, total in norms.items()}
    return Sketches(rows, list(ids), settings, means, plan.sizes, list(plan.skipped))


def check_rows(rows: np.ndarray, ids: Sequence[str]) -> None:
    """Refuse gradients that have no direction.

    Raises:
        UserError: naming the first example whose gradient is zero or not finite.
    """
    norms = np.linalg.norm(rows, axis=1)
    for problem, wrong in (("not finite", ~np.isfinite(norms)), ("zero", norms == 0)):
        if wrong.any():
            raise UserError(
                f"The gradient of example {ids[int(wrong.argmax())]} is {problem} "
                f"({int(wrong.sum())} such examples); it cannot be traced. A lower "
                "tuning.learning_rate or trainer.precision=32-true may help."
            )


def _parameters_digest(model: nn.Module, names: Sequence[str]) -> str:
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    text = repr([(name, shapes[name]) for name in names])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
