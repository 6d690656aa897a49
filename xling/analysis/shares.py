"""The languages of the most influential examples (Choenni et al. 2023, §7, Fig. 2 and 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.statistics import SIGNIFICANT, bootstrap_interval
from xling.attribution import Ranking, Traces

SIGNS = {"+": "positive", "-": "negative"}


def ranking(traces: Traces, sign: str) -> Ranking:
    """Return the most positive ("+") or most negative ("-") training examples."""
    return getattr(traces, SIGNS[sign])


def language_shares(ranking: Ranking, train: Examples) -> np.ndarray:
    """Return each language's share of each test example's top-k set, as (test, train languages)."""
    members = train.language[ranking.index]
    return np.stack([(members == code).mean(1) for code in range(len(train.languages))], axis=1)


def base_rates(train: Examples) -> np.ndarray:
    """Return each language's share of the training examples."""
    return np.bincount(train.language, minlength=len(train.languages)) / len(train.ids)


def shares(
    traces: Sequence[Traces], train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Tabulate share(a, b, ±): b's mean share of the top-k sets of a's test examples.

    Args:
        traces: of the summed influence (epoch 0), then of each epoch.
        seed: of the bootstrap.

    Returns:
        Columns epoch, sign, test_language, train_language, share, low, high, base_rate, lift,
        same_label, test_examples. `lift` is the share divided by the base rate; `same_label` the
        share among the members with the test example's label, missing where there are none.
    """
    count = len(train.languages)
    base = base_rates(train)
    rows = []
    for epoch, at_epoch in enumerate(traces):
        for sign in SIGNS:
            ranked = ranking(at_epoch, sign)
            members = train.language[ranked.index]  # (test, k)
            same = train.label[ranked.index] == test.label[:, None]
            by_example = language_shares(ranked, train)
            for language in test.languages:
                mine = test.rows_of(language)
                share = by_example[mine].mean(0)
                low, high = bootstrap_interval(by_example[mine], seed=seed)
                matching = np.bincount(members[mine][same[mine]], minlength=count)
                same_label = matching / matching.sum() if matching.any() else np.full(count, np.nan)
                numbers = (share, low, high, base, share / base, same_label)
                rows += [
                    (epoch, sign, language, name, *row, len(mine))
                    for name, *row in zip(train.languages, *numbers, strict=True)
                ]
    columns = "epoch sign test_language train_language share low high base_rate lift same_label"
    return pd.DataFrame(rows, columns=[*columns.split(), "test_examples"])


def labels(traces: Traces, train: Examples, test: Examples, seed: int = 0) -> pd.DataFrame:
    """Tabulate the share of the top-k sets that has the test example's own label.

    Args:
        traces: of the summed influence.

    Returns:
        Columns sign, test_language, same_label, low, high, base_rate (the share of all training
        examples that has the label, averaged over the test examples).
    """
    frequency = np.bincount(train.label, minlength=test.label.max() + 1) / len(train.ids)
    rows = []
    for sign in SIGNS:
        same = (train.label[ranking(traces, sign).index] == test.label[:, None]).mean(1)
        for language in test.languages:
            mine = test.rows_of(language)
            low, high = bootstrap_interval(same[mine], seed=seed)
            base = frequency[test.label[mine]].mean()
            rows.append((sign, language, same[mine].mean(), low, high, base))
    return pd.DataFrame(rows, columns="sign test_language same_label low high base_rate".split())


def own_language_share(table: pd.DataFrame) -> dict[str, float]:
    """Return each training language's share of its own test examples' most positive sets."""
    own = table[
        (table.epoch == 0) & (table.sign == "+") & (table.test_language == table.train_language)
    ]
    return dict(zip(own.test_language, own.share.astype(float), strict=True))


def told_side(row: Mapping[Any, Any]) -> int:
    """Tell on which side of its base rate a share is, if that is told among all shares, too.

    Args:
        row: of the table of shares; those of earlier versions have no q.

    Returns:
        1 above it, -1 below it, 0 if neither is told: the interval, or q, does not tell it.
    """
    if row.get("q", 0.0) >= SIGNIFICANT:
        return 0
    return int(row["low"] > row["base_rate"]) - int(row["high"] < row["base_rate"])


def told_sides(shares: pd.DataFrame) -> np.ndarray:
    """Return `told_side` of each row."""
    return np.array([told_side(row) for row in shares.to_dict("records")], dtype=int)
