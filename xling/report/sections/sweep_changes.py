"""The section of a sweep on what each run's subnetworks change (Choenni et al. 2024)."""

import re
from collections.abc import Iterator
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.section import Figure, Section
from xling.report.sections.change import SCHEMAS as RUN_SCHEMAS
from xling.report.sections.change import change_limit, change_matrix, own_changes
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.words import listed, points

CHANGE_COLUMNS = RUN_SCHEMAS["subnetwork_change"].columns

SCHEMAS = {"sweep_change": across_runs("What the subnetworks of each run change.", CHANGE_COLUMNS)}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None for a sweep without subnetworks."""
    return {} if sweep.changes else None


def figures(sweep: SweepResults) -> list[Figure]:
    """Return the matrices of all runs that are drawn, on one scale."""
    if not sweep.changes:
        return []
    changes, languages = sweep.drawn().changes, sweep.languages
    return [
        Figure(
            f"change_{name}",
            f"Change of the shares of the most {name} training examples, {{}}",
            change_panels(changes, sign, languages),
        )
        for sign, name in SIGNS.items()
    ]


def change_panels(
    changes: dict[str, pd.DataFrame], sign: str, languages: list[str] | None = None
) -> dict[str, alt.LayerChart]:
    """Draw `change_matrix` of several runs on one scale: small, by their titles."""
    limit = max(change_limit(change) for change in changes.values())
    return {
        title: change_matrix(change, sign, languages, limit, small=True).properties(
            title=alt.Title(title, anchor="start")
        )
        for title, change in changes.items()
    }


def findings(sweep: SweepResults) -> list[str]:
    """Say how the own language's share changes, by run."""
    return change_sentences(sweep.changes)


def change_sentences(changes: dict[str, pd.DataFrame]) -> list[str]:
    """Say how the own language's share changes, by run; runs on the same test languages alone."""
    own = {
        title: own_changes(table, "+").set_index("test_language")["change"]
        for title, table in changes.items()
    }
    return [
        f"Through the subnetworks, the share of the most positive examples that is {whose} changes "
        f"by {listed(f'{points(mean)} ({title})' for title, mean in means.items())} percentage "
        "points."
        for whose, means in averaged(own)
    ]


def averaged(own: dict[str, pd.Series]) -> Iterator[tuple[str, dict[str, float]]]:
    """Average numbers by language, of runs that all have the same languages.

    Runs through random masks count as one.

    Args:
        own: by the runs' titles; numbers by language.

    Yields:
        Whose data it is, for each set of languages that a run has: the means by title.
    """
    for languages in dict.fromkeys(
        tuple(numbers.index) for numbers in own.values() if len(numbers)
    ):
        groups: dict[str, list[float]] = {}
        for title, numbers in own.items():
            if set(languages) <= set(numbers.index):
                name = re.sub(r"random \d+", "random masks", title)
                groups.setdefault(name, []).append(float(numbers[list(languages)].mean()))
        whose = f"in {languages[0]}" if len(languages) == 1 else "in the own language"
        on_average = f", on average over {listed(languages)}," if len(languages) > 1 else ""
        yield whose + on_average, {name: sum(group) / len(group) for name, group in groups.items()}


SECTION = Section(
    "changes",
    "sweep_changes.html.j2",
    content,
    "Changes",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    question="What changes through the languages’ subnetworks?",
)
