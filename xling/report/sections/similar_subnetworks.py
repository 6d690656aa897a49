"""The section of a sweep on what goes with specialized and with similar subnetworks."""

from typing import Any

from xling.report.section import FilledSection, Section, filled
from xling.report.sections import similarity, specialization
from xling.report.sweep_results import SweepResults
from xling.report.tables import RunTables


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where no run has the tables."""
    return {} if sweep.similar else None


def heading(run: RunTables) -> dict[str, Any]:
    """Return what the template of a run's heading prints."""
    return {"title": run.title}


HEADING = Section("run", "run_heading.html.j2", heading)


def groups(sweep: SweepResults) -> list[FilledSection]:
    """Return the parts of each run, under its title where there are several."""
    runs = sweep.drawn().similar
    parts = (specialization.SECTION, similarity.SECTION)
    if len(runs) > 1:
        parts = (HEADING, *parts)
    return [part for run in runs for part in filled(parts, run)]


SECTION = Section(
    "similar-subnetworks",
    "similar_subnetworks.html.j2",
    content,
    "Similar subnetworks",
    groups=groups,
)
