"""Two models on the same test examples: one has seen their language in training, one has not."""

from pathlib import Path

import datasets
import numpy as np
import pandas as pd

from xling.analysis.doubts import Doubt, learning_doubts
from xling.analysis.example_metadata import examples
from xling.analysis.shares import shares
from xling.analysis.zero_shot import Trained, zero_shot
from xling.attribution import Traces
from xling.cli.console import say
from xling.pipeline.certainty import say_doubts
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.score import top_traces
from xling.pipeline.trace import learnt_table, predict, represented
from xling.training.predict import draw_traced


def compare(
    without: FineTuned, full: FineTuned, folder: Path
) -> tuple[dict[str, pd.DataFrame], list[Doubt]]:
    """Trace the test examples of the excluded languages that both models classify correctly.

    Args:
        without: the model that has not seen these languages.
        full: the model that has.
        folder: takes the test examples' representations.

    Returns:
        The tables zero_shot, zero_shot_shares (both models on the same test examples) and
        zero_shot_accuracy, and what is wrong with how well the full model has learnt.
    """
    config = without.config
    test = without.inputs.corpus["test"]
    languages = np.array(test["language"])
    unseen = np.isin(languages, config.exclude)
    by_full = predict(full)
    doubts = say_doubts(learning_doubts(learnt_table(full, by_full), "the full model"))
    correct = {
        "without": without.correct("test", predict(without)),
        "full": full.correct("test", by_full),
    }
    rows = np.flatnonzero(unseen)
    both = (correct["without"] & correct["full"])[rows]
    drawn = draw_traced(
        languages[rows].tolist(), both, config.influence.test_per_language, config.seed
    )
    chosen = rows[drawn]
    unit = without.inputs.kind.unit
    say(f"Tracing {len(chosen)} test {unit}s that both models classify correctly")
    traced = {
        name: traces_of(model, chosen, folder / f"both_{name}")
        for name, model in (("without", without), ("full", full))
    }
    tested = examples(test.select(chosen), config.languages)
    by_model = [
        shares(
            [traced[name]],
            examples(model.inputs.corpus["train"], config.languages),
            tested,
            config.seed,
        ).assign(model=name)
        for name, model in (("without", without), ("full", full))
    ]
    accuracies = [
        (language, name, float(correct[name][languages == language].mean()))
        for language in config.exclude
        for name in ("full", "without")
    ]
    tables = {
        "zero_shot": zero_shot(
            _trained(full.inputs.corpus["train"], config.task.parallel, traced["full"]),
            _trained(without.inputs.corpus["train"], config.task.parallel, traced["without"]),
            languages[chosen].tolist(),
            config.seed,
        ),
        "zero_shot_shares": pd.concat(by_model, ignore_index=True)[
            "model sign test_language train_language share low high base_rate".split()
        ],
        "zero_shot_accuracy": pd.DataFrame(accuracies, columns=["language", "model", "accuracy"]),
    }
    return tables, doubts


def traces_of(model: FineTuned, chosen: np.ndarray, folder: Path) -> Traces:
    """Trace test examples with all heads of a model; return the summed influence."""
    (traced_set,) = represented(model, folder, chosen)
    return top_traces(model, traced_set)


def _trained(train: datasets.Dataset, parallel: bool, traces: Traces) -> Trained:
    return Trained(
        np.array(train["id"]),
        np.array(train["language"]),
        np.array(train["parallel_id"]) if parallel else None,
        traces,
    )
