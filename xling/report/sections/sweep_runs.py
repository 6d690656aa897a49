"""The section of a sweep on its runs, and what it says where not all are drawn."""

from typing import Any

from xling.report.section import Section
from xling.report.sweep_results import RUNS, SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import printed_rows

SCHEMAS = {
    "runs": across_runs(
        "The runs of the sweep, with the switches in which they differ.",
        {
            "state": "of a sweep that is not finished: how each run stands",
            "dev_accuracy": "accuracy on the development set at the kept epoch, 0 to 1",
            "test_accuracy": "accuracy on the test set, mean over the languages",
            "own_share": "share of a language's own data in the most positive training examples, "
            "mean over the languages",
            "warnings": "codes of what the run's page warns of, such as a model that has not "
            "learnt, if any run has a warning",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where no run was traced."""
    if "runs" not in sweep.tables:
        return None
    return {"table": printed_rows(sweep.tables["runs"]), "links": sweep.links}


def drawn(sweep: SweepResults) -> dict[str, Any] | None:
    """Return how many runs there are, where the figures show fewer."""
    count = len(sweep.titles)
    return {"runs": count, "drawn": RUNS} if count > RUNS else None


SECTION = Section("runs", "sweep_runs.html.j2", content, "Runs", schemas=SCHEMAS)
DRAWN = Section("drawn", "sweep_drawn.html.j2", drawn)
