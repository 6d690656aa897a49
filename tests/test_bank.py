"""Banks of fine-tunings: the weights of `fine_tune`, in any number of processes, resumable."""

import dataclasses
import gc
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from conftest import LANGUAGES, config, encoded
from small_tunings import SETTINGS, live_numbers, silent, weights
from torch.nn.functional import cross_entropy

from xling.errors import UserError
from xling.training.bank import Bank, Part, Worker, padded
from xling.training.batches import Collator
from xling.training.fit import fine_tune

HALVES = (Part(tuple(range(0, 60, 2)), 3), Part(tuple(range(7, 60)), 4), Part((1, 5, 9), 3))


@pytest.fixture
def bank(make_model, tokenizer) -> Bank:
    settings = config(*SETTINGS, "tuning.epochs=2", "trainer.threads=1")
    splits = datasets.DatasetDict(
        {"train": encoded(60), "dev": encoded(9, seed=1), "test": encoded(21, seed=2)}
    )
    return Bank(settings, make_model(), splits, Collator(tokenizer, LANGUAGES), epochs=2)


@pytest.mark.parametrize("part", HALVES)
def test_the_weights_are_those_of_a_fine_tuning_without_the_others(bank, part, tmp_path):
    settings = dataclasses.replace(bank.config, seed=part.seed)
    without = frozenset(range(60)).difference(part.rows)
    fine_tune(
        settings, bank.model, bank.encoded, bank.collate, tmp_path, (), silent, without=without
    )
    expected = weights(tmp_path, 2)
    tuned = Worker(bank).tuned(part).state_dict()
    assert expected.keys() <= tuned.keys()
    assert all(torch.equal(tuned[name], value) for name, value in expected.items())


def test_losses_are_those_of_each_test_example_alone(bank, tmp_path):
    losses = bank.test_losses(HALVES[:1], tmp_path)
    model = Worker(bank).tuned(HALVES[0]).eval()
    for row, example in enumerate(bank.encoded["test"]):
        batch = bank.collate([example])
        with torch.no_grad():
            alone = cross_entropy(model(**batch["inputs"]), batch["labels"])
        assert losses[0, row] == pytest.approx(alone.item(), abs=1e-6)


def test_processes_change_nothing(bank, tmp_path):
    one = bank.test_losses(HALVES, tmp_path / "one")
    assert one.shape == (3, 21)
    assert np.array_equal(one, bank.test_losses(HALVES, tmp_path / "two", processes=2))
    assert len({row.tobytes() for row in one}) == 3


def test_a_bank_that_was_stopped_does_what_is_missing(bank, tmp_path, monkeypatch):
    whole = bank.test_losses(HALVES, tmp_path / "whole")
    bank.test_losses(HALVES[:2], tmp_path / "stopped")
    called = []
    original = Worker.__call__
    monkeypatch.setattr(Worker, "__call__", lambda *args: called.append(1) or original(*args))
    assert np.array_equal(whole, bank.test_losses(HALVES, tmp_path / "stopped"))
    assert len(called) == 1
    assert sorted(file.name for file in (tmp_path / "stopped").iterdir()) == [
        f"{number:04d}.npy" for number in range(3)
    ]


def test_nothing_but_losses_is_written_and_the_model_stays_as_it_was(bank, tmp_path):
    before = {name: value.clone() for name, value in bank.model.state_dict().items()}
    bank.test_losses(HALVES[:1], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["0000.npy"]
    assert Path(tmp_path / "0000.npy").stat().st_size < 300
    after = bank.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not bank.model.training


def test_a_loss_that_is_not_finite_is_refused(bank, tmp_path):
    tuning = dataclasses.replace(bank.config.tuning, learning_rate=1e30)
    wild = dataclasses.replace(bank, config=dataclasses.replace(bank.config, tuning=tuning))
    with pytest.raises(UserError, match=r"Fine-tuning 1 of 3 .* not finite.* \(now 1e\+30\)"):
        wild.test_losses(HALVES, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_fine_tuning_leaves_no_tensor_alive(bank):
    worker = Worker(bank)
    worker(HALVES[2])
    gc.collect()
    gc.disable()
    try:
        before = live_numbers()
        worker(HALVES[2])
        assert live_numbers() == before
    finally:
        gc.enable()


@pytest.mark.parametrize("length", [None, 20])
def test_what_is_padded_once_gives_the_same_batches(bank, tokenizer, length):
    collate = Collator(tokenizer, LANGUAGES, length=length)
    batch = padded(bank.encoded["train"], collate, torch.device("cpu"))
    for rows in ([4, 8, 2], [17], list(range(30))):
        expected, taken = collate([bank.encoded["train"][row] for row in rows]), batch(rows)
        assert torch.equal(taken["labels"], expected["labels"])
        assert taken["inputs"].keys() == expected["inputs"].keys()
        for name, values in expected["inputs"].items():
            assert torch.equal(taken["inputs"][name], values)
