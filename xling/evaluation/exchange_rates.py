"""What does each language's data really do? Exchange rates, fitted to many fine-tunings.

The law of each measure and test language is chosen by `xling.evaluation.choice`.

Fine-tunings on the same examples with several seeds stay together: they are left out together, and
resampled as parts first, then as seeds within each part.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from xling.analysis.statistics import PERCENTILES, q_values
from xling.evaluation.changes import changes
from xling.evaluation.choice import GENERAL, try_laws, try_together
from xling.evaluation.laws import Fit, and_further, beyond_first, fit, parameters

RESAMPLES = 1000
"""Of the bootstrap over fine-tunings."""

LEAST_PARTS = 3
"""Fewer different parts of the data cannot be cross-validated."""

CURVE = 13
"""Points of a curve."""


@dataclasses.dataclass(frozen=True)
class FineTunings:
    """What came out of fine-tunings on parts of the training data.

    Attributes:
        counts: (fits, train languages) examples that each was trained on.
        outcomes: (fits, test languages) of each measure; more is better, so minus the mean loss.
        train_languages, test_languages: in the order of the columns.
        parts: (fits,) equal numbers for fine-tunings on the same examples with other seeds; None if
            all differ.
    """

    counts: np.ndarray
    outcomes: Mapping[str, np.ndarray]
    train_languages: Sequence[str]
    test_languages: Sequence[str]
    parts: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class FittedLaw:
    """The chosen law of a test language.

    Attributes:
        measure, test_language: whose it is.
        own: the test language among the training languages; None if it is not trained on.
        fit: to all fine-tunings.
        resampled: to each of the resamples.
        general: likewise, of the most general law that was tried and contains the chosen one: what
            a simple law holds to be nothing, such as what other languages bring by `own`, that one
            has an interval for. None if it is the chosen one itself.
    """

    measure: str
    test_language: str
    own: int | None
    fit: Fit
    resampled: Fit
    general: Fit | None = None


@dataclasses.dataclass(frozen=True)
class LanguageEffects:
    """What the languages' data do, as tidy tables.

    Attributes:
        laws: measure, test_language, law, parameters, fits, parts, r2, rho (cross-validated;
            missing if the law was not tried), chosen (one law of each measure and language), why
            (it was not tried; "" if it was).
        overall: measure, law, languages, r2, chosen: the same choice for all test languages
            together, by the mean of their squared errors in units of their variances. Only those
            that are trained on (all, if none is) and predicted by something (all, if none is).
            as_good: whether the law has to be told beside the chosen one, see
            `xling.evaluation.choice.practically_as_good`.
        exchange_rates: measure, test_language, train_language, rate, low, high, q_alike, q_none,
            law ("each" and "one", where they were tried). Missing where nothing predicts the
            language. The rate of the test language itself is 1 by definition. `q_alike` is against
            1 (bootstrap), `q_none` against 0 (F test of leaving the language out of the law), both
            with the false discovery rate controlled over a measure and law. `low` is 0 where the F
            test cannot tell the rate from 0.
        gains: measure, test_language, train_language, gain, low, high, q, law: of 100 further
            examples by the chosen law, beyond `at`; q against 0, controlled over a measure.
        changes: measure, test_language, train_language, change, low, high, q: by all of a
            language's examples, of either sign, beside the chosen law of the others' data; q of
            harm (one-sided), controlled over a measure. See `xling.evaluation.changes`.
        curves: measure, test_language, train_language, examples, predicted, low, high, law: the
            other languages have their mean number of examples.
        points: measure, test_language, train_language, fit, examples, value: the outcome of each
            fine-tuning if the other languages had had theirs, as the law tells it.
        fitted: the chosen laws.
    """

    laws: pd.DataFrame
    overall: pd.DataFrame
    exchange_rates: pd.DataFrame
    gains: pd.DataFrame
    changes: pd.DataFrame
    curves: pd.DataFrame
    points: pd.DataFrame
    fitted: tuple[FittedLaw, ...]


def language_effects(
    tunings: FineTunings, seed: int = 0, at: np.ndarray | None = None, resamples: int = RESAMPLES
) -> LanguageEffects:
    """Fit the laws to every measure and test language, and choose.

    Args:
        seed: of the bootstrap and of the folds.
        at: (train languages,) examples from which gains are counted; None for the most there were.

    Raises:
        ValueError: shapes that do not fit each other, or missing outcomes.
    """
    _check(tunings)
    parts = _parts(tunings)
    reference = tunings.counts.max(0) if at is None else at
    weights = bootstrap_weights(parts, resamples, seed)
    laws, overall, rates, gains, changed, curves, points, fitted = ([] for _ in range(8))
    for measure, outcomes in tunings.outcomes.items():
        tried = []
        for name, y in zip(tunings.test_languages, outcomes.T, strict=True):
            key = {"measure": measure, "test_language": name}
            own = _own(tunings, name)
            table, errors = try_laws(tunings.counts, y, own, tunings.train_languages, parts, seed)
            laws.append(table.assign(**key))
            chosen = table["law"][table["chosen"]].item()
            tried.append((own is not None, chosen != "nothing", errors))
            known = [law for law in ("each", "one") if not table.set_index("law")["why"][law]]
            fits = {
                law: FittedLaw(
                    measure,
                    name,
                    own,
                    fit(law, tunings.counts, y, own),
                    fit(law, tunings.counts, y, own, weights),
                )
                for law in {chosen, *(known if chosen != "nothing" else [])}
            }
            for law in known:
                rates.append(_rates(law, fits.get(law), tunings, y, parts).assign(**key))
            wider = [law for law in known if law in GENERAL.get(chosen, ())][:1]
            general = fits[wider[0]].resampled if wider else None
            fitted.append(dataclasses.replace(fits[chosen], general=general))
            gains.append(_gains(fitted[-1], tunings, y, parts, reference).assign(**key))
            change = changes(chosen, tunings.counts, y, own, parts)
            changed.append(change.assign(train_language=list(tunings.train_languages), **key))
            curves.append(_curves(fitted[-1], tunings).assign(**key))
            points.append(_points(fitted[-1], tunings, y).assign(**key))
        together = try_together(tried, len(tunings.train_languages))
        overall.append(together.assign(measure=measure))
    rates_table = _tidy(rates, "train_language rate low high p_alike p_none law")
    for against in ("alike", "none"):
        controlled = _controlled(rates_table, f"p_{against}", ["measure", "law"])
        rates_table = rates_table.drop(columns=f"p_{against}").assign(
            **{f"q_{against}": controlled}
        )
    gains_table = _tidy(gains, "train_language gain low high p law")
    changes_table = _tidy(changed, "train_language change low high p")
    gains_table, changes_table = (
        table.assign(q=_controlled(table, "p", ["measure"])).drop(columns="p")
        for table in (gains_table, changes_table)
    )
    return LanguageEffects(
        _tidy(laws, "law parameters fits parts r2 rho chosen why"),
        pd.concat(overall, ignore_index=True)["measure law languages r2 chosen as_good".split()],
        rates_table,
        gains_table,
        changes_table,
        _tidy(curves, "train_language examples predicted low high law"),
        _tidy(points, "train_language fit examples value"),
        tuple(fitted),
    )


def bootstrap_weights(parts: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Resample parts of the data, then the fine-tunings on each part (with their seeds).

    Args:
        parts: (fits,) numbers from 0.

    Returns:
        (resamples, fits) how often each fine-tuning was drawn.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(parts == part) for part in range(parts.max() + 1)]
    weights = np.zeros((resamples, len(parts)))
    for row in weights:
        for part in rng.integers(len(members), size=len(members)):
            drawn = members[part]
            if len(drawn) > 1:
                drawn = rng.choice(drawn, len(drawn))
            np.add.at(row, drawn, 1)
    return weights


def _rates(
    law: str, fitted: FittedLaw | None, tunings: FineTunings, y: np.ndarray, parts: np.ndarray
) -> pd.DataFrame:
    """Tabulate the rates of one test language by one law; None where nothing predicts it."""
    rate, low, high, p_alike, p_none = np.full((5, len(tunings.train_languages)), np.nan)
    if fitted:
        own = fitted.own
        rate, drawn = fitted.fit.rates[0].copy(), fitted.resampled.rates
        low, high = np.percentile(drawn, PERCENTILES, axis=0)
        p_alike = two_sided(drawn, 1.0)
        p_none = _p_none(law, tunings.counts, y, own, parts)
        low = np.where(p_none > PERCENTILES[0] / 100, 0.0, low)  # a logarithm never reaches it
        if own is not None:
            low[own] = high[own] = p_alike[own] = p_none[own] = np.nan
    columns = dict(rate=rate, low=low, high=high, p_alike=p_alike, p_none=p_none)
    return pd.DataFrame(columns).assign(train_language=list(tunings.train_languages), law=law)


def two_sided(drawn: np.ndarray, value: float) -> np.ndarray:
    """Return p-values of a value among (resamples, ...) draws: twice the smaller tail."""
    above, below = (drawn >= value).sum(0), (drawn <= value).sum(0)
    return np.minimum(1.0, 2 * (1 + np.minimum(above, below)) / (1 + len(drawn)))


def _p_none(
    law: str, counts: np.ndarray, y: np.ndarray, own: int | None, parts: np.ndarray
) -> np.ndarray:
    """Test each rate against 0: does the law without this data fit worse? A one-sided F test.

    The own data's rate is 1 by definition, but the law without it may do as well: then the others'
    rates are in a unit that is worth nothing.

    Seeds of the same part are no further evidence: parts are counted, not fine-tunings. The p-value
    is halved, since a rate cannot be negative (Self and Liang 1987).
    """
    languages = counts.shape[1]
    number = parts.max() + 1
    left = number - parameters(law, languages, own)
    share = number / len(y)
    whole = fit(law, counts, y, own).squares[0] * share
    p = np.empty(languages)
    own_alone = fit("own", counts, y, own).squares[0] if law == "one" else None
    for language in range(languages):
        if own_alone is not None and language != own:
            less = own_alone
        else:
            less = fit(law, counts, y, own, without=language).squares[0]
        ratio = max(0.0, less * share - whole) / (whole / left)
        p[language] = stats.f.sf(ratio, 1, left) * (0.5 if ratio > 0 else 1.0)
    return p


def _gains(
    law: FittedLaw, tunings: FineTunings, y: np.ndarray, parts: np.ndarray, at: np.ndarray
) -> pd.DataFrame:
    """Tabulate what 100 further examples of each language bring."""
    counts = and_further(at)
    gain, drawn = (beyond_first(fits.predict(counts)) for fits in (law.fit, law.resampled))
    low, high = np.percentile(drawn, PERCENTILES, axis=0)
    p = two_sided(drawn, 0.0)
    if law.fit.law in ("each", "one"):  # rates are not negative: no resample's is below 0
        p = _p_none(law.fit.law, tunings.counts, y, law.own, parts)
    p[(drawn == 0).all(0)] = np.nan  # the law knows no effect: nothing was tested
    columns = dict(gain=gain[0], low=low, high=high, p=p)
    return pd.DataFrame(columns).assign(
        train_language=list(tunings.train_languages), law=law.fit.law
    )


def _curves(law: FittedLaw, tunings: FineTunings) -> pd.DataFrame:
    """Tabulate the outcome against the number of each language's examples."""
    tables = []
    for language, name in enumerate(tunings.train_languages):
        examples = np.linspace(0, tunings.counts[:, language].max(), CURVE)
        counts = _varied(tunings.counts, language, examples)
        low, high = np.percentile(law.resampled.predict(counts), PERCENTILES, axis=0)
        columns = dict(examples=examples, predicted=law.fit.predict(counts)[0], low=low, high=high)
        tables.append(pd.DataFrame(columns).assign(train_language=name, law=law.fit.law))
    return pd.concat(tables, ignore_index=True)


def _points(law: FittedLaw, tunings: FineTunings, y: np.ndarray) -> pd.DataFrame:
    """Tabulate the fine-tunings' outcomes around the curves: predicted there, plus what is left."""
    residuals = y - law.fit.predict(tunings.counts)[0]
    tables = []
    for language, name in enumerate(tunings.train_languages):
        examples = tunings.counts[:, language]
        value = law.fit.predict(_varied(tunings.counts, language, examples))[0] + residuals
        columns = dict(fit=np.arange(len(y)), examples=examples, value=value)
        tables.append(pd.DataFrame(columns).assign(train_language=name))
    return pd.concat(tables, ignore_index=True)


def _varied(counts: np.ndarray, language: int, examples: np.ndarray) -> np.ndarray:
    """Return (points, languages) numbers: this language's as given, the others' at their mean."""
    varied = np.repeat(counts.mean(0, keepdims=True), len(examples), axis=0).astype(float)
    varied[:, language] = examples
    return varied


def _controlled(table: pd.DataFrame, column: str, by: list[str]) -> np.ndarray:
    """Control the false discovery rate of p-values in each group; missing ones take no part."""
    q = np.full(len(table), np.nan)
    for rows in table.groupby(by).indices.values():
        q[rows] = q_values(table[column].to_numpy(float)[rows])
    return q


def _tidy(tables: Sequence[pd.DataFrame], columns: str) -> pd.DataFrame:
    """Put the tables of the measures and test languages below each other."""
    names = ["measure", "test_language", *columns.split()]
    return pd.concat(tables, ignore_index=True)[names] if tables else pd.DataFrame(columns=names)


def _own(tunings: FineTunings, name: str) -> int | None:
    languages = list(tunings.train_languages)
    return languages.index(name) if name in languages else None


def _parts(tunings: FineTunings) -> np.ndarray:
    """Number the parts from 0."""
    if tunings.parts is None:
        return np.arange(len(tunings.counts))
    return np.unique(tunings.parts, return_inverse=True)[1]


def _check(tunings: FineTunings) -> None:
    fits, languages = tunings.counts.shape
    if languages != len(tunings.train_languages) or languages < 2:
        raise ValueError(
            f"counts have {languages} columns for {len(tunings.train_languages)} train languages; "
            "as many of both are needed, two or more."
        )
    different = int(_parts(tunings).max(initial=-1)) + 1
    if different < LEAST_PARTS:
        raise ValueError(
            f"{different} different parts of the training data were fine-tuned on; nothing can be "
            f"told from fewer than {LEAST_PARTS}."
        )
    for measure, outcomes in tunings.outcomes.items():
        if outcomes.shape != (fits, len(tunings.test_languages)):
            raise ValueError(
                f"{measure}: outcomes are of shape {outcomes.shape}, expected "
                f"({fits}, {len(tunings.test_languages)}): fine-tunings by test languages."
            )
        if not np.isfinite(outcomes).all():
            raise ValueError(f"{measure}: not every fine-tuning has a finite outcome.")
