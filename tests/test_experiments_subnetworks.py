"""Small runs with subnetworks by the real commands: what they leave behind and what they share."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import run_xling
from runs import TWO_LAYERS, report_folder, sweep_report, sweep_tables
from tracked_runs import outcome

from xling.analysis.doubts import MODEL, ONE_CLASS, SUBNETWORKS
from xling.subnetwork import read_mask
from xling.sweep.grids import expand_grid, requested_sweep

SHAPE = (2, 4)


def made(folder: Path, *overrides: str) -> Path:
    """Run, and return the folder that the run says it has written."""
    done = run_xling(*TWO_LAYERS, *overrides, folder=folder)
    assert done.returncode == 0, done.stderr
    return report_folder(folder, done)


def read_tables(run: Path) -> dict[str, pd.DataFrame]:
    return {file.stem: pd.read_parquet(file) for file in run.glob("tables/*.parquet")}


def test_a_sparse_run_leaves_masks_and_what_they_change(sparse):
    run = report_folder(sparse.folder, sparse.done)
    tables = read_tables(run)
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert (results["tuning"], results["variant"]) == ("sparse", "SFT, identified")
    for language, disabled in results["disabled_heads"].items():
        mask = read_mask(run / "masks" / f"{language}.json", SHAPE)
        assert (~mask).sum() == disabled
        heads = tables["masks"].query("language == @language")
        assert np.array_equal(heads["on"].to_numpy().reshape(SHAPE), mask)
        path = tables["pruning"].query("language == @language")
        assert path.loc[path["kept"], "disabled"].tolist() == [disabled]
        assert path["disabled"].tolist() == list(range(len(path)))  # 10 % of 8, so 1 a step
    change = tables["subnetwork_change"]
    assert np.allclose(change["change"], change["subnetwork"] - change["full"], atol=1e-9)
    for column in ("full", "subnetwork"):
        sums = change.groupby(["sign", "test_language"])[column].sum()
        assert len(sums) == 6 and np.allclose(sums, 1)
    own = (
        tables["shares"].query("epoch == 0").set_index(["sign", "test_language", "train_language"])
    )
    same = change.set_index(["sign", "test_language", "train_language"])["subnetwork"]
    assert np.allclose(own["share"].loc[same.index], same)
    accuracy = tables["subnetwork_accuracy"].set_index("language")
    tested = tables["accuracy"].query("split == 'test'").set_index("language")["accuracy"]
    assert np.allclose(accuracy["subnetwork"].loc[tested.index], tested)
    page = (run / "report.html").read_text("utf-8")
    assert 'src="http' not in page and "subnetwork" in page


def test_only_examples_that_both_models_classify_correctly_are_traced(sparse):
    tables = read_tables(report_folder(sparse.folder, sparse.done))
    right = tables["correct"].set_index("test_id")[["full", "subnetwork"]].all(axis=1)
    assert right[tables["traced"]["test_id"]].all() and not right.all()


def test_subnetworks_of_models_at_chance_are_told(sparse):
    results, tables = outcome(report_folder(sparse.folder, sparse.done))
    kinds = {(warning["code"], warning["model"]) for warning in results["warnings"]}
    whole = {model for code, model in kinds if code in (ONE_CLASS, MODEL)}
    assert "the whole model" in whole
    (told,) = (one for one in results["warnings"] if one["code"] == SUBNETWORKS)
    assert set(told["languages"]) <= {"de", "en", "fr"}
    assert {"ties", "tie_shares", "effective_dimension", "learnt"} <= set(tables)


def test_runs_share_models_masks_and_sketches(variants):
    """`--multirun task=xnli subnetwork=full,identified,random` makes only what is missing."""
    before, after = variants.before, variants.after
    names = {path.parts[0] for path in before}
    assert len([name for name in names if name.startswith("subnetwork-")]) == 3
    assert len([name for name in names if "-only_" in name]) == 6  # fine-tuned, and pruned
    assert before.items() <= after.items()
    assert {path.parts[0] for path in after} == names
    new = {path.parts[1] for path in after.keys() - before.keys()}
    assert new and all("-mask-" in name for name in new)  # sketches of the full model, masked
    said = variants.done.stdout
    assert "Report of the sweep" in said
    assert "Fine-tuning on" not in said and "Identifying" not in said
    tables = sweep_tables(variants.folder, "subnetwork")
    assert set(tables["sweep_change"]["variant"]) == {"identified", "random 0"}
    compared = tables["random_masks"]
    assert set(compared["masks"]) == {1} and compared["p"].between(0.5, 1).all()


@pytest.mark.slow
def test_a_run_through_edited_masks_is_another_run(sparse, copied, tmp_path):
    """The masks that a run leaves can be edited and used; another mask is another run."""
    mine = tmp_path / "masks"
    shutil.copytree(report_folder(sparse.folder, sparse.done) / "masks", mine)
    file = mine / "de.json"
    values = json.loads(file.read_text("utf-8"))
    values["mask"] = ["1 1 1 1", "1 1 1 0"]
    file.write_text(json.dumps(values), "utf-8")
    asked = ("subnetwork=file", f"subnetwork.path={mine}", "subnetwork.apply=test")
    folder = copied(sparse)
    run = made(folder, *asked, "influence.test_languages=[de]")
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert results["disabled_heads"]["de"] == 1 and results["variant"] == "own files, tests only"
    assert set(read_tables(run)["shares"]["test_language"]) == {"de"}
    values["mask"] = ["1 1 1 1", "1 1 1"]
    file.write_text(json.dumps(values), "utf-8")
    done = run_xling(*TWO_LAYERS, *asked, folder=folder)
    assert done.returncode == 1 and "row 2 is '1 1 1'; expected 4 numbers" in done.stderr


@pytest.mark.slow
def test_whole_masks_change_nothing(sparse, copied, tmp_path):
    """Through masks with every head on, the numbers are those of the whole model."""
    mine = tmp_path / "masks"
    shutil.copytree(report_folder(sparse.folder, sparse.done) / "masks", mine)
    for file in mine.glob("*.json"):
        file.write_text(json.dumps({"mask": ["1 1 1 1"] * 2}), "utf-8")
    tables = read_tables(made(copied(sparse), "subnetwork=file", f"subnetwork.path={mine}"))
    assert (tables["subnetwork_change"]["change"] == 0).all()
    assert (tables["subnetwork_accuracy"]["change"] == 0).all()


def test_modularity_has_the_papers_variants_without_more_fine_tuning(variants):
    """All its grids in one report: the whole model, identified, random and others' subnetworks."""
    done = run_xling(
        *("experiment=modularity", *TWO_LAYERS, "subnetwork.seed=0,1"), "subnetwork.language=en",
        folder=variants.folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Fine-tuning on" not in done.stdout
    tables = sweep_tables(variants.folder, "modularity-xnli")
    variants = set(tables["sweep_change"]["variant"])
    assert variants == {"identified", "random 0", "random 1", "en’s"}
    german = tables["random_masks"]
    assert set(german["test_language"]) == {"de"} and set(german["masks"]) == {2}
    assert set(tables["random_accuracy"]["masks"]) == {2}


def test_composed_subnetworks_are_unions_and_intersections_without_more_fine_tuning(variants):
    done = run_xling("experiment=composition", *TWO_LAYERS, folder=variants.folder)
    assert done.returncode == 0, done.stderr
    assert "Fine-tuning on" not in done.stdout
    composed = sweep_tables(variants.folder, "composition-xnli")["composed"]
    assert set(composed["languages"]) == {"de en"}
    assert set(composed["compose"]) == {"union", "intersection"}
    assert set(composed["test_language"]) == {"de", "en"}
    report = sweep_report(variants.folder, "composition-xnli")
    assert 'id="similar-subnetworks"' in report and 'id="composed"' in report
    assert "https://cdn" not in report


def test_subnetworks_alone_are_those_of_the_sparse_run(variants):
    """Tab. 1 without any fine-tuning on all languages."""
    done = run_xling("experiment=subnetworks", *TWO_LAYERS, folder=variants.folder)
    assert done.returncode == 0, done.stderr
    assert "Identifying" not in done.stdout
    tables = sweep_tables(variants.folder, "subnetworks-xnli")
    results = json.loads((variants.sparse / "results.json").read_text("utf-8"))
    disabled = tables["disabled_heads"].set_index("language")["disabled"]
    assert disabled.to_dict() == results["disabled_heads"]
    assert set(tables["disabled_heads"]["heads"]) == {8}
    assert len(tables["head_use"]) == 8 and tables["head_use"]["languages"].between(0, 3).all()


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("sft", [{"subnetwork=identified", "tuning=full,sparse"}]),
        ("sft_random", [{"subnetwork=identified,random", "tuning=sparse"}]),
        ("similarity", [{"subnetwork=identified", "tuning=sparse"}]),
        (
            "composition",
            [
                {"subnetwork=composed", "subnetwork.languages=[es,fr]"},
                {"subnetwork=identified", "tuning=sparse"},
            ],
        ),
        (
            "modularity",
            [
                {"subnetwork=full,identified"},
                {"subnetwork=random", "subnetwork.seed=range(10)", "influence.test_languages=[de]"},
                {"subnetwork=suboptimal", "subnetwork.language=en,ko"},
            ],
        ),
    ],
)
def test_experiments_have_the_papers_grids(name, jobs):
    planned = requested_sweep(
        [f"experiment={name}", "task=pawsx", "profile=paper", "data=files"]
    ).jobs
    wanted = [job for grid in jobs for job in expand_grid(sorted(grid))]
    stands_for = [[job.items() <= plan.items() for job in wanted] for plan in planned]
    assert all(map(any, stands_for)) and all(map(any, zip(*stands_for, strict=True)))


def test_grids_follow_the_languages_of_the_run():
    asked = ["profile=paper", "data=files", "task=xnli", "languages=[en,fr,ru]"]
    jobs = requested_sweep(["experiment=modularity", *asked]).jobs
    random = [job for job in jobs if job["subnetwork"] == "random"]
    assert {job["influence.test_languages"] for job in random} == {"[en]"}  # there is no German
    others = [job["subnetwork.language"] for job in jobs if job["subnetwork"] == "suboptimal"]
    assert others == ["fr", "ru"]
    composed = requested_sweep(["experiment=composition", *asked]).jobs[0]
    assert composed["subnetwork.languages"] == "[en,fr]"


@pytest.mark.parametrize("name", ["sft", "similarity", "sft_random"])
def test_experiments_of_sparse_fine_tuning_train_only_what_is_missing(variants, name):
    """The whole model and the identified subnetworks are there: only random ones are trained."""
    done = run_xling(f"experiment={name}", *TWO_LAYERS, folder=variants.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Fine-tuning on") == (name == "sft_random")
    tables = sweep_tables(variants.folder, f"{name}-xnli")
    report = sweep_report(variants.folder, f"{name}-xnli")
    assert 'id="changes"' in report and 'id="similar-subnetworks"' in report
    change, wanted = tables["sweep_change"], {"SFT, identified"}
    if name == "sft":
        wanted |= {"identified"}
        assert set(tables["sft_accuracy"]["language"]) == {"de", "en", "fr"}
        assert set(tables["sft_accuracy"]["examples"]) == {20} and 'id="sft"' in report
    elif name == "sft_random":
        wanted |= {"SFT, random 0"}
        assert set(tables["random_accuracy"]["tuning"]) == {"sparse"} and 'id="random"' in report
    assert set(change["variant"]) == wanted
    assert len(change) == 18 * len(wanted) and change["q"].between(0, 1).all()
    epochs = tables["own_share_epochs"]
    assert set(epochs["variant"]) == wanted and (epochs["epoch"] >= 1).all()
