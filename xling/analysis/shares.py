"""The languages of the most influential examples (Choenni et al. 2023, §7, Fig. 2 and 3)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xling.analysis.corpus import Examples
from xling.analysis.intervals import interval
from xling.influence import Ranking, Traces

SIGNS = {"+": "positive", "-": "negative"}


def ranking(traces: Traces, sign: str) -> Ranking:
    """Return the most positive ("+") or most negative ("-") training examples."""
    return getattr(traces, SIGNS[sign])


def shares(
    traces: Sequence[Traces], train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Tabulate share(a, b, ±): the mean part of the top-k sets of a's test examples that is b's.

    Args:
        traces: of the summed influence (epoch 0), then of each epoch.
        seed: of the bootstrap.

    Returns:
        Columns epoch, sign, test_language, train_language, share, low, high, base_rate,
        test_examples.
    """
    count = len(train.languages)
    base = np.bincount(train.language, minlength=count) / len(train.ids)
    rows = []
    for epoch, at_epoch in enumerate(traces):
        for sign in SIGNS:
            members = train.language[ranking(at_epoch, sign).index]  # (test, k)
            part = np.stack([(members == each).mean(1) for each in range(count)], axis=1)
            for language in test.languages:
                of = part[test.of(language)]
                low, high = interval(of, seed=seed)
                rows += [
                    (epoch, sign, language, name, *numbers, len(of))
                    for name, *numbers in zip(
                        train.languages, of.mean(0), low, high, base, strict=True
                    )
                ]
    columns = "epoch sign test_language train_language share low high base_rate test_examples"
    return pd.DataFrame(rows, columns=columns.split())


def own_language_share(table: pd.DataFrame) -> dict[str, float]:
    """Return each training language's share of its own test examples' most positive sets."""
    own = table[
        (table.epoch == 0) & (table.sign == "+") & (table.test_language == table.train_language)
    ]
    return dict(zip(own.test_language, own.share.astype(float), strict=True))
