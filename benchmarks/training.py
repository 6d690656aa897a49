"""Where the time of fine-tuning a small model goes: matrix products, a plain loop, Lightning.

    python -m benchmarks.training --json FILE

One thread, CPU time, variants interleaved, medians. The model and the texts are those of
`python -m xling task=xnli`. A step of `fine_tune` includes collating, the optimiser, and its share
of the evaluation on the development set and of the files that an epoch leaves.
"""

import argparse
import copy
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.sketch import interleaved, ratios
from xling.cli.compose import compose_config, register_resolvers, resolved
from xling.config import Config, checked
from xling.pipeline.inputs import RunInputs, prepare
from xling.pipeline.provenance import machine
from xling.training.batches import EpochBatches
from xling.training.fit import fine_tune

SWITCHES = (
    "task=xnli",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "tuning.epochs=1",
    "tuning.patience=1",
    "data.train_per_language=400",
    "data.dev_per_language=40",
)
TARGETS = {"fine_tune_over_loop": "≤ 1.25", "loop_over_products": "≤ 2.00"}
SHOWN = 12  # operators of the profile


class Products(TorchDispatchMode):
    """Records factors of the shapes of every matrix product in a block; few, to stay in caches."""

    def __init__(self) -> None:
        super().__init__()
        self.factors: list[tuple[Tensor, Tensor]] = []
        self.shapes: dict[torch.Size, Tensor] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Record the last two tensors of a call that multiplies matrices."""
        if function._schema.name in ("aten::mm", "aten::addmm", "aten::bmm"):
            shapes = [value.shape for value in args if isinstance(value, Tensor)][-2:]
            left, right = (self.shapes.setdefault(size, torch.randn(size)) for size in shapes)
            self.factors.append((left, right))
        return function(*args, **(kwargs or {}))


def loop(config: Config, inputs: RunInputs, batches: Sequence[dict]) -> None:
    """Take a step of training per batch, as `FullFineTuning` does, and nothing else."""
    model = copy.deepcopy(inputs.classifier).train()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.tuning.weight_decay
    )
    for index, batch in enumerate(batches):
        key = [config.seed, 0, index, 0]
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
        loss = inputs.kind.losses(model(**batch["inputs"]), batch["labels"]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def tune(config: Config, inputs: RunInputs) -> None:
    """Fine-tune for an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        fine_tune(
            config,
            inputs.classifier,
            inputs.encoded,
            inputs.collate,
            Path(folder),
            (),
            lambda record: None,
        )


def profiled(config: Config, inputs: RunInputs, batches: Sequence[dict]) -> dict[str, float]:
    """Return each operator's share of the time of the plain loop."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        loop(config, inputs, batches)
    events = seen.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    largest = sorted(events, key=lambda event: -event.self_cpu_time_total)[:SHOWN]
    return {event.key: event.self_cpu_time_total / total for event in largest}


def main() -> None:
    """Measure, print the table, write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the medians and ranges")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    register_resolvers()
    config = checked(resolved(compose_config(SWITCHES)))
    inputs = prepare(config, say=lambda line: None)
    train = inputs.encoded["train"]
    order = EpochBatches(len(train), config.tuning.batch_size, config.seed)
    batches = [inputs.collate([train[index] for index in batch]) for batch in order]
    with Products() as products:
        loop(config, inputs, batches)
    cpu = torch.device("cpu")
    seconds = interleaved(
        {
            "products": lambda: [left @ right for left, right in products.factors],
            "loop": lambda: loop(config, inputs, batches),
            "fine_tune": lambda: tune(config, inputs),
        },
        arguments.repetitions,
        cpu,
    )
    measured = {
        "fine_tune_over_loop": ratios(seconds["fine_tune"], seconds["loop"]),
        "loop_over_products": ratios(seconds["loop"], seconds["products"]),
    }
    results: dict[str, Any] = {"machine": machine(), "torch": torch.__version__}
    for name, took in seconds.items():
        results[f"{name}_ms_per_step"] = 1000 * median(took) / len(batches)
        print(f"{name + ', ms per step':<24} {results[f'{name}_ms_per_step']:6.1f}")
    for name, values in measured.items():
        results[name] = {"median": median(values), "range": [min(values), max(values)]}
        span = f"{min(values):.3f} – {max(values):.3f}"
        print(f"{name:<24} {median(values):6.3f}   {span}    {TARGETS[name]}")
    results["profile"] = profiled(config, inputs, batches)
    print("Shares of the loop's time:")
    for name, share in results["profile"].items():
        print(f"  {share:6.1%}  {name}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
