"""The jobs that a command line stands for."""

from pathlib import Path

import pytest

from xling.cli.compose import some
from xling.errors import UserError
from xling.sweep.grids import expanded, planned


def values(sweep, key) -> list[str | None]:
    """The values of a switch over the jobs, each once."""
    return list(dict.fromkeys(job.get(key) for job in sweep.jobs))


def test_single_runs_are_no_sweeps():
    assert planned(["task=xnli", "exclude=[ko,es]"]) is None
    assert planned(["experiment=imbalance", "--help"]) is None


def test_experiments_become_sweeps():
    sweep = planned(["experiment=zero_shot", "task=pawsx", "profile=paper", "data=files"])
    assert values(sweep, "exclude") == ["[ko]", "[es]"]
    assert values(sweep, "compare_full") == ["True"]
    sweep = planned(["experiment=zero_shot", "task=xnli", "profile=paper"])
    assert values(sweep, "exclude") == ["[es]"]  # of the paper's two, the one that the task has
    assert some(["de", "en"], ["ko"]) == "[de],[en]"  # else every one in turn
    sweep = planned(["experiment=imbalance", "task=pawsx", "profile=paper"])
    assert values(sweep, "imbalance_language") == ["de", "en", "es", "fr", "ko"]
    assert values(sweep, "imbalance") == ["0", "25", "50", "75", "100"]
    sweep = planned(["experiment=leave_k_out", "task=pawsx", "profile=paper"])
    assert values(sweep, "leave_out.k") == ["50", "100", "150", "200", "250"]
    assert [each.strip("'") for each in values(sweep, "leave_out.sign")] == ["+", "-"]


def test_the_sample_profile_has_smaller_grids_and_own_values_win():
    sample = planned(["experiment=imbalance"])
    assert values(sample, "imbalance") == ["0", "50", "100"]
    assert values(sample, "languages") == ["[de,en,es]"]
    mine = planned(["experiment=imbalance", "imbalance=25,100", "languages=[en,fr]"])
    assert values(mine, "imbalance") == ["0", "25", "100"]
    assert values(mine, "languages") == ["[en,fr]"]


def test_imbalance_gets_its_start():
    assert values(planned(["--multirun", "imbalance=25,50"]), "imbalance") == ["0", "25", "50"]
    ranged = planned(["-m", "imbalance=range(25,51,25)"])
    assert values(ranged, "imbalance") == ["0", "25", "50"]
    assert values(planned(["-m", "imbalance=0,50"]), "imbalance") == ["0", "50"]


def test_grids_are_expanded_and_jobs_named_by_what_differs():
    sweep = planned(["-m", "seed=0,1", "exclude=[de],[fr]", "task=xnli", "hydra.verbose=false"])
    assert len(sweep.jobs) == 4 and sweep.hydra == ["hydra.verbose=false"]
    assert sweep.labels()[1] == "seed=0 exclude=[fr]"
    assert all(job["task"] == "xnli" and "hydra.verbose" not in job for job in sweep.jobs)
    quoted = expanded(["data.path='a, b',\"c d\"", "seed=1"])
    assert [job["data.path"] for job in quoted] == ["'a, b'", '"c d"']
    with pytest.raises(UserError, match=r"seed=1,2,3"):
        expanded(["seed=interval(0,1)"])
    with pytest.raises(UserError, match="grids, which are planned"):
        planned(["-m", "seed=0,1", "hydra/sweeper=optuna"])


def test_a_sweep_is_named_by_what_it_sweeps():
    one = planned(["-m", "seed=0,1", "task=xnli"])
    assert one.folder.parts[:2] == ("multirun", "sweeps") and one.folder.name.startswith("seed-")
    for same in (
        ["-m", "task=xnli", "seed=0,1", "tracker=wandb"],
        ["task=xnli", "--multirun", "seed=0,1", "trainer.threads=2", "hydra/launcher=basic"],
        ["-m", "task=xnli", "seed=0,1", "force=true", "fail_fast=true"],
    ):
        assert planned(same).folder == one.folder
    assert one.folder != planned(["-m", "seed=0,2", "task=xnli"]).folder
    named = planned(["-m", "seed=0,1", "sweep=mine", "folder=elsewhere"])
    assert named.folder == Path("elsewhere/sweeps/mine")
    assert {job["sweep"] for job in named.jobs} == {"mine"}


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("seed=1,2", "seed"),
        ("languages=[de,en]", "sweep"),
        ("languages=[de],[en]", "languages"),
        ("seed=range(3)", "seed"),
        ("task=pawsx", "sweep"),
    ],
)
def test_a_sweep_is_named_by_its_first_switch(override, name):
    assert planned(["-m", override]).folder.name.startswith(f"{name}-")


def test_a_folder_of_own_files_is_composed_too(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(
        "# @package _global_\nexperiment:\n  name: mine\n  sweep: []\n"
        "  sample: [{seed: '3,4'}]\n  sample_size: {}\ntuning:\n  epochs: 7\n"
    )
    sweep = planned(["experiment=mine", "--config-dir", str(tmp_path)])
    assert values(sweep, "seed") == ["3", "4"] and sweep.folder.name.startswith("mine-xnli-")
    assert values(sweep, "experiment") == ["mine"]  # its other settings hold for every job
