"""Every interval, test and correlation of the tables, once, by scipy wherever scipy has it.

One convention holds for all of them:

Ties. Values that agree to `DIGITS` digits of the largest value are equal. Shares are fractions that
floating-point numbers do not hold exactly: 2/3 - 1/3 and 1 - 2/3 differ in the last digit, yet are
tied. Of differences of shares the largest value is 1, what a share can be. Statistics of a test
are equally far from chance by the same rule. Ties share the mean of their ranks, and pairs without
a difference are left out of the signed-rank test (Wilcoxon 1945).

Small samples. Where the cases can be counted, they are: all signs of up to `EXACT_TEST_MAX_N`
differences in the signed-rank test, all orders of up to `EXACT_CORRELATION_MAX_N` points in the
rank correlation, whose usual approximation gives p = 0 for any three points that rise. Beyond that,
scipy decides: the signed-rank test stays exact up to 50 differences without ties and is normal
otherwise, corrected for ties, and Spearman's rho is compared with Student's t. Pearson's r has no
such rule: its p-value holds for normally distributed values, whatever the number of points.

Pairs of languages. Those that share a language are not independent: two matrices whose columns
differ at random, as where one language's data are poor, go together more often than as many
independent numbers would. So p-values of their correlations are of permutations of the languages in
one of the matrices, its rows and columns alike (Mantel 1967): what names of languages without a
meaning would give.

Nothing to tell. Without a single pair or point a number is missing (NaN). With pairs that do not
differ, p is 1. Intervals need two test examples, correlations `LEAST_POINTS` points that spread.

All tests are two-sided but for that of an accuracy above chance; all intervals hold 95 %.
"""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise, permutations, product
from math import factorial, prod
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

SIGNIFICANT = 0.05
"""p- and q-values below it count as significant."""

DIGITS = 12
"""Values that agree to so many digits of the largest one are equal."""

RESAMPLES = 1000
"""Of the bootstrap."""

AT_ONCE = 1 << 22
"""Numbers that the bootstrap draws at once: 32 MB, and the same ones whatever this is."""

EXACT_TEST_MAX_N = 13
"""Up to so many differences, the signed-rank test counts all signs that they could have."""

EXACT_CORRELATION_MAX_N = 7
"""Up to so many points, the p-value of a rank correlation counts all their orders."""

PERMUTATIONS = 5040
"""Of languages: all of up to seven; of more, so many at random."""

LEAST_POINTS = 3
"""Fewer points than this have no correlation."""

PERCENTILES = (2.5, 97.5)
"""Of a distribution, the ends of the middle 95 %."""


def bootstrap_interval(
    *samples: np.ndarray, statistic: Callable[..., np.ndarray] = np.mean, seed: int = 0
) -> tuple[Any, Any]:
    """Return the ends of the 95 % percentile bootstrap interval of a statistic.

    Args:
        samples: arrays with the test examples along axis 0, resampled together. A single example
            has no interval: its ends are NaN.
        statistic: of the samples, along `axis`.
        seed: of the resampling.

    Returns:
        Two numbers, or arrays, as the statistic is.
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
            batch=max(1, AT_ONCE // sum(sample.size for sample in samples)),
            axis=0,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return ends.low, ends.high


def pooled_share(counts: np.ndarray, totals: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the share of counts that are pooled over the test examples, along `axis`."""
    return counts.sum(axis) / totals.sum(axis)


def clustered_variance(values: np.ndarray, groups: np.ndarray) -> float:
    """Return the variance of a mean of values that go together in groups (Liang and Zeger 1986).

    Args:
        values: (test examples,).
        groups: (test examples,) the same for those that count as one, such as translations.

    Returns:
        Corrected for few groups by g/(g-1); NaN for a single one.
    """
    names, place = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return np.nan
    sums = np.bincount(place, values - values.mean())
    return float((sums**2).sum() / len(values) ** 2 * len(names) / (len(names) - 1))


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a share of so many examples (Wilson 1927)."""
    ends = stats.binomtest(round(share * count), int(count)).proportion_ci(method="wilson")
    return ends.low, ends.high


def above_p(share: float, count: int, base: float) -> float:
    """Return the p-value of a share of so many examples against a base rate, one-sided and exact.

    It is how likely a binomial count with the base rate is as large, or larger.
    """
    return float(stats.binomtest(round(share * count), count, base, alternative="greater").pvalue)


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of the middle 95 % of values, as of those that chance gives."""
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


@dataclasses.dataclass(frozen=True)
class SignedRank:
    """A Wilcoxon signed-rank test.

    Attributes:
        p: the p-value; 1 if no pair differs, NaN if there is no pair.
        effect: the matched-pairs rank-biserial correlation (Kerby 2014), from -1, where all values
            fall, to 1, where all rise; 0 if no pair differs, NaN if there is no pair.
    """

    p: float
    effect: float


def signed_rank(before: np.ndarray, after: np.ndarray) -> SignedRank:
    """Test whether paired values change (Wilcoxon signed-rank test).

    Args:
        before, after: (pairs,) the two values of each pair.
    """
    if not len(before):
        return SignedRank(np.nan, np.nan)
    before, after = before.astype(float), after.astype(float)
    differences = _without_noise(after - before, np.abs([before, after]).max())
    moved = differences[differences != 0]
    if not len(moved):
        return SignedRank(1.0, 0.0)
    ranks = stats.rankdata(np.abs(moved))
    effect = float((ranks * np.sign(moved)).sum() / ranks.sum())
    if len(moved) > EXACT_TEST_MAX_N:
        _, p = stats.wilcoxon(moved)
    else:
        # scipy counts the signs of tied differences one by one, which takes it seconds.
        signs = 1 - 2 * (np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1)
        p = _as_far(signs @ ranks, np.sign(moved) @ ranks, ranks.sum()).mean()
    return SignedRank(float(p), effect)


def mcnemar_p(before: np.ndarray, after: np.ndarray) -> float:
    """Return the p-value of McNemar's exact test of paired yes or no, 1 if none changes.

    Args:
        before, after: (pairs,) booleans.
    """
    won, lost = int((after & ~before).sum()), int((before & ~after).sum())
    return float(stats.binomtest(won, won + lost).pvalue) if won + lost else 1.0


def permutation_p(observed: np.ndarray, drawn: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return the p-values of numbers among those that chance gives (Phipson and Smyth 2010).

    Args:
        observed: (...) the numbers.
        drawn: (draws, ...) what chance gives instead.
        center: (...) the mean of what chance gives; how far a number lies from it is compared.

    Returns:
        (...); the least possible is 1 / (draws + 1), as the observed is one of the cases.
    """
    largest = max(np.abs(drawn).max(), np.abs(observed).max())
    as_far = _as_far(drawn - center, observed - center, largest)
    return (1 + as_far.sum(0)) / (len(drawn) + 1)


def holm(p: np.ndarray) -> np.ndarray:
    """Correct (tests,) p-values for their number, step by step (Holm 1979)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(steps, 1)
    return corrected


def q_values(p: np.ndarray) -> np.ndarray:
    """Control the false discovery rate over all p-values given (Benjamini and Hochberg 1995).

    Those that are missing (NaN), where there was nothing to test, stay so and do not count.
    """
    q, known = np.full(p.shape, np.nan), ~np.isnan(p)
    if known.any():
        q[known] = stats.false_discovery_control(p[known])
    return q


@dataclasses.dataclass(frozen=True)
class Correlation:
    """How far two quantities go together.

    Attributes:
        r, r_p: Pearson's correlation and its p-value.
        rho, rho_p: Spearman's rank correlation and its p-value.
        points: how many points there are.

    All but `points` are NaN for fewer than `LEAST_POINTS` points and for points without spread.
    """

    r: float
    r_p: float
    rho: float
    rho_p: float
    points: int


def correlation(left: np.ndarray, right: np.ndarray) -> Correlation:
    """Correlate the values of two quantities at the points that have both.

    Args:
        left, right: (points,) the values; NaN where a point has none.
    """
    both = ~(np.isnan(left) | np.isnan(right))
    x, y = left[both], right[both]
    ranks = _ranks(x), _ranks(y)
    if len(x) < LEAST_POINTS or min(map(np.ptp, ranks)) == 0:
        return Correlation(np.nan, np.nan, np.nan, np.nan, len(x))
    r, r_p = stats.pearsonr(x, y)
    rho, rho_p = stats.spearmanr(*ranks)
    if len(x) <= EXACT_CORRELATION_MAX_N:
        rho_p = _share_of_orders(*ranks)
    return Correlation(float(r), float(r_p), float(rho), float(rho_p), len(x))


def _share_of_orders(x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of all orders in which ranks go together at least as far, up or down."""
    centered = (
        y - y.mean()
    )  # so that the products are covariances, and 0 where nothing goes together
    products = np.array(list(permutations(x))) @ centered
    return float(_as_far(products, x @ centered, np.abs(products).max()).mean())


@dataclasses.dataclass(frozen=True)
class PairCorrelation(Correlation):
    """How far two quantities of pairs of languages go together.

    Attributes:
        r_p, rho_p: of permuted languages, see the module.
        least_p: the least p-value that so many languages can have; NaN where there is none.
    """

    least_p: float


def pair_correlation(pairs: pd.DataFrame, left: str, right: str) -> PairCorrelation:
    """Correlate two columns over the pairs of languages that have both values.

    Only languages that are tested and trained on alike take each other's places; those that are
    one of the two take places among themselves.

    Args:
        pairs: columns test_language, train_language and the two. A permutation that takes a pair to
            one without values counts as one in which they go together as far.
    """
    known = pairs.dropna(subset=[left, right])
    x, y = (known[column].to_numpy(float) for column in (left, right))
    plain = correlation(x, y)
    if np.isnan(plain.rho):
        return PairCorrelation(**dataclasses.asdict(plain), least_p=np.nan)
    tests, trained = (known[side].tolist() for side in ("test_language", "train_language"))
    own, rows, columns = set(tests) & set(trained), dict.fromkeys(tests), dict.fromkeys(trained)
    groups = (
        [name for name in rows if name in own],
        [name for name in rows if name not in own],
        [name for name in columns if name not in own],
    )
    place = {name: number for number, name in enumerate(sum(groups, []))}
    orders = _orders(tuple(map(len, groups)))
    pair = np.full((len(place), len(place)), -1)
    row, column = ([place[name] for name in names] for names in (tests, trained))
    pair[row, column] = np.arange(len(x))
    stands_for = [
        pair[some[:, row], some[:, column]]
        for some in np.array_split(orders, -(-orders.shape[0] * len(x) // AT_ONCE))
    ]
    r_p, rho_p = (
        float(_as_near(values, other, stands_for).mean())
        for values, other in ((x, y), (_ranks(x), _ranks(y)))
    )
    return PairCorrelation(plain.r, r_p, plain.rho, rho_p, plain.points, 1 / len(orders))


@cache
def _orders(sizes: tuple[int, ...]) -> np.ndarray:
    """Return (permutations, languages) places of languages in groups of these sizes.

    Each takes that of one of its group; first its own.
    """
    groups = [np.arange(*ends) for ends in pairwise(np.cumsum([0, *sizes]))]
    if prod(map(factorial, sizes)) <= PERMUTATIONS:
        every = product(*(permutations(group) for group in groups))
        return np.array([sum(order, ()) for order in every])
    rng = np.random.default_rng(0)
    random = [rng.permuted(np.tile(group, (PERMUTATIONS, 1)), axis=1) for group in groups]
    return np.vstack([np.concatenate(groups), np.hstack(random)])


def _as_near(x: np.ndarray, y: np.ndarray, stands_for: Sequence[np.ndarray]) -> np.ndarray:
    """Tell in which permutations values go together at least as far as in the first, as they are.

    Args:
        x, y: (pairs,)
        stands_for: parts of (permutations, pairs) which pair's x each has; -1 for none.
    """
    known = np.append(x - x.mean(), np.nan)
    together = np.concatenate([known[part] @ (y - y.mean()) for part in stands_for])
    return ~(np.abs(together) < (1 - 1e-9) * abs(together[0]))


def share_differences(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return how shares differ, without what floating-point numbers add: ties are exactly 0."""
    return _without_noise(after - before, 1.0)


def _as_far(drawn: np.ndarray, observed: Any, largest: float) -> np.ndarray:
    """Tell which statistics lie at least as far from 0 as the observed one.

    Args:
        drawn: (cases, ...) the statistics.
        observed: (...) the observed one.
        largest: value that they come from.
    """
    return np.abs(drawn) >= np.abs(observed) - 10.0**-DIGITS * largest


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks of values; those that differ by no more than rounding share their mean."""
    values = values.astype(float)
    return stats.rankdata(_without_noise(values, np.abs(values).max(initial=0)))


def _without_noise(values: np.ndarray, largest: float) -> np.ndarray:
    """Round values to `DIGITS` digits of the largest that they come from, in units of it."""
    return np.round(values / largest, DIGITS) if largest else values
