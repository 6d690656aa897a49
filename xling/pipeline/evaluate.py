"""Evaluations: what fine-tuning again on parts of the training data says of influence."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from xling import tracker
from xling.analysis.unlearnt import unlearnt_doubts
from xling.cli.console import say
from xling.cli.methods import influences
from xling.config import Config, base_run, plain, settings
from xling.evaluation.mixtures import Retraining
from xling.pipeline.certainty import say_again, say_doubts
from xling.pipeline.checks import record_check
from xling.pipeline.faithfulness import faithfulness_tables
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.inputs import check_compared, prepare
from xling.pipeline.language_effects import effect_tables
from xling.pipeline.paths import RunPaths
from xling.pipeline.recommend import recommend_tables
from xling.pipeline.results import profile, write_config, write_json
from xling.pipeline.retrain import retrain, retraining_tables
from xling.report.export import write_tables
from xling.report.order import SWEEP_SCHEMAS
from xling.report.sections import faithfulness, language_effects, recommend
from xling.report.sections.checked import scored_by, sketched_by
from xling.report.tables import RunTables
from xling.stage import stage
from xling.training.bank import Outcomes
from xling.training.history import read_history

Evaluation = Callable[
    [Config, FineTuned, Sequence[Retraining], Outcomes, Path], dict[str, pd.DataFrame]
]
"""Makes tables of what fine-tunings on parts of a base run's training data say; the folder is the
evaluation's own, while it is filled."""

EVALUATIONS: dict[str, Evaluation] = {
    "language_effects": effect_tables,
    "faithfulness": faithfulness_tables,
    "recommend": recommend_tables,
}


SECTIONS: dict[str, ModuleType] = {
    "language_effects": language_effects,
    "faithfulness": faithfulness,
    "recommend": recommend,
}
"""What the tables of an evaluation say: each has `sentences`, `quoted`, `figures`, `numbers`."""


def quiet(line: str) -> None:
    """Print nothing: the base run has said it."""


def evaluate(config: Config, paths: RunPaths, base: RunPaths) -> None:
    """Fine-tune again on parts of the training data, and tabulate what that says of influence.

    Args:
        paths: the evaluation's own folders.
        base: those of the finished run that it is an evaluation of.
    """
    with stage(paths.run, config.force, settings(config)) as folder:
        if folder:
            with tracker.tracking(config, paths.run.name, folder) as tracked:
                _evaluate(config, paths, base, folder, tracked)
        else:
            say("This evaluation is already finished.")
            say_again(paths.run)
    if (exported := paths.run / "recommended").is_dir():
        say(f"The recommended examples, for other trainers: {exported}")
    say(f"Tables: {paths.run / 'tables'}")
    say(f"Report of the run, which quotes them: {base.run / 'report.html'}")


def _evaluate(
    config: Config,
    paths: RunPaths,
    base: RunPaths,
    folder: Path,
    tracked: tracker.TrackedRun | None,
) -> None:
    assert config.evaluate
    write_config(config, folder)
    whole = base_run(config)
    model = FineTuned(whole, base, prepare(whole, quiet), read_history(base.tuning))
    check_compared(config, model.inputs)
    parts, outcomes = retrain(config, model)
    tables = EVALUATIONS[config.evaluate](config, model, parts, outcomes, folder)
    if "retrainings" not in tables:
        tables = retraining_tables(config, parts, outcomes, model) | tables
    write_tables(folder / "tables", tables, SWEEP_SCHEMAS, source="evaluation")
    languages, task = list(config.languages), config.task.name
    section, told = SECTIONS[config.evaluate], RunTables(tables, languages, task, "")
    sentences = section.sentences(told)
    doubts = say_doubts(unlearnt_doubts(tables["retrainings"]))
    for sentence in sentences:
        say(sentence)
    fits = tables["retrainings"]["retraining"].nunique()
    results = about(config, base, fits) | {"findings": sentences}
    results |= {"warnings": doubts}
    write_json(folder / "results.json", results)
    check = {"name": paths.run.name, "evaluate": config.evaluate, "findings": sentences}
    check |= {"quoted": section.quoted(told), "equal_steps": config.mixture.steps == "equal"}
    check |= {"warnings": [doubt["sentence"] for doubt in doubts]}
    check |= {"sketch": sketched_by(asdict(config.sketch))}
    record_check(base, check | {"methods": method_findings(config, tables)})
    if tracked:
        numbers, drawn = section.numbers(told), section.figures(told)
        headline = tracker.evaluation_metrics(results, numbers)
        tracker.log_results(tracked, headline, tables, drawn)


def method_findings(config: Config, tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Return a sentence on the scores of each method that was looked at, by its settings."""
    if config.evaluate != "faithfulness":
        return {}
    methods = influences(config).items()
    return {scored_by(asdict(own)): faithfulness.of_method(tables, name) for name, own in methods}


def about(config: Config, base: RunPaths, fits: int) -> dict[str, Any]:
    """Return what results.json says of an evaluation."""
    return {
        "evaluate": config.evaluate,
        "base": base.run.name,
        "task": config.task.name,
        "profile": profile(config),
        "languages": config.languages,
        "train_languages": config.train_languages,
        "method": config.influence.method,
        "seed": config.seed,
        "retrainings": fits,
        "config": plain(config),
    }
