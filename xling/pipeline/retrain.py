"""Fine-tuning again on parts of the training data, of which the tests' losses are kept."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from xling.analysis.unlearnt import MANY, VERIFYING, beside_chance, epochs_at_chance
from xling.cli.console import format_duration, interactive, say, tally
from xling.config import Config, base_run
from xling.evaluation.mixtures import (
    Retraining,
    again,
    counts,
    full,
    halves,
    kept,
    mixtures,
    without,
)
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.paths import RunPaths
from xling.training.bank import Bank, Outcomes, Part
from xling.training.fit import device

SAY_EVERY_SECONDS = 30.0
"""How often a log hears how far the fine-tunings are."""

Design = Callable[[Config, Sequence[str], Sequence[int]], list[Retraining]]


def of_mixtures(
    config: Config, languages: Sequence[str], labels: Sequence[int]
) -> list[Retraining]:
    """Return all data under several seeds, each language left out, and mixtures."""
    if config.evaluate == "recommend" and config.recommend.by == "example":
        return []  # scores choose, not laws
    fits, seed = config.mixture.fits, config.seed
    parts = [*full(languages, range(seed, seed + config.mixture.seeds)), *without(languages, seed)]
    drawn = mixtures(languages, fits, seed, labels=labels, training_seed=seed, beside=parts)
    return [*parts, *drawn]


def of_halves(config: Config, languages: Sequence[str], labels: Sequence[int]) -> list[Retraining]:
    """Return halves of each language, the first of them also with another training seed."""
    subsets, seed = config.faithfulness.subsets, config.seed
    parts = halves(languages, subsets, seed, labels=labels, training_seed=seed)
    return [*parts, *again(parts, config.faithfulness.again, seed + 1)]


DESIGNS: dict[str, Design] = {
    "language_effects": of_mixtures,
    "faithfulness": of_halves,
    "recommend": of_mixtures,
}
"""What each evaluation fine-tunes on, given language and label of the training examples."""


def retrainings(config: Config, model: FineTuned) -> list[Retraining]:
    """Return what an evaluation fine-tunes on, from the training examples of its base run."""
    train = model.inputs.corpus["train"]
    return designed(config, train["language"][:], train["label"][:])


def designed(config: Config, languages: Sequence[str], labels: Sequence[int]) -> list[Retraining]:
    """Return what an evaluation fine-tunes on, from language and label of the training examples."""
    assert config.evaluate
    return DESIGNS[config.evaluate](config, languages, labels)


def retrain(config: Config, model: FineTuned) -> tuple[list[Retraining], Outcomes]:
    """Fine-tune on every part that an evaluation asks for, as far as that is not done.

    From the same start as the base run and for as many epochs as it kept, or as many steps. What is
    kept lies with the base's checkpoints, so that evaluations of one fine-tuning share it.

    Args:
        model: of the base run.
    """
    parts = retrainings(config, model)
    if not parts:
        none = np.empty((0, len(model.inputs.encoded["test"])))
        return [], Outcomes(none, none.astype(bool))
    return parts, outcomes_of(config, model, parts)


def outcomes_of(config: Config, model: FineTuned, parts: Sequence[Retraining]) -> Outcomes:
    """Fine-tune on parts, as far as that is not done, and return what the tests make of it.

    Args:
        model: of the base run.
    """
    base, inputs = base_run(config), model.inputs
    steps = steps_of(config, model.kept, len(inputs.encoded["train"]))
    folder = bank_folder(config, model.paths, model.kept, len(inputs.encoded["train"]))
    bank = Bank(base, inputs.classifier, inputs.encoded, inputs.collate, model.kept, steps)
    at_once = processes(config)
    # Some may be on the same examples, under the same seed.
    different = {part_of(part).name: len(part.rows) for part in parts}
    taken = [steps or model.kept * updates(config, size) for size in different.values()]
    there = sum((folder / f"{name}.npz").exists() for name in different)
    lasts = "1 epoch" if folder.name == "1-epochs" else folder.name.replace("-", " ")
    if steps is None:
        least, most = min(taken), max(taken)
        many = f"{most:,} {'step' if most == 1 else 'steps'}"
        lasts += f" ({many})" if least == most else f" ({least:,} to {many})"
    say(
        f"Fine-tuning again on {len(different)} parts of the training data, {lasts} each, "
        f"{at_once} at a time" + (f"; {there} are done" if there else "")
    )
    if steps is None:
        for warning in few_steps(model, taken, {part.kind for part in parts}):
            say(warning)
    progress = partial(reported, missing=len(different) - there)
    return bank.outcomes([part_of(part) for part in parts], folder, at_once, progress)


def steps_of(config: Config, epochs: int, examples: int) -> int | None:
    """Return after how many steps each fine-tuning ends; None: after so many epochs.

    Args:
        epochs: that the base run kept.
        examples: that it was trained on.
    """
    if config.mixture.steps != "equal":
        return None
    return epochs * updates(config, examples)


def updates(config: Config, examples: int) -> int:
    """Return how many steps an epoch of so many examples takes."""
    return -(-examples // config.tuning.batch_size)


def few_steps(model: FineTuned, steps: Sequence[int], kinds: set[str]) -> list[str]:
    """Warn if many fine-tunings take no more steps than the base run did to learn anything.

    Args:
        model: of the base run.
        steps: of each fine-tuning.
        kinds: of them; mixtures can take as many steps as all data.
    """
    config, dev = model.config, model.inputs.corpus["dev"]
    accuracies = [record["languages"] for record in model.history]
    classes = len(config.task.classes)
    epochs = epochs_at_chance(accuracies, dev["language"], np.array(dev["label"]), classes)
    after = epochs * updates(config, len(model.inputs.encoded["train"]))
    few = sum(taken <= after for taken in steps)
    if few < MANY * len(steps) or epochs >= model.kept:  # or it learnt nothing itself, and said so
        return []
    size = "recommend.total" if kinds <= {*VERIFYING} else "data.train_per_language"
    advice = f"then little can be told from them: raise tuning.epochs or {size}."
    if "mixture" in kinds:
        advice = (
            "then any language's data seem to help, by their steps. mixture.steps=equal gives each "
            "as many steps as all data take."
        )
    return [
        f"WARNING: {few} of {len(steps)} take {after:,} steps or fewer, after which the model on "
        f"all data was not told from chance in any language: they may learn little, and {advice}"
    ]


def bank_folder(config: Config, base: RunPaths, epochs: int, examples: int) -> Path:
    """Return the folder of an evaluation's fine-tunings, which others share; see `steps_of`."""
    steps = steps_of(config, epochs, examples)
    length = f"{epochs}-epochs" if steps is None else f"{steps}-steps"
    return base.tuning / "retrained" / length


def retraining_tables(
    config: Config, parts: Sequence[Retraining], outcomes: Outcomes, model: FineTuned
) -> dict[str, pd.DataFrame]:
    """Return what the page and the files tell of fine-tunings: outcomes, and data of each."""
    return {
        "retrainings": outcome_table(config, parts, outcomes, model),
        "retraining_data": data_table(parts, model),
    }


def outcome_table(
    config: Config, parts: Sequence[Retraining], outcomes: Outcomes, model: FineTuned
) -> pd.DataFrame:
    """Tabulate loss and accuracy of each fine-tuning on each language's test examples.

    Returns:
        Columns retraining (from 1), kind, seed, examples, test_language, loss, accuracy, steps, p
        (see `beside_chance`).
    """
    test, every = model.inputs.corpus["test"], len(model.inputs.encoded["train"])
    languages = np.array(test["language"])
    equal = steps_of(config, model.kept, every)
    rows = []
    for number, part in enumerate(parts):
        steps = equal or model.kept * updates(config, len(part.rows))
        for language in dict.fromkeys(languages.tolist()):
            tests = languages == language
            loss = float(outcomes.losses[number, tests].mean(dtype=float))
            accuracy = float(outcomes.correct[number, tests].mean())
            told = (number + 1, part.kind, part.seed, len(part.rows))
            rows.append((*told, language, loss, accuracy, steps))
    columns = "retraining kind seed examples test_language loss accuracy steps".split()
    table, classes = pd.DataFrame(rows, columns=columns), len(config.task.classes)
    return beside_chance(table, test["language"][:], np.array(test["label"]), classes)


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


def part_of(retraining: Retraining) -> Part:
    """Return what a bank has to know of a fine-tuning."""
    return Part(retraining.rows, retraining.seed)


def processes(config: Config) -> int:
    """Return how many fine-tunings run at once in this job."""
    if config.retrain.processes:
        return config.retrain.processes
    if device(config.trainer).type != "cpu" or not config.trainer.threads:
        return 1
    return max(1, len(os.sched_getaffinity(0)) // config.trainer.threads)


def reported(examples: Iterable[int], total: int, missing: int) -> Iterator[int]:
    """Yield the examples of finished fine-tunings, and say now and then how far they are.

    Args:
        total: examples of all that are missing.
        missing: how many these are.
    """
    begin = last = time.monotonic()
    done = 0
    for number, count in enumerate(tally(examples, total, "fine-tunings"), 1):
        done += count
        now = time.monotonic()
        if now - last > SAY_EVERY_SECONDS and done < total and not interactive():
            left = (now - begin) / done * (total - done)
            say(f"{number} of {missing} fine-tunings; about {format_duration(left)} left")
            last = now
        yield count
