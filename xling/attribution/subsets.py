"""What a method says of subsets of the training data: sums of scores, by tiles."""

from collections.abc import Sequence

import numpy as np

from xling.attribution.method import Method
from xling.attribution.tiles import score_matrix
from xling.sketch.arguments import array
from xling.sketch.store import Sketches


def subset_sums(
    train: Sequence[Sketches],
    test: Sequence[Sketches],
    inside: np.ndarray,
    method: Method,
    *,
    weights: Sequence[float] | None = None,
    memory_gb: float = 2.0,
) -> np.ndarray:
    """Sum the scores of each subset of the training examples for every test example.

    A linear datamodelling score compares these sums with the losses of models that were trained on
    the subsets (Park et al. 2023, §2).

    Args:
        train, test, method, weights, memory_gb: as in `score_matrix`.
        inside: (subsets, train) booleans: which training examples are in which subset.

    Returns:
        (subsets, test), float64.

    Raises:
        ValueError: as `score_matrix`, or subsets that are not of these training examples.
    """
    tiles = score_matrix(train, test, method, weights=weights, memory_gb=memory_gb)
    inside = array("inside", inside)
    if inside.dtype != bool or inside.ndim != 2 or inside.shape[1] != len(train[0]):
        raise ValueError(
            f"inside: booleans of shape (subsets, {len(train[0])}) are expected, got "
            f"{inside.dtype} of shape {inside.shape}."
        )
    sums = np.zeros((len(inside), len(test[0])))
    for tile in tiles:
        sums[:, tile.test] += inside[:, tile.train].astype(np.float32) @ tile.summed.T
    return sums
