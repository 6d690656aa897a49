"""Which data to add and which to leave out, by fine-tunings on mixtures, and verified by more."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from xling.cli.console import say
from xling.config import Config
from xling.errors import UserError
from xling.evaluation.dropped import ranked_first
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
from xling.pipeline.score import scores_of_group
from xling.pipeline.trace import both_sides
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
    if config.recommend.by == "example":
        return example_tables(config, model, folder)
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


def example_tables(config: Config, model: FineTuned, folder: Path) -> dict[str, pd.DataFrame]:
    """Return whether the examples that score highest for the target do better than others.

    Scores are means over the target's development examples, as in LESS (Xia et al. 2024, §3), by
    the run's own method. Beside them random examples, and random ones of as many of each language
    and label.
    """
    wanted, corpus = config.recommend, model.inputs.corpus["train"]
    languages, labels, every = corpus["language"][:], corpus["label"][:], np.arange(len(corpus))
    total = wanted.total or len(corpus) // 4
    say(f"Choosing {total:,} of {len(corpus):,} examples by {config.influence.method}")
    scores = scores_for_target(config, model, folder / "sketches")
    shutil.rmtree(folder / "sketches")
    best = np.sort(ranked_first(scores, total / len(corpus), config.seed))
    seeds = range(config.seed, config.seed + wanted.seeds)
    checks = []
    for seed in seeds:
        rng = np.random.default_rng([config.seed, seed])
        rows = {
            "recommended": best,
            "random": np.sort(rng.choice(every, total, replace=False)),
            "matched": like(languages, labels, best, rng),
        }
        checks += [Retraining(name, tuple(own.tolist()), seed, ()) for name, own in rows.items()]
    observed = fine_tunings(model, checks, outcomes_of(config, model, checks))
    export(model, best.tolist(), folder / "recommended")
    names = list(dict.fromkeys(languages))
    mixtures = [
        (part.kind, language, sum(languages[row] == language for row in part.rows))
        for part in checks[:2]  # the recommended and the first random ones
        for language in names
    ]
    return {
        "recommend_mixtures": pd.DataFrame(
            mixtures, columns=["mixture", "train_language", "examples"]
        ),
        "recommend_verified": observed_table(config, checks, observed, observed.test_languages),
    }


def scores_for_target(config: Config, model: FineTuned, folder: Path) -> np.ndarray:
    """Return each training example's score, (train,), summed over the checkpoints.

    The mean over the target's development examples; for `mean` and `worst` over all languages'.
    """
    target, dev = config.recommend.target, np.array(model.inputs.corpus["dev"]["language"])
    chosen = np.flatnonzero(dev == target) if target in dev else np.arange(len(dev))
    return scores_of_group(model, *both_sides(model, folder, chosen, "dev"))


def like(
    languages: Sequence[str], labels: Sequence[int], rows: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw random examples, as many of each language and label as there are among some rows."""
    kinds = np.array([f"{a} {b}" for a, b in zip(languages, labels, strict=True)])
    drawn = [
        rng.choice(np.flatnonzero(kinds == kind), count, replace=False)
        for kind, count in zip(*np.unique(kinds[rows], return_counts=True), strict=True)
    ]
    return np.sort(np.concatenate(drawn))


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
    seen = observed_table(config, checks, observed, known)
    predicted = best.predicted[["mixture", "predicted", "low", "high"]]
    table = predicted.merge(seen, on="mixture")
    return table[["mixture", "examples", "predicted", "low", "high", *seen.columns[2:]]]


def observed_table(
    config: Config, checks: Sequence[Retraining], observed: FineTunings, known: Sequence[str]
) -> pd.DataFrame:
    """Tabulate what came out of each kind of fine-tuning, for the target.

    Args:
        known: the test languages that mean and worst are over.

    Returns:
        Columns mixture, examples, observed, observed_low, observed_high, fits, as in `verified`.
    """
    target, tests = config.recommend.target, list(observed.test_languages)
    outcomes = observed.outcomes[config.recommend.measure]
    chosen = outcomes[:, [tests.index(name) for name in known]]
    kinds = np.array([part.kind for part in checks])
    rows = []
    for kind in dict.fromkeys(kinds.tolist()):
        of_kind = chosen[kinds == kind]
        if target == "worst":  # the language that is worst on average, as predicted
            values = of_kind[:, of_kind.mean(0).argmin()]
        elif target == "mean":
            values = of_kind.mean(1)
        else:
            values = of_kind[:, list(known).index(target)]
        mean, half = values.mean(), stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
        size = len(checks[int((kinds == kind).argmax())].rows)
        rows.append((kind, size, mean, mean - half, mean + half, len(values)))
    columns = "mixture examples observed observed_low observed_high fits"
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
