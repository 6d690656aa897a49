"""Parameters that a step does not reach are fine-tuned by two processes as by one."""

from functools import partial

import datasets
import pytest
import torch
from conftest import LANGUAGES, config, encoded
from small_models import build
from small_tunings import SETTINGS, silent, weights
from torch import nn

from xling.models.classifier import Classifier
from xling.models.languages import language_input, select_adapters
from xling.training.batches import Collator
from xling.training.fit import fine_tune

OF_TWO = ("tuning.epochs=1", "tuning.batch_size=2", "tuning.weight_decay=0.5")


def classifier(kind: str) -> Classifier:
    """A model without dropout, whose draws differ between the processes."""
    encoder = build(kind)
    select_adapters(encoder)
    model = Classifier(encoder, classes=2, width=32)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


@pytest.mark.parametrize(
    ("kind", "never"),
    [
        pytest.param("xlnet", "encoder.mask_emb", marks=pytest.mark.slow),
        pytest.param("x-mod", "lang_adapter", marks=pytest.mark.slow),
    ],
)
def test_two_processes_train_as_one_what_no_step_or_not_each_reaches(
    kind, never, tmp_path, tokenizer
):
    """XLNet's mask is in no text; an adapter of X-MOD is reached by its language's texts alone."""
    model = classifier(kind)
    start = {name: x.clone() for name, x in model.state_dict().items()}
    some = encoded(24)
    splits = datasets.DatasetDict({"train": some, "dev": some})
    by_language = language_input("m", model.encoder, LANGUAGES)
    tuned = partial(fine_tune, model=model, encoded=splits, dumps=[], log=silent)
    histories = [
        tuned(
            config(*SETTINGS, *OF_TWO, f"trainer.devices={count}"),
            collate=Collator(tokenizer, LANGUAGES, by_language),
            folder=tmp_path / str(count),
        )
        for count in (1, 2)
    ]
    losses = [history[0]["train_loss"] for history in histories]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    one, two = (weights(tmp_path / str(count), 1) for count in (1, 2))
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-3
    untouched = {name for name in one if torch.equal(two[name], start[name])}
    assert {name for name in one if torch.equal(one[name], start[name])} == untouched
    assert any(never in name for name in untouched) == (kind == "xlnet")
