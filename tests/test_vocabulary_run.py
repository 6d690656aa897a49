"""A model that is built here has one vocabulary and one start, whichever languages it trains on."""

import dataclasses
from pathlib import Path

import pytest
import torch
from conftest import config
from corpus_files import rows, write

from xling.config import Config, single_language
from xling.data import fingerprint
from xling.pipeline.inputs import RunInputs, prepare


def settings(folder: Path, *more: str) -> Config:
    where = ("task=xnli", "data=files", f"data.path={folder}", "task.columns.id=id")
    small = ("data.train_per_language=8", "influence.top_k=2", "imbalance_language=en")
    return config(*where, *small, "languages=[de,en,fr]", *more)


@pytest.fixture
def folder(corpus_folder: Path) -> Path:
    for split in ("train", "dev", "test"):
        write(corpus_folder, "fr", split, rows("fr"))
    return corpus_folder


def prepared(config: Config) -> RunInputs:
    return prepare(config, say=lambda line: None)


def vocabulary(inputs: RunInputs) -> dict[str, int]:
    return inputs.collate.tokenizer.get_vocab()


@pytest.mark.parametrize("parallel", ["true", "false"])
def test_excluding_and_adding_change_neither_vocabulary_nor_start(
    folder: Path, parallel: str
) -> None:
    base = settings(folder, f"task.parallel={parallel}")
    whole = prepared(base)
    others = [
        settings(folder, f"task.parallel={parallel}", "exclude=fr"),
        settings(folder, f"task.parallel={parallel}", "imbalance=50"),
        single_language(base, "en"),
    ]
    for other in map(prepared, others):
        assert vocabulary(other) == vocabulary(whole)
        for one, same in zip(
            whole.classifier.parameters(), other.classifier.parameters(), strict=True
        ):
            assert torch.equal(one, same)


def test_a_language_without_training_texts_lends_those_to_test_it_on(folder: Path) -> None:
    excluded = settings(folder, "task.parallel=false", "exclude=fr")
    assert fingerprint(excluded)["vocabulary"] == "all languages"
    assert "train.fr.tsv" in fingerprint(excluded)
    (folder / "train.fr.tsv").unlink()
    assert "train.fr.tsv" not in fingerprint(excluded)
    examples = [[f"r{n}", f"étrange {n}", f"œuvre {n}", "neutral"] for n in range(6)]
    examples += [[f"s{n}", f"étrange {n}", f"œuvre {n}", "entailment"] for n in range(6)]
    write(folder, "fr", "test", examples)
    inputs = prepared(excluded)
    tokenizer = inputs.collate.tokenizer
    for split in inputs.encoded.values():
        assert not any(tokenizer.unk_token_id in ids for ids in split["input_ids"])


def test_runs_on_all_languages_alike_keep_their_names(folder: Path) -> None:
    base = settings(folder)
    assert "vocabulary" not in fingerprint(base)
    pretrained = dataclasses.replace(base.model, tiny=None, path="somewhere")
    excluded = dataclasses.replace(base, exclude=("fr",), model=pretrained)
    assert "vocabulary" not in fingerprint(excluded)
