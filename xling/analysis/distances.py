"""Do languages learn from those that are close? Shares against linguistic distances (URIEL)."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pandas as pd

from xling.analysis.statistics import pair_correlation

DISTANCES = {
    "syntax": ("feature_predictions", "S_"),
    "phonology": ("feature_predictions", "P_"),
    "inventory": ("feature_predictions", "INV_"),
    "family": ("family_features", ""),
    "geography": ("geocoord_features", ""),
}
"""Distances by what they compare → URIEL's table, and how the names of the features begin."""


def available() -> bool:
    """Tell whether the package with the languages' features is installed."""
    try:
        return bool(distribution("lang2vec"))
    except PackageNotFoundError:
        return False


def distances(languages: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the distance of each pair of languages, one minus the cosine of their features.

    From the tables of URIEL that lang2vec brings (Littell et al. 2017); missing syntax, phonology
    and inventories are filled in from neighbours, as the database does it. The tables are read
    from its files: its own functions take ten seconds for it.

    Returns:
        Kind → (languages, languages); languages that the database lacks have no number.
    """
    folder = Path(str(distribution("lang2vec").locate_file("lang2vec/data")))
    longer = json.loads((folder / "letter_codes.json").read_text("utf-8"))
    codes = np.array([longer.get(code, code) for code in languages])
    by_kind = {}
    for kind, (table, beginning) in DISTANCES.items():
        with np.load(folder / f"{table}.npz") as file:
            listed = file["langs"]
            chosen = np.char.startswith(file["feats"], beginning)
            vectors = np.full((len(codes), chosen.sum()), np.nan)
            known, row = np.nonzero(codes[:, None] == listed)
            vectors[known] = file["data"][row][:, chosen, 0]
        # -1 stands for what is not known, and a language without a family has no features.
        vectors[(vectors < 0).any(1) | ~vectors.any(1)] = np.nan
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        by_kind[kind] = (1 - vectors @ vectors.T).clip(0)
    return by_kind


def distance_correlations(
    shares: pd.DataFrame, matrices: dict[str, np.ndarray], languages: tuple[str, ...]
) -> pd.DataFrame:
    """Tabulate the rank correlation of the shares between languages with their distances.

    Only pairs of different languages count: the diagonal would decide it by itself.

    Args:
        shares: the table `shares`; the rows of the summed influence are taken.
        matrices: see `distances`.

    Returns:
        Columns sign, distance, rho, p (of permuted languages), pairs, least_p (that p can be of so
        many languages). Kinds of distance without a correlation, as those that are the same for all
        pairs, are left out, see `xling.analysis.statistics.Correlation`.
    """
    place = {language: number for number, language in enumerate(languages)}
    rows = []
    for sign, table in shares[shares["epoch"] == 0].groupby("sign", sort=False):
        table = table[table["test_language"] != table["train_language"]]
        a, b = (table[side].map(place) for side in ("test_language", "train_language"))
        for kind, matrix in matrices.items():
            found = pair_correlation(table.assign(distance=matrix[a, b]), "share", "distance")
            if not np.isnan(found.rho):
                rows.append((sign, kind, found.rho, found.rho_p, found.points, found.least_p))
    return pd.DataFrame(rows, columns="sign distance rho p pairs least_p".split())
