"""Which data to add and which to leave out, by fine-tunings on mixtures, and verified by more."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xling.cli.console import say
from xling.config import Config
from xling.evaluation.dropped import ranked_first
from xling.evaluation.exchange_rates import language_effects
from xling.evaluation.mixtures import Retraining, of_sizes
from xling.evaluation.recommend import (
    Recommendation,
    aimed_at,
    best_mixture,
    gains_of_target,
    without_each,
)
from xling.evaluation.verification import Verification, differences, observed
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.language_effects import fine_tunings
from xling.pipeline.retrain import outcomes_of, retraining_tables
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

    The recommended examples are left in the folder `recommended`, as ids and as JSON lines. Where
    nothing predicts the target, nothing is recommended, and the table of the target says so.
    """
    if config.recommend.by == "example":
        return example_tables(config, model, folder)
    wanted, measure = config.recommend, config.recommend.measure
    tunings = fine_tunings(model, parts, outcomes)
    effects = language_effects(tunings, config.seed)
    laws = [law for law in effects.fitted if law.measure == measure]
    aim = aimed_at(laws, wanted.target).assign(target=wanted.target, measure=measure)
    if not aim["aimed_at"].any():  # no mixture can be promised to do better than any other
        return {"recommend_target": aim}
    known = aim.loc[aim["law"] != "nothing", "test_language"].tolist()
    names, available = list(tunings.train_languages), tunings.counts.max(0)
    new = np.isin(names, wanted.candidates)
    at = np.where(new, 0, available)
    total = wanted.total or int(available.sum()) // 2
    best = best_mixture(laws, names, wanted.target, total, available)
    checks = verifications(config, model, best, parts)
    different = len({part.rows for part in checks})  # one may be recommended itself
    what = "1 mixture" if different == 1 else f"{different} different mixtures"
    say(f"Verifying {what} of {total:,} examples by {wanted.seeds} fine-tunings each")
    tables, results = verified(config, model, checks, known, best.predicted)
    (recommended,) = {part.rows for part in checks if part.kind == "recommended"}
    export(model, recommended, folder / "recommended")
    gains = gains_of_target(laws, names, wanted.target, at)
    there = dict(zip(names, at.tolist(), strict=True))
    left_out = without_each(laws, names, wanted.target, at, wanted.margin)
    return {
        "recommend_target": aim,
        "recommend_gains": gains.assign(examples=gains["train_language"].map(there)),
        "recommend_leave_out": left_out[~new],
        "recommend_mixtures": best.mixtures,
        **tables,
        **retraining_tables(config, [*parts, *checks], outcomes.joined(results), model),
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
    tests = list(dict.fromkeys(model.inputs.corpus["test"]["language"]))
    tables, results = verified(config, model, checks, tests)
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
        "recommend_labels": label_table(np.array(labels), best, config.task.classes),
        **tables,
        **retraining_tables(config, checks, results, model),
    }


def label_table(labels: np.ndarray, rows: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Tabulate how many of the chosen examples are of each label.

    Args:
        labels: (train,) numbers of classes.
        rows: of those that are chosen.

    Returns:
        Columns train_label, examples, share, base_rate (of all training examples).
    """
    chosen, every = (np.bincount(own, minlength=len(classes)) for own in (labels[rows], labels))
    shares = dict(share=chosen / chosen.sum(), base_rate=every / every.sum())
    return pd.DataFrame({"train_label": list(classes), "examples": chosen, **shares})


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


def verifications(
    config: Config, model: FineTuned, best: Recommendation, parts: Sequence[Retraining]
) -> list[Retraining]:
    """Return the fine-tunings that tell whether mixtures do as predicted.

    Their seeds are others than those of the fine-tunings that the laws were fitted to, lest a
    mixture that is among these be verified by what predicted it: with two languages, designs
    repeat mixtures under further seeds.

    Args:
        parts: what the laws were fitted to.
    """
    languages = model.inputs.corpus["train"]["language"][:]
    first = max(part.seed for part in parts) + 1
    seeds = range(first, first + config.recommend.seeds)
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


def verification(
    config: Config,
    model: FineTuned,
    checks: Sequence[Retraining],
    outcomes: Outcomes,
    known: Sequence[str],
) -> Verification:
    """Return what came out of each mixture for the test examples, in the measure that is asked.

    Args:
        checks: under the same seeds, in the same order, for each mixture.
        known: the test languages that mean and worst are over.
    """
    test, kinds = model.inputs.corpus["test"], np.array([part.kind for part in checks])
    by_loss = config.recommend.measure == "loss"
    better = (-outcomes.losses if by_loss else outcomes.correct).astype(float)
    names = dict.fromkeys(kinds.tolist())
    return Verification(
        {name: better[kinds == name] for name in names},
        {name: tuple(part.rows for part in checks if part.kind == name) for name in names},
        np.array(test["language"]),
        np.array(test["parallel_id"]) if config.task.parallel else np.arange(len(test)),
        known,
    )


def verified(
    config: Config,
    model: FineTuned,
    checks: Sequence[Retraining],
    known: Sequence[str],
    predicted: pd.DataFrame | None = None,
) -> tuple[dict[str, pd.DataFrame], Outcomes]:
    """Fine-tune on what is recommended and on what it is compared with, and tabulate both.

    Args:
        known: the test languages that mean and worst are over.
        predicted: of each mixture, see `Recommendation`; None: nothing is.

    Returns:
        The tables of what came out and of the differences, with what was predicted of both; and
        what the tests make of each fine-tuning.
    """
    outcomes = outcomes_of(config, model, checks)
    fits, target = verification(config, model, checks, outcomes, known), config.recommend.target
    seen, apart = observed(fits, target), differences(fits, target)
    if predicted is not None:
        expected = predicted[["mixture", "predicted", "low", "high"]]
        seen = seen[["mixture", "examples"]].merge(expected, on="mixture").merge(seen)
        ends = {
            "better": "predicted",
            "better_low": "predicted_low",
            "better_high": "predicted_high",
        }
        promised = predicted[["mixture", *ends]].rename(columns={"mixture": "against", **ends})
        apart = apart.merge(promised.assign(asked=True), "left", ["against", "asked"])
    tables = {
        "recommend_verified": seen,
        "recommend_differences": apart.assign(measure=config.recommend.measure),
    }
    return tables, outcomes


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
