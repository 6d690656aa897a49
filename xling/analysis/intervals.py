"""Bootstrap intervals over test examples, and what else the tables agree on."""

import warnings
from collections.abc import Callable

import numpy as np
from scipy import stats

RESAMPLES = 1000

SIGNIFICANT = 0.05
"""p- and q-values below it count as significant."""


def interval(
    *samples: np.ndarray, statistic: Callable[..., np.ndarray] = np.mean, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the 95 % percentile bootstrap interval of a statistic.

    Args:
        samples: arrays with the test examples along axis 0, resampled together. A single example
            has no interval: its ends are NaN.
        statistic: of the samples, along `axis`.
        seed: of the resampling.
    """
    if len(samples[0]) < 2:
        none = np.nan * statistic(*samples, axis=0)
        return none, none
    with warnings.catch_warnings():  # equal values have an interval of width zero
        warnings.filterwarnings("ignore", category=stats.DegenerateDataWarning)
        ends = stats.bootstrap(
            samples,
            statistic,
            n_resamples=RESAMPLES,
            paired=len(samples) > 1,
            axis=0,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return ends.low, ends.high


def ratio(part: np.ndarray, whole: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return a part of counts that are pooled over the test examples, along `axis`."""
    return part.sum(axis) / whole.sum(axis)
