"""Seconds and bytes that a sweep's stages need, estimated from the speed of one training step."""

import copy
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

import torch

from xling.cli import console
from xling.config import Config, base_run
from xling.data import fetch_data
from xling.models.available import fetch_model
from xling.pipeline.inputs import RunInputs, prepare, rehearse_sketches
from xling.pipeline.paths import run_paths
from xling.pipeline.retrain import processes
from xling.sketch.parts import part_of
from xling.sweep.plan import Stage
from xling.training.fit import device

FORWARD, SKETCH = 1 / 3, 0.4
"""Cost of a pass without gradients, and of a sketch pass, relative to a training pass."""

PRUNING_STEPS = 10
REPORT_SECONDS, REPORT_BYTES = 25, 6_000_000
"""Cost of a run's tables, figures and page, which hardly depends on its size."""

PROBE_TOKENS = 1024
STORED = {"float32": 4, "float16": 2, "int8": 1}


@dataclasses.dataclass(frozen=True)
class Speed:
    """How fast a model is on a task's examples, and the sizes of both.

    Attributes:
        seconds: duration of a training step per token; None if it was not measured.
        parameters, matrices: number of the model's parameters, and of the tensors that hold them.
        width: dimension of the hidden states.
        parts: number of the model's parts, whose gradients can be kept apart.
        per_language: split → examples per language.
        tokens: split → tokens per example.
    """

    seconds: float | None
    parameters: int
    matrices: int
    width: int
    per_language: dict[str, float]
    tokens: dict[str, float]
    parts: int = 0


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds (None if unknown) and bytes."""

    seconds: float | None
    bytes: float


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
    costs = []
    # Those with subnetworks last, so that they are tried: they ask most of a model.
    ordered = sorted(stages, key=lambda stage: stage.config.subnetwork.name != "full")
    tried = {_measured(stage.config): stage.config for stage in ordered}
    for stage in stages:
        key = _measured(stage.config)
        if key not in speeds:
            speeds[key] = measure_speed(tried[key], probe, say)
        costs.append(stage_cost(stage, speeds[key]))
    known = all(cost.seconds is not None for cost in costs)
    seconds = sum(cost.seconds for cost in costs) if known else None
    return Cost(seconds, sum(cost.bytes for cost in costs))


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
    return Speed(
        step_seconds(config, inputs) if probe else None,
        sum(tensor.numel() for tensor in model.parameters()),
        len(list(model.parameters())),
        model.width,
        {split: median(by_language.values()) for split, by_language in counts.items()},
        {split: sum(rows["length"]) / len(rows) for split, rows in inputs.encoded.items()},
        len({part_of(name) for name, _ in model.named_parameters()}),
    )


def step_seconds(config: Config, inputs: RunInputs) -> float:
    """Time a training step on a few examples; return seconds per token."""
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    train, target = inputs.encoded["train"], device(config.trainer)
    count = max(1, min(config.tuning.batch_size, PROBE_TOKENS // max(train["length"])))
    rows = train.select(range(0, len(train), max(1, len(train) // count))[:count])
    batch = inputs.collate([*rows])
    tensors = {key: value.to(target) for key, value in batch["inputs"].items()}
    model = copy.deepcopy(inputs.classifier).to(target).train()
    times = []
    for _ in range(3):  # the first is slow, as it allocates memory
        start = time.perf_counter()
        inputs.kind.losses(model(**tensors), batch["labels"].to(target)).mean().backward()
        if target.type == "cuda":
            torch.cuda.synchronize(target)
        times.append(time.perf_counter() - start)
    return min(times) / sum(rows["length"])


def stage_cost(stage: Stage, speed: Speed) -> Cost:
    """Estimate what building one stage needs at most."""
    config, epochs = stage.config, stage.config.tuning.epochs
    languages = len(config.train_languages) + config.imbalance / 100
    train = languages * speed.per_language["train"]
    step = speed.seconds or 0
    training = train * speed.tokens["train"] * step
    masked_passes = subnetwork_passes(config)
    gradients = config.influence.gradients
    represented = epochs if config.influence.checkpoints else 1
    pass_cost = SKETCH if gradients else FORWARD if config.influence.checkpoints else 0
    sketching = pass_cost * epochs * training
    sketch_bytes = sketch_dimensions(config, speed) * stored_bytes(config)
    sketches = sketch_bytes * train * represented
    per_language = speed.per_language
    dev = per_language["dev"] * languages * speed.tokens["dev"] * step
    test = per_language["test"] * len(config.languages) * speed.tokens["test"] * step
    traced = config.influence.test_per_language * len(config.traced_languages)
    tracing = FORWARD * test + pass_cost * traced * speed.tokens["test"] * step * epochs
    single_language = len(config.train_languages) == 1
    sparse = config.tuning.name == "sparse"
    dumped = 0 if single_language or not gradients else (masked_passes if sparse else 1)
    later = 0 if sparse and gradients else masked_passes  # passes through masks, after the fit
    fit = epochs * (training + FORWARD * dev)
    weights = 4 * speed.parameters * epochs
    seconds, size = {
        "fine-tuning": (fit + dumped * sketching, weights + dumped * sketches),
        "sketches": (sketching, sketches),
        "representations": (sketching, sketches),
        "subnetwork": (PRUNING_STEPS * (1 + FORWARD) * dev, 10_000),
        "masks": (0, 10_000),
        "retraining": (fit, 10_000),
        "evaluation": evaluation_cost(config, epochs * training, test),
        "run": (
            tracing * (2 if masked_passes else 1) + later * sketching + REPORT_SECONDS,
            REPORT_BYTES + sketch_bytes * traced * represented + later * sketches,
        ),
    }[stage.kind]
    return Cost(seconds if speed.seconds is not None else None, size)


def evaluation_cost(config: Config, fit: float, test: float) -> tuple[float, float]:
    """Estimate seconds and bytes of an evaluation's fine-tunings that are not done.

    Args:
        fit, test: seconds of a fine-tuning on all data, and of a prediction of all tests.
    """
    on_parts, on_most = evaluation_fits(config)
    half = 1 if config.mixture.steps == "equal" else 0.5
    count = on_parts + on_most
    done = len([*run_paths(base_run(config)).tuning.glob("retrained/*/*.npz")])
    seconds = (on_parts * half + on_most) * fit + count * FORWARD * test
    seconds *= max(0, count - done) / count / processes(config)
    if config.evaluate == "faithfulness":  # sketches and hidden states of all tests
        seconds += (SKETCH + FORWARD) * config.tuning.epochs * test
    return seconds, 100_000 + 10_000 * count


def evaluation_fits(config: Config) -> tuple[int, int]:
    """Return how many fine-tunings are on about half of the data, and how many on most of it."""
    if config.evaluate == "faithfulness":
        wanted = config.faithfulness
        sets = 2 * len(wanted.dropping) + 1 if wanted.dropping else 0  # with their controls
        return wanted.subsets + wanted.again, sets * wanted.drop_seeds
    whole = config.mixture.seeds + len(config.train_languages)
    if config.evaluate == "recommend" and config.recommend.by == "example":
        return 3 * config.recommend.seeds, 0
    mixtures = 3 if config.recommend.target in config.train_languages else 2
    verified = mixtures * config.recommend.seeds if config.evaluate == "recommend" else 0
    return config.mixture.fits + verified, whole


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
