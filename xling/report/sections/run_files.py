"""The section on the files of a run: its tables, documented."""

from collections.abc import Mapping
from typing import Any

from xling.report.methods import method
from xling.report.section import Schema, Section
from xling.report.tables import Run


def section(schemas: Mapping[str, Schema]) -> Section[Run]:
    """Return the section, with what documents the tables."""

    def content(run: Run) -> dict[str, Any]:
        words = method(run.results)
        return {
            "tables": run.tables,
            "documented": {name: schema.in_words(words) for name, schema in schemas.items()},
            "latex": {file.stem for file in run.folder.glob("tables/*.tex")},
        }

    return Section("files", "files.html.j2", content, "Files")
