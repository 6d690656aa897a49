"""Folders made once: complete or not there, and refused when a default has changed since."""

import json

import pytest
from conftest import SMALL, config

from xling.errors import UserError
from xling.pipeline.paths import run_paths
from xling.stage import SETTINGS, partial_folder, require_same_settings, stage
from xling.sweep.plan import plan_jobs, required_stages
from xling.sweep.records import State, job_of


def test_a_folder_records_its_settings_and_is_refused_with_others(tmp_path):
    folder = tmp_path / "made"
    with stage(folder, settings={"tuning": {"epochs": 7}, "seed": 0}) as part:
        assert json.loads((part / SETTINGS).read_text()) == {"tuning": {"epochs": 7}, "seed": 0}
    with stage(folder, settings={"tuning": {"epochs": 7}, "seed": 0}) as part:
        assert part is None
    with pytest.raises(UserError, match="other settings were the default: tuning.epochs=7, now 4"):
        with stage(folder, settings={"tuning": {"epochs": 4}, "seed": 0}):
            pytest.fail("a folder made with other settings is handed out")
    assert (folder / SETTINGS).exists()


def test_what_an_earlier_attempt_left_is_not_continued_with_other_settings(tmp_path):
    folder = tmp_path / "made"
    with pytest.raises(KeyboardInterrupt):
        with stage(folder, settings={"rate": 1}):
            raise KeyboardInterrupt
    with pytest.raises(UserError, match="rate=1, now 2"):
        with stage(folder, settings={"rate": 2}):
            pytest.fail("it is continued")
    assert partial_folder(folder).exists()


def test_a_switch_of_another_version_does_not_count(tmp_path):
    (tmp_path / SETTINGS).write_text(json.dumps({"old": 1, "group": {"kept": 2, "gone": 3}}))
    require_same_settings(tmp_path, {"new": 4, "group": {"kept": 2, "more": None}})
    with pytest.raises(UserError, match=r"group\.kept=2, now 5\. Write force=true"):
        require_same_settings(tmp_path, {"group": {"kept": 5}})


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ([], "run"),
        (["subnetwork=identified"], "subnetwork"),
        (["tuning=sparse", "subnetwork=random"], "fine-tuning"),
        (["leave_out.example=1"], "retraining"),
        (["leave_out.example=1"], "run"),
        (["subnetwork=identified", "subnetwork.only=true"], "masks"),
    ],
)
def test_a_plan_refuses_folders_that_were_made_with_other_defaults(tmp_path, overrides, kind):
    run = config(*SMALL, f"folder={tmp_path}", *overrides, "sweep=x")
    planned = [(job_of(run), run, [], State("waiting"))]
    (made, *_) = (required for required in required_stages(run) if required.kind == kind)
    with stage(made.folder, settings=made.settings):
        pass
    plan_jobs(planned)
    recorded = made.settings | {"trained_by": 1}
    key = "fraction" if kind == "subnetwork" else "languages"
    recorded[key] = ["other"]
    (made.folder / SETTINGS).write_text(json.dumps(recorded))
    with pytest.raises(UserError, match=rf'{key}=\["other"\], now '):
        plan_jobs(planned)


def test_the_settings_of_a_sparse_fine_tuning_name_the_pruning_in_full(tmp_path):
    run = config(*SMALL, "tuning=sparse", "subnetwork=identified")
    (tuned,) = (
        required for required in required_stages(run) if required.folder == run_paths(run).tuning
    )
    assert tuned.settings["subnetwork"] == {
        "name": "identified", "fraction": 0.1, "keep": 0.95, "normalize": False,
    }  # fmt: skip
