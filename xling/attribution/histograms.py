"""What all scores look like, not only their extremes: histograms and means by group."""

from collections.abc import Sequence

import numpy as np

from xling.attribution.method import Method
from xling.attribution.tiles import checked_groups, checked_sides, compared, score_matrix
from xling.attribution.tracin import TracIn
from xling.errors import ArgumentError
from xling.sketch.arguments import real_array
from xling.sketch.store import Sketches


def histograms(
    train: Sequence[Sketches],
    test: Sequence[Sketches],
    groups: np.ndarray,
    test_groups: np.ndarray,
    edges: np.ndarray,
    *,
    method: Method | None = None,
    weights: Sequence[float] | None = None,
    memory_gb: float = 2.0,
) -> np.ndarray:
    """Count the summed scores of every pair, in bins, a tile of scores at a time.

    Args:
        train, test: representations at each checkpoint.
        groups, test_groups: (train,) and (test,) the group of each example, 0, 1, ...
        edges: (bins + 1,) evenly spaced; a score beyond the ends counts in the outermost bin.
        method, weights, memory_gb: as in `trace`.

    Returns:
        (test groups, train groups, bins) counts.

    Raises:
        ValueError: as `trace`, or edges that are not finite and evenly spaced in ascending order.
    """
    edges = _checked_edges(edges)
    train, test = checked_sides(train, test)
    if not train or not test:
        raise ValueError("There are no representations to compare.")
    test_sizes = checked_groups(test_groups, len(test[0]), "test_groups")
    bins, wide = len(edges) - 1, len(checked_groups(groups, len(train[0])))
    groups, test_groups = np.asarray(groups), np.asarray(test_groups)
    counts = np.zeros(len(test_sizes) * wide * bins, np.int64)
    method = TracIn() if method is None else method
    stream = score_matrix(train, test, method, weights=weights, memory_gb=memory_gb)
    for tile in stream:
        place = np.floor((tile.summed - edges[0]) / (edges[1] - edges[0])).astype(np.int64)
        place = place.clip(0, bins - 1)
        cell = test_groups[tile.test, None] * wide + groups[tile.train]
        counts += np.bincount((cell * bins + place).ravel(), minlength=len(counts))
    return counts.reshape(-1, wide, bins)


def mean_scores(
    train: Sketches, test: Sketches, test_groups: np.ndarray, method: Method | None = None
) -> np.ndarray:
    """Return each training example's mean score over the test examples of each group.

    Args:
        train, test: representations at one checkpoint.
        test_groups: (test,) the group of each test example, 0, 1, ...

    Returns:
        (train, test groups).

    Raises:
        ValueError: representations that are not comparable, or groups that do not fit.
    """
    (comparison,) = compared([train], [test], TracIn() if method is None else method)
    checked_groups(test_groups, len(test), "test_groups")
    return comparison.mean_scores(np.asarray(test_groups))


def _checked_edges(edges: np.ndarray) -> np.ndarray:
    edges = real_array("edges", edges, 1).astype(float)
    finite = np.isfinite(edges).all()
    widths = np.diff(edges) if finite else edges[:0]
    if len(widths) < 1 or not np.all(widths > 0) or not np.allclose(widths, widths[0]):
        raise ArgumentError(
            "edges",
            "edges: two or more finite numbers are expected, evenly spaced in ascending order.",
        )
    return edges
