"""The section on close and distant languages: shares against linguistic distances."""

from typing import Any

import pandas as pd

from xling.analysis.shares import SIGNS
from xling.analysis.statistics import holm
from xling.report.section import SIGN, Schema, Section
from xling.report.tables import Run, records, there
from xling.report.words import SIGNIFICANT, number, p_equals, p_value

SCHEMAS = {
    "distances": Schema(
        "Rank correlation between shares and linguistic distances (URIEL), over language pairs.",
        {
            "sign": SIGN,
            "distance": "what the languages are compared by",
            "rho": "Spearman's rank correlation of share and distance",
            "p": "p-value of permuted languages (Mantel), as pairs that share a language are not "
            "independent",
            "pairs": "number of pairs of different languages",
            "least_p": "the least p that so many languages can have; tables of earlier versions "
            "are without it, and their p takes pairs as independent",
        },
        required=False,
        newer=("least_p",),
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None where no distances are known."""
    if not there(run.tables, "distances"):
        return None
    distances = run.tables["distances"]
    return {
        "sentence": sentence(distances),
        "whose_p": whose_p(distances),
        "rows": distance_rows(distances),
    }


def whose_p(pairs: pd.DataFrame) -> str:
    """Say what p-values of correlations over pairs of languages are of.

    Args:
        pairs: column least_p; those of earlier versions have none.
    """
    shared = "Pairs that share a language are not independent, so p is"
    if "least_p" not in pairs:
        return f"{shared} too small: read it as a hint."
    least = pairs["least_p"].max()
    few = f": of so few it is {p_value(least)} at least" if least >= 0.001 else ""
    return f"{shared} of permuted languages (Mantel){few}."


def distance_rows(distances: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per kind of distance, with the numbers of each sign."""
    numbers = {(row["distance"], row["sign"]): row for row in records(distances)}
    return [
        {
            "distance": distance,
            "pairs": int(table["pairs"].iloc[0]),
            **{name: numbers.get((distance, sign)) for sign, name in SIGNS.items()},
        }
        for distance, table in distances.groupby("distance", sort=False)
    ]


def sentence(distances: pd.DataFrame) -> str:
    """Say which distance goes with the shares most, if that is told of any.

    Of the most positive examples, if there are any.
    """
    positive = distances.query("sign == '+'")
    rows = positive if len(positive) else distances
    rows = rows.assign(p_holm=holm(rows["p"].to_numpy(float)))
    told = rows[rows["p_holm"] < SIGNIFICANT]
    row = rows.loc[(told if len(told) else rows)["rho"].abs().idxmax()]
    shares = f"the shares of the most {SIGNS[row['sign']]} training examples"
    over = f" after Holm’s correction for {len(rows)} distances" if len(rows) > 1 else ""
    numbers = (
        f"(ρ = {number(row['rho'], 2)}, {p_equals(row['p_holm'])}{over}, {number(row['pairs'])} "
        "pairs of different languages)"
    )
    if told.empty:
        return (
            f"Of no distance is it told that {shares} go with it; the highest correlation is with "
            f"{row['distance']} {numbers}."
        )
    which = "closer" if row["rho"] < 0 else "more distant"
    return (
        f"{shares.capitalize()} go most with {row['distance']}: {which} languages hold larger "
        f"shares {numbers}."
    )


SECTION = Section("distances", "distances.html.j2", content, "Distances", schemas=SCHEMAS)
