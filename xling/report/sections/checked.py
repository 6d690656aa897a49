"""What a run's page says of whether anybody has checked its influence by fine-tuning again."""

import json
import shlex
from typing import Any

from xling.report.section import Section
from xling.report.tables import Run

KINDS = {
    "language_effects": "What the languages’ data does was measured",
    "faithfulness": "How far scores predict fine-tunings was measured",
    "recommend": "Which data to add was found",
}
"""What each evaluation did, by its name."""

EXPERIMENT = "language_effects"


def content(run: Run) -> dict[str, Any] | None:
    """Return nothing: what there is to say stands among the findings."""
    return None


def findings(run: Run) -> list[str]:
    """Quote the evaluations of the run's fine-tuning, or say that there is none."""
    whole = run.results.get("subnetwork", {}).get("name", "full") == "full"
    if not whole or "evaluations" not in run.results:  # not possible, or an earlier version's
        return []
    if not run.results["evaluations"]:
        return [not_checked(run)]
    method = scored_by(run.results["config"]["influence"])
    return [
        f"{KINDS[check['evaluate']]} by fine-tuning again ({check['name']}): "
        + " ".join([_quoted(check, method), *check.get("warnings", [])])
        for check in run.results["evaluations"]
    ]


def _quoted(check: dict[str, Any], method: str) -> str:
    """Return what an evaluation says of the run's own method; else that it says nothing of it."""
    if method in check["methods"]:
        return check["methods"][method]
    others = " This run’s own scores are not among those compared." if check["methods"] else ""
    return check["findings"][0] + others


def scored_by(influence: dict[str, Any]) -> str:
    """Return those settings of influence on which scores depend, as text.

    Of what is fitted before examples are represented, settings other than the defaults alone: what
    was recorded without them stays what it is.
    """
    keys = ("method", "similarity", "weights", "parameters", "damping", "rerank")
    fitted = {
        key: influence[key]
        for key, default in (("moments", "none"), ("fit_examples", 1000))
        if influence.get(key, default) != default
    }
    return json.dumps({key: influence.get(key) for key in keys} | fitted)


def not_checked(run: Run) -> str:
    """Say that influence is an estimate that nobody has checked, and how to check it."""
    words = shlex.split(run.results.get("command", "xling"))
    command = shlex.join([words[0], f"experiment={EXPERIMENT}", *words[1:]])
    file = run.folder / "run.json"
    spent = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    seconds = spent.get("seconds_to_check")
    lasts = f" (about {_roughly(seconds)})" if seconds else ""
    return (
        "Nobody has checked by fine-tuning again whether these estimates tell what the languages’ "
        f"data does: {command}{lasts} would."
    )


def _roughly(seconds: float) -> str:
    """Write an estimate of a duration, as in `9 min`."""
    return f"{max(1, round(seconds / 60))} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


SECTION = Section("checked", "", content, findings=findings)
