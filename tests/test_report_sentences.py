"""What a run's report says in words, and what it refuses to read."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from report_runs import LANGUAGES, make_epoch_tests, make_run

from xling import report
from xling.errors import UserError
from xling.report import papers, words
from xling.report.__main__ import main
from xling.report.methods import TRACIN, words_of
from xling.report.sections import distances, distribution, epoch_tests, epochs, labels
from xling.report.sections.shares import finding, significance

MOST = words_of(TRACIN).most


def test_the_paper_is_quoted_for_languages_left_out(tmp_path):
    folder = make_run(tmp_path / "run", exclude=("ko",), task="pawsx")
    sentence = papers.paper(report.load(folder)).sentences["accuracy"]
    assert "83% on the development set" in sentence
    assert sentence.endswith("Left out of training, ko reaches 74% (§8.3).")


@pytest.mark.parametrize(
    ("reads", "sentence"),
    [
        (None, "A multilingual model is"),
        (("GPT2Model", "last"), "A classifier on the last token’s state of GPT2Model is"),
        (("T5Stack", "mean"), "A classifier on the mean of all tokens’ states of T5Stack is"),
    ],
)
def test_the_page_says_what_is_fine_tuned(reads, sentence, tmp_path):
    folder = make_run(tmp_path / "run")
    file = folder / "results.json"
    results = json.loads(file.read_text("utf-8"))
    if reads:
        results["classifier"] = dict(zip(("encoder", "pooling"), reads, strict=True))
        file.write_text(json.dumps(results), "utf-8")
    page = report.write_page(folder).read_text("utf-8")
    assert f"{sentence} fine-tuned on all languages together." in page


def test_finding_is_computed_from_the_table():
    def table(rows):
        columns = ["test_language", "train_language", "share", "low", "high", "base_rate"]
        return pd.DataFrame(rows, columns=columns).assign(epoch=0, sign="+", q=0.01)

    rows = [
        ("de", "de", 0.24, 0.22, 0.26, 0.2),
        ("de", "en", 0.5, 0.4, 0.6, 0.2),
        ("en", "en", 0.41, 0.19, 0.5, 0.2),
    ]
    assert finding(table(rows), 100, MOST) == (
        "Each language’s own data holds 24–41% of the 100 training examples that TracIn estimates "
        "to help its test examples most; by its size alone it would hold 20%. That is more than "
        "that base rate in 1 of 2 languages (whole 95% interval, and q < 0.05)."
    )
    assert "every language" in finding(table(rows[:1]), 100, MOST)
    assert finding(table(rows[1:2]), 100, MOST).startswith("No test language has")


def test_numbers_are_written_for_readers():
    assert words.percent(0.3141) == "31.4%"
    assert (words.percent(0.0004), words.percent(0.0)) == ("<0.1%", "0.0%")
    assert words.percent_range([0.201, 0.199]) == "20%"
    assert [words.p_value(p) for p in (0.0009, 0.0234, 1)] == ["<0.001", "0.023", "1.000"]
    assert words.number(-0.001, 2) == "0.00"
    assert words.number(-1234.5678, 2) == "\u22121\u202f234.57"
    assert [words.duration(s) for s in (59.6, 42, 3600, 7440)] == [
        "1 min 0 s", "42 s", "1 h 0 min", "2 h 4 min",
    ]  # fmt: skip


def test_sentences_beside_the_shares_are_computed(run_folder):
    tables = report.load(run_folder).tables
    shares = tables["shares"].query("epoch == 0")
    count = (shares["q"] < 0.05).sum()
    assert significance(tables["shares"]).startswith(f"Of 18 shares, {count} are farther")
    same_label = labels.sentence(tables["labels"])
    assert same_label.startswith("90–94% of the most positive")
    assert "against 50% of all training examples" in same_label
    tests = tables["epoch_tests"]
    sentence = epoch_tests.sentence(tests)
    assert sentence.startswith(
        "Of 9 comparisons of two epochs, 8 differ (p < 0.05 after Holm’s correction)."
    )
    row = tests.loc[tests["effect"].abs().idxmax()]
    assert f"from epoch {row['first']} to {row['second']} on {row['test_language']}" in sentence
    assert ("most scores rise" in sentence) == (row["effect"] > 0)
    none = epoch_tests.sentence(tests.assign(p_holm=0.9))
    assert none.endswith("none differs (p < 0.05 after Holm’s correction).")
    told = distances.sentence(tables["distances"])
    assert told.startswith("The shares of the most positive training examples go most with geogr")
    assert "geography: closer languages hold larger shares (ρ = −0.70, p < 0.001 after" in told
    chance = distances.sentence(tables["distances"].assign(p=0.03))
    assert chance == (
        "Of no distance is it told that the shares of the most positive training examples go with "
        "it; the highest correlation is with geography (ρ = −0.70, p = 0.060 after "
        "Holm’s correction for 2 distances, 6 pairs of different languages)."
    )
    lower = tables["distances"].assign(p=[0.001, 0.2, 0.2, 0.2])  # of the lower correlation alone
    assert "go most with syntax: closer" in distances.sentence(lower)
    assert distances.whose_p(tables["distances"]).endswith("of permuted languages (Mantel).")
    earlier = tables["distances"].drop(columns="least_p")
    assert distances.whose_p(earlier).endswith("so p is too small: read it as a hint.")


def test_positive_pairs_are_counted_within_and_between_languages():
    bins = [("de", -1, 0, 1), ("de", 0, 1, 3), ("en", -1, 0, 2), ("en", 0, 1, 2)]
    table = pd.DataFrame(bins, columns=["train_language", "low", "high", "pairs"])
    table = table.assign(test_language="de")
    assert distribution.sentence(table) == (
        "Of all pairs of a training and a test example, 62.5% have positive influence: 75.0% of "
        "those in the same language, 50.0% of those in different ones."
    )
    assert distribution.sentence(table.head(2)).endswith("75.0% have positive influence.")


def test_tests_between_epochs_go_downwards_by_the_longer_side():
    rng = np.random.default_rng(0)
    few = epoch_tests.pair_grid(make_epoch_tests(rng, LANGUAGES, 2), list(LANGUAGES))
    assert few["rows"] == list(LANGUAGES) and few["columns"] == ["1 → 2"]
    many = epoch_tests.pair_grid(make_epoch_tests(rng, LANGUAGES, 4), list(LANGUAGES))
    assert many["columns"] == list(LANGUAGES) and len(many["rows"]) == 6
    assert many["cells"]["1 → 2", "de"]["weak"] and not many["cells"]["1 → 3", "de"]["weak"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "results.json").unlink(), "no results.json"),
        (lambda folder: (folder / "results.json").write_text("{}"), "lacks run, task"),
        (lambda folder: (folder / "tables/shares.parquet").unlink(), "no shares.parquet"),
        (lambda folder: _change(folder, lambda t: t.drop(columns="low")), "no column low"),
        (lambda folder: _change(folder, lambda t: t.assign(share=np.nan)), "column share has no"),
        (lambda folder: _change(folder, lambda t: t.assign(sign="pos")), "sign=pos; expected + or"),
    ],
)
def test_what_is_missing_is_named(tmp_path, spoil, words):
    folder = make_run(tmp_path / "run", ("de", "en"), epochs=1, traced_per_language=1)
    spoil(folder)
    with pytest.raises(UserError, match=re.escape(words)):
        report.write_page(folder)
    assert not (folder / "report.html").exists()


def test_a_run_of_an_earlier_version_lacks_newer_columns_and_has_a_page(tmp_path):
    folder = make_run(tmp_path / "run", ("de", "en"), epochs=1, traced_per_language=1)
    assert "; random ones: 10.0%" in report.write_page(folder).read_text("utf-8")
    _change(folder, lambda table: table.drop(columns="expected"), "reinforcing")
    page = report.write_page(folder).read_text("utf-8")
    assert "translate own ones" in page and "random ones:" not in page
    _change(folder, lambda table: table.drop(columns="members"), "reinforcing")
    with pytest.raises(UserError, match="no column members"):
        report.write_page(folder)


def _change(folder, change, name="shares"):
    file = folder / "tables" / f"{name}.parquet"
    change(pd.read_parquet(file)).to_parquet(file)


def test_the_module_makes_reports_again(tmp_path, capsys, monkeypatch):
    folder = make_run(tmp_path / "run", ("de", "en"), epochs=1, traced_per_language=1)
    monkeypatch.setattr("sys.argv", ["xling.report", str(folder)])
    main()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == str(folder / "report.html")
    assert sorted(printed[1:]) == sorted(map(str, (folder / "figures").iterdir()))
    monkeypatch.setattr("sys.argv", ["xling.report", str(tmp_path)])
    with pytest.raises(SystemExit, match="not the folder of a finished run"):
        main()


def test_more_languages_than_panels_hold_have_tables_alone(tmp_path):
    languages = tuple(f"l{i:02}" for i in range(epochs.PANELS + 1))
    folder = make_run(tmp_path / "run", languages, epochs=2, traced_per_language=1)
    page = report.write_page(folder).read_text("utf-8")
    assert 'data-file="mean_influence"' in page and 'data-file="own_share_by_epoch"' in page
    assert 'data-file="distribution"' not in page and "_shares_by_epoch" not in page
    assert "too many to draw" in page
