"""What each language's data does, by fine-tunings on mixtures of the languages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xling.analysis.rate_units import with_unit
from xling.config import Config
from xling.evaluation.agreement import agreement
from xling.evaluation.exchange_rates import FineTunings, language_effects
from xling.evaluation.mixtures import Retraining, counts, kept, numbered
from xling.pipeline.fine_tune import FineTuned
from xling.training.bank import Outcomes


def effect_tables(
    config: Config,
    model: FineTuned,
    parts: Sequence[Retraining],
    outcomes: Outcomes,
    folder: Path,
) -> dict[str, pd.DataFrame]:
    """Return what the languages' data do, and how far the base run's influence agrees with it."""
    effects = language_effects(fine_tunings(model, parts, outcomes), config.seed)
    rates = with_unit(effects.exchange_rates, effects.gains)
    return {
        "effect_overall": effects.overall,
        "effect_laws": effects.laws,
        "exchange_rates": effects.exchange_rates,
        "effect_gains": effects.gains,
        "effect_changes": effects.changes,
        "effect_curves": effects.curves,
        "effect_points": effects.points.assign(fit=effects.points["fit"] + 1),
        "effect_agreement": agreement(rates, influence_matrices(model.paths.run)),
    }


def fine_tunings(model: FineTuned, parts: Sequence[Retraining], outcomes: Outcomes) -> FineTunings:
    """Return what came out for each test language: minus the mean loss, and the accuracy."""
    train = model.inputs.corpus["train"]["language"][:]
    test = np.array(model.inputs.corpus["test"]["language"])
    trained, tested = list(dict.fromkeys(train)), list(dict.fromkeys(test.tolist()))
    by_language = np.array([test == language for language in tested]).astype(float)
    by_language /= by_language.sum(1, keepdims=True)
    return FineTunings(
        counts(kept(parts, len(train)), train, trained),
        {
            "loss": -outcomes.losses.astype(float) @ by_language.T,
            "accuracy": outcomes.correct.astype(float) @ by_language.T,
        },
        trained,
        tested,
        numbered(parts),
    )


def influence_matrices(run: Path) -> dict[str, pd.DataFrame]:
    """Return what a run's influence says of pairs of languages, as columns `value`."""
    means = pd.read_parquet(run / "tables" / "mean_influence.parquet").query("epoch == 0")
    shares = pd.read_parquet(run / "tables" / "shares.parquet")
    shares = shares.query("epoch == 0 and sign == '+'")
    return {
        "mean influence": means.rename(columns={"mean": "value"}),
        "share of the most positive": shares.rename(columns={"share": "value"}),
    }
