"""From files to the corpus: each row is used, ignored or refused with its reason; none is lost."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import config
from corpus_files import rows, write
from datasets import DatasetDict

from xling.config import Config
from xling.data import fingerprint, load_corpus, require_data
from xling.errors import UserError


def settings(folder: Path, *more: str, task: str = "xnli") -> Config:
    return config(
        f"task={task}",
        "data=files",
        f"data.path={folder}",
        "languages=[de,en]",
        "task.columns.id=id",
        *more,
    )


def load(folder: Path, *more: str, task: str = "xnli") -> tuple[DatasetDict, str]:
    said: list[str] = []
    corpus = load_corpus(settings(folder, *more, task=task), said.append)
    return corpus, "\n".join(said)


def refusal(folder: Path, *more: str, task: str = "xnli") -> str:
    with pytest.raises(UserError) as caught:
        load(folder, *more, task=task)
    return str(caught.value)


def test_columns_ids_labels_and_order_are_those_of_the_files(corpus_folder: Path) -> None:
    corpus, said = load(corpus_folder)
    train = corpus["train"]
    assert train.column_names == ["id", "parallel_id", "language", "label", "text", "text_pair"]
    assert list(train["language"]) == ["de"] * 12 + ["en"] * 12
    assert train["parallel_id"][:12] == train["parallel_id"][12:]
    for row in train:
        number = int(row["parallel_id"][1:])
        assert row["id"] == f"{row['language']}:r{number}"
        assert row["label"] == number % 2  # classes: not_entailment, entailment
        assert row["text"] == f"{row['language']} premise {number}"
        assert row["text_pair"] == f"{row['language']} hypothesis {number}"
    assert "train.de.tsv, train.en.tsv: each 12 rows" in said
    assert "train: 12 examples of each of de, en" in said
    assert load(corpus_folder)[0]["train"].to_list() == train.to_list()


def test_rows_are_numbered_where_no_column_identifies_them(corpus_folder: Path) -> None:
    corpus, _ = load(corpus_folder, "task.columns.id=null")
    assert set(corpus["test"]["id"]) == {f"{lang}{n}" for lang in ("de", "en") for n in range(12)}
    write(corpus_folder, "en", "dev", rows("en", 11))
    message = refusal(corpus_folder, "task.columns.id=null")
    assert "de 12, en 11" in message
    assert "task.columns.id=NAME" in message


def test_a_task_that_is_not_parallel_takes_what_each_language_has(corpus_folder: Path) -> None:
    write(corpus_folder, "en", "train", rows("en", 9))
    corpus, _ = load(corpus_folder, "task.parallel=false")
    assert corpus["train"]["parallel_id"] == [None] * 21


def test_a_task_with_one_text_has_no_second(corpus_folder: Path) -> None:
    corpus, _ = load(corpus_folder, "task.columns.text_pair=null")
    assert set(corpus["dev"]["text_pair"]) == {None}


BAD = {
    "empty text": ["r3", " ", "x", "entailment"],
    "empty text (hypothesis)": ["r3", "x", "\u2028", "entailment"],
    "unknown label": ["r3", "x", "y", "maybe"],
    "no label": ["r3", "x", "y", ""],
    "no id": ["", "x", "y", "neutral"],
    "wrong number of fields": ["r3", "x", "entailment"],
    "duplicate id": ["r2", "x", "y", "neutral"],
    "label differs between translations": ["r3", "x", "y", "neutral"],
    "missing translation": ["r99", "x", "y", "entailment"],
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_row_stops_with_its_line_or_is_dropped_and_reported(
    corpus_folder: Path, reason: str
) -> None:
    german = rows("de")
    german[3] = BAD[reason]
    write(corpus_folder, "de", "train", german)
    message = refusal(corpus_folder)
    assert reason in message
    assert "train.de.tsv:5: " in message
    assert "data.on_bad_row=drop" in message
    corpus, said = load(corpus_folder, "data.on_bad_row=drop")
    assert "train.de.tsv:5: " in said
    assert "train.de.tsv: 12 rows, 1 unusable" in said or "each 12 rows, 1 unusable" in said
    kept = {f"r{n}" for n in range(12) if n != 3}  # in the other language too
    assert set(corpus["train"]["parallel_id"]) == kept
    assert len(corpus["train"]) == 22
    assert len(corpus["dev"]) == 24


def test_missing_translation_names_the_languages(corpus_folder: Path) -> None:
    write(corpus_folder, "en", "test", rows("en", 10))
    message = refusal(corpus_folder)
    assert "2 rows cannot be used: missing translation 2." in message
    assert "test.de.tsv:12: missing translation: no usable row r10 in en" in message


def test_many_bad_rows_make_a_short_message(corpus_folder: Path) -> None:
    write(corpus_folder, "de", "train", [[row[0], "", row[2], row[3]] for row in rows("de", 400)])
    message = refusal(corpus_folder)
    assert "empty text 400, missing translation 12" in message
    assert "… and 407 more" in message
    assert len(message.splitlines()) < 10


def test_a_label_map_that_misses_a_label_is_refused(corpus_folder: Path) -> None:
    mislabelled = [
        [*row[:3], "entail" if row[3] == "entailment" else row[3]] for row in rows("de", 500)
    ]
    write(corpus_folder, "de", "train", mislabelled)
    write(corpus_folder, "en", "train", mislabelled)
    for choice in ("stop", "drop"):  # no row of a class is left: dropping would hide the mistake
        message = refusal(corpus_folder, f"data.on_bad_row={choice}")
        assert "'entail': 500 rows, the first at train.de.tsv:3." in message
        assert "Did you mean 'entailment'?" in message
        assert "task.labels" in message
        assert "task.ignore_labels" in message
        assert "no row of class entailment" in message
        assert len(message.splitlines()) < 16
    corrected, _ = load(corpus_folder, "task.labels.entailment=[entail,entailment]")
    assert sum(corrected["train"]["label"]) == 500


def test_a_label_that_occurs_twice_in_the_map_is_refused(corpus_folder: Path) -> None:
    assert "'neutral' occurs 2 times" in refusal(corpus_folder, "task.ignore_labels=[neutral]")


def test_ignored_labels_are_counted_and_left_out(corpus_folder: Path) -> None:
    for language in ("de", "en"):
        examples = rows(language)
        examples[0][1:] = ["", "x", "-"]  # what is left out need not be usable
        write(corpus_folder, language, "train", examples)
    corpus, said = load(corpus_folder, "task.ignore_labels=['-']")
    assert len(corpus["train"]) == 22
    assert "each 12 rows, 1 left out for their label" in said


def test_exclude_reads_and_aligns_all_languages(corpus_folder: Path) -> None:
    for split in ("train", "dev", "test"):
        write(corpus_folder, "fr", split, rows("fr", 11))
    drop = ("data.on_bad_row=drop", "languages=[de,en,fr]")
    full, _ = load(corpus_folder, *drop)
    without, _ = load(corpus_folder, *drop, "exclude=fr")
    assert set(without["dev"]["language"]) == {"de", "en"}
    assert set(without["test"]["language"]) == {"de", "en", "fr"}
    assert without["train"].to_list() == [r for r in full["train"] if r["language"] != "fr"]


def test_excluded_language_of_other_tasks_needs_no_training_file(corpus_folder: Path) -> None:
    write(corpus_folder, "fr", "test", rows("fr"))
    more = ("languages=[de,en,fr]", "task.parallel=false")
    assert "no file for language fr, split train" in refusal(corpus_folder, *more)
    corpus, _ = load(corpus_folder, *more, "exclude=fr")
    assert set(corpus["test"]["language"]) == {"de", "en", "fr"}


def test_the_hubs_parquet_layout_is_read_from_disk(tmp_path: Path) -> None:
    for language in ("de", "en"):
        (tmp_path / language).mkdir()
        for split, shards in (("train", 2), ("validation", 1), ("test", 1)):
            for shard in range(shards):
                examples = rows(language, 6)
                columns = {
                    "premise": [f"{shard} {row[1]}" for row in examples],
                    "hypothesis": [row[2] for row in examples],
                    "label": [n % 3 for n in range(6)],
                }
                name = f"{split}-{shard:05}-of-{shards:05}.parquet"
                pq.write_table(pa.table(columns), tmp_path / language / name)
    corpus, said = load(tmp_path, "task.columns.id=null")
    assert len(corpus["train"]) == 24
    assert len(corpus["dev"]) == 12
    by_id = {row["id"]: row for row in corpus["train"]}
    assert by_id["de7"]["text"] == "1 de premise 1"  # numbered through the shards
    assert by_id["de6"]["label"] == 1  # 0 is entailment on the hub
    assert by_id["de7"]["label"] == by_id["de8"]["label"] == 0
    assert "de/train-00000-of-00002.parquet, de/train-00001-of-00002.parquet" in said


def test_the_layout_of_xtreme_is_read_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    for language in ("de", "en"):
        for split in ("train", "dev", "test"):
            lines = ["\t".join(row[1:]) for row in rows(language)]
            (tmp_path / "xnli" / f"{split}-{language}.tsv").write_text("\n".join(lines) + "\n")
    corpus, said = load(tmp_path, "task.columns.id=null")
    assert len(corpus["train"]) == 24
    assert "(no header: premise, hypothesis, label)" in said


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, corpus_folder: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "none")
    assert "is a file" in refusal(corpus_folder / "dev.de.tsv")


def test_fingerprint_follows_the_contents_of_what_is_read(corpus_folder: Path) -> None:
    before = fingerprint(settings(corpus_folder))
    assert len(before) == 6
    assert before == fingerprint(settings(corpus_folder))
    write(corpus_folder, "fr", "train", rows("fr"))  # not read
    assert before == fingerprint(settings(corpus_folder))
    write(corpus_folder, "de", "train", rows("de", 11))
    after = fingerprint(settings(corpus_folder))
    assert {name for name in before if before[name] != after[name]} == {"train.de.tsv"}
    assert fingerprint(config("task=xnli")) == {}


def test_the_sample_corpus_has_the_sizes_asked_for_and_no_id_twice() -> None:
    sizes = [f"data.{split}_per_language=20" for split in ("train", "dev", "test")]
    said: list[str] = []
    corpus = load_corpus(config("task=xnli", "languages=[de,ko]", *sizes), said.append)
    assert {split: len(examples) for split, examples in corpus.items()} == dict.fromkeys(corpus, 40)
    ids = [set(examples["id"]) for examples in corpus.values()]
    assert len(set.union(*ids)) == 120
    assert all(row["id"] == row["language"] + row["parallel_id"] for row in corpus["train"])


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (("task=sib200",), "task=sib200 data=files data.path=DIR"),
        (("task=marc", "languages=[de,en,sw]"), "languages=sw: the sample corpus has de, en"),
        (("task=xnli", "data=files", "data.path=/none/here"), "no such folder"),
    ],
)
def test_missing_data_is_reported_at_once(overrides: tuple[str, ...], expected: str) -> None:
    with pytest.raises(UserError, match=expected.replace(".", r"\.")):
        require_data(config(*overrides), print)
