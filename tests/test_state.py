"""Every stage has a model of its own: none changes weights that another one holds."""

import copy

import torch
from conftest import SMALL, config

from xling.pipeline.inputs import prepare
from xling.pipeline.paths import run_paths
from xling.pipeline.run import fine_tuned


def same(left: torch.nn.Module, right: torch.nn.Module) -> bool:
    ours, theirs = left.state_dict(), right.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_models_of_different_epochs_and_the_start_live_side_by_side(tmp_path):
    run = config(*SMALL, f"folder={tmp_path}", "data.train_per_language=16")
    inputs = prepare(run, say=lambda line: None)
    start = copy.deepcopy(inputs.classifier)
    model = fine_tuned(run, run_paths(run), inputs, None)
    first = model.at(1)
    held = copy.deepcopy(first)
    second = model.at(2)
    model.probabilities("test", 2)
    assert same(inputs.classifier, start)
    assert same(first, held) and not same(first, second) and not same(first, start)
    assert same(model.at(2), second) and model.at(2) is not second
