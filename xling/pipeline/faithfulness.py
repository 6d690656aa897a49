"""How well attribution methods predict fine-tunings on random halves, and without what is first."""

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
from xling.config import CONTROLS, Config
from xling.evaluation.dropped import drops, loss_differences, ranked_first, retrainings_without
from xling.evaluation.lds import (
    Lds,
    beats,
    covariates_of,
    lds,
    method_pairs,
    noise_ceiling,
    scores,
)
from xling.evaluation.mixtures import Retraining, kept, numbered
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.paths import run_paths
from xling.pipeline.retrain import outcomes_of, retraining_tables
from xling.pipeline.score import epoch_weights, scores_of_group
from xling.pipeline.trace import both_sides
from xling.report.sections.faithfulness import CEILING
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
    train = model.inputs.corpus["train"]
    tests, groups = languages_and_translations(config, model)
    inside = kept(parts[:first], len(train))
    sums, scores_of_all = method_sums(config, model, inside, folder / "sketches")
    shutil.rmtree(folder / "sketches")
    better = -outcomes.losses.astype(float)
    covariates = covariates_of(inside, train["label"][:], train["language"][:])
    about = {"languages": tests, "groups": groups, "seed": config.seed}
    score = partial(lds, outcomes=better[:first], **about)
    plain = {name: score(of_subsets) for name, of_subsets in sums.items()}
    beyond = {name: score(of_sets, covariates=covariates) for name, of_sets in sums.items()}
    if ceiling := noise_ceiling(better, numbered(parts), **about):
        plain[CEILING] = ceiling
    keys = ["method", "level"]
    left = scores(beyond)[[*keys, "lds", "low", "high"]]
    left = left.rename(columns={"lds": "beyond", "low": "beyond_low", "high": "beyond_high"})
    compared = {name: of_method for name, of_method in plain.items() if name != CEILING}
    tables = {
        "faithfulness": scores(plain, (*CONTROLS, CEILING)).merge(left, "left", keys),
        "faithfulness_pairs": method_pairs(compared, CONTROLS),
        "faithfulness_beats": beats(compared, CONTROLS),
        "faithfulness_languages": language_table(plain, list(dict.fromkeys(tests))),
    }
    if not scores_of_all:
        return tables
    return tables | dropped_tables(config, model, scores_of_all, parts, outcomes)


def dropped_tables(
    config: Config,
    model: FineTuned,
    scores_of_all: Mapping[str, np.ndarray],
    parts: Sequence[Retraining],
    outcomes: Outcomes,
) -> dict[str, pd.DataFrame]:
    """Fine-tune without the examples that each method ranks first; return what is lost by it.

    Args:
        scores_of_all: method → (train,) its scores for all test examples together.
        parts, outcomes: the fine-tunings so far, which the tables of all of them begin with.
    """
    wanted, train = config.faithfulness, model.inputs.corpus["train"]
    languages, labels = train["language"][:], train["label"][:]
    ranked = {
        name: ranked_first(values, wanted.drop, config.seed)
        for name, values in scores_of_all.items()
    }
    count, seeds = len(next(iter(ranked.values()))), wanted.drop_seeds
    what = "example" if count == 1 else f"{count:,} examples"
    whose = f"each of {len(ranked)} methods" if len(ranked) > 1 else next(iter(ranked))
    say(f"Leaving out the {what} that {whose} ranks first")
    sets = drops(ranked, languages, labels, config.seed, seeds)
    more = retrainings_without(sets, languages, config.seed)
    left = outcomes_of(config, model, more)
    tests, groups = languages_and_translations(config, model)
    losses = left.losses.astype(float).reshape(len(sets), seeds, len(tests))
    return {
        "faithfulness_dropped": loss_differences(sets, losses, tests, groups),
        "faithfulness_first": first_table(config, model, ranked, scores_of_all),
        **retraining_tables(config, [*parts, *more], outcomes.joined(left), model),
    }


def languages_and_translations(
    config: Config, model: FineTuned
) -> tuple[list[str], list[str] | None]:
    """Return each test example's language, and what its translations have in common."""
    test = model.inputs.corpus["test"]
    return test["language"][:], test["parallel_id"][:] if config.task.parallel else None


def first_table(
    config: Config,
    model: FineTuned,
    ranked: Mapping[str, np.ndarray],
    scores_of_all: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Tabulate the training examples that each method ranks first, best first.

    Returns:
        Columns method, rank (from 1), train_id, train_language, train_label, score.
    """
    parts = []
    for method, rows in ranked.items():
        chosen = model.inputs.corpus["train"].select(rows.tolist())
        columns = {
            "method": method,
            "rank": np.arange(1, len(rows) + 1),
            "train_id": chosen["id"][:],
            "train_language": chosen["language"][:],
            "train_label": [config.task.classes[label] for label in chosen["label"]],
            "score": scores_of_all[method][rows],
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


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
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return what each method says of training examples and of subsets of them.

    Args:
        model: of the base run.
        inside: (subsets, train) booleans.
        folder: takes the test examples' representations.

    Returns:
        Name of a method → (subsets, test) sums of its scores for every test example; and those of
        the methods whose first examples are to be left out → (train,) mean over the test examples.
    """
    sums, scores_of_all = {}, {}
    tests = np.arange(len(model.inputs.encoded["test"]))
    for name, influence in influences(config).items():
        say(f"Scoring {len(tests):,} test examples by {name}")
        own = dataclasses.replace(model.config, influence=influence)
        by_method = dataclasses.replace(model, config=own, paths=run_paths(own))
        sides = both_sides(by_method, folder / by_method.paths.sketches, tests)
        sums[name] = subset_sums(
            *sides,
            inside,
            method_of(own),
            weights=epoch_weights(own, model.history)[: by_method.represented],
            memory_gb=config.influence.memory_gb,
        )
        if name in config.faithfulness.dropping:
            scores_of_all[name] = scores_of_group(by_method, *sides)
    return sums, scores_of_all
