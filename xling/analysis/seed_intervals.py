"""Means over seeds, with intervals and tests over seeds and test examples together.

A mean over seeds is uncertain by the seeds and by the test examples, which the two levels of a
hierarchical bootstrap tell apart:

1. Seeds are resampled. With S seeds that gives (S-1)/S of the variance of their mean, so that it is
   corrected by S/(S-1) (Davison and Hinkley 1997, §3.8): the variance between seeds divided by S.
2. Test examples are resampled within each language. One that several seeds trace is drawn for all
   of them together, as the seeds do not make it another example (Owen 2007).

Percentiles of so few seeds cannot hold 95 %: three seeds are the same one in a ninth of all
resamples. So the squared half-width is the sum of both variances, each times the square of its own
Student's t, with S-1 and n-1 degrees of freedom (as Graybill and Wang 1980 add them). In
simulations, such intervals hold the truth in 95 to 99 % of all cases, from two seeds on; those of
percentiles in about 70 % with two seeds and 77 % with three. They are rather too wide than too
narrow: what a seed's own test examples add to its mean counts in both levels.

The p-value of a mean against a base rate is one minus the confidence at which the interval ends at
the base rate, so that p < 0.05 where the 95 % interval excludes it.
"""

import dataclasses
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from xling.analysis.statistics import DIGITS, RESAMPLES

LEAST_P = 1e-12
"""Smaller p-values are not told apart."""

BISECTIONS = 40


@dataclasses.dataclass(frozen=True)
class OverSeeds:
    """Means over seeds, an entry for each of some quantities.

    Attributes:
        mean: over the seeds.
        low, high: ends of the 95 % interval over seeds and test examples.
        between: standard deviation between the seeds.
        p: of the t-test of the mean against what it is compared with.

    All but `mean` are NaN for a single seed; `low`, `high` and `p` also where the test examples are
    too few to resample.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    between: np.ndarray
    p: np.ndarray


def over_seeds(
    values: np.ndarray,
    examples: np.ndarray | float = 0.0,
    tests: float = np.inf,
    against: np.ndarray | float = 0.0,
) -> OverSeeds:
    """Return means over seeds with intervals over seeds and test examples.

    Args:
        values: (seeds, quantities) what each seed measures.
        examples: (quantities,) variance of the mean over test examples; NaN where they are too few.
        tests: how many test examples that variance comes from.
        against: (quantities,) what the means are tested against.
    """
    seeds, mean = len(values), values.mean(0)
    if seeds < 2:
        none = np.full(mean.shape, np.nan)
        return OverSeeds(mean, none, none, none, none)
    between = values.std(0, ddof=1)
    between[between <= 10.0**-DIGITS * np.abs(values).max(initial=0)] = 0.0  # of equal values
    variances = (between**2 / seeds, seeds - 1), (np.broadcast_to(examples, mean.shape), tests - 1)
    half = _half_width(np.array(0.05), variances)
    return OverSeeds(mean, mean - half, mean + half, between, _p(mean - against, variances))


Variances = tuple[tuple[np.ndarray, float], tuple[np.ndarray, float]]
"""(quantities,) variances by seeds, and by test examples, each with its degrees of freedom."""


def _half_width(level: np.ndarray, variances: Variances) -> np.ndarray:
    """Return half the width of intervals that miss the truth at a level of error."""
    squares = [stats.t.isf(level / 2, freedom) ** 2 * own for own, freedom in variances]
    return np.sqrt(squares[0] + squares[1])


def _p(differences: np.ndarray, variances: Variances) -> np.ndarray:
    """Return the levels of error at which intervals are as wide as differences, by bisection."""
    apart = np.abs(differences)
    low, high = np.full(apart.shape, np.log(LEAST_P)), np.zeros(apart.shape)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        wider = _half_width(np.exp(middle), variances) > apart  # so that p is larger
        low, high = np.where(wider, middle, low), np.where(wider, high, middle)
    p = np.where(apart <= 10.0**-DIGITS, 1.0, np.exp(high))
    return np.where(np.isnan(_half_width(np.array(0.05), variances)), np.nan, p)


def example_variance(
    by_seed: Sequence[np.ndarray], ids: Sequence[np.ndarray], seed: int = 0
) -> np.ndarray:
    """Return the bootstrap variance, over test examples, of a mean over seeds of their means.

    Args:
        by_seed: (test examples, quantities) of each seed.
        ids: the test examples of each seed; those of the same id are drawn together.
        seed: of the resampling.

    Returns:
        (quantities,), corrected by n/(n-1) for n test examples; NaN if a seed has fewer than two.
    """
    if min(map(len, by_seed)) < 2:
        return np.full(by_seed[0].shape[1], np.nan)
    every, place = np.unique(np.concatenate(list(ids)), return_inverse=True)
    count = len(every)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    ends = np.cumsum([len(own) for own in ids])[:-1]
    means = np.zeros((RESAMPLES, by_seed[0].shape[1]))
    for values, rows in zip(by_seed, np.split(place, ends), strict=True):
        weights = drawn[:, rows].astype(float)
        weights[weights.sum(1) == 0] = 1.0  # none of this seed's is drawn
        means += weights @ values / weights.sum(1, keepdims=True) / len(by_seed)
    return means.var(0, ddof=1) * count / (count - 1)


def overlap(sets: Sequence[set[str]]) -> float:
    """Return how far means over sets share their errors: 1 if all are equal, 0 if none meet.

    It is the mean correlation of two means whose sets have some members in common.
    """
    pairs = [
        len(left & right) / np.sqrt(len(left) * len(right))
        for left, right in combinations(sets, 2)
        if left and right
    ]
    return float(np.mean(pairs)) if pairs else 0.0


def shared_variance(errors: np.ndarray, together: float) -> np.ndarray:
    """Return the variance of a mean over seeds whose errors have a correlation.

    Args:
        errors: (seeds, quantities) standard errors.
        together: that correlation, 0 to 1.
    """
    return together * errors.mean(0) ** 2 + (1 - together) * (errors**2).mean(0) / len(errors)
