"""How costs grow: seconds against examples, dimensions, epochs and languages, each as a curve.

    python -m benchmarks.growth FOLDER --json FILE

One thread, CPU time, the best of three. FOLDER keeps 1 GB of generated sketches for the next time.
Each curve ends with its exponent: the slope of log seconds over log size between the last two
sizes, so that 1 is linear. `--runs` adds whole runs on 2 to 100 languages.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks.million import generated
from benchmarks.sketch import classifier, inputs
from xling.analysis.example_metadata import Examples
from xling.analysis.shares import shares
from xling.attribution import Ranking, Traces, trace
from xling.pipeline.provenance import machine
from xling.sketch import Projection, sketch_examples

Curve = dict[int, float]
"""Size → seconds."""


def best(work: Callable[[], object], repetitions: int = 3) -> float:
    """Return the least CPU time of several calls, in seconds."""
    took = []
    for _ in range(repetitions):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return min(took)


def scoring(
    folder: Path, train: int = 20_000, test: int = 500, dimensions: int = 256, epochs: int = 1
) -> float:
    """Return the seconds of scoring, the 100 most influential of both signs kept."""
    stored = [
        [generated(folder / f"{name}-{count}-{dimensions}", count, dimensions, seed)] * epochs
        for seed, (name, count) in enumerate((("train", train), ("test", test)))
    ]
    return best(lambda: trace(*stored, np.arange(train) % 5, 100))


def sketching(examples: int, dimensions: int = 1_024) -> float:
    """Return the seconds of a sketch pass of a small model over texts of up to 64 tokens."""
    model = classifier(2, 128, 2_000, torch.device("cpu"))
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(3.0, 0.5, examples).astype(int), 4, 64)
    tokens, labels = inputs(lengths, 2_000, torch.device("cpu"))

    def losses(rows: list[int]) -> torch.Tensor:
        longest = int(lengths[rows].max())
        batch = {name: values[rows, :longest] for name, values in tokens.items()}
        return cross_entropy(model(**batch), labels[rows], reduction="none")

    ids, side = [str(index) for index in range(examples)], math.isqrt(dimensions)
    projection = Projection(side=side)
    return best(lambda: sketch_examples(model, losses, ids, lengths.tolist(), projection, epoch=1))


def tables(languages: int, per_language: int = 10, k: int = 100) -> float:
    """Return the seconds of the table of shares with its intervals, over five epochs."""
    names = tuple(f"language {index}" for index in range(languages))
    rng = np.random.default_rng(0)
    train, test = (
        Examples(
            tuple(str(index) for index in range(languages * count)),
            names,
            np.repeat(np.arange(languages), count),
            rng.integers(0, 2, languages * count),
            parallel=None,
        )
        for count in (100, per_language)
    )
    index = rng.integers(0, len(train.ids), (len(test.ids), k))
    ranking = Ranking(index, -np.sort(-rng.standard_normal(index.shape)))
    means = np.zeros((len(test.ids), languages))
    return best(lambda: shares([Traces(ranking, ranking, means)] * 5, train, test), 1)


def whole_run(folder: Path, languages: int) -> dict[str, float]:
    """Run the program on generated files of several languages; return seconds by stage, and MB."""
    data = folder / f"languages-{languages}"
    codes = [f"q{a}{b}" for a in "abcdefghijklmnopqrst" for b in "abcde"][:languages]
    (data / "mine/task").mkdir(parents=True, exist_ok=True)
    (data / "mine/task/words.yaml").write_text(
        f"name: words\nlanguages: [{', '.join(codes)}]\nparallel: false\n"
        "columns: {id: id, text: text, text_pair: null, label: label}\nheaderless: null\n"
        "labels: {good: [good], bad: [bad]}\nignore_labels: []\nlearning_rate: 5e-4\nhub: null\n"
    )
    rng = np.random.default_rng(0)
    for code in codes:
        for split, count in (("train", 60), ("dev", 20), ("test", 30)):
            lines = ["id\ttext\tlabel"]
            for row in range(count):
                label = ("good", "bad")[row % 2]
                words = [f"{code}{word}" for word in rng.integers(0, 40, 6)]
                lines.append(f"{row}\t{' '.join([*words, f'{code}{label}'])}\t{label}")
            (data / f"{split}.{code}.tsv").write_text("\n".join([*lines, ""]))
    command = [sys.executable, "-m", "xling", "--config-dir", "mine", "task=words", "data=files"]
    command += ["data.path=.", "trainer.threads=1", "tuning.epochs=3", "influence.top_k=50"]
    command += ["influence.test_per_language=20", "force=true"]
    subprocess.run(command, cwd=data, check=True, stdout=subprocess.DEVNULL)
    (record,) = data.glob("multirun/words/*/run.json")
    page = record.with_name("report.html").stat().st_size / 1e6
    return {**json.loads(record.read_text("utf-8"))["seconds"], "page_mb": page}


def exponent(curve: Curve) -> float:
    """Return the slope of log seconds over log size between the last two sizes."""
    (small, before), (large, after) = [*curve.items()][-2:]
    return math.log(after / before) / math.log(large / small)


def main() -> None:
    """Measure the curves, print and write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--runs", action="store_true", help="whole runs of 2 to 100 languages")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder: Path = arguments.folder
    measures: dict[str, tuple[Callable[[int], float], tuple[int, ...]]] = {
        "scoring, training examples": (
            lambda size: scoring(folder, train=size, test=100),
            (1_000, 10_000, 100_000, 1_000_000),
        ),
        "scoring, test examples": (
            lambda size: scoring(folder, test=size),
            (10, 100, 1_000, 5_000),
        ),
        "scoring, dimensions": (
            lambda size: scoring(folder, dimensions=size),
            (64, 256, 1_024, 4_096),
        ),
        "scoring, epochs": (lambda size: scoring(folder, epochs=size), (1, 2, 4, 8)),
        "sketching, examples": (sketching, (250, 1_000, 4_000, 16_000)),
        "sketching, dimensions": (lambda size: sketching(1_000, size), (64, 256, 1_024, 4_096)),
        "table of shares, languages": (tables, (2, 10, 30, 100)),
    }
    curves: dict[str, Curve] = {}
    for name, (measure, sizes) in measures.items():
        curves[name] = {size: measure(size) for size in sizes}
        points = " · ".join(f"{size:,}: {took:.3g} s" for size, took in curves[name].items())
        print(f"{name:<28} {points}   exponent {exponent(curves[name]):.2f}", flush=True)
    results: dict[str, object] = {
        "machine": machine(),
        "torch": torch.__version__,
        "curves": curves,
    }
    if arguments.runs:
        runs = {count: whole_run(folder, count) for count in (2, 10, 30, 100)}
        results["runs"] = runs
        for count, seconds in runs.items():
            stages = " · ".join(f"{stage} {value:.1f}" for stage, value in seconds.items())
            print(f"run of {count:>3} languages: {stages}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
