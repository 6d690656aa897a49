"""Evaluations: what fine-tuning again on parts of the training data says of influence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xling.config import Config, base_run, plain, settings
from xling.evaluation.agreement import agreement
from xling.evaluation.exchange_rates import FineTunings, language_effects
from xling.evaluation.mixtures import Retraining, counts, kept
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.inputs import prepare
from xling.pipeline.paths import RunPaths
from xling.pipeline.results import profile, write_config, write_json
from xling.pipeline.retrain import retrain
from xling.report.export import write_tables
from xling.report.order import SWEEP_SCHEMAS
from xling.stage import stage
from xling.training.bank import Outcomes
from xling.training.history import read_history


def quiet(line: str) -> None:
    """Print nothing: the base run has said it."""


Tables = dict[str, pd.DataFrame]


def evaluate(config: Config, paths: RunPaths, base: RunPaths) -> None:
    """Fine-tune again on parts of the training data, and tabulate what that says of influence.

    Args:
        paths: the evaluation's own folders.
        base: those of the finished run that it is an evaluation of.
    """
    with stage(paths.run, config.force, settings(config)) as folder:
        if folder:
            assert config.evaluate
            write_config(config, folder)
            whole = base_run(config)
            model = FineTuned(whole, base, prepare(whole, quiet), read_history(base.tuning))
            parts, outcomes = retrain(config, model)
            tables = {
                **effect_tables(parts, outcomes, model),
                "retrainings": outcome_table(parts, outcomes, model),
                "retraining_data": data_table(parts, model),
            }
            write_tables(folder / "tables", tables, SWEEP_SCHEMAS, source="evaluation")
            write_json(folder / "results.json", about(config, base, len(parts)))


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


def effect_tables(
    parts: Sequence[Retraining], outcomes: Outcomes, model: FineTuned
) -> dict[str, pd.DataFrame]:
    """Return what the languages' data do, and how far the base run's influence agrees with it."""
    train = model.inputs.corpus["train"]["language"][:]
    test = np.array(model.inputs.corpus["test"]["language"])
    trained, tested = list(dict.fromkeys(train)), list(dict.fromkeys(test.tolist()))
    by_language = np.array([test == language for language in tested]).astype(float)
    by_language /= by_language.sum(1, keepdims=True)
    distinct = dict.fromkeys(part.rows for part in parts)  # the others differ in their seed
    numbers = {rows: number for number, rows in enumerate(distinct)}
    effects = language_effects(
        FineTunings(
            counts(kept(parts, len(train)), train, trained),
            {
                "loss": -outcomes.losses.astype(float) @ by_language.T,
                "accuracy": outcomes.correct.astype(float) @ by_language.T,
            },
            trained,
            tested,
            np.array([numbers[part.rows] for part in parts]),
        ),
        model.config.seed,
    )
    return {
        "effect_laws": effects.laws,
        "exchange_rates": effects.exchange_rates,
        "effect_gains": effects.gains,
        "effect_curves": effects.curves,
        "effect_points": effects.points.assign(fit=effects.points["fit"] + 1),
        "effect_agreement": agreement(effects.exchange_rates, influence_matrices(model.paths.run)),
    }


def influence_matrices(run: Path) -> dict[str, pd.DataFrame]:
    """Return what a run's influence says of pairs of languages, as columns `value`."""
    means = pd.read_parquet(run / "tables" / "mean_influence.parquet").query("epoch == 0")
    shares = pd.read_parquet(run / "tables" / "shares.parquet")
    shares = shares.query("epoch == 0 and sign == '+'")
    return {
        "mean influence": means.rename(columns={"mean": "value"}),
        "share of the most positive": shares.rename(columns={"share": "value"}),
    }


def outcome_table(
    parts: Sequence[Retraining], outcomes: Outcomes, model: FineTuned
) -> pd.DataFrame:
    """Tabulate loss and accuracy of each fine-tuning on each language's test examples.

    Returns:
        Columns retraining (from 1), kind, seed, examples, test_language, loss, accuracy.
    """
    languages = np.array(model.inputs.corpus["test"]["language"])
    rows = []
    for number, part in enumerate(parts):
        for language in dict.fromkeys(languages.tolist()):
            tests = languages == language
            loss = float(outcomes.losses[number, tests].mean(dtype=float))
            accuracy = float(outcomes.correct[number, tests].mean())
            told = (number + 1, part.kind, part.seed, len(part.rows))
            rows.append((*told, language, loss, accuracy))
    columns = "retraining kind seed examples test_language loss accuracy".split()
    return pd.DataFrame(rows, columns=columns)


def data_table(parts: Sequence[Retraining], model: FineTuned) -> pd.DataFrame:
    """Tabulate how many training examples of each language each fine-tuning has.

    Returns:
        Columns retraining (from 1), train_language, examples.
    """
    languages = model.inputs.corpus["train"]["language"][:]
    names = list(dict.fromkeys(languages))
    sizes = counts(kept(parts, len(languages)), languages, names)
    rows = [
        (number + 1, name, int(size))
        for number, of_part in enumerate(sizes)
        for name, size in zip(names, of_part, strict=True)
    ]
    return pd.DataFrame(rows, columns="retraining train_language examples".split())
