"""Fine-tuning again on mixtures of the languages, by the real commands, small."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL, config, run_xling
from runs import sweep_tables, written

from xling.config import base_run
from xling.errors import UserError
from xling.pipeline import recommend, retrain
from xling.pipeline.paths import run_paths

ALONE = (*SMALL, "retrain.processes=1")
MIXED = (*ALONE, "mixture.fits=9", "mixture.seeds=2")
FITS = 9 + 2 + 3


def test_mixtures_are_fine_tuned_once_by_whatever_job_and_become_one_page(tmp_path):
    shared = run_xling(*MIXED, "evaluate=language_effects", "retrain.worker=1", folder=tmp_path)
    assert shared.returncode == 0, shared.stderr
    assert f"Fine-tuning again on {FITS} parts of the training data, " in shared.stdout
    (bank,) = tmp_path.glob("multirun/xnli/stages/tuning-*/retrained/*")
    before = {file.name: file.read_bytes() for file in bank.iterdir()}
    assert len(before) == FITS and all(name.endswith(".npz") for name in before)
    assert not list(tmp_path.glob("multirun/xnli/*/report.html"))  # it needs the model alone

    command = ("experiment=language_effects", "task=xnli", *MIXED)
    done = run_xling(*command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"; {FITS} are done" in done.stdout
    assert {file.name: file.read_bytes() for file in bank.iterdir()} == before
    tables = sweep_tables(tmp_path, "language_effects-xnli")
    retrained, data = tables["retrainings"], tables["retraining_data"]
    assert retrained["kind"].value_counts().to_dict() == {
        "mixture": 9 * 3,
        "full": 2 * 3,
        "without": 3 * 3,
    }
    sizes = data.groupby("retraining")["examples"].sum()
    assert retrained.groupby("retraining")["examples"].first().equals(sizes)
    assert set(data["examples"]) <= {0, 10, 20, 30, 40}
    (page,) = tmp_path.glob("multirun/sweeps/language_effects-xnli-*/report.html")
    assert "What does each language’s data really do?" in page.read_text("utf-8")
    assert "Fine-tunings at chance." in page.read_text("utf-8")  # a few steps, of so small parts
    warning = f"WARNING: {FITS} of {FITS} fine-tunings on parts of the data have learnt nothing "
    assert warning in done.stdout and retrained["steps"].max() <= 2 * 8
    again = run_xling(*command, folder=tmp_path)  # all is done: what was found is said again
    law = f"In {FITS} fine-tunings on parts of the data, most of which have learnt nothing that "
    for told in (warning, law):
        assert done.stdout.count(told) == again.stdout.count(told) == 1, again.stdout
    shares = run_xling(*command, "retrain.worker=range(2)", folder=tmp_path)
    assert shares.returncode == 0 and shares.stdout.count(law) == 1, shares.stderr
    (evaluated,) = tmp_path.glob("multirun/xnli/tiny-de+en+fr-language_effects-????????")
    about = json.loads((evaluated / "results.json").read_text("utf-8"))
    assert [doubt["code"] for doubt in about["warnings"]] == ["fine_tunings_at_chance"]

    # All data with the run's own seed: the run's own model, at the epoch that it kept.
    (run,) = tmp_path.glob("multirun/xnli/tiny-de+en+fr-????????")
    results = json.loads((run / "results.json").read_text("utf-8"))
    whole = retrained.query("kind == 'full' and seed == 0").set_index("test_language")
    assert whole["accuracy"].to_dict() == pytest.approx(results["test_accuracy"])

    before_again = written(tmp_path)
    again = run_xling(*command, folder=tmp_path)
    assert again.returncode == 0 and "1 job, 1 finished" in again.stdout
    assert written(tmp_path) == before_again


def test_processes_and_workers_name_no_fine_tuning_and_no_run():
    plain, evaluated = config(*SMALL), config(*MIXED, "evaluate=language_effects")
    more = config(*MIXED, "evaluate=language_effects", "retrain.processes=4")
    worker = config(*MIXED, "evaluate=language_effects", "retrain.worker=3")
    assert run_paths(evaluated).run == run_paths(more).run
    assert run_paths(worker).run.name.startswith("tiny-de+en+fr-language_effects-worker3-")
    for one in (evaluated, more, worker):
        assert run_paths(one).tuning == run_paths(plain).tuning
        assert run_paths(base_run(one)).run == run_paths(plain).run
    assert run_paths(config(*MIXED)).run == run_paths(plain).run  # mixtures of nothing


@pytest.mark.parametrize(
    ("switches", "problem"),
    [
        (["subnetwork=random"], "evaluate=language_effects is for runs without a subnetwork"),
        (["leave_out.example=1"], "leave_out.example and evaluate=language_effects: omit one"),
        (["mixture.fits=3"], "mixture.fits=3 is not possible: input should be greater than or eq"),
        (["mixture.steps=same"], "write 'epochs' or 'equal'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(switches, problem):
    with pytest.raises(UserError) as refused:
        config(*SMALL, "evaluate=language_effects", *switches)
    assert problem in str(refused.value)


def test_candidates_are_refused_where_examples_are_chosen_among_all():
    switches = ("recommend.by=example", "recommend.candidates=[en]")
    with pytest.raises(UserError, match=r"candidates=en has no effect on recommend\.by=example"):
        config(*SMALL, "evaluate=recommend", *switches)


def test_a_target_without_development_examples_is_not_replaced_by_all_languages():
    switches = ("exclude=[fr]", "recommend.by=example", "recommend.target=")
    with pytest.raises(
        UserError, match=r"recommend\.target=fr: .*development examples.* one of de"
    ):
        config(*SMALL, "evaluate=recommend", *switches[:2], switches[2] + "fr")
    for target in ("de", "mean"):
        config(*SMALL, "evaluate=recommend", *switches[:2], switches[2] + target)


def test_a_language_with_too_few_examples_for_a_quarter_is_refused_before_training(tmp_path):
    done = run_xling(
        *SMALL, "evaluate=language_effects", "data.train_per_language=7", folder=tmp_path
    )
    assert done.returncode == 1
    assert "de has 7 training examples, and fractions of them need 8" in done.stderr
    assert not list(tmp_path.glob("multirun/xnli/stages/*"))


@pytest.mark.parametrize(
    ("switches", "problem"),
    [
        (["recommend", "recommend.total=120"], "the run has 120 training examples to choose from"),
        (["faithfulness", "faithfulness.methods=[tracin,bm52]"], "Did you mean 'bm25'?"),
        (["faithfulness", "faithfulness.methods=[]"], "faithfulness.methods=[]: write one or more"),
        (["recommend", "recommend.target=eng"], "write mean or worst (of the test languages), or"),
        (["recommend", "recommend.candidates=[es]"], "it must be a training language of the run"),
    ],
)
def test_what_a_check_cannot_do_is_said_before_the_first_step(switches, problem, tmp_path):
    done = run_xling("task=xnli", *SMALL, f"evaluate={switches[0]}", switches[1], folder=tmp_path)
    assert done.returncode == 1 and problem in done.stderr
    assert not list(tmp_path.glob("multirun/xnli/stages/*"))


def test_progress_is_told_by_the_work_that_is_left(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 40.0, 50.0, 90.0, 100.0])
    monkeypatch.setattr(retrain.time, "monotonic", lambda: next(clock))
    sizes = [400, 400, 100, 100, 0]
    assert list(retrain.reported(sizes, sum(sizes), missing=5)) == sizes
    # After 40 s, 800 of 1,000 examples: the other 200 take 10 s.
    assert capsys.readouterr().out == "2 of 5 fine-tunings; about 10 s left\n"


@pytest.mark.slow
def test_workers_share_the_fine_tunings_of_one_evaluation(tmp_path):
    command = ("experiment=language_effects", "task=xnli", *MIXED, "retrain.worker=range(2)")
    done = run_xling(*command, "hydra/launcher=joblib", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (bank,) = tmp_path.glob("multirun/xnli/stages/tuning-*/retrained/*")
    assert len(list(bank.iterdir())) == FITS  # and no lock is left
    tables = sweep_tables(tmp_path, "language_effects-xnli")
    assert tables["retrainings"]["retraining"].nunique() == FITS and len(tables["runs"]) == 1


def test_a_page_says_that_nobody_has_checked_and_then_what_a_check_has_found(tmp_path):
    plain = run_xling("task=xnli", *MIXED, folder=tmp_path)
    assert plain.returncode == 0, plain.stderr
    (page,) = tmp_path.glob("multirun/xnli/tiny-de+en+fr-????????/report.html")
    text = page.read_text("utf-8")
    assert "Nobody has checked by fine-tuning again" in text
    assert "xling experiment=language_effects task=xnli" in text and "(about " in text
    assert "Nobody has checked these estimates by fine-tuning again" in plain.stdout
    command = ("task=xnli", *MIXED, "evaluate=language_effects")
    done = run_xling(*command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    repeated = run_xling(*command, folder=tmp_path)
    warned = f"WARNING: {FITS} of {FITS} fine-tunings on parts of the data have learnt nothing"
    for told in (f"In {FITS} fine-tunings on parts of the data", warned, page.name):
        assert told in done.stdout and told in repeated.stdout, told
    text = page.read_text("utf-8")
    assert "Nobody has checked" not in text
    assert "data does was measured by fine-tuning again (tiny-de+en+fr-language_effects-" in text
    assert f"In {FITS} fine-tunings on parts of the data" in text
    assert f"{FITS} of {FITS} fine-tunings on parts of the data have learnt nothing" in text
    other = run_xling("task=xnli", *MIXED, "influence=embedding", folder=tmp_path)
    assert other.returncode == 0, other.stderr  # of the same fine-tuning
    (page,) = tmp_path.glob("multirun/xnli/tiny-de+en+fr-embedding-*/report.html")
    assert f"In {FITS} fine-tunings on parts of the data" in page.read_text("utf-8")


def test_a_recommendation_is_verified_and_exported(tmp_path):
    command = ("task=xnli", *MIXED, "evaluate=recommend", "recommend.seeds=2")
    done = run_xling(*command, "recommend.total=50", "recommend.target=de", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("multirun/xnli/tiny-de+en+fr-recommend-*")
    tables = {file.stem: pd.read_parquet(file) for file in folder.glob("tables/*.parquet")}
    mixtures, verified = tables["recommend_mixtures"], tables["recommend_verified"]
    assert mixtures.groupby("mixture")["examples"].sum().eq(50).all()
    assert mixtures["examples"].between(0, 40).all()
    assert set(verified["mixture"]) == {"recommended", "balanced", "target"}
    wide = mixtures.pivot(index="train_language", columns="mixture", values="examples")
    assert f"Fine-tuning again on {2 * wide.T.drop_duplicates().shape[0]} parts" in done.stdout
    assert verified["fits"].eq(2).all() and verified["examples"].eq(50).all()
    assert set(tables["recommend_gains"]["examples"]) == {40}
    apart = tables["recommend_differences"]
    assert set(apart["against"]) == {"balanced", "target"}
    assert apart.groupby("against")["asked"].sum().eq(1).all() and set(apart["measure"]) == {"loss"}
    means, retrained = verified.set_index("mixture"), tables["retrainings"]
    for row in apart[apart["asked"]].to_dict("records"):
        observed, predicted = (
            means.loc["recommended", of] - means.loc[row["against"], of]
            for of in ("observed", "predicted")
        )
        assert row["test_language"] == "de" and row["difference"] == pytest.approx(observed)
        assert row["predicted"] == pytest.approx(predicted)
    assert retrained["retraining"].nunique() == FITS + 6  # what verifies stands among them
    verifying = retrained["kind"].isin(verified["mixture"])
    seeds = [set(retrained.loc[rows, "seed"]) for rows in (verifying, ~verifying)]
    assert len(seeds[0]) == 2 and not seeds[0] & seeds[1]  # none is what a law was fitted to
    kinds = retrained.query("test_language == 'de'").groupby("kind")["loss"].mean()
    for mixture in verified["mixture"]:
        assert -kinds[mixture] == pytest.approx(means.loc[mixture, "observed"])
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert results["retrainings"] == FITS + 6
    assert results["findings"][-1].startswith("2 fine-tunings of each show whether that holds.")
    assert results["findings"][-1] in done.stdout

    accuracy = run_xling(*command, "recommend.measure=accuracy", folder=tmp_path)
    assert accuracy.returncode == 0, accuracy.stderr  # what has learnt nothing tells nothing
    assert (
        f"nothing predicts any test language’s accuracy in {FITS} fine-tunings" in accuracy.stdout
    )
    assert f"{FITS} of {FITS} fine-tunings on parts of the data have learnt" in accuracy.stdout
    assert "mixture.fits" not in accuracy.stdout and "examples, for other" not in accuracy.stdout
    (other,) = set(tmp_path.glob("multirun/xnli/tiny-de+en+fr-recommend-*")) - {folder}
    assert not pd.read_parquet(other / "tables/recommend_target.parquet")["aimed_at"].any()
    assert not (other / "recommended").exists()

    ids = (folder / "recommended/ids.txt").read_text("utf-8").split()
    lines = [
        json.loads(line) | {"language": file.name.split(".")[1]}
        for file in folder.glob("recommended/train.*.jsonl")
        for line in file.read_text("utf-8").splitlines()
    ]
    assert len(ids) == len(set(ids)) == 50 and {line["id"] for line in lines} == set(ids)
    asked = mixtures.query("mixture == 'recommended' and examples > 0")
    assert Counter(line["language"] for line in lines) == Counter(
        dict(zip(asked["train_language"], asked["examples"], strict=True))
    )
    assert {line["label"] for line in lines} == {"entailment", "not_entailment"}


def test_examples_that_score_highest_are_fine_tuned_on_beside_random_ones(tmp_path):
    command = ("task=xnli", *ALONE, "evaluate=recommend", "recommend.by=example")
    done = run_xling(
        *command, "recommend.seeds=2", "recommend.target=fr", "recommend.total=30", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("multirun/xnli/tiny-de+en+fr-recommend-*")
    verified = pd.read_parquet(folder / "tables/recommend_verified.parquet")
    assert verified["mixture"].tolist() == ["recommended", "random", "matched"]
    assert verified["examples"].eq(30).all() and verified["fits"].eq(2).all()
    ids = (folder / "recommended/ids.txt").read_text("utf-8").split()
    assert len(set(ids)) == 30 and not (folder / "sketches").exists()
    lines = [
        json.loads(line)
        for file in folder.glob("recommended/*.jsonl")
        for line in file.read_text("utf-8").splitlines()
    ]
    labels = pd.read_parquet(folder / "tables/recommend_labels.parquet").set_index("train_label")
    assert Counter(line["label"] for line in lines) == Counter(
        {name: count for name, count in labels["examples"].items() if count}
    )
    assert labels["share"].tolist() == pytest.approx((labels["examples"] / 30).tolist())
    assert labels["base_rate"].sum() == pytest.approx(1)
    (bank,) = tmp_path.glob("multirun/xnli/stages/tuning-*/retrained/*")
    assert len(list(bank.iterdir())) == 6  # no mixtures: scores choose, not laws
    apart = pd.read_parquet(folder / "tables/recommend_differences.parquet")
    assert apart["against"].unique().tolist() == ["random", "matched"] and "predicted" not in apart
    # A few steps on 30 examples teach nothing: said on the terminal, in results.json, on the page.
    warning = "6 of 6 fine-tunings that verify the recommendation have learnt nothing that shows"
    assert f"WARNING: {warning}" in done.stdout
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert results["retrainings"] == 6
    assert [doubt["sentence"].startswith(warning) for doubt in results["warnings"]] == [True]
    (page,) = tmp_path.glob("multirun/xnli/tiny-de+en+fr-????????/report.html")
    assert warning in page.read_text("utf-8")


def test_examples_that_score_alike_are_chosen_at_random(tmp_path):
    done = run_xling(
        "task=xnli", *ALONE, "evaluate=recommend", "recommend.by=example", "recommend.seeds=2",
        "recommend.total=30", "influence=count", folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("multirun/xnli/tiny-*recommend-*")
    mixtures = pd.read_parquet(folder / "tables/recommend_mixtures.parquet")
    chosen = mixtures[mixtures["mixture"] == "recommended"].set_index("train_language")["examples"]
    assert chosen.sum() == 30 and chosen.between(3, 20).all()  # not the first language's alone


def test_matched_examples_are_as_many_of_each_language_and_label():
    languages = ["de", "de", "de", "en", "en", "en", "de"]
    labels = [0, 0, 1, 0, 1, 1, 1]
    drawn = recommend.like(languages, labels, np.array([0, 2, 6, 4]), np.random.default_rng(0))
    assert sorted((languages[row], labels[row]) for row in drawn) == [
        ("de", 0),
        ("de", 1),
        ("de", 1),
        ("en", 1),
    ]
    assert len(set(drawn.tolist())) == 4
