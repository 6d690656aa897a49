"""Which data to add and which to leave out, by fine-tunings on mixtures, and verified by more."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from xling.cli.console import say
from xling.config import Config
from xling.errors import UserError
from xling.evaluation.exchange_rates import FineTunings, language_effects
from xling.evaluation.mixtures import Retraining, of_sizes
from xling.evaluation.recommend import (
    Recommendation,
    best_mixture,
    gains_of_target,
    predicted_languages,
    without_each,
)
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.language_effects import fine_tunings
from xling.pipeline.retrain import outcomes_of
from xling.training.bank import Outcomes


def recommend_tables(
    config: Config,
    model: FineTuned,
    parts: Sequence[Retraining],
    outcomes: Outcomes,
    folder: Path,
) -> dict[str, pd.DataFrame]:
    """Return gains of further data, the best mixture, and whether it does as predicted.

    The recommended examples are left in the folder `recommended`, as ids and as JSON lines.

    Raises:
        UserError: nothing predicts the target, or the best mixture would be larger than the data.
    """
    wanted, measure = config.recommend, config.recommend.measure
    tunings = fine_tunings(model, parts, outcomes)
    effects = language_effects(tunings, config.seed)
    laws = [law for law in effects.fitted if law.measure == measure]
    known = predicted_languages(laws)
    if not known or (wanted.target in config.languages and wanted.target not in known):
        raise UserError(
            f"recommend.target={wanted.target}: nothing predicts its {measure} in "
            f"{len(parts)} fine-tunings, so nothing can be recommended. More of them "
            "(mixture.fits), more test examples (data.test_per_language) or the other "
            f"recommend.measure may tell more. Predicted are: {', '.join(known) or 'none'}."
        )
    names, available = list(tunings.train_languages), tunings.counts.max(0)
    new = np.isin(names, wanted.candidates)
    at = np.where(new, 0, available)
    total = wanted.total or int(available.sum()) // 2
    if total > available.sum():
        raise UserError(
            f"recommend.total={total}: the run has {available.sum():,} training examples."
        )
    best = best_mixture(laws, names, wanted.target, total, available)
    say(
        f"Verifying {len(best.predicted)} mixtures of {total:,} examples by {wanted.seeds} "
        "fine-tunings each"
    )
    checks = verifications(config, model, best)
    observed = fine_tunings(model, checks, outcomes_of(config, model, checks))
    (recommended,) = {part.rows for part in checks if part.kind == "recommended"}
    export(model, recommended, folder / "recommended")
    gains = gains_of_target(laws, names, wanted.target, at)
    there = dict(zip(names, at.tolist(), strict=True))
    left_out = without_each(laws, names, wanted.target, at, wanted.margin)
    return {
        "recommend_gains": gains.assign(examples=gains["train_language"].map(there)),
        "recommend_leave_out": left_out[~new],
        "recommend_mixtures": best.mixtures,
        "recommend_verified": verified(config, best, checks, observed, known),
    }


def verifications(config: Config, model: FineTuned, best: Recommendation) -> list[Retraining]:
    """Return the fine-tunings that tell whether mixtures do as predicted."""
    languages = model.inputs.corpus["train"]["language"][:]
    seeds = range(config.seed, config.seed + config.recommend.seeds)
    return [
        part
        for name, table in best.mixtures.groupby("mixture", sort=False)
        for part in of_sizes(
            languages,
            dict(zip(table["train_language"], table["examples"], strict=True)),
            config.seed,
            str(name),
            seeds,
        )
    ]


def verified(
    config: Config,
    best: Recommendation,
    checks: Sequence[Retraining],
    observed: FineTunings,
    known: Sequence[str],
) -> pd.DataFrame:
    """Tabulate what was predicted of each mixture beside what came out, for the target.

    Args:
        known: the test languages that something predicts; mean and worst are over these.

    Returns:
        Columns mixture, examples, predicted, low, high, observed, observed_low, observed_high (of
        the mean, by Student's t over the seeds), fits. More is better: losses are negative.
    """
    target, tests = config.recommend.target, list(observed.test_languages)
    outcomes = observed.outcomes[config.recommend.measure]
    chosen = outcomes[:, [tests.index(name) for name in known]]
    kinds = np.array([part.kind for part in checks])
    rows = []
    for row in best.predicted.to_dict("records"):
        of_mixture = chosen[kinds == row["mixture"]]
        if target == "worst":  # the language that is worst on average, as predicted
            values = of_mixture[:, of_mixture.mean(0).argmin()]
        elif target == "mean":
            values = of_mixture.mean(1)
        else:
            values = of_mixture[:, known.index(target)]
        mean, half = values.mean(), stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
        size = len(checks[int((kinds == row["mixture"]).argmax())].rows)
        predicted = (row["predicted"], row["low"], row["high"])
        seen = (mean, mean - half, mean + half, len(values))
        rows.append((row["mixture"], size, *predicted, *seen))
    columns = "mixture examples predicted low high observed observed_low observed_high fits"
    return pd.DataFrame(rows, columns=columns.split())


def export(model: FineTuned, rows: Sequence[int], folder: Path) -> None:
    """Write examples for other trainers: ids.txt, and one file of JSON lines per language."""
    folder.mkdir(exist_ok=True)
    chosen = model.inputs.corpus["train"].select(list(rows))
    classes = model.config.task.classes
    (folder / "ids.txt").write_text("".join(f"{name}\n" for name in chosen["id"]), "utf-8")
    lines: dict[str, list[str]] = {}
    for example in chosen:
        texts = {key: example[key] for key in ("text", "text_pair") if example[key] is not None}
        plain = {"id": example["id"], **texts, "label": classes[example["label"]]}
        lines.setdefault(example["language"], []).append(json.dumps(plain, ensure_ascii=False))
    for language, of_language in lines.items():
        (folder / f"train.{language}.jsonl").write_text("\n".join(of_language) + "\n", "utf-8")
