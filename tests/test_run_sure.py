"""A whole run that has learnt warns of nothing; `test_run.py` looks at one that has not."""

from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, run_xling
from corpus_files import LABELS, write
from runs import report_folder
from tracked_runs import outcome

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
