"""Data that nothing can be learnt or found out from is refused before the first step."""

from pathlib import Path

import pytest
from conftest import config, run_xling
from corpus_files import rows, write

from xling.config import Config
from xling.data import load_corpus
from xling.errors import UserError
from xling.pipeline.sizes import check_sizes


def settings(folder: Path, *more: str) -> Config:
    where = ("task=xnli", "data=files", f"data.path={folder}", "task.columns.id=id")
    return config(*where, "languages=[de,en]", *more)


def check(config: Config) -> list[str]:
    said: list[str] = []
    check_sizes(config, load_corpus(config, said.append), said.append)
    return [line for line in said if "among the training examples" not in line]  # they are here


def refusal(config: Config) -> str:
    with pytest.raises(UserError) as caught:
        check(config)
    return str(caught.value)


def test_all_training_examples_are_not_the_most_influential(corpus_folder: Path) -> None:
    message = refusal(settings(corpus_folder))
    assert "influence.top_k=100: the run has 24 training examples" in message
    assert "influence.top_k=2, for instance" in message
    assert "24 training examples" in refusal(settings(corpus_folder, "influence.top_k=24"))
    warned = check(settings(corpus_folder, "influence.top_k=13"))
    assert "WARNING: influence.top_k=13 is more than half of the 24" in warned[-1]
    assert not any(
        "WARNING" in line for line in check(settings(corpus_folder, "influence.top_k=12"))
    )
    assert "top_k=12: the run has 12" in refusal(
        settings(corpus_folder, "influence.top_k=12", "data.train_per_language=6")
    )


def test_not_all_training_examples_can_be_left_out(corpus_folder: Path) -> None:
    switches = ("influence.top_k=2", "leave_out.example=0")
    message = refusal(settings(corpus_folder, *switches, "leave_out.k=24"))
    assert "leave_out.k=24: the run has 24 training examples, so that none is left" in message
    check(settings(corpus_folder, *switches, "leave_out.k=23"))
    control = (*switches, "leave_out.control=1")
    check(settings(corpus_folder, *control, "leave_out.k=12"))
    assert "fewer than k would be left" in refusal(
        settings(corpus_folder, *control, "leave_out.k=13")
    )


def test_an_example_to_explain_must_be_traced(corpus_folder: Path) -> None:
    switches = ("influence.top_k=2", "leave_out.k=2", "influence.test_per_language=3")
    check(settings(corpus_folder, *switches, "leave_out.example=5"))
    message = refusal(settings(corpus_folder, *switches, "leave_out.example=6"))
    assert "leave_out.example=6: the run traces 6 test examples at most; write 0 to 5" in message


@pytest.mark.parametrize("switch", ["leave_out.k=24", "leave_out.example=99"])
def test_what_cannot_be_left_out_is_told_before_the_base_run(
    corpus_folder: Path, switch: str
) -> None:
    done = run_xling(
        "task=xnli", "data=files", "data.path=.", "task.columns.id=id", "languages=[de,en]",
        "influence.top_k=2", "leave_out.k=2", "leave_out.example=0", switch, folder=corpus_folder,
    )  # fmt: skip
    assert done.returncode == 1 and switch in done.stderr
    assert "Fine-tuning" not in done.stdout


def test_subnetworks_alone_trace_nothing(corpus_folder: Path) -> None:
    check(settings(corpus_folder, "subnetwork=identified", "subnetwork.only=true"))


@pytest.mark.parametrize("dry", ["true", "false"])
def test_it_is_found_out_before_the_first_step(corpus_folder: Path, dry: str) -> None:
    done = run_xling(
        "task=xnli", "data=files", "data.path=.", "task.columns.id=id", "languages=[de,en]",
        f"dry_run={dry}", folder=corpus_folder,
    )  # fmt: skip
    assert done.returncode == 1
    assert "influence.top_k=100: the run has 24 training examples" in done.stderr
    assert "Fine-tuning" not in done.stdout


def test_one_example_per_language_is_too_few(corpus_folder: Path) -> None:
    few = ("influence.top_k=2", "data.test_per_language=1")
    assert "de has 1 test example, and intervals need two" in refusal(settings(corpus_folder, *few))
    write(corpus_folder, "en", "train", rows("en", 1))
    one = settings(corpus_folder, "influence.top_k=2", "task.parallel=false")
    assert "en has 1 training example, whose influence would count" in refusal(one)


def test_one_class_or_one_text_teaches_nothing(corpus_folder: Path) -> None:
    for language in ("de", "en"):
        write(corpus_folder, language, "train", [[*row[:3], "neutral"] for row in rows(language)])
    message = refusal(settings(corpus_folder))
    assert "All training examples are of class not_entailment" in message
    for language in ("de", "en"):
        examples = [[row[0], "same", "text", row[3]] for row in rows(language)]
        write(corpus_folder, language, "train", examples)
    assert "All 12 training examples of de have the same text, 'same'" in refusal(
        settings(corpus_folder)
    )


def test_a_language_of_one_class_is_reported(corpus_folder: Path) -> None:
    write(corpus_folder, "en", "train", [[*row[:3], "neutral"] for row in rows("en")])
    said = check(settings(corpus_folder, "task.parallel=false", "influence.top_k=2"))
    assert sum("all training examples of en are of class not_entailment" in line for line in said)
    assert not any("examples of de are" in line for line in said)


@pytest.mark.parametrize(("split", "name"), [("dev", "development"), ("test", "test")])
def test_development_and_test_examples_of_one_class_are_reported(
    corpus_folder: Path, split: str, name: str
) -> None:
    switches = ("influence.top_k=2", "task.parallel=false")
    write(corpus_folder, "en", split, [[*row[:3], "neutral"] for row in rows("en")])
    assert not any("WARNING" in line for line in check(settings(corpus_folder, *switches)))
    write(corpus_folder, "de", split, [[*row[:3], "neutral"] for row in rows("de")])
    (warning,) = [line for line in check(settings(corpus_folder, *switches)) if "WARNING" in line]
    assert f"all {name} examples are of class not_entailment" in warning
    assert f"data.{split}_per_language" in warning


def test_a_file_with_a_header_alone_is_named(corpus_folder: Path) -> None:
    for switches in (("task.parallel=false",), ()):
        write(corpus_folder, "de", "test", [])
        message = refusal(settings(corpus_folder, *switches))
        assert message == "test.de.tsv has the names of its columns, and no rows."


def test_texts_that_are_trained_and_tested_on_are_reported(corpus_folder: Path) -> None:
    drawn = settings(corpus_folder, "influence.top_k=2", "task.parallel=false")
    said: list[str] = []
    load_corpus(drawn, said.append)
    warnings = [line for line in said if "WARNING" in line]
    expected = "texts of the {} examples are among the training examples (de 100%, en 100%)"
    for name, line in zip(("development", "test"), warnings, strict=True):
        assert expected.format(name) in line
    for split in ("dev", "test"):
        for language in ("de", "en"):  # one in twelve is below a tenth
            fresh = [[r[0], f"{split} {r[1]}", r[2], r[3]] for r in rows(language)[1:]]
            write(corpus_folder, language, split, [rows(language)[0], *fresh])
    said.clear()
    load_corpus(drawn, said.append)
    assert not any("WARNING" in line for line in said)


def test_files_that_are_there_twice_are_reported(corpus_folder: Path) -> None:
    write(corpus_folder, "en", "train", [*rows("de")[:6], *rows("en")[6:]])
    said: list[str] = []
    load_corpus(settings(corpus_folder, "task.parallel=false"), said.append)
    assert sum("6 of 12 training texts of en are those of de as well" in line for line in said) == 1


def test_rows_of_which_none_can_be_used_are_not_to_be_dropped(corpus_folder: Path) -> None:
    for switches in ((), ("data.on_bad_row=drop",)):
        where = (*switches, "task.columns.text=id", "task.columns.id=null", "task.parallel=false")
        write(corpus_folder, "de", "dev", [["", *row[1:]] for row in rows("de")])
        message = refusal(settings(corpus_folder, *where))
        assert "No row is left in dev of de: look at task.columns" in message
        assert "Write data.on_bad_row=drop" not in message


def test_texts_that_stand_for_missing_ones_are_reported(corpus_folder: Path) -> None:
    some = [[*row[:2], "NA" if n < 3 else row[2], row[3]] for n, row in enumerate(rows("en"))]
    write(corpus_folder, "en", "train", some)
    said: list[str] = []
    load_corpus(settings(corpus_folder), said.append)
    told = "3 texts are 'NA' (the first in train.en.tsv:2), as programs write missing ones"
    assert sum(told in line for line in said) == 1
