"""What all scores look like, not only their extremes: histograms and means by group."""

from collections.abc import Sequence

import numpy as np

from xling.attribution.products import Similarity, rows
from xling.attribution.tiles import TRAIN_TILE, sizes, spans, tiles
from xling.sketch.store import Sketches


def histograms(
    train: Sequence[Sketches],
    test: Sequence[Sketches],
    groups: np.ndarray,
    test_groups: np.ndarray,
    edges: np.ndarray,
    *,
    similarity: Similarity = "cosine",
    weights: Sequence[float] | None = None,
    memory_gb: float = 2.0,
) -> np.ndarray:
    """Count the summed scores of every pair, in bins, a tile of scores at a time.

    Args:
        train, test: sketches at each checkpoint.
        groups, test_groups: (train,) and (test,) the group of each example, 0, 1, ...
        edges: (bins + 1,) evenly spaced; a score beyond the ends counts in the outermost bin.
        similarity, weights, memory_gb: as in `trace`.

    Returns:
        (test groups, train groups, bins) counts.
    """
    weights = [1.0] * len(train) if weights is None else weights
    bins, wide = len(edges) - 1, groups.max() + 1
    counts = np.zeros((test_groups.max() + 1) * wide * bins, np.int64)
    fitting = sizes(train[0].metadata.dimensions, len(train), memory_gb)
    for turn in fitting.turns(len(test_groups)):
        for part, some, each in tiles(train, test, turn, fitting.train, similarity):
            scores = sum(weight * one for weight, one in zip(weights, each, strict=True))
            place = np.floor((scores - edges[0]) / (edges[1] - edges[0])).astype(np.int64)
            place = place.clip(0, bins - 1)
            cell = test_groups[turn][part, None] * wide + groups[some]
            counts += np.bincount((cell * bins + place).ravel(), minlength=len(counts))
    return counts.reshape(-1, wide, bins)


def mean_scores(
    train: Sketches, test: Sketches, test_groups: np.ndarray, similarity: Similarity = "cosine"
) -> np.ndarray:
    """Return each training example's mean score over the test examples of each group.

    Returns:
        (train, test groups), of one checkpoint.
    """
    onehot = np.eye(test_groups.max() + 1, dtype=np.float32)[test_groups]
    means = onehot.T @ rows(test, 0, len(test), similarity) / onehot.sum(0)[:, None]
    parts = [
        rows(train, some.start, some.stop, similarity) @ means.T
        for some in spans(0, len(train), TRAIN_TILE)
    ]
    return np.concatenate(parts)
