"""Seconds and bytes that a sweep's stages need, estimated from the speed of one training step."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from xling.cli import console
from xling.config import Config, base_run
from xling.data import fetch_data, load_corpus
from xling.models.available import fetch_model
from xling.pipeline.cost import (
    FORWARD,
    Passes,
    evaluation_seconds,
    fitting_cost,
    left_to_do,
    pass_cost,
    step_seconds,
)
from xling.pipeline.inputs import prepare, rehearse_sketches
from xling.pipeline.sizes import check_sizes
from xling.sketch.parts import part_of
from xling.sweep.plan import Stage

PRUNING_STEPS = 10
REPORT_SECONDS, REPORT_BYTES = 25, 6_000_000
"""Cost of a run's tables, figures and page, which hardly depends on its size."""

STORED = {"float32": 4, "float16": 2, "int8": 1}


@dataclasses.dataclass(frozen=True)
class Speed:
    """How fast a model is on a task's examples, and the sizes of both.

    Attributes:
        seconds: duration of a training step per token, without the optimizer's update; None if it
            was not measured.
        parameters, matrices: number of the model's parameters, and of the tensors that hold them.
        width: dimension of the hidden states.
        parts: number of the model's parts, whose gradients can be kept apart.
        per_language: split → examples per language.
        tokens: split → tokens per example.
        update: seconds of an optimizer's update.
    """

    seconds: float | None
    parameters: int
    matrices: int
    width: int
    per_language: dict[str, float]
    tokens: dict[str, float]
    parts: int = 0
    update: float = 0.0


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds (None if unknown), bytes, and how many fine-tunings of evaluations these hold."""

    seconds: float | None
    bytes: float
    fine_tunings: int = 0


def silent(line: str) -> None:
    """Say nothing."""


def estimate_total(
    stages: Sequence[Stage], probe: bool, say: Callable[[str], None] = silent
) -> Cost:
    """Estimate what building these stages needs at most, if training uses every epoch.

    Args:
        probe: whether to time a training step on this machine, because the jobs will run here.
        say: receives what a run says of its model and its tokens.
    """
    speeds: dict[str, Speed] = {}
    costs, fine_tunings = [], set()
    # Those with subnetworks or several methods last, so that they are tried: they ask most.
    ordered = sorted(
        stages,
        key=lambda stage: (
            stage.config.subnetwork.name != "full",
            stage.config.evaluate == "faithfulness",
        ),
    )
    tried = {_measured(stage.config): stage.config for stage in ordered}
    for stage in stages:
        key = _measured(stage.config)
        if key not in speeds:
            speeds[key] = measure_speed(tried[key], probe, say)
        costs.append(stage_cost(stage, speeds[key], fine_tunings))
    known = all(cost.seconds is not None for cost in costs)
    seconds = sum(cost.seconds for cost in costs) if known else None
    again = sum(cost.fine_tunings for cost in costs)
    return Cost(seconds, sum(cost.bytes for cost in costs), again)


def _measured(config: Config) -> str:
    """Return what a speed depends on: configurations that share it are measured once."""
    return repr((config.task.name, config.model, config.data, config.trainer))


def measure_speed(config: Config, probe: bool, say: Callable[[str], None] = silent) -> Speed:
    """Load data and model, from the hub if need be, and time a training step if `probe` is true.

    Raises:
        UserError, ArgumentError: data or a model that cannot be used, or sketched.
    """
    console.plain_libraries()
    fetch_data(config, console.say)  # in every case, as it may take long
    fetch_model(config.model, console.say)
    inputs = prepare(config, say, silent)
    counts = {split: Counter(rows["language"]) for split, rows in inputs.corpus.items()}
    model = inputs.classifier
    rehearse_sketches(config, inputs)
    seconds, update = step_seconds(config, inputs) if probe else (None, 0.0)
    return Speed(
        seconds,
        sum(tensor.numel() for tensor in model.parameters()),
        len(list(model.parameters())),
        model.width,
        {split: median(by_language.values()) for split, by_language in counts.items()},
        {split: sum(rows["length"]) / len(rows) for split, rows in inputs.encoded.items()},
        len({part_of(name) for name, _ in model.named_parameters()}),
        update,
    )


def stage_cost(stage: Stage, speed: Speed, fine_tunings: set[Path] | None = None) -> Cost:
    """Estimate what building one stage needs at most.

    Args:
        fine_tunings: files that the fine-tunings of evaluations before it leave, which are shared;
            its own are added.
    """
    if stage.kind == "evaluation":
        return evaluation_cost(stage.config, speed, set() if fine_tunings is None else fine_tunings)
    config, epochs = stage.config, stage.config.tuning.epochs
    languages = len(config.train_languages) + config.imbalance / 100
    train = languages * speed.per_language["train"]
    step = speed.seconds or 0
    training = train * speed.tokens["train"] * step
    updates = -(-train // config.tuning.batch_size) * speed.update
    masked_passes = subnetwork_passes(config)
    gradients = config.influence.gradients
    represented = epochs if config.influence.checkpoints else 1
    represent = pass_cost(config.influence)
    sketching = (represent + fitting_cost(config.influence, round(train))) * epochs * training
    sketch_bytes = sketch_dimensions(config, speed) * stored_bytes(config)
    sketches = sketch_bytes * train * represented
    per_language = speed.per_language
    dev = per_language["dev"] * languages * speed.tokens["dev"] * step
    test = per_language["test"] * len(config.languages) * speed.tokens["test"] * step
    traced = config.influence.test_per_language * len(config.traced_languages)
    tracing = FORWARD * test + represent * traced * speed.tokens["test"] * step * epochs
    single_language = len(config.train_languages) == 1
    sparse = config.tuning.name == "sparse"
    dumped = 0 if single_language or not gradients else (masked_passes if sparse else 1)
    later = 0 if sparse and gradients else masked_passes  # passes through masks, after the fit
    fit = epochs * (training + updates + FORWARD * dev)
    weights = 4 * speed.parameters * epochs
    seconds, size = {
        "fine-tuning": (fit + dumped * sketching, weights + dumped * sketches),
        "sketches": (sketching, sketches),
        "representations": (sketching, sketches),
        "subnetwork": (PRUNING_STEPS * (1 + FORWARD) * dev, 10_000),
        "masks": (0, 10_000),
        "retraining": (fit, 10_000),
        "run": (
            tracing * (2 if masked_passes else 1) + later * sketching + REPORT_SECONDS,
            REPORT_BYTES + sketch_bytes * traced * represented + later * sketches,
        ),
    }[stage.kind]
    return Cost(seconds if speed.seconds is not None else None, size)


def evaluation_cost(config: Config, speed: Speed, fine_tunings: set[Path]) -> Cost:
    """Estimate what an evaluation needs beside its base run: see `stage_cost`."""
    base = base_run(config)
    corpus = load_corpus(base, silent)
    check_sizes(config, corpus, silent)
    train, tests = corpus["train"], len(corpus["test"])
    left = left_to_do(config, train["language"][:], train["label"][:])
    mine = {file: size for file, size in left.items() if file not in fine_tunings}
    fine_tunings.update(mine)
    step = speed.seconds or 0
    spent = Passes(
        len(train) * speed.tokens["train"] * step, tests * speed.tokens["test"] * step, speed.update
    )
    seconds = evaluation_seconds(config, mine, len(train), spent)
    known = seconds if speed.seconds is not None else None
    return Cost(known, 100_000 + (600 + 5 * tests) * len(mine), len(mine))


def subnetwork_passes(config: Config) -> int:
    """Return how many times, at most, the training examples are sketched through masks."""
    if config.subnetwork.name == "full" or config.subnetwork.apply == "test":
        return 0
    return 1 if config.subnetwork.tests_only else len(config.traced_languages)


def stored_bytes(config: Config) -> int:
    """Return the bytes of a number that represents an example; without a model it is exact."""
    return STORED[config.sketch.store if config.influence.checkpoints else "float32"]


def sketch_dimensions(config: Config, speed: Speed) -> int:
    """Return the largest possible number of values that represent an example."""
    sketch = config.sketch
    if not config.influence.checkpoints:  # some words, or the tokens
        return 1 + config.data.max_length
    if not config.influence.gradients:
        return speed.width
    if sketch.method == "exact":
        return speed.parameters
    sketches = (2 if sketch.twin else 1) + (speed.parts if sketch.combine == "parts" else 0)
    size = sketch.stack * sketch.side**2 * sketches
    return size * (speed.matrices if sketch.combine == "concat" else 1)
