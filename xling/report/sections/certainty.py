"""The section on how far the rankings can be trusted: ties, and in how many directions they go."""

from typing import Any

import pandas as pd

from xling.analysis.effective_dimension import label_decides
from xling.analysis.shares import SIGNS
from xling.report.section import EPOCH, SIGN, Schema, Section
from xling.report.sections.shares import own_shares
from xling.report.tables import Run, records
from xling.report.words import number, percent, percent_range

SCHEMAS = {
    "ties": Schema(
        "How much of each top-k set lies within the noise of rank k, so that chance decides it.",
        {
            "sign": SIGN,
            "test_language": "language of the test examples",
            "noise": "mean standard deviation of the difference of two scores near rank k: "
            "measured by twin sketches, else the least it can be; 0 where scores have none, "
            "missing if not known",
            "within_noise": "mean share of the top-k set within that noise of rank k, 0 to 1",
            "candidates": "mean number of training examples within it, in the set or not",
            "by_chance": "mean share of the set that a random draw among these would replace",
            "exact": "mean share of the set whose place only the order of the ids decides, 0 to 1",
            "test_examples": "number of test examples averaged over",
        },
        required=False,
        gaps=("noise",),
    ),
    "tie_shares": Schema(
        "The shares of the training languages with ties at rank k broken at random.",
        {
            "sign": SIGN,
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "share": "mean share of the top-k set, 0 to 1",
            "at_random": "expected share, those within the noise of rank k drawn at random",
        },
        required=False,
    ),
    "effective_dimension": Schema(
        "In how many directions the training examples' gradients point.",
        {
            "epoch": EPOCH,
            "dimension": "participation ratio of the eigenvalues of the second moment of the "
            "normalised sketches",
            "same_label_cosine": "mean cosine of two training examples with the same label",
            "cosine": "mean cosine of two training examples",
            "examples": "number of training examples compared, drawn at random",
        },
        required=False,
        gaps=("same_label_cosine", "cosine"),
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None for runs of earlier versions."""
    ties, dimension = run.tables.get("ties"), run.tables.get("effective_dimension")
    reranked = run.results.get("config", {}).get("influence", {}).get("rerank")
    twins = twin_sentences(run.tables["shares"].query("epoch == 0"), run.results.get("twin"))
    if ties is None and dimension is None and not twins:
        return None
    sentences = []
    if ties is not None:
        sentences = [run.said("ties", lambda told: tie_sentence(told, run))]
    elif reranked:
        sentences = ["The rankings are by exact gradients: no noise of sketches decides them."]
    return {
        "ties": sentences,
        "twins": twins,
        "dimension": "" if dimension is None else dimension_sentence(dimension),
        "rows": [] if ties is None else tie_rows(run),
        "top_k": run.results["top_k"],
    }


def tie_sentence(ties: pd.DataFrame, run: Run) -> str:
    """Say how much of the rankings is up to chance, and what the shares would be at random."""
    k, text = run.results["top_k"], _noise(ties, run)
    if ties["noise"].mean() > 0:
        near, there = (
            ties.groupby("sign")[column].mean() for column in ("within_noise", "candidates")
        )
        inside, outside = k * near, there - k * near
        text += (
            f" On average {number(inside['+'])} of the {k} most positive are that near, as are "
            f"{number(outside['+'])} outside of them; of the most negative it is "
            f"{number(inside['-'])} and {number(outside['-'])}. Which of these are in is up "
            "to chance."
        )
    exact = ties["exact"].mean()
    if exact >= 0.005:
        text += (
            f" {percent(exact)} of the places are given by the order of the ids alone, as the "
            "scores are equal."
        )
    return text + _own_at_random(run)


def _noise(ties: pd.DataFrame, run: Run) -> str:
    """Say how large the noise of a score is, and how that is known."""
    size = ties["noise"].mean()
    if pd.isna(size):
        return (
            "How noisy the scores of this method are is not known (sketch.twin=true measures it), "
            "so only equal scores count as ties."
        )
    if size == 0:
        return "The scores have no noise of sketches; equal ones are ties."
    measured = bool(run.results.get("twin"))
    how = (
        "by twin sketches" if measured else "at least, by their size; sketch.twin=true measures it"
    )
    return (
        "Sketches are noisy: near the last rank, the difference of two scores is off by "
        f"{number(size, 3)} ({how}). Scores that near to that of the last rank are as good as tied."
    )


def _own_at_random(run: Run) -> str:
    """Say what each language's own data holds with ties broken at random."""
    own = run.told("tie_shares").query("sign == '+' and test_language == train_language")
    if own.empty:
        return ""
    return (
        f" With ties broken at random, each language’s own data would hold "
        f"{percent_range(own['at_random'])} of the most positive, instead of "
        f"{percent_range(own['share'])}."
    )


def twin_sentences(shares: pd.DataFrame, twin: dict[str, float] | None) -> list[str]:
    """Say how far the sketches agree with their twins, if there are any."""
    if not twin:
        return []
    noise = 100 * shares["noise"]
    return [
        "Noise of the sketches, measured with independent twins: their scores correlate at "
        f"{twin['spearman']:.3f} (Spearman), {percent(twin['positive_overlap'])} of the most "
        f"positive examples are the same, and the shares differ by {noise.mean():.1f} points on "
        f"average, {noise.max():.1f} at most."
    ]


def tie_rows(run: Run) -> list[dict[str, Any]]:
    """Return a row per test language: of each sign its ties, and its own share with and without."""
    ties = {(row["test_language"], row["sign"]): row for row in records(run.tables["ties"])}
    own = {
        (row["test_language"], row["sign"]): row
        for sign in SIGNS
        for row in records(own_shares(run.tables["tie_shares"].assign(epoch=0), sign))
    }
    return [
        {
            "language": language,
            "examples": ties[language, "+"]["test_examples"],
            **{
                name: {**ties[language, sign], **own.get((language, sign), {})}
                for sign, name in SIGNS.items()
            },
        }
        for language in run.languages
        if (language, "+") in ties
    ]


def dimension_sentence(table: pd.DataFrame) -> str:
    """Say in how many directions the gradients point, and what the label has to do with it."""
    every = table[table["epoch"] == 0].iloc[0]
    epochs = table[table["epoch"] > 0]
    ends = ""
    if len(epochs) > 1:
        first, last = epochs.iloc[0]["dimension"], epochs.iloc[-1]["dimension"]
        ends = f" ({number(first, 1)} at the first checkpoint, {number(last, 1)} at the kept one)"
    text = (
        "The gradients of the training examples have an effective dimension of "
        f"{number(every['dimension'], 1)}{ends}: as if they went evenly in that many directions. "
        f"It is the participation ratio over {number(every['examples'])} examples."
    )
    if pd.isna(every["same_label_cosine"]):
        return text
    text += (
        " Two of these with the same label have a cosine of "
        f"{number(every['same_label_cosine'], 2)} on average, any two {number(every['cosine'], 2)}."
    )
    if label_decides(table):
        text += (
            " So the examples differ in little but the label: within a label, rankings are ties, "
            "and shares of languages say nothing."
        )
    return text


SECTION = Section("certainty", "certainty.html.j2", content, "How sure", schemas=SCHEMAS)
