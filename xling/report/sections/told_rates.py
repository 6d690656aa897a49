"""How many exchange rates are more than estimates: told from 0, or from 1."""

import pandas as pd

from xling.report.words import SIGNIFICANT


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
