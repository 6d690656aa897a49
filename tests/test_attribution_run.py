"""A run by a method without gradients: the real command, its tables, and its scores by hand."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SMALL, config, run_xling

from xling.errors import UserError
from xling.pipeline.inputs import prepare, with_weights
from xling.pipeline.paths import run_paths
from xling.training.history import weights_file


def states(settings, inputs, weights, split) -> np.ndarray:
    """The activation after the tanh of the head, one example at a time, of norm one."""
    model = with_weights(settings, inputs, weights).eval()
    rows = []
    with torch.no_grad():
        for example in inputs.encoded[split]:
            batch = inputs.collate([example])["inputs"]
            state = model.encoder(**batch).last_hidden_state[:, 0]
            rows.append(torch.tanh(model.head.hidden(state)))
    made = torch.cat(rows).numpy()
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_a_run_by_embeddings_scores_cosines_of_hidden_states(tmp_path, monkeypatch):
    overrides = ("task=xnli", *SMALL, "influence=embedding", "sketch.store=float32")
    done = run_xling(*overrides, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "with a sketch" not in done.stdout and "Sketches of" not in done.stdout
    monkeypatch.chdir(tmp_path)
    settings = config(*overrides)
    paths = run_paths(settings)
    assert paths.run.name.startswith("tiny-de+en+fr-embedding-")
    assert paths.tuning == run_paths(config("task=xnli", *SMALL)).tuning
    assert {path.name for path in paths.tuning.iterdir() if path.is_dir()} == {
        "checkpoints",
        paths.sketches,
    }
    results = json.loads((paths.run / "results.json").read_text("utf-8"))
    assert results["method"] == "embedding" and not {"sketch", "twin"} & results.keys()
    tables = {file.stem: pd.read_parquet(file) for file in paths.run.glob("tables/*.parquet")}
    assert "coverage" not in tables and {"shares", "mean_influence", "distribution"} <= set(tables)
    assert tables["shares"]["noise"].isna().all()
    assert (paths.run / "report.html").exists()

    inputs = prepare(settings, say=lambda line: None)
    train, test = (np.array(inputs.corpus[split]["id"]) for split in ("train", "test"))
    scores = np.zeros((len(test), len(train)))
    for epoch in range(1, results["kept_epoch"] + 1):
        weights = weights_file(paths.tuning, epoch)
        left, right = (states(settings, inputs, weights, split) for split in ("train", "test"))
        scores += right @ left.T
    by_pair = pd.DataFrame(scores, test, train)
    for row in tables["influential"].itertuples():
        assert row.score == pytest.approx(by_pair.loc[row.test_id, row.train_id], abs=1e-5)
    first = tables["influential"].query("rank == 1").set_index("test_id")
    for test_id, row in first.iterrows():
        extreme = by_pair.loc[test_id].max() if row.sign == "+" else by_pair.loc[test_id].min()
        assert row.score == pytest.approx(extreme, abs=1e-5)
    pairs = tables["distribution"].pairs.sum()
    assert pairs == len(tables["traced"]) * len(train)
    means = tables["mean_influence"].query("epoch == 0")
    traced = tables["traced"].set_index("test_id").language
    for row in means.itertuples():
        tested = traced.index[traced == row.test_language]
        trained = [
            language == row.train_language for language in inputs.corpus["train"]["language"]
        ]
        assert row.mean == pytest.approx(by_pair.loc[tested, trained].mean(axis=None), abs=1e-5)


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("influence.rerank=5", "influence.rerank=5"),
        ("influence.weights=learning_rate", "influence.weights=learning_rate"),
        ("sketch.twin=true", "sketch.twin=true"),
        ("sketch.skip=[head.*]", r"sketch.skip=\[head\.\*\]"),
        ("sketch=exact", "sketch.method=exact"),
    ],
)
def test_switches_of_gradients_are_refused_where_there_are_none(override, shown):
    with pytest.raises(UserError, match=f"{shown} applies to gradients only"):
        config("influence=embedding", override)
    config("influence=tracin", override)


def test_the_switches_of_influence_apply_in_every_method_and_profile():
    for method in ("tracin", "embedding"):
        chosen = config(
            f"influence={method}", "profile=paper", "influence.top_k=7", "influence.similarity=dot"
        )
        assert chosen.influence.method == method and chosen.influence.top_k == 7
        assert chosen.influence.test_per_language == 25
        assert chosen.influence.similarity == "dot"
    assert config().influence.method == "tracin"
