"""How far scores predict fine-tunings, by the real command: each number by another way."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL, config, run_xling
from runs import Ended, only, written
from scipy import stats

from xling.cli.methods import influences
from xling.config import base_run
from xling.errors import UserError
from xling.pipeline.evaluate import quiet
from xling.pipeline.fine_tune import FineTuned
from xling.pipeline.inputs import prepare
from xling.pipeline.paths import run_paths
from xling.pipeline.retrain import retrainings
from xling.pipeline.trace import both_sides
from xling.sketch import Sketches
from xling.training.bank import Part
from xling.training.history import read_history

HALVES, AGAIN, SEEDS, DROPPED = 8, 4, 2, 12
METHODS = ("tracin", "bm25", "same_label", "count")
COMMAND = (
    "task=xnli",
    *SMALL,
    "tuning.learning_rate=2e-3",
    "tuning.epochs=4",
    "model.pooling=mean",  # examples differ in more than the label as soon as something is learnt
    "retrain.processes=1",
    "evaluate=faithfulness",
    f"faithfulness.subsets={HALVES}",
    f"faithfulness.again={AGAIN}",
    f"faithfulness.methods=[{','.join(METHODS)}]",
    f"faithfulness.drop={DROPPED / 120}",
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> Ended:
    """A base run and its evaluation by the real command."""
    folder = tmp_path_factory.mktemp("faithfulness")
    done = run_xling(*COMMAND, folder=folder)
    assert done.returncode == 0, done.stderr
    return Ended(folder, COMMAND, done)


@pytest.fixture
def model(ended, monkeypatch) -> FineTuned:
    """What was fine-tuned on all data."""
    monkeypatch.chdir(ended.folder)
    base = base_run(config(*COMMAND))
    paths = run_paths(base)
    return FineTuned(base, paths, prepare(base, quiet), read_history(paths.tuning))


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    evaluation = only(folder, "multirun/xnli/*-faithfulness-*")
    return {file.stem: pd.read_parquet(file) for file in evaluation.glob("tables/*.parquet")}


def bank(model: FineTuned) -> Path:
    return only(model.paths.tuning, "retrained/*")


def losses(model: FineTuned, rows: tuple[int, ...], seed: int) -> np.ndarray:
    """Read what a fine-tuning on some examples makes of the tests, from the bank."""
    return np.load(bank(model) / f"{Part(rows, seed).name}.npz")["losses"].astype(float)


def cosines(model: FineTuned, folder: Path) -> np.ndarray:
    """Return TracIn's scores by plain products of unit rows, (train, test)."""
    own = dataclasses.replace(model.config, influence=influences(config(*COMMAND))["tracin"])
    model = dataclasses.replace(model, config=own, paths=run_paths(own))
    sides = both_sides(model, folder, np.arange(len(model.inputs.encoded["test"])))

    def units(sketches: Sketches) -> np.ndarray:
        return sketches.units(0, len(sketches)).astype(float)

    pairs = zip(*sides, strict=True)
    return np.sum([units(left) @ units(right).T for left, right in pairs], axis=0)


def test_scores_are_the_rank_correlations_of_sums_with_losses(ended, model, tmp_path):
    halves = retrainings(config(*COMMAND), model)
    assert len(halves) == HALVES + AGAIN and {len(half.rows) for half in halves} == {60}
    sums = {"tracin": cosines(model, tmp_path / "tests")}
    labels = {split: np.array(model.inputs.corpus[split]["label"]) for split in ("train", "test")}
    sums["same_label"] = (labels["train"][:, None] == labels["test"]).astype(float)
    outcomes = -np.array([losses(model, half.rows, half.seed) for half in halves])
    table = tables(ended.folder)["faithfulness"].query("level == 'example'").set_index("method")
    for name, scores in sums.items():
        of_halves = np.array([scores[list(half.rows)].sum(0) for half in halves[:HALVES]])
        expected = np.mean(
            [
                stats.spearmanr(x, y).statistic
                for x, y in zip(of_halves.T, outcomes[:HALVES].T, strict=True)
            ]
        )
        assert table["lds"][name] == pytest.approx(expected, abs=1e-6), name
    twice = zip(outcomes[:AGAIN].T, outcomes[HALVES:].T, strict=True)
    expected = np.mean([stats.spearmanr(x, y).statistic for x, y in twice])
    assert table["lds"]["noise ceiling"] == pytest.approx(expected)
    assert table["lds"]["count"] == 0 and table["constant"]["count"] == 60  # all halves are alike


def test_every_two_methods_are_compared_and_controls_take_no_part(ended):
    found = tables(ended.folder)
    score = found["faithfulness"].set_index(["level", "method"])
    pairs = found["faithfulness_pairs"].set_index("level")
    assert [tuple(row) for row in pairs[["method", "other"]].to_numpy()] == [("tracin", "bm25")] * 2
    for level, row in pairs.iterrows():
        ahead = score["lds"][level, "tracin"] - score["lds"][level, "bm25"]
        assert row["difference"] == pytest.approx(ahead)
        assert row["low"] < row["difference"] < row["high"]
        p = score["p"][level].loc[["tracin", "bm25"]]
        assert score["q"][level].loc[p.index].tolist() == pytest.approx(
            stats.false_discovery_control(p).tolist()
        )
        assert score["q"][level].drop(p.index).isna().all()


def test_what_is_left_out_is_what_scores_highest_and_the_differences_are_of_those_losses(
    ended, model, tmp_path
):
    found = tables(ended.folder)
    mean, listed = cosines(model, tmp_path / "tests").mean(1), found["faithfulness_first"]
    ids = model.inputs.corpus["train"]["id"][:]
    listed = listed.query("method == 'tracin'")
    assert listed["rank"].tolist() == list(range(1, DROPPED + 1))
    best = np.argsort(-mean)[:DROPPED]
    assert listed["train_id"].tolist() == [ids[row] for row in best]
    np.testing.assert_allclose(listed["score"], mean[best], rtol=1e-6)

    without = tuple(row for row in range(120) if row not in set(best.tolist()))
    of_seeds = [losses(model, without, seed) for seed in range(SEEDS)]  # the bank has these
    retrained = found["retrainings"].query("kind == 'without tracin'")
    assert retrained["loss"].mean() == pytest.approx(np.mean(of_seeds), rel=1e-6)
    assert retrained["examples"].eq(120 - DROPPED).all()

    rows = found["faithfulness_dropped"].set_index(["method", "against", "test_language"])
    assert set(rows.index.get_level_values("method")) == {"tracin", "bm25"}  # no controls
    means = found["retrainings"].groupby("kind")["loss"].mean()
    for method in ("tracin", "bm25"):
        for against in ("random", "matched"):
            others = "without random" if against == "random" else f"without matched {method}"
            expected = means[f"without {method}"] - means[others]
            row = rows.loc[(method, against, "all")]
            assert row["difference"] == pytest.approx(expected, abs=1e-6)
            assert row["low"] < row["difference"] < row["high"] and row["dropped"] == DROPPED
    of_language = found["retrainings"].groupby(["kind", "test_language"])["loss"].mean()
    expected = of_language["without bm25"]["fr"] - of_language["without matched bm25"]["fr"]
    assert rows.loc[("bm25", "matched", "fr"), "difference"] == pytest.approx(expected, abs=1e-6)


def test_a_matched_control_has_the_languages_of_what_it_stands_for(ended):
    found = tables(ended.folder)
    data = found["retraining_data"].merge(
        found["retrainings"][["retraining", "kind"]].drop_duplicates(), on="retraining"
    )
    left = data.groupby(["kind", "train_language"])["examples"].mean().unstack()
    listed = found["faithfulness_first"]
    alike = found["faithfulness_dropped"].query("against == 'matched'")["alike"]
    assert (alike == 1).all()
    for method in ("tracin", "bm25"):
        of_method = listed[listed["method"] == method]["train_language"].value_counts()
        expected = {name: 40 - of_method.get(name, 0) for name in ("de", "en", "fr")}
        assert left.loc[f"without {method}"].to_dict() == expected
        assert left.loc[f"without matched {method}"].to_dict() == expected


def test_every_fine_tuning_is_made_once_and_again_nothing(ended, model):
    fits = HALVES + AGAIN + SEEDS * 5  # random, two methods, two controls
    assert len(list(bank(model).iterdir())) == fits
    assert tables(ended.folder)["retrainings"]["retraining"].nunique() == fits
    before = written(ended.folder)
    done = run_xling(*COMMAND, folder=ended.folder)
    assert done.returncode == 0, done.stderr
    assert written(ended.folder) == before


@pytest.mark.parametrize(
    ("switch", "problem"),
    [
        ("drop=0.5", "faithfulness.drop=0.5 is not possible: input should be less than or equal"),
        ("drop=-1", "faithfulness.drop=-1 is not possible: input should be greater than or equal"),
        ("drop_seeds=1", "faithfulness.drop_seeds=1 is not possible: input should be greater than"),
    ],
)
def test_shares_that_leave_no_control_and_single_seeds_are_refused(switch, problem):
    with pytest.raises(UserError) as refused:
        config("evaluate=faithfulness", f"faithfulness.{switch}")
    assert problem in str(refused.value)


def test_without_anything_to_leave_out_the_name_is_that_of_an_earlier_version():
    assert run_paths(config("evaluate=faithfulness", "faithfulness.drop=0")).run.name == (
        "tiny-faithfulness-d3090def"
    )
    controls = ("evaluate=faithfulness", "faithfulness.methods=[count,random]")
    assert config(*controls) == config(*controls, "faithfulness.drop=0")
    assert (
        run_paths(config(*controls)).run
        == run_paths(config(*controls, "faithfulness.drop=0.1")).run
    )
