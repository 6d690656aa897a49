"""What evaluations have found of a fine-tuning, for the runs that trace it.

They are kept with the checkpoints, so that every run that shares these can quote them.
"""

import json
from typing import Any

from xling.config import Config
from xling.pipeline.paths import RunPaths
from xling.pipeline.results import write_json
from xling.pipeline.retrain import processes
from xling.report import write_page
from xling.stage import BEGUN, FINISHED

FITS = 28
"""Fine-tunings on all data that last as long as those of `experiment=language_effects`."""


def record_check(paths: RunPaths, check: dict[str, Any]) -> None:
    """Keep what an evaluation has found with the checkpoints, and quote it on the run's page.

    Args:
        paths: of the run that was evaluated.
        check: `name` (of the evaluation's folder), `evaluate`, `findings` (sentences) and `methods`
            (settings of influence, as JSON → a sentence on these scores).
    """
    folder = paths.tuning / "evaluations"
    folder.mkdir(exist_ok=True)
    write_json(folder / f"{check['name']}.json", check)
    file = paths.run / "results.json"
    results = json.loads(file.read_text("utf-8"))
    write_json(file, results | {"evaluations": recorded_checks(paths)})
    write_page(paths.run)


def recorded_checks(paths: RunPaths) -> list[dict[str, Any]]:
    """Return what evaluations of a run's fine-tuning have found, in the order of their names."""
    files = sorted((paths.tuning / "evaluations").glob("*.json"))
    return [json.loads(file.read_text("utf-8")) for file in files]


def seconds_to_check(config: Config, paths: RunPaths) -> float:
    """Estimate how long an evaluation by fine-tunings takes, from how long this one took.

    Returns:
        Seconds; 0 if that is not known.
    """
    begun, finished = paths.tuning / BEGUN, paths.tuning / FINISHED
    if not (begun.exists() and finished.exists()):
        return 0.0
    once = finished.stat().st_mtime - begun.stat().st_mtime
    return FITS * once / processes(config)
