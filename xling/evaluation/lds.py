"""How far does a score predict fine-tunings? The linear datamodelling score (Park et al. 2023).

Over fine-tunings on subsets S of the training data: Spearman's correlation of Σ I(z, z′), the sum
of a score over z ∈ S, with minus the loss on the test example z′. Per example, the mean over test
examples; per language, that of the test languages, whose sums and losses are averaged over their
test examples first.

A score that does not vary over the subsets predicts nothing: its correlation is 0. Test examples
whose loss does not vary can tell nothing of any score and take no part.

Beyond covariates (the subset's size, how many examples of each label and language): the partial
rank correlation. Sums, losses and covariates are replaced by their ranks over the subsets; the
least-squares fit of the covariates' ranks and a constant is taken off both; what is left is
correlated. Where the covariates explain a score altogether, nothing is left, and it is 0. They need
`LEAST_LEFT` more subsets than there are independent ones among them; with fewer it is missing.

Intervals are of a bootstrap over subsets and test examples together: test examples within each
language or, of parallel data, with all their translations, which go up and down together. The
ranks over all subsets and the covariates' fit are kept. Test examples that are resampled bring
their noise a second time, which lowers the correlations of languages: the draws are shifted so that
their mean is the score. It is that for so many test examples a language; more have less noise.
Scores with the same seed are resampled alike, so that they can be compared pair by pair.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy import stats

from xling.analysis.statistics import AT_ONCE, DIGITS, PERCENTILES, SIGNIFICANT, q_values
from xling.evaluation.mixtures import counts

RESAMPLES = 1000
"""Of the bootstrap."""

LEAST_LEFT = 8
"""Subsets beyond the number of independent covariates that a partial correlation needs."""

LEAST_RESAMPLED = 8
"""Subsets that an interval needs: of fewer, too many resamples are alike."""

EXPLAINED = 1e-9
"""Share of the ranks' variance below which nothing is left of it."""

LEVELS = ("example", "language")
"""What a score is the mean over."""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """How well a score predicts, as a mean over test examples or test languages.

    Attributes:
        value, low, high: the mean rank correlation and its 95 % interval; NaN if it is missing, as
            the interval is with fewer than `LEAST_RESAMPLED` subsets.
        single: (test examples,) or (languages,) the correlations; NaN without a loss that varies.
        constant: for how many of them the score does not vary, or is explained altogether.
        draws: (resamples,) of the mean.
    """

    value: float
    low: float
    high: float
    single: np.ndarray
    constant: int
    draws: np.ndarray


@dataclasses.dataclass(frozen=True)
class Lds:
    """A linear datamodelling score per example and per language, over so many subsets."""

    example: Prediction
    language: Prediction
    subsets: int


def lds(
    sums: np.ndarray,
    outcomes: np.ndarray,
    languages: Sequence[str],
    covariates: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Lds:
    """Score how well sums over subsets predict what comes of fine-tuning on them.

    Args:
        sums: (subsets, test examples) of the score over each subset; one column if it is the same
            for all test examples.
        outcomes: (subsets, test examples) minus the loss.
        languages: of each test example.
        covariates: (subsets, covariates) to look beyond; see `covariates_of`.
        groups: of each test example, the same for translations of each other; None: each its own.
        seed: of the bootstrap.

    Raises:
        ValueError: shapes that do not fit each other, or fewer than three subsets.
    """
    sums = np.broadcast_to(sums, outcomes.shape) if sums.shape[1] == 1 else sums
    if sums.shape != outcomes.shape or outcomes.shape[1] != len(languages):
        raise ValueError(
            f"sums are of shape {sums.shape} and outcomes of shape {outcomes.shape}, of "
            f"{len(languages)} test examples: both must be subsets by test examples."
        )
    if len(sums) < 3:
        raise ValueError(f"{len(sums)} subsets have no rank correlation; three are needed.")
    left = _projection(len(sums), covariates)
    if left is None:
        return Lds(_missing(outcomes.shape[1]), _missing(len(set(languages))), len(sums))
    members = np.array(languages) == np.array(list(dict.fromkeys(languages)))[:, None]
    mean = (members / members.sum(1, keepdims=True)).T
    single = [
        _correlations(sums, outcomes, left),
        _correlations(sums @ mean, outcomes @ mean, left),
    ]
    pairs = _left(sums, left), _left(outcomes, left)
    draws = ([], [])
    if len(sums) < LEAST_RESAMPLED:
        resamples = 0
    for subsets, tests in _resampled(len(sums), members, groups, seed, resamples):
        known = tests * ~np.isnan(single[0][0])
        drawn = _weighted(*pairs, subsets)
        draws[0].append((drawn * known).sum(1) / np.maximum(known.sum(1), 1))
        draws[1].append(_by_language(sums, outcomes, members, left, subsets, tests))
    example, language = (
        _prediction(correlations, constant, np.concatenate(drawn or [np.full(1, np.nan)]))
        for (correlations, constant), drawn in zip(single, draws, strict=True)
    )
    return Lds(example, language, len(sums))


def noise_ceiling(
    outcomes: np.ndarray,
    parts: Sequence[int],
    languages: Sequence[str],
    groups: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Lds | None:
    """Score how well fine-tunings predict those on the same subsets with another seed.

    Args:
        outcomes: (fits, test examples) minus the loss.
        parts: (fits,) equal numbers for fine-tunings on the same subset; of each that has several,
            the first two are taken.
        languages, groups: of each test example, see `lds`.

    Returns:
        None if fewer than three subsets have two fine-tunings.
    """
    pairs = [np.flatnonzero(np.asarray(parts) == part)[:2] for part in dict.fromkeys(parts)]
    first, second = np.array([pair for pair in pairs if len(pair) == 2] or [[], []]).T.astype(int)
    if len(first) < 3:
        return None
    pair = outcomes[first], outcomes[second]
    return lds(*pair, languages, groups=groups, seed=seed, resamples=resamples)


def covariates_of(
    inside: np.ndarray,
    labels: Sequence[int] | None = None,
    languages: Sequence[str] | None = None,
) -> np.ndarray:
    """Count each subset's examples, and those of each label and language where they are given.

    Args:
        inside: (subsets, training examples), see `xling.evaluation.mixtures.kept`.
        labels, languages: of each training example.
    """
    columns = [inside.sum(1, keepdims=True)]
    for values in (labels, languages):
        if values is not None:
            columns.append(counts(inside, values, list(dict.fromkeys(values))))
    return np.concatenate(columns, axis=1)


def scores(results: Mapping[str, Lds], others: Sequence[str] = ()) -> pd.DataFrame:
    """Tabulate how well each method predicts.

    Args:
        others: names of results that are no methods: controls and the noise ceiling.

    Returns:
        Columns method, level, lds, low, high, p (of 0, bootstrap, two-sided), q (the false
        discovery rate controlled over the methods of a level; missing for `others`), constant (for
        how many test examples or languages the score does not vary), tests (examples or languages),
        subsets.
    """
    rows = []
    for method, result in results.items():
        for level in LEVELS:
            found: Prediction = getattr(result, level)
            tests = int((~np.isnan(found.single)).sum())
            numbers = (found.value, found.low, found.high, _p(found.draws), np.nan)
            rows.append((method, level, *numbers, found.constant, tests, result.subsets))
    columns = "method level lds low high p q constant tests subsets".split()
    table = pd.DataFrame(rows, columns=columns)
    for level in LEVELS:
        family = (table["level"] == level) & ~table["method"].isin(others)
        table.loc[family, "q"] = q_values(table.loc[family, "p"].to_numpy(float))
    return table


def beats(results: Mapping[str, Lds], controls: Sequence[str]) -> pd.DataFrame:
    """Tell which methods predict better than which controls, pair by pair.

    Args:
        results: of all methods and controls, over the same subsets with the same seed.
        controls: their names; the others are methods.

    Returns:
        Columns method, control, level, difference, low, high, p (bootstrap, two-sided), q (the
        false discovery rate controlled over the table), beats (q below 0.05, and better). Missing
        where one of the two is; all but the difference, where one has no interval.
    """
    methods = [name for name in results if name not in controls]
    table = _differences(results, product(methods, [name for name in controls if name in results]))
    table = table.rename(columns={"other": "control"})
    return table.assign(beats=(table["q"] < SIGNIFICANT) & (table["difference"] > 0))


def method_pairs(results: Mapping[str, Lds], controls: Sequence[str]) -> pd.DataFrame:
    """Tell which methods predict better than which others, each two once.

    Args:
        results, controls: see `beats`.

    Returns:
        Columns method, other, level, difference (the method's score minus the other's), low, high,
        p, q (see `beats`), told (q below 0.05: one of the two is better).
    """
    table = _differences(
        results, combinations((name for name in results if name not in controls), 2)
    )
    return table.assign(told=table["q"] < SIGNIFICANT)


def _differences(results: Mapping[str, Lds], pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Tabulate the differences of the scores of pairs, which were resampled alike; see `beats`."""
    rows = []
    for method, other in pairs:
        for level in LEVELS:
            pair: list[Prediction] = [getattr(results[name], level) for name in (method, other)]
            difference = pair[0].value - pair[1].value
            drawn = pair[0].draws - pair[1].draws
            low, high = np.percentile(drawn, PERCENTILES)
            rows.append((method, other, level, difference, low, high, _p(drawn)))
    table = pd.DataFrame(rows, columns="method other level difference low high p".split())
    return table.assign(q=q_values(table["p"].to_numpy(float)))


def _p(draws: np.ndarray) -> float:
    """Return the two-sided p-value of 0 by draws of a bootstrap; NaN if there are none.

    The least possible is 2 / (draws + 1).
    """
    if np.isnan(draws).any():
        return np.nan
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    return min(1.0, 2 * (1 + tail) / (1 + len(draws)))


def _projection(subsets: int, covariates: np.ndarray | None) -> np.ndarray | None:
    """Return the (subsets, subsets) matrix that takes off what a fit explains; None if too much."""
    columns = [np.ones((subsets, 1))]
    if covariates is not None:
        ranks = stats.rankdata(covariates, axis=0)
        columns.append(ranks - ranks.mean(0))
    basis, size, _ = np.linalg.svd(np.concatenate(columns, axis=1), full_matrices=False)
    basis = basis[:, size > 1e-9 * size[0]]
    if covariates is not None and subsets - (basis.shape[1] - 1) < LEAST_LEFT:
        return None
    return np.eye(subsets) - basis @ basis.T


def _left(values: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return what is left of the columns' ranks; exactly 0 if that is nothing but rounding.

    Values that agree to `DIGITS` digits of their column's largest are tied.
    """
    largest = np.abs(values).max(0, initial=0)
    values = np.round(values / np.where(largest > 0, largest, 1.0), DIGITS)
    ranks = stats.rankdata(values, axis=0)
    ranks = ranks - ranks.mean(0)
    residuals = left @ ranks
    return np.where((residuals**2).sum(0) > EXPLAINED * (ranks**2).sum(0), residuals, 0.0)


def _correlations(
    sums: np.ndarray, outcomes: np.ndarray, left: np.ndarray
) -> tuple[np.ndarray, int]:
    """Correlate column by column; also for how many the sums do not vary."""
    x, y = _left(sums, left), _left(outcomes, left)
    constant = int((x == 0).all(0).sum())
    single = _weighted(x, y, np.ones((1, len(x))))[0]
    return np.where((y == 0).all(0), np.nan, single), constant


def _weighted(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Correlate (subsets, columns) for each of (resamples, subsets) weights; 0 without spread."""
    share = weights / weights.sum(1, keepdims=True)
    mean_x, mean_y = share @ x, share @ y
    together = share @ (x * y) - mean_x * mean_y
    spread = (share @ x**2 - mean_x**2) * (share @ y**2 - mean_y**2)
    least = EXPLAINED * ((x**2).mean(0) * (y**2).mean(0)) + 1e-300
    return np.where(spread > least, together / np.sqrt(np.maximum(spread, least)), 0.0)


def _by_language(
    sums: np.ndarray,
    outcomes: np.ndarray,
    members: np.ndarray,
    left: np.ndarray,
    subsets: np.ndarray,
    tests: np.ndarray,
) -> np.ndarray:
    """Return the (resamples,) mean over languages, whose test examples are weighted anew."""
    share = subsets / subsets.sum(1, keepdims=True)
    total, known = np.zeros(len(subsets)), 0
    for mine in members:
        weights = tests[:, mine].T / mine.sum()
        weights[:, weights.sum(0) == 0] = 1 / mine.sum()  # no translation into it is drawn
        x, y = _left(sums[:, mine] @ weights, left).T, _left(outcomes[:, mine] @ weights, left).T
        x = x - (share * x).sum(1, keepdims=True)
        y = y - (share * y).sum(1, keepdims=True)
        spread = (share * x**2).sum(1) * (share * y**2).sum(1)
        total += np.where(spread > 0, (share * x * y).sum(1) / np.sqrt(spread + 1e-300), 0.0)
        known += bool(np.ptp(y))
    return total / max(known, 1)


def _resampled(
    subsets: int, members: np.ndarray, groups: Sequence[str] | None, seed: int, resamples: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield how often each subset and each test example was drawn, some resamples at a time."""
    rng = np.random.default_rng(seed)
    cluster, strata = np.arange(members.shape[1]), [np.flatnonzero(mine) for mine in members]
    if groups is not None:
        cluster = np.unique(groups, return_inverse=True)[1]
        strata = [np.arange(cluster.max() + 1)]
    batch = max(1, AT_ONCE // max(subsets, members.shape[1]))
    for begin in range(0, resamples, batch):
        size = min(batch, resamples - begin)
        often = np.zeros((size, subsets)), np.zeros((size, sum(map(len, strata))))
        for number in range(size):
            often[0][number] = np.bincount(rng.integers(subsets, size=subsets), minlength=subsets)
            for rows in strata:
                drawn = rng.integers(len(rows), size=len(rows))
                often[1][number, rows] = np.bincount(drawn, minlength=len(rows))
        yield often[0], often[1][:, cluster]


def _prediction(single: np.ndarray, constant: int, draws: np.ndarray) -> Prediction:
    known = single[~np.isnan(single)]
    if not len(known):
        return _missing(len(single))
    draws = np.clip(draws - draws.mean() + known.mean(), -1, 1)
    low, high = np.percentile(draws, PERCENTILES)
    return Prediction(float(known.mean()), float(low), float(high), single, constant, draws)


def _missing(tests: int) -> Prediction:
    nan = np.nan
    return Prediction(nan, nan, nan, np.full(tests, nan), 0, np.full(1, nan))
