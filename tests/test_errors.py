"""Every mistake gets a few lines that say what to write instead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import SMALL, config, run_command, run_xling

from xling.__main__ import main
from xling.cli.compose import flags_first
from xling.cli.mistakes import explain, refuse_mistyped
from xling.errors import UserError, nearest
from xling.status.__main__ import sweeps

MISTAKES = {
    "a typo in a key": (["imbalence=25"], ["no switch imbalence", "Did you mean 'imbalance'?"]),
    "a typo in a nested key": (["tuning.epoch=3"], ["tuning.epoch", "'tuning.epochs'"]),
    "a key added": (["+typo=1"], ["+typo=1", "switches cannot be added or removed"]),
    "a typo in a key added": (["+imbalence=25"], ["Did you mean 'imbalance'?"]),
    "dashes": (["--imbalance", "25"], ["with '=': imbalance=25"]),
    "dashes and a typo": (["--imbalence=25"], ["Did you mean 'imbalance'?"]),
    "a task that is not there": (["task=xnil"], ["marc, pawsx, sib200, xnli", "'xnli'?"]),
    "a value that is not there": (["data.on_bad_row=dop"], ["'stop' or 'drop'", "'drop'?"]),
    "a value out of range": (["tuning.epochs=0"], ["tuning.epochs=0", "greater than 0"]),
    "a value of another type": (["imbalance=much"], ["imbalance=much", "integer"]),
    "a list not closed": (["languages=[de,"], ["languages=[de,", "'languages=[de,en]'"]),
    "one language": (["languages=[de]"], ["between languages needs two or more"]),
    "values that are no list": (["languages=de,en"], ["write 'languages=[de,en]'", "--multirun"]),
    "other classes": (["task.labels={a: [0], b: [1]}"], ["its keys stand in a file"]),
    "a missing value": (["data=files"], ["data.path has no value", "write data.path=..."]),
    "a language that the task does not have": (
        ["exclude=kr"],
        ["exclude=kr", "de, en, es, fr, ru"],
    ),
    "a language that the sample does not have": (["languages=[de,sw]"], ["sw"]),
    "one language left": (["exclude=[de,en,es,fr]"], ["leaves ru to train on"]),
    "an imbalance of no language": (["imbalance=25", "imbalance_language=ko"], ["not a training"]),
    "an imbalance beyond the data": (["imbalance=900"], ["imbalance"]),
    "a task without a sample": (["task=sib200"], ["sib200", "data=files"]),
    "a folder that is not there": (["data=files", "data.path=nowhere"], ["nowhere"]),
    "a folder of data for the sample corpus": (["data.path=here"], ["here", "write data=files"]),
    "a folder of a model beside the tiny one": (["model.path=here"], ["here", "write model=local"]),
    "a model that is not there": (
        ["model=local", "model.path=nowhere"],
        ["nowhere", "hf download"],
    ),
    "an account that is not there": (["tracker=wandb"], ["tracker.mode=offline", "wandb login"]),
    "an accelerator of another name": (["trainer.accelerator=cudda"], ["'cuda'"]),
    "an accelerator that is not there": (
        [*SMALL, f"trainer.accelerator={'mps' if torch.cuda.is_available() else 'cuda'}"],
        ["xling: trainer.*: "],
    ),
    "a loss that is not a number": (
        [*SMALL, "tuning.learning_rate=1e25"],
        ["tuning.learning_rate"],
    ),
}

GOLDEN = {
    ("imbalence=25",): """\
xling: there is no switch imbalence. Did you mean 'imbalance'?
`python -m xling --help` lists all switches with examples.
""",
    ("-m", "taks=xnli,marc"): """\
xling: there is no switch taks. Did you mean 'task'?
`python -m xling --help` lists all switches with examples.
""",
    ("--imbalance", "25"): """\
xling: --imbalance: switches are written without dashes and with '=': imbalance=25.
""",
    ("+imbalence=25",): """\
xling: +imbalence=25: switches cannot be added or removed; all of them already exist. To set one, \
write imbalence=25. Did you mean 'imbalance'?
""",
    ("data=files", "data.path=Übung/Mär 1"): """\
xling: data.path=Übung/Mär 1: put letters beyond a to z into quotes, and those quotes into another \
pair for the shell. Write data.path='"Übung/Mär 1"'
""",
    ("tracker.tags=[größe,b]",): """\
xling: tracker.tags=[größe,b]: put letters beyond a to z into quotes, and those quotes into \
another pair for the shell. Write tracker.tags='["größe","b"]'
""",
    ("task",): """\
xling: task has no value: write task=VALUE.
""",
    ("subnetwork=identfied",): """\
xling: subnetwork=identfied does not exist: write one of composed, file, full, identified, random, \
suboptimal. Did you mean 'identified'?
""",
    ("tuning.name=ful",): """\
xling: tuning.name=ful is not possible: write 'full' or 'sparse'. Did you mean 'full'?
""",
    ("-m", "imbalance=25", "imbalance_language=de,kr"): """\
xling: imbalance_language=kr: not a training language of this run. Write one of de, en, es, fr, ru.
The error is in the sweep's job imbalance_language=kr.
""",
    ("experiment=null",): """\
xling: experiment=null: to choose no file of experiment, omit this switch.
""",
    ("-m", "seed=0,1", "hydra/sweeper=optuna"): """\
xling: hydra/sweeper=optuna: sweeps here are grids, which are planned before they start. Write the \
values, as in seed=0,1,2, or a file like those in conf/experiment/.
""",
}
"""What is printed, to the letter."""


@pytest.mark.parametrize("arguments", GOLDEN, ids=" ".join)
def test_mistakes_print_these_words(arguments, capsys, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["xling", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == GOLDEN[arguments]


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("xling task=", "task=marc task=pawsx task=sib200 task=xnli"),
        ("xling subnetwork=i", "subnetwork=identified"),
        ("xling --multirun influence.t", "influence.test_languages= influence.test_per_language= "
         "influence.top_k="),
        ("xling experiment=s", "experiment=sft experiment=sft_random experiment=similarity "
         "experiment=subnetworks"),
    ],
)  # fmt: skip
def test_completion_offers_what_fits_without_heavy_imports(line, choices):
    """What `eval "$(xling -sc install=bash)"` asks for at every tab; light enough for that."""
    code = "import sys; sys.argv = ['xling', '-sc', 'query=bash']\ntry:\n"
    code += " import xling.__main__ as m; m.main()\nfinally:\n"
    code += " assert not {'torch', 'pandas', 'transformers', 'datasets'} & set(sys.modules)\n"
    asked = {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | asked
    )
    assert done.stdout.split() == choices.split() and done.returncode == 0, done.stderr


def test_completion_can_be_installed_in_bash(tmp_path):
    done = run_xling("-sc", "install=bash", folder=tmp_path)
    assert done.returncode == 0 and "hydra_bash_completion" in done.stdout
    line = "python -m xling ta"
    script = (
        f"{done.stdout}\nCOMP_LINE='{line}'; COMP_POINT={len(line)}; type hydra_bash_completion"
    )
    checked = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_get_a_short_answer(mistake, tmp_path):
    arguments, expected = MISTAKES[mistake]
    done = run_xling(*arguments, folder=tmp_path)
    assert done.returncode == 1
    for part in expected:
        assert part in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 8, done.stderr
    assert not list(tmp_path.glob("multirun/*/*/results.json"))
    assert not [run for run in tmp_path.glob("multirun/*/tiny-*") if not run.name.endswith(".part")]


@pytest.mark.command
def test_the_real_command_ends_with_a_line_and_an_exit_code(tmp_path):
    done = run_command("exclude=kr", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("xling: exclude=kr: ") and "Traceback" not in done.stderr


def test_the_traceback_is_printed_when_asked_for(tmp_path):
    done = run_xling("exclude=kr", folder=tmp_path, HYDRA_FULL_ERROR="1")
    assert done.returncode != 0 and "Traceback" in done.stderr


@pytest.mark.command
def test_help_is_quick_and_names_the_groups(tmp_path):
    done = run_command("--help", folder=tmp_path)
    assert done.returncode == 0
    for part in ("task: marc, pawsx, sib200, xnli", "imbalance=25,50,75,100", "top_k: 100"):
        assert part in done.stdout
    code = "import sys; sys.argv=['xling', '--help']\ntry:\n import xling.__main__ as m; m.main()\n"
    code += "finally:\n slow = {'torch', 'pytorch_lightning', 'transformers', 'pandas'}\n"
    code += " print('IMPORTED', sorted(slow & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "IMPORTED []" in done.stdout, done.stderr


@pytest.mark.command
def test_a_reader_that_stops_reading_is_no_error(tmp_path):
    command = f"{sys.executable} -m xling --help | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.startswith("xling - ") and not done.stderr


def test_good_arguments_pass():
    refuse_mistyped(
        ["task=xnli", "--multirun", "imbalance=25,50", "-m", "exclude=[de,en]", "--cfg", "job"]
    )


@pytest.mark.parametrize("key", ["method", "gradients", "checkpoints", "uses"])
def test_what_a_method_is_like_is_not_for_the_command_line(key):
    with pytest.raises(UserError, match=f"influence.{key}=x: choose a method by its file"):
        refuse_mistyped([f"influence.{key}=x"])


def test_other_errors_are_not_hidden():
    assert explain(RuntimeError("a defect"), Path()) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_reported_and_leaves_nothing_half_made(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        done = run_xling(*SMALL, f"folder={disk}/multirun", folder=tmp_path)
        assert done.returncode == 1, done.stdout
        assert "no space left" in done.stderr and "folder=DIR" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        assert not [p for p in disk.glob("multirun/xnli/tiny-*") if not p.name.endswith(".part")]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_nearest_choice_is_suggested():
    assert nearest("imbalence", ["imbalance", "seed"]) == " Did you mean 'imbalance'?"
    assert nearest("xyz", ["imbalance", "seed"]) == ""


def test_switches_that_contradict_each_other_are_refused():
    with pytest.raises(UserError, match="names a language twice"):
        config("languages=[de,en,de]")
    with pytest.raises(UserError, match="exact gradients have no noise"):
        config("sketch=exact", "sketch.twin=true")
    assert config("exclude=ru").exclude == ("ru",)
    assert config("exclude=ru").train_languages == ("de", "en", "es", "fr")
    assert config("imbalance=0", "imbalance_language=es") == config("imbalance_language=fr")


def test_flags_may_stand_anywhere(tmp_path):
    arguments = [
        "seed=1",
        "--config-dir",
        "mine",
        "-m",
        "task=xnli",
        "--cfg",
        "job",
        "dry_run=true",
    ]
    assert flags_first(arguments) == [
        *("--config-dir", "mine", "-m", "--cfg", "job"),
        *("seed=1", "task=xnli", "dry_run=true"),
    ]
    assert flags_first(["--config-dir=mine", "a=--b", "--nonsense", "x"]) == [
        *("--config-dir=mine", "a=--b", "--nonsense", "x"),
    ]
    (tmp_path / "mine").mkdir()
    done = run_xling("seed=0,1", "--config-dir", "mine", "-m", "dry_run=true", folder=tmp_path)
    assert done.returncode == 0 and "2 jobs" in done.stdout


def test_a_folder_without_a_sweep_is_named(tmp_path):
    with pytest.raises(UserError, match="has no sweep.*--multirun or experiment=NAME"):
        sweeps(tmp_path)
