"""Real data: every row is accounted for. Needs XLING_SHARED, a folder that holds data/."""

import dataclasses
import os
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from conftest import config

from xling.data import load_corpus
from xling.errors import UserError

SHARED = Path(os.environ.get("XLING_SHARED", "/nonexistent")) / "data"
pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="XLING_SHARED does not name a folder that holds data/"
)
SPLITS = "data.splits={train: dev, dev: dev, test: test}"


def settings(task: str, *more: str) -> list[str]:
    return [f"task={task}", "data=files", f"data.path={SHARED / task}", *more]


def test_xnli_loses_no_row() -> None:
    sizes = ("data.train_per_language=300", "data.dev_per_language=2190")
    said: list[str] = []
    corpus = load_corpus(config(*settings("xnli", SPLITS, *sizes)), said.append)
    counted = [line for line in said if ".tsv" in line]
    assert counted[0].endswith("dev.ru.tsv: each 2,490 rows")
    assert counted[1].endswith("test.ru.tsv: each 5,010 rows")
    assert len(corpus["train"]) + len(corpus["dev"]) == 5 * 2490
    assert len(corpus["test"]) == 5 * 5010
    used = set(corpus["train"]["id"]) | set(corpus["dev"]["id"])
    assert used == {f"{lang}{n}" for lang in ("de", "en", "es", "fr", "ru") for n in range(2490)}
    assert sum(corpus["test"]["label"]) * 3 == len(corpus["test"])  # a third is entailment


def test_pawsx_lacks_translations() -> None:
    arguments = settings("pawsx", SPLITS, "data.dev_per_language=200")
    with pytest.raises(UserError, match="717 rows cannot be used: missing translation 717"):
        load_corpus(config(*arguments), print)
    corpus = load_corpus(config(*arguments, "data.on_bad_row=drop"), print)
    assert len(corpus["train"]) == 5 * (1870 - 200)
    assert len(corpus["test"]) == 5 * 1938


def test_sib200_in_any_language() -> None:
    more = "languages=[de,en,es,fr,ko,ru,zh,sw,yo]"
    corpus = load_corpus(config(*settings("sib200", more)), print)
    assert [len(split) // 9 for split in corpus.values()] == [701, 99, 204]
    topics = [corpus["train"]["label"][:701].count(label) for label in range(7)]
    assert (sum(topics), max(topics), min(topics)) == (701, 176, 58)


def test_sib200_s_quotes_are_those_of_pandas() -> None:
    """As counted in the files: they differ by language, which would confound what is measured."""
    said: list[str] = []
    corpus = load_corpus(config(*settings("sib200", "languages=[ar,en,hi]")), said.append)
    counted = Counter()
    for line in said:
        if quoted := re.search(r"\.(\w+)\.tsv: .* \((\d+) fields? in quotes", line):
            counted[quoted[1]] += int(quoted[2])
    assert counted == {"ar": 108, "en": 53}
    for language in ("ar", "en", "hi"):
        frame = pd.read_csv(SHARED / "sib200" / f"train.{language}.tsv", sep="\t", dtype=str)
        texts = {row["id"]: row["text"] for row in corpus["train"] if row["language"] == language}
        assert texts == {f"{language}{row.id}": row.text for row in frame.itertuples()}


def test_quotes_that_are_text_stay_so_in_real_files() -> None:
    said: list[str] = []
    load_corpus(
        config(*settings("pawsx", SPLITS, "data.dev_per_language=200", "data.on_bad_row=drop")),
        said.append,
    )
    assert not any("quotes" in line for line in said)
    whole = ("data.files='{lang}.tsv'", "data.splits={train: all, dev: all, test: all}")
    sizes = ("data.dev_per_language=100", "data.test_per_language=100")
    task = dataclasses.replace(
        config("task=sib200").task,
        parallel=False,
        labels={"negative": ("negative",), "positive": ("positive",)},
    )
    arguments = settings("sib200", *whole, *sizes, f"data.path={SHARED / 'xed-polarity'}")
    said.clear()
    load_corpus(
        dataclasses.replace(config(*arguments, "languages=[de,en]"), task=task), said.append
    )
    assert "de.tsv: 4,202 rows (28 fields in quotes, read as CSV writes them)" in said
    assert "en.tsv: 13,520 rows" in said
