"""A sweep on a local Ray cluster of two workers."""

import json

import pytest
from conftest import SMALL, run_command

pytest.importorskip("ray", reason="no ray here: pip install 'xling[ray]'")
pytest.importorskip(
    "hydra_plugins.hydra_ray_launcher", reason="no ray launcher here: pip install 'xling[ray]'"
)
pytestmark = pytest.mark.slow


def test_a_sweep_on_two_workers_of_ray_makes_each_stage_once(ray_address, tmp_path):
    done = run_command(
        "--multirun",
        "hydra/launcher=ray",
        f"hydra.launcher.ray.init.address={ray_address}",
        f"folder={tmp_path}/multirun",
        "trainer.threads=1",
        "influence.top_k=5,10",
        *(switch for switch in SMALL if not switch.startswith("influence.top_k")),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    files = tmp_path.glob("multirun/xnli/tiny-*/results.json")
    assert sorted(json.loads(file.read_text("utf-8"))["top_k"] for file in files) == [5, 10]
    assert not list(tmp_path.rglob("*.part"))
    assert len(list(tmp_path.glob("multirun/xnli/stages/tuning-*"))) == 1  # both jobs' own
    assert "Report of the sweep" in done.stdout
