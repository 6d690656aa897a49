"""Scoring at size: a million training examples from disk, in bounded memory.

    python -m benchmarks.million FOLDER --method tracin --json FILE

By any method that is a file of `xling/attribution`. FOLDER takes about two gigabytes of generated
sketches, or what methods without a model keep of generated texts; both are kept for the next time.
"""

import argparse
import re
import threading
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import show
from xling.attribution import Method, named, trace
from xling.pipeline.provenance import machine
from xling.sketch import Sketches, SketchMetadata, Source


def generated(folder: Path, examples: int, dimensions: int, seed: int) -> Sketches:
    """Make sketches of random numbers, unless an earlier call made them."""
    ids = [f"{seed}-{index:07d}" for index in range(examples)]
    metadata = SketchMetadata(ids, {}, dimensions, {}, [], "float16", block_rows=8192)
    if not (folder / "finished").exists():
        sketches = Sketches.empty(metadata, folder)
        for block in sketches.missing():
            span = metadata.span(block)
            rng = np.random.default_rng([seed, block])
            sketches.write(
                block, rng.standard_normal((span.stop - span.start, dimensions), "f4"), {}, {}
            )
        (folder / "finished").touch()
    return Sketches.read(folder)


WITHOUT_MODEL = ("bm25", "same_language", "same_label", "count", "random")
"""Methods that keep words or tokens of the examples in the place of sketches."""


def texts(folder: Path, method: Method, examples: int, seed: int) -> Sketches:
    """Keep generated texts of 30 tokens, in five languages, unless an earlier call did."""
    rng = np.random.default_rng(seed)
    tokens = np.minimum(rng.zipf(1.3, (examples, 30)), 250_000)
    source = Source(
        lambda group: torch.zeros(len(group)),
        [f"{seed}-{index:07d}" for index in range(examples)],
        np.full(examples, 30).tolist(),
        languages=[f"l{index % 5}" for index in range(examples)],
        labels=[str(index % 3) for index in range(examples)],
        tokens=lambda group: tokens[group].tolist(),
    )
    return method.represent(torch.nn.Linear(1, 1), source, 1, folder=folder, block_rows=8192)


class PeakMemory(threading.Thread):
    """Samples this process's peak memory, without and with the mapped pages of files it reads."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = self.mapped = 0

    def run(self) -> None:
        """Sample ten times a second."""
        while True:
            status = Path("/proc/self/status").read_text()
            own, files = (
                int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024
                for name in ("RssAnon", "RssFile")
            )
            self.own, self.mapped = max(self.own, own), max(self.mapped, own + files)
            time.sleep(0.1)


def main() -> None:
    """Score, and print time and memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", default="tracin")
    parser.add_argument("--train", type=int, default=1_000_000)
    parser.add_argument("--test", type=int, default=2_500)
    parser.add_argument("--dimensions", type=int, default=1_024)
    parser.add_argument("--memory-gb", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    name, sizes = arguments.method, (arguments.train, arguments.test)
    method = named(name, memory_gb=arguments.memory_gb)
    sides = [arguments.folder / side for side in ("train", "test")]
    if name in WITHOUT_MODEL:
        sides = [side.with_name(f"{side.name}-{name}") for side in sides]
        train, test = (texts(sides[n], method, sizes[n], n) for n in (0, 1))
    else:
        train, test = (generated(sides[n], sizes[n], arguments.dimensions, n) for n in (0, 1))
    memory = PeakMemory()
    memory.start()
    time.sleep(0.3)
    before = memory.own
    clock, cpu = time.perf_counter(), time.process_time()
    groups = np.arange(arguments.train) % 5
    trace([train], [test], groups, 100, method=method, memory_gb=arguments.memory_gb)
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    results = {
        "machine": machine(),
        "method": name,
        "train": arguments.train,
        "test": arguments.test,
        "dimensions": train.metadata.dimensions,
        "memory_gb_bound": arguments.memory_gb,
        "memory_gb_scoring": (memory.own - before) / 1e9,
        "memory_gb_process": memory.own / 1e9,
        "memory_gb_with_mapped_files": memory.mapped / 1e9,
        "seconds": clock,
        "cpu_seconds": cpu,
        "gflop_per_cpu_second": 2e-9
        * arguments.train
        * arguments.test
        * train.metadata.dimensions
        / cpu,
    }
    show(results, arguments.json)


if __name__ == "__main__":
    main()
