"""The section on the files of a sweep."""

from typing import Any

from xling.report.section import Section
from xling.report.sweep_results import SweepResults


def content(sweep: SweepResults) -> dict[str, Any]:
    """Return what the template prints."""
    return {"tables": list(sweep.tables)}


SECTION = Section("files", "sweep_files.html.j2", content, "Files")
