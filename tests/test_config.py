"""The papers' setting to the letter, and names of folders that follow from what matters."""

import dataclasses

import pytest
from conftest import config

from xling.config import digest, identity
from xling.pipeline.paths import named_paths

PAPER_RATES = {"xnli": 2e-5, "pawsx": 9e-6, "marc": 2e-5}
PAPER_LANGUAGES = {"xnli": "de en es fr ru", "pawsx": "de en es fr ko", "marc": "de en es fr zh"}


@pytest.mark.parametrize("task", PAPER_RATES)
def test_the_papers_setting(task):
    found = config("profile=paper", f"task={task}")
    assert found.learning_rate == PAPER_RATES[task]
    assert " ".join(found.languages) == PAPER_LANGUAGES[task]
    assert found.task.parallel == (task != "marc")
    assert found.model.path.endswith("xlm-roberta-base") and len(found.model.revision) == 40
    assert (found.tuning.epochs, found.tuning.patience) == (10, 3)
    assert found.data.train_per_language == 2000 and found.data.source == "hub"
    assert (found.influence.test_per_language, found.influence.top_k) == (25, 100)
    assert (found.sketch.side, found.sketch.stack, found.sketch.combine) == (16, 1, "sum")
    if task != "marc":
        assert len(found.task.hub.revision) == 40


def test_command_line_wins_over_the_profile():
    found = config("profile=paper", "data=files", "data.path=x", "model=local", "model.path=y")
    assert (found.data.source, found.model.path) == ("files", "y")
    assert found.tuning.epochs == 10 and found.data.train_per_language is None


def test_the_profile_wins_over_the_defaults():
    assert config().trainer.threads == 1 and config("profile=paper").trainer.threads is None
    assert config("trainer.threads=2").trainer.threads == 2


def name(*overrides: str) -> str:
    return named_paths(config(*overrides), {}).run.name


def test_the_name_follows_from_what_can_change_the_result():
    plain = name()
    assert plain == name("trainer.threads=1") == name("sketch.batch_tokens=64") == name("folder=x")
    assert plain == name("tracker=wandb") == name("trainer.accelerator=cpu")
    others = [
        name("seed=1"), name("exclude=de"), name("imbalance=25"), name("sketch=paper"),
        name("tuning.learning_rate=1e-4"), name("influence.top_k=7"), name("languages=[de,en]"),
        name("trainer.precision=bf16-mixed"), name("imbalance=25", "imbalance_language=es"),
    ]  # fmt: skip
    assert len({plain, *others}) == 10
    assert name("exclude=ru").startswith("tiny-no_ru-")
    assert name("imbalance=25", "imbalance_language=es").startswith("tiny-es25-")
    same = named_paths(config(), {"de": "1"}).run.name
    assert same != named_paths(config(), {"de": "2"}).run.name  # other contents of the same files


def test_runs_that_trace_differently_share_the_training():
    tuning = named_paths(config(), {}).tuning
    assert tuning == named_paths(config("influence.top_k=7"), {}).tuning
    assert tuning == named_paths(config("sketch=paper"), {}).tuning
    assert tuning != named_paths(config("tuning.batch_size=8"), {}).tuning
    assert named_paths(config(), {}).sketches != named_paths(config("sketch=paper"), {}).sketches


def test_every_setting_is_in_the_identity_or_left_out_on_purpose():
    found = config()
    kept = identity(found, {})
    left_out = {field.name for field in dataclasses.fields(found)} - set(kept)
    switches = {"dry_run", "force", "fail_fast"}
    assert left_out == {"folder", "tracker", "profile", "sweep", "experiment"} | switches
    assert digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1}) != digest({"a": [2], "b": 2})
