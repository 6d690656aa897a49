"""Do influence and retraining order pairs of languages alike?

Pairs that share a language are not independent: two matrices whose columns differ at random, as
where one language's data are poor, go together more often than as many independent numbers would.
So p-values are of permutations of the languages in one of the matrices, its rows and columns alike
(Mantel 1967): what names of languages without a meaning would give.
"""

from collections.abc import Iterator, Mapping
from itertools import permutations, product
from math import factorial, prod

import numpy as np
import pandas as pd

from xling.analysis.statistics import correlation

PAIR = ["test_language", "train_language"]

PERMUTATIONS = 5040
"""All of up to seven languages; of more, so many at random."""


def agreement(exchange_rates: pd.DataFrame, matrices: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Correlate what influence says of pairs of languages with what their data is worth.

    Args:
        exchange_rates: see `xling.evaluation.exchange_rates.LanguageEffects`; the rates of the law
            `each` are used, of test languages that anything predicts.
        matrices: name → a table with columns test_language, train_language, value.

    Returns:
        Columns measure, influence (name of the matrix), pairs ("other languages", or "all": with
        each language's own data, of rate 1), rho (Spearman), p (two-sided, of permuted languages,
        see the module; own data stay own), points.
    """
    rates = exchange_rates[exchange_rates["law"] == "each"].dropna(subset="rate")
    rows = []
    for measure, of_measure in rates.groupby("measure", sort=False):
        for name, matrix in matrices.items():
            both = of_measure.merge(matrix[[*PAIR, "value"]].dropna(), on=PAIR)
            other = both["test_language"] != both["train_language"]
            for pairs, table in (("other languages", both[other]), ("all", both)):
                result = correlation(table["value"].to_numpy(float), table["rate"].to_numpy(float))
                p = np.nan if np.isnan(result.rho) else permuted_p(table)
                rows.append((measure, name, pairs, result.rho, p, result.points))
    return pd.DataFrame(rows, columns="measure influence pairs rho p points".split())


def permuted_p(table: pd.DataFrame) -> float:
    """Return the share of permutations of the languages in which ranks go together as far.

    Only languages that are trained on and tested alike take each other's places.

    Args:
        table: columns test_language, train_language, value and rate; every test language with
            every training language, but for its own perhaps.
    """
    tests, trained = (list(dict.fromkeys(table[column])) for column in PAIR)
    groups = [
        [name for name in tests if name in trained],
        [name for name in tests if name not in trained],
        [name for name in trained if name not in tests],
    ]
    row, column = (
        table[name].map({language: place for place, language in enumerate(names)}).to_numpy(int)
        for name, names in zip(PAIR, (tests, trained), strict=True)
    )
    ranks = np.full((len(tests), len(trained)), np.nan)
    ranks[row, column] = table["value"].rank() - (len(table) + 1) / 2
    rates = table["rate"].rank().to_numpy() - (len(table) + 1) / 2
    together = []
    for names in _renamed(groups):
        to_row = np.array([tests.index(names[test]) for test in tests])
        to_column = np.array([trained.index(names[train]) for train in trained])
        together.append(ranks[to_row[row], to_column[column]] @ rates)
    nearer = np.abs(together) < (1 - 1e-9) * abs(together[0])  # a pair without a value tells none
    return float(1 - nearer.mean())


def _renamed(groups: list[list[str]]) -> Iterator[dict[str, str]]:
    """Yield names of languages in place of others of their group; first each its own."""
    groups = [names for names in groups if names]
    if prod(factorial(len(names)) for names in groups) <= PERMUTATIONS:
        drawn = product(*(permutations(names) for names in groups))
    else:
        rng = np.random.default_rng(0)
        random = ([rng.permutation(names) for names in groups] for _ in range(PERMUTATIONS))
        drawn = (order for part in ([groups], random) for order in part)
    for order in drawn:
        yield {
            str(name): str(other)
            for names, others in zip(groups, order, strict=True)
            for name, other in zip(names, others, strict=True)
        }
