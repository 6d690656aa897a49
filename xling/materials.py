"""What the stages of a run work on: the examples, the model, and what sketches them."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import datasets
import torch
from safetensors.torch import load_model

from xling import data, model
from xling.analysis.coverage import coverage
from xling.config import Config
from xling.console import say
from xling.data import sample
from xling.places import Places
from xling.sketch import Estimate, Sketches
from xling.summary import norm_line, plan_line
from xling.tuning.batches import Collator
from xling.tuning.callbacks import weights_file
from xling.tuning.fit import device
from xling.tuning.sketches import SketchDump


@dataclasses.dataclass(frozen=True)
class Materials:
    """What the stages work on: the corpus as text and as tokens, and the untrained model."""

    corpus: datasets.DatasetDict
    encoded: datasets.DatasetDict
    collate: Collator
    classifier: model.Classifier


def prepare(config: Config) -> Materials:
    """Load the corpus, the tokenizer and the model, and encode."""
    corpus = data.load_corpus(config, say)
    classifier, tokenizer = model.load(config, lambda: tokenizer_texts(config, corpus))
    encoded = datasets.DatasetDict(
        {
            split: data.encode(rows, tokenizer, config.data.max_length)
            for split, rows in corpus.items()
        }
    )
    for split, rows in encoded.items():
        if cut := sum(rows["truncated"]):
            say(
                f"{split}: {cut:,} of {len(rows):,} examples are longer than "
                f"data.max_length={config.data.max_length} tokens and were cut"
            )
    return Materials(corpus, encoded, Collator(tokenizer, config.languages), classifier)


def tokenizer_texts(config: Config, corpus: datasets.DatasetDict) -> Iterable[str]:
    """Return what a tiny model's tokenizer is trained on.

    For the sample corpus that is all of its languages, so that leaving one out of the training
    changes neither the tokenizer nor the model's start.
    """
    columns = (config.task.columns.text, config.task.columns.text_pair)
    if config.data.source == "sample":
        rows = (
            row
            for language in sample.LANGUAGES
            for row in sample.rows(config.task.name, language, "train")
        )
        return (row[column] for row in rows for column in columns if column)
    train = corpus["train"]
    return (text for column in ("text", "text_pair") for text in train[column] if text)


def train_dump(config: Config, folder: Path, materials: Materials) -> SketchDump:
    """Return what sketches the training examples."""
    return SketchDump(
        materials.encoded["train"],
        materials.collate,
        config.sketch,
        folder,
        "training sketches",
        say_plan,
        say_norms,
    )


def say_plan(estimate: Estimate) -> None:
    """Say what the sketch passes cost."""
    say(plan_line(estimate))


def say_norms(sketches: Sketches) -> None:
    """Say where an epoch's gradients sit and how much of them is sketched."""
    say(norm_line(coverage([sketches])))


def at_epoch(config: Config, where: Places, materials: Materials, epoch: int) -> model.Classifier:
    """Return the model with the weights of an epoch."""
    dtype = torch.float64 if config.trainer.precision == "64-true" else torch.float32
    classifier = materials.classifier.to(device(config.trainer), dtype)
    load_model(classifier, str(weights_file(where.tuning, epoch)))
    return classifier
