"""Fixtures for the tests of data/: files of a small corpus, a hub out of reach, tokenizers."""

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from conftest import config
from huggingface_hub import _tree_cache
from ports import free_port
from transformers import PreTrainedTokenizerFast

from xling.config import Task
from xling.data import hub_reachable, repository
from xling.data.sample import LANGUAGES
from xling.data.sample import rows as sample_rows
from xling.data.sample.tokenizer import train_tokenizer

LABELS = ("neutral", "entailment")
Rows = list[list[str]]
VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT", "no_proxy", "NO_PROXY")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def rows(language: str, count: int = 12) -> Rows:
    """Rows of id, premise, hypothesis, label."""
    return [
        [f"r{n}", f"{language} premise {n}", f"{language} hypothesis {n}", LABELS[n % 2]]
        for n in range(count)
    ]


def write(folder: Path, language: str, split: str, examples: Rows) -> None:
    header = ["id", "premise", "hypothesis", "label"]
    lines = ["\t".join(row) for row in [header, *examples]]
    (folder / f"{split}.{language}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    """Files of twelve rows in German and in English, for each split."""
    for language in ("de", "en"):
        for split in ("train", "dev", "test"):
            write(tmp_path, language, split, rows(language))
    return tmp_path


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty hub cache, no remembered answer of the hub, no settings of this machine."""
    for name in VARIABLES + PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    forget()
    yield
    forget()


def forget() -> None:
    """Forget what a process remembers of the hub, as a new one knows nothing of it."""
    hub_reachable.cache_clear()
    for remembered in (repository._commits, repository._unlisted, repository._accessible):
        remembered.clear()
    _tree_cache._IN_MEMORY_TREE_CACHE.clear()


@pytest.fixture
def unreachable_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")


@pytest.fixture(scope="session")
def xnli_task() -> Task:
    return config("task=xnli").task


@pytest.fixture(scope="session")
def pairs_tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(["ab ac ad", "bc bd"] * 5, 100)


@pytest.fixture(scope="session")
def sample_tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(
        row[name]
        for language in LANGUAGES
        for row in sample_rows("xnli", language, "train")
        for name in ("premise", "hypothesis")
    )
