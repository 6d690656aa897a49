"""What a run's results cannot be taken for: its warnings, with codes for programs to read."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from xling.analysis.effective_dimension import label_decides
from xling.analysis.learnt import ALL, not_learnt
from xling.analysis.shares import SIGNS

ONE_CLASS = "one_class"
MODEL = "model_not_above_chance"
LANGUAGES = "languages_not_above_chance"
SUBNETWORKS = "subnetworks_of_models_at_chance"
LABEL = "examples_differ_by_label_alone"
TIES = "rankings_are_ties"
NEGATIVE_TIES = "negative_rankings_are_ties"
WIDE = "rankings_hold_most_examples"

CODES = (ONE_CLASS, MODEL, LABEL, TIES, WIDE, NEGATIVE_TIES, LANGUAGES, SUBNETWORKS)
"""All codes, the gravest first."""

LEARNING = (ONE_CLASS, MODEL, LANGUAGES)
"""The codes of models that have not learnt."""

TIED = {"+": TIES, "-": NEGATIVE_TIES}
"""The codes of rankings of a sign that are ties; where the positive ones are, nothing is left."""

MOSTLY = 0.9
"""From this mean share of the top k that is up to chance on, rankings are called ties; of what a
draw from all training examples would replace, which is less than all the larger k is."""

OWN = "the model"
"""What the sentences call the run's own model."""

Doubt = dict[str, Any]
"""A warning: its `code`, the `model` and the `languages` that it is about, and a `sentence`."""


def learning_doubts(learnt: pd.DataFrame, model: str = OWN) -> list[Doubt]:
    """Return what is wrong with how well a model has learnt, from the table `learnt`.

    Args:
        model: what the sentences call it.
    """
    rows = learnt.set_index("language")
    every: Any = rows.loc[ALL]
    numbers = (
        f"{every['accuracy']:.1%} of the test examples are right, chance is {every['chance']:.1%}, "
        f"and always the most frequent class {every['majority']:.1%}"
    )
    start = model[0].upper() + model[1:]
    if every["only_class"]:
        text = f"{start} predicts {every['only_class']} for every test example ({numbers})."
        return [_doubt(ONE_CLASS, text, model)]
    if not every["learnt"]:
        return [_doubt(MODEL, f"{start} is not shown to be better than chance ({numbers}).", model)]
    weak = not_learnt(learnt)
    if not weak:
        return []
    bars = rows[["chance", "majority"]].max(axis=1)
    parts = [f"{name} {rows.loc[name, 'accuracy']:.1%} against {bars[name]:.1%}" for name in weak]
    text = (
        f"{start} is not shown to be better than chance and the most frequent class in "
        f"{len(weak)} of {len(learnt) - 1} languages ({', '.join(parts)})."
    )
    return [_doubt(LANGUAGES, text, model, weak)]


def subnetwork_doubts(languages: Sequence[str]) -> list[Doubt]:
    """Return a warning of languages whose subnetwork was identified in a model at chance."""
    if not languages:
        return []
    text = (
        f"The subnetworks of {', '.join(languages)} were identified in models that are not shown "
        "to be better than chance on their development examples: which heads they keep means "
        "little."
    )
    return [_doubt(SUBNETWORKS, text, OWN, languages)]


def ranking_doubts(tables: Mapping[str, pd.DataFrame], ranked: float = 0.0) -> list[Doubt]:
    """Return why the rankings cannot tell examples apart, from `effective_dimension` and `ties`.

    Args:
        ranked: share of the training examples that are in a ranking, 0 to 1.
    """
    doubts = []
    if (table := tables.get("effective_dimension")) is not None and label_decides(table):
        row = table[table["epoch"] == 0].iloc[0]
        text = (
            "The training examples differ in little but the label: the gradients of two examples "
            f"with the same label have a cosine of {row['same_label_cosine']:.3f} on average, and "
            f"all of them an effective dimension of {row['dimension']:.1f}. Within a label the "
            "rankings are ties."
        )
        doubts.append(_doubt(LABEL, text, OWN))
    if (table := tables.get("ties")) is not None:
        by_chance = table.groupby("sign")["by_chance"].mean()
        least = MOSTLY * (1 - ranked)
        tied = [(code, sign) for sign, code in TIED.items() if by_chance[sign] >= least > 0]
        for code, sign in tied[:1]:
            text = (
                f"{by_chance[sign]:.0%} of the most {SIGNS[sign]} training examples would be "
                "others if equal scores, and those that differ by no more than the sketches’ "
                "noise, were put in order by chance"
                + (f"; of rankings of nothing, {1 - ranked:.0%} would be." if ranked else ".")
            )
            doubts.append(_doubt(code, text, OWN))
    return doubts


def size_doubts(top_k: int, examples: int) -> list[Doubt]:
    """Return a warning if the most positive and the most negative examples overlap.

    Args:
        top_k: how many of each there are.
        examples: number of training examples.
    """
    if 2 * top_k <= examples:
        return []
    text = (
        f"influence.top_k={top_k} is more than half of the {examples:,} training examples, so that "
        "some are among the most positive and the most negative, and shares are near the "
        "languages’ shares of the data, whatever the model has learnt. "
        f"influence.top_k={max(1, examples // 10)} tells more."
    )
    return [_doubt(WIDE, text, OWN)]


def ordered(doubts: Sequence[Doubt]) -> list[Doubt]:
    """Return warnings with the gravest first, those of the run's own model before others."""
    return sorted(doubts, key=lambda doubt: (doubt["model"] != OWN, CODES.index(doubt["code"])))


def _doubt(code: str, sentence: str, model: str, languages: Sequence[str] = ()) -> Doubt:
    return {"code": code, "model": model, "languages": [*languages], "sentence": sentence}
