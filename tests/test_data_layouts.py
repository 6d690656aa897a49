"""Public data sets' layouts, each read with one task file: no Python, and no row lost."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import DatasetDict
from task_files import compose_task

from xling.config import Config, checked
from xling.data import fingerprint, load_corpus, require_data
from xling.errors import UserError

SPLITS = {"train": 8, "dev": 4, "test": 4}
Texts = dict[str, list[str]]


def load(folder: Path, task: str, *more: str) -> tuple[DatasetDict, list[str]]:
    said: list[str] = []
    return load_corpus(settings(folder, task, *more), said.append), said


def settings(folder: Path, task: str, *more: str) -> Config:
    where = ("data=files", f"data.path={folder}")
    return checked(compose_task(folder.parent / "conf", task, *where, *more))


def refusal(folder: Path, task: str, *more: str) -> str:
    with pytest.raises(UserError) as caught:
        load(folder, task, *more)
    return str(caught.value)


def write(path: Path, rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def texts(corpus: DatasetDict, split: str, column: str = "text") -> Texts:
    rows = corpus[split]
    return {
        language: sorted(row[column] for row in rows if row["language"] == language)
        for language in dict.fromkeys(rows["language"])
    }


def said_of(language: str, split: str, ending: str = "") -> list[str]:
    return [f"{language} {split} {n}{ending}" for n in range(SPLITS[split])]


TOPICS = ("science/technology", "travel", "politics", "sports")


def sib200(folder: Path, languages: tuple[str, ...] = ("deu_Latn", "swh_Latn", "zho_Hans")) -> None:
    """Folders by FLORES code below data/, as published; written by pandas, quotes and all."""
    for code in languages:
        for split, count in SPLITS.items():
            rows = [
                [
                    n,
                    TOPICS[n % 4],
                    f'"{code} {split} {n} ""so"""' if n == 0 else f"{code} {split} {n}",
                ]
                for n in range(count)
            ]
            write(
                folder / "data" / code / f"{split}.tsv", [["index_id", "category", "text"], *rows]
            )


def test_sib200_as_published(tmp_path: Path) -> None:
    folder = tmp_path / "sib-200"
    sib200(folder)
    corpus, said = load(folder, "sib200", "languages=[de,sw,zh]")
    for language, code in {"de": "deu_Latn", "sw": "swh_Latn", "zh": "zho_Hans"}.items():
        written = [f'{code} train 0 "so"', *said_of(code, "train")[1:]]
        assert texts(corpus, "train")[language] == sorted(written)
    assert corpus["train"]["parallel_id"][:8] == corpus["train"]["parallel_id"][8:16]
    assert (
        "data/deu_Latn/train.tsv, data/swh_Latn/train.tsv, data/zho_Hans/train.tsv: each 8 rows "
        "(1 field in quotes, read as CSV writes them)"
    ) in said
    corpus, _ = load(folder, "sib200", "languages=[de,sw,zh]", "data.quotes=none")
    assert '"deu_Latn train 0 ""so"""' in corpus["train"]["text"]
    assert "no file for language yo" in refusal(folder, "sib200", "languages=[de,yo]")
    message = refusal(folder, "sib200", "languages=[de,deu_Latn]")
    assert "de and deu_Latn are the same in the data" in message
    (folder / "data").rename(folder / "annotated")
    assert "some in its folder annotated: write that folder" in refusal(
        folder, "sib200", "languages=[de,sw]"
    )


def test_a_file_read_as_csv_names_another_run_than_before(tmp_path: Path) -> None:
    folder = tmp_path / "sib-200"
    sib200(folder)
    digests = fingerprint(settings(folder, "sib200", "languages=[de,sw]"))
    assert all(digest.endswith("-csv-quotes") for digest in digests.values())
    literal = fingerprint(settings(folder, "sib200", "languages=[de,sw]", "data.quotes=none"))
    assert {name: digest.partition("-")[0] for name, digest in digests.items()} == literal


MASAKHANEWS = """
name: masakhanews
languages: [am, en, sw]
parallel: false
columns: {id: null, text: headline, text_pair: text, label: category}
headerless: null
labels: {politics: [politics], sports: [sports], health: [health]}
ignore_labels: []
learning_rate: 2e-5
hub: null
"""


def test_masakhanews(tmp_path: Path) -> None:
    folder = tmp_path / "masakhane-news"
    for code in ("amh", "eng", "swa"):
        for split, count in SPLITS.items():
            rows = [
                [
                    ("politics", "sports", "health")[n % 3],
                    f"{code} {split} {n}",
                    f"{n} body",
                    "http://x",
                ]
                for n in range(count)
            ]
            header = ["category", "headline", "text", "url"]
            write(folder / "data" / code / f"{split}.tsv", [header, *rows])
    corpus, _ = load(folder, MASAKHANEWS)
    assert texts(corpus, "train") == {
        language: said_of(code, "train")
        for language, code in {"am": "amh", "en": "eng", "sw": "swa"}.items()
    }
    assert texts(corpus, "test", "text_pair")["sw"] == [f"{n} body" for n in range(4)]


MASSIVE = """
name: massive
languages: [de, en, zh, zh-Hant]
parallel: true
columns: {id: id, text: utt, text_pair: null, label: scenario}
headerless: null
labels: {alarm: [alarm], music: [music]}
ignore_labels: []
learning_rate: 2e-5
hub: null
"""


@pytest.mark.parametrize("ending", ["jsonl", "json", "jsonl.gz"])
def test_massive_has_a_file_per_locale_and_the_split_in_a_column(
    tmp_path: Path, ending: str
) -> None:
    folder = tmp_path / "1.0"
    (folder / "data").mkdir(parents=True)
    for code in ("de-DE", "en-US", "zh-CN", "zh-TW"):
        rows = [
            {
                "id": str(number),
                "locale": code,
                "partition": split,
                "scenario": ("alarm", "music")[number % 2],
                "utt": f"{code} {split} {n}",
                "slots": [{"a": {"b": []}}],
            }
            for number, (split, n) in enumerate((s, n) for s, c in SPLITS.items() for n in range(c))
        ]
        content = "\n".join(map(json.dumps, rows)) if ending != "json" else json.dumps(rows)
        data = content.encode()
        path = folder / "data" / f"{code}.{ending}"
        path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    corpus, said = load(folder, MASSIVE, "data.split_column=partition")
    codes = {"de": "de-DE", "en": "en-US", "zh": "zh-CN", "zh-Hant": "zh-TW"}
    for split in SPLITS:
        expected = {language: said_of(code, split) for language, code in codes.items()}
        assert texts(corpus, split) == expected
    assert any(f"train in data/de-DE.{ending}" in line and "each 8 rows" in line for line in said)
    message = refusal(folder, MASSIVE, "data.split_column=partition", "data.splits.dev=valdation")
    assert "is of split valdation; column partition has dev, test, train" in message
    assert "data.split_column" in refusal(folder, MASSIVE, "data.split_column=part")


XNLI = """
name: xnli
languages: [de, en, zh]
parallel: true
columns: {id: pairID, text: sentence1, text_pair: sentence2, label: gold_label}
headerless: null
labels: {not_entailment: [neutral, contradiction], entailment: [entailment]}
ignore_labels: ["-"]
learning_rate: 2e-5
hub: null
"""
XNLI_FILE = ("data.language_column=language", "data.splits={train: dev, dev: dev, test: test}")
XNLI_SIZES = ("data.train_per_language=5", "data.dev_per_language=3")


def xnli(folder: Path) -> None:
    for split, count in {"dev": 8, "test": 4}.items():
        rows = [
            [code, ("neutral", "entailment")[n % 2], f"{code} {split} {n}", "so", n]
            for n in range(count)
            for code in ("ar", "de", "en", "zh")
        ]
        header = ["language", "gold_label", "sentence1", "sentence2", "pairID"]
        write(folder / f"xnli.{split}.tsv", [header, *rows])


def test_xnli_s_original_file_holds_all_languages_of_a_split(tmp_path: Path) -> None:
    folder = tmp_path / "XNLI-1.0"
    xnli(folder)
    corpus, said = load(folder, XNLI, *XNLI_FILE, *XNLI_SIZES)
    for language in ("de", "en", "zh"):
        drawn = texts(corpus, "train")[language] + texts(corpus, "dev")[language]
        assert sorted(drawn) == [f"{language} dev {n}" for n in range(8)]
        assert texts(corpus, "test")[language] == [f"{language} test {n}" for n in range(4)]
    parts = ", ".join(f"{language} in xnli.test.tsv" for language in ("de", "en", "zh"))
    assert f"{parts}: each 4 rows" in said
    message = refusal(folder, XNLI, *XNLI_FILE, *XNLI_SIZES, "languages=[de,fr]")
    assert "column language: no row is of language fr; it has ar, de, en, zh" in message
    require_data(settings(folder, XNLI, *XNLI_FILE, *XNLI_SIZES), print)
    assert set(fingerprint(settings(folder, XNLI, *XNLI_FILE, *XNLI_SIZES))) == {
        "xnli.dev.tsv",
        "xnli.test.tsv",
    }


def test_a_language_may_be_in_one_shard_of_two(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for split, count in SPLITS.items():
        for shard, code in enumerate(("de", "en")):
            columns = {
                "language": [code] * count,
                "gold_label": ["neutral", "entailment"] * (count // 2),
                "sentence1": said_of(code, split),
                "sentence2": ["so"] * count,
                "pairID": list(range(count)),
                "unread": [[{"a": n}] for n in range(count)],
            }
            path = folder / f"{split}-0000{shard}-of-00002.parquet"
            pq.write_table(pa.table(columns), path)
    arguments = ("data.language_column=language", "languages=[de,en]")
    corpus, said = load(folder, XNLI, *arguments)
    for split in SPLITS:
        assert texts(corpus, split) == {code: said_of(code, split) for code in ("de", "en")}
    assert any(line.startswith("de in train-00000-of-00002.parquet, en in") for line in said)
    message = refusal(folder, XNLI, "data.language_column=language", "languages=[de,fr]")
    assert "no row is of language fr; it has de, en" in message


def test_bad_rows_of_one_language_are_counted_as_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "XNLI-1.0"
    xnli(folder)
    file = folder / "xnli.test.tsv"
    file.write_text(file.read_text().replace("de test 1", " "))
    arguments = (*XNLI_FILE, *XNLI_SIZES, "task.parallel=false")
    message = refusal(folder, XNLI, *arguments)
    assert "1 row cannot be used: empty text 1." in message
    assert "xnli.test.tsv:7: empty text (sentence1)" in message
    corpus, said = load(folder, XNLI, *arguments, "data.on_bad_row=drop")
    assert "de in xnli.test.tsv: 4 rows, 1 unusable" in said
    assert "en in xnli.test.tsv, zh in xnli.test.tsv: each 4 rows" in said
    assert len(texts(corpus, "test")["de"]) == 3


def test_rows_that_do_not_say_their_language_are_not_lost_unseen(tmp_path: Path) -> None:
    folder = tmp_path / "XNLI-1.0"
    xnli(folder)
    with (folder / "xnli.test.tsv").open("a") as file:
        file.write("\tneutral\ta\tb\t99\nde\tneutral\n")
    arguments = (*XNLI_FILE, *XNLI_SIZES)
    message = refusal(folder, XNLI, *arguments)
    assert "xnli.test.tsv: 2 rows do not say to which language" in message
    assert "(language), the first in line 18" in message
    _, said = load(folder, XNLI, *arguments, "data.on_bad_row=drop")
    assert any("2 rows do not say" in line and "left out" in line for line in said)


def test_one_file_holds_everything(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    rows = [
        [code, split, f"{code} {split} {n}", "so", ("neutral", "entailment")[n % 2], n]
        for split, count in SPLITS.items()
        for n in range(count)
        for code in ("deu", "eng")
    ]
    header = ["lang", "split", "sentence1", "sentence2", "gold_label", "pairID"]
    write(folder / "mine.tsv", [header, *rows])
    columns = ("data.language_column=lang", "data.split_column=split", "languages=[de,en]")
    corpus, _ = load(folder, XNLI, *columns, "data.files=mine.tsv")
    assert texts(corpus, "dev") == {"de": said_of("deu", "dev"), "en": said_of("eng", "dev")}
    assert "xnli.tsv, data.tsv" in refusal(folder, XNLI, *columns)
    message = refusal(folder / "mine.tsv", XNLI, *columns)
    assert f"write its folder, data.path={folder}" in message
    assert "data.files=mine.tsv" in message


def test_names_that_hold_the_split_twice_ask_for_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for code in ("de", "en"):
        for split in SPLITS:
            rows = [[n, f"{code} {split} {n}", TOPICS[n % 4]] for n in range(SPLITS[split])]
            write(folder / split / f"{code}_{split}.tsv", [["id", "text", "label"], *rows])
    message = refusal(folder, "sib200", "languages=[de,en]")
    assert "de_dev" not in message.split("\n")[0] and "{split}/{lang}_{split}.tsv" in message
    pattern = "data.files='{split}/{lang}_{split}.tsv'"
    corpus, _ = load(folder, "sib200", "languages=[de,en]", pattern)
    assert texts(corpus, "dev") == {"de": said_of("de", "dev"), "en": said_of("en", "dev")}


@pytest.mark.parametrize(
    ("column", "old", "new"), [("lang", "de", "DE"), ("split", "train", "Train")]
)
def test_rows_under_another_spelling_are_not_lost(tmp_path, column, old, new) -> None:
    header = ["lang", "split", "sentence1", "sentence2", "gold_label", "pairID"]
    rows = [
        [code, split, f"{code} {split} {n}", "so", ("neutral", "entailment")[n % 2], n]
        for split, count in SPLITS.items()
        for n in range(count)
        for code in ("de", "en")
    ]
    for row in rows[::2]:
        place = header.index(column)
        if row[place] == old and row[5] % 2:
            row[place] = new
    write(tmp_path / "mine" / "mine.tsv", [header, *rows])
    columns = ("data.language_column=lang", "data.split_column=split", "languages=[de,en]")
    message = refusal(tmp_path / "mine", XNLI, *columns, "data.files=mine.tsv")
    assert f"column {column}: {new} and {old} are different values" in message


def test_files_are_found_by_a_pattern_and_behind_links(tmp_path: Path) -> None:
    folder, away = tmp_path / "mine", tmp_path / "away"
    for split in SPLITS:
        rows = [[n, f"deu {split} {n}", TOPICS[n % 4]] for n in range(SPLITS[split])]
        write(away / "de" / f"deu_{split}.tsv", [["id", "text", "label"], *rows])
        rows = [[n, f"eng {split} {n}", TOPICS[n % 4]] for n in range(SPLITS[split])]
        write(away / f"en-{split}", [["id", "text", "label"], *rows])
        (folder / "en").mkdir(parents=True, exist_ok=True)
        (folder / "en" / f"eng_{split}.tsv").symlink_to(away / f"en-{split}")
    (folder / "de").symlink_to(away / "de")
    (folder / "lost.tsv").symlink_to(away / "gone")
    (folder / "en" / "again").symlink_to(folder)  # followed once
    languages = "languages=[de,en]"
    assert "no data file that xling recognises" in refusal(folder, "sib200", languages)
    (folder / "deu").symlink_to(away / "de")
    (folder / "eng").symlink_to(folder / "en")
    corpus, said = load(folder, "sib200", languages, "data.files='{lang}/{lang}_{split}.tsv'")
    assert texts(corpus, "dev") == {"de": said_of("deu", "dev"), "en": said_of("eng", "dev")}
    assert "dev: 4 examples of each of de, en" in said
    (away / "de" / "deu_test.tsv").rename(away / "moved")
    (away / "de" / "deu_test.tsv").symlink_to(away / "gone")
    message = refusal(folder, "sib200", languages, "data.files='{lang}/{lang}_{split}.tsv'")
    assert "no file for language de, split test" in message
    assert message.endswith("Its link lost.tsv leads to no file.")


def test_files_that_are_not_split_are_drawn_from_for_each_split(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for code in ("deu", "eng"):
        rows = [[n, f"{code} train {n}", TOPICS[n % 4]] for n in range(8)]
        write(folder / f"{code}.tsv", [["id", "text", "label"], *rows])
    sizes = [f"data.{split}_per_language={size}" for split, size in (("dev", 3), ("test", 2))]
    whole = ("data.files='{lang}.tsv'", "data.splits={train: all, dev: all, test: all}")
    corpus, _ = load(folder, "sib200", "languages=[de,en]", *whole, *sizes)
    for language, code in {"de": "deu", "en": "eng"}.items():
        drawn = [text for split in SPLITS for text in texts(corpus, split)[language]]
        assert sorted(drawn) == said_of(code, "train")
        assert len(texts(corpus, "train")[language]) == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("data.files='{split}.tsv'",), "where in a name the language stands: write {lang} there"),
        (("data.files='{lang}.tsv'",), "the split stands: write {split} there"),
        (("data.files='{lang}.{spit}.tsv'",), "there is no {spit}; write {split} or {lang}"),
        (("data.files='{lang}.{split'",), "cannot be read"),
        (("data.files='{lang}.{split}.xls'",), "must end in one of the kinds of files"),
        (("data=sample", "data.path=null", "data.files='{lang}.tsv'"), "write data=files"),
        (("data.language_column=text",), "task.columns.text and data.language_column are both"),
    ],
)
def test_a_pattern_that_finds_nothing_is_explained(
    tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    assert expected in refusal(tmp_path, "sib200", *arguments)
