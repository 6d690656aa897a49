"""The sample corpus: sentences in seven languages, generated from a grammar and lexicons.

Nothing in it is copied from elsewhere. The rows have the columns of the data sets after which the
tasks are named, so that the same settings read both.
"""

from functools import cache
from itertools import islice
from random import Random

from xling.data.sample import marc, pawsx, xnli
from xling.errors import UserError, nearest

LANGUAGES: tuple[str, ...] = ("de", "en", "es", "fr", "ko", "ru", "zh")
TASKS: tuple[str, ...] = ("xnli", "pawsx", "marc")
_PARALLEL = {"xnli": xnli, "pawsx": pawsx}
SIZES = {"train": 4000, "dev": 500, "test": 500}


def rows(task: str, language: str, split: str, *, seed: int = 0) -> list[dict[str, str]]:
    """Return all rows of one split; the same seed gives the same rows.

    Each row has "id" and the task's columns, all strings. For xnli (premise, hypothesis, label) and
    pawsx (sentence1, sentence2, label), rows with the same id are translations of each other; for
    marc (review_title, review_body, stars), the languages are independent.

    Raises:
        UserError: a task, language or split that the corpus does not have.
    """
    _check("task", task, TASKS)
    _check("language", language, LANGUAGES)
    _check("split", split, tuple(SIZES))
    return [dict(row) for row in _rows(task, language, seed)[_span(split)]]


def _check(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(
            f"The sample corpus has no {name} {value!r}; it has {', '.join(choices)}."
            + nearest(value, choices)
        )


def _span(split: str) -> slice:
    start = 0
    for name, size in SIZES.items():
        if name == split:
            break
        start += size
    return slice(start, start + SIZES[split])


@cache
def _items(task: str, seed: int) -> list[xnli.Inference] | list[pawsx.Paraphrase]:
    """Return the content of a parallel task's rows, before any language expresses it."""
    return list(islice(_PARALLEL[task].draw(Random(f"{task} {seed}")), sum(SIZES.values())))


@cache
def _rows(task: str, language: str, seed: int) -> list[dict[str, str]]:
    if task in _PARALLEL:
        unnumbered = (_PARALLEL[task].row(item, language) for item in _items(task, seed))
    else:
        draws = marc.draw(Random(f"{task} {language} {seed}"), language)
        unnumbered = islice(draws, sum(SIZES.values()))
    return [{"id": str(number)} | row for number, row in enumerate(unnumbered)]
