"""From a fine-tuned model to the tables: which training examples made which predictions."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd

from xling.analysis.accuracy import accuracy
from xling.analysis.distances import available as distances_available
from xling.analysis.distances import distance_correlations, distances
from xling.analysis.distribution import distribution
from xling.analysis.epochs import epoch_tests
from xling.analysis.examples import Examples, examples
from xling.analysis.influential import influential, traced
from xling.analysis.means import mean_influence
from xling.analysis.permutation import with_significance
from xling.analysis.scripts import script_table, wholly_own
from xling.analysis.shares import labels, shares
from xling.analysis.translations import reinforcing
from xling.analysis.twins import with_noise
from xling.cli.console import say
from xling.config import Config
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.results import headline
from xling.pipeline.score import Found, Part, score
from xling.training.predict import draw_traced
from xling.training.sketches import SketchDump


@dataclasses.dataclass(frozen=True)
class Traced:
    """What was traced of a model.

    Attributes:
        chosen: rows of the test set.
        correct: (test,) whether the kept model classifies each test example correctly.
        found: what the sketches say of the chosen ones.
        results, tables: the headline figures and the tables.
    """

    chosen: np.ndarray
    correct: np.ndarray
    found: Found
    results: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def analyse(model: FineTuned, folder: Path, also: np.ndarray | None = None) -> Traced:
    """Trace correctly classified test examples, through the subnetworks if there are any.

    Args:
        folder: takes the test examples' sketches.
        also: (test,) those that the whole model classifies correctly; only such are traced.
    """
    config, kept = model.config, model.kept
    corpus, test = model.inputs.corpus, model.inputs.corpus["test"]
    predicted = predict(model)
    correct = predicted.argmax(1) == np.array(test["label"])
    eligible, who = correct, "The model classifies"
    if also is not None:
        eligible, who = correct & also, "The whole model and the subnetworks both classify"
    chosen = choose(config, test["language"], eligible, who)
    say(f"Kept epoch {kept} of {len(model.history)}; tracing {len(chosen)} test examples")
    train, tested = (
        examples(each, config.languages) for each in (corpus["train"], test.select(chosen))
    )
    found = score(model, train, tested, sketched(model, folder, chosen))
    history = dev_history(model)
    tables = {
        "accuracy": accuracy(history, corpus["dev"]["language"], test["language"], correct, kept),
        "coverage": found.coverage,
        "traced": traced(test.select(chosen), predicted[chosen], config.task.classes),
        **influence_tables(config, found, corpus["train"], train, tested),
    }
    languages, name = corpus["train"]["language"], model.paths.run.name
    results = headline(config, name, model.history, languages, found.dimensions, tables)
    return Traced(chosen, correct, found, results | {"twin": found.agreement}, tables)


def predict(model: FineTuned) -> np.ndarray:
    """Return the kept model's class probabilities of all test examples."""
    found = model.probabilities("test", model.kept)
    if len(classes := np.unique(found.argmax(1))) == 1:
        say(
            f"WARNING: {'through its subnetworks ' if model.masks else ''}the kept model predicts "
            f"{model.config.task.classes[classes[0]]} for every test example. It has not learnt "
            "the task, and what influences it says little: train longer, on more, or with another "
            "tuning.learning_rate."
        )
    return found


def choose(config: Config, languages: Sequence[str], correct: np.ndarray, who: str) -> np.ndarray:
    """Draw the test examples to trace: rows of the test set, by language."""
    names = np.array(languages)
    wanted = np.flatnonzero(np.isin(names, config.traced_languages))
    drawn = draw_traced(
        names[wanted].tolist(),
        correct[wanted],
        config.influence.test_per_language,
        config.seed,
        who,
    )
    return wanted[drawn]


def sketched(model: FineTuned, folder: Path, chosen: np.ndarray) -> list[Part]:
    """Sketch the chosen test examples at every checkpoint; part them by what they go through."""
    dumps = model.train_dumps()
    languages = np.array(model.inputs.corpus["test"]["language"])[chosen]
    if model.masks is None:
        groups = [("test", np.arange(len(chosen)), next(iter(dumps.values())))]
    else:
        groups = [
            (f"test-{language}", np.flatnonzero(languages == language), dump)
            for language, dump in dumps.items()
        ]
    parts = []
    for name, rows, train in groups:
        test = test_dump(model, folder / "sketches" / name, chosen[rows])
        for epoch in test.missing(model.kept):
            test(model.at(epoch), epoch)
        parts.append(Part(rows, train, test))
    return parts


def test_dump(model: FineTuned, folder: Path, chosen: np.ndarray) -> SketchDump:
    """Return what sketches, or sketched, test examples, each through its own language's heads."""
    return SketchDump(
        model.inputs.encoded["test"].select(chosen),
        model.inputs.collate,
        model.config.sketch,
        folder,
        "test sketches",
        model.inputs.kind,
        model.gates,
    )


def dev_history(model: FineTuned) -> list[dict[str, Any]]:
    """Return the history with the development accuracies through the model's subnetworks.

    The fine-tuning's own are with all heads or, if it was sparse, through each language's own
    subnetwork, which need not be the one that is used now.
    """
    sparse = model.config.tuning.name == "sparse"
    if model.masks is None or (sparse and not model.config.subnetwork.tests_only):
        return model.history
    dev = model.inputs.corpus["dev"]
    languages, labels = np.array(dev["language"]), np.array(dev["label"])
    records = []
    for record in model.history[: model.kept]:
        correct = model.probabilities("dev", record["epoch"]).argmax(1) == labels
        each = {name: float(correct[languages == name].mean()) for name in dict.fromkeys(languages)}
        records.append(record | {"dev_accuracy": float(correct.mean()), "languages": each})
    return records


def influence_tables(
    config: Config,
    found: Found,
    train: datasets.Dataset,
    trained: Examples,
    tested: Examples,
) -> dict[str, pd.DataFrame]:
    """Return the tables that come from influence: one per table or figure of the papers."""
    texts = [
        f"{text} {pair or ''}" for text, pair in zip(train["text"], train["text_pair"], strict=True)
    ]
    whole, own = wholly_own(texts, trained)
    pair = found.pair and tuple(shares(each, trained, tested, config.seed) for each in found.pair)
    total, seed = found.traces[0], config.seed
    plain = with_noise(shares(found.traces, trained, tested, seed), pair)
    tables = {
        "shares": with_significance(plain, total, trained, tested, seed),
        "mean_influence": mean_influence(found.traces, trained, tested, seed),
        "labels": labels(total, trained, tested, seed),
        "distribution": distribution(found.counts, found.edges, trained, tested),
        "scripts": script_table(total, whole, own, trained, tested, seed),
        "influential": influential(total, train, trained, tested, config.task.classes, whole),
    }
    if len(found.means) > 1:
        tables["epoch_tests"] = epoch_tests(found.means, tested)
    if distances_available():
        languages = tuple(config.languages)
        tables["distances"] = distance_correlations(
            tables["shares"], distances(languages), languages
        )
    if config.task.parallel:
        tables["reinforcing"] = reinforcing(total, trained, tested, seed)
    return tables
