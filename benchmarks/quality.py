"""Quality of sketch designs: their cosines against those of exact gradients, on a real model.

    python -m benchmarks.quality WEIGHTS --json FILE [overrides of the run that made WEIGHTS]

WEIGHTS is a checkpoint of a run (`…/checkpoints/epoch-NN.safetensors`). Exact gradients are too
large to keep: they are computed in small batches, and only their inner products are kept.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import datasets
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors.torch import load_model
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import cross_entropy

from xling.cli.compose import conf_folder
from xling.config import checked
from xling.models.classifier import Classifier
from xling.pipeline.inputs import RunInputs, prepare
from xling.sketch import GradientSketcher, Projection, sketch_examples
from xling.sketch.examples import batches
from xling.training.batches import Collator

DESIGNS = {
    "paper: 16 × 16": Projection(16),
    "16 of 4 × 4": Projection(4, stack=16),
    "32 × 32": Projection(32),
    "default: 4 of 16 × 16": Projection(16, stack=4),
    "64 of 4 × 4": Projection(4, stack=64),
    "64 × 64": Projection(64),
    "16 of 16 × 16": Projection(16, stack=16),
    "paper, concatenated": Projection(16, combine="concat"),
}
TOP = 100


def losses(
    model: Classifier, encoded: datasets.Dataset, collate: Collator, rows: list[int]
) -> Tensor:
    """Run the model on some examples."""
    batch = collate([encoded[index] for index in rows])
    return cross_entropy(model(**batch["inputs"]), batch["labels"], reduction="none")


def exact(
    model: Classifier, encoded: datasets.Dataset, collate: Collator, batch_tokens: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield batches of exact gradients at norm one, with their rows."""
    with GradientSketcher(model, Projection(method="exact"), epoch=1) as sketcher:
        for group in batches(encoded["length"], batch_tokens):
            gradients = sketcher(
                lambda group=group: losses(model, encoded, collate, group), len(group)
            ).rows
            yield group, torch.nn.functional.normalize(gradients).numpy()


def exact_cosines(
    model: Classifier, train: datasets.Dataset, test: datasets.Dataset, collate: Collator
) -> np.ndarray:
    """Return the cosines of exact gradients, (test, train)."""
    size = sum(parameter.numel() for parameter in model.parameters())
    tests = np.empty((len(test), size), np.float32)
    for group, rows in exact(model, test, collate, 256):
        tests[group] = rows
    cosines = np.empty((len(test), len(train)), np.float32)
    for group, rows in exact(model, train, collate, 512):
        cosines[:, group] = tests @ rows.T
    return cosines


def sketched_cosines(
    inputs: RunInputs, train: datasets.Dataset, test: datasets.Dataset, projection: Projection
) -> tuple[np.ndarray, int, float]:
    """Return the sketches' cosines, bytes per example, and seconds of CPU for the training set."""
    sketches = []
    seconds = 0.0
    for encoded in (test, train):
        start = time.process_time()
        sketches.append(
            sketch_examples(
                inputs.classifier,
                lambda rows, encoded=encoded: losses(
                    inputs.classifier, encoded, inputs.collate, rows
                ),
                encoded["id"],
                encoded["length"],
                projection,
                epoch=1,
            )
        )
        seconds = time.process_time() - start
    tests, trains = (rows.units(0, len(rows)) for rows in sketches)
    return tests @ trains.T, 2 * trains.shape[1] + 8, seconds


def compare(cosines: np.ndarray, truth: np.ndarray, languages: np.ndarray) -> dict[str, float]:
    """Compare (test, train) cosines with the exact ones."""
    pearson = [np.corrcoef(a, b)[0, 1] for a, b in zip(cosines, truth, strict=True)]
    ranks = [spearmanr(a, b).statistic for a, b in zip(cosines, truth, strict=True)]
    tops = [np.argsort(-rows, axis=1, kind="stable")[:, :TOP] for rows in (cosines, truth)]
    overlap = [len(np.intersect1d(a, b)) / TOP for a, b in zip(*tops, strict=True)]
    shares = [
        np.stack([(languages[top] == language).mean(1) for language in np.unique(languages)])
        for top in tops
    ]
    return {
        "pearson": float(np.mean(pearson)),
        "spearman": float(np.mean(ranks)),
        "top100_overlap": float(np.mean(overlap)),
        "share_error_points": float(100 * np.abs(shares[0] - shares[1]).mean()),
        "mean_share_error_points": float(
            100 * np.abs(shares[0].mean(1) - shares[1].mean(1)).mean()
        ),
    }


def drawn(encoded: datasets.Dataset, count: int) -> datasets.Dataset:
    """Draw examples at random."""
    order = np.random.default_rng(0).permutation(len(encoded))[:count]
    return encoded.select(np.sort(order))


def main() -> None:
    """Measure all designs, print the table, write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("overrides", nargs="*", help="of the run, as in task=sib200 data=files")
    parser.add_argument("--train", type=int, default=700, help="training examples")
    parser.add_argument("--test", type=int, default=21, help="test examples")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        composed = compose("config", overrides=arguments.overrides)
    config = checked(OmegaConf.to_container(composed, resolve=True))
    inputs = prepare(config)
    load_model(inputs.classifier, str(arguments.weights))
    train = drawn(inputs.encoded["train"], arguments.train)
    test = drawn(inputs.encoded["test"], arguments.test)
    truth = exact_cosines(inputs.classifier, train, test, inputs.collate)
    languages = np.array(train["language"])
    print(f"{len(train)} training and {len(test)} test examples of {', '.join(config.languages)}")
    print(
        f"{'design':<24} {'d':>6}  Pearson  Spearman  top-100  share error, points  "
        "bytes/example  CPU s"
    )
    rows = {}
    for name, projection in DESIGNS.items():
        cosines, size, seconds = sketched_cosines(inputs, train, test, projection)
        row = compare(cosines, truth, languages)
        rows[name] = {**row, "dimensions": (size - 8) // 2, "bytes": size, "seconds": seconds}
        print(
            f"{name:<24} {(size - 8) // 2:>6}  {row['pearson']:.4f}   {row['spearman']:.4f}    "
            f"{row['top100_overlap']:.3f}    {row['share_error_points']:.2f} each, "
            f"{row['mean_share_error_points']:.2f} mean    {size:>6}        {seconds:.1f}",
            flush=True,
        )
    if arguments.json:
        default = rows["default: 4 of 16 × 16"]["pearson"]
        values = {"pearson_d1024": default, "designs": rows}
        arguments.json.write_text(json.dumps(values, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
