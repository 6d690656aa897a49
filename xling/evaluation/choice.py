"""Which law? Tried on fine-tunings that it was not fitted to, the simplest good one is taken.

Every law of `xling.evaluation.laws` is tried on every test language, and cross-validation chooses:
the simplest whose mean squared error is within one standard error of the least, where the standard
error is that of the difference of the two (fine-tuning by fine-tuning), or whose R² is within
`AS_GOOD_R2` of the best: with hardly any noise, effects of no importance are told from none. The
fewer numbers a law is made of, the simpler it is; how many these are goes by how many languages are
trained on: with two, `one`, `separate` and `each` have as many. Of those, the better counts as the
simpler. A language is said to be predicted by nothing if the best law's cross-validated R² is
below `LEAST_R2`, or below `SURE_R2` and its squared error less than two standard errors below the
mean's. (On noise alone, with 9 to 65 parts of the data and all laws tried, that failed to be said
in at most 3 of 100 simulations.)
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from xling.analysis.statistics import correlation
from xling.evaluation.laws import LAWS, fit, parameters

LEAST_R2 = 0.1
"""Below this, nothing predicts a language."""

SURE_R2 = 0.5
"""From here on something does, however unequal the errors are."""

AS_GOOD_R2 = 0.01
"""A simpler law that explains so little less of the variance is as good."""

ROUNDING = 1e-9
"""Outcomes that differ by less, relatively, are equal."""

PRACTICALLY_R2 = 0.03
"""Laws whose R² differ by no more predict practically equally well."""

GENERAL = {
    "alike": ("one", "each"),
    "own": ("one", "separate", "each"),
    "one": ("each",),
    "separate": (),
    "each": (),
}
"""Each law, and those which are that law at certain values of their numbers."""

PARTS_PER_PARAMETER = 2
"""A law is tried if there are so many different parts of the data for each of its numbers."""

LEAVE_ONE_OUT = 60
"""Up to so many different parts, each is left out by itself; of more, a 20th at a time."""

FOLDS = 20


def cross_validated(
    law: str, counts: np.ndarray, y: np.ndarray, own: int | None, parts: np.ndarray, seed: int
) -> np.ndarray:
    """Predict each fine-tuning by the law fitted to the others; those of its part are left out."""
    number = parts.max() + 1
    folds = np.arange(number)
    if number > LEAVE_ONE_OUT:
        folds = np.random.default_rng(seed).permutation(number) % FOLDS
    fold = folds[parts]
    left_in = (fold != np.arange(fold.max() + 1)[:, None]).astype(float)
    return fit(law, counts, y, own, left_in).predict(counts)[fold, np.arange(len(y))]


def choose(errors: Mapping[str, np.ndarray], spread: float, languages: int) -> str:
    """Choose the simplest law that is as good as the best (see the module).

    Args:
        errors: (parts,) squared errors of each law that was tried, `nothing` among them.
        spread: the mean squared deviation of the outcomes from their mean.
        languages: number of those trained on.
    """
    ordered = sorted(errors, key=lambda law: (errors[law].mean(), LAWS.index(law)))
    best = ordered[0]
    worse, uncertain = _difference(errors["nothing"], errors[best])
    r2 = _r2(errors[best], spread)
    if not spread or r2 < LEAST_R2 or (r2 < SURE_R2 and worse < 2 * uncertain):
        return "nothing"
    known = [law for law in ordered if law != "nothing"]
    for law in sorted(known, key=lambda law: _size(law, languages)):
        worse, uncertain = _difference(errors[law], errors[best])
        if worse <= max(uncertain, AS_GOOD_R2 * spread) and _r2(errors[law], spread) >= LEAST_R2:
            return law
    return best


def _size(law: str, languages: int) -> int:
    """Return of how many numbers a law is made that exists, as those that were tried do."""
    return parameters(law, languages, own=0)


def _difference(left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return the mean difference of paired errors and its standard error."""
    difference = left - right
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


def is_constant(outcomes: np.ndarray) -> bool:
    """Tell whether outcomes are all the same, but for the last digit, as means of the same are."""
    return bool(np.ptp(outcomes) <= ROUNDING * np.abs(outcomes).max())


def by_part(values: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return the (parts,) means of (fits,) values."""
    return np.bincount(parts, values) / np.bincount(parts)


def _r2(errors: np.ndarray, spread: float) -> float:
    return float(1 - errors.mean() / spread) if spread else np.nan


def try_laws(
    counts: np.ndarray,
    y: np.ndarray,
    own: int | None,
    languages: Sequence[str],
    parts: np.ndarray,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Try each law on one test language; also its errors by part, in units of the variance."""
    number = int(parts.max()) + 1
    middle = by_part(y, parts).mean()  # parts count alike, under however many seeds they are
    spread = 0.0 if is_constant(y) else float(by_part((y - middle) ** 2, parts).mean())
    rows, errors = [], {}
    for law in LAWS:
        why = _why_not(law, counts, own, languages, number)
        r2 = rho = np.nan
        if not why:
            predicted = cross_validated(law, counts, y, own, parts, seed)
            errors[law] = by_part((y - predicted) ** 2, parts)
            r2 = _r2(errors[law], spread)
            # The mean of the others falls as the one left out rises, whatever there is to predict.
            rho = np.nan if law == "nothing" else correlation(predicted, y).rho
        size = parameters(law, counts.shape[1], own)
        rows.append((law, size, len(y), number, r2, rho, why))
    table = pd.DataFrame(rows, columns="law parameters fits parts r2 rho why".split())
    table = table.assign(chosen=table["law"] == choose(errors, spread, counts.shape[1]))
    # Of outcomes that are all the same, a law explains nothing, though it is never wrong.
    relative = {law: error / spread if spread else np.ones(number) for law, error in errors.items()}
    return table, relative


def try_together(
    tried: Sequence[tuple[bool, bool, dict[str, np.ndarray]]], languages: int
) -> pd.DataFrame:
    """Choose a law for all test languages: (trained on, predicted, errors) of each.

    Of those that are trained on and predicted. Where nothing predicts any of them by itself,
    nothing predicts them together: what is told of all has to be told of some.

    Args:
        languages: number of those trained on.
    """
    predicted = any(language[1] for language in tried)
    for place in (0, 1):
        tried = [language for language in tried if language[place]] or tried
    errors = [language[2] for language in tried]
    laws = [law for law in LAWS if all(law in error for error in errors)]
    pooled = {law: np.mean([error[law] for error in errors], axis=0) for law in laws}
    chosen = choose(pooled, 1.0, languages) if predicted else "nothing"
    r2 = {law: _r2(pooled[law], 1.0) for law in laws}
    near = practically_as_good(r2, chosen, languages)
    rows = [(law, len(errors), r2[law], law == chosen, law in near) for law in laws]
    return pd.DataFrame(rows, columns="law languages r2 chosen as_good".split())


def practically_as_good(r2: Mapping[str, float], chosen: str, languages: int) -> list[str]:
    """Return other laws that have to be told beside the chosen one, the best first.

    They predict practically as well and are made of no more numbers, so that nothing but a little
    R² speaks for the chosen one. Its generalisations are left out, and a generalisation of another
    of them that is hardly better than this special case.

    Args:
        r2: cross-validated, of the laws that were tried.
        languages: number of those trained on.
    """
    if chosen == "nothing":
        return []
    near = [
        law
        for law in GENERAL
        if law in r2 and law not in (chosen, *GENERAL[chosen])
        if abs(r2[law] - r2[chosen]) <= PRACTICALLY_R2
        if _size(law, languages) <= _size(chosen, languages)
    ]
    hardly_better = {
        general
        for law in near
        for general in GENERAL[law]
        if general in near and r2[general] - r2[law] <= AS_GOOD_R2
    }
    return sorted((law for law in near if law not in hardly_better), key=lambda law: -r2[law])


def _why_not(
    law: str, counts: np.ndarray, own: int | None, languages: Sequence[str], parts: int
) -> str:
    """Say why a law cannot be told from these fine-tunings; "" if it can."""
    size = parameters(law, counts.shape[1], own)
    if not size:
        same = " (one rate for all is `alike` then)" if law == "one" else ""
        return f"the language is not trained on{same}"
    needed = PARTS_PER_PARAMETER * size
    if law != "nothing" and parts < needed:
        return f"needs {needed} different parts of the data, there are {parts}"
    constant = [languages[int(i)] for i in np.flatnonzero(np.ptp(counts, axis=0) == 0)]
    of_interest = {"own": [own], "one": [own], "each": range(len(languages))}
    of_interest["separate"] = of_interest["each"]
    stuck = [name for name in constant if name in {languages[i] for i in of_interest.get(law, ())}]
    if stuck:
        return f"always as many examples of {', '.join(stuck)}"
    if law in ("alike", "one") and np.ptp(counts.sum(1)) == 0:
        return "always as many examples in total"
    return ""
