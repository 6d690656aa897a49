"""Have fine-tunings on parts of the data learnt anything? Small parts take few steps."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from xling.analysis.doubts import OWN, Doubt
from xling.analysis.statistics import SIGNIFICANT, above_p

FINE_TUNINGS = "fine_tunings_at_chance"
"""The code of the warning, in results.json of an evaluation."""

VERIFYING = ("recommended", "balanced", "target", "random", "matched")
"""Kinds of fine-tunings that tell whether a recommendation holds, all on as many examples."""

MANY = 0.1
"""From this share of fine-tunings at chance on, laws may be of steps instead of data."""


def beside_chance(
    retrainings: pd.DataFrame, languages: Sequence[str], labels: np.ndarray, classes: int
) -> pd.DataFrame:
    """Add to fine-tunings whether their accuracy is told from chance.

    Args:
        retrainings: test_language and accuracy of each.
        languages, labels: of the test examples.
        classes: how many there are.

    Returns:
        The table with a column `p`: exact one-sided binomial test of the accuracy against chance or
        the share of the most frequent class, whichever is larger, as in the table `learnt`.
    """
    names, bars, sizes = np.array(languages), {}, {}
    for language in dict.fromkeys(languages):
        mine = labels[names == language]
        sizes[language] = len(mine)
        bars[language] = max(1 / classes, float(np.bincount(mine).max() / len(mine)))
    p = [
        above_p(accuracy, sizes[language], bars[language])
        for language, accuracy in zip(
            retrainings["test_language"], retrainings["accuracy"], strict=True
        )
    ]
    return retrainings.assign(p=p)


def at_chance(retrainings: pd.DataFrame) -> list[int]:
    """Return the numbers of the fine-tunings that are told from chance in no test language.

    By p-values times the number of languages (Bonferroni).
    """
    by_fit = retrainings.groupby("retraining")["p"].agg(["min", "size"])
    return by_fit.index[by_fit["min"] * by_fit["size"] >= SIGNIFICANT].tolist()


def unlearnt_doubts(retrainings: pd.DataFrame) -> list[Doubt]:
    """Return a warning if many fine-tunings have learnt nothing that shows.

    Args:
        retrainings: retraining, kind, steps, test_language and p (see `beside_chance`); those of
            earlier versions have no p, and get no warning.
    """
    if "p" not in retrainings or "steps" not in retrainings:
        return []
    verifying = retrainings["kind"].isin(VERIFYING)
    return [*_doubts(retrainings[~verifying], _of_parts), *_doubts(retrainings[verifying], _checks)]


def _doubts(
    retrainings: pd.DataFrame, says: Callable[[pd.DataFrame, list[int]], str]
) -> list[Doubt]:
    """Return a warning if many of some fine-tunings have learnt nothing that shows.

    Args:
        says: what that means, given their table and the numbers of those at chance.
    """
    count, none = retrainings["retraining"].nunique(), at_chance(retrainings)
    if not count or len(none) < MANY * count:
        return []
    text = says(retrainings, none)
    return [{"code": FINE_TUNINGS, "model": OWN, "languages": [], "sentence": text}]


def _begin(what: str, steps: pd.Series, none: list[int]) -> str:
    most = int(steps[none].max())
    return (
        f"{len(none)} of {len(steps)} fine-tunings {what} have learnt nothing that shows: their "
        f"accuracy is not told from chance in any language, after up to {most:,} "
        f"{'step' if most == 1 else 'steps'}."
    )


def _of_parts(retrainings: pd.DataFrame, none: list[int]) -> str:
    """Say what fine-tunings on parts of the data at chance mean."""
    steps = retrainings.groupby("retraining")["steps"].first()
    learnt, begin = steps.drop(none), _begin("on parts of the data", steps, none)
    if learnt.empty or not (retrainings["kind"] == "mixture").any():
        advice = "Little can be told from these: raise tuning.epochs or tuning.learning_rate."
    elif steps.nunique() > 1 and steps[none].mean() < learnt.mean():
        advice = (
            "Where steps are too few to learn, any language’s data seem to help, by their steps: "
            "mixture.steps=equal gives each fine-tuning as many as all data take."
        )
    else:
        advice = "Their data may be too few: data.train_per_language, or more tuning.epochs."
    return f"{begin} {advice}"


def _checks(retrainings: pd.DataFrame, none: list[int]) -> str:
    """Say what fine-tunings at chance mean that were to tell whether a recommendation holds."""
    one = retrainings.groupby("retraining")[["kind", "steps"]].first()
    begin = _begin("that verify the recommendation", one["steps"], none)
    if len(none) == len(one):
        return (
            f"{begin} Whether it holds cannot be told from these: raise recommend.total, "
            "tuning.epochs or tuning.learning_rate."
        )
    sizes, missed = one["kind"].value_counts(), one.loc[none, "kind"].value_counts(sort=False)
    parts = [f"{missed[kind]} of {sizes[kind]} {kind}" for kind in VERIFYING if kind in missed]
    return (
        f"{begin} They are {', '.join(parts)}; with more steps (tuning.epochs) or examples "
        "(recommend.total) they might learn, and differences be others."
    )


def epochs_at_chance(
    accuracies: Sequence[Mapping[str, float]],
    languages: Sequence[str],
    labels: np.ndarray,
    classes: int,
) -> int:
    """Return after how many epochs, from the first on, a model was told from chance in no language.

    As of fine-tunings, see `at_chance`.

    Args:
        accuracies: of each language's development examples, after each epoch.
        languages, labels: of these.
        classes: how many there are.
    """
    rows = [
        (epoch, *of_language)
        for epoch, of_epoch in enumerate(accuracies)
        for of_language in of_epoch.items()
    ]
    table = pd.DataFrame(rows, columns=["retraining", "test_language", "accuracy"])
    none = at_chance(beside_chance(table, languages, labels, classes))
    return next(epoch for epoch in itertools.count() if epoch not in none)
