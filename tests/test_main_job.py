"""The main job as a newcomer runs it, whole: minutes long."""

import json

import pytest
from conftest import run_command

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("task", ["xnli", "pawsx", "marc"])
def test_the_sample_profile_learns(task, tmp_path):
    done = run_command(f"task={task}", folder=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob(f"multirun/{task}/tiny-*/results.json")
    results = json.loads(file.read_text("utf-8"))
    assert results["dev_accuracy"] >= 0.80
    assert min(results["test_accuracy"].values()) >= 0.75
    assert len(results["own_language_share"]) == 5
    assert (file.parent / "report.html").is_file()
