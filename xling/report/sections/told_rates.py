"""What exchange rates can tell: which are told from 0 or 1, and which have no unit."""

import pandas as pd

from xling.analysis.rate_units import without_unit
from xling.report.words import SIGNIFICANT, listed


def told_rates(law: str, rates: pd.DataFrame) -> list[str]:
    """Say how many of a law's rates are told from 0 and from 1; nothing of laws without rates.

    Args:
        rates: exchange rates by one measure, of the test languages that the law is told of.
    """
    others = rates[(rates["law"] == law) & (rates["test_language"] != rates["train_language"])]
    if others.empty:
        return []
    if law == "one":  # the same for all other languages
        others = others.drop_duplicates("test_language")
    none, alike = (int((others[f"q_{value}"] < SIGNIFICANT).sum()) for value in ("none", "alike"))
    rate, are = "rate" if len(others) == 1 else "rates", "is" if none == 1 else "are"
    return [
        f"Of {len(others)} such {rate}, {none} {are} told from 0 and {alike} from 1 "
        f"(q < {SIGNIFICANT})."
    ]


def useless_owns(gains: pd.DataFrame) -> dict[str, str]:
    """Return test languages whose own data are not told from useless, and what helps them most."""
    best = {}
    for language in without_unit(gains):
        rows = gains[gains["test_language"] == language]
        others = rows["train_language"] != language
        helping = rows[others & (rows["q"] < SIGNIFICANT) & (rows["gain"] > 0)]
        if len(helping):
            top = helping[helping["gain"] > (1 - 1e-6) * helping["gain"].max()]
            alike = 1 < len(top) == others.sum()
            best[language] = "any other" if alike else listed(top["train_language"])
    return best
