"""Real data: every row is accounted for. Needs XLING_SHARED, a folder that holds data/."""

import os
from pathlib import Path

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
