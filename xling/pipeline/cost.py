"""How long fine-tuning and evaluations take, from a few training steps that are timed."""

import copy
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from xling.cli.methods import influences
from xling.config import Config, Influence, base_run
from xling.pipeline.inputs import RunInputs
from xling.pipeline.paths import run_paths
from xling.pipeline.retrain import bank_folder, designed, part_of, processes
from xling.sketch.curvature import fitted_examples
from xling.training.bank import one_device
from xling.training.history import kept_epoch, read_history
from xling.training.modules import adamw

FORWARD, SKETCH = 1 / 3, 0.6
"""Cost of a pass without gradients, and of a sketch pass, relative to a training pass without the
optimizer's updates. (Measured: 0.26 to 0.31, and 0.46 to 0.59 with 12 layers, 1.2 with the tiny
model, whose batches' fixed costs weigh most.)"""

START_SECONDS = 15
"""Until an evaluation's processes have begun, and for its tables and page."""

LAW_SECONDS = 2.4e-3
"""To fit laws and resample them, for each pair of training languages and each test language.
(Measured with 40 mixtures: 1 s with 5 languages, 3 s with 10, 22 s with 20, 64 s with 30.)"""

PROBE_TOKENS = 1024
"""Of a trial step, at most."""

FITTING = {"ekfac": 4.6, "adafactor": 2.0, "adamw": 2.0}
"""Cost of fitting what gradients are divided by, in sketch passes over as many examples. (Measured
with 12 layers.)"""

TRIALS, TRIAL_SECONDS = 4, 1.0
"""Steps that are timed at least, of which the first are slow, as they allocate memory; and how long
more of them are tried, as other programs may interrupt some."""


@dataclasses.dataclass(frozen=True)
class Passes:
    """How long it takes to go through a task's examples once, in seconds.

    Attributes:
        train, test: to train on all training examples, or on as many tokens as the tests have,
            without the optimizer's updates.
        update: an update of the weights.
    """

    train: float
    test: float
    update: float


def step_seconds(config: Config, inputs: RunInputs) -> tuple[float, float]:
    """Time training steps on a few examples.

    Returns:
        Seconds per token without the optimizer's update, and seconds of an update.
    """
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    train, fabric = inputs.encoded["train"], one_device(config.trainer)
    target = fabric.device
    count = max(1, min(config.tuning.batch_size, PROBE_TOKENS // max(train["length"])))
    rows = train.select(range(0, len(train), max(1, len(train) // count))[:count])
    batch = inputs.collate([*rows])
    tensors = {key: value.to(target) for key, value in batch["inputs"].items()}
    labels = batch["labels"].to(target)
    model = copy.deepcopy(inputs.classifier).train()
    optimizer = adamw(model.parameters(), config.learning_rate, config.tuning.weight_decay)
    model, optimizer = fabric.setup(model, optimizer)

    def passed() -> None:
        losses = inputs.kind.losses(model(**tensors), labels)
        optimizer.zero_grad()
        fabric.backward(losses.mean())

    trials: list[tuple[float, float]] = []
    while len(trials) < TRIALS or sum(map(sum, trials)) < TRIAL_SECONDS:
        trials.append((_timed(passed, target), _timed(optimizer.step, target)))
    pass_seconds, update = (min(times) for times in zip(*trials, strict=True))
    return pass_seconds / sum(rows["length"]), update


def _timed(step: Callable[[], object], target: torch.device) -> float:
    begin = time.perf_counter()
    step()
    if target.type == "cuda":
        torch.cuda.synchronize(target)
    return time.perf_counter() - begin


def passes(config: Config, inputs: RunInputs) -> Passes:
    """Time training steps, and return how long it takes to go through the examples of a run."""
    token, update = step_seconds(config, inputs)
    train, test = (token * sum(inputs.encoded[split]["length"]) for split in ("train", "test"))
    return Passes(train, test, update)


def epochs_of(config: Config) -> int:
    """Return for how many epochs an evaluation fine-tunes: at most, if its base run is not done."""
    history = read_history(run_paths(base_run(config)).tuning)
    return kept_epoch(history) if history else config.tuning.epochs


def left_to_do(config: Config, languages: Sequence[str], labels: Sequence[int]) -> dict[Path, int]:
    """Return the fine-tunings of an evaluation that are not done, as far as its design tells.

    Args:
        languages, labels: of the training examples of its base run.

    Returns:
        The file that each is to leave → how many examples it is trained on. Of those that depend
        on what the others or the scores tell, the files are made up, and of this one alone.
    """
    folder = bank_folder(config, run_paths(base_run(config)), epochs_of(config), len(languages))
    parts = designed(config, languages, labels)
    sizes = {folder / f"{part_of(part).name}.npz": len(part.rows) for part in parts}
    if config.evaluate == "recommend":
        wanted = config.recommend
        kinds = 3 if wanted.by == "example" or wanted.target in config.train_languages else 2
        total = wanted.total or len(languages) // (4 if wanted.by == "example" else 2)
        name = run_paths(config).run.name
        sizes |= {folder / f"{name}-{n}": total for n in range(kinds * wanted.seeds)}
    if config.evaluate == "faithfulness" and config.faithfulness.dropping:
        wanted = config.faithfulness  # each method's first examples, their match, random ones
        count = (2 * len(wanted.dropping) + 1) * wanted.drop_seeds
        left, name = round((1 - wanted.drop) * len(languages)), run_paths(config).run.name
        sizes |= {folder / f"{name}-{n}": left for n in range(count)}
    return {file: size for file, size in sizes.items() if not file.exists()}


def evaluation_seconds(
    config: Config, parts: Mapping[Path, int], examples: int, spent: Passes
) -> float:
    """Estimate how long an evaluation takes beside its base run.

    Args:
        parts: see `left_to_do`.
        examples: number of training examples of its base run.
        spent: going through them.
    """
    epochs, batch = epochs_of(config), config.tuning.batch_size
    alone = []
    for size in parts.values():
        updates, trained = epochs * -(-size // batch), epochs * size / examples
        if config.mixture.steps == "equal":
            updates = epochs * -(-examples // batch)
            trained = epochs * min(1.0, size / batch)
        alone.append(trained * spent.train + updates * spent.update + FORWARD * spent.test)
    at_once = processes(config)
    seconds = max(sum(alone) / at_once, max(alone, default=0.0))
    return (
        START_SECONDS
        + seconds
        + law_seconds(config)
        + scoring_seconds(config, epochs, examples, spent)
    )


def law_seconds(config: Config) -> float:
    """Estimate how long it takes to fit laws to fine-tunings on mixtures."""
    by_example = config.evaluate == "recommend" and config.recommend.by == "example"
    if config.evaluate == "faithfulness" or by_example or config.retrain.worker:
        return 0.0
    return LAW_SECONDS * len(config.train_languages) ** 2 * len(config.languages)


def scoring_seconds(config: Config, epochs: int, examples: int, spent: Passes) -> float:
    """Estimate how long it takes to represent the examples that an evaluation scores."""
    if config.evaluate == "recommend" and config.recommend.by == "example":
        influence = config.influence  # of development examples, hardly more than tests
        return epochs * spent.test * pass_cost(influence)
    if config.evaluate != "faithfulness" or config.retrain.worker:
        return 0.0
    base = run_paths(base_run(config))
    costs: dict[str, tuple[float, float]] = {}  # of representations, which methods share
    for influence in influences(config).values():
        kind = run_paths(dataclasses.replace(base_run(config), influence=influence)).sketches
        costs[kind] = pass_cost(influence), fitting_cost(influence, examples)
    there = {base.sketches, *(folder.name for folder in base.tuning.glob("*/"))}
    return epochs * sum(
        cost * spent.test + (kind not in there) * (cost + fitted) * spent.train
        for kind, (cost, fitted) in costs.items()
    )


def pass_cost(influence: Influence) -> float:
    """Return what it costs to represent examples at an epoch, relative to training on them."""
    return SKETCH if influence.gradients else FORWARD if influence.checkpoints else 0.0


def fitting_cost(influence: Influence, examples: int) -> float:
    """Return what it costs to fit a method to so many training examples, relative likewise."""
    fitted = FITTING.get(influence.method, FITTING.get(influence.moments, 0))
    return SKETCH * fitted * fitted_examples(examples, influence.fit_examples) / max(1, examples)
