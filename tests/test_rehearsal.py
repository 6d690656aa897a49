"""A model that cannot be sketched is refused before it is trained; the trial leaves no trace."""

import copy

import datasets
import pytest
import torch
from conftest import LANGUAGES, config, encoded
from small_models import same

from xling.attribution import TracIn
from xling.errors import ArgumentError
from xling.pipeline.inputs import RunInputs, rehearse_sketches
from xling.tasks import kind_of
from xling.training.batches import Collator
from xling.training.sketches import rehearse

KIND = kind_of(config().task)


def test_examples_that_influence_each_other_are_found_before_training(make_model, tokenizer):
    model = make_model()
    model.encoder.embeddings.register_forward_hook(lambda _, __, x: x + x.mean(0))
    with pytest.raises(ArgumentError):
        rehearse(model, KIND, encoded(12), Collator(tokenizer, LANGUAGES), TracIn())


def test_heads_that_cannot_be_switched_off_are_found_before_training(make_model, tokenizer):
    model = make_model()
    for layer in model.encoder.encoder.layer:
        layer.attention.self.value, layer.attention.self.worth = None, layer.attention.self.value
    splits = datasets.DatasetDict(train=encoded(12))
    collate = Collator(tokenizer, LANGUAGES)
    inputs = RunInputs(splits, splits, collate, KIND, model)
    with pytest.raises(ArgumentError, match="cannot be switched off"):
        rehearse_sketches(config("subnetwork=identified", "influence=embedding"), inputs)
    rehearse_sketches(config("influence=embedding"), inputs)


def test_a_method_that_an_evaluation_compares_is_tried_before_training(make_model, tokenizer):
    splits = datasets.DatasetDict(train=encoded(12))
    inputs = RunInputs(splits, splits, Collator(tokenizer, LANGUAGES), KIND, make_model())
    compared = ("evaluate=faithfulness", "influence.memory_gb=0.0001", "influence=embedding")
    with pytest.raises(ArgumentError, match="too little for the curvature"):
        rehearse_sketches(config(*compared, "faithfulness.methods=[bm25,ekfac]"), inputs)
    with pytest.raises(ArgumentError, match="too little for representations of 1,024 numbers"):
        rehearse_sketches(config(*compared, "faithfulness.methods=[bm25,tracin]"), inputs)
    rehearse_sketches(config(*compared, "faithfulness.methods=[bm25,same_label]"), inputs)


def test_gradients_that_are_too_large_to_compare_are_refused_before_training(make_model, tokenizer):
    model, splits = make_model(), datasets.DatasetDict(train=encoded(12))
    inputs = RunInputs(splits, splits, Collator(tokenizer, LANGUAGES), KIND, model)
    settings = ("sketch=exact", "tuning.epochs=3", "influence.memory_gb=0.05")
    with pytest.raises(ArgumentError) as refused:
        rehearse_sketches(config(*settings), inputs)
    numbers = sum(parameter.numel() for parameter in model.parameters())
    told = f"representations of {numbers:,} numbers at 3 epochs: they need {refused.value.instead}"
    assert told in str(refused.value)
    enough = f"influence.memory_gb={refused.value.instead}"
    rehearse_sketches(config(*settings[:2], enough), inputs)


def test_the_trial_leaves_no_trace(make_model, tokenizer):
    model = make_model().train()
    before, state = copy.deepcopy(model), torch.get_rng_state()
    rehearse(model, KIND, encoded(12), Collator(tokenizer, LANGUAGES), TracIn())
    assert same(model, before) and model.training and torch.equal(torch.get_rng_state(), state)
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
