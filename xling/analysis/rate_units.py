"""Which exchange rates have a unit: an own example, which is told to help."""

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
    own = gains[gains["test_language"] == gains["train_language"]]
    helping = own[(own["q"] < SIGNIFICANT) & (own["gain"] > 0)]
    pairs = set(zip(helping["measure"], helping["test_language"], strict=True))
    trained = set(gains["train_language"])
    at = zip(rates["measure"], rates["test_language"], strict=True)
    return rates[[pair in pairs or (relative and pair[1] not in trained) for pair in at]]
