"""Small fine-tunings for the tests of training."""

import gc
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from conftest import LANGUAGES, config, encoded
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import Parameter

from xling.subnetwork import head_weights
from xling.tasks import Classification
from xling.training.batches import Collator
from xling.training.fit import fine_tune
from xling.training.history import weights_file
from xling.training.sketches import SketchDump, method_of
from xling.training.sparse import SparseFineTuning

SETTINGS = (
    "languages=[de,en,fr]",
    "trainer.accelerator=cpu",
    "tuning.batch_size=8",
    "tuning.learning_rate=1e-3",
    "sketch.side=4",
)


KIND = Classification()


def silent(record: dict) -> None:
    """Log nothing."""


def tune(folder: Path, make_model, tokenizer, *overrides: str, sketches: bool = True, log=None):
    settings = config(*SETTINGS, *overrides)
    splits = datasets.DatasetDict({"train": encoded(60), "dev": encoded(30, seed=1)})
    collate = Collator(tokenizer, LANGUAGES)
    method, where = method_of(settings), folder / "sketches"
    dump = SketchDump(splits["train"], collate, method, settings.sketch, where, "", KIND)
    model = make_model()
    log = log or silent
    return fine_tune(settings, model, splits, collate, folder, [dump] if sketches else [], log)


def weights(folder: Path, epoch: int) -> dict[str, torch.Tensor]:
    return load_file(weights_file(folder, epoch))


def live_numbers() -> int:
    """Return how many numbers the tensors hold that Python has not freed."""
    tensors = [thing for thing in gc.get_objects() if type(thing) in (Tensor, Parameter)]
    return sum(tensor.numel() for tensor in tensors)


def same(left: dict, right: dict) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def deterministic(make_model):
    """Return the same without dropout, whose draws differ between the processes."""

    def make():
        model = make_model()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        for layer in model.encoder.encoder.layer:
            layer.attention.self.dropout.p = 0.0
        return model

    return make


@pytest.fixture
def watched_steps(monkeypatch):
    """Record, for each optimiser step, the language and which weights of heads moved."""
    seen = []
    original = SparseFineTuning.optimizer_step

    def watched(self, epoch, index, optimizer, closure):
        before = [weight.parameter.detach().clone() for weight in head_weights(self.model)]
        original(self, epoch, index, optimizer, closure)
        language = self.languages[self._language]
        for weight, old in zip(head_weights(self.model), before, strict=True):
            off = weight.off(self.masks[language])
            moved = (weight.parameter.detach() != old).movedim(weight.dimension, 0)
            on = np.setdiff1d(np.arange(len(moved)), off.numpy())
            gradient = weight.parameter.grad.movedim(weight.dimension, 0)
            seen.append((language, index, moved[off].any().item(), moved[on].any().item(),
                         gradient[off].abs().sum().item()))  # fmt: skip

    start = SparseFineTuning.on_train_batch_start

    def started(self, batch, index):
        start(self, batch, index)
        self._language = int(batch["languages"][0])

    monkeypatch.setattr(SparseFineTuning, "optimizer_step", watched)
    monkeypatch.setattr(SparseFineTuning, "on_train_batch_start", started)
    return seen
