"""Which exchange rates have a unit: an own example, which is told to help."""

import numpy as np
import pandas as pd

from xling.analysis.statistics import SIGNIFICANT


def with_unit(rates: pd.DataFrame, gains: pd.DataFrame, relative: bool = False) -> pd.DataFrame:
    """Return the exchange rates of test languages whose own data are told to help.

    Those of others are in units of nothing, or, of a language that is not trained on, relative to a
    mean: neither can be compared with rates of another test language.

    Args:
        rates: the table `exchange_rates`.
        gains: the table `effect_gains`.
        relative: return those of languages that are not trained on, too.
    """
    own = _own_gains(gains)
    helping = own[_helps(own)]
    pairs = set(zip(helping["measure"], helping["test_language"], strict=True))
    trained = set(gains["train_language"])
    at = zip(rates["measure"], rates["test_language"], strict=True)
    kept = [pair in pairs or (relative and pair[1] not in trained) for pair in at]
    return rates[np.array(kept, bool)]


def without_unit(gains: pd.DataFrame) -> list[str]:
    """Return test languages whose own data are not told to help, though they are trained on.

    Where more data of its own make such a language worse, a high rate says that other data do so
    even more.

    Args:
        gains: the table `effect_gains`, of one measure.
    """
    own = _own_gains(gains)
    return list(own.loc[~_helps(own), "test_language"])


def _own_gains(gains: pd.DataFrame) -> pd.DataFrame:
    return gains[gains["test_language"] == gains["train_language"]]


def _helps(gains: pd.DataFrame) -> pd.Series:
    return (gains["q"] < SIGNIFICANT) & (gains["gain"] > 0)
