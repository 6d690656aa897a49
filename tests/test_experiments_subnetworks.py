"""Runs with subnetworks by their real commands, small: what they leave, and what they share."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL, run_xling
from test_experiments import sweep

from xling.subnetwork import read_mask
from xling.sweep.grids import expand_grid, requested_sweep

TINY = (*SMALL, "model.tiny.layers=2", "task=xnli", "languages=[de,en,fr]")
SHAPE = (2, 4)


def made(folder: Path, *overrides: str) -> Path:
    """Run, and return the folder that the run says it has written."""
    done = run_xling(*TINY, *overrides, folder=folder)
    assert done.returncode == 0, done.stderr
    return (folder / done.stdout.split("Report: ")[-1].strip()).parent


def tables(run: Path) -> dict[str, pd.DataFrame]:
    return {file.stem: pd.read_parquet(file) for file in run.glob("tables/*.parquet")}


def stages(folder: Path) -> dict[Path, int]:
    """The stages' files but for the locks."""
    found = folder.glob("multirun/xnli/stages/*/**/*")
    return {path: path.stat().st_mtime_ns for path in found if path.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("subnetworks")


@pytest.fixture(scope="module")
def sparse(folder):
    """`python -m xling task=xnli tuning=sparse subnetwork=identified`."""
    return made(folder, "tuning=sparse", "subnetwork=identified")


def test_a_sparse_run_leaves_masks_and_what_they_change(sparse):
    found = tables(sparse)
    results = json.loads((sparse / "results.json").read_text("utf-8"))
    assert (results["tuning"], results["variant"]) == ("sparse", "SFT, identified")
    for language, disabled in results["disabled_heads"].items():
        mask = read_mask(sparse / "masks" / f"{language}.json", SHAPE)
        assert (~mask).sum() == disabled
        of = found["masks"].query("language == @language")
        assert np.array_equal(of["on"].to_numpy().reshape(SHAPE), mask)
        path = found["pruning"].query("language == @language")
        assert path.loc[path["kept"], "disabled"].tolist() == [disabled]
        assert path["disabled"].tolist() == list(range(len(path)))  # 10 % of 8, so 1 a step
    change = found["subnetwork_change"]
    assert np.allclose(change["change"], change["subnetwork"] - change["full"], atol=1e-9)
    for column in ("full", "subnetwork"):
        sums = change.groupby(["sign", "test_language"])[column].sum()
        assert len(sums) == 6 and np.allclose(sums, 1)
    own = found["shares"].query("epoch == 0").set_index(["sign", "test_language", "train_language"])
    same = change.set_index(["sign", "test_language", "train_language"])["subnetwork"]
    assert np.allclose(own["share"].loc[same.index], same)
    accuracy = found["subnetwork_accuracy"].set_index("language")
    tested = found["accuracy"].query("split == 'test'").set_index("language")["accuracy"]
    assert np.allclose(accuracy["subnetwork"].loc[tested.index], tested)
    page = (sparse / "report.html").read_text("utf-8")
    assert 'src="http' not in page and "subnetwork" in page


def test_only_examples_that_both_models_classify_correctly_are_traced(sparse):
    found = tables(sparse)
    right = found["correct"].set_index("test_id")[["full", "subnetwork"]].all(axis=1)
    assert right[found["traced"]["test_id"]].all() and not right.all()


def test_runs_share_models_masks_and_sketches(folder, sparse):
    """`--multirun task=xnli subnetwork=full,identified,random` makes only what is not there."""
    names = {path.name for path in (folder / "multirun/xnli/stages").glob("[!.]*")}
    assert len([name for name in names if name.startswith("subnetwork-")]) == 3
    assert len([name for name in names if "-only_" in name]) == 6  # fine-tuned, and pruned
    before = stages(folder)
    done = run_xling(*TINY, "--multirun", "subnetwork=full,identified,random", folder=folder)
    assert done.returncode == 0, done.stderr
    after = stages(folder)
    assert {path: after[path] for path in before} == before
    assert {path.name for path in (folder / "multirun/xnli/stages").glob("[!.]*")} == names
    new = {
        path.relative_to(folder / "multirun/xnli/stages").parts[1]
        for path in after.keys() - before.keys()
    }
    assert new and all("-mask-" in name for name in new)  # sketches of the full model, masked
    assert "Report of the sweep" in done.stdout
    assert "Fine-tuning on" not in done.stdout and "Identifying" not in done.stdout
    found = sweep(folder, "subnetwork")
    assert set(found["sweep_change"]["variant"]) == {"identified", "random 0"}
    compared = found["random_masks"]
    assert set(compared["masks"]) == {1} and compared["p"].between(0.5, 1).all()


@pytest.mark.slow
def test_masks_of_ones_own(folder, sparse, tmp_path):
    """The masks that a run leaves can be edited and used; another mask is another run."""
    mine = tmp_path / "masks"
    shutil.copytree(sparse / "masks", mine)
    file = mine / "de.json"
    values = json.loads(file.read_text("utf-8"))
    values["mask"] = ["1 1 1 1", "1 1 1 0"]
    file.write_text(json.dumps(values), "utf-8")
    asked = ("subnetwork=file", f"subnetwork.path={mine}", "subnetwork.apply=test")
    run = made(folder, *asked, "influence.test_languages=[de]")
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert results["disabled_heads"]["de"] == 1 and results["variant"] == "own files, tests only"
    assert set(tables(run)["shares"]["test_language"]) == {"de"}
    values["mask"] = ["1 1 1 1", "1 1 1"]
    file.write_text(json.dumps(values), "utf-8")
    done = run_xling(*TINY, *asked, folder=folder)
    assert done.returncode == 1 and "row 2 is '1 1 1'; expected 4 numbers" in done.stderr


@pytest.mark.slow
def test_whole_masks_change_nothing(folder, sparse, tmp_path):
    """Through masks with every head on, the numbers are those of the whole model."""
    mine = tmp_path / "masks"
    shutil.copytree(sparse / "masks", mine)
    for file in mine.glob("*.json"):
        file.write_text(json.dumps({"mask": ["1 1 1 1"] * 2}), "utf-8")
    found = tables(made(folder, "subnetwork=file", f"subnetwork.path={mine}"))
    assert (found["subnetwork_change"]["change"] == 0).all()
    assert (found["subnetwork_accuracy"]["change"] == 0).all()


def test_modularity(folder, sparse):
    """All its grids in one report: the whole model, identified, random and others' subnetworks."""
    done = run_xling(
        *("experiment=modularity", *TINY, "subnetwork.seed=0,1"), "subnetwork.language=en",
        folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Fine-tuning on" not in done.stdout
    found = sweep(folder, "modularity-xnli")
    variants = set(found["sweep_change"]["variant"])
    assert variants == {"identified", "random 0", "random 1", "en’s"}
    german = found["random_masks"]
    assert set(german["test_language"]) == {"de"} and set(german["masks"]) == {2}
    assert set(found["random_accuracy"]["masks"]) == {2}


def test_composition(folder, sparse):
    done = run_xling("experiment=composition", *TINY, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "Fine-tuning on" not in done.stdout
    composed = sweep(folder, "composition-xnli")["composed"]
    assert set(composed["languages"]) == {"de en"}
    assert set(composed["compose"]) == {"union", "intersection"}
    assert set(composed["test_language"]) == {"de", "en"}
    report = next(folder.glob("multirun/sweeps/composition-xnli-*/report.html")).read_text("utf-8")
    assert 'id="alike"' in report and 'id="composed"' in report and "https://cdn" not in report


def test_subnetworks_alone(folder, sparse):
    """Tab. 1 without any fine-tuning on all languages."""
    done = run_xling("experiment=subnetworks", *TINY, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "Identifying" not in done.stdout
    found = sweep(folder, "subnetworks-xnli")
    results = json.loads((sparse / "results.json").read_text("utf-8"))
    disabled = found["disabled_heads"].set_index("language")["disabled"]
    assert disabled.to_dict() == results["disabled_heads"]
    assert set(found["disabled_heads"]["heads"]) == {8}
    assert len(found["head_use"]) == 8 and found["head_use"]["languages"].between(0, 3).all()


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
def test_the_papers_grids(name, jobs):
    found = requested_sweep(
        [f"experiment={name}", "task=pawsx", "profile=paper", "data=files"]
    ).jobs
    wanted = [job for grid in jobs for job in expand_grid(sorted(grid))]
    stands_for = [[job.items() <= each.items() for job in wanted] for each in found]
    assert all(map(any, stands_for)) and all(map(any, zip(*stands_for, strict=True)))


def test_grids_for_other_languages():
    asked = ["profile=paper", "data=files", "task=xnli", "languages=[en,fr,ru]"]
    jobs = requested_sweep(["experiment=modularity", *asked]).jobs
    random = [job for job in jobs if job["subnetwork"] == "random"]
    assert {job["influence.test_languages"] for job in random} == {"[en]"}  # there is no German
    others = [job["subnetwork.language"] for job in jobs if job["subnetwork"] == "suboptimal"]
    assert others == ["fr", "ru"]
    composed = requested_sweep(["experiment=composition", *asked]).jobs[0]
    assert composed["subnetwork.languages"] == "[en,fr]"


@pytest.mark.parametrize("name", ["sft", "similarity", "sft_random"])
def test_experiments_of_sparse_fine_tuning(folder, sparse, name):
    """The whole model and the identified subnetworks are there: only random ones are trained."""
    done = run_xling(f"experiment={name}", *TINY, folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Fine-tuning on") == (name == "sft_random")
    found = sweep(folder, f"{name}-xnli")
    report = next(folder.glob(f"multirun/sweeps/{name}-xnli-*/report.html")).read_text("utf-8")
    assert 'id="changes"' in report and 'id="alike"' in report
    change, variants = found["sweep_change"], {"SFT, identified"}
    if name == "sft":
        variants |= {"identified"}
        assert set(found["sft_accuracy"]["language"]) == {"de", "en", "fr"}
        assert set(found["sft_accuracy"]["examples"]) == {20} and 'id="sft"' in report
    elif name == "sft_random":
        variants |= {"SFT, random 0"}
        assert set(found["random_accuracy"]["tuning"]) == {"sparse"} and 'id="random"' in report
    assert set(change["variant"]) == variants
    assert len(change) == 18 * len(variants) and change["q"].between(0, 1).all()
    epochs = found["own_share_epochs"]
    assert set(epochs["variant"]) == variants and (epochs["epoch"] >= 1).all()
