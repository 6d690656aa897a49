"""The papers' settings to the letter, and folders named by what can change a result."""

import dataclasses

import pytest
from conftest import config

from xling.config import Config, delta, digest, settings, single_language
from xling.pipeline.paths import default_settings, named_paths, pruning

PAPER_RATES = {"xnli": 2e-5, "pawsx": 9e-6, "marc": 2e-5}
PAPER_LANGUAGES = {"xnli": "de en es fr ru", "pawsx": "de en es fr ko", "marc": "de en es fr zh"}


@pytest.mark.parametrize("task", PAPER_RATES)
def test_the_papers_settings(task):
    paper = config("profile=paper", f"task={task}")
    assert paper.learning_rate == PAPER_RATES[task]
    assert " ".join(paper.languages) == PAPER_LANGUAGES[task]
    assert paper.task.parallel == (task != "marc")
    assert paper.model.path.endswith("xlm-roberta-base") and len(paper.model.revision) == 40
    assert (paper.tuning.epochs, paper.tuning.patience) == (10, 3)
    assert paper.data.train_per_language == 2000 and paper.data.source == "hub"
    assert (paper.influence.test_per_language, paper.influence.top_k) == (25, 100)
    assert (paper.sketch.side, paper.sketch.stack, paper.sketch.combine) == (16, 1, "sum")
    if task != "marc":
        assert len(paper.task.hub.revision) == 40


def test_command_line_wins_over_the_profile():
    chosen = config("profile=paper", "data=files", "data.path=x", "model=local", "model.path=y")
    assert (chosen.data.source, chosen.model.path) == ("files", "y")
    assert chosen.tuning.epochs == 10 and chosen.data.train_per_language is None


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


def test_every_setting_names_a_run_or_is_left_out_on_purpose():
    run = config()
    left_out = {field.name for field in dataclasses.fields(run)} - set(settings(run))
    switches = {"dry_run", "force", "fail_fast"}
    assert left_out == {"folder", "tracker", "sweep", "experiment"} | switches
    assert settings(run)["trainer"] == {"precision": "32-true"}
    assert settings(run)["tuning"]["learning_rate"] == 5e-4  # the tiny model's own
    assert digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1}) != digest({"a": [2], "b": 2})


RECORDED = {
    (): (
        "tiny-64d9aa8a",
        "tuning-tiny-64d9aa8a",
        "sketches-kronecker-sum-4x16x16-44136fa3",
        "subnetwork-tiny-only_de-6dc7c1e8",
    ),
    ("task=pawsx",): (
        "tiny-3991e4a4",
        "tuning-tiny-3991e4a4",
        "sketches-kronecker-sum-4x16x16-44136fa3",
        "subnetwork-tiny-only_de-8548ea08",
    ),
    ("exclude=ru", "seed=1"): (
        "tiny-no_ru-seed1-63acdc36",
        "tuning-tiny-no_ru-seed1-63acdc36",
        "sketches-kronecker-sum-4x16x16-44136fa3",
        "subnetwork-tiny-only_de-seed1-d674605f",
    ),
    ("imbalance=25", "imbalance_language=es"): (
        "tiny-es25-ae071861",
        "tuning-tiny-es25-ae071861",
        "sketches-kronecker-sum-4x16x16-44136fa3",
        "subnetwork-tiny-only_de-6dc7c1e8",
    ),
    ("tuning=sparse", "subnetwork=random"): (
        "tiny-sparse-through_random0-random0-3ffa3204",
        "tuning-tiny-sparse-through_random0-666cc453",
        "sketches-kronecker-sum-4x16x16-44136fa3",
        "subnetwork-tiny-only_de-6dc7c1e8",
    ),
    ("sketch=paper", "influence.top_k=7"): (
        "tiny-bfae240d",
        "tuning-tiny-64d9aa8a",
        "sketches-kronecker-sum-1x16x16-26dabfee",
        "subnetwork-tiny-only_de-6dc7c1e8",
    ),
    ("leave_out.example=3",): (
        "tiny-without_100_positive-of_3-f05c8ad8",
        "tuning-tiny-without_100_positive-of_3-f05c8ad8",
        "sketches-kronecker-sum-4x16x16-44136fa3",
        "subnetwork-tiny-only_de-6dc7c1e8",
    ),
    ("influence=embedding",): (
        "tiny-embedding-a98aae28",
        "tuning-tiny-64d9aa8a",
        "embedding-9f13a265",
        "subnetwork-tiny-only_de-6dc7c1e8",
    ),
    ("subnetwork=identified", "subnetwork.keep=0.9"): (
        "tiny-identified-68ad36f0",
        "tuning-tiny-64d9aa8a",
        "sketches-kronecker-sum-4x16x16-44136fa3",
        "subnetwork-tiny-only_de-c321f744",
    ),
    ("profile=paper",): (
        "xlmr_base-7a9d56ab",
        "tuning-xlmr_base-7a9d56ab",
        "sketches-kronecker-sum-1x16x16-44136fa3",
        "subnetwork-xlmr_base-only_de-c02f0a2a",
    ),
}
"""Names that folders have had and must keep: switches → run, tuning, sketches, pruning."""


def folder_names(run: Config, defaults: dict | None = None) -> tuple[str, ...]:
    paths, single = named_paths(run, {}, defaults), single_language(run, "de")
    pruned, _ = pruning(run.subnetwork, single, named_paths(single, {}, defaults))
    return paths.run.name, paths.tuning.name, paths.sketches, pruned.name


@pytest.mark.parametrize("overrides", RECORDED, ids=" ".join)
def test_a_new_switch_with_a_default_renames_nothing(overrides):
    run = config(*overrides)
    assert folder_names(run) == RECORDED[overrides]
    defaults = default_settings(run.profile)
    for group, value in (("tuning", 0.0), ("sketch", None), ("influence", "a"), ("task", "b")):
        old = getattr(run, group)
        wider = dataclasses.make_dataclass(
            f"Wider{group}",
            [("new_switch", object, dataclasses.field(default=value))],
            bases=(type(old),),
            frozen=True,
        )
        values = {field.name: getattr(old, field.name) for field in dataclasses.fields(old)}
        run = dataclasses.replace(run, **{group: wider(**values)})
        defaults = {**defaults, group: {**defaults[group], "new_switch": value}}
        assert folder_names(run, defaults) == RECORDED[overrides]
    used = dataclasses.replace(run, tuning=dataclasses.replace(run.tuning, new_switch=0.1))
    assert named_paths(used, {}, defaults).tuning.name != RECORDED[overrides][1]


def test_another_order_of_classes_or_a_class_fewer_makes_another_run():
    run = config("task=sib200")
    labels = [*run.task.labels.items()]
    for others in (labels[::-1], labels[:-1]):
        task = dataclasses.replace(run.task, labels=dict(others))
        assert named_paths(dataclasses.replace(run, task=task), {}).run != named_paths(run, {}).run


def test_the_difference_is_nested_and_compares_groups_that_one_side_lacks_as_a_whole():
    defaults = {"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f": None, "g": {"h": 4}}
    values = {"a": 1, "b": {"c": 5, "d": {"e": 3}}, "f": {"x": 1}, "g": None}
    assert delta(values, defaults) == {"b": {"c": 5}, "f": {"x": 1}, "g": None}
    assert delta(defaults, defaults) == {}


def test_tracin_as_first_defined_has_a_short_name():
    chosen = config("influence=tracin_dot")
    assert (chosen.influence.similarity, chosen.influence.weights) == ("dot", "learning_rate")
    spelled_out = config("influence.similarity=dot", "influence.weights=learning_rate")
    assert chosen == spelled_out and folder_names(chosen)[0] != RECORDED[()][0]
    assert folder_names(chosen)[1:] == RECORDED[()][1:]  # it shares the training and the sketches
