"""Names of files that are not read as they are: what is said names the cure, and the cure works."""

import bz2
import dataclasses
import gzip
import lzma
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import config
from corpus_files import corpus_folder as corpus_folder  # a fixture
from served_hub import COMMIT, Repo

from xling.data import load_corpus, require_data
from xling.data.naming import require_files
from xling.errors import UserError

RUN = ("task=xnli", "data=files", "languages=[de,en]", "task.columns.id=id",
       "data.train_per_language=6")  # fmt: skip
DATA = config().data


def refusal(folder: Path, *more: str) -> str:
    with pytest.raises(UserError) as caught:
        require_data(config(*RUN, f"data.path={folder}", *more), print)
    return str(caught.value)


def texts(folder: Path) -> list[str]:
    said: list[str] = []
    return load_corpus(config(*RUN, f"data.path={folder}"), said.append)["test"]["text"]


def naming_refusal(names: list[str], task: str = "mine", **data: object) -> str:
    with pytest.raises(UserError) as caught:
        require_files(names, task, dataclasses.replace(DATA, **data), "DIR")
    return str(caught.value)


def test_endings_in_capitals_are_read(corpus_folder: Path) -> None:
    expected = texts(corpus_folder)
    for path in [*corpus_folder.iterdir()]:
        path.rename(path.with_suffix(".TSV"))
    assert texts(corpus_folder) == expected
    for path in [*corpus_folder.iterdir()]:
        path.with_suffix(".Tsv.GZ").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert texts(corpus_folder) == expected
    (corpus_folder / "test.de.tsv").write_text("")
    assert "several files for language de, split test" in refusal(corpus_folder)


def test_splits_in_capitals_are_read(corpus_folder: Path) -> None:
    expected = texts(corpus_folder)
    for path in [*corpus_folder.iterdir()]:
        split, code, _ = path.name.split(".")
        path.rename(path.with_name(f"{split.title()}.{code}.tsv"))
    assert texts(corpus_folder) == expected
    (corpus_folder / "TEST.de.tsv").write_text("")
    assert "several files for language de, split test" in refusal(corpus_folder)


def zip_all(folder: Path) -> None:
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for path in folder.glob("*.tsv"):
            archive.write(path, path.name)
            path.unlink()


def tar_all(folder: Path) -> None:
    subprocess.run("tar -czf all.tar.gz *.tsv && rm *.tsv", shell=True, cwd=folder, check=True)


def pack(ending: str, compress: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def pack_all(folder: Path) -> None:
        for path in folder.glob("*.tsv"):
            path.with_name(f"{path.name}{ending}").write_bytes(compress(path.read_bytes()))
            path.unlink()

    return pack_all


PACKERS = {
    "bunzip2": pack(".bz2", bz2.compress),
    "unxz": pack(".xz", lzma.compress),
    "unzip": zip_all,
    "tar": tar_all,
}


@pytest.mark.parametrize(("program", "packed"), PACKERS.items(), ids=PACKERS)
def test_what_unpacks_other_archives_is_said_and_works(
    corpus_folder: Path, program: str, packed: Callable[[Path], None]
) -> None:
    expected = texts(corpus_folder)
    folder = corpus_folder / "my folder"
    folder.mkdir()
    for path in corpus_folder.glob("*.tsv"):
        path.rename(folder / path.name)
    packed(folder)
    message = refusal(folder)
    assert message.startswith(f"{folder} has no data file that xling reads, but ")
    command = message.splitlines()[-1]
    assert command.startswith("  ") and program in command
    if shutil.which(program):
        subprocess.run(command, shell=True, check=True, capture_output=True)
        assert texts(folder) == expected


def test_one_language_in_an_archive_is_told_as_well(corpus_folder: Path) -> None:
    path = corpus_folder / "test.en.tsv"
    path.with_name("test.en.tsv.zst").write_bytes(b"")
    path.unlink()
    message = refusal(corpus_folder)
    assert "no file for language en, split test" in message
    assert "\nxling does not read test.en.tsv.zst: unpack such files:\n  find " in message
    assert message.endswith(" -name '*.zst' -exec zstd -d --rm {} +")
    (corpus_folder / "test.en.tsv.zst").rename(corpus_folder / "README.txt")
    assert "does not read" not in refusal(corpus_folder)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("train.de.XLSX", "train.de.XLSX: save such files as CSV"),
        ("train.de.txt", "rename such files to .tsv"),
        ("train/data-00000-of-00001.arrow", "load_from_disk(DIR)[SPLIT].to_parquet(NAME)"),
        ("data.tgz", "  tar -xzf DIR/data.tgz -C DIR"),
    ],
)
def test_kinds_of_files_that_are_not_read_are_named(name: str, advice: str) -> None:
    assert advice in naming_refusal([name, "NOTES.txt", "README.md"])
    assert advice in naming_refusal([name, "NOTES.txt", "some.json"])


@pytest.mark.parametrize(
    ("names", "columns", "pattern"),
    [
        (["xnli.dev.tsv", "xnli.test.tsv"], ("language_column",), "xnli.{split}.tsv"),
        (["b/de_dev.csv", "b/en_dev.csv"], (), "b/{lang}_{split}.csv"),
        (["my-nli.de.train.tsv", "my-nli.pt-BR.train.tsv"], (), "my-nli.{lang}.{split}.tsv"),
        (["x.deu_Latn.TSV", "x.eng_Latn.TSV"], ("split_column",), "x.{lang}.TSV"),
        (["one.tsv"], (), "{split}/{lang}_{split}.tsv"),
    ],
)
def test_the_pattern_that_is_advised_is_that_of_the_files(names, columns, pattern) -> None:
    message = naming_refusal(names, **dict.fromkeys(columns, "a_column"))
    assert f"'data.files=\"{pattern}\"'" in message


def test_names_with_the_tasks_are_said_to_have_it() -> None:
    message = naming_refusal(["xnli.dev.tsv"], language_column="language")
    assert "as in train.tsv, mine.train.tsv" in message
    assert "mine being the task's name" in message
    assert "task's name" not in naming_refusal(["one.tsv"])


@pytest.mark.parametrize(
    "pattern", ["{lang}/*.tsv", "{lang}.{split}-?????.csv", "[a-z]/{lang}.tsv"]
)
def test_wildcards_are_refused_with_what_stands_for_what(pattern: str) -> None:
    with pytest.raises(UserError, match=r"stands for itself here\. Write \{lang\} where the lang"):
        config(*RUN, "data.path=x", f"data.files='{pattern}'")


@pytest.mark.parametrize("start", ["/data/", "~/", "./", "../"])
def test_names_are_below_the_folder(start: str) -> None:
    with pytest.raises(
        UserError, match=r"names are those below data\.path: write the folder there"
    ):
        config(*RUN, "data.path=x", f"data.files='{start}{{lang}}.{{split}}.tsv'")


@pytest.mark.parametrize("path", ["'x/*.tsv'", "'x/{lang}.tsv'"])
def test_a_pattern_is_no_folder(path: str) -> None:
    with pytest.raises(UserError, match=r"write the folder alone, and how its files are named in"):
        require_data(config(*RUN, f"data.path={path}"), print)


def test_parts_of_files_are_found_by_the_name_of_one(corpus_folder: Path) -> None:
    expected = texts(corpus_folder)
    for path in [*corpus_folder.iterdir()]:
        header, *rows = path.read_text().splitlines()
        split, language, _ = path.name.split(".")
        (corpus_folder / language).mkdir(exist_ok=True)
        for part in (0, 1):
            name = corpus_folder / language / f"x-{split}-0000{part}-of-00002.tsv"
            name.write_text("\n".join([header, *rows[part * 6 : part * 6 + 6]]) + "\n")
        path.unlink()
    pattern = "data.files='{lang}/x-{split}-00000-of-00002.tsv'"
    corpus = load_corpus(config(*RUN, f"data.path={corpus_folder}", pattern), print)
    assert corpus["test"]["text"] == expected


def test_archives_on_the_hub_are_named(hub) -> None:
    hub.repos["datasets/owner/nli"] = Repo({"data.zip": b"PK", "README.md": b"read"})
    with pytest.raises(UserError) as caught:
        require_data(config("profile=paper", f"data.path=owner/nli@{COMMIT}"), print)
    lines = str(caught.value).splitlines()
    assert "xling does not read data.zip: unpack it:" in lines
    assert "  unzip DIR/data.zip -d DIR" in lines
    assert lines[-1] == (
        f"  hf download owner/nli --repo-type dataset --revision {COMMIT} --local-dir DIR"
    )


NAMED = {"de": "German", "en": "Englisch"}


def test_files_by_the_names_of_languages_are_found(corpus_folder: Path) -> None:
    expected = texts(corpus_folder)
    for path in [*corpus_folder.iterdir()]:
        split, code, _ = path.name.split(".")
        path.rename(path.with_name(f"{NAMED[code]}.{split}.tsv"))
    assert texts(corpus_folder) == expected
    assert "It has the languages Englisch, German." in refusal(corpus_folder, "languages=[de,fr]")
    (corpus_folder / "Englisch.test.tsv").rename(corpus_folder / "Englisch here.test.tsv")
    message = refusal(corpus_folder)
    assert "no file for language en, split test" in message


def test_columns_with_the_names_of_languages_are_understood(corpus_folder: Path) -> None:
    expected = texts(corpus_folder)
    for split in ("train", "dev", "test"):
        lines = ["language\tid\tpremise\thypothesis\tlabel"]
        for code, name in NAMED.items():
            _, *rows = (corpus_folder / f"{split}.{code}.tsv").read_text().splitlines()
            lines += [f"{name}\t{row}" for row in rows]
            (corpus_folder / f"{split}.{code}.tsv").unlink()
        (corpus_folder / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    path = f"data.path={corpus_folder}"
    run = config(*RUN, path, "data.language_column=language")
    assert load_corpus(run, print)["test"]["text"] == expected
    with pytest.raises(UserError, match="no row is of language fr; it has Englisch, German"):
        load_corpus(config(*RUN, path, "data.language_column=language", "languages=[de,fr]"), print)


def test_files_that_are_not_divided_are_told_how_to_be_read() -> None:
    text = naming_refusal(["de.csv", "en.csv", "README.md"])
    assert (
        "write 'data.files=\"{lang}.csv\"' 'data.splits={train: all, dev: all, test: all}'" in text
    )
    assert "has all of its language's examples" not in naming_refusal(["a.csv", "b_c.csv"])
