"""From representations to scores: how much each training example influenced the traced ones."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from xling.analysis.distribution import bin_edges
from xling.analysis.example_metadata import Examples
from xling.analysis.twins import agreement
from xling.attribution import (
    ExactMethod,
    Scores,
    Traces,
    candidates,
    concatenated,
    histograms,
    mean_scores,
    reranked,
    shortened,
    trace,
)
from xling.cli.console import say, tally
from xling.config import Config
from xling.errors import UserError
from xling.pipeline.fine_tune import FineTuned
from xling.sketch import Sketches
from xling.training.sketches import SketchDump, method_of


@dataclasses.dataclass(frozen=True)
class TracedSet:
    """Test examples that are compared with the same representations of the training examples.

    Attributes:
        rows: which of the traced test examples; the sets in their order hold all, in order.
        train_dump, test_dump: what represents the training examples, and these test examples.
        train, test: the representations at each epoch up to the kept one.
    """

    rows: np.ndarray
    train_dump: SketchDump
    test_dump: SketchDump
    train: list[Sketches]
    test: list[Sketches]


def score(model: FineTuned, train: Examples, tested: Examples, sets: Sequence[TracedSet]) -> Scores:
    """Score all training examples for the traced test examples.

    Args:
        train, tested: the training and the traced test examples.
        sets: these test examples with their representations.
    """
    settings = model.config.influence
    method, weights = method_of(model.config), epoch_weights(model.config, model.history)
    weights = weights[: model.represented]
    options = {"method": method, "weights": weights, "memory_gb": settings.memory_gb}
    k = max(settings.top_k, settings.rerank)
    by_set = [trace(one.train, one.test, train.language, k, **options) for one in sets]
    traces = _joined(by_set)
    short = [shortened(at_epoch, settings.top_k) for at_epoch in traces]
    twins = agreed = None
    if sets[0].train[0].metadata.copies > 1:
        by_twins = [
            trace(
                [sketches.twin for sketches in one.train],
                [sketches.twin for sketches in one.test],
                train.language,
                k,
                **options,
            )
            for one in sets
        ]
        twins = short, [shortened(at_epoch, settings.top_k) for at_epoch in _joined(by_twins)]
        agreed = _agreement(model.config, sets, by_set, by_twins, weights)
    summed = short[0]
    if settings.rerank:
        again = [
            rerank(model, one, by_epoch[0], weights)
            for one, by_epoch in zip(sets, by_set, strict=True)
        ]
        summed = concatenated(again)
    edges = bin_edges(float(traces[0].negative.score.min()), float(traces[0].positive.score.max()))
    counts = np.zeros((len(tested.languages), len(train.languages), len(edges) - 1), np.int64)
    means = [np.zeros((len(train.ids), len(tested.languages))) for _ in range(model.represented)]
    for one in sets:
        languages, groups = np.unique(tested.language[one.rows], return_inverse=True)
        counts[languages] += histograms(
            one.train, one.test, train.language, groups, edges, **options
        )
        for of_epoch, left, right in zip(means, one.train, one.test, strict=True):
            of_epoch[:, languages] = mean_scores(left, right, groups, method)
    parts = part_traces(sets, train.language, settings.top_k, options)
    return Scores(summed, short[1:], counts, edges, means, twins, agreed, parts)


def part_traces(
    sets: Sequence[TracedSet], groups: np.ndarray, k: int, options: dict[str, Any]
) -> dict[str, Traces]:
    """Trace test examples over all epochs by the gradients of each part of the model alone.

    Args:
        sets: the test examples; their sketches keep the parts apart, or there is no trace.
        groups, k, options: of `trace`.
    """
    traces = {}
    for name in sets[0].train[0].metadata.parts:
        sides = [
            tuple([sketches.part(name) for sketches in side] for side in (one.train, one.test))
            for one in sets
        ]
        if any((part.norms == 0).any() for pair in sides for side in pair for part in side):
            say(f"No shares by the gradients of {name}: for some examples they are zero")
            continue
        traces[name] = concatenated(
            [trace(train, test, groups, k, **options)[0] for train, test in sides]
        )
    return traces


def top_traces(model: FineTuned, traced_set: TracedSet) -> Traces:
    """Trace test examples over all epochs, re-ranked if asked to, as a run's own tables are."""
    settings = model.config.influence
    traces = summed(model, traced_set, max(settings.top_k, settings.rerank))
    if settings.rerank:
        weights = epoch_weights(model.config, model.history)[: model.represented]
        return rerank(model, traced_set, traces, weights)
    return shortened(traces, settings.top_k)


def summed(model: FineTuned, traced_set: TracedSet, k: int) -> Traces:
    """Trace test examples over all epochs up to the kept one, without re-ranking."""
    return trace(
        traced_set.train,
        traced_set.test,
        np.zeros(len(model.inputs.corpus["train"]), int),
        k,
        method=method_of(model.config),
        weights=epoch_weights(model.config, model.history)[: model.represented],
        memory_gb=model.config.influence.memory_gb,
    )[0]


def scores_of_group(
    model: FineTuned, train: Sequence[Sketches], test: Sequence[Sketches]
) -> np.ndarray:
    """Return each training example's score for some test examples together.

    Args:
        train, test: their representations at each checkpoint.

    Returns:
        (train,) the mean over the test examples, summed over the checkpoints.
    """
    method, weights = method_of(model.config), epoch_weights(model.config, model.history)
    together = np.zeros(len(test[0]), int)
    total = np.zeros(len(train[0]))
    for left, right, weight in zip(train, test, weights[: model.represented], strict=True):
        total += weight * mean_scores(left, right, together, method)[:, 0]
    return total


def epoch_weights(config: Config, history: list[dict[str, Any]]) -> list[float]:
    """Return the weight of each epoch in the sum: 1, or its learning rate."""
    if config.influence.weights == "equal":
        return [1.0] * len(history)
    return [record["learning_rate"] for record in history]


def rerank(model: FineTuned, traced_set: TracedSet, traces: Traces, weights: list[float]) -> Traces:
    """Return the summed traces with rankings by exact scores of the candidates.

    Raises:
        UserError: the method has no exact scores.
    """
    settings, method = model.config.influence, method_of(model.config)
    if not isinstance(method, ExactMethod):
        raise UserError(
            f"influence.rerank={settings.rerank}: influence={settings.method} has no exact "
            "scores to re-rank by. Omit influence.rerank."
        )
    wanted = candidates(traces)
    pairs, distinct = sum(map(len, wanted)), len(np.unique(np.concatenate(wanted)))
    say(
        f"Re-ranking {pairs:,} pairs by exact gradients of {distinct:,} training examples at "
        f"{len(weights)} epochs"
    )
    total = [np.zeros(len(indices), np.float32) for indices in wanted]
    for epoch, weight in enumerate(weights, start=1):
        classifier = model.at(epoch)
        exact = method.exact_scores(
            classifier,
            traced_set.train_dump.source(classifier),
            traced_set.test_dump.source(classifier),
            wanted,
            memory_gb=settings.memory_gb,
            progress=partial(tally, label=f"exact gradients, epoch {epoch}"),
        )
        for sums, scores in zip(total, exact, strict=True):
            sums += weight * scores
    ids = model.inputs.corpus["train"]["id"]
    return reranked(traces, wanted, total, ids, min(settings.top_k, len(ids)))


def _joined(by_set: Sequence[list[Traces]]) -> list[Traces]:
    """Join the traces of all sets: the summed ones, then those of each epoch."""
    return [concatenated(parts) for parts in zip(*by_set, strict=True)]


def _agreement(
    config: Config,
    sets: Sequence[TracedSet],
    by_set: Sequence[list[Traces]],
    by_twins: Sequence[list[Traces]],
    weights: list[float],
) -> dict[str, float]:
    """Average over the sets, by their test examples, how far sketches and twins agree."""
    top_k = config.influence.top_k
    figures = [
        agreement(
            one.train,
            one.test,
            shortened(first[0], top_k),
            shortened(second[0], top_k),
            weights,
            method_of(config),
        )
        for one, first, second in zip(sets, by_set, by_twins, strict=True)
    ]
    sizes = [len(one.rows) for one in sets]
    return {
        key: float(np.average([figure[key] for figure in figures], weights=sizes))
        for key in figures[0]
    }
