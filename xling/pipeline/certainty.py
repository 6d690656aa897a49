"""What a run cannot be sure of: ties in its rankings, and examples that the label alone tells."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xling.analysis.doubts import LEARNING, Doubt
from xling.analysis.effective_dimension import chosen_rows, effective_dimension, mean_dimensions
from xling.analysis.example_metadata import Examples
from xling.analysis.shares import SIGNS, ranking
from xling.analysis.ties import bands, difference_variance, joined, tie_tables
from xling.attribution import Ranking, Scores, Similarity, Traces, TracIn, score_matrix
from xling.cli.console import say
from xling.config import Config
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.score import TracedSet, epoch_weights
from xling.sketch import Sketches
from xling.training.sketches import method_of

TESTS, MEMBERS = 8, 32
"""Of so many test examples per language, so many members next to rank k show the noise."""


def certainty_tables(
    model: FineTuned,
    sets: Sequence[TracedSet],
    scores: Scores,
    train: Examples,
    tested: Examples,
) -> dict[str, pd.DataFrame]:
    """Return the tables of ties and, for methods that compare gradients, of their dimension.

    Rankings by exact gradients (`influence.rerank`) have no noise, and no table of ties.
    """
    influence = model.config.influence
    tables = {}
    if not influence.rerank:
        method = method_of(model.config)
        weights = epoch_weights(model.config, model.history)[: model.represented]
        options: dict[str, Any] = {"weights": weights, "memory_gb": influence.memory_gb}
        counts, noises = [], []
        for one in sets:
            traces, languages = _rows(scores.summed, one.rows), tested.language[one.rows]
            noises.append(noise_of(model.config, one, weights, traces, languages))
            known = {sign: np.nan_to_num(noise) for sign, noise in noises[-1].items()}
            tiles = score_matrix(one.train, one.test, method, **options)
            counts.append(bands(tiles, traces, known, train))
        noise = {sign: np.concatenate([part[sign] for part in noises]) for sign in SIGNS}
        tables |= tie_tables(joined(counts), scores.summed, noise, train, tested)
    if influence.gradients:
        distinct = {one.train_dump.folder: one.train for one in sets}.values()
        measured = [effective_dimension(one, train.label, influence.memory_gb) for one in distinct]
        tables["effective_dimension"] = mean_dimensions(measured)
    return tables


def say_doubts(doubts: list[Doubt]) -> list[Doubt]:
    """Print warnings, with what may help, and return them."""
    for doubt in doubts:
        where = "predictions in these" if doubt["languages"] else "its predictions"
        advice = (
            f" What influenced {where} means little: train longer, on more data, or with another "
            "tuning.learning_rate."
        )
        say(f"WARNING: {doubt['sentence']}{advice if doubt['code'] in LEARNING else ''}")
    return doubts


def say_again(finished: Path) -> None:
    """Print what a finished run or evaluation warned of, and what an evaluation found.

    Args:
        finished: its folder.
    """
    results = json.loads((finished / "results.json").read_text("utf-8"))
    say_doubts(results.get("warnings", []))
    for sentence in results.get("findings", []):
        say(sentence)


def noise_of(
    config: Config,
    traced: TracedSet,
    weights: Sequence[float],
    traces: Traces,
    languages: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return how noisy the difference of two scores near rank k is, by sign.

    It is measured where there are twins, and worked out for TracIn without them, on a few test
    examples of each language. Methods that compare no gradients, or whole ones, have no noise. Of
    any other method it is not known: NaN.

    Args:
        traces: of these test examples, summed.
        languages: (test,) numbers of their languages.

    Returns:
        Standard deviations, (test,): equal within a language.
    """
    method, sketch = method_of(config), config.sketch
    if not config.influence.gradients or sketch.method == "exact":
        return {sign: np.zeros(len(languages)) for sign in SIGNS}
    if not isinstance(method, TracIn):
        return {sign: np.full(len(languages), np.nan) for sign in SIGNS}
    dimensions = traced.train[0].metadata.dimensions
    block = dimensions if sketch.combine == "sum" else sketch.stack * sketch.side**2
    most = max(2, int(config.influence.memory_gb * 0.25e9 / (8 * dimensions)))
    noise = {}
    for sign in SIGNS:
        noise[sign] = np.empty(len(languages))
        for language in np.unique(languages):
            mine = np.flatnonzero(languages == language)
            near = ranking(traces, sign).index[:, -min(MEMBERS, most) :]  # to rank k
            variances = [
                _variance(traced, row, near[row], weights, block, method.similarity)
                for row in mine[:TESTS]
            ]
            noise[sign][mine] = np.mean(variances) ** 0.5
    return noise


def _variance(
    traced: TracedSet,
    row: int,
    members: np.ndarray,
    weights: Sequence[float],
    block: int,
    similarity: Similarity,
) -> float:
    """Return the variance of the difference of two members' summed scores for a test example."""
    twins = traced.train[0].metadata.copies > 1
    if len(members) < 2:
        return 0.0
    apart = np.zeros(len(members))  # what a sketch and its twin say, less each other
    total = 0.0
    for weight, train, test in zip(weights, traced.train, traced.test, strict=True):
        left, right = chosen_rows(train, members, similarity), _one(test, row, similarity)
        if twins:
            again = chosen_rows(train.twin, members, similarity) @ _one(test.twin, row, similarity)
            apart += weight * (left @ right - again)
        else:
            total += weight**2 * difference_variance(left, right, block)
    return float(apart.var(ddof=1)) if twins else total


def _one(sketches: Sketches, row: int, similarity: Similarity) -> np.ndarray:
    return chosen_rows(sketches, np.array([row]), similarity)[0]


def _rows(traces: Traces, rows: np.ndarray) -> Traces:
    """Return the traces of some test examples."""
    ends = [Ranking(end.index[rows], end.score[rows]) for end in (traces.positive, traces.negative)]
    return Traces(*ends, traces.group_mean[rows])
