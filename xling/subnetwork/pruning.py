"""Iterative pruning: remove the least important heads as long as the accuracy holds."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xling.sketch.arguments import check_fraction, real, sequence
from xling.subnetwork.masks import checked_shape


@dataclasses.dataclass(frozen=True)
class PruningStep:
    """One step of pruning.

    Attributes:
        mask: (layers, heads), True for heads that are on.
        accuracy: of the model with this mask, 0 to 1.
    """

    mask: np.ndarray
    accuracy: float

    @property
    def disabled(self) -> int:
        """Number of heads that are off."""
        return int((~self.mask).sum())


def prune(
    shape: tuple[int, int],
    importance: Callable[[np.ndarray], np.ndarray],
    accuracy: Callable[[np.ndarray], float],
    fraction: float = 0.1,
    keep: float = 0.95,
    progress: Callable[[PruningStep], object] = lambda step: None,
) -> list[PruningStep]:
    """Remove the heads of the lowest importance, again and again (Choenni et al. 2024, §3.1).

    Each step removes `fraction` of the original number of heads, rounded down, but at least one,
    with the importance estimated anew for the remaining heads. Pruning ends with the first step
    whose accuracy is below `keep` times the unpruned one, or when the next step would leave no
    head. A layer may lose all its heads: its attention then adds nothing but its output bias.

    Args:
        shape: number of layers, and of heads per layer.
        importance: of the heads, (layers, heads), given the mask of those that are on.
        accuracy: of the model, given such a mask.
        fraction: share of the heads that a step removes, above 0 and below 1.
        keep: share of the unpruned accuracy that has to remain, above 0 and at most 1.
        progress: receives each step.

    Returns:
        The steps, the unpruned model first; `stops_at` tells which of them is the subnetwork.

    Raises:
        ArgumentError: `fraction` or `keep` out of its range.
        ValueError: importances of another shape, an importance of a head that is on or an accuracy
            that is not finite, or a shape that is not two whole numbers from 1 on.
    """
    check_fraction("fraction", fraction)
    check_fraction("keep", keep, one=True)
    mask = np.ones(checked_shape(shape), bool)
    step_size = max(1, int(fraction * mask.size))
    steps = [PruningStep(mask, _checked_accuracy(accuracy(mask)))]
    progress(steps[0])
    while steps[-1].mask.sum() > step_size and steps[-1].accuracy >= keep * steps[0].accuracy:
        mask = steps[-1].mask
        scores = _scores(importance(mask), mask)
        mask = mask.copy()
        mask.ravel()[np.argsort(scores, kind="stable")[:step_size]] = False
        steps.append(PruningStep(mask, _checked_accuracy(accuracy(mask))))
        progress(steps[-1])
    return steps


def stops_at(steps: list[PruningStep], keep: float = 0.95) -> int:
    """Return the number of the step that is the subnetwork: the last whose accuracy is kept.

    Raises:
        ArgumentError: `keep` out of its range.
        ValueError: there are no steps, or what are none.
    """
    check_fraction("keep", keep, one=True)
    steps = sequence("steps", steps)
    if not all(isinstance(step, PruningStep) for step in steps):
        raise ValueError("steps: pass the steps that `prune` returns.")
    if not steps:
        raise ValueError("steps is empty: pruning has at least one, the unpruned model.")
    return len(steps) - 1 - int(steps[-1].accuracy < keep * steps[0].accuracy)


def _scores(importance: object, mask: np.ndarray) -> np.ndarray:
    """Return the importances as one row, infinite where heads are off already."""
    if not isinstance(importance, np.ndarray) or importance.shape != mask.shape:
        shape = getattr(importance, "shape", None)
        raise ValueError(f"importance of shape {shape} for heads of shape {mask.shape}.")
    # Heads that are on have to come before those that are off, or pruning would never end.
    if importance.dtype.kind not in "biuf" or not np.isfinite(importance[mask]).all():
        raise ValueError(
            "importance: every head that is on needs a finite number as its importance."
        )
    return np.where(mask, importance, np.inf).ravel()


def _checked_accuracy(accuracy: Any) -> float:
    number = accuracy.item() if getattr(accuracy, "shape", None) == () else accuracy
    if not math.isfinite(real(number)):
        raise ValueError(f"accuracy has to return a finite number, not {accuracy!r}.")
    return number
