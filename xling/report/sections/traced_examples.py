"""The section on test examples with their most influential training examples."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.section import SIGN, Schema, Section
from xling.report.tables import Run, records

MEMBERS = 10  # training examples per sign that the page shows of each test example
MAX_EXAMPLES = 25  # test examples per language that the page shows at most
BYTES = 2_600_000  # about what the section may weigh at most
MARKUP = 460  # bytes of HTML around a training example

Groups = dict[tuple[str, str], list[tuple[Any, ...]]]

SCHEMAS = {
    "traced": Schema(
        "The test examples whose influential training examples were looked for.",
        {
            "test_id": "id of the test example",
            "language": "language code",
            "label": "its class",
            "predicted": "class that the model predicts",
            "probability": "probability of that class, 0 to 1",
            "text": "text",
            "text_pair": "second text, where the task has one",
            "parallel_id": "id that an example shares with its translations",
        },
        gaps=("text_pair", "parallel_id"),
    ),
    "influential": Schema(
        "The most positive and most negative training examples of each traced test example.",
        {
            "test_id": "id of the test example",
            "sign": SIGN,
            "rank": "1 is the strongest",
            "train_id": "id of the training example",
            "train_language": "its language",
            "label": "its class",
            "score": "influence: {scores}",
            "translation": "whether it is a translation of a member from the test language",
            "own_script": "whether it is written wholly in its language's own script",
            "text": "text",
            "text_pair": "second text, where the task has one",
        },
        gaps=("text_pair", "translation"),
    ),
}


def content(run: Run, room: int = BYTES) -> dict[str, Any]:
    """Return what the template prints, within `room` bytes."""
    return {"classes": run.results["classes"], "shown": choose(run, room)}


@dataclasses.dataclass(frozen=True)
class InfluentialSet:
    """The strongest training examples of one sign, and all of that sign counted by language."""

    sign: str
    members: list[dict[str, Any]]
    languages: list[tuple[str, int]]


@dataclasses.dataclass(frozen=True)
class TracedExample:
    """A test example and what influenced its prediction."""

    example: dict[str, Any]
    influential: list[InfluentialSet]


@dataclasses.dataclass(frozen=True)
class ShownExamples:
    """The test examples that the page shows, of how many, and the languages that these have.

    `parallel` tells whether translations among the training examples are known.
    """

    examples: list[TracedExample]
    traced: int
    members: int
    top_k: int
    train_languages: list[str]
    test_languages: list[str]
    parallel: bool


def choose(run: Run, room: int = BYTES) -> ShownExamples:
    """Choose the test examples that the page shows: the first of each language, within `room`."""
    traced, influential = run.tables["traced"], run.tables["influential"]
    strongest = influential[influential["rank"] <= MEMBERS]
    chosen = traced.groupby("language", sort=False).head(per_language(traced, strongest, room))
    rank = {language: place for place, language in enumerate(run.languages)}
    chosen = chosen.sort_values("language", key=lambda column: column.map(rank), kind="stable")
    top_k = int(influential["rank"].max()) if len(influential) else 0
    influential = influential[influential["test_id"].isin(chosen["test_id"])]
    counts = influential.groupby(["test_id", "sign"])["train_language"].value_counts()
    languages = _grouped((*key, int(count)) for key, count in counts.items())
    members = influential[influential["rank"] <= MEMBERS].sort_values("rank")
    strongest = _grouped((row["test_id"], row["sign"], row) for row in records(members))
    return ShownExamples(
        examples=[
            TracedExample(example, _influential(example["test_id"], strongest, languages))
            for example in records(chosen)
        ],
        traced=len(traced),
        members=min(MEMBERS, top_k),
        top_k=top_k,
        train_languages=[x for x in run.languages if x in set(influential["train_language"])],
        test_languages=list(dict.fromkeys(chosen["language"])),
        parallel=bool(influential["translation"].any()),
    )


def per_language(traced: pd.DataFrame, strongest: pd.DataFrame, room: int = BYTES) -> int:
    """Return how many test examples of each language fit into `room` bytes, at least 1."""
    if traced.empty or strongest.empty:
        return MAX_EXAMPLES
    texts = strongest[["text", "text_pair"]].fillna("")
    weight = sum(len(text.encode()) for column in texts for text in texts[column])
    weight += MARKUP * len(strongest)
    mean = weight / strongest["test_id"].nunique()
    return max(1, min(MAX_EXAMPLES, int(room / (mean * traced["language"].nunique()))))


def _influential(test_id: str, members: Groups, languages: Groups) -> list[InfluentialSet]:
    return [
        InfluentialSet(name, [row for (row,) in members[test_id, sign]], languages[test_id, sign])
        for sign, name in SIGNS.items()
        if (test_id, sign) in members
    ]


def _grouped(rows: Iterable[tuple[Any, ...]]) -> Groups:
    """Gather rows (test id, sign, *rest) as lists of the rest by test id and sign."""
    groups: Groups = {}
    for test_id, sign, *rest in rows:
        groups.setdefault((test_id, sign), []).append(tuple(rest))
    return groups


SECTION = Section("examples", "examples.html.j2", content, "Examples", schemas=SCHEMAS)
