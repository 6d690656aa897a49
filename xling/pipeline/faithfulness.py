"""How well attribution methods predict fine-tunings on random halves of the training data."""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from xling.attribution import subset_sums
from xling.cli.console import say
from xling.cli.methods import influences
from xling.config import Config
from xling.evaluation.lds import Lds, beats, covariates_of, lds, noise_ceiling, scores
from xling.evaluation.mixtures import Retraining, kept, numbered
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.paths import run_paths
from xling.pipeline.score import epoch_weights
from xling.pipeline.trace import both_sides
from xling.report.sections.faithfulness import CEILING, CONTROLS
from xling.training.bank import Outcomes
from xling.training.sketches import method_of


def faithfulness_tables(
    config: Config,
    model: FineTuned,
    parts: Sequence[Retraining],
    outcomes: Outcomes,
    folder: Path,
) -> dict[str, pd.DataFrame]:
    """Return how far each method's sums over the halves go with what fine-tuning on them gave."""
    first = config.faithfulness.subsets
    train, tests = model.inputs.corpus["train"], model.inputs.corpus["test"]["language"][:]
    inside = kept(parts[:first], len(train))
    sums = method_sums(config, model, inside, folder / "sketches")
    shutil.rmtree(folder / "sketches")
    better = -outcomes.losses.astype(float)
    covariates = covariates_of(inside, train["label"][:], train["language"][:])
    score = partial(lds, outcomes=better[:first], languages=tests, seed=config.seed)
    plain = {name: score(of_subsets) for name, of_subsets in sums.items()}
    beyond = {name: score(of_sets, covariates=covariates) for name, of_sets in sums.items()}
    if ceiling := noise_ceiling(better, numbered(parts), tests, config.seed):
        plain[CEILING] = ceiling
    keys = ["method", "level"]
    left = scores(beyond)[[*keys, "lds", "low", "high"]]
    left = left.rename(columns={"lds": "beyond", "low": "beyond_low", "high": "beyond_high"})
    return {
        "faithfulness": scores(plain).merge(left, "left", keys),
        "faithfulness_beats": beats(
            {name: of_method for name, of_method in plain.items() if name != CEILING}, CONTROLS
        ),
        "faithfulness_languages": language_table(plain, list(dict.fromkeys(tests))),
    }


def language_table(results: Mapping[str, Lds], languages: Sequence[str]) -> pd.DataFrame:
    """Tabulate how well each method predicts each test language's mean loss.

    Returns:
        Columns method, test_language, lds.
    """
    rows = [
        (name, language, value)
        for name, result in results.items()
        for language, value in zip(languages, result.language.single, strict=True)
    ]
    return pd.DataFrame(rows, columns="method test_language lds".split())


def method_sums(
    config: Config, model: FineTuned, inside: np.ndarray, folder: Path
) -> dict[str, np.ndarray]:
    """Return what each method says of subsets of the training data, for every test example.

    Args:
        model: of the base run.
        inside: (subsets, train) booleans.
        folder: takes the test examples' representations.

    Returns:
        Name of a method → (subsets, test) sums of its scores.
    """
    sums = {}
    tests = np.arange(len(model.inputs.encoded["test"]))
    for name, influence in influences(config).items():
        say(f"Scoring {len(tests):,} test examples by {name}")
        own = dataclasses.replace(model.config, influence=influence)
        by_method = dataclasses.replace(model, config=own, paths=run_paths(own))
        sums[name] = subset_sums(
            *both_sides(by_method, folder / by_method.paths.sketches, tests),
            inside,
            method_of(own),
            weights=epoch_weights(own, model.history)[: by_method.represented],
            memory_gb=config.influence.memory_gb,
        )
    return sums
