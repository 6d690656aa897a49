"""From the sketches of a fine-tuned model to the tables: which examples made which predictions."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd

from xling.analysis.accuracy import accuracy
from xling.analysis.browser import influential, traced
from xling.analysis.corpus import Examples, examples
from xling.analysis.coverage import coverage
from xling.analysis.distances import available as distances_available
from xling.analysis.distances import distance_correlations, distances
from xling.analysis.distribution import bin_edges, distribution
from xling.analysis.epochs import epoch_tests
from xling.analysis.means import mean_influence
from xling.analysis.permutation import with_significance
from xling.analysis.scripts import script_table, wholly_own
from xling.analysis.shares import labels, shares
from xling.analysis.translations import reinforcing
from xling.analysis.twins import agreement, with_noise
from xling.config import Config
from xling.console import say, tally
from xling.influence import (
    Traces,
    candidates,
    exact_scores,
    histograms,
    mean_scores,
    reranked,
    shortened,
    trace,
)
from xling.materials import Materials, at_epoch, train_dump
from xling.places import Places
from xling.results import headline
from xling.tuning.fit import kept_epoch
from xling.tuning.predict import draw_traced, probabilities
from xling.tuning.sketches import SketchDump


@dataclasses.dataclass(frozen=True)
class Found:
    """What the sketches say of the traced test examples.

    Attributes:
        traces: of the summed influence, then of each epoch.
        pair: where there are twin sketches, the traces by the sketches (before any re-ranking)
            and by their twins.
        agreement: how far the two agree.
        counts: pairs of a training and a test example in bins of the summed influence, (test
            languages, train languages, bins).
        edges: of the bins.
        means: of each epoch, the mean score of each training example over the test examples of
            each language, (train, test languages).
        coverage: the table of what the sketches cover.
        dimensions: numbers per sketch.
    """

    traces: list[Traces]
    pair: tuple[list[Traces], list[Traces]] | None
    agreement: dict[str, float] | None
    counts: np.ndarray
    edges: np.ndarray
    means: list[np.ndarray]
    coverage: pd.DataFrame
    dimensions: int


def analyse(
    config: Config,
    where: Places,
    materials: Materials,
    history: list[dict[str, Any]],
    folder: Path,
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Trace correctly classified test examples; return the headline figures and the tables."""
    kept = kept_epoch(history)
    corpus, test = materials.corpus, materials.corpus["test"]
    predicted = predict(config, where, materials, kept)
    correct = predicted.argmax(1) == np.array(test["label"])
    chosen = draw_traced(test["language"], correct, config.influence.test_per_language, config.seed)
    say(
        f"Kept epoch {kept} of {len(history)}; tracing {len(chosen)} test examples "
        f"that it classifies correctly"
    )
    train, tested = (
        examples(each, config.languages) for each in (corpus["train"], test.select(chosen))
    )
    dump = sketch_test(config, where, materials, folder, chosen, kept)
    found = score(config, where, materials, (train, tested), dump, history[:kept])
    tables = {
        "accuracy": accuracy(history, corpus["dev"]["language"], test["language"], correct, kept),
        "coverage": found.coverage,
        "traced": traced(test.select(chosen), predicted[chosen], config.task.classes),
        **influence_tables(config, found, corpus["train"], train, tested),
    }
    languages = corpus["train"]["language"]
    results = headline(config, where.run.name, history, languages, found.dimensions, tables)
    return results | {"twin": found.agreement}, tables


def score(
    config: Config,
    where: Places,
    materials: Materials,
    both: tuple[Examples, Examples],
    test_dump: SketchDump,
    history: list[dict[str, Any]],
) -> Found:
    """Score all training examples for the chosen test examples.

    Args:
        both: the training and the test examples.
    """
    settings, kept = config.influence, len(history)
    train, tested = both
    dumps = train_dump(config, where.tuning / where.sketches, materials), test_dump
    left, right = (dump.read(kept) for dump in dumps)
    weights = epoch_weights(config, history)
    scored = partial(
        trace,
        groups=train.language,
        k=max(settings.top_k, settings.rerank),
        similarity=settings.similarity,
        weights=weights,
        memory_gb=settings.memory_gb,
    )
    named = scored(left, right)
    traces, pair, agreed = [shortened(each, settings.top_k) for each in named], None, None
    if config.sketch.twin:
        twins = scored([each.twin for each in left], [each.twin for each in right])
        pair = list(traces), [shortened(each, settings.top_k) for each in twins]
        agreed = agreement(left, right, pair[0][0], pair[1][0], weights, settings.similarity)
    if settings.rerank:
        traces[0] = rerank(config, where, materials, named[0], dumps, weights)
    edges = bin_edges(float(named[0].negative.score.min()), float(named[0].positive.score.max()))
    counts = histograms(
        *(left, right, train.language, tested.language, edges),
        similarity=settings.similarity,
        weights=weights,
        memory_gb=settings.memory_gb,
    )
    means = [
        mean_scores(a, b, tested.language, settings.similarity)
        for a, b in zip(left, right, strict=True)
    ]
    size = left[0].facts.dimensions
    return Found(traces, pair, agreed, counts, edges, means, coverage(left), size)


def epoch_weights(config: Config, history: list[dict[str, Any]]) -> list[float]:
    """Return what each epoch counts in the sum: the same, or its learning rate."""
    if config.influence.weights == "equal":
        return [1.0] * len(history)
    return [record["learning_rate"] for record in history]


def predict(config: Config, where: Places, materials: Materials, kept: int) -> np.ndarray:
    """Return the kept model's class probabilities of all test examples."""
    found = probabilities(
        at_epoch(config, where, materials, kept),
        materials.encoded["test"],
        materials.collate,
        2 * config.tuning.batch_size,
    )
    if len(classes := np.unique(found.argmax(1))) == 1:
        say(
            f"WARNING: the kept model predicts {config.task.classes[classes[0]]} for every test "
            "example. It has not learnt the task, and what influences it says little: train "
            "longer, on more, or with another tuning.learning_rate."
        )
    return found


def sketch_test(
    config: Config,
    where: Places,
    materials: Materials,
    folder: Path,
    chosen: np.ndarray,
    kept: int,
) -> SketchDump:
    """Sketch the chosen test examples at every checkpoint up to the kept one."""
    dump = dump_of(config, materials, folder, chosen)
    for epoch in dump.missing(kept):
        dump(at_epoch(config, where, materials, epoch), epoch)
    return dump


def dump_of(config: Config, materials: Materials, folder: Path, chosen: np.ndarray) -> SketchDump:
    """Return what sketches, or sketched, the chosen test examples of a run's folder."""
    return SketchDump(
        materials.encoded["test"].select(chosen),
        materials.collate,
        config.sketch,
        folder / "sketches" / "test",
        "test sketches",
    )


def summed(
    config: Config,
    where: Places,
    materials: Materials,
    history: list[dict[str, Any]],
    test: SketchDump,
    k: int,
) -> Traces:
    """Trace test examples over all epochs up to the kept one, and no more than that."""
    kept = kept_epoch(history)
    return trace(
        train_dump(config, where.tuning / where.sketches, materials).read(kept),
        test.read(kept),
        np.zeros(len(materials.corpus["train"]), int),
        k,
        similarity=config.influence.similarity,
        weights=epoch_weights(config, history[:kept]),
        memory_gb=config.influence.memory_gb,
    )[0]


def rerank(
    config: Config,
    where: Places,
    materials: Materials,
    traces: Traces,
    dumps: tuple[SketchDump, SketchDump],
    weights: list[float],
) -> Traces:
    """Return the summed traces with rankings by exact gradients of the sketches' candidates.

    Args:
        dumps: of the training and of the test examples.
    """
    wanted = candidates(traces)
    pairs, distinct = sum(map(len, wanted)), len(np.unique(np.concatenate(wanted)))
    say(
        f"Re-ranking {pairs:,} pairs by exact gradients of {distinct:,} training examples at "
        f"{len(weights)} epochs"
    )
    total = [np.zeros(len(each), np.float32) for each in wanted]
    for epoch, weight in enumerate(weights, start=1):
        classifier = at_epoch(config, where, materials, epoch)
        found = exact_scores(
            classifier,
            *(dump.source(classifier) for dump in dumps),
            wanted,
            similarity=config.influence.similarity,
            skip=config.sketch.skip,
            memory_gb=config.influence.memory_gb,
            progress=partial(tally, label=f"exact gradients, epoch {epoch}"),
        )
        for into, scores in zip(total, found, strict=True):
            into += weight * scores
    ids = materials.corpus["train"]["id"]
    return reranked(traces, wanted, total, ids, config.influence.top_k)


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
