"""Iterative pruning: remove the least important heads as long as the accuracy holds."""

import dataclasses
from collections.abc import Callable

import numpy as np


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

    Each step removes `fraction` of the original number of heads, rounded down, at least one, with
    the importance estimated anew for the heads that are left. Ends with the first step whose
    accuracy is below `keep` times the unpruned one, or when less than a step's heads and one more
    are left. A layer may lose all its heads: its attention then adds its output bias alone.

    Args:
        shape: layers and heads.
        importance: of the heads, (layers, heads), given the mask of those that are on.
        accuracy: of the model, given such a mask.
        progress: is told each step.

    Returns:
        The steps, the unpruned model first; `stops_at` says which of them is the subnetwork.
    """
    mask = np.ones(shape, bool)
    at_once = max(1, int(fraction * mask.size))
    steps = [PruningStep(mask, accuracy(mask))]
    progress(steps[0])
    while steps[-1].mask.sum() > at_once and steps[-1].accuracy >= keep * steps[0].accuracy:
        mask = steps[-1].mask
        scores = np.where(mask, importance(mask), np.inf).ravel()
        mask = mask.copy()
        mask.ravel()[np.argsort(scores, kind="stable")[:at_once]] = False
        steps.append(PruningStep(mask, accuracy(mask)))
        progress(steps[-1])
    return steps


def stops_at(steps: list[PruningStep], keep: float = 0.95) -> int:
    """Return which step is the subnetwork: the last before the accuracy falls below `keep`."""
    return len(steps) - 1 - int(steps[-1].accuracy < keep * steps[0].accuracy)
