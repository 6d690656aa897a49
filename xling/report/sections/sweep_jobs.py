"""The section of a sweep that is not finished on how its jobs stand."""

from typing import Any

from xling.report.section import Schema, Section
from xling.report.sweep_results import SweepResults
from xling.report.tables import printed_rows

SCHEMAS = {
    "jobs": Schema(
        "All jobs of a sweep that is not finished, by how they stand.",
        {
            "job": "its number in the sweep's plan",
            "switches": "the switches in which it differs from others",
            "state": "finished, running, failed, stopped (killed) or waiting",
            "error": "what went wrong; the whole of it is in the sweep's jobs/",
            "run": "name of the run's folder",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None for a sweep that is finished."""
    if "jobs" not in sweep.tables:
        return None
    return {"table": printed_rows(sweep.tables["jobs"])}


SECTION = Section("jobs", "sweep_jobs.html.j2", content, "Jobs", schemas=SCHEMAS)
