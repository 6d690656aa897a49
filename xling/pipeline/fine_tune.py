"""The stage of fine-tuning, which runs share: checkpoints and the training examples' sketches."""

import dataclasses
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from xling import tracker
from xling.attribution import CheckedMethod
from xling.cli.console import say
from xling.cli.messages import epoch_line, passes_line, tuning_line
from xling.config import Config
from xling.models.classifier import Classifier
from xling.pipeline.inputs import (
    RunInputs,
    at_epoch,
    distinct,
    rehearse_sketches,
    say_plan,
    train_dumps,
)
from xling.pipeline.paths import RunPaths, tuning_settings
from xling.pipeline.provenance import machine, software
from xling.pipeline.results import write_json
from xling.stage import stage
from xling.subnetwork import Masks
from xling.subnetwork.masks import stacked
from xling.training.fit import fine_tune
from xling.training.history import kept_epoch, read_history
from xling.training.predict import probabilities
from xling.training.sketches import SketchDump, method_of


@dataclasses.dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model, and the subnetworks that test examples go through.

    Attributes:
        config, paths, inputs: its configuration, its folders, and the inputs that it was made from.
        history: the records of its fine-tuning.
        masks: of each language; None is the whole model.
    """

    config: Config
    paths: RunPaths
    inputs: RunInputs
    history: list[dict[str, Any]]
    masks: Masks | None = None

    @property
    def kept(self) -> int:
        """The epoch that early stopping keeps."""
        return kept_epoch(self.history)

    @property
    def represented(self) -> int:
        """At how many epochs examples are represented; once, by a method without a model."""
        return self.kept if self.config.influence.checkpoints else 1

    @property
    def gates(self) -> Tensor | None:
        """The masks as gates, (languages, layers, heads)."""
        return stacked(self.masks, self.config.languages) if self.masks else None

    def at(self, epoch: int) -> Classifier:
        """Return the model with the weights of an epoch."""
        return at_epoch(self.config, self.paths, self.inputs, epoch)

    def train_dumps(self) -> dict[str, SketchDump]:
        """Return what sketches the training examples for each traced language."""
        paths = self.paths
        return train_dumps(self.config, paths.tuning, paths.sketches, self.inputs, self.masks)

    def probabilities(self, split: str, epoch: int) -> np.ndarray:
        """Return the class probabilities of a split's examples at an epoch, (examples, classes)."""
        return probabilities(
            self.at(epoch),
            self.inputs.kind,
            self.inputs.encoded[split],
            self.inputs.collate,
            2 * self.config.tuning.batch_size,
            self.gates,
            f"{split} predictions",
        )

    def correct(self, split: str, predicted: np.ndarray) -> np.ndarray:
        """Return which predictions of a split's examples are correct, (examples,)."""
        labels = np.array(self.inputs.corpus[split]["label"])
        return self.inputs.kind.correct(predicted, labels)


def tune(
    config: Config,
    paths: RunPaths,
    inputs: RunInputs,
    tracked: tracker.TrackedRun | None,
    dumps: list[SketchDump],
    masks: Masks | None = None,
) -> list[dict[str, Any]]:
    """Fine-tune, as far as it is not done yet, and return the history.

    Args:
        tracked: the run to log to.
        dumps: sketch the training examples after every epoch; they write into the stage's folder.
        masks: the subnetworks of sparse fine-tuning.
    """
    # With several devices epochs end in another process, out of the tracker's reach.
    several = config.trainer.devices > 1
    log = partial(announce, None if several else tracked)
    with stage(paths.tuning, config.force, tuning_settings(config)) as part:
        if part:
            if dumps:
                rehearse_sketches(config, inputs)
            say(tuning_line(config, len(inputs.encoded["train"]), len(dumps)))
            made_by = {"settings": tuning_settings(config)}
            made_by |= {"software": software(), "machine": machine()}
            write_json(part / "made_by.json", made_by)
            with tracker.following(tracked if several else None, part):
                fine_tune(
                    config,
                    inputs.classifier,
                    inputs.encoded,
                    inputs.collate,
                    part,
                    [dump.inside(part) for dump in dumps],
                    log,
                    masks,
                )
        else:
            say(f"The model is already fine-tuned: {paths.tuning}")
        for record in read_history(part or paths.tuning):
            tracker.log_epoch(tracked, record)  # those it has not seen, of an earlier attempt
    return read_history(paths.tuning)


def sketch_train(model: FineTuned) -> None:
    """Make the training examples' representations that the fine-tuning did not dump.

    Sketches of another design or through other subnetworks, or what needs no gradients; at the
    epochs up to the kept one.

    Raises:
        ArgumentError: the method cannot use the model, or sketches of this size.
    """
    method = method_of(model.config)
    if isinstance(method, CheckedMethod):  # a fine-tuning that was there has not tried it
        method.check_model(model.inputs.classifier)
    dumps = distinct(model.train_dumps())
    missing = [(dump, epoch) for dump in dumps for epoch in dump.missing(model.represented)]
    if not missing:
        return
    wanted, examples = len(dumps) * model.represented, len(model.inputs.encoded["train"])
    say(passes_line(model.config.influence, len(missing), wanted, examples))
    plan: Any = partial(say_plan, passes=len(missing))
    for dump, epoch in missing:
        dataclasses.replace(dump, plan=plan)(model.at(epoch), epoch)
        plan = None  # one pass costs as much as another


def announce(tracked: tracker.TrackedRun | None, record: dict[str, Any]) -> None:
    """Print and log the record of an epoch."""
    say(epoch_line(record))
    tracker.log_epoch(tracked, record)
