"""What does all of a language's data change? Told beside the laws, whose rates are not negative.

A rate of 0 says that data are of no use, and cannot say that they do harm. So each language's
number of examples, as a share of the most there were, is added to the law of the others' data as a
linear term of either sign. Of that law, the first derivatives by all its numbers take part, so that
the term's t test knows that these were fitted, too.
"""

import numpy as np
import pandas as pd
from scipy import stats

from xling.evaluation.choice import by_part, is_constant
from xling.evaluation.laws import Fit, fit


def changes(
    law: str, counts: np.ndarray, outcomes: np.ndarray, own: int | None, parts: np.ndarray
) -> pd.DataFrame:
    """Tabulate what the outcome changes by when all of a language's examples are added.

    Args:
        law: of the other languages' data.
        counts: (fits, languages) examples of each training language.
        outcomes: (fits,)
        own: the test language among the training languages; None if it is not trained on.
        parts: (fits,) numbers from 0 of the different parts of the data; seeds of one are averaged.

    Returns:
        Columns change, low, high (95% t interval), p (of harm: one-sided against a change of 0 or
        more, so that many languages' gains lend no harm their weight), a row per training language;
        missing where there were always as many examples, all outcomes are the same, or parts are
        too few.
    """
    y = by_part(outcomes, parts)
    numbers = counts[np.unique(parts, return_index=True)[1]].astype(float)
    rows = np.full((counts.shape[1], 4), np.nan)
    for language in range(len(rows)):
        share = numbers[:, language] / max(1.0, numbers[:, language].max())
        if not np.ptp(share) or is_constant(y):
            continue
        others = _others(law, fit(law, counts, outcomes, own, without=language), numbers, language)
        terms = np.column_stack([np.ones(len(y)), others])
        beside = share - terms @ np.linalg.lstsq(terms, share)[0]
        left = len(y) - np.linalg.matrix_rank(terms) - 1
        spread = beside @ beside
        if left < 1 or spread < 1e-9 * len(y):
            continue
        change = beside @ y / spread
        residuals = y - terms @ np.linalg.lstsq(terms, y)[0] - change * beside
        error = np.sqrt(residuals @ residuals / left / spread)
        margin = stats.t.ppf(0.975, left) * error
        p = stats.t.cdf(change / error, left) if error else float(change >= 0)
        rows[language] = change, change - margin, change + margin, p
    return pd.DataFrame(rows, columns=["change", "low", "high", "p"])


def _others(law: str, fitted: Fit, numbers: np.ndarray, language: int) -> np.ndarray:
    """Return what the law knows of the others' data, and its slopes: (parts, terms)."""
    rest = np.arange(numbers.shape[1]) != language
    if law == "nothing":
        return np.empty((len(numbers), 0))
    offset = fitted.offset[0]
    if law == "separate":
        amounts = offset + numbers[:, rest]
        return np.column_stack([np.log(amounts), (fitted.slopes[0, rest] / amounts).sum(1)])
    amount = offset + numbers @ fitted.rates[0]
    terms = [np.log(amount), 1 / amount]
    if law == "one":
        terms.append(numbers[:, rest & (fitted.rates[0] != 1)].sum(1) / amount)
    elif law == "each":
        terms.extend((numbers[:, rest] / amount[:, None]).T)
    return np.column_stack(terms)
