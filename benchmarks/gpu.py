"""What a sketch costs on a GPU, and whether it is the same as on the CPU.

    python -m benchmarks.gpu --json FILE

Needs torch, transformers, numpy, scipy and this checkout; ends within six minutes on an H100 or
H200. Wall time, synchronised, medians. A "step" is a plain training step in the same arithmetic:
forward, full backward, no optimiser. `--tiny` takes small shapes, so that it runs on a CPU, too.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.sketch import DEFAULT, classifier, inputs, sketch, sketcher, step
from xling.attribution import trace
from xling.models.classifier import Classifier
from xling.pipeline.provenance import machine
from xling.sketch import sketch_examples

TARGETS = {
    "base_bf16_over_step": "≤ 0.85",
    "base_tf32_over_step": "≤ 0.80",
    "base_bf16_tokens_per_second": "≥ 700,000",
    "large_bf16_over_step": "≤ 0.90",
    "pass_of_20000_over_batch_speed": "≥ 0.50",
    "pass_of_100000_over_batch_speed": "≥ 0.80",
    "same_bits_twice": "yes",
    "operator_calls_of_a_sketch": "≤ 2,000",
    "operator_calls_of_a_step": "",
    "sketch_against_cpu": "≤ 1e-4",
    "scores_against_cpu": "≤ 1e-4",
    "peak_gb": "",
}
"""What is measured → what it is to reach."""

SHAPES = {"base": (12, 768, 512, 64), "large": (24, 1024, 256, 64)}
"""Name → layers, width, examples and tokens of a batch."""

TINY = {"base": (2, 64, 8, 16), "large": (3, 64, 4, 16)}


class Calls(TorchDispatchMode):
    """Counts operator calls."""

    count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Count a call and make it."""
        self.count += 1
        return function(*args, **(kwargs or {}))


@contextmanager
def arithmetic(name: str, device: torch.device) -> Iterator[None]:
    """Compute in "fp32", "tf32" or "bf16"."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=name == "bf16"):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def seconds(work: Callable[[], object], device: torch.device, repetitions: int = 5) -> float:
    """Return the median time of a call, after two to warm up."""
    took = []
    for repetition in range(repetitions + 2):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        if repetition > 1:
            took.append(time.perf_counter() - start)
    return median(took)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def batch_speed(
    shape: tuple[int, int, int, int], vocabulary: int, how: str, device: torch.device
) -> tuple[float, float, bool]:
    """Return a sketch's time ÷ a step's, its tokens per second, and whether its bits repeat."""
    layers, width, examples, tokens = shape
    model = classifier(layers, width, vocabulary, device)
    batch = inputs(np.full(examples, tokens), vocabulary, device)
    with arithmetic(how, device):
        trained = seconds(lambda: step(model, batch), device)
        for parameter in model.parameters():
            parameter.grad = None
        made = sketcher(model, DEFAULT)
        took = seconds(lambda: sketch(made, batch, half=how == "bf16"), device)
        rows = [_rows(made, model, batch, how, device) for _ in range(2)]
    return took / trained, examples * tokens / took, torch.equal(*rows)


def _rows(
    made: Any, model: Classifier, batch: tuple[dict, Tensor], how: str, device: torch.device
) -> Tensor:
    with made, arithmetic(how, device):
        losses = lambda: cross_entropy(model(**batch[0]), batch[1], reduction="none")  # noqa: E731
        return made(losses, len(batch[1])).rows.clone()


def pass_speed(
    examples: int, shape: tuple[int, int, int, int], vocabulary: int, device: torch.device
) -> float:
    """Return the tokens per second of a whole pass in bf16, its start included."""
    layers, width, _, longest = shape
    model = classifier(layers, width, vocabulary, device)
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(3.2, 0.5, examples).astype(int), 4, longest)
    tokens = torch.from_numpy(rng.integers(4, vocabulary, (examples, longest)))
    labels = torch.from_numpy(rng.integers(0, 2, examples))

    def losses(rows: list[int]) -> Tensor:
        width = int(lengths[rows].max())
        mask = torch.arange(width) < torch.from_numpy(lengths[rows])[:, None]
        ids = torch.where(mask, tokens[rows, :width], torch.ones((), dtype=torch.long))
        logits = model(input_ids=ids.to(device), attention_mask=mask.long().to(device))
        return cross_entropy(logits.float(), labels[rows].to(device), reduction="none")

    ids = [str(row) for row in range(examples)]
    _wait(device)
    start = time.perf_counter()
    with arithmetic("bf16", device):
        sketch_examples(model, losses, ids, lengths.tolist(), DEFAULT, epoch=1)
    _wait(device)
    return lengths.sum() / (time.perf_counter() - start)


def calls(device: torch.device, layers: int) -> dict[str, float]:
    """Count the operator calls of a sketch and of a step, in fp32."""
    model = classifier(layers, 64, 500, device)
    batch = inputs(np.full(4, 64), 500, device)
    made = sketcher(model, DEFAULT)
    counted = {}
    for name, work in {
        "sketch": lambda: sketch(made, batch),
        "step": lambda: step(model, batch),
    }.items():
        work()
        with Calls() as counter:
            work()
        counted[f"operator_calls_of_a_{name}"] = float(counter.count)
    return counted


def parity(device: torch.device) -> dict[str, float]:
    """Compare sketches and scores of a small model with those of the CPU, in fp32."""
    made = []
    for place in (torch.device("cpu"), device):
        model = classifier(3, 128, 1_000, place)
        lengths = np.random.default_rng(1).integers(4, 40, 64)
        tokens, labels = inputs(lengths, 1_000, place)

        def losses(rows: list[int], model=model, tokens=tokens, labels=labels) -> Tensor:
            taken = {name: values[rows] for name, values in tokens.items()}
            return cross_entropy(model(**taken), labels[rows], reduction="none")

        ids = [str(row) for row in range(len(lengths))]
        made.append(
            sketch_examples(
                model, losses, ids, lengths.tolist(), DEFAULT, epoch=1, precision="float32"
            )
        )
    (here, there), groups = made, np.zeros(64, int)
    own, other = (one.units(0, 64) * one.norms[:, None] for one in (here, there))
    scores = [trace([one], [one], groups, 64)[0].positive.score for one in (here, there)]
    return {
        "sketch_against_cpu": float(np.linalg.norm(own - other) / np.linalg.norm(own)),
        "scores_against_cpu": float(np.abs(scores[0] - scores[1]).max()),
    }


def main() -> None:
    """Run all measurements, print the table, write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not torch.cuda.is_available() and not arguments.tiny:
        parser.error("no GPU here; --tiny shows on a CPU that everything runs")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shapes, vocabulary = (TINY, 500) if arguments.tiny else (SHAPES, 250_002)
    passes = (40, 80) if arguments.tiny else (20_000, 100_000)
    measured: dict[str, float] = {}
    ratio, speed, same = batch_speed(shapes["base"], vocabulary, "bf16", device)
    measured |= {"base_bf16_over_step": ratio, "base_bf16_tokens_per_second": speed}
    measured["same_bits_twice"] = float(same)
    measured["base_tf32_over_step"], *_ = batch_speed(shapes["base"], vocabulary, "tf32", device)
    measured["large_bf16_over_step"], *_ = batch_speed(shapes["large"], vocabulary, "bf16", device)
    for name, examples in zip((20_000, 100_000), passes, strict=True):
        whole = pass_speed(examples, shapes["base"], vocabulary, device)
        measured[f"pass_of_{name}_over_batch_speed"] = whole / speed
    measured |= calls(device, 2 if arguments.tiny else 12) | parity(device)
    if device.type == "cuda":
        measured["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
    for name, target in TARGETS.items():
        value = f"{measured[name]:,.4g}" if name in measured else "not measured"
        print(f"{name:<36} {value:>12}   {target}")
    about = {"machine": machine(), "torch": torch.__version__, "tiny": arguments.tiny}
    if arguments.json:
        arguments.json.write_text(json.dumps(about | measured, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
