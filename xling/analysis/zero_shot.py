"""What a model without a language relies on instead (Choenni et al. 2023, §8.3, Fig. 4)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from xling.analysis.shares import SIGNS, ranking
from xling.analysis.statistics import bootstrap_interval
from xling.attribution import Traces


@dataclasses.dataclass(frozen=True)
class Trained:
    """One of the two models: what it was trained on, and what it traced.

    Attributes:
        ids, languages: of the training examples.
        parallel: ids that translations share; None if the task is not parallel.
        traces: of the summed influence on the test examples that both models trace.
    """

    ids: np.ndarray
    languages: np.ndarray
    parallel: np.ndarray | None
    traces: Traces


def zero_shot(
    full: Trained, without: Trained, test_languages: Sequence[str], seed: int = 0
) -> pd.DataFrame:
    """Tabulate how far the top-k sets of two models overlap, for languages that one has not seen.

    Args:
        full: the model trained on all languages.
        without: the zero-shot model.
        test_languages: of the test examples, which both models classify correctly.

    Returns:
        Columns sign, language, measure, value, low, high, chance, test_examples. Measures:
        `translations`, the share of the zero-shot model's set that translates an example of the
        language in the full model's set (parallel tasks alone); `recovered`, the share of the full
        model's members from other languages that is in the zero-shot model's set again. `chance`
        is what sets drawn at random would have.
    """
    rows = []
    languages = np.array(test_languages)
    for sign in SIGNS:
        both = [ranking(model.traces, sign).index for model in (full, without)]
        measured = [
            _overlaps(full, without, language, *rankings)
            for language, *rankings in zip(languages, *both, strict=True)
        ]
        table = pd.DataFrame(measured)
        for language in dict.fromkeys(test_languages):
            mine = table[languages == language]
            for measure in ("translations", "recovered"):
                values = mine[measure].dropna().to_numpy(float)
                if not len(values):
                    continue
                low, high = bootstrap_interval(values, seed=seed)
                chance = mine[f"{measure}_chance"].mean()
                rows.append(
                    (sign, language, measure, values.mean(), low, high, chance, len(values))
                )
    columns = "sign language measure value low high chance test_examples"
    return pd.DataFrame(rows, columns=columns.split())


def _overlaps(
    full: Trained, without: Trained, language: str, by_full: np.ndarray, by_other: np.ndarray
) -> dict[str, float]:
    """Measure one test example's two top-k sets."""
    own = full.languages[by_full] == language
    others = full.ids[by_full][~own]
    overlaps = {
        "translations": np.nan,
        "translations_chance": np.nan,
        "recovered": np.isin(others, without.ids[by_other]).mean() if len(others) else np.nan,
        "recovered_chance": len(by_other) / len(without.ids),
    }
    if full.parallel is not None and without.parallel is not None:
        wanted = full.parallel[by_full][own]
        overlaps["translations"] = np.isin(without.parallel[by_other], wanted).mean()
        overlaps["translations_chance"] = np.isin(without.parallel, wanted).mean()
    return overlaps
