"""Fine-tuning again on parts of the training data, of which the tests' losses are kept."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from xling.cli.console import format_duration, interactive, say, tally
from xling.config import Config, base_run
from xling.evaluation.mixtures import Retraining, again, full, halves, mixtures, without
from xling.pipeline.fine_tune import FineTuned
from xling.training.bank import Bank, Outcomes, Part
from xling.training.fit import device

SAY_EVERY_SECONDS = 30.0
"""How often a log hears how far the fine-tunings are."""

DESIGNS: dict[str, Callable[[Config, Sequence[str], Sequence[int]], list[Retraining]]] = {
    "language_effects": lambda config, languages, labels: [
        *full(languages, range(config.seed, config.seed + config.mixture.seeds)),
        *without(languages, config.seed),
        *mixtures(
            languages,
            config.mixture.fits,
            config.seed,
            labels=labels,
            training_seed=config.seed,
        ),
    ],
    "faithfulness": lambda config, languages, labels: with_repetitions(
        halves(
            languages,
            config.faithfulness.subsets,
            config.seed,
            labels=labels,
            training_seed=config.seed,
        ),
        config,
    ),
}
"""What each evaluation fine-tunes on, given language and label of the training examples."""


def with_repetitions(parts: list[Retraining], config: Config) -> list[Retraining]:
    """Add the first parts with another training seed, for the noise ceiling."""
    return [*parts, *again(parts, config.faithfulness.again, config.seed + 1)]


def retrainings(config: Config, model: FineTuned) -> list[Retraining]:
    """Return what an evaluation fine-tunes on, from the training examples of its base run."""
    train = model.inputs.corpus["train"]
    assert config.evaluate
    return DESIGNS[config.evaluate](config, train["language"][:], train["label"][:])


def retrain(config: Config, model: FineTuned) -> tuple[list[Retraining], Outcomes]:
    """Fine-tune on every part that an evaluation asks for, as far as that is not done.

    From the same start as the base run and for as many epochs as it kept, or as many steps. What is
    kept lies with the base's checkpoints, so that evaluations of one fine-tuning share it.

    Args:
        model: of the base run.
    """
    parts, base, inputs = retrainings(config, model), base_run(config), model.inputs
    steps = None
    if config.mixture.steps == "equal":
        steps = model.kept * -(-len(inputs.encoded["train"]) // config.tuning.batch_size)
    length = f"{model.kept}-epochs" if steps is None else f"{steps}-steps"
    folder = model.paths.tuning / "retrained" / length
    bank = Bank(base, inputs.classifier, inputs.encoded, inputs.collate, model.kept, steps)
    at_once = processes(config)
    there = sum((folder / f"{part_of(part).name}.npz").exists() for part in parts)
    say(
        f"Fine-tuning again on {len(parts)} parts of the training data, {length.replace('-', ' ')} "
        f"each, {at_once} at a time" + (f"; {there} are done" if there else "")
    )
    progress = partial(reported, missing=len(parts) - there)
    outcomes = bank.outcomes([part_of(part) for part in parts], folder, at_once, progress)
    return parts, outcomes


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
