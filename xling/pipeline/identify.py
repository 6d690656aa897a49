"""The subnetworks of a run: identified by pruning, shuffled, composed, or read from files."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from xling.cli.console import say, track
from xling.config import Config, Subnetwork, single_language
from xling.models.classifier import Classifier
from xling.pipeline.fine_tune import tune
from xling.pipeline.inputs import RunInputs, at_epoch, prepare
from xling.pipeline.paths import RunPaths, pruning, run_paths
from xling.pipeline.provenance import software
from xling.stage import in_any_order, stage
from xling.subnetwork import (
    Masks,
    PruningStep,
    composed,
    head_importance,
    prune,
    read_mask,
    shuffled,
    stops_at,
    write_mask,
)
from xling.subnetwork.attention import shape
from xling.training.history import kept_epoch
from xling.training.predict import probabilities
from xling.training.sketches import source


@dataclasses.dataclass(frozen=True)
class Subnetworks:
    """The subnetworks of a run.

    Attributes:
        used: the masks that test examples go through.
        trained: those that sparse fine-tuning goes through; the same but for subnetworks of other
            languages and composed ones.
        pruning: the table of the pruning's steps; None for masks from files.
    """

    used: Masks
    trained: Masks
    pruning: pd.DataFrame | None


def subnetworks(config: Config, inputs: RunInputs) -> Subnetworks:
    """Return the subnetworks that the configuration asks for, identified first where necessary."""
    choice = config.subnetwork
    size = shape(inputs.classifier)
    if choice.name == "file":
        folder = Path(choice.path).expanduser()
        masks = {name: read_mask(folder / f"{name}.json", size) for name in config.languages}
        return Subnetworks(masks, masks, None)
    identified = in_any_order(config.languages, partial(identify, config, size))
    own = {language: mask for language, (mask, _) in identified.items()}
    steps = pd.concat([table for _, table in identified.values()], ignore_index=True)
    used = own
    if choice.name == "random":
        used = {
            language: shuffled(mask, [choice.seed, *language.encode()])
            for language, mask in own.items()
        }
        return Subnetworks(used, used, steps)
    if choice.name == "suboptimal":
        used = dict.fromkeys(own, own[choice.language])
    elif choice.name == "composed":
        together = composed([own[name] for name in choice.languages], choice.compose)
        used = dict.fromkeys(own, together)
        if not together.any():
            say(
                f"WARNING: the subnetworks of {' and '.join(choice.languages)} share no head. All "
                "heads are off: tokens do not see each other, and the model predicts one class."
            )
    return Subnetworks(used, own, steps)


def identify(
    config: Config, size: tuple[int, int], language: str, wait: bool = True
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return a language's mask and the steps of its pruning, made once for all runs.

    The table has the columns language, step, disabled, accuracy, kept.

    Args:
        size: layers and heads of the model.
        wait: whether to wait for another process that identifies it.

    Raises:
        BusyError: another process identifies it, and `wait` is false.
    """
    own = single_language(config, language)
    paths = run_paths(own)
    folder, settings = pruning(config.subnetwork, own, paths)
    with stage(folder, config.force, settings, wait) as part:
        if part:
            say(f"Identifying the subnetwork of {language}")
            _fine_tune_and_prune(config.subnetwork, own, paths, part, settings)
    return read_mask(folder / "mask.json", size), pd.read_csv(folder / "pruning.csv")


def _fine_tune_and_prune(
    choice: Subnetwork, own: Config, paths: RunPaths, folder: Path, settings: dict[str, Any]
) -> None:
    """Fine-tune on the language alone, prune, and write mask.json and pruning.csv."""
    (language,) = own.train_languages
    inputs = prepare(own, say=lambda line: None)
    history = tune(own, paths, inputs, None, [])
    classifier = at_epoch(own, paths, inputs, kept_epoch(history))
    steps = prune(
        shape(classifier),
        partial(importance, inputs, classifier, choice.normalize),
        partial(accuracy_through, own, inputs, classifier),
        choice.fraction,
        choice.keep,
        _say_step,
    )
    chosen = stops_at(steps, choice.keep)
    table = steps_table(language, steps, chosen)
    table.to_csv(folder / "pruning.csv", index=False)
    about = {"task": own.task.name, "model": own.model.path or own.model.name}
    about |= {"language": language, "made_by": {"settings": settings, "software": software()}}
    write_mask(folder / "mask.json", steps[chosen].mask, about)
    say(
        f"Subnetwork of {language}: {steps[chosen].disabled} of {steps[chosen].mask.size} heads "
        f"off, development accuracy {steps[chosen].accuracy:.3f} against {steps[0].accuracy:.3f}"
    )


def importance(
    inputs: RunInputs, classifier: Classifier, normalize: bool, mask: np.ndarray
) -> np.ndarray:
    """Return the heads' importance on the training examples of a language, through a mask."""
    examples = source(classifier, inputs.kind, inputs.encoded["train"], inputs.collate)
    return head_importance(
        classifier,
        examples.losses,
        examples.lengths,
        mask,
        normalize=normalize,
        progress=partial(track, label="head importance"),
    )


def accuracy_through(
    config: Config, inputs: RunInputs, classifier: Classifier, mask: np.ndarray
) -> float:
    """Return the accuracy on the development examples of a language, through a mask."""
    dev = inputs.encoded["dev"]
    gates = torch.from_numpy(mask).expand(len(inputs.collate.languages), *mask.shape)
    size = 2 * config.tuning.batch_size
    predicted = probabilities(
        classifier, inputs.kind, dev, inputs.collate, size, gates, "development set"
    )
    return float(inputs.kind.correct(predicted, np.array(dev["label"])).mean())


def steps_table(language: str, steps: list[PruningStep], chosen: int) -> pd.DataFrame:
    """Tabulate the steps of a pruning: columns language, step, disabled, accuracy, kept."""
    rows = [
        (language, number, step.disabled, step.accuracy, number == chosen)
        for number, step in enumerate(steps)
    ]
    return pd.DataFrame(rows, columns="language step disabled accuracy kept".split())


def _say_step(step: PruningStep) -> None:
    say(f"  {step.disabled:>4} heads off: development accuracy {step.accuracy:.3f}")


def write_masks(folder: Path, config: Config, masks: Masks) -> None:
    """Write the masks of a run as files that `subnetwork=file` reads: one per language."""
    folder.mkdir(exist_ok=True)
    about = {"task": config.task.name, "model": config.model.path or config.model.name}
    made_by = dataclasses.asdict(config.subnetwork)
    for language, mask in masks.items():
        write_mask(
            folder / f"{language}.json", mask, {**about, "language": language, "made_by": made_by}
        )
