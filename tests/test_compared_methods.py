"""What an evaluation of faithfulness compares: methods as their files say, and as the run says."""

import dataclasses

from conftest import config

from xling.cli.methods import influences
from xling.pipeline.paths import run_paths

COMPARED = (
    "evaluate=faithfulness",
    "faithfulness.methods=[tracin,tracin_dot,preconditioned,ekfac,embedding,count]",
)


def test_without_further_settings_each_method_is_as_its_file_says():
    for name, influence in influences(config(*COMPARED)).items():
        assert influence == config(f"influence={name}").influence


def test_a_part_of_the_model_is_that_of_all_gradients():
    methods = influences(config(*COMPARED, "influence.parameters=['encoder.*']"))
    for name, influence in methods.items():
        told = influence.parameters == ("encoder.*",)
        assert told == influence.gradients == (name not in ("embedding", "count")), name


def test_settings_of_the_own_method_are_those_that_are_compared():
    own = ("influence=preconditioned", "influence.damping=1", "influence.similarity=cosine")
    methods = influences(config(*COMPARED, *own))
    preconditioned = methods.pop("preconditioned")
    assert (preconditioned.damping, preconditioned.similarity) == (1.0, "cosine")
    assert preconditioned == config(*own).influence
    assert methods["ekfac"].damping == 0.1  # not that of another method
    assert methods == {name: influences(config(*COMPARED))[name] for name in methods}
    plain = config(*COMPARED, own[0])
    assert run_paths(plain).run != run_paths(config(*COMPARED, *own)).run


def test_of_two_files_of_one_method_each_keeps_its_own():
    methods = influences(config(*COMPARED, "influence=tracin_dot", "influence.memory_gb=3"))
    for name in ("tracin", "tracin_dot"):
        expected = config(f"influence={name}").influence
        assert methods[name] == dataclasses.replace(expected, memory_gb=3)


def test_of_two_files_of_one_method_the_nearer_takes_other_settings():
    files = influences(config(*COMPARED))
    for own, changed in (
        (("influence=tracin", "influence.similarity=dot"), "tracin"),  # as near to the other
        (("influence=tracin", "influence.weights=learning_rate"), "tracin"),
        (("influence=tracin_dot", "influence.similarity=dot"), None),
    ):
        methods = influences(config(*COMPARED, *own))
        if changed:
            assert methods.pop(changed) == config(*own).influence
        assert methods == {name: files[name] for name in methods}
