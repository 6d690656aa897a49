"""How far two independent sketches of the same gradients agree: the noise of one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xling.analysis.statistics import correlation
from xling.attribution import Method, Traces, score_matrix
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
    method: Method,
) -> dict[str, float]:
    """Summarise how far the summed influence of the sketches and of their twins agree.

    Args:
        train, test: sketches at each epoch.
        traces, twins: of the summed influence.
        weights, method: as in `trace`.

    Returns:
        spearman: mean over the test examples of the rank correlation of all scores.
        positive_overlap, negative_overlap: mean share of the top-k sets that both name.
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(train[0]))[:SAMPLE])
    scores = [
        _scores([_some(one, chosen) for one in train], test, weights, method),
        _scores(
            [_some(one.twin, chosen) for one in train], [one.twin for one in test], weights, method
        ),
    ]
    rho = [correlation(a, b).rho for a, b in zip(*scores, strict=True)]
    return {
        "spearman": float(np.mean(rho)),
        "positive_overlap": _overlap(traces.positive.index, twins.positive.index),
        "negative_overlap": _overlap(traces.negative.index, twins.negative.index),
    }


def _scores(
    train: Sequence[Sketches], test: Sequence[Sketches], weights: Sequence[float], method: Method
) -> np.ndarray:
    """Return the summed scores of all pairs, (test, train)."""
    scores = np.empty((len(test[0]), len(train[0])), np.float32)
    for tile in score_matrix(train, test, method, weights=weights):
        scores[tile.test, tile.train] = tile.summed
    return scores


def _some(sketches: Sketches, chosen: np.ndarray) -> Sketches:
    """Return the sketches of some examples, read a stretch at a time."""
    if len(chosen) == len(sketches):
        return sketches
    rows = []
    for start in range(0, len(sketches), STRETCH):
        stop = min(start + STRETCH, len(sketches))
        inside = chosen[(chosen >= start) & (chosen < stop)]
        units = sketches.units(start, stop)[inside - start]
        rows.append(units * sketches.norms[inside, None])
    ids = [sketches.ids[index] for index in chosen]
    return Sketches.of(np.concatenate(rows), ids, sketches.metadata.settings)


def _overlap(left: np.ndarray, right: np.ndarray) -> float:
    pairs = zip(left, right, strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in pairs]))
