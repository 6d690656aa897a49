"""Numbers in words: how the pages and the terminal of a report write them."""

from collections.abc import Iterable, Mapping

import pandas as pd

from xling.analysis.statistics import SIGNIFICANT as SIGNIFICANT  # one import for the room

FEW = 5
"""Fewer test examples than this get no sentence but that they are too few."""

THIN = "\u202f"  # narrow no-break space
MINUS = "\u2212"


def percent(value: float, digits: int = 1) -> str:
    """Write 0.314 as `31.4%`, and what would round to nothing as `<0.1%`."""
    unit = 10**-digits
    if 0 < 100 * value < unit / 2:
        return f"<{unit:.{digits}f}%"
    return f"{100 * value:.{digits}f}%"


def percent_range(values: Iterable[float], digits: int = 0) -> str:
    """Write the range of values as `24–41%`, or one figure where both ends print the same."""
    values = list(values)
    low, high = (f"{100 * end:.{digits}f}" for end in (min(values), max(values)))
    return f"{low if low == high else f'{low}–{high}'}%"


def points(change: float, digits: int = 1) -> str:
    """Write the change of a share or probability, -0.213, as `−21.3`, and 0.021 as `+2.1`."""
    text = f"{100 * change:+.{digits}f}".replace("-", MINUS)
    return text if text.strip(f"+{MINUS}0.") else text[1:]


def interval(low: float, high: float, digits: int = 1) -> str:
    """Write an interval of shares as `29.0–33.8%`."""
    return f"{100 * low:.{digits}f}–{100 * high:.{digits}f}%"


def change_interval(low: float, high: float) -> str:
    """Write the interval of a change of shares, in points, as `−0.4 to +2.1`, if it has one."""
    return "no interval" if pd.isna(low) else f"{points(low)} to {points(high)}"


def change_intervals(low: pd.Series, high: pd.Series) -> list[str]:
    """Write the intervals of changes, row by row."""
    return [change_interval(*ends) for ends in zip(low, high, strict=True)]


def points_range(changes: Iterable[float]) -> str:
    """Write the range of changes, in points, as `−0.4 to +2.1`; one if both ends print the same."""
    changes = list(changes)
    low, high = points(min(changes)), points(max(changes))
    return low if low == high else f"{low} to {high}"


def p_value(p: float) -> str:
    """Write a p- or q-value as `0.023`, and a small one as `<0.001`."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def p_equals(p: float, name: str = "p") -> str:
    """Write a p- or q-value in a sentence, as `p = 0.023` or `p < 0.001`."""
    return f"{name} < 0.001" if p < 0.001 else f"{name} = {p:.3f}"


def number(value: float, digits: int = 0) -> str:
    """Write a number with thin thousands spaces and a true minus sign."""
    text = f"{value:,.{digits}f}"
    if not text.strip("-0.,"):  # no sign for what rounds to nothing
        text = text.lstrip("-")
    return text.replace(",", THIN).replace("-", MINUS)


def duration(seconds: float) -> str:
    """Write seconds as `42 s`, `3 min 5 s` or `2 h 4 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def too_few(counts: Mapping[str, int]) -> str:
    """Say of which languages too few test examples were traced; "" if of none.

    Args:
        counts: test examples of each language.
    """
    few = [f"{language} (n = {count})" for language, count in counts.items() if count < FEW]
    if not few:
        return ""
    return (
        f"Too few test examples were traced in {listed(few)} to say anything: it takes {FEW} or "
        "more."
    )


def listed(words: Iterable[str]) -> str:
    """Write words as `a, b and c`."""
    *head, last = list(words)
    return f"{', '.join(head)} and {last}" if head else last


def coefficients(row: Mapping[str, float]) -> str:
    """Write correlations (r, r_p, rho, rho_p) as `r = 0.31 (p = 0.023), ρ = 0.40 (p < 0.001)`."""
    linear = f"r = {number(row['r'], 2)} ({p_equals(row['r_p'])})"
    ranked = f"ρ = {number(row['rho'], 2)} ({p_equals(row['rho_p'])})"
    return ", ".join(text.replace(" ", "\u00a0") for text in (linear, ranked))
