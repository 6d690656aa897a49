"""Does a recommendation hold? Its fine-tunings beside those on what it is compared with.

Both are fine-tuned under the same seeds, so that differences are taken seed by seed. Intervals and
tests are those of `xling.analysis.seed_intervals`, over seeds and test examples together. The noise
of a seed is that of the two mixtures alone: mixtures share few examples, and one may be learnt
under every seed and another under none, so that other mixtures tell little of it. (Where only one
in a hundred examples differs, `xling.evaluation.dropped` estimates it from all together.)
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from xling.analysis.seed_intervals import over_seeds
from xling.analysis.statistics import SIGNIFICANT, clustered_variance, q_values

RECOMMENDED = "recommended"
"""The mixture that others are compared with."""

MEAN, WORST = "mean", "worst"
"""Targets of several test languages."""

BETTER, WORSE, UNTOLD, SAME = "better", "worse", "no difference", "same examples"
"""What is told of the recommended mixture."""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What came out of fine-tuning on mixtures.

    Attributes:
        outcomes: mixture → (seeds, test examples), under the same seeds; more is better.
        rows: mixture → the training examples of each of its fine-tunings.
        languages: (test examples,) of each.
        groups: (test examples,) the same for translations of each other.
        known: the test languages that a mean, and the worst, are over.
    """

    outcomes: Mapping[str, np.ndarray]
    rows: Mapping[str, Sequence[tuple[int, ...]]]
    languages: np.ndarray
    groups: np.ndarray
    known: Sequence[str]


def observed(fits: Verification, target: str) -> pd.DataFrame:
    """Tabulate what came out of each mixture for a target.

    Args:
        target: a test language, or `mean` or `worst`.

    Returns:
        Columns mixture, examples, observed, observed_low, observed_high (of the mean, by Student's
        t over the seeds), fits.
    """
    rows = []
    for mixture, outcomes in fits.outcomes.items():
        aim = _aimed(fits, outcomes, target)
        values = _weighted(outcomes, fits.languages, np.isin(fits.languages, aim), aim)
        over = over_seeds(values.mean(1, keepdims=True))
        size = len(fits.rows[mixture][0])
        rows.append((mixture, size, over.mean[0], over.low[0], over.high[0], len(outcomes)))
    columns = "mixture examples observed observed_low observed_high fits"
    return pd.DataFrame(rows, columns=columns.split())


def differences(fits: Verification, target: str) -> pd.DataFrame:
    """Tabulate how much better the recommended mixture is than each other one.

    Args:
        target: a test language, or `mean` or `worst`.

    Returns:
        Columns against (the other mixture), test_language (the target first, then the mean and each
        test language), asked (whether it is the target), difference, low, high, p, q (the false
        discovery rate controlled over the rows of the target, and over all others), told, fits (of
        each of the two).
    """
    tests = [target, *(name for name in (MEAN, *dict.fromkeys(fits.languages)) if name != target)]
    rows = [
        (other, str(test), test == target, *_difference(fits, other, test))
        for other in fits.outcomes
        if other != RECOMMENDED
        for test in (tests if fits.rows[other] != fits.rows[RECOMMENDED] else [target])
    ]
    columns = "against test_language asked difference low high p same".split()
    table = pd.DataFrame(rows, columns=columns)
    table["q"] = np.nan
    for family in (table["asked"], ~table["asked"]):
        compared = family & table["p"].notna()
        if compared.any():
            table.loc[compared, "q"] = q_values(table.loc[compared, "p"].to_numpy(float))
    better = np.where(table["difference"] > 0, BETTER, WORSE)
    told = np.where(table["q"] < SIGNIFICANT, better, UNTOLD)
    table["told"] = np.where(table.pop("same"), SAME, told)
    return table.assign(fits=len(fits.outcomes[RECOMMENDED]))


def _difference(fits: Verification, other: str, test: str) -> tuple[float, ...]:
    """Return difference, low, high and p, and whether both mixtures are the same examples."""
    if fits.rows[RECOMMENDED] == fits.rows[other]:
        return 0.0, 0.0, 0.0, np.nan, True
    pair = [fits.outcomes[name] for name in (RECOMMENDED, other)]
    aims = [_aimed(fits, outcomes, test) for outcomes in pair]
    mine = np.isin(fits.languages, [*aims[0], *aims[1]])
    first, others = (
        _weighted(outcomes, fits.languages, mine, aim)
        for outcomes, aim in zip(pair, aims, strict=True)
    )
    apart, groups = first - others, fits.groups[mine]
    by_test = np.array([clustered_variance(apart.mean(0), groups)])
    over = over_seeds(apart.mean(1, keepdims=True), by_test, len(np.unique(groups)))
    return over.mean[0], over.low[0], over.high[0], over.p[0], False


def _aimed(fits: Verification, outcomes: np.ndarray, target: str) -> list[str]:
    """Return the test languages of a target; the worst is the one that is worst on average."""
    if target == MEAN:
        return list(fits.known)
    if target != WORST:
        return [target]
    return [min(fits.known, key=lambda name: outcomes[:, fits.languages == name].mean())]


def _weighted(
    outcomes: np.ndarray, languages: np.ndarray, mine: np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """Return numbers of some test examples whose mean is the mean of languages' means.

    Within a language they differ by its test examples alone, with the weight of each in that mean.

    Args:
        outcomes: (seeds, test examples).
        languages: of the test examples.
        mine: (test examples,) booleans, which of them.
        names: of the languages that are averaged; the others' test examples do not count.

    Returns:
        (seeds, chosen test examples).
    """
    own = languages[mine]
    chosen = outcomes[:, mine]
    means = {name: chosen[:, own == name].mean(1, keepdims=True) for name in names}
    values = np.repeat(np.mean([*means.values()], axis=0), len(own), axis=1)
    for name, mean in means.items():
        weight = len(own) / (own == name).sum() / len(names)
        values[:, own == name] += weight * (chosen[:, own == name] - mean)
    return values
