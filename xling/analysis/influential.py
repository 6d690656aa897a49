"""Test examples and their most influential training examples (Choenni et al. 2023, Tab. 1, 2)."""

import datasets
import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.shares import SIGNS, ranking
from xling.analysis.translations import translations
from xling.attribution import Traces


def traced(
    test: datasets.Dataset,
    probabilities: np.ndarray,
    predictions: np.ndarray,
    classes: tuple[str, ...],
) -> pd.DataFrame:
    """Tabulate the traced test examples.

    Args:
        probabilities: (test, classes) of the kept model.
        predictions: (test,) indices of the classes that it decides on.

    Returns:
        Columns test_id, language, label, predicted, probability, text, text_pair, parallel_id.
    """
    return pd.DataFrame(
        {
            "test_id": test["id"],
            "language": test["language"],
            "label": [classes[label] for label in test["label"]],
            "predicted": [classes[label] for label in predictions],
            "probability": probabilities[np.arange(len(predictions)), predictions].astype(float),
            "text": test["text"],
            "text_pair": test["text_pair"],
            "parallel_id": test["parallel_id"],
        }
    )


def influential(
    traces: Traces,
    corpus: datasets.Dataset,
    train: Examples,
    test: Examples,
    classes: tuple[str, ...],
    own_script: np.ndarray,
) -> pd.DataFrame:
    """Tabulate the members of K⁺ and K⁻ of every traced test example, the strongest first.

    Args:
        traces: of the summed influence.
        corpus: the training examples, in the order of `train`.
        own_script: (train,) whether an example is written wholly in its language's script.

    Returns:
        Columns test_id, sign, rank, train_id, train_language, label, score, translation,
        own_script, text, text_pair. `translation` is missing for tasks that are not parallel.
    """
    language_of = [test.languages[code] for code in test.language]
    ids = np.array(test.ids, dtype=object)
    tables = []
    for sign in SIGNS:
        ranked = ranking(traces, sign)
        tests, k = ranked.index.shape
        marks: np.ndarray | None = None
        if train.parallel is not None:
            pairs = zip(ranked.index, language_of, strict=True)
            marks = np.concatenate([translations(own, train, name) for own, name in pairs])
        tables.append(
            pd.DataFrame(
                {
                    "test_id": np.repeat(ids, k),
                    "sign": sign,
                    "rank": np.tile(np.arange(1, k + 1), tests),
                    "member": ranked.index.reshape(-1),
                    "score": ranked.score.reshape(-1),
                    "translation": marks,
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    columns = corpus.select_columns(["id", "language", "label", "text", "text_pair"]).to_pandas()
    columns = columns.rename(columns={"id": "train_id", "language": "train_language"})
    columns["own_script"] = own_script
    columns["label"] = columns["label"].map(lambda label: classes[label])
    joined = table.join(columns, on="member").drop(columns="member")
    columns = "test_id sign rank train_id train_language label score translation own_script text"
    return joined[[*columns.split(), "text_pair"]]
