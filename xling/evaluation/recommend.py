"""Which data to add, and what to leave out, by the laws that were fitted to fine-tunings.

A target is a test language, `mean` (of the test languages) or `worst` (the one with the lowest
predicted outcome). Languages that nothing predicts take no part, since nothing can be promised for
them; `predicted_languages` names the others. Laws of different languages were resampled together
(see `language_effects`), so that intervals of means and differences hold.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import optimize

from xling.analysis.statistics import PERCENTILES
from xling.evaluation.exchange_rates import FittedLaw
from xling.evaluation.laws import Fit, and_further, beyond_first

BALANCE = 1e-4
"""What the most unequal mixture costs, in outcomes' spreads: of equally good ones, the balanced."""


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """The best mixture of a total under the fitted laws, beside others of the same total.

    Attributes:
        mixtures: mixture ("recommended", "balanced", "target"), train_language, examples.
        predicted: mixture, predicted, low, high, better, better_low, better_high (by how much the
            recommended mixture is better than it).
    """

    mixtures: pd.DataFrame
    predicted: pd.DataFrame


def aimed_at(laws: Sequence[FittedLaw], target: str) -> pd.DataFrame:
    """Tabulate which test languages a target is made of.

    Args:
        laws: of one measure.

    Returns:
        Columns test_language, law (the one that predicts it, or "nothing"), aimed_at: of `mean` and
        `worst` all languages that something predicts; none where nothing predicts the target.
    """
    table = pd.DataFrame(
        [(law.test_language, law.fit.law) for law in laws], columns=["test_language", "law"]
    )
    wanted = target in ("mean", "worst") or table["test_language"] == target
    return table.assign(aimed_at=wanted & (table["law"] != "nothing"))


def gains_of_target(
    laws: Sequence[FittedLaw], languages: Sequence[str], target: str, at: np.ndarray
) -> pd.DataFrame:
    """Tabulate what 100 further examples of each language bring the target.

    Args:
        laws: of one measure.
        languages: those trained on.
        at: (languages,) examples there are already.

    Returns:
        Columns train_language, gain, low, high, behind_low, behind_high (how much less that is than
        the best, by the same resamples; see `_interval`); best first.
    """
    aimed = _aimed(laws, target)
    gain = _gain(_fits(aimed), target, at)[0]
    drawn = [_gain(fits, target, at) for fits in _possible(aimed)]
    low, high = _interval(drawn)
    behind = _interval([of_set[:, [gain.argmax()]] - of_set for of_set in drawn])
    columns = dict(train_language=list(languages), gain=gain, low=low, high=high,
                   behind_low=behind[0], behind_high=behind[1])  # fmt: skip
    return pd.DataFrame(columns).sort_values("gain", ascending=False, ignore_index=True)


def without_each(
    laws: Sequence[FittedLaw], languages: Sequence[str], target: str, at: np.ndarray, margin: float
) -> pd.DataFrame:
    """Tabulate what the target loses when each language is left out.

    Args:
        at: (languages,) examples there are.
        margin: a loss, in units of the outcome, that would be put up with.

    Returns:
        Columns train_language, change, low, high (see `_interval`), verdict: "leave
        out" (the whole interval is above minus the margin), "keep" (below it), "unclear".
    """
    aimed = _aimed(laws, target)
    counts = np.repeat(at[None].astype(float), len(languages) + 1, axis=0)
    counts[np.arange(len(languages)), np.arange(len(languages))] = 0
    change, *drawn = (
        outcomes[:, :-1] - outcomes[:, -1:]
        for outcomes in (
            _outcome(fits, target, counts) for fits in (_fits(aimed), *_possible(aimed))
        )
    )
    low, high = _interval(drawn)
    verdict = np.where(low > -margin, "leave out", np.where(high < -margin, "keep", "unclear"))
    columns = dict(change=change[0], low=low, high=high, verdict=verdict)
    return pd.DataFrame(columns).assign(train_language=list(languages))[
        ["train_language", *columns]
    ]


def best_mixture(
    laws: Sequence[FittedLaw],
    languages: Sequence[str],
    target: str,
    total: int,
    limits: np.ndarray,
) -> Recommendation:
    """Find the mixture of a total that is best for the target.

    Of equally good ones, the most balanced; and the balanced one itself, unless the interval of
    what the best is better by lies above 0: the best of many mixtures always seems to be better,
    and as far as can be told no other does better then. So the best also gives way to `target`, if
    that is told from the balanced one.

    `target` beside it is the target's own data, as far as there are enough of them, and the rest
    balanced (not given for `mean` and `worst`, nor for a language that is not trained on).

    Args:
        languages: those trained on.
        limits: (languages,) the most examples there are of each.

    Raises:
        ValueError: nothing predicts the target, or there are fewer examples than the total.
    """
    limits = np.asarray(limits)
    if total > limits.sum() or total < 1:
        raise ValueError(f"A mixture of {total} examples; there are {limits.sum()}.")
    aimed = _aimed(laws, target)
    balanced = _filled(np.full(len(limits), total / len(limits)), limits, total)
    mixtures = {"recommended": _optimal(aimed, target, total, limits, balanced)}
    mixtures["balanced"] = balanced
    if target in languages:
        own = np.where(np.array(languages) == target, float(total), 0.0)
        mixtures["target"] = _filled(own, limits, total)
    counts = np.stack([_whole(values, limits, total) for values in mixtures.values()])
    whole = _outcome(_fits(aimed), target, counts)[0]
    drawn = [_outcome(fits, target, counts) for fits in _possible(aimed)]
    if (simpler := _told_no_worse(drawn)) is not None:
        counts[0], whole[0] = counts[simpler], whole[simpler]
        for of_set in drawn:
            of_set[:, 0] = of_set[:, simpler]
    low, high = _interval(drawn)
    better_low, better_high = _interval([of_set[:, [0]] - of_set for of_set in drawn])
    columns = dict(predicted=whole, low=low, high=high, better=whole[0] - whole,
                   better_low=better_low, better_high=better_high)  # fmt: skip
    rows = [
        (name, language, examples)
        for name, values in zip(mixtures, counts, strict=True)
        for language, examples in zip(languages, values.tolist(), strict=True)
    ]
    return Recommendation(
        pd.DataFrame(rows, columns=["mixture", "train_language", "examples"]),
        pd.DataFrame({"mixture": list(mixtures), **columns}),
    )


def _told_no_worse(drawn: Sequence[np.ndarray]) -> int | None:
    """Return which simpler mixture the best one is not told from, see `best_mixture`.

    Args:
        drawn: for each of some laws, (R, mixtures) outcomes of the best, the balanced and perhaps
            the target's mixture.
    """
    better = _interval([of_set[:, [0]] - of_set for of_set in drawn])[0]
    if better[1] <= 0:
        return 1
    if len(better) == 2 or better[2] > 0:
        return None
    beside = _interval([of_set[:, [2]] - of_set[:, [1]] for of_set in drawn])[0]
    return 2 if beside[0] > 0 else None


def _optimal(
    laws: Sequence[FittedLaw], target: str, total: int, limits: np.ndarray, balanced: np.ndarray
) -> np.ndarray:
    """Maximise the target's outcome, in shares of the total and spreads of the outcome.

    The worst language's is a bound that all others keep. Where no data hurt, the laws are concave
    and there is one maximum; otherwise several beginnings are tried, one language's data each.
    """
    fits, size = [law.fit for law in laws], len(limits)
    scale = max(np.abs(one.slopes).sum() for one in fits) or 1.0
    middle = balanced / total

    def outcomes(x: np.ndarray) -> np.ndarray:
        return np.array([one.predict(total * x[None, :size])[0, 0] for one in fits]) / scale

    def slopes(x: np.ndarray) -> np.ndarray:
        return (
            np.stack([one.slopes_at(total * x[None, :size])[0, 0] for one in fits]) * total / scale
        )

    def value(shares: np.ndarray) -> float:
        reached = outcomes(shares).min() if target == "worst" else outcomes(shares).mean()
        return float(reached - BALANCE * ((shares - middle) ** 2).sum())

    def cost(x: np.ndarray) -> float:
        reached = x[size] if target == "worst" else outcomes(x).mean()
        return float(BALANCE * ((x[:size] - middle) ** 2).sum() - reached)

    def cost_slopes(x: np.ndarray) -> np.ndarray:
        even = 2 * BALANCE * (x[:size] - middle)
        return np.r_[even, -1.0] if target == "worst" else even - slopes(x).mean(0)

    more = 1 if target == "worst" else 0
    ends = optimize.Bounds(
        np.r_[np.zeros(size), np.full(more, -np.inf)], np.r_[limits / total, np.full(more, np.inf)]
    )
    kept: list = [optimize.LinearConstraint(np.r_[np.ones(size), np.zeros(more)], 1, 1)]
    if more:
        kept.append(
            optimize.NonlinearConstraint(
                lambda x: outcomes(x) - x[size],
                0,
                np.inf,
                jac=lambda x: np.c_[slopes(x), -np.ones(len(fits))],
            )
        )
    begins = [middle]
    if any((one.slopes < 0).any() for one in fits):
        begins += [_filled(row, limits, total) / total for row in total * np.eye(size)]
    reached = list(begins)
    for begin in begins:
        x = np.r_[begin, outcomes(begin).min()] if more else begin
        found = optimize.minimize(
            cost, x, jac=cost_slopes, bounds=ends, constraints=kept, method="SLSQP",
            options={"maxiter": 500, "ftol": 1e-10},
        )  # fmt: skip
        shares = np.clip(found.x[:size], 0, limits / total)
        if abs(shares.sum() - 1) < 1e-6:
            reached.append(shares)
    return total * max(reached, key=value)


def _filled(wanted: np.ndarray, limits: np.ndarray, total: int) -> np.ndarray:
    """Keep within the limits and spread what is missing over the languages that have more."""
    filled = np.minimum(wanted, limits).astype(float)
    while total - filled.sum() > 1e-9:
        open_ = filled < limits
        filled[open_] += (total - filled.sum()) / open_.sum()
        filled = np.minimum(filled, limits)
    return filled


def _whole(values: np.ndarray, limits: np.ndarray, total: int) -> np.ndarray:
    """Round to whole examples of the same total, the largest remainders up."""
    down = np.floor(values + 1e-9).astype(int)
    order = np.argsort(-(values - down), kind="stable")
    for language in [*order, *order]:
        if down.sum() == total:
            break
        down[language] += down[language] < limits[language]
    return down


def _gain(fits: Sequence[Fit], target: str, at: np.ndarray) -> np.ndarray:
    """Return (R, languages) what 100 further examples of each language bring the target."""
    return beyond_first(_outcome(fits, target, and_further(at)))


def _interval(drawn: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval that holds those by each of some sets of laws.

    A simple law takes some effects to be nothing, or all to be alike, and has no interval for that.
    That it was chosen does not make it certain, and so the more general one has its say.

    Args:
        drawn: of each set of laws, (resamples, languages).
    """
    ends = np.stack([np.percentile(values, PERCENTILES, axis=0) for values in drawn])
    return ends[:, 0].min(0), ends[:, 1].max(0)


def _possible(laws: Sequence[FittedLaw]) -> list[list[Fit]]:
    """Return the resampled laws, and those with the more general ones in their place."""
    return [
        [law.resampled for law in laws],
        [law.resampled if law.general is None else law.general for law in laws],
    ]


def _outcome(fits: Sequence[Fit], target: str, counts: np.ndarray) -> np.ndarray:
    """Return (R, mixtures) outcomes of the target."""
    outcomes = np.stack([one.predict(counts) for one in fits])
    return outcomes.min(0) if target == "worst" else outcomes.mean(0)


def _fits(laws: Sequence[FittedLaw]) -> list[Fit]:
    return [law.fit for law in laws]


def _aimed(laws: Sequence[FittedLaw], target: str) -> list[FittedLaw]:
    """Choose the target's laws among those of one measure."""
    measures = {law.measure for law in laws}
    if len(measures) > 1:
        raise ValueError(f"Laws of several measures, {', '.join(sorted(measures))}: give one's.")
    aim = aimed_at(laws, target)["aimed_at"]
    if not aim.any():
        raise ValueError(f"Nothing predicts the target, {target}: nothing can be recommended.")
    return [law for law, is_aimed_at in zip(laws, aim, strict=True) if is_aimed_at]
