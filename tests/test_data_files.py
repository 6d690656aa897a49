"""Files are found by language and split in each layout; ambiguous or missing ones are reported."""

import dataclasses
from pathlib import Path

import pytest
from conftest import config

from xling.data.files import find, folder_digest, index_of, list_files
from xling.errors import UserError

DATA = config().data


def find_in(names: list[str], language: str = "de", split: str = "dev") -> list[str]:
    return find(index_of(names, "xnli", DATA), language, split, "DIR")


@pytest.mark.parametrize(
    "name",
    [
        "dev.de.tsv",
        "dev-de.csv",
        "dev_de.jsonl",
        "de.dev.parquet",
        "de/dev.tsv",
        "dev/de.tsv",
        "xnli/dev-de.tsv",
        "xnli/de/validation.parquet",
        "valid.de.tsv",
        "val.de.tsv",
        "de/validation-00000-of-00001.parquet",
        "de/validation/0000.parquet",
    ],
)
def test_every_layout_is_found(name: str) -> None:
    others = [
        name.replace("de", "en"),
        name.replace("dev", "test").replace("val", "x"),
        "README.md",
    ]
    assert find_in([name, *(other for other in others if other != name)]) == [name]


def test_language_codes_may_have_script_and_region() -> None:
    assert find_in(["dev.zh_Hans.tsv", "dev.zh_Hant.tsv"], "zh_Hans") == ["dev.zh_Hans.tsv"]
    assert find_in(["dev-pt-br.tsv"], "pt-br") == ["dev-pt-br.tsv"]


def test_splits_may_have_names_of_their_own() -> None:
    index = index_of(["small.de.tsv"], "xnli", dataclasses.replace(DATA, splits={"train": "small"}))
    assert find(index, "de", "small", "DIR") == ["small.de.tsv"]


def test_shards_are_read_in_order_and_must_be_complete() -> None:
    names = [f"de/train-0000{number}-of-00003.parquet" for number in (2, 0, 1)]
    assert find_in(names, split="train") == sorted(names)
    with pytest.raises(UserError, match="2 of 3 shards"):
        find_in(names[:2], split="train")
    with pytest.raises(UserError, match="1 of 3 shards"):
        find_in(names[:1], split="train")


def test_ambiguous_files_are_listed() -> None:
    for other in ("xnli/dev-de.tsv", "dev.de.csv", "valid.de.tsv"):
        with pytest.raises(UserError) as caught:
            find_in(["dev.de.tsv", other])
        assert "dev.de.tsv" in str(caught.value)
        assert other in str(caught.value)


def test_a_missing_language_split_or_folder_is_named() -> None:
    with pytest.raises(UserError, match=r"no file for language dee, split dev(.|\n)*'de'"):
        find_in(["dev.de.tsv", "dev.en.tsv"], "dee")
    with pytest.raises(UserError, match=r"Language de has dev, test(.|\n)*exists for en"):
        find_in(["dev.de.tsv", "test.de.tsv", "train.en.tsv"], split="train")
    with pytest.raises(UserError, match="no data file that xling recognises"):
        find_in(["notes.txt"])


def test_what_is_no_language_is_not_offered_as_one() -> None:
    names = [f"{code}/dev-00000-of-00001.parquet" for code in ("all_languages", "de", "zh")]
    with pytest.raises(UserError, match=r"It has the languages de, zh\."):
        find_in(names, "fr")
    assert find_in(names, "zho_Hans") == [names[2]]


def test_folder_digest_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep" / "x").write_text("1")
    assert folder_digest(tmp_path / "a") == folder_digest(tmp_path / "b")
    (tmp_path / "b" / ".cache").mkdir()
    (tmp_path / "b" / ".cache" / "lock").write_text("hidden")
    assert list_files(tmp_path / "b") == ["deep/x"]
    assert folder_digest(tmp_path / "a") == folder_digest(tmp_path / "b")
    (tmp_path / "b" / "deep" / "x").write_text("2")
    assert folder_digest(tmp_path / "a") != folder_digest(tmp_path / "b")
    (tmp_path / "b" / "deep" / "x").write_text("1")
    (tmp_path / "b" / "deep" / "x").rename(tmp_path / "b" / "x")
    assert folder_digest(tmp_path / "a") != folder_digest(tmp_path / "b")
    with pytest.raises(UserError, match="no such folder"):
        folder_digest(tmp_path / "c")
