"""What evaluations have found of a fine-tuning, for the runs that trace it.

They are kept with the checkpoints, so that every run that shares these can quote them.
"""

import dataclasses
import json
from typing import Any

from xling.config import Config
from xling.pipeline.cost import evaluation_seconds, left_to_do, passes
from xling.pipeline.inputs import RunInputs
from xling.pipeline.paths import RunPaths
from xling.pipeline.results import write_json
from xling.report import write_page


def record_check(paths: RunPaths, check: dict[str, Any]) -> None:
    """Keep what an evaluation has found with the checkpoints, and quote it on the run's page.

    Args:
        paths: of the run that was evaluated.
        check: `name` (of the evaluation's folder), `evaluate`, `findings` (sentences), `quoted`
            (those for a run's page), `equal_steps` (whether all fine-tunings took as many),
            `sketch` (its settings) and `methods` (settings of influence, as JSON → a sentence on
            these scores).
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


def seconds_to_check(config: Config, inputs: RunInputs) -> float:
    """Estimate how long `experiment=language_effects` takes, as the plan of its command does.

    Args:
        config, inputs: of a run whose fine-tuning is done.

    Returns:
        Seconds; 0 if it cannot be done.
    """
    if config.subnetwork.name != "full":
        return 0.0
    evaluation = dataclasses.replace(config, evaluate="language_effects")
    train = inputs.corpus["train"]
    left = left_to_do(evaluation, train["language"][:], train["label"][:])
    return evaluation_seconds(evaluation, left, len(train), passes(config, inputs))
