"""Speed of the sketch pass and of scoring, as ratios of runs side by side in one process.

    python -m benchmarks.sketch --json FILE

One thread, CPU time on a CPU and wall time on a GPU, variants interleaved, medians of pairs.
"Step" is one plain fp32 training step on the same batch: forward, full backward, no optimiser.
"""

import argparse
import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import XLMRobertaConfig, XLMRobertaModel

from xling.attribution import trace
from xling.models.classifier import Classifier
from xling.pipeline.provenance import machine
from xling.sketch import GradientSketcher, Projection, Sketches, SketchMetadata
from xling.sketch.cost import CPU_TOKENS
from xling.sketch.examples import batches

DEFAULT = Projection(side=16, stack=4)
PAPER = Projection(side=16)
PAD = 1
TARGETS = {
    "same_batch_fp32_over_step": "≤ 0.62",
    "same_batch_paper_fp32_over_step": "≤ 0.62",
    "same_batch_unpadded_fp32_over_step": "",
    "same_batch_over_activation_pass": "≤ 1.00",
    "same_batch_unpadded_over_activation_pass": "",
    "same_batch_bf16_over_step": "≤ 0.30",
    "dataset_fp32_over_epoch": "≤ 0.32",
    "dataset_paper_fp32_over_epoch": "≤ 0.32",
    "dataset_bf16_over_epoch": "≤ 0.18",
    "speedup_over_best_peer": "≥ 1.35",
    "gates_over_sketch": "≤ 1.01",
    "scoring_over_matmul_peak": "≥ 0.85",
    "scoring_int8_over_matmul_peak": "≥ 2.0",
}

Measured = dict[str, list[float] | str]
"""Name → one ratio per repetition, or the reason why there is none."""


def classifier(layers: int, hidden: int, vocabulary: int, device: torch.device) -> Classifier:
    """Return an encoder of XLM-R's architecture with a head of two classes."""
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        intermediate_size=4 * hidden,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=PAD,
        attn_implementation="sdpa",
    )
    return Classifier(XLMRobertaModel(config, add_pooling_layer=False), classes=2).eval().to(device)


def inputs(lengths: np.ndarray, vocabulary: int, device: torch.device) -> tuple[dict, Tensor]:
    """Return a padded batch of random tokens, and labels."""
    rng = np.random.default_rng(0)
    ids = np.full((len(lengths), int(lengths.max())), PAD)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(4, vocabulary, length)
    tokens = torch.tensor(ids, device=device)
    labels = torch.tensor(rng.integers(0, 2, len(lengths)), device=device)
    return {"input_ids": tokens, "attention_mask": (tokens != PAD).long()}, labels


def step(model: Classifier, batch: tuple[dict, Tensor]) -> None:
    """Take a training step without the optimiser."""
    for parameter in model.parameters():
        parameter.grad = None
    cross_entropy(model(**batch[0]), batch[1]).backward()


def activation_pass(model: Classifier, batch: tuple[dict, Tensor]) -> None:
    """Run forward, and backward for the gradients of activations only."""
    for parameter in model.parameters():
        parameter.requires_grad = False
    handle = model.encoder.embeddings.register_forward_hook(
        lambda module, args, output: output.requires_grad_()
    )
    cross_entropy(model(**batch[0]), batch[1]).backward()
    handle.remove()
    for parameter in model.parameters():
        parameter.requires_grad = True


def sketcher(model: Classifier, projection: Projection) -> GradientSketcher:
    """Return a sketcher that has sketched an example alone, as at the start of every pass."""
    new = GradientSketcher(model, projection, epoch=1)
    sketch(new, inputs(np.full(1, 8), 100, new.device))
    return new


def sketch(sketcher: GradientSketcher, batch: tuple[dict, Tensor], half: bool = False) -> None:
    """Sketch a batch."""
    sketch_all(sketcher, [batch], half)


def sketch_all(
    sketcher: GradientSketcher, several: list[tuple[dict, Tensor]], half: bool = False
) -> None:
    """Sketch batches one after another."""
    model = sketcher.model
    with sketcher, torch.autocast(sketcher.device.type, torch.bfloat16, enabled=half):
        for inputs, labels in several:
            sketcher(
                lambda inputs=inputs, labels=labels: cross_entropy(
                    model(**inputs), labels, reduction="none"
                ),
                len(labels),
            )


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Return seconds: CPU time of this process on a CPU, wall time on a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.process_time()
    work()
    return time.process_time() - start


def interleaved(
    works: dict[str, Callable[[], object]], repetitions: int, device: torch.device
) -> dict[str, list[float]]:
    """Time the works in turn, several times, after one turn to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for repetition in range(repetitions + 1):
        for name, work in works.items():
            took = timed(work, device)
            if repetition:
                seconds[name].append(took)
    return seconds


def ratios(above: list[float], below: list[float]) -> list[float]:
    """Divide the times of each repetition."""
    return [a / b for a, b in zip(above, below, strict=True)]


def has_bf16(device: torch.device) -> bool:
    """Tell whether the processor computes in bf16; otherwise it is emulated, many times slower."""
    return device.type == "cuda" or "bf16" in Path("/proc/cpuinfo").read_text()


NO_BF16 = "not measured: this processor has no bf16 arithmetic"


def same_batch(device: torch.device, repetitions: int) -> Measured:
    """Compare on one batch of XLM-R base shape: 16 examples of up to 55 tokens."""
    vocabulary = 250_002
    model = classifier(12, 768, vocabulary, device)
    lengths = np.clip(np.random.default_rng(0).lognormal(3.4, 0.4, 16).astype(int), 8, 55)
    lengths[0] = 55
    batch = inputs(lengths, vocabulary, device)
    full = inputs(np.full(16, 40), vocabulary, device)
    default, paper = sketcher(model, DEFAULT), sketcher(model, PAPER)
    heads = {
        f"encoder.encoder.layer.{layer}.attention.output.dense.weight": 12 for layer in range(12)
    }
    gated = GradientSketcher(model, DEFAULT, epoch=1, heads=heads)
    # They share the matrices, which need not be in memory twice.
    gated._maps, gated._cast = default._maps, default._cast
    gated._first_only = default._first_only
    works: dict[str, Callable[[], object]] = {
        "step": lambda: step(model, batch),
        "activation": lambda: activation_pass(model, batch),
        "default": lambda: sketch(default, batch),
        "gated": lambda: sketch(gated, batch),
        "paper": lambda: sketch(paper, batch),
        "full step": lambda: step(model, full),
        "full activation": lambda: activation_pass(model, full),
        "full default": lambda: sketch(default, full),
    }
    if has_bf16(device):
        works["half"] = lambda: sketch(default, batch, half=True)
    seconds = interleaved(works, repetitions, device)
    return {
        "same_batch_fp32_over_step": ratios(seconds["default"], seconds["step"]),
        "same_batch_paper_fp32_over_step": ratios(seconds["paper"], seconds["step"]),
        "same_batch_unpadded_fp32_over_step": ratios(seconds["full default"], seconds["full step"]),
        "same_batch_over_activation_pass": ratios(seconds["default"], seconds["activation"]),
        "same_batch_unpadded_over_activation_pass": ratios(
            seconds["full default"], seconds["full activation"]
        ),
        "same_batch_bf16_over_step": ratios(seconds["half"], seconds["step"])
        if "half" in seconds
        else NO_BF16,
        "gates_over_sketch": ratios(seconds["gated"], seconds["default"]),
    }


def dataset(device: torch.device, repetitions: int) -> Measured:
    """Compare a pass over 512 examples of up to 64 tokens with an epoch of random batches."""
    vocabulary = 8_000
    model = classifier(4, 256, vocabulary, device)
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(3.0, 0.5, 512).astype(int), 4, 64)
    order = rng.permutation(512)
    epoch = [inputs(lengths[order[at : at + 32]], vocabulary, device) for at in range(0, 512, 32)]
    sorted_batches = [
        inputs(lengths[group], vocabulary, device)
        for group in batches(lengths.tolist(), CPU_TOKENS)
    ]
    default, paper = sketcher(model, DEFAULT), sketcher(model, PAPER)

    works: dict[str, Callable[[], object]] = {
        "epoch": lambda: [step(model, batch) for batch in epoch],
        "fp32": lambda: sketch_all(default, sorted_batches),
        "paper": lambda: sketch_all(paper, sorted_batches),
    }
    if has_bf16(device):
        works["bf16"] = lambda: sketch_all(default, sorted_batches, half=True)
    seconds = interleaved(works, repetitions, device)
    return {
        "dataset_fp32_over_epoch": ratios(seconds["fp32"], seconds["epoch"]),
        "dataset_paper_fp32_over_epoch": ratios(seconds["paper"], seconds["epoch"]),
        "dataset_bf16_over_epoch": ratios(seconds["bf16"], seconds["epoch"])
        if "bf16" in seconds
        else NO_BF16,
    }


def peers(python: str | None) -> Measured:
    """Compare with the fastest peer of another environment (`benchmarks.peers`)."""
    name = "speedup_over_best_peer"
    if not python:
        return {name: "not installed: give --peers PYTHON of an environment that has them"}
    command = [python, "-m", "benchmarks.peers"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {name: f"not measured: {done.stderr.strip().splitlines()[-1]}"}
    output = json.loads(done.stdout.splitlines()[-1])
    for peer, times in output["ratios"].items():
        print(f"{peer}: {median(times):.2f} times the time of xling")
    return {name: output["ratios"].get(output["best"], "not installed")}


def scoring(
    repetitions: int, train: int = 10_000, test: int = 2_500, wide: int = 4_096
) -> Measured:
    """Compare scoring, both ends kept, with the machine's best matrix product of tiles."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((train, wide), np.float32)
    tests = Sketches.of(rng.standard_normal((test, wide), np.float32), _ids(test), {})
    groups = np.arange(train) % 5
    tile, other = rows[:2048], rng.standard_normal((256, wide), np.float32)

    def peak() -> None:
        for _ in range(20):
            other @ tile.T

    with tempfile.TemporaryDirectory() as folder:
        stored = {
            precision: _stored(rows, precision, Path(folder) / precision)
            for precision in ("float16", "int8")
        }
        works: dict[str, Callable[[], object]] = {"peak": peak}
        for precision, left in stored.items():
            works[precision] = lambda left=left: trace([left], [tests], groups, 100)
        seconds = interleaved(works, repetitions, torch.device("cpu"))
    flops = 2 * wide * train * test
    best = [20 * 2 * wide * 2048 * 256 / took for took in seconds["peak"]]
    return {
        "scoring_over_matmul_peak": [
            flops / took / top for took, top in zip(seconds["float16"], best, strict=True)
        ],
        "scoring_int8_over_matmul_peak": [
            flops / took / top for took, top in zip(seconds["int8"], best, strict=True)
        ],
    }


def _stored(rows: np.ndarray, precision: str, folder: Path) -> Sketches:
    metadata = SketchMetadata(_ids(len(rows)), {}, rows.shape[1], {}, [], precision)
    sketches = Sketches.empty(metadata, folder)
    for block in metadata.blocks():
        sketches.write(block, rows[metadata.span(block)], {}, {})
    return Sketches.read(folder)


def _ids(count: int) -> list[str]:
    return [str(index) for index in range(count)]


def throughput(device: torch.device) -> dict[str, float]:
    """Measure tokens per second on a GPU, XLM-R base shape, bf16."""
    model = classifier(12, 768, 250_002, device)
    default = sketcher(model, DEFAULT)
    batch = inputs(np.full(512, 64), 250_002, device)
    seconds = interleaved({"half": lambda: sketch(default, batch, half=True)}, 5, device)
    return {"tokens_per_second_bf16": 512 * 64 / median(seconds["half"])}


def main() -> None:
    """Run all measurements, print the table, write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sketch", description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the medians and ranges")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--peers", help="python of an environment with bergson and captum")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    measured = {
        **same_batch(device, arguments.repetitions),
        **dataset(device, arguments.repetitions),
        **peers(arguments.peers),
        **scoring(arguments.repetitions),
    }
    print(f"{'measure':<44} median   range            to reach")
    results: dict[str, object] = {}
    for name, target in TARGETS.items():
        values = measured[name]
        if isinstance(values, str):
            results[name] = values
            print(f"{name:<44} {values}")
            continue
        results[name] = {"median": median(values), "range": [min(values), max(values)]}
        print(
            f"{name:<44} {median(values):6.3f}   {min(values):.3f} – {max(values):.3f}    {target}"
        )
    if device.type == "cuda":
        results |= throughput(device)
        print(f"{results['tokens_per_second_bf16']:,.0f} tokens per second, XLM-R base shape, bf16")
    about = {"machine": machine(), "torch": torch.__version__, "python": platform.python_version()}
    if arguments.json:
        arguments.json.write_text(json.dumps({**about, **results}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
