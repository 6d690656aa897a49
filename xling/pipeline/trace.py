"""From a fine-tuned model to the tables: which training examples made which predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd

from xling.analysis.accuracy import accuracy
from xling.analysis.coverage import coverage, mean_coverage
from xling.analysis.distances import available as distances_available
from xling.analysis.distances import distance_correlations, distances
from xling.analysis.distribution import distribution
from xling.analysis.doubts import learning_doubts, ordered, ranking_doubts, size_doubts
from xling.analysis.epochs import epoch_tests
from xling.analysis.example_metadata import Examples, examples
from xling.analysis.influential import influential, traced
from xling.analysis.learnt import learnt
from xling.analysis.means import mean_influence
from xling.analysis.part_shares import part_shares
from xling.analysis.permutation import with_significance
from xling.analysis.scripts import script_table, wholly_own
from xling.analysis.shares import labels, shares
from xling.analysis.translations import reinforcing
from xling.analysis.twins import with_noise
from xling.attribution import Scores
from xling.cli.console import say
from xling.config import Config
from xling.pipeline.certainty import certainty_tables, say_doubts
from xling.pipeline.fine_tune import FineTuned, sketch_train
from xling.pipeline.inputs import rows_name
from xling.pipeline.results import RunResult, headline, sketch_results
from xling.pipeline.score import TracedSet, score
from xling.sketch import Sketches
from xling.training.predict import draw_traced
from xling.training.sketches import SketchDump, method_of


def analyse(model: FineTuned, folder: Path, also: np.ndarray | None = None) -> RunResult:
    """Trace correctly classified test examples, through the subnetworks if there are any.

    Args:
        folder: takes the test examples' representations.
        also: (test,) those that the whole model classifies correctly; only these are traced.
    """
    config, kept = model.config, model.kept
    corpus, test = model.inputs.corpus, model.inputs.corpus["test"]
    predicted = predict(model)
    decided = model.inputs.kind.predictions(predicted)
    beside_chance = learnt_table(model, predicted)
    doubts = say_doubts(learning_doubts(beside_chance))
    correct = model.correct("test", predicted)
    eligible, who = correct, "The model classifies"
    if also is not None:
        eligible, who = correct & also, "The whole model and the subnetworks both classify"
    chosen = choose(config, test["language"], eligible, who)
    unit = model.inputs.kind.unit
    say(f"Kept epoch {kept} of {len(model.history)}; tracing {len(chosen)} test {unit}s")
    train, tested = (
        examples(split, config.languages) for split in (corpus["train"], test.select(chosen))
    )
    sets = represented(model, folder, chosen)
    scores = score(model, train, tested, sets)
    covered = coverage_table(sets)
    history = dev_history(model)
    tables = {
        "accuracy": accuracy(history, corpus["dev"]["language"], test["language"], correct, kept),
        "learnt": beside_chance,
        **({} if covered is None else {"coverage": covered}),
        "traced": traced(
            test.select(chosen), predicted[chosen], decided[chosen], config.task.classes
        ),
        **influence_tables(config, scores, corpus["train"], train, tested),
        **certainty_tables(model, sets, scores, train, tested),
    }
    languages, name = corpus["train"]["language"], model.paths.run.name
    results = headline(config, name, model.history, languages, tables)
    classifier = model.inputs.classifier
    reads = {"encoder": type(classifier.encoder).__name__, "pooling": classifier.pooling}
    ranked = min(1.0, config.influence.top_k / len(languages))
    doubts += say_doubts(ranking_doubts(tables, ranked))
    doubts += size_doubts(config.influence.top_k, len(languages))  # said before the first step
    results |= {"classifier": reads, "warnings": ordered(doubts)}
    if covered is not None:
        dimensions = sets[0].train[0].metadata.dimensions
        results |= sketch_results(config.sketch, dimensions, covered, scores.agreement)
    return RunResult(results, tables, scores, chosen, correct)


def coverage_table(sets: Sequence[TracedSet]) -> pd.DataFrame | None:
    """Tabulate what the sketches cover; None where the representations are not of gradients."""
    if not sets[0].train[0].metadata.sizes:
        return None
    return mean_coverage([coverage(traced_set.train) for traced_set in sets])


def predict(model: FineTuned) -> np.ndarray:
    """Return the kept model's class probabilities of all test examples."""
    return model.probabilities("test", model.kept)


def learnt_table(model: FineTuned, predicted: np.ndarray) -> pd.DataFrame:
    """Tabulate the accuracy of what a model predicts for all test examples beside chance."""
    test, kind = model.inputs.corpus["test"], model.inputs.kind
    return learnt(
        test["language"],
        np.array(test["label"]),
        kind.predictions(predicted),
        model.correct("test", predicted),
        model.config.task.classes,
        test["parallel_id"] if model.config.task.parallel else None,
    )


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


def represented(model: FineTuned, folder: Path, chosen: np.ndarray) -> list[TracedSet]:
    """Represent the chosen test examples at every checkpoint, in sets by what they go through."""
    dumps = model.train_dumps()
    languages = np.array(model.inputs.corpus["test"]["language"])[chosen]
    if model.masks is None:
        groups = [("test", np.arange(len(chosen)), next(iter(dumps.values())))]
    else:
        groups = [
            (f"test-{language}", np.flatnonzero(languages == language), dump)
            for language, dump in dumps.items()
        ]
    sets = []
    for name, rows, train in groups:
        test = test_dump(model, folder / "sketches" / name, chosen[rows], train)
        made = filled(model, test)
        sets.append(TracedSet(rows, train, test, train.read(model.represented), made))
    return sets


def filled(model: FineTuned, dump: SketchDump) -> list[Sketches]:
    """Return the representations of some examples at every checkpoint, made where missing."""
    for epoch in dump.missing(model.represented):
        dump(model.at(epoch), epoch)
    return dump.read(model.represented)


def both_sides(
    model: FineTuned, folder: Path, chosen: np.ndarray, split: str = "test"
) -> tuple[list[Sketches], list[Sketches]]:
    """Represent all training examples and some of a split, by the whole model, at every checkpoint.

    Args:
        folder: takes the representations of the split's examples.
        chosen: rows of the split.
    """
    sketch_train(model)
    train = next(iter(model.train_dumps().values()))
    test = test_dump(model, folder, chosen, train, split)
    return train.read(model.represented), filled(model, test)


def test_dump(
    model: FineTuned, folder: Path, chosen: np.ndarray, train: SketchDump, split: str = "test"
) -> SketchDump:
    """Return what represents test examples, or those of another split, through their heads.

    Args:
        train: what represents the training examples that they are compared with.
    """
    return SketchDump(
        model.inputs.encoded[split].select(chosen),
        model.inputs.collate,
        method_of(model.config),
        model.config.sketch,
        folder,
        f"{split} {rows_name(model.config)}",
        model.inputs.kind,
        model.gates,
        train,
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
    languages = np.array(dev["language"])
    records = []
    for record in model.history[: model.kept]:
        correct = model.correct("dev", model.probabilities("dev", record["epoch"]))
        by_language = {
            name: float(correct[languages == name].mean()) for name in dict.fromkeys(languages)
        }
        records.append(record | {"dev_accuracy": float(correct.mean()), "languages": by_language})
    return records


def influence_tables(
    config: Config,
    scores: Scores,
    train: datasets.Dataset,
    trained: Examples,
    tested: Examples,
) -> dict[str, pd.DataFrame]:
    """Return the tables that come from influence: one per table or figure of the papers."""
    texts = [
        f"{text} {pair or ''}" for text, pair in zip(train["text"], train["text_pair"], strict=True)
    ]
    whole, own = wholly_own(texts, trained)
    seed, total, traces = config.seed, scores.summed, [scores.summed, *scores.epochs]
    pair = None
    if scores.twins is not None:
        first, second = (shares(twin, trained, tested, seed) for twin in scores.twins)
        pair = first, second
    plain = with_noise(shares(traces, trained, tested, seed), pair)
    tables = {
        "shares": with_significance(plain, total, trained, tested, seed),
        "mean_influence": mean_influence(traces, trained, tested, seed),
        "labels": labels(total, trained, tested, seed),
        "distribution": distribution(scores.counts, scores.edges, trained, tested),
        "scripts": script_table(total, whole, own, trained, tested, seed),
        "influential": influential(total, train, trained, tested, config.task.classes, whole),
    }
    if scores.parts:
        tables["part_shares"] = part_shares(scores.parts, trained, tested, seed)
    if len(scores.means) > 1:
        tables["epoch_tests"] = epoch_tests(scores.means, tested)
    if distances_available():
        languages = tuple(config.languages)
        tables["distances"] = distance_correlations(
            tables["shares"], distances(languages), languages
        )
    if config.task.parallel:
        tables["reinforcing"] = reinforcing(total, trained, tested, seed)
    return tables
