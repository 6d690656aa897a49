"""Has the model learnt the task? Its accuracy beside chance and beside the majority class.

A language counts as learnt unless chance could do as well. With each of thirty languages tested for
itself at 0.05, up to 1.5 that a model has not learnt would count as learnt, and their shares as
findings. So the false discovery rate is controlled over the languages: of those that count as
learnt, 5 % at most are expected not to be. Where most are learnt, that asks hardly more of the
others than a single test.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xling.analysis.statistics import SIGNIFICANT, above_p, q_values, wilson_interval

ALL = "all"
"""Stands for all languages together in the column `language`."""

MEASURED = "language accuracy low high chance majority p only_class examples"
COLUMNS = "language accuracy low high chance majority p q learnt only_class examples"


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
        binomial test against the larger of the two), q (p with the false discovery rate controlled
        over the languages; of all languages, which is one test, p itself), learnt (q < 0.05),
        only_class (the class that is predicted for every example, else ""), examples.
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
    table = pd.DataFrame(rows, columns=MEASURED.split())
    p = table["p"].to_numpy(float)
    q = np.append(q_values(p[:-1]), p[-1])
    return table.assign(q=q, learnt=q < SIGNIFICANT)[COLUMNS.split()]


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
    return (language, accuracy, low, high, chance, majority, p, only, count)


def not_learnt(table: pd.DataFrame) -> list[str]:
    """Return the languages whose accuracy is not above chance and majority, without `ALL`."""
    rows = table[(table["language"] != ALL) & ~table["learnt"].astype(bool)]
    return rows["language"].tolist()


def unlearnt_subnetworks(
    pruning: pd.DataFrame, languages: Sequence[str], labels: np.ndarray, classes: int
) -> list[str]:
    """Return the languages whose subnetwork was identified in a model that has not learnt.

    By q-values over the languages, each of which has a model of its own.

    Args:
        pruning: the table of the steps, whose step 0 is the model with all heads.
        languages, labels: of the development examples that it was measured on.
        classes: how many there are.
    """
    names, before = np.array(languages), pruning[pruning["step"] == 0]
    p = {}
    for language, accuracy in zip(before["language"], before["accuracy"], strict=True):
        mine = labels[names == language]
        if len(mine):
            majority = np.bincount(mine).max() / len(mine)
            p[language] = above_p(accuracy, len(mine), max(1 / classes, majority))
    q = q_values(np.array([*p.values()]))
    return [
        language for language, of_language in zip(p, q, strict=True) if of_language >= SIGNIFICANT
    ]
