"""Banks of fine-tunings: each on a part of the training data, of which only test losses stay.

What data does is measured by fine-tuning without it, many times. So a fine-tuning here writes no
checkpoint, no state to go on from and no sketch, stops after a given number of epochs, and shares
the padded examples with the others; its weights are those of `fine_tune`, bit for bit.
"""

import copy
import dataclasses
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import datasets
import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from xling.config import Config
from xling.errors import UserError
from xling.models.classifier import Classifier
from xling.tasks import kind_of
from xling.training.batches import Collator, EpochBatches
from xling.training.fit import quiet
from xling.training.modules import adamw, seed_step

Batch = dict[str, dict[str, Tensor] | Tensor]


@dataclasses.dataclass(frozen=True)
class Part:
    """What one fine-tuning of a bank trains on.

    Attributes:
        rows: of the training examples.
        seed: of their order and of dropout.
    """

    rows: tuple[int, ...]
    seed: int


@dataclasses.dataclass(frozen=True)
class Bank:
    """What all fine-tunings of a bank share.

    Attributes:
        config: task, learning rate, batch size, device and precision.
        model: at its start; each fine-tuning takes a copy.
        encoded: with splits train and test.
        collate: makes batches of them.
        epochs: of each fine-tuning.
    """

    config: Config
    model: Classifier
    encoded: datasets.DatasetDict
    collate: Collator
    epochs: int

    def test_losses(
        self,
        parts: Sequence[Part],
        folder: Path,
        processes: int = 1,
        progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    ) -> np.ndarray:
        """Fine-tune on each part, as far as that is not done yet.

        Args:
            folder: takes a file of losses per part, by which a stopped bank goes on.
            processes: how many fine-tune at once.
            progress: wraps the numbers of the parts as they are done.

        Returns:
            (parts, test) the loss of each test example.

        Raises:
            UserError: a loss that is not finite.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{number:04d}.npy" for number in range(len(parts))]
        missing = [number for number, file in enumerate(files) if not file.exists()]
        done = self._losses([parts[number] for number in missing], processes)
        for number in progress(missing):
            losses = next(done)
            if not np.isfinite(losses).all():
                raise UserError(
                    f"Fine-tuning {number + 1} of {len(parts)} ends in a loss that is not finite. "
                    f"Lower tuning.learning_rate (now {self.config.learning_rate:g})."
                )
            partial = files[number].with_suffix(".part")
            with partial.open("wb") as file:
                np.save(file, losses)
            partial.replace(files[number])
        return np.stack([np.load(file) for file in files])

    def _losses(self, parts: Sequence[Part], processes: int) -> Iterator[np.ndarray]:
        """Yield the test losses of each part, in order."""
        if processes == 1 or len(parts) < 2:
            worker = Worker(self)
            yield from map(worker, parts)
            return
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, spawn, _begin, (self,)) as pool:
            try:
                yield from pool.map(_work, parts)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


class Worker:
    """Fine-tunes on one part after another, with examples that are padded once."""

    def __init__(self, bank: Bank) -> None:
        config = bank.config
        if config.trainer.threads:
            torch.set_num_threads(config.trainer.threads)
        with quiet():
            self.fabric = Fabric(
                accelerator=config.trainer.accelerator,
                devices=1,
                precision=config.trainer.precision,
            )
        self.bank, self.kind = bank, kind_of(config.task)
        device = self.fabric.device
        self.train = padded(bank.encoded["train"], bank.collate, device)
        self.test = padded(bank.encoded["test"], bank.collate, device)

    def __call__(self, part: Part) -> np.ndarray:
        """Return the test losses of the model that is fine-tuned on a part, (test,)."""
        model = self.tuned(part).eval()
        size, count = 2 * self.bank.config.tuning.batch_size, len(self.bank.encoded["test"])
        losses = []
        with torch.inference_mode():
            for start in range(0, count, size):
                batch = self.test(range(start, min(start + size, count)))
                losses.append(self.kind.losses(model(**batch["inputs"]), batch["labels"]).float())
        return torch.cat(losses).cpu().numpy()

    def tuned(self, part: Part) -> torch.nn.Module:
        """Return the model after the last epoch on a part."""
        config, examples = self.bank.config, len(self.bank.encoded["train"])
        without = frozenset(range(examples)).difference(part.rows)
        order = EpochBatches(examples, config.tuning.batch_size, part.seed, without=without)
        model = copy.deepcopy(self.bank.model).train()
        optimizer = adamw(model.parameters(), config.learning_rate, config.tuning.weight_decay)
        model, optimizer = self.fabric.setup(model, optimizer)
        for epoch in range(self.bank.epochs):
            order.set_epoch(epoch)
            for step, rows in enumerate(order):
                seed_step(part.seed, epoch, step)
                batch = self.train(rows)
                losses = self.kind.losses(model(**batch["inputs"]), batch["labels"])
                optimizer.zero_grad()
                self.fabric.backward(losses.sum() * (1 / len(losses)))
                optimizer.step()
        return model


def padded(
    encoded: datasets.Dataset, collate: Collator, device: torch.device
) -> Callable[[Sequence[int]], Batch]:
    """Pad examples once; return what takes a batch of them, the same as `collate` makes it."""
    whole = collate(list(encoded))
    inputs = {name: values.to(device) for name, values in whole["inputs"].items()}
    labels = whole["labels"].to(device)
    width = inputs["input_ids"].shape[1]
    lengths = whole["inputs"]["attention_mask"].sum(1)

    def batch(rows: Sequence[int]) -> Batch:
        chosen = torch.as_tensor(rows)
        longest = collate.length or int(lengths[chosen].max())
        on_device = chosen.to(device)
        taken = {name: values[on_device] for name, values in inputs.items()}
        cut = {
            name: values[:, :longest] if values.ndim > 1 and values.shape[1] == width else values
            for name, values in taken.items()
        }
        return {"inputs": cut, "labels": labels[on_device]}

    return batch


_worker: Worker | None = None
"""Of a process of a bank."""


def _begin(bank: Bank) -> None:
    global _worker
    _worker = Worker(bank)


def _work(part: Part) -> np.ndarray:
    assert _worker is not None
    return _worker(part)
