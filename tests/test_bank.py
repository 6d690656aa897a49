"""Banks of fine-tunings: the weights of `fine_tune`, in any number of processes, resumable."""

import dataclasses
import gc
import os
import signal
import time
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from conftest import LANGUAGES, config, encoded
from filelock import FileLock
from small_tunings import SETTINGS, live_numbers, silent, weights
from torch.nn.functional import cross_entropy

from xling.errors import UserError
from xling.training.bank import Bank, Part, Worker, end_with_parent, padded
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
    made = bank.outcomes(HALVES[:1], tmp_path)
    model = Worker(bank).tuned(HALVES[0]).eval()
    for row, example in enumerate(bank.encoded["test"]):
        batch = bank.collate([example])
        with torch.no_grad():
            logits = model(**batch["inputs"])
        alone = cross_entropy(logits, batch["labels"])
        assert made.losses[0, row] == pytest.approx(alone.item(), abs=1e-6)
        assert made.correct[0, row] == (logits.argmax() == batch["labels"][0]).item()


def test_processes_change_nothing(bank, tmp_path):
    one = bank.outcomes(HALVES, tmp_path / "one")
    two = bank.outcomes(HALVES, tmp_path / "two", processes=2)
    assert one.losses.shape == one.correct.shape == (3, 21)
    assert np.array_equal(one.losses, two.losses) and np.array_equal(one.correct, two.correct)
    assert len({row.tobytes() for row in one.losses}) == 3


def wait_for_ever(pids: SimpleQueue) -> None:
    end_with_parent()
    pids.put(os.getpid())
    signal.pause()


def start_a_child(pids: SimpleQueue) -> None:
    get_context("fork").Process(target=wait_for_ever, args=(pids,)).start()
    signal.pause()


def test_the_processes_of_a_bank_that_is_killed_end_too():
    fork = get_context("fork")
    pids = fork.SimpleQueue()
    parent = fork.Process(target=start_a_child, args=(pids,))
    parent.start()
    child = Path(f"/proc/{(pid := pids.get())}/stat")
    parent.kill()
    for _ in range(100):
        if not child.exists() or child.read_text().rsplit(")")[-1].split()[0] == "Z":
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("the child waits on")


def test_a_bank_that_was_stopped_does_what_is_missing_and_designs_share_parts(
    bank, tmp_path, monkeypatch
):
    whole = bank.outcomes(HALVES, tmp_path / "whole").losses
    bank.outcomes(HALVES[:2], tmp_path / "stopped")
    called = []
    original = Worker.__call__
    monkeypatch.setattr(Worker, "__call__", lambda *args: called.append(1) or original(*args))
    other_order = bank.outcomes(HALVES[::-1], tmp_path / "stopped").losses
    assert np.array_equal(whole, other_order[::-1])
    assert len(called) == 1
    names = {file.name for file in (tmp_path / "stopped").iterdir()}
    assert names == {f"{part.name}.npz" for part in HALVES} and len(names) == 3


def test_a_part_that_another_process_makes_is_left_to_it(bank, tmp_path, monkeypatch):
    whole = bank.outcomes(HALVES, tmp_path / "whole").losses
    folder = tmp_path / "shared"
    folder.mkdir()
    name = HALVES[1].name
    other = FileLock(folder / f".{name}.lock", thread_local=False)
    other.acquire()

    def the_other_process_ends(seconds: float) -> None:
        assert sorted(file.stem for file in folder.glob("*.npz")) == sorted(
            part.name for part in (HALVES[0], HALVES[2])
        )
        (tmp_path / "whole" / f"{name}.npz").rename(folder / f"{name}.npz")
        other.release()

    monkeypatch.setattr(time, "sleep", the_other_process_ends)
    assert np.array_equal(bank.outcomes(HALVES, folder).losses, whole)


def test_so_many_steps_are_taken_whatever_the_size_of_a_part(bank, monkeypatch):
    steps = []
    monkeypatch.setattr("xling.training.bank.seed_step", lambda *step: steps.append(step))
    Worker(dataclasses.replace(bank, steps=7)).tuned(HALVES[2])  # three examples are one batch
    assert steps == [(3, epoch, 0) for epoch in range(7)]


def test_nothing_but_losses_is_written_and_the_model_stays_as_it_was(bank, tmp_path):
    before = {name: value.clone() for name, value in bank.model.state_dict().items()}
    bank.outcomes(HALVES[:1], tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size < 800
    after = bank.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not bank.model.training


def test_a_loss_that_is_not_finite_is_refused(bank, tmp_path):
    tuning = dataclasses.replace(bank.config.tuning, learning_rate=1e30)
    wild = dataclasses.replace(bank, config=dataclasses.replace(bank.config, tuning=tuning))
    with pytest.raises(UserError, match=r"on 53 examples .* not finite.* \(now 1e\+30\)"):
        wild.outcomes(HALVES, tmp_path)
    assert not list(tmp_path.glob("*.npz"))


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
