"""What the stages of a sweep take: seconds and bytes, by the speed of one training step."""

import copy
import dataclasses
import time
from collections import Counter
from collections.abc import Sequence
from statistics import median

import torch

from xling.config import Config
from xling.pipeline.inputs import RunInputs, prepare
from xling.sweep.plan import Stage
from xling.training.fit import device

FORWARD, SKETCH = 1 / 3, 0.4
"""A pass over examples without gradients, and one that sketches them, in training passes."""

PRUNING_STEPS = 10
REPORT_SECONDS, REPORT_BYTES = 25, 6_000_000
"""Of a run's tables, figures and page; they depend on its size a little."""

PROBE_TOKENS = 1024
STORED = {"float32": 4, "float16": 2, "int8": 1}


@dataclasses.dataclass(frozen=True)
class Speed:
    """How fast a model is on a task's examples.

    Attributes:
        seconds: of a training step, per token; None if it was not measured.
        parameters, matrices: of the model: numbers, and tensors that hold them.
        width: of its hidden states.
        per_language, tokens: of each split, examples per language and tokens per example.
    """

    seconds: float | None
    parameters: int
    matrices: int
    width: int
    per_language: dict[str, float]
    tokens: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds (None if they are not known) and bytes."""

    seconds: float | None
    bytes: float


def total(stages: Sequence[Stage], probe: bool) -> Cost:
    """Estimate what stages take that are still to be made, at most: with every epoch.

    Args:
        probe: whether to measure a training step here, where the jobs will run.
    """
    speeds: dict[str, Speed] = {}
    costs = []
    for stage in stages:
        config = stage.config
        key = repr((config.task.name, config.model, config.data, config.trainer))
        if key not in speeds:
            speeds[key] = measured(config, probe)
        costs.append(cost(stage, speeds[key]))
    known = all(each.seconds is not None for each in costs)
    return Cost(sum(c.seconds for c in costs) if known else None, sum(c.bytes for c in costs))


def measured(config: Config, probe: bool) -> Speed:
    """Read the data and the model, and time a training step if asked to."""
    inputs = prepare(config, say=lambda line: None)
    counts = {split: Counter(rows["language"]) for split, rows in inputs.corpus.items()}
    model = inputs.classifier
    return Speed(
        step_seconds(config, inputs) if probe else None,
        sum(each.numel() for each in model.parameters()),
        len(list(model.parameters())),
        model.encoder.config.hidden_size,
        {split: median(each.values()) for split, each in counts.items()},
        {split: sum(rows["length"]) / len(rows) for split, rows in inputs.encoded.items()},
    )


def step_seconds(config: Config, inputs: RunInputs) -> float:
    """Time a forward and backward pass on some training examples; return seconds per token."""
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    train, place = inputs.encoded["train"], device(config.trainer)
    count = max(1, min(config.tuning.batch_size, PROBE_TOKENS // max(train["length"])))
    rows = train.select(range(0, len(train), max(1, len(train) // count))[:count])
    batch = inputs.collate([*rows])
    tensors = {key: value.to(place) for key, value in batch["inputs"].items()}
    model = copy.deepcopy(inputs.classifier).to(place).train()
    times = []
    for _ in range(3):  # the first is slow, as memory is got
        start = time.perf_counter()
        inputs.kind.losses(model(**tensors), batch["labels"].to(place)).mean().backward()
        if place.type == "cuda":
            torch.cuda.synchronize(place)
        times.append(time.perf_counter() - start)
    return min(times) / sum(rows["length"])


def cost(stage: Stage, speed: Speed) -> Cost:
    """Estimate a stage."""
    config, epochs = stage.config, stage.config.tuning.epochs
    languages = len(config.train_languages) + config.imbalance / 100
    train = languages * speed.per_language["train"]
    step = speed.seconds or 0
    training = train * speed.tokens["train"] * step
    through = subnetwork_passes(config)
    gradients = config.influence.gradients
    one_pass = SKETCH if gradients else FORWARD
    sketching = one_pass * epochs * training
    numbers = dimensions(config, speed) * STORED[config.sketch.store]
    sketches = numbers * train * epochs
    of = speed.per_language
    dev = of["dev"] * languages * speed.tokens["dev"] * step
    test = of["test"] * len(config.languages) * speed.tokens["test"] * step
    traced = config.influence.test_per_language * len(config.traced_languages)
    tracing = FORWARD * test + one_pass * traced * speed.tokens["test"] * step * epochs
    only_language = len(config.train_languages) == 1
    sparse = config.tuning.name == "sparse"
    dumped = 0 if only_language or not gradients else (through if sparse else 1)
    later = through if through and not sparse else 0  # the whole model's, through masks
    fit = epochs * (training + FORWARD * dev)
    weights = 4 * speed.parameters * epochs
    seconds, size = {
        "fine-tuning": (fit + dumped * sketching, weights + dumped * sketches),
        "sketches": (sketching, sketches),
        "representations": (sketching, sketches),
        "subnetwork": (PRUNING_STEPS * (1 + FORWARD) * dev, 10_000),
        "masks": (0, 10_000),
        "retraining": (fit, 10_000),
        "run": (
            tracing * (2 if through else 1) + later * sketching + REPORT_SECONDS,
            REPORT_BYTES + numbers * traced * epochs + later * sketches,
        ),
    }[stage.kind]
    return Cost(seconds if speed.seconds is not None else None, size)


def subnetwork_passes(config: Config) -> int:
    """Return how often training examples are sketched through masks, at most."""
    if config.subnetwork.name == "full" or config.subnetwork.apply == "test":
        return 0
    return 1 if config.subnetwork.in_tests_alone else len(config.traced_languages)


def dimensions(config: Config, speed: Speed) -> int:
    """Return the numbers of a sketch or of what else represents an example, at most."""
    sketch = config.sketch
    if not config.influence.gradients:
        return speed.width
    if sketch.method == "exact":
        return speed.parameters
    size = sketch.stack * sketch.side**2 * (2 if sketch.twin else 1)
    return size * (speed.matrices if sketch.combine == "concat" else 1)
