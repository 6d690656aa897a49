"""The section on close and distant languages: shares against linguistic distances."""

from typing import Any

import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.section import SIGN, Schema, Section
from xling.report.tables import Run, records, there
from xling.report.words import number

SCHEMAS = {
    "distances": Schema(
        "Rank correlation between shares and linguistic distances (URIEL), over language pairs.",
        {
            "sign": SIGN,
            "distance": "what the languages are compared by",
            "rho": "Spearman's rank correlation of share and distance",
            "p": "p-value; pairs that share a language are not independent",
            "pairs": "number of pairs of different languages",
        },
        required=False,
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None where no distances are known."""
    if not there(run.tables, "distances"):
        return None
    distances = run.tables["distances"]
    return {"sentence": sentence(distances), "rows": distance_rows(distances)}


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
    """Say which distance goes with the shares most; most positive examples, if there are any."""
    positive = distances.query("sign == '+'")
    rows = positive if len(positive) else distances
    row = rows.loc[rows["rho"].abs().idxmax()]
    which = "closer" if row["rho"] < 0 else "more distant"
    return (
        f"The shares of the most {SIGNS[row['sign']]} training examples go most with "
        f"{row['distance']}: {which} languages hold larger shares "
        f"(ρ = {number(row['rho'], 2)}, {number(row['pairs'])} pairs of different languages)."
    )


SECTION = Section("distances", "distances.html.j2", content, "Distances", schemas=SCHEMAS)
