"""How long a bank of fine-tunings takes: mixtures of the sample's languages, losses kept.

    python -m benchmarks.bank --processes 2 --json FILE

The model, the texts and the four epochs are those of `python -m xling task=xnli`; each language's
fraction in a mixture is one of 0, ¼, ½, ¾ and 1. One thread per process, wall time.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import show
from xling.cli.compose import compose_config, register_resolvers, resolved
from xling.config import checked
from xling.pipeline.inputs import prepare
from xling.pipeline.provenance import machine
from xling.training.bank import Bank, Part

FRACTIONS = (0, 0.25, 0.5, 0.75, 1)


def mixtures(languages: list[str], count: int, seed: int) -> list[Part]:
    """Draw a fraction of each language, of its examples in one shuffled order."""
    rng = np.random.default_rng(seed)
    names = np.array(languages)
    orders = [rng.permutation(np.flatnonzero(names == name)) for name in dict.fromkeys(languages)]
    parts = []
    while len(parts) < count:
        fractions = rng.choice(FRACTIONS, len(orders))
        taken = [rows[: round(f * len(rows))] for f, rows in zip(fractions, orders, strict=True)]
        rows = sorted(np.concatenate(taken).tolist())
        if rows:
            parts.append(Part(tuple(rows), seed=len(parts)))
    return parts


def main() -> None:
    """Fill a bank, print and write how long it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bank", description=__doc__)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--accelerator", default="cpu")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    register_resolvers()
    switches = ("task=xnli", f"trainer.accelerator={arguments.accelerator}", "trainer.threads=1")
    config = checked(resolved(compose_config(switches)))
    inputs = prepare(config, say=lambda line: None)
    parts = mixtures(inputs.corpus["train"]["language"], arguments.count, config.seed)
    epochs = config.tuning.epochs
    bank = Bank(config, inputs.classifier, inputs.encoded, inputs.collate, epochs)
    steps = sum(epochs * -(-len(part.rows) // config.tuning.batch_size) for part in parts)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        bank.outcomes(parts, Path(folder), arguments.processes)
        seconds = time.perf_counter() - start
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    results = {
        "machine": machine(),
        "fine_tunings": len(parts),
        "processes": arguments.processes,
        "steps": steps,
        "seconds": seconds,
        "ms_per_step_and_process": 1000 * seconds * arguments.processes / steps,
        "bytes": size,
    }
    show(results, arguments.json)


if __name__ == "__main__":
    main()
