"""Has the model learnt the task? Its accuracy beside chance and beside the majority class."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xling.analysis.statistics import SIGNIFICANT, above_p, wilson_interval

ALL = "all"
"""Stands for all languages together in the column `language`."""

COLUMNS = "language accuracy low high chance majority p learnt only_class examples"


def learnt(
    languages: Sequence[str],
    labels: np.ndarray,
    predictions: np.ndarray,
    correct: np.ndarray,
    classes: Sequence[str],
    contents: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Tabulate the test accuracy of each language, and of all, beside chance and majority.

    Args:
        languages: of each test example.
        labels: (test,) numbers of the right classes.
        predictions: (test,) numbers of the predicted classes.
        correct: (test,) whether each prediction is right.
        classes: their names.
        contents: what test examples share with their translations. Translations are not
            independent, so that all languages together count as no more examples than contents.

    Returns:
        Columns language, accuracy, low, high (95 % Wilson interval), chance, majority (share of
        the most frequent class; of all languages, its mean over the examples), p (exact one-sided
        binomial test against the larger of the two), learnt (p < 0.05), only_class (the class that
        is predicted for every example, else ""), examples.
    """
    names = np.array(languages)
    rows = []
    for language in dict.fromkeys(languages):
        mine = names == language
        majority = float(np.bincount(labels[mine]).max() / mine.sum())
        rows.append(_row(language, correct[mine], majority, classes, predictions[mine]))
    sizes = np.array([row[-1] for row in rows])
    majority = float(np.average([row[5] for row in rows], weights=sizes))
    independent = len(names) if contents is None else len(set(contents))
    rows.append(_row(ALL, correct, majority, classes, predictions, independent))
    return pd.DataFrame(rows, columns=COLUMNS.split())


def _row(
    language: str,
    correct: np.ndarray,
    majority: float,
    classes: Sequence[str],
    predictions: np.ndarray,
    independent: int | None = None,
) -> tuple[object, ...]:
    accuracy, count = float(correct.mean()), len(correct)
    low, high = wilson_interval(accuracy, independent or count)
    chance = 1 / len(classes)
    p = above_p(accuracy, independent or count, max(chance, majority))
    predicted = np.unique(predictions)
    only = classes[predicted[0]] if len(predicted) == 1 else ""
    return (language, accuracy, low, high, chance, majority, p, p < SIGNIFICANT, only, count)


def not_learnt(table: pd.DataFrame) -> list[str]:
    """Return the languages whose accuracy is not above chance and majority, without `ALL`."""
    rows = table[(table["language"] != ALL) & ~table["learnt"].astype(bool)]
    return rows["language"].tolist()


def unlearnt_subnetworks(
    pruning: pd.DataFrame, languages: Sequence[str], labels: np.ndarray, classes: int
) -> list[str]:
    """Return the languages whose subnetwork was identified in a model that has not learnt.

    Args:
        pruning: the table of the steps, whose step 0 is the model with all heads.
        languages, labels: of the development examples that it was measured on.
        classes: how many there are.
    """
    names, before = np.array(languages), pruning[pruning["step"] == 0]
    weak = []
    for language, accuracy in zip(before["language"], before["accuracy"], strict=True):
        mine = labels[names == language]
        if not len(mine):
            continue
        majority = np.bincount(mine).max() / len(mine)
        if above_p(accuracy, len(mine), max(1 / classes, majority)) >= SIGNIFICANT:
            weak.append(language)
    return weak
