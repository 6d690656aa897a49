"""The section on what the gradients cover, of runs whose method has gradients."""

from typing import Any

import pandas as pd

from xling.analysis.coverage import overall
from xling.report.section import EPOCH, Schema, Section
from xling.report.tables import Run
from xling.report.words import percent

SCHEMAS = {
    "coverage": Schema(
        "Which parameters the gradient sketches cover, and which carry the gradient.",
        {
            "epoch": EPOCH,
            "language": "language of the training examples; all is the mean over the languages",
            "group": "kind of parameter",
            "parameters": "number of parameters",
            "square_norm_share": "share of the measured squared gradient norm, 0 to 1; none where "
            "it was not measured",
            "covered": "whether the sketches cover it",
        },
        required=False,
        gaps=("square_norm_share",),
    ),
}

PRECONDITIONED = (
    "The gradients are divided by the root of their curvature first, and the norm is that of the "
    "result: each direction that gradients vary in counts about as much as any other, so that "
    "kinds with many parameters have a large share."
)


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None for a method without gradients."""
    if "coverage" not in run.tables:
        return None
    rows = overall(run.tables["coverage"])
    influence = run.results.get("config", {}).get("influence", {})
    divided = run.results.get("method") == "ekfac" or influence.get("moments", "none") != "none"
    told = sentence(rows) + (" " + PRECONDITIONED if divided else "")
    return {"sentence": told, "rows": rows.to_dict("records")}


def sentence(coverage: pd.DataFrame) -> str:
    """Say how much of the parameters and of the squared gradient norm the sketches cover."""
    rows = coverage[coverage["covered"]]
    parameters = rows["parameters"].sum() / coverage["parameters"].sum()
    norm = rows["square_norm_share"].sum()
    return (
        f"The sketches of this run cover {percent(parameters)} of the parameters and "
        f"{percent(norm)} of the squared gradient norm."
    )


SECTION = Section("coverage", "coverage.html.j2", content, "Coverage", schemas=SCHEMAS)
