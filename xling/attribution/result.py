"""What is kept of the scores of all training examples for a set of test examples."""

import dataclasses

import numpy as np

from xling.attribution.rankings import Traces


@dataclasses.dataclass(frozen=True)
class Scores:
    """The scores of one attribution method: what the tables are made of.

    Attributes:
        summed: extremes and group means of the summed scores, re-ranked if that was asked for.
        epochs: those of each checkpoint's scores.
        counts: (test groups, train groups, bins) pairs of a training and a test example by their
            summed score.
        edges: (bins + 1,) of these bins.
        means: of each checkpoint, (train, test groups) mean score of each training example.
        twins: where every example was represented twice, `summed` and `epochs` by the first
            representations (before any re-ranking) and by the second; else None.
        agreement: how far these two agree, see `xling.analysis.twins.agreement`; else None.
        parts: part of the model → what `summed` is by its gradients alone, without re-ranking.
    """

    summed: Traces
    epochs: list[Traces]
    counts: np.ndarray
    edges: np.ndarray
    means: list[np.ndarray]
    twins: tuple[list[Traces], list[Traces]] | None = None
    agreement: dict[str, float] | None = None
    parts: dict[str, Traces] = dataclasses.field(default_factory=dict)
