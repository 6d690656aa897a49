"""Representations of encoded examples by a classifier: the library's pass on a run's data."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from torch import Tensor

from xling.attribution import CheckedMethod, FittedMethod, Method, named, row_settings
from xling.cli.console import tally
from xling.config import Config, Sketch
from xling.models.classifier import Classifier
from xling.sketch import (
    Estimate,
    OtherSketchesError,
    Preconditioner,
    Projection,
    Sketches,
    Source,
)
from xling.sketch.examples import weights_digest
from xling.stage import partial_folder, require_same_settings, stage
from xling.subnetwork import gated_by_group
from xling.tasks import TaskKind
from xling.training.batches import Collator
from xling.training.history import epoch_name

FITTED = "preconditioner.safetensors"
"""Beside the training examples' representations: what a method was fitted to them."""


@dataclasses.dataclass(frozen=True)
class SketchDump:
    """Represents a set of encoded examples by the model of an epoch, and writes the rows.

    Attributes:
        encoded: the examples.
        collate: makes batches of them.
        method: the attribution method; gradients are sketched.
        settings: of the pass, and how the rows are kept.
        folder: takes one folder per epoch.
        label: shown beside the progress bar.
        kind: the kind of task.
        gates: (languages, layers, heads) switch off the heads that are not in the subnetwork of an
            example's language; None: all heads are on.
        train: the representations of the training examples, whose curvature is used; None: these
            are the training examples.
        plan: called with the cost of the passes, after the first batch of the first pass.
        done: called with the new sketches of each epoch.
    """

    encoded: datasets.Dataset
    collate: Collator
    method: Method
    settings: Sketch
    folder: Path
    label: str
    kind: TaskKind
    gates: Tensor | None = None
    train: "SketchDump | None" = None
    plan: Callable[[Estimate], None] | None = None
    done: Callable[[Sketches], None] | None = None

    def __call__(
        self,
        model: Classifier,
        epoch: int,
        rank: int = 0,
        world: int = 1,
        barrier: Callable[[], object] = lambda: None,
    ) -> None:
        """Write the sketches of an epoch, unless they exist.

        Args:
            rank, world: this process and their number; each sketches its share.
            barrier: waits for the others.
        """
        place = self.folder / epoch_name(epoch)
        own = stage(place, settings=self.recorded)
        with own if rank == 0 else nullcontext(partial_folder(place)) as part:
            if part and rank == 0:
                self._method(model, epoch, part)  # fits it
            barrier()
            if part:
                self.sketches(model, epoch, part, (rank, world))
            barrier()
            if part and rank == 0 and self.done:
                self.done(Sketches.read(part))

    def inside(self, stage: Path) -> "SketchDump":
        """Return the same with its folder in another: a stage that is being filled."""
        return dataclasses.replace(self, folder=stage / self.folder.name)

    def drop(self, epoch: int, several: bool = False) -> None:
        """Remove the sketches of an epoch that is trained again after a stop.

        Args:
            several: there are several processes, which cannot agree whether to resume what a
                stopped pass left, so that is removed too.
        """
        place = self.folder / epoch_name(epoch)
        for folder in (place, partial_folder(place)) if several else (place,):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def recorded(self) -> dict[str, Any]:
        """The settings that the rows depend on, as plain values."""
        values = json.loads(json.dumps(row_settings(self.method)))
        return {**values, "precision": self.settings.precision, "store": self.settings.store}

    def missing(self, epochs: int) -> list[int]:
        """Return the epochs, counted from 1, that are not written yet."""
        return [e for e in range(1, epochs + 1) if not (self.folder / epoch_name(e)).exists()]

    def read(self, epochs: int) -> list[Sketches]:
        """Read the sketches of the first epochs.

        Raises:
            UserError: they were made with other settings.
        """
        for epoch in range(1, epochs + 1):
            require_same_settings(self.folder / epoch_name(epoch), self.recorded)
        return [Sketches.read(self.folder / epoch_name(e)) for e in range(1, epochs + 1)]

    def sketches(
        self, model: Classifier, epoch: int, folder: Path, share: tuple[int, int]
    ) -> Sketches:
        """Sketch the examples with the model as it is; resume what a stopped pass left."""
        make = partial(self._sketches, model, epoch, folder, share)
        try:
            return make()
        except OtherSketchesError:  # of weights that a training which was stopped has lost
            shutil.rmtree(folder)
            return make()

    def _sketches(
        self, model: Classifier, epoch: int, folder: Path, share: tuple[int, int]
    ) -> Sketches:
        first = not any(folder.suffix != ".part" for folder in self.folder.glob("epoch-*"))
        examples = self.source(model)
        half = self.settings.precision == "bf16"
        device = next(model.parameters()).device.type
        with torch.autocast(device, torch.bfloat16, enabled=half):
            return self._method(model, epoch, folder).represent(
                model,
                examples,
                epoch,
                folder=folder,
                groups=self.encoded["language"][:],
                batch_tokens=self.settings.batch_tokens,
                precision=self.settings.store,
                share=share,
                announce=self.plan if first and share[0] == 0 else None,
                progress=lambda counts, total: tally(counts, total, f"{self.label}, epoch {epoch}"),
            )

    def _method(self, model: Classifier, epoch: int, folder: Path) -> Method:
        """Return the method, fitted to the training examples if it has to be.

        Args:
            folder: of the epoch; keeps what is fitted, if these are the training examples.
        """
        method = self.method
        if not isinstance(method, FittedMethod) or not method.curvature:
            return method
        if self.train:
            file = self.train.folder / epoch_name(epoch) / FITTED
            return method.fitted(Preconditioner.read(file, method.projection, epoch, model))
        file = folder / FITTED
        if file.exists():
            there = Preconditioner.read(file, method.projection, epoch, model)
            if there.weights == weights_digest(model):
                return method.fitted(there)
        label = f"curvature of {self.label}, epoch {epoch}"
        made = method.fit(
            model,
            self.source(model),
            epoch,
            batch_tokens=self.settings.batch_tokens,
            progress=lambda counts, total: tally(counts, total, label),
        )
        folder.mkdir(parents=True, exist_ok=True)
        made.write(file)
        return method.fitted(made)

    def source(self, model: Classifier) -> Source:
        """Return the examples as what a model's gradients can be made of."""
        return source(model, self.kind, self.encoded, self.collate, self.gates)


def source(
    model: Classifier,
    kind: TaskKind,
    encoded: datasets.Dataset,
    collate: Collator,
    gates: Tensor | None = None,
) -> Source:
    """Return encoded examples as what a model's gradients can be made of.

    Args:
        kind: of the task, which says what an example's loss is.
        gates: as in `SketchDump`.
    """
    device = next(model.parameters()).device

    def losses(group: list[int]) -> Tensor:
        batch = collate(encoded.__getitems__(group))
        inputs = {key: value.to(device) for key, value in batch["inputs"].items()}
        with gated_by_group(model, gates, batch["languages"].to(device)):
            logits = model(**inputs)
        return kind.losses(logits, batch["labels"].to(device))

    def tokens(group: list[int]) -> list[list[int]]:
        special = frozenset(collate.tokenizer.all_special_ids)
        rows = encoded.select_columns("input_ids").__getitems__(group)
        return [[token for token in row["input_ids"] if token not in special] for row in rows]

    lengths = encoded["length"][:]  # lists: columns are slow
    if collate.length:
        lengths = [collate.length] * len(lengths)
    return Source(
        losses,
        encoded["id"][:],
        lengths,
        languages=encoded["language"][:],
        labels=[str(label) for label in encoded["label"][:]],
        tokens=tokens,
    )


def rehearse(
    model: Classifier,
    kind: TaskKind,
    encoded: datasets.Dataset,
    collate: Collator,
    method: Method,
) -> None:
    """Sketch two examples, the shortest and the longest, before anything is trained.

    A model that cannot be sketched is refused then, not after an epoch.

    Args:
        kind: of the task.
        method: of attribution, by gradients.

    Raises:
        ArgumentError: a parameter that is used in a way that cannot be sketched, patterns that fit
            no parameter, or sketches of more numbers than the method can compare.
    """
    lengths = list(encoded["length"])
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    two = source(model, kind, encoded.select(sorted({order[0], order[-1]})), collate)
    tokens = 2 * max(two.lengths)
    if isinstance(method, CheckedMethod):
        method.check_model(model)
    small: Any = dataclasses.replace(method, projection=Projection(8))
    if isinstance(small, FittedMethod) and small.curvature:
        small = small.fitted(small.fit(model, two, 0, batch_tokens=tokens))
    small.represent(model, two, 0, batch_tokens=tokens)


def method_of(config: Config) -> Method:
    """Return the attribution method that the configuration asks for."""
    return named(
        config.influence.method,
        projection=projection(config.sketch),
        similarity=config.influence.similarity,
        skip=config.sketch.skip,
        parameters=config.influence.parameters,
        damping=config.influence.damping,
        moments=config.influence.moments,
        fit_examples=config.influence.fit_examples,
        memory_gb=config.influence.memory_gb,
        seed=config.seed,
    )


def projection(settings: Sketch) -> Projection:
    """Return the projection that the configuration asks for."""
    return Projection(
        settings.side,
        settings.stack,
        settings.combine,
        settings.seed,
        settings.method,
        settings.twin,
    )
