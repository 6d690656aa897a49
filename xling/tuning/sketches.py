"""Sketches of encoded examples with a classifier: the library's pass on this program's data."""

import dataclasses
import shutil
from pathlib import Path

import datasets
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from xling.config import Sketch
from xling.console import track
from xling.model import Classifier
from xling.sketch import Projection, Sketches, sketch_examples
from xling.stages import stage
from xling.tuning.batches import Collator


def epoch_name(epoch: int) -> str:
    """Return the file name of an epoch, counted from 1, without its ending."""
    return f"epoch-{epoch:02d}"


@dataclasses.dataclass(frozen=True)
class SketchDump:
    """Sketches a set of encoded examples with the model of an epoch, and writes them.

    Attributes:
        encoded: the examples.
        collate: makes batches of them.
        settings: of the projection and the pass.
        folder: takes one folder per epoch.
        label: shown beside the progress bar.
    """

    encoded: datasets.Dataset
    collate: Collator
    settings: Sketch
    folder: Path
    label: str

    def __call__(self, model: Classifier, epoch: int) -> None:
        """Write the sketches of an epoch, if they are not there."""
        with stage(self.folder / epoch_name(epoch)) as part:
            if part:
                self.sketches(model, epoch).write(part)

    def drop(self, epoch: int) -> None:
        """Remove the sketches of an epoch that is trained again after a stop."""
        shutil.rmtree(self.folder / epoch_name(epoch), ignore_errors=True)

    def missing(self, epochs: int) -> list[int]:
        """Return the epochs, counted from 1, that are not written yet."""
        return [e for e in range(1, epochs + 1) if not (self.folder / epoch_name(e)).exists()]

    def read(self, epochs: int) -> list[Sketches]:
        """Read the sketches of the first epochs."""
        return [Sketches.read(self.folder / epoch_name(e)) for e in range(1, epochs + 1)]

    def sketches(self, model: Classifier, epoch: int) -> Sketches:
        """Sketch the examples with the model as it is."""
        device = next(model.parameters()).device

        def losses(group: list[int]) -> Tensor:
            batch = self.collate([self.encoded[index] for index in group])
            inputs = {key: value.to(device) for key, value in batch["inputs"].items()}
            return cross_entropy(model(**inputs), batch["labels"].to(device), reduction="none")

        with torch.autocast(device.type, enabled=False):
            return sketch_examples(
                model,
                losses,
                self.encoded["id"],
                self.encoded["length"],
                projection(self.settings),
                epoch,
                skip=self.settings.skip,
                batch_tokens=self.settings.batch_tokens,
                progress=lambda groups: track(groups, f"{self.label}, epoch {epoch}"),
            )


def projection(settings: Sketch) -> Projection:
    """Return the projection that the configuration asks for."""
    return Projection(settings.side, settings.stack, settings.combine, settings.seed)
