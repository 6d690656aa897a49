"""A run, from the text to the report: the rooms in their order."""

import dataclasses
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_model

from xling import data, model, report, tracker
from xling.analysis.accuracy import accuracy
from xling.analysis.browser import influential, traced
from xling.analysis.corpus import Examples, examples
from xling.analysis.coverage import coverage
from xling.analysis.means import mean_influence
from xling.analysis.shares import shares
from xling.analysis.translations import reinforcing
from xling.analysis.twins import agreement, with_noise
from xling.config import Config
from xling.console import plain_libraries, say
from xling.data import sample
from xling.influence import Traces, trace
from xling.places import Places, places
from xling.provenance import machine, software
from xling.results import headline, write_config, write_json, write_tables
from xling.sketch import Estimate, Sketches
from xling.stages import stage
from xling.summary import closing, epoch_line, norm_line, opening, plan_line, tuning_line
from xling.tuning.batches import Collator
from xling.tuning.callbacks import read_history, weights_file
from xling.tuning.fit import device, fine_tune, kept_epoch
from xling.tuning.predict import draw_traced, probabilities
from xling.tuning.sketches import SketchDump


@dataclasses.dataclass(frozen=True)
class Materials:
    """What the stages work on: the corpus as text and as tokens, and the untrained model."""

    corpus: datasets.DatasetDict
    encoded: datasets.DatasetDict
    collate: Collator
    classifier: model.Classifier


def run(config: Config, command: str) -> Path:
    """Do what is not done yet of a run and return its folder.

    Args:
        command: what the user wrote, for the record.
    """
    say(opening(config))
    plain_libraries()
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    fingerprints = {**data.fingerprint(config), **model.fingerprint(config.model)}
    origin = {"command": command, "fingerprints": fingerprints, "software": software()}
    where = places(config, fingerprints)
    with stage(where.run) as folder:
        if folder:
            with tracker.tracking(config, where.run.name) as tracked:
                complete(config, where, folder, tracked, origin)
        else:
            say("This run is finished already.")
    say(closing(where.run))
    return where.run


def complete(
    config: Config,
    where: Places,
    folder: Path,
    tracked: tracker.Tracked,
    origin: dict[str, Any],
) -> None:
    """Go through all rooms; what an earlier try finished is taken up.

    Args:
        origin: what made the run, for results.json.
    """
    seconds: dict[str, float] = {}
    write_config(config, folder)
    with timed(seconds, "corpus"):
        materials = prepare(config)
    with timed(seconds, "tuning"):
        history = tune(config, where, materials, tracked)
    with timed(seconds, "tracing"):
        results, tables = analyse(config, where, materials, history, folder)
    write_json(folder / "results.json", results | origin)
    write_tables(folder / "tables", tables)
    with timed(seconds, "report"):
        report.write(folder)
        report.figures(folder)
        tracker.log_results(tracked, results, tables, folder)
    write_json(folder / "run.json", {"machine": machine(), "seconds": seconds})


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


def tune(
    config: Config, where: Places, materials: Materials, tracked: tracker.Tracked
) -> list[dict[str, Any]]:
    """Fine-tune and sketch the training examples, as far as that is not done, for the history."""
    several = config.trainer.devices > 1  # then epochs end in another process, out of W&B's reach
    log = partial(announce, None if several else tracked)
    with stage(where.tuning) as part:
        if part:
            say(tuning_line(config, len(materials.encoded["train"])))
            made_by = {"settings": where.tuned_by, "software": software(), "machine": machine()}
            write_json(part / "made_by.json", made_by)
            dump = train_dump(config, part / where.sketches, materials)
            fine_tune(
                config, materials.classifier, materials.encoded, materials.collate, part, dump, log
            )
        else:
            say(f"The model is fine-tuned already: {where.tuning}")
        if several or not part:
            for record in read_history(part or where.tuning):
                tracker.log_epoch(tracked, record)
    history = read_history(where.tuning)
    dump = train_dump(config, where.tuning / where.sketches, materials)
    for epoch in dump.missing(kept_epoch(history)):  # of a design that the training did not dump
        say(f"Sketching the training examples at epoch {epoch}")
        dump(at_epoch(config, where, materials, epoch), epoch)
    return history


def announce(tracked: tracker.Tracked, record: dict[str, Any]) -> None:
    """Say how an epoch went."""
    say(epoch_line(record))
    tracker.log_epoch(tracked, record)


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
    classifier = materials.classifier.to(device(config.trainer))
    load_model(classifier, str(weights_file(where.tuning, epoch)))
    return classifier


def analyse(
    config: Config,
    where: Places,
    materials: Materials,
    history: list[dict[str, Any]],
    folder: Path,
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Trace correctly classified test examples; return the headline figures and the tables."""
    kept = kept_epoch(history)
    predicted = predict(config, where, materials, kept)
    correct = predicted.argmax(1) == np.array(materials.corpus["test"]["label"])
    if len(found := np.unique(predicted.argmax(1))) == 1:
        say(
            f"WARNING: the kept model predicts {config.task.classes[found[0]]} for every test "
            "example. It has not learnt the task, and what influences it says little: train "
            "longer, on more, or with another tuning.learning_rate."
        )
    chosen = draw_traced(
        materials.corpus["test"]["language"],
        correct,
        config.influence.test_per_language,
        config.seed,
    )
    say(
        f"Kept epoch {kept} of {len(history)}; tracing {len(chosen)} test examples "
        f"that it classifies correctly"
    )
    train_sketches = train_dump(config, where.tuning / where.sketches, materials).read(kept)
    test_sketches = sketch_test(config, where, materials, folder, chosen, kept)
    train = examples(materials.corpus["train"], config.languages)
    weights = epoch_weights(config, history[:kept])
    scored = partial(
        trace,
        groups=train.language,
        k=config.influence.top_k,
        similarity=config.influence.similarity,
        weights=weights,
        memory_gb=config.influence.memory_gb,
    )
    traces = scored(train_sketches, test_sketches)
    twins = None
    if config.sketch.twin:
        twins = scored(
            [each.twin for each in train_sketches], [each.twin for each in test_sketches]
        )

    corpus, test = materials.corpus, materials.corpus["test"]
    tables = {
        "accuracy": accuracy(history, corpus["dev"]["language"], test["language"], correct, kept),
        "coverage": coverage(train_sketches),
        "traced": traced(test.select(chosen), predicted[chosen], config.task.classes),
        **influence_tables(config, traces, twins, corpus["train"], train, test.select(chosen)),
    }
    agreed = (
        agreement(train_sketches, test_sketches, traces[0], twins[0], weights) if twins else None
    )
    dimensions = train_sketches[0].facts.dimensions
    languages = corpus["train"]["language"]
    results = headline(config, where.run.name, history, languages, dimensions, tables)
    return results | {"twin": agreed}, tables


def epoch_weights(config: Config, history: list[dict[str, Any]]) -> list[float]:
    """Return what each epoch counts in the sum: the same, or its learning rate."""
    if config.influence.weights == "equal":
        return [1.0] * len(history)
    return [record["learning_rate"] for record in history]


def predict(config: Config, where: Places, materials: Materials, kept: int) -> np.ndarray:
    """Return the kept model's class probabilities of all test examples."""
    return probabilities(
        at_epoch(config, where, materials, kept),
        materials.encoded["test"],
        materials.collate,
        2 * config.tuning.batch_size,
    )


def sketch_test(
    config: Config,
    where: Places,
    materials: Materials,
    folder: Path,
    chosen: np.ndarray,
    kept: int,
) -> list[Sketches]:
    """Sketch the chosen test examples at every checkpoint up to the kept one."""
    dump = SketchDump(
        materials.encoded["test"].select(chosen),
        materials.collate,
        config.sketch,
        folder / "sketches" / "test",
        "test sketches",
    )
    for epoch in dump.missing(kept):
        dump(at_epoch(config, where, materials, epoch), epoch)
    return dump.read(kept)


def influence_tables(
    config: Config,
    traces: list[Traces],
    twins: list[Traces] | None,
    train: datasets.Dataset,
    trained: Examples,
    test: datasets.Dataset,
) -> dict[str, pd.DataFrame]:
    """Return the tables that come from influence: one per table or figure of the papers."""
    tested = examples(test, config.languages)
    other = shares(twins, trained, tested, config.seed) if twins else None
    tables = {
        "shares": with_noise(shares(traces, trained, tested, config.seed), other),
        "mean_influence": mean_influence(traces, trained, tested, config.seed),
        "influential": influential(traces[0], train, trained, tested, config.task.classes),
    }
    if config.task.parallel:
        tables["reinforcing"] = reinforcing(traces[0], trained, tested, config.seed)
    return tables


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long a block takes."""
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 1)
