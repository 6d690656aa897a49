"""Do influence and retraining order pairs of languages alike?"""

from collections.abc import Mapping

import pandas as pd

from xling.analysis.statistics import pair_correlation

PAIR = ["test_language", "train_language"]


def agreement(exchange_rates: pd.DataFrame, matrices: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Correlate what influence says of pairs of languages with what their data is worth.

    Args:
        exchange_rates: see `xling.evaluation.exchange_rates.LanguageEffects`; the rates of the law
            `each` are used, of test languages that anything predicts.
        matrices: name → a table with columns test_language, train_language, value.

    Returns:
        Columns measure, influence (name of the matrix), pairs ("other languages", or "all": with
        each language's own data, of rate 1), rho (Spearman), p (two-sided, of permuted languages,
        see `xling.analysis.statistics`; own data stay own), points, least_p (that p can be of so
        many languages).
    """
    rates = exchange_rates[exchange_rates["law"] == "each"].dropna(subset="rate")
    rows = []
    for measure, of_measure in rates.groupby("measure", sort=False):
        for name, matrix in matrices.items():
            both = of_measure.merge(matrix[[*PAIR, "value"]].dropna(), on=PAIR)
            other = both["test_language"] != both["train_language"]
            for pairs, table in (("other languages", both[other]), ("all", both)):
                result = pair_correlation(table, "value", "rate")
                told = (result.rho, result.rho_p, result.points, result.least_p)
                rows.append((measure, name, pairs, *told))
    return pd.DataFrame(rows, columns="measure influence pairs rho p points least_p".split())
