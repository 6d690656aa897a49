"""What is lost without the examples that a method ranks first: the query loss difference.

Each method's first examples are left out, and one fine-tunes on all others: as often, with the same
seeds, without as many random examples, and without a *matched control*: others of the same language
and label, one for each. The difference of a test example's loss tells whether the method has picked
examples that help it, and whether it knows more of them than their language and label.

There are few fine-tunings of a kind, so their noise is estimated from all of them together: as what
is left of the mean losses of all sets and seeds once the mean of each set and of each seed are
taken off. The same seed shuffles the examples that two sets share alike.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from xling.analysis.statistics import SIGNIFICANT, clustered_variance, q_values
from xling.evaluation.mixtures import Retraining

RANDOM, MATCHED = "random", "matched"
AGAINST = (RANDOM, MATCHED)
"""What a method's first examples are compared with."""

ALL = "all"
"""Test languages together."""


@dataclasses.dataclass(frozen=True)
class Drop:
    """A set of training examples to fine-tune without, or several that stand for the same.

    Attributes:
        method: whose first examples they are, or are matched with; "" for random ones.
        against: "" for the method's own, "random" or "matched".
        rows: of the examples that are left out, for each seed.
        alike: share of them of the same language and label as the method's.
    """

    method: str
    against: str
    rows: tuple[tuple[int, ...], ...]
    alike: float = 1.0

    @property
    def kind(self) -> str:
        """What fine-tunings without them are called."""
        return " ".join(word for word in ("without", self.against, self.method) if word)


def ranked_first(scores: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return the rows of the share of the examples that score highest, one at least, best first.

    Args:
        scores: (train,) of each training example.
        seed: by which ties are broken.
    """
    shuffled = np.random.default_rng(seed).permutation(len(scores))
    return np.lexsort((shuffled, -scores))[: max(1, round(share * len(scores)))]


def drops(
    ranked: Mapping[str, np.ndarray],
    languages: Sequence[str],
    labels: Sequence[int],
    seed: int,
    seeds: int,
) -> list[Drop]:
    """Return what to fine-tune without: random examples, each method's first, matched controls.

    Args:
        ranked: method → rows of its first examples, as many of each.
        languages, labels: of each training example.
        seed: of the draws.
        seeds: how often random examples and controls are drawn.
    """
    count = len(next(iter(ranked.values())))
    every = [np.random.default_rng([seed, n, 0]).permutation(len(languages)) for n in range(seeds)]
    sets = [Drop("", RANDOM, tuple(_sorted(order[:count]) for order in every))]
    for method, members in ranked.items():
        drawn = [nearest_control(languages, labels, members, [seed, n, 1]) for n in range(seeds)]
        alike = float(np.mean([matched / count for _, matched in drawn]))
        controls = tuple(_sorted(rows) for rows, _ in drawn)
        sets += [
            Drop(method, "", (_sorted(members),) * seeds),
            Drop(method, MATCHED, controls, alike),
        ]
    return sets


def nearest_control(
    languages: Sequence[str], labels: Sequence[int], members: np.ndarray, seed: list[int]
) -> tuple[np.ndarray, int]:
    """Draw another example of the same language and label for each member.

    Where there are too few, examples of the same label are drawn, and where these are too few, any.

    Returns:
        Their rows, and how many are of the language and label of a member.

    Raises:
        ValueError: more members than others.
    """
    if 2 * len(members) > len(languages):
        raise ValueError(f"{len(members)} of {len(languages)} examples have no control.")
    shuffled = np.random.default_rng(seed).permutation(len(languages))
    others = shuffled[~np.isin(shuffled, members)]
    pairs = np.array([f"{a} {b}" for a, b in zip(languages, labels, strict=True)])
    drawn, matched = np.empty(0, int), 0
    for kinds in (pairs, np.array(labels), np.zeros(len(labels))):
        for kind, count in zip(*np.unique(kinds[members], return_counts=True), strict=True):
            lacking = max(0, count - int((kinds[drawn] == kind).sum()))
            left = others[(kinds[others] == kind) & ~np.isin(others, drawn)]
            drawn = np.concatenate([drawn, left[:lacking]])
        if kinds is pairs:
            matched = len(drawn)
    return drawn, matched


def retrainings_without(
    sets: Sequence[Drop], languages: Sequence[str], seed: int
) -> list[Retraining]:
    """Return the fine-tunings without each set, under all seeds one after the other.

    Args:
        languages: of each training example.
        seed: of the first fine-tuning of each set; the others follow it.
    """
    names = np.array(languages)
    sizes = {str(name): int((names == name).sum()) for name in dict.fromkeys(languages)}
    parts = []
    for one in sets:
        for number, rows in enumerate(one.rows):
            left = np.delete(np.arange(len(names)), rows)
            shares = tuple(
                (name, float((names[left] == name).sum() / size)) for name, size in sizes.items()
            )
            parts.append(Retraining(one.kind, tuple(left.tolist()), seed + number, shares))
    return parts


def loss_differences(
    sets: Sequence[Drop],
    losses: np.ndarray,
    languages: Sequence[str],
    groups: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Tabulate by how much the loss is higher without a method's examples than without others.

    Args:
        losses: (sets, seeds, test examples) of the fine-tunings without each.
        languages: of each test example.
        groups: of each test example, the same for translations of each other; None: each its own.

    Returns:
        Columns method, against, test_language ("all" first), dropped (examples), alike (share of
        the control's of the same language and label), difference, low, high, p, q (the false
        discovery rate controlled over all methods for all tests together, and over the languages),
        beats (q below 0.05, and the loss is higher), fits (of each of the two).
    """
    number = {(one.method, one.against): place for place, one in enumerate(sets)}
    names = np.array(languages)
    alike = np.arange(len(names)) if groups is None else np.unique(groups, return_inverse=True)[1]
    places = list({one.rows: place for place, one in enumerate(sets)}.values())
    rows = []
    for test in (ALL, *dict.fromkeys(languages)):
        chosen = names == test if test != ALL else np.ones(len(names), bool)
        of_test = losses[:, :, chosen]
        noise = fit_noise(of_test[places].mean(2))
        for one in (one for one in sets if not one.against):
            for against in AGAINST:
                control = number[one.method if against == MATCHED else "", against]
                pair = of_test[number[one.method, ""]], of_test[control]
                found = loss_difference(*pair, *noise, alike[chosen])
                about = (one.method, against, test, len(one.rows[0]), sets[control].alike)
                rows.append((*about, *dataclasses.astuple(found), losses.shape[1]))
    columns = "method against test_language dropped alike difference low high p fits".split()
    table = pd.DataFrame(rows, columns=columns)
    together = table["test_language"] == ALL
    table.loc[table["against"] == RANDOM, "alike"] = np.nan
    table["q"] = np.nan
    for family in (together, ~together):
        table.loc[family, "q"] = q_values(table.loc[family, "p"].to_numpy(float))
    table["beats"] = (table["q"] < SIGNIFICANT) & (table["difference"] > 0)
    return table[[*columns[:-1], "q", "beats", "fits"]]


@dataclasses.dataclass(frozen=True)
class LossDifference:
    """By how much more the loss rises without a method's examples than without others.

    Attributes:
        value, low, high: the mean over test examples and its 95 % interval.
        p: two-sided.
    """

    value: float
    low: float
    high: float
    p: float


def fit_noise(means: np.ndarray) -> tuple[float, int]:
    """Estimate the variance of a fine-tuning's mean loss, but for what all of its seed share.

    Args:
        means: (sets, seeds) mean losses; two or more of both.

    Returns:
        The variance, and its degrees of freedom.
    """
    left = means - means.mean(1, keepdims=True) - means.mean(0, keepdims=True) + means.mean()
    freedom = (means.shape[0] - 1) * (means.shape[1] - 1)
    return float((left**2).sum() / freedom), freedom


def loss_difference(
    without_first: np.ndarray,
    without_others: np.ndarray,
    variance: float,
    freedom: int,
    groups: np.ndarray,
) -> LossDifference:
    """Compare losses after leaving out a method's examples with those after leaving out others.

    The interval is Student's, over fine-tunings and test examples together, with the degrees of
    freedom of Welch and Satterthwaite. It is careful: what a fine-tuning does to single test
    examples counts in the noise of both. Translations of a test example go up and down together,
    so that they are one cluster (Liang and Zeger 1986).

    Args:
        without_first, without_others: (seeds, test examples) losses.
        variance, freedom: of the mean loss of a fine-tuning, see `fit_noise`.
        groups: (test examples,) numbers, the same for translations of each other.
    """
    by_test = (without_first - without_others).mean(0)
    value, tests = float(by_test.mean()), len(np.unique(groups))
    of_tests = clustered_variance(by_test, groups) if tests > 1 else 0.0
    parts = 2 * variance / len(without_first), of_tests
    if not sum(parts):
        return LossDifference(value, value, value, 1.0 if value == 0 else 0.0)
    error = np.sqrt(sum(parts))
    student = stats.t(
        sum(parts) ** 2 / (parts[0] ** 2 / freedom + parts[1] ** 2 / max(1, tests - 1))
    )
    half = float(student.ppf(0.975) * error)
    p = float(2 * student.sf(abs(value) / error))
    return LossDifference(value, value - half, value + half, p)


def _sorted(rows: np.ndarray) -> tuple[int, ...]:
    return tuple(np.sort(rows).tolist())
