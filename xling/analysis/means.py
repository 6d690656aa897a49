"""Mean influence between languages (Choenni et al. 2023, Tab. 3 and 6)."""

from collections.abc import Sequence

import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.statistics import bootstrap_interval
from xling.attribution import Traces


def mean_influence(
    traces: Sequence[Traces], train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Tabulate the mean influence over all pairs of a training and a test example.

    Args:
        traces: of the summed influence (epoch 0), then of each epoch; their groups are the
            training languages.

    Returns:
        Columns epoch, test_language, train_language, mean, low, high.
    """
    rows = []
    for epoch, at_epoch in enumerate(traces):
        for language in test.languages:
            means = at_epoch.group_mean[test.rows_of(language)]
            low, high = bootstrap_interval(means, seed=seed)
            rows += [
                (epoch, language, name, *numbers)
                for name, *numbers in zip(train.languages, means.mean(0), low, high, strict=True)
            ]
    return pd.DataFrame(rows, columns="epoch test_language train_language mean low high".split())
