"""Banks of fine-tunings: each on a part of the training data, of which only the tests' losses stay.

What data does is measured by fine-tuning without it, many times. So a fine-tuning here writes no
checkpoint, no state to go on from and no sketch, stops after a given number of epochs or steps, and
shares the padded examples with the others; its weights are those of `fine_tune`, bit for bit. A
file per fine-tuning is named by what it was trained on, so that several evaluations share them, and
is locked while it is made, so that several processes and machines fill one bank.
"""

import copy
import dataclasses
import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

import datasets
import numpy as np
import torch
from filelock import FileLock, Timeout
from lightning_fabric import Fabric
from torch import Tensor

from xling.config import Config, Trainer
from xling.errors import UserError
from xling.models.classifier import Classifier
from xling.sketch import Progress
from xling.tasks import kind_of
from xling.training.batches import Collator, EpochBatches
from xling.training.fit import quiet
from xling.training.modules import adamw, seed_step

Batch = dict[str, dict[str, Tensor] | Tensor]


LOOK_EVERY_SECONDS = 1.0
"""How often a process looks whether others have done what is left."""


@dataclasses.dataclass(frozen=True)
class Part:
    """What one fine-tuning of a bank trains on.

    Attributes:
        rows: of the training examples.
        seed: of their order and of dropout.
    """

    rows: tuple[int, ...]
    seed: int

    @property
    def name(self) -> str:
        """16 hexadecimal digits that tell it from others."""
        numbers = np.array([self.seed, *self.rows], np.int64)
        return hashlib.sha256(numbers.tobytes()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """What fine-tunings make of the test examples.

    Attributes:
        losses: (fine-tunings, test) of each test example, float32.
        correct: (fine-tunings, test) whether it is classified correctly.
    """

    losses: np.ndarray
    correct: np.ndarray

    def joined(self, more: "Outcomes") -> "Outcomes":
        """Return these, and after them what others make of the same test examples."""
        return Outcomes(
            np.concatenate([self.losses, more.losses]),
            np.concatenate([self.correct, more.correct]),
        )


@dataclasses.dataclass(frozen=True)
class Bank:
    """What all fine-tunings of a bank share.

    Attributes:
        config: task, learning rate, batch size, device and precision.
        model: at its start; each fine-tuning takes a copy.
        encoded: with splits train and test.
        collate: makes batches of them.
        epochs: of each fine-tuning.
        steps: after which each ends instead, however many epochs that takes; None: after `epochs`.
    """

    config: Config
    model: Classifier
    encoded: datasets.DatasetDict
    collate: Collator
    epochs: int
    steps: int | None = None

    def outcomes(
        self,
        parts: Sequence[Part],
        folder: Path,
        processes: int = 1,
        progress: Progress = lambda done, total: done,
    ) -> Outcomes:
        """Fine-tune on each part, as far as neither this nor another process has done it yet.

        Args:
            folder: takes a file per part, by which a stopped bank goes on.
            processes: how many fine-tune at once.
            progress: wraps the numbers of examples of each fine-tuning done, given their total.

        Raises:
            UserError: a loss that is not finite.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = {folder / f"{part.name}.npz": part for part in parts}
        missing = {file: part for file, part in files.items() if not file.exists()}
        examples = sum(len(part.rows) for part in missing.values())
        for _ in progress(self._fill(missing, processes), examples):
            pass
        arrays = [np.load(folder / f"{part.name}.npz") for part in parts]
        return Outcomes(
            np.stack([array["losses"] for array in arrays]),
            np.stack([array["correct"] for array in arrays]),
        )

    def _fill(self, files: dict[Path, Part], processes: int) -> Iterator[int]:
        """Make the files that are not there, the largest parts first; yield each one's examples."""
        left = dict(sorted(files.items(), key=lambda item: -len(item[1].rows)))
        running: dict[Future[Outcomes], tuple[Path, FileLock]] = {}
        with _workers(self, processes) as submit:
            while left or running:
                for file, part in [*left.items()]:
                    if file.exists():
                        del left[file]
                        yield len(part.rows)
                    elif len(running) < processes and (lock := _taken(file)):
                        running[submit(part)] = file, lock
                        del left[file]
                if left and not running:
                    time.sleep(LOOK_EVERY_SECONDS)
                for future in wait(running, LOOK_EVERY_SECONDS, FIRST_COMPLETED).done:
                    file, lock = running.pop(future)
                    self._write(file, future.result(), files[file])
                    _give_back(lock)
                    yield len(files[file].rows)

    def _write(self, file: Path, outcomes: Outcomes, part: Part) -> None:
        if not np.isfinite(outcomes.losses).all():
            raise UserError(
                f"A fine-tuning on {len(part.rows):,} examples ends in a loss that is not finite. "
                f"Lower tuning.learning_rate (now {self.config.learning_rate:g})."
            )
        partial = file.with_suffix(".part")
        with partial.open("wb") as target:
            np.savez(target, losses=outcomes.losses, correct=outcomes.correct)
        partial.replace(file)


class Worker:
    """Fine-tunes on one part after another, with examples that are padded once."""

    def __init__(self, bank: Bank) -> None:
        config = bank.config
        if config.trainer.threads:
            torch.set_num_threads(config.trainer.threads)
        self.fabric = one_device(config.trainer)
        self.bank, self.kind = bank, kind_of(config.task)
        device = self.fabric.device
        self.train = padded(bank.encoded["train"], bank.collate, device)
        self.test = padded(bank.encoded["test"], bank.collate, device)

    def __call__(self, part: Part) -> Outcomes:
        """Return what the model that is fine-tuned on a part makes of the tests, (test,) each."""
        model = self.tuned(part).eval()
        size, tests = 2 * self.bank.config.tuning.batch_size, len(self.bank.encoded["test"])
        losses, correct = [], []
        with torch.inference_mode():
            for start in range(0, tests, size):
                batch = self.test(range(start, min(start + size, tests)))
                logits, labels = model(**batch["inputs"]), batch["labels"]
                losses.append(self.kind.losses(logits, labels).float())
                correct.append(self.kind.correct(logits, labels))
        return Outcomes(torch.cat(losses).cpu().numpy(), torch.cat(correct).cpu().numpy())

    def tuned(self, part: Part) -> torch.nn.Module:
        """Return the model after the last step on a part."""
        config, examples = self.bank.config, len(self.bank.encoded["train"])
        without = frozenset(range(examples)).difference(part.rows)
        order = EpochBatches(examples, config.tuning.batch_size, part.seed, without=without)
        model = copy.deepcopy(self.bank.model).train()
        optimizer = adamw(model.parameters(), config.learning_rate, config.tuning.weight_decay)
        model, optimizer = self.fabric.setup(model, optimizer)
        steps = self.bank.steps or self.bank.epochs * len(order)
        for epoch, step, rows in islice(epoch_after_epoch(order), steps):
            seed_step(part.seed, epoch, step)
            batch = self.train(rows)
            losses = self.kind.losses(model(**batch["inputs"]), batch["labels"])
            optimizer.zero_grad()
            self.fabric.backward(losses.sum() * (1 / len(losses)))
            optimizer.step()
        return model


def one_device(trainer: Trainer) -> Fabric:
    """Return what trains on one device, in the configured precision."""
    with quiet():
        return Fabric(accelerator=trainer.accelerator, devices=1, precision=trainer.precision)


def epoch_after_epoch(order: EpochBatches) -> Iterator[tuple[int, int, list[int]]]:
    """Yield epoch, step within it and rows of each batch, without an end."""
    for epoch in count():
        order.set_epoch(epoch)
        for step, rows in enumerate(order):
            yield epoch, step, rows


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


def _taken(file: Path) -> FileLock | None:
    """Take the right to make a file; None if another process has it, or has made the file."""
    lock = FileLock(file.with_name(f".{file.stem}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    if file.exists():
        _give_back(lock)
        return None
    return lock


def _give_back(lock: FileLock) -> None:
    """Release a lock whose file is made: whoever waits for it then sees that file."""
    Path(lock.lock_file).unlink()
    lock.release()


@contextmanager
def _workers(bank: Bank, processes: int) -> Iterator[Callable[[Part], Future[Outcomes]]]:
    """Yield what starts a fine-tuning; with one process, it also waits for its end."""
    if processes == 1:
        workers: list[Worker] = []

        def here(part: Part) -> Future[Outcomes]:
            workers[:] = workers or [Worker(bank)]
            future: Future[Outcomes] = Future()
            future.set_result(workers[0](part))
            return future

        yield here
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _begin, (bank,)) as pool:
        try:
            yield lambda part: pool.submit(_work, part)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_worker: Worker | None = None
"""Of a process of a bank."""


def _begin(bank: Bank) -> None:
    global _worker
    end_with_parent()
    _worker = Worker(bank)


def end_with_parent() -> None:
    """End this process when its parent has, which may be killed before it can end its children."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(part: Part) -> Outcomes:
    assert _worker is not None
    return _worker(part)
