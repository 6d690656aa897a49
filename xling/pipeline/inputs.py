"""What the stages of a run work on: the examples, the model, and what sketches them."""

import copy
import dataclasses
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from safetensors.torch import load_model

from xling import data
from xling.analysis.coverage import coverage
from xling.attribution import CheckedMethod, TracIn, tile_sizes
from xling.cli.console import say
from xling.cli.messages import norm_line, plan_line, unreached_line
from xling.cli.methods import influences
from xling.config import Config
from xling.data import sample
from xling.data.tokens import pair_separator
from xling.models.classifier import Classifier
from xling.models.encoder import load
from xling.models.languages import language_input, language_tokens
from xling.models.trial import check_length
from xling.models.vocabulary import check_encoded
from xling.pipeline.paths import RunPaths, masked
from xling.sketch import Estimate, Sketches
from xling.sketch.gradients import plan
from xling.subnetwork import Masks
from xling.subnetwork.attention import attentions
from xling.subnetwork.masks import stacked
from xling.tasks import TaskKind, kind_of
from xling.training.batches import Collator
from xling.training.fit import device
from xling.training.history import weights_file
from xling.training.sketches import SketchDump, method_of, projection, rehearse


@dataclasses.dataclass(frozen=True)
class RunInputs:
    """What the stages of a run work on.

    Attributes:
        corpus, encoded: the examples of each split, as text and as tokens.
        collate: makes batches of the encoded examples.
        kind: the kind of task.
        classifier: at its start. No stage changes it: each takes a copy for its own weights.
    """

    corpus: datasets.DatasetDict
    encoded: datasets.DatasetDict
    collate: Collator
    kind: TaskKind
    classifier: Classifier


def prepare(
    config: Config,
    say: Callable[[str], None] = say,
    say_data: Callable[[str], None] | None = None,
) -> RunInputs:
    """Load the corpus, the tokenizer and the model, and encode.

    Args:
        say: receives the messages.
        say_data: receives those about the data files, if not `say`.
    """
    corpus = data.load_corpus(config, say_data or say)
    classifier, tokenizer = load(config, lambda: tokenizer_texts(config, corpus), say)
    name = config.model.path or config.model.name
    codes = language_tokens(name, tokenizer, config.languages)
    encoded = datasets.DatasetDict(
        {
            split: data.encode(rows, tokenizer, config.data.max_length, codes)
            for split, rows in corpus.items()
        }
    )
    if config.task.columns.text_pair and (separator := pair_separator(tokenizer)):
        what = "a line feed" if separator == "\n" else separator
        say(f"Pairs of texts: the tokenizer puts nothing between the two; {what} is put there")
    say(check_encoded(name, tokenizer, classifier.encoder, encoded, config.languages))
    for split, rows in encoded.items():
        if cut := sum(rows["truncated"]):
            say(
                f"{split}: {cut:,} of {len(rows):,} examples had more than "
                f"data.max_length={config.data.max_length} tokens and were cut"
            )
    by_language = language_input(name, classifier.encoder, config.languages)
    even = config.data.max_length if classifier.even else None
    collate = Collator(tokenizer, config.languages, by_language, even)
    longest = longest_example(encoded)
    inputs = collate([longest])["inputs"]
    check_length(name, classifier.encoder, inputs, config.data.max_length)
    return RunInputs(corpus, encoded, collate, kind_of(config.task), classifier)


def longest_example(encoded: datasets.DatasetDict) -> dict[str, Any]:
    """Return the example with the most tokens."""
    filled = [rows for rows in encoded.values() if len(rows)]
    rows = max(filled, key=lambda rows: max(rows["length"]))
    lengths = list(rows["length"])
    return rows[lengths.index(max(lengths))]


def tokenizer_texts(config: Config, corpus: datasets.DatasetDict) -> Iterable[str]:
    """Return what a tiny model's tokenizer is trained on: texts of all languages of the run.

    For the sample corpus that is all of its languages. Of an excluded language without training
    texts, those to test it on serve.
    """
    columns = (config.task.columns.text, config.task.columns.text_pair)
    if config.data.source == "sample":
        rows = (
            row
            for language in sample.LANGUAGES
            for row in sample.rows(config.task.name, language, "train")
        )
        return (row[column] for row in rows for column in columns if column)
    vocabulary = data.vocabulary_run(config)
    if vocabulary != config:
        corpus = data.load_corpus(vocabulary, lambda line: None)
    tests = corpus["test"].filter(
        lambda language: language in vocabulary.exclude, input_columns="language"
    )
    return (
        text
        for rows in (corpus["train"], tests)
        for column in ("text", "text_pair")
        for text in rows[column]
        if text
    )


def train_dumps(
    config: Config, tuning: Path, sketches: str, inputs: RunInputs, masks: Masks | None = None
) -> dict[str, SketchDump]:
    """Return what sketches the training examples, for the test examples of each traced language.

    Through that language's mask; the languages have one in common if they have the same mask, if
    there are none, or if masks are for test examples alone (subnetwork.apply=test).

    Args:
        tuning: folder of the tuning stage.
        sketches: name of the folder of the sketches, see `RunPaths`.
        masks: that the test examples go through.
    """
    languages = config.languages
    by_name: dict[str, SketchDump] = {}
    names = {}
    for language in config.traced_languages:
        name, gates, label = sketches, None, f"training {rows_name(config)}"
        if masks and config.subnetwork.apply == "both":
            mask = masks[language]
            name = masked(sketches, mask.astype(int).tolist())
            gates = stacked(dict.fromkeys(languages, mask), languages)
            label += f" for {language}"
        names[language] = name
        by_name[name] = by_name.get(name) or SketchDump(
            inputs.encoded["train"],
            inputs.collate,
            method_of(config),
            config.sketch,
            tuning / name,
            label,
            inputs.kind,
            gates,
            None,
            say_plan,
            say_norms if gates is None and config.influence.gradients else None,
        )
    return {language: by_name[name] for language, name in names.items()}


def rehearse_sketches(config: Config, inputs: RunInputs) -> None:
    """Make sure that the model can be sketched, if the run compares gradients, and pruned.

    Raises:
        ArgumentError: gradients that cannot be sketched; or attention heads that cannot be switched
            off, if the run has subnetworks.
    """
    if config.subnetwork.name != "full" or config.subnetwork.only:
        attentions(inputs.classifier)
    if config.influence.gradients:
        train, method = inputs.encoded["train"], method_of(config)
        rehearse(inputs.classifier, inputs.kind, train, inputs.collate, method)
    check_compared(config, inputs)


def check_compared(config: Config, inputs: RunInputs) -> None:
    """Make sure that the run's method, and those that an evaluation compares, can use the model.

    Raises:
        ArgumentError: what one of them has to fit, or to compare at once, does not fit into memory.
    """
    methods = {config.influence.method: config.influence}
    if config.evaluate == "faithfulness":
        methods |= influences(config)
    for influence in methods.values():
        own = dataclasses.replace(config, influence=influence)
        method = method_of(own)
        if isinstance(method, CheckedMethod):
            method.check_model(inputs.classifier)
        if influence.gradients:
            skip, parameters = config.sketch.skip, influence.parameters
            left_out = TracIn(skip=skip, parameters=parameters).left_out(inputs.classifier)
            numbers = plan(inputs.classifier, left_out).dimensions(projection(config.sketch))
            top_k = min(influence.top_k, len(inputs.encoded["train"]))
            tile_sizes(numbers, config.tuning.epochs, top_k, influence.memory_gb)


def rows_name(config: Config) -> str:
    """Name what represents the examples, in one word."""
    return "sketches" if config.influence.gradients else "representations"


def distinct(dumps: dict[str, SketchDump], epochs: int = 1) -> list[SketchDump]:
    """Return each of the dumps once; the first reports the cost of all of them over `epochs`."""
    first, *others = {dump.folder: dump for dump in dumps.values()}.values()
    passes = epochs * (1 + len(others)) if others else 1
    return [
        dataclasses.replace(first, plan=partial(say_plan, passes=passes)),
        *(dataclasses.replace(dump, plan=None) for dump in others),
    ]


def say_plan(estimate: Estimate, passes: int = 1) -> None:
    """Print what the sketch passes cost."""
    say(plan_line(estimate, passes))


def say_norms(sketches: Sketches) -> None:
    """Print how an epoch's gradient norm is distributed and how much of it is sketched."""
    say(norm_line(coverage([sketches]), "preconditioner" in sketches.metadata.settings))
    names = sketches.unreached()
    if names and sketches.metadata.settings["epoch"] <= 1:  # once
        say(unreached_line(names))


def at_epoch(config: Config, paths: RunPaths, inputs: RunInputs, epoch: int) -> Classifier:
    """Return a model of its own with the weights of an epoch."""
    return with_weights(config, inputs, weights_file(paths.tuning, epoch))


def with_weights(config: Config, inputs: RunInputs, weights: Path) -> Classifier:
    """Return a model of its own with the weights of a file, on the configured device."""
    dtype = torch.float64 if config.trainer.precision == "64-true" else torch.float32
    classifier = copy.deepcopy(inputs.classifier).to(device(config.trainer), dtype)
    load_model(classifier, str(weights))
    return classifier
