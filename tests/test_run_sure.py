"""Whole runs: one that has learnt warns of nothing, one that predicts one class does everywhere."""

from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, run_xling
from corpus_files import LABELS, write
from runs import only, report_folder
from tracked_runs import outcome

from xling.analysis.doubts import CODES, MODEL, ONE_CLASS, SUBNETWORKS
from xling.tracker import headline_metrics

WRONG = 0.2
"""Share of the training labels that are wrong: else only the label tells the examples apart."""


def easy(folder: Path) -> Path:
    """Files of a task that a small model learns: one of two words of a language is the label."""
    rng = np.random.default_rng(0)
    for language in ("de", "en"):
        for split, count in (("train", 160), ("dev", 40), ("test", 40)):
            rows = []
            for number in range(count):
                label = int(rng.integers(2))
                others = [f"{language}{word}" for word in rng.integers(30, size=4)]
                given = label if split != "train" or rng.random() > WRONG else 1 - label
                word = f"{language}{'ab'[label]}"
                rows.append([f"{split}{number}", word, " ".join(others), LABELS[given]])
            write(folder, language, split, rows)
    return folder


def command(folder: Path, *more: str) -> list[str]:
    small = [switch for switch in SMALL if "per_language" not in switch and "epochs" not in switch]
    return [
        "task=xnli", "data=files", f"data.path={folder}", *small, "languages=[de,en]",
        "influence.test_per_language=6", "influence.top_k=40", "task.parallel=false", *more,
    ]  # fmt: skip


def test_a_run_that_has_learnt_warns_of_nothing(tmp_path):
    (tmp_path / "data").mkdir()
    switches = ("tuning.epochs=4", "tuning.learning_rate=5e-3")
    done = run_xling(*command(easy(tmp_path / "data"), *switches), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    run = report_folder(tmp_path, done)
    results, tables = outcome(run)
    assert results["warnings"] == [] and "WARNING" not in done.stdout
    assert tables["learnt"]["learnt"].all()
    page = (run / "report.html").read_text("utf-8")
    assert 'class="banner' not in page and "Each language’s own data holds" in page
    assert headline_metrics(results)["warnings"] == 0
    sums = tables["tie_shares"].groupby(["sign", "test_language"])[["share", "at_random"]].sum()
    assert sums.to_numpy() == pytest.approx(np.ones(sums.shape))
    plain = (
        tables["shares"]
        .query("epoch == 0")
        .merge(tables["tie_shares"], on=["sign", "test_language", "train_language"])
    )
    assert plain["share_x"].to_numpy() == pytest.approx(plain["share_y"].to_numpy())
    assert tables["ties"]["noise"].between(1e-5, 0.2).all()
    assert (tables["ties"]["within_noise"] * 40 >= 1).all()  # rank k itself
    assert list(tables["effective_dimension"]["epoch"]) == list(range(results["kept_epoch"] + 1))


@pytest.mark.command
def test_a_run_that_predicts_one_class_says_so_everywhere(undisturbed):
    run = only(undisturbed.folder, "multirun/xnli/tiny-*")
    results, tables = outcome(run)
    codes = [warning["code"] for warning in results["warnings"]]
    assert codes[0] == ONE_CLASS and set(codes) <= set(CODES)
    assert not tables["learnt"]["learnt"].any()
    page = (run / "report.html").read_text("utf-8")
    top = page.split('<section id="run">')[0]
    assert top.count('class="banner doubt"') == len(codes)
    assert '<p class="finding">This model has not learnt the task' in top
    assert results["warnings"][0]["sentence"] in top
    assert headline_metrics(results)[f"warning/{ONE_CLASS}"] == 1
    assert results["warnings"][0]["sentence"] in undisturbed.done.stdout


def test_subnetworks_of_models_at_chance_are_told(sparse):
    results, tables = outcome(report_folder(sparse.folder, sparse.done))
    kinds = {(warning["code"], warning["model"]) for warning in results["warnings"]}
    whole = {model for code, model in kinds if code in (ONE_CLASS, MODEL)}
    assert "the whole model" in whole
    (told,) = (one for one in results["warnings"] if one["code"] == SUBNETWORKS)
    assert set(told["languages"]) <= {"de", "en", "fr"}
    assert {"ties", "tie_shares", "effective_dimension", "learnt"} <= set(tables)
