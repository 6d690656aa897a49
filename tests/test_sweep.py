"""What a command line's sweep stands for."""

from pathlib import Path

import pytest

from xling.sweep import note, noted, planned, some


def test_single_runs_are_no_sweeps():
    assert planned(["task=xnli", "exclude=[ko,es]"]) is None
    assert planned(["experiment=imbalance", "--help"]) is None


def test_experiments_become_sweeps():
    sweep = planned(["experiment=zero_shot", "task=pawsx", "profile=paper", "data=files"])
    assert "exclude=[ko],[es]" in sweep.grids[0] and "compare_full=true" in sweep.grids[0]
    sweep = planned(["experiment=zero_shot", "task=xnli", "profile=paper"])
    assert "exclude=[es]" in sweep.grids[0]  # of the paper's two, the one that the task has
    assert some(["de", "en"], ["ko"]) == "[de],[en]"  # else every one in turn
    sweep = planned(["experiment=imbalance", "task=pawsx", "profile=paper"])
    assert {"imbalance_language=de,en,es,fr,ko", "imbalance=0,25,50,75,100"} <= set(sweep.grids[0])
    sweep = planned(["experiment=leave_k_out", "task=pawsx", "profile=paper"])
    assert {"leave_out.k=50,100,150,200,250", "leave_out.sign='+','-'"} <= set(sweep.grids[0])


def test_the_sample_profile_has_smaller_grids_and_own_values_win():
    sample = planned(["experiment=imbalance"]).grids[0]
    assert "imbalance=0,50,100" in sample and "languages=[de,en,es]" in sample
    mine = planned(["experiment=imbalance", "imbalance=25,100", "languages=[en,fr]"]).grids[0]
    assert "imbalance=0,25,100" in mine and "languages=[de,en,es]" not in mine
    assert not any(each.startswith("imbalance=0,50") for each in mine)


def test_imbalance_gets_its_start():
    assert "imbalance=0,25,50" in planned(["--multirun", "imbalance=25,50"]).grids[0]
    assert "imbalance=0,25,50" in planned(["-m", "imbalance=range(25,51,25)"]).grids[0]
    assert not any(o.startswith("imbalance=") for o in planned(["-m", "imbalance=0,50"]).grids[0])


def test_a_sweep_is_named_by_what_it_sweeps():
    one = planned(["-m", "seed=0,1", "task=xnli"])
    assert one.folder.parts[:2] == ("multirun", "sweeps") and one.folder.name.startswith("seed-")
    assert one.folder == planned(["-m", "task=xnli", "seed=0,1", "tracker=wandb"]).folder
    assert (
        one.folder == planned(["--multirun", "task=xnli", "seed=0,1", "trainer.threads=2"]).folder
    )
    assert one.folder != planned(["-m", "seed=0,2", "task=xnli"]).folder
    named = planned(["-m", "seed=0,1", "sweep=mine", "folder=elsewhere"])
    assert named.folder == Path("elsewhere/sweeps/mine")


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
def test_what_is_swept(override, name):
    assert planned(["-m", override]).folder.name.startswith(f"{name}-")


def test_notes_of_jobs(tmp_path):
    run = tmp_path / "multirun/xnli/tiny-1"
    run.mkdir(parents=True)
    note(tmp_path / "multirun/sweeps/s", run, {"base": None})
    note(tmp_path / "multirun/sweeps/s", run, {"base": None})
    found = noted(tmp_path / "multirun/sweeps/s")
    assert len(found) == 1 and found[0]["run"].resolve() == run and found[0]["base"] is None
