"""The test examples of the page's browser with their most influential training examples."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import pandas as pd

from xling.report.rows import records
from xling.report.style import SIGNS
from xling.report.tables import Run

MEMBERS = 10  # training examples per sign that the page shows of each test example
EXAMPLES = 25  # test examples per language that the page shows at most
BYTES = 2_600_000  # about what the browser may weigh at most
MARKUP = 460  # bytes of HTML around a training example

Groups = dict[tuple[str, str], list[tuple[Any, ...]]]


@dataclasses.dataclass(frozen=True)
class Influential:
    """The strongest training examples of one sign, and all of that sign counted by language."""

    sign: str
    members: list[dict[str, Any]]
    languages: list[tuple[str, int]]


@dataclasses.dataclass(frozen=True)
class Traced:
    """A test example and what influenced its prediction."""

    example: dict[str, Any]
    influential: list[Influential]


@dataclasses.dataclass(frozen=True)
class Browser:
    """What the page shows, and of how many; `shown` is the number of test examples per language."""

    examples: list[Traced]
    traced: int
    members: int
    top_k: int
    train_languages: list[str]
    test_languages: list[str]


def browser(run: Run, room: int = BYTES) -> Browser:
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
    return Browser(
        examples=[
            Traced(example, _influential(example["test_id"], strongest, languages))
            for example in records(chosen)
        ],
        traced=len(traced),
        members=min(MEMBERS, top_k),
        top_k=top_k,
        train_languages=[x for x in run.languages if x in set(influential["train_language"])],
        test_languages=list(dict.fromkeys(chosen["language"])),
    )


def per_language(traced: pd.DataFrame, strongest: pd.DataFrame, room: int = BYTES) -> int:
    """Return how many test examples of each language fit into `room` bytes, at least 1."""
    if traced.empty or strongest.empty:
        return EXAMPLES
    texts = strongest[["text", "text_pair"]].fillna("")
    weight = sum(len(text.encode()) for column in texts for text in texts[column])
    weight += MARKUP * len(strongest)
    mean = weight / strongest["test_id"].nunique()
    return max(1, min(EXAMPLES, int(room / (mean * traced["language"].nunique()))))


def _influential(test_id: str, members: Groups, languages: Groups) -> list[Influential]:
    return [
        Influential(name, [row for (row,) in members[test_id, sign]], languages[test_id, sign])
        for sign, name in SIGNS.items()
        if (test_id, sign) in members
    ]


def _grouped(rows: Iterable[tuple[Any, ...]]) -> Groups:
    """Gather rows (test id, sign, *rest) as lists of the rest by test id and sign."""
    groups: Groups = {}
    for test_id, sign, *rest in rows:
        groups.setdefault((test_id, sign), []).append(tuple(rest))
    return groups
