"""How far two independent sketches of the same gradients agree: the noise of one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xling.analysis.statistics import correlation
from xling.attribution import Similarity, Traces, rows
from xling.sketch import Sketches

SAMPLE = 20_000
"""Training examples that rank correlations are taken over, at most."""

STRETCH = 4096
"""Rows that are read at a time."""


def with_noise(
    shares: pd.DataFrame, pair: tuple[pd.DataFrame, pd.DataFrame] | None
) -> pd.DataFrame:
    """Add a column `noise` to the table of shares: how far the shares by two sketches differ.

    Args:
        shares: the table, perhaps after re-ranking.
        pair: the same table by the sketches and by their twins; without twins the noise is not
            known and the column has no values.
    """
    if pair is None:
        return shares.assign(noise=np.nan)
    return shares.assign(noise=(pair[0]["share"] - pair[1]["share"]).abs())


def agreement(
    train: Sequence[Sketches],
    test: Sequence[Sketches],
    traces: Traces,
    twins: Traces,
    weights: Sequence[float],
    similarity: Similarity = "cosine",
) -> dict[str, float]:
    """Summarise how far the summed influence of the sketches and of their twins agree.

    Args:
        train, test: sketches at each epoch.
        traces, twins: of the summed influence.
        weights, similarity: as in `trace`.

    Returns:
        spearman: mean over the test examples of the rank correlation of all scores.
        positive_overlap, negative_overlap: mean share of the top-k sets that both name.
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(train[0]))[:SAMPLE])
    scores = [np.zeros((len(test[0]), len(chosen)), np.float32) for _ in range(2)]
    for weight, left, right in zip(weights, train, test, strict=True):
        for into, (a, b) in zip(scores, ((left, right), (left.twin, right.twin)), strict=True):
            into += weight * (rows(b, 0, len(b), similarity) @ _some(a, chosen, similarity).T)
    rho = [correlation(a, b).rho for a, b in zip(*scores, strict=True)]
    return {
        "spearman": float(np.mean(rho)),
        "positive_overlap": _overlap(traces.positive.index, twins.positive.index),
        "negative_overlap": _overlap(traces.negative.index, twins.negative.index),
    }


def _some(sketches: Sketches, chosen: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Read some rows, a stretch at a time."""
    parts = []
    for start in range(0, len(sketches), STRETCH):
        stop = min(start + STRETCH, len(sketches))
        inside = chosen[(chosen >= start) & (chosen < stop)]
        parts.append(rows(sketches, start, stop, similarity)[inside - start])
    return np.concatenate(parts)


def _overlap(left: np.ndarray, right: np.ndarray) -> float:
    pairs = zip(left, right, strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in pairs]))
