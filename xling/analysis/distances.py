"""Do languages learn from those that are close? Shares against linguistic distances (URIEL)."""

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

KINDS = {
    "syntax": "syntax_knn",
    "phonology": "phonology_knn",
    "inventory": "inventory_knn",
    "family": "fam",
    "geography": "geo",
}
"""Distances by what they compare → the feature set of URIEL."""

LEAST_PAIRS = 4
"""Fewer pairs of languages than this say nothing of a correlation."""


def available() -> bool:
    """Tell whether the package with the languages' features is installed."""
    return all(find_spec(name) for name in ("lang2vec", "pkg_resources"))


def distances(languages: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the distance of each pair of languages, one minus the cosine of their features.

    From URIEL by way of lang2vec (Littell et al. 2017); missing syntax, phonology and inventories
    are filled in from neighbours, as the database does it.

    Returns:
        Kind → (languages, languages); languages that the database lacks have no number.
    """
    # The package installs a script of its own name beside `xling`, which would hide it.
    packages = [each for each in sys.path if not Path(each, "lang2vec.py").is_file()]
    with patch.object(sys, "path", packages), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what setuptools is about to drop
        import lang2vec.lang2vec as uriel

    codes = {each: uriel.LETTER_CODES.get(each, each) for each in languages}
    listed = uriel.available_languages()
    known = [each for each in languages if codes[each] in listed]
    found = {}
    for kind, features in KINDS.items():
        table = uriel.get_features([codes[each] for each in known], features)
        matrix = np.full((len(languages), len(languages)), np.nan)
        vectors = np.array([table[codes[each]] for each in known], dtype=float)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        place = [languages.index(each) for each in known]
        matrix[np.ix_(place, place)] = (1 - vectors @ vectors.T).clip(0)
        found[kind] = matrix
    return found


def distance_correlations(
    shares: pd.DataFrame, matrices: dict[str, np.ndarray], languages: tuple[str, ...]
) -> pd.DataFrame:
    """Tabulate the rank correlation of the shares between languages with their distances.

    Of different languages alone: the diagonal would decide it by itself.

    Args:
        shares: the table `shares`; the rows of the summed influence are taken.
        matrices: see `distances`.

    Returns:
        Columns sign, distance, rho, p, pairs. Kinds that are the same for all pairs are left out.
    """
    place = {language: number for number, language in enumerate(languages)}
    rows = []
    for sign, table in shares[shares["epoch"] == 0].groupby("sign", sort=False):
        table = table[table["test_language"] != table["train_language"]]
        a, b = (table[each].map(place) for each in ("test_language", "train_language"))
        for kind, matrix in matrices.items():
            apart = matrix[a, b]
            good = ~np.isnan(apart)
            if good.sum() < LEAST_PAIRS or np.ptp(apart[good]) < 1e-9:
                continue
            if table["share"][good].nunique() < 2:
                continue
            found = spearmanr(table["share"][good], apart[good])
            rows.append((sign, kind, found.statistic, found.pvalue, int(good.sum())))
    return pd.DataFrame(rows, columns="sign distance rho p pairs".split())
