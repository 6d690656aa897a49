"""What a run's page says of whether anybody has checked its influence by fine-tuning again.

It is no section of its own: what was measured stands before what is estimated, at the page's head.
"""

import json
import shlex
from typing import Any

from markupsafe import Markup

from xling.analysis.subnetwork_sweeps import subnetwork_kind
from xling.report.tables import Run

KINDS = {
    "language_effects": "What the languages’ data does was measured",
    "faithfulness": "How far scores predict fine-tunings was measured",
    "recommend": "Which data to add was looked for",
}
"""What each evaluation did, by its name; the first of these that there is comes first."""

EXPERIMENT = "language_effects"

OF_OTHER_JOBS = ("evaluate=", "leave_out.", "retrain.worker=")
"""How switches begin that say which other job the run was made for."""


def measured(run: Run) -> list[str]:
    """Quote the evaluations of the run's fine-tuning.

    They are of the model with all heads; scores through subnetworks are others.
    """
    checks, whole = run.results.get("evaluations", []), not subnetwork_kind(run.results)
    own = run.results["config"] if checks and whole else None
    return [
        f"{KINDS[check['evaluate']]} by fine-tuning again ({check['name']}"
        + ("" if whole else ", of the model with all heads")
        + (", as many steps each): " if check.get("equal_steps") else "): ")
        + " ".join([*check.get("warnings", []), _quoted(check, own)])
        for check in sorted(checks, key=_place)
    ]


def _place(check: dict[str, Any]) -> tuple[int, bool]:
    """Return by what evaluations are ordered: of one kind, those that are warned of come last."""
    return [*KINDS].index(check["evaluate"]), bool(check.get("warnings"))


def unmeasured(run: Run) -> list[str]:
    """Say that nobody has evaluated the run's fine-tuning, where it is so and can be done."""
    return [not_checked(run)] if is_unmeasured(run.results) else []


def is_unmeasured(results: dict[str, Any]) -> bool:
    """Tell whether nobody has evaluated a run's fine-tuning though it can be done.

    Of runs of an earlier version it is not known.
    """
    return not subnetwork_kind(results) and results.get("evaluations") == []


def _quoted(check: dict[str, Any], own: dict[str, Any] | None) -> str:
    """Return what an evaluation says of the run's own method; else that it says nothing of it.

    Evaluations of earlier versions did not say what to quote of them, nor by which sketches.

    Args:
        own: the run's configuration; None if its scores are none of the model's with all heads.
    """
    if own and (method := scored_by(own["influence"])) in check["methods"]:
        sketched = own["influence"]["gradients"] and "sketch" in check
        if not sketched or check["sketch"] == sketched_by(own["sketch"]):
            return check["methods"][method]
    others = ["This run’s own scores are not among those compared."] if check["methods"] else []
    return " ".join([*check.get("quoted", check["findings"][:1]), *others])


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


def sketched_by(sketch: dict[str, Any]) -> dict[str, Any]:
    """Return those settings of sketches on which the scores of gradients depend."""
    keys = ("side", "stack", "seed", "method", "precision", "store")
    combine = "concat" if sketch["combine"] == "concat" else "sum"  # parts stand beside the sum
    return {key: sketch[key] for key in keys} | {"combine": combine, "skip": [*sketch["skip"]]}


def not_checked(run: Run) -> Markup:
    """Say that influence is an estimate that nobody has checked, and how to check it."""
    words = shlex.split(run.results.get("command", "xling"))
    kept = [word for word in words[1:] if not word.startswith(OF_OTHER_JOBS)]
    command = shlex.join([words[0], f"experiment={EXPERIMENT}", *kept])
    file = run.folder / "run.json"
    spent = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    seconds = spent.get("seconds_to_check")
    lasts = f" (about {_roughly(seconds)})" if seconds else ""
    return Markup(
        "Nobody has checked by fine-tuning again whether these estimates tell what the languages’ "
        "data does: <code>{}</code>{} would."
    ).format(command, lasts)


def _roughly(seconds: float) -> str:
    """Write an estimate of a duration, as in `9 min`."""
    return f"{max(1, round(seconds / 60))} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
