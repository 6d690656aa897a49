"""Influential examples written wholly in their language's script (Choenni et al. 2023, §7.1)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import pandas as pd
from fontTools import unicodedata

from xling.analysis.example_metadata import Examples
from xling.analysis.shares import SIGNS, ranking
from xling.analysis.statistics import bootstrap_interval, pooled_share
from xling.attribution import Traces

NO_SCRIPT = {"Zyyy", "Zinh", "Zzzz"}
"""Unicode scripts of digits, punctuation, spaces and marks: they belong to any text."""

TOGETHER = ({"Hira", "Kana", "Hani"},)
"""Scripts that one language is written in at once: Japanese."""


@cache
def script(character: str) -> str:
    """Return the Unicode script property of a character, as in Latn."""
    return unicodedata.script(character)


def scripts(text: str) -> set[str]:
    """Return the scripts of a text's letters."""
    return {script(character) for character in set(text)} - NO_SCRIPT


def own_scripts(texts: Iterable[str]) -> set[str]:
    """Return the script that most of a language's letters have, with those that go with it."""
    counts = Counter(
        name for text in texts for character in text if (name := script(character)) not in NO_SCRIPT
    )
    if not counts:
        return set()
    first = counts.most_common(1)[0][0]
    for group in TOGETHER:
        kana = sum(counts[name] for name in group - {"Hani"})
        if first in group and kana > 0.05 * counts.total():
            return group
    return {first}


def wholly_own(texts: Sequence[str], train: Examples) -> tuple[np.ndarray, dict[str, set[str]]]:
    """Tell which training examples are written wholly in their language's own script.

    Args:
        texts: of the training examples.

    Returns:
        (train,) booleans, and each language's own scripts.
    """
    own = {
        language: own_scripts(texts[int(row)] for row in train.rows_of(language))
        for language in train.languages
    }
    whole = [
        scripts(text) <= own[train.languages[code]]
        for text, code in zip(texts, train.language, strict=True)
    ]
    return np.array(whole), own


def script_table(
    traces: Traces,
    whole: np.ndarray,
    own: dict[str, set[str]],
    train: Examples,
    test: Examples,
    seed: int = 0,
) -> pd.DataFrame:
    """Tabulate, per training language, the share of its influential examples in its own script.

    Pooled over the test examples of other languages and, by itself, over those of its own.

    Args:
        traces: of the summed influence.
        whole, own: from `wholly_own`.

    Returns:
        Columns sign, train_language, test_languages ("own" or "others"), scripts (Unicode names,
        joined by +), whole, low, high (missing for fewer than two test examples), members,
        all_examples (the share among all its training examples).
    """
    names = np.array(test.languages)[test.language]
    rows = []
    for sign in SIGNS:
        index = ranking(traces, sign).index
        every = _counts(train, index, np.ones_like(whole))
        whole_ones = _counts(train, index, whole)
        for number, language in enumerate(train.languages):
            at_home = names == language
            for name, chosen in (("own", at_home), ("others", ~at_home)):
                has = chosen & (every[:, number] > 0)  # the rest does not enter the ratio
                if not has.any():
                    continue
                members, good = every[has, number], whole_ones[has, number]
                low, high = bootstrap_interval(good, members, statistic=pooled_share, seed=seed)
                rows.append(
                    (
                        *(sign, language, name, "+".join(sorted(own[language]))),
                        *(pooled_share(good, members), low, high, members.sum()),
                        whole[train.rows_of(language)].mean(),
                    )
                )
    columns = "sign train_language test_languages scripts whole low high members all_examples"
    return pd.DataFrame(rows, columns=columns.split())


def _counts(train: Examples, index: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Count each test example's members of each training language.

    Args:
        index: (test, k) the members.
        which: (train,) booleans, those to count.

    Returns:
        (test, train languages).
    """
    tests, languages = len(index), len(train.languages)
    places = np.arange(tests)[:, None] * languages + train.language[index]
    return np.bincount(places[which[index]], minlength=tests * languages).reshape(tests, languages)
