"""From sketches to scores: what the traced test examples owe to the training examples."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xling.analysis.coverage import coverage, mean_coverage
from xling.analysis.distribution import bin_edges
from xling.analysis.example_metadata import Examples
from xling.analysis.twins import agreement
from xling.attribution import (
    Traces,
    candidates,
    concatenated,
    exact_scores,
    histograms,
    mean_scores,
    reranked,
    shortened,
    trace,
)
from xling.cli.console import say, tally
from xling.config import Config
from xling.pipeline.fine_tune import FineTuned
from xling.sketch import Sketches
from xling.training.sketches import SketchDump


@dataclasses.dataclass(frozen=True)
class Part:
    """Test examples that are compared with the same sketches of the training examples.

    Attributes:
        rows: which of the chosen test examples; those of all parts in turn are all, in order.
        train, test: what sketched the training examples, and these.
    """

    rows: np.ndarray
    train: SketchDump
    test: SketchDump


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


@dataclasses.dataclass(frozen=True)
class Scored:
    """A part with its sketches at every epoch and the traces by them, and by their twins."""

    part: Part
    train: list[Sketches]
    test: list[Sketches]
    traces: list[Traces]
    twins: list[Traces] | None


def score(model: FineTuned, train: Examples, tested: Examples, parts: Sequence[Part]) -> Found:
    """Score all training examples for the chosen test examples.

    Args:
        train, tested: the training and the chosen test examples.
    """
    settings = model.config.influence
    weights = epoch_weights(model.config, model.history[: model.kept])
    each = [_scored(model, train, part, weights) for part in parts]
    named = _joined([one.traces for one in each])
    traces = [shortened(one, settings.top_k) for one in named]
    pair = agreed = None
    if model.config.sketch.twin:
        twins = _joined([one.twins for one in each])
        pair = list(traces), [shortened(one, settings.top_k) for one in twins]
        agreed = _agreement(each, weights, settings)
    if settings.rerank:
        again = [rerank(model, one.part, one.traces[0], weights) for one in each]
        traces[0] = concatenated(again)
    edges = bin_edges(float(named[0].negative.score.min()), float(named[0].positive.score.max()))
    counts = np.zeros((len(tested.languages), len(train.languages), len(edges) - 1), np.int64)
    means = [np.zeros((len(train.ids), len(tested.languages))) for _ in range(model.kept)]
    for one in each:
        languages, groups = np.unique(tested.language[one.part.rows], return_inverse=True)
        counts[languages] += histograms(
            *(one.train, one.test, train.language, groups, edges),
            similarity=settings.similarity,
            weights=weights,
            memory_gb=settings.memory_gb,
        )
        for into, left, right in zip(means, one.train, one.test, strict=True):
            into[:, languages] = mean_scores(left, right, groups, settings.similarity)
    covered = mean_coverage([coverage(one.train) for one in each])
    size = each[0].train[0].metadata.dimensions
    return Found(traces, pair, agreed, counts, edges, means, covered, size)


def extremes(model: FineTuned, part: Part) -> Traces:
    """Trace test examples over all epochs, re-ranked if asked to, as a run's own tables are."""
    settings = model.config.influence
    traces = summed(model, part, max(settings.top_k, settings.rerank))
    if settings.rerank:
        weights = epoch_weights(model.config, model.history[: model.kept])
        return rerank(model, part, traces, weights)
    return shortened(traces, settings.top_k)


def summed(model: FineTuned, part: Part, k: int) -> Traces:
    """Trace test examples over all epochs up to the kept one, and no more than that."""
    settings, kept = model.config.influence, model.kept
    return trace(
        part.train.read(kept),
        part.test.read(kept),
        np.zeros(len(model.inputs.corpus["train"]), int),
        k,
        similarity=settings.similarity,
        weights=epoch_weights(model.config, model.history[:kept]),
        memory_gb=settings.memory_gb,
    )[0]


def epoch_weights(config: Config, history: list[dict[str, Any]]) -> list[float]:
    """Return what each epoch counts in the sum: the same, or its learning rate."""
    if config.influence.weights == "equal":
        return [1.0] * len(history)
    return [record["learning_rate"] for record in history]


def rerank(model: FineTuned, part: Part, traces: Traces, weights: list[float]) -> Traces:
    """Return the summed traces with rankings by exact gradients of the sketches' candidates."""
    settings = model.config.influence
    wanted = candidates(traces)
    pairs, distinct = sum(map(len, wanted)), len(np.unique(np.concatenate(wanted)))
    say(
        f"Re-ranking {pairs:,} pairs by exact gradients of {distinct:,} training examples at "
        f"{len(weights)} epochs"
    )
    total = [np.zeros(len(each), np.float32) for each in wanted]
    for epoch, weight in enumerate(weights, start=1):
        classifier = model.at(epoch)
        found = exact_scores(
            classifier,
            *(dump.source(classifier) for dump in (part.train, part.test)),
            wanted,
            similarity=settings.similarity,
            skip=model.config.sketch.skip,
            memory_gb=settings.memory_gb,
            progress=partial(tally, label=f"exact gradients, epoch {epoch}"),
        )
        for into, scores in zip(total, found, strict=True):
            into += weight * scores
    ids = model.inputs.corpus["train"]["id"]
    return reranked(traces, wanted, total, ids, settings.top_k)


def _scored(model: FineTuned, train: Examples, part: Part, weights: list[float]) -> Scored:
    settings = model.config.influence
    left, right = (dump.read(model.kept) for dump in (part.train, part.test))
    traced = partial(
        trace,
        groups=train.language,
        k=max(settings.top_k, settings.rerank),
        similarity=settings.similarity,
        weights=weights,
        memory_gb=settings.memory_gb,
    )
    twins = None
    if model.config.sketch.twin:
        twins = traced([each.twin for each in left], [each.twin for each in right])
    return Scored(part, left, right, traced(left, right), twins)


def _joined(parts: Sequence[list[Traces]]) -> list[Traces]:
    return [concatenated(each) for each in zip(*parts, strict=True)]


def _agreement(each: list[Scored], weights: list[float], settings: Any) -> dict[str, float]:
    """Average over the parts, by their test examples, how far sketches and twins agree."""
    found = [
        agreement(
            one.train,
            one.test,
            shortened(one.traces[0], settings.top_k),
            shortened(one.twins[0], settings.top_k),
            weights,
            settings.similarity,
        )
        for one in each
    ]
    sizes = [len(one.part.rows) for one in each]
    return {key: float(np.average([of[key] for of in found], weights=sizes)) for key in found[0]}
