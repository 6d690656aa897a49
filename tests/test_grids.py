"""The jobs that a command line stands for."""

from pathlib import Path

import pytest

from xling.cli.compose import sweep_over_some
from xling.errors import UserError
from xling.sweep.grids import expand_grid, requested_sweep


def values(sweep, key) -> list[str | None]:
    """The distinct values of a switch over the jobs."""
    return list(dict.fromkeys(job.get(key) for job in sweep.jobs))


def test_single_runs_are_no_sweeps():
    assert requested_sweep(["task=xnli", "exclude=[ko,es]"]) is None
    assert requested_sweep(["experiment=imbalance", "--help"]) is None


def test_experiments_become_sweeps():
    sweep = requested_sweep(["experiment=zero_shot", "task=pawsx", "profile=paper", "data=files"])
    assert values(sweep, "exclude") == ["[ko]", "[es]"]
    assert values(sweep, "compare_full") == ["True"]
    sweep = requested_sweep(["experiment=zero_shot", "task=xnli", "profile=paper"])
    assert values(sweep, "exclude") == ["[es]"]  # of the paper's two, the one that the task has
    assert sweep_over_some(["de", "en"], ["ko"]) == "[de],[en]"  # else every one in turn
    sweep = requested_sweep(["experiment=imbalance", "task=pawsx", "profile=paper"])
    assert values(sweep, "imbalance_language") == ["de", "en", "es", "fr", "ko"]
    assert values(sweep, "imbalance") == ["0", "25", "50", "75", "100"]
    sweep = requested_sweep(["experiment=leave_k_out", "task=pawsx", "profile=paper"])
    assert values(sweep, "leave_out.k") == ["50", "100", "150", "200", "250"]
    assert [sign.strip("'") for sign in values(sweep, "leave_out.sign")] == ["+", "-"]


def test_the_sample_profile_has_smaller_grids_and_given_values_win():
    sample = requested_sweep(["experiment=imbalance"])
    assert values(sample, "imbalance") == ["0", "50", "100"]
    assert values(sample, "languages") == ["[de,en,es]"]
    mine = requested_sweep(["experiment=imbalance", "imbalance=25,100", "languages=[en,fr]"])
    assert values(mine, "imbalance") == ["0", "25", "100"]
    assert values(mine, "languages") == ["[en,fr]"]


def test_a_sweep_over_imbalance_starts_at_zero():
    assert values(requested_sweep(["--multirun", "imbalance=25,50"]), "imbalance") == [
        "0",
        "25",
        "50",
    ]
    ranged = requested_sweep(["-m", "imbalance=range(25,51,25)"])
    assert values(ranged, "imbalance") == ["0", "25", "50"]
    assert values(requested_sweep(["-m", "imbalance=0,50"]), "imbalance") == ["0", "50"]


def test_grids_are_expanded_and_jobs_named_by_what_differs():
    sweep = requested_sweep(
        ["-m", "seed=0,1", "exclude=[de],[fr]", "task=xnli", "hydra.verbose=false"]
    )
    assert len(sweep.jobs) == 4 and sweep.hydra == ["hydra.verbose=false"]
    assert sweep.labels()[1] == "seed=0 exclude=[fr]"
    assert all(job["task"] == "xnli" and "hydra.verbose" not in job for job in sweep.jobs)
    quoted = expand_grid(["data.path='a, b',\"c d\"", "seed=1"])
    assert [job["data.path"] for job in quoted] == ["'a, b'", '"c d"']
    with pytest.raises(UserError, match=r"seed=1,2,3"):
        expand_grid(["seed=interval(0,1)"])
    with pytest.raises(UserError, match="grids, which are planned"):
        requested_sweep(["-m", "seed=0,1", "hydra/sweeper=optuna"])


def test_methods_are_compared_in_one_job():
    command = ["experiment=faithfulness", "faithfulness.methods={}", "task=xnli"]
    apart, together = (
        [word.format(methods) for word in command] for methods in ("tracin,bm25", "[tracin,bm25]")
    )
    with pytest.raises(UserError, match=r"Write 'faithfulness.methods=\[tracin,bm25\]', in quotes"):
        requested_sweep(apart)
    assert len(requested_sweep(together).jobs) == 1
    two_comparisons = [word.format("[tracin],[tracin,bm25]") for word in command]
    assert len(requested_sweep(two_comparisons).jobs) == 2


def test_a_sweep_is_named_by_what_it_sweeps():
    one = requested_sweep(["-m", "seed=0,1", "task=xnli"])
    assert one.folder.parts[:2] == ("multirun", "sweeps") and one.folder.name.startswith("seed-")
    for same in (
        ["-m", "task=xnli", "seed=0,1", "tracker=wandb"],
        ["task=xnli", "--multirun", "seed=0,1", "trainer.threads=2", "hydra/launcher=basic"],
        ["-m", "task=xnli", "seed=0,1", "force=true", "fail_fast=true"],
    ):
        assert requested_sweep(same).folder == one.folder
    assert one.folder != requested_sweep(["-m", "seed=0,2", "task=xnli"]).folder
    named = requested_sweep(["-m", "seed=0,1", "sweep=mine", "folder=elsewhere"])
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
    assert requested_sweep(["-m", override]).folder.name.startswith(f"{name}-")


def test_a_folder_of_own_files_is_composed_too(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(
        "# @package _global_\nexperiment:\n  name: mine\n  sweep: []\n"
        "  sample: [{seed: '3,4'}]\n  sample_size: {}\ntuning:\n  epochs: 7\n"
    )
    sweep = requested_sweep(["experiment=mine", "--config-dir", str(tmp_path)])
    assert values(sweep, "seed") == ["3", "4"] and sweep.folder.name.startswith("mine-xnli-")
    assert values(sweep, "experiment") == ["mine"]  # its other settings hold for every job
