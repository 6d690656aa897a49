"""Launchers: their presets, how many jobs are safe, what is said where a plugin is missing."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import SMALL, config, run_command, run_xling
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from xling.cli import launchers
from xling.cli.compose import conf_folder
from xling.sweep.launch import sharing

PLUGINS = {
    "joblib": ("hydra_joblib_launcher", "JoblibLauncher", "joblib"),
    "submitit_local": ("hydra_submitit_launcher", "LocalLauncher", "slurm"),
    "submitit_slurm": ("hydra_submitit_launcher", "SlurmLauncher", "slurm"),
    "ray": ("hydra_ray_launcher", "RayLauncher", "ray"),
}
"""The plugin, the class and the extra that installs it, of each launcher."""


def test_every_launcher_has_a_preset():
    files = (conf_folder() / "hydra" / "launcher").glob("*.yaml")
    assert {file.stem for file in files} == set(PLUGINS) == set(launchers.PRESETS)


@pytest.mark.parametrize("launcher", PLUGINS)
def test_a_missing_plugin_is_named_with_its_extra(launcher, tmp_path):
    """Where the plugin is installed, its folder is hidden from this command."""
    plugin, _, extra = PLUGINS[launcher]
    hide = (
        "import sys, pkgutil, xling.__main__ as main\n"
        "walk, seen = pkgutil.walk_packages, lambda module: PLUGIN not in module.name\n"
        "pkgutil.walk_packages = lambda *a, **k: filter(seen, walk(*a, **k))\n"
        f"PLUGIN = '{plugin}'\n"
        f"sys.argv = ['xling', '--multirun', 'hydra/launcher={launcher}', 'seed=0,1']\n"
        "main.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    expected = f"xling: hydra/launcher={launcher} needs a plugin: pip install 'xling[{extra}]'\n"
    assert (done.returncode, done.stderr) == (1, expected)
    assert not list(tmp_path.rglob("results.json"))


def test_a_launcher_that_does_not_exist_is_refused_with_a_choice(tmp_path):
    done = run_xling("--multirun", "hydra/launcher=slurm", "seed=0,1", folder=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "hydra/launcher=slurm does not exist" in done.stderr and "submitit_slurm" in done.stderr


@pytest.mark.skipif(not find_spec("submitit"), reason="needs pip install 'xling[slurm]'")
def test_a_missing_slurm_is_reported(tmp_path):
    done = run_xling(
        "--multirun", "hydra/launcher=submitit_slurm", "seed=0,1", folder=tmp_path, PATH="/nowhere"
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "srun is not on the path" in done.stderr


@pytest.mark.parametrize("launcher", PLUGINS)
def test_a_preset_has_every_field_of_its_plugin(launcher):
    """The plugin's own file gives way to it, so that a field missing here could not be set."""
    plugin, name, _ = PLUGINS[launcher]
    code = f"hydra_plugins.{plugin}.{'_config' if launcher == 'ray' else 'config'}"
    module = pytest.importorskip(code, reason=f"no {plugin} here")
    schemas = [value for value in vars(module).values() if isinstance(value, type)]
    schema = next(
        OmegaConf.structured(candidate)
        for candidate in schemas
        if str(getattr(candidate, "_target_", "")).endswith(f".{name}")
    )
    preset = OmegaConf.load(conf_folder() / "hydra" / "launcher" / f"{launcher}.yaml")
    assert set(preset) == set(schema) and preset._target_ == schema._target_


@pytest.mark.parametrize("launcher", PLUGINS)
def test_a_launcher_does_not_change_what_a_run_is(launcher):
    assert config(f"hydra/launcher={launcher}", "seed=3") == config("seed=3")


def test_joblib_runs_as_many_jobs_as_the_machine_can_carry(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    monkeypatch.setattr(launchers, "memory", lambda: 64.0)
    assert composed_jobs("trainer.threads=4") == 4
    assert composed_jobs("trainer.threads=4", "trainer.devices=2") == 2
    assert composed_jobs("trainer.threads=1") == 8  # 64 GB for 8 GB each
    assert composed_jobs("trainer.threads=32") == 1
    assert composed_jobs("trainer.threads=null") == 1  # torch takes all cores
    assert composed_jobs("trainer.threads=4", "hydra.launcher.n_jobs=7") == 7
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    assert composed_jobs("trainer.threads=4") == 1
    assert composed_jobs("trainer.threads=4", "trainer.accelerator=cpu") == 4


def composed_jobs(*overrides: str) -> int:
    """Return how many jobs joblib would run at once."""
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        composed = compose(
            "config", ["hydra/launcher=joblib", *overrides], return_hydra_config=True
        )
    return composed.hydra.launcher.n_jobs


@pytest.mark.slow
def test_jobs_side_by_side_share_their_stages(tmp_path):
    (tmp_path / "mine").mkdir()
    done = run_command(
        "--multirun",
        "--config-dir=mine",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "trainer.threads=1",
        "influence.top_k=5,10",
        *(switch for switch in SMALL if not switch.startswith("influence.top_k")),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr and "HINT" not in done.stderr
    logs = [log.read_text("utf-8") for log in tmp_path.glob("multirun/sweeps/*/jobs/*.log")]
    said = "".join(logs)
    assert said.count("Fine-tuning on") == 1 and said.count("already fine-tuned") == 1
    assert len(logs) == 2 and done.stdout.count("finished after") == 2
    assert top_k(tmp_path) == [5, 10] and not list(tmp_path.rglob("*.part"))


def top_k(folder: Path) -> list[int]:
    """Return how the finished runs differ."""
    files = folder.glob("multirun/xnli/tiny-*/results.json")
    return sorted(json.loads(file.read_text("utf-8"))["top_k"] for file in files)


def test_jobs_side_by_side_divide_what_they_fine_tune_at_once(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    on_cpu = config("trainer.threads=2", "trainer.accelerator=cpu")
    assert sharing(on_cpu, 1) == on_cpu
    assert [sharing(on_cpu, jobs).retrain.processes for jobs in (2, 3, 8, 40)] == [4, 2, 1, 1]
    wanted = config("evaluate=language_effects", "trainer.threads=2", "retrain.processes=5")
    assert sharing(wanted, 4) == wanted
    assert sharing(config("trainer.threads=null"), 4).retrain.processes == 1
