"""Numbers and findings as a reader wants them: words computed from a run's tables."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

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


def listed(words: Iterable[str]) -> str:
    """Write words as `a, b and c`."""
    *head, last = list(words)
    return f"{', '.join(head)} and {last}" if head else last


def own_shares(shares: pd.DataFrame, sign: str) -> pd.DataFrame:
    """Return the rows, summed over checkpoints, where a language meets its own training data."""
    return shares.query("epoch == 0 and sign == @sign and test_language == train_language")


def finding(shares: pd.DataFrame, top_k: int) -> str:
    """Say in one sentence what each language's own data holds of the most positive examples."""
    own = own_shares(shares, "+")
    if own.empty:
        return "No test language has training data of its own in this run."
    above, below = (
        int((own["low"] > own["base_rate"]).sum()),
        int((own["high"] < own["base_rate"]).sum()),
    )
    subject = (
        "Each language’s own data" if len(own) > 1 else f"The {own.iloc[0].test_language} data"
    )
    sentence = (
        f"{subject} holds {percent_range(own['share'])} of the {top_k} training examples that "
        f"help its test examples most; by its size alone it would hold "
        f"{percent_range(own['base_rate'])}."
    )
    return f"{sentence} {_verdict(above, below, len(own))}"


def _verdict(above: int, below: int, languages: int) -> str:
    if above == languages:
        return "The whole 95% interval lies above that base rate in every language."
    parts = [f"above that base rate in {above} of {languages} languages"] if above else []
    parts += [f"below it in {below} of {languages}"] if below else []
    if not parts:
        return "No 95% interval excludes that base rate."
    return f"The 95% interval lies {listed(parts)}."


def details(tables: dict[str, pd.DataFrame], results: dict[str, Any]) -> list[str]:
    """Return further findings: other languages, left-out languages, negative examples."""
    shares = tables["shares"].query("epoch == 0")
    positive = shares.query("sign == '+'")
    found = [*_strongest(positive), *_zero_shot(positive), *_negative(shares, results["top_k"])]
    return [*found, *_twin(shares, results.get("twin"))]


def _twin(shares: pd.DataFrame, twin: dict[str, float] | None) -> list[str]:
    if not twin:
        return []
    noise = 100 * shares["noise"]
    return [
        "Noise of the sketches, told by independent twins: their scores correlate at "
        f"{twin['spearman']:.3f} (Spearman), {percent(twin['positive_overlap'])} of the most "
        f"positive examples are the same, and the shares differ by {noise.mean():.1f} points on "
        f"average, {noise.max():.1f} at most."
    ]


def _strongest(positive: pd.DataFrame) -> list[str]:
    others = positive.query("test_language != train_language and low > base_rate")
    if others.empty:
        return [
            "No language’s test examples draw on another language’s data clearly more than its "
            "base rate: no 95% interval lies above it."
        ]
    row = others.loc[(others["share"] - others["base_rate"]).idxmax()]
    return [
        f"The strongest pull across languages is of {row.train_language} training examples on "
        f"{row.test_language} test examples: {percent(row['share'])} "
        f"({interval(row['low'], row['high'])}), base rate {percent(row['base_rate'])}."
    ]


def _zero_shot(positive: pd.DataFrame) -> list[str]:
    trained = set(positive["train_language"])
    unseen = positive[~positive["test_language"].isin(trained)]
    return [
        f"{language} was left out of training; its test examples draw most on "
        f"{(top := rows.loc[rows['share'].idxmax()]).train_language} ({percent(top['share'])})."
        for language, rows in unseen.groupby("test_language", sort=False)
    ]


def _negative(shares: pd.DataFrame, top_k: int) -> list[str]:
    own = own_shares(shares, "-")
    if own.empty:
        return []
    return [
        f"Of the {top_k} most negative training examples, the test language’s own data holds "
        f"{percent_range(own['share'])} (base rate {percent_range(own['base_rate'])})."
    ]


def covered(coverage: pd.DataFrame) -> str:
    """Say how much of the parameters and of the squared gradient norm the sketches cover."""
    rows = coverage[coverage["covered"]]
    parameters = rows["parameters"].sum() / coverage["parameters"].sum()
    norm = rows["square_norm_share"].sum()
    return (
        f"The sketches of this run cover {percent(parameters)} of the parameters and "
        f"{percent(norm)} of the squared gradient norm."
    )
