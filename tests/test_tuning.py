"""Fine-tuning: repeatable, resumable, undisturbed by the sketches, the same on two processes."""

import gc

import datasets
import numpy as np
import pytest
import torch
from conftest import LANGUAGES, config, encoded
from small_tunings import (
    KIND,
    SETTINGS,
    deterministic,
    live_numbers,
    same,
    silent,
    tune,
    weights,
)

from xling.errors import UserError
from xling.sketch import Sketches
from xling.training.batches import Collator, EpochBatches
from xling.training.fit import fine_tune
from xling.training.history import finished, kept_epoch
from xling.training.modules import FullFineTuning
from xling.training.predict import draw_traced, probabilities
from xling.training.sketches import SketchDump, method_of


def test_sketches_do_not_change_the_training_by_a_bit(tmp_path, make_model, tokenizer):
    with_sketches = tune(tmp_path / "with", make_model, tokenizer, "tuning.epochs=3")
    without = tune(tmp_path / "without", make_model, tokenizer, "tuning.epochs=3", sketches=False)
    assert with_sketches == without and len(without) == 3
    for epoch in (1, 2, 3):
        assert same(weights(tmp_path / "with", epoch), weights(tmp_path / "without", epoch))
    assert not same(weights(tmp_path / "with", 1), weights(tmp_path / "with", 2))


def test_sketches_are_those_of_the_written_weights(tmp_path, make_model, tokenizer):
    """The callback's sketches equal those made later from the checkpoint, in any batches."""
    tune(tmp_path, make_model, tokenizer, "tuning.epochs=2")
    settings = config(*SETTINGS, "sketch.batch_tokens=17")
    model = make_model()
    for epoch in (1, 2):
        model.load_state_dict(weights(tmp_path, epoch))
        dump = SketchDump(
            encoded(60),
            Collator(tokenizer, LANGUAGES),
            method_of(settings),
            settings.sketch,
            tmp_path,
            "",
            KIND,
        )
        again = dump.sketches(model, epoch, tmp_path / "again" / str(epoch), (0, 1))
        dumped = Sketches.read(tmp_path / "sketches" / f"epoch-0{epoch}")
        np.testing.assert_allclose(dumped.units(0, 60), again.units(0, 60), rtol=2e-3, atol=1e-4)
        np.testing.assert_allclose(dumped.norms, again.norms, rtol=1e-4)
        assert (
            dumped.ids == encoded(60)["id"] and dumped.metadata.settings == again.metadata.settings
        )


@pytest.mark.parametrize("stop_in_epoch", [1, 2, 3])
def test_training_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path, make_model, tokenizer, stop_in_epoch, monkeypatch
):
    whole = tune(tmp_path / "whole", make_model, tokenizer, "tuning.epochs=3", sketches=False)
    step = FullFineTuning.training_step

    def stops(self, batch, index):
        if self.current_epoch == stop_in_epoch - 1 and index == 4:
            raise KeyboardInterrupt
        return step(self, batch, index)

    monkeypatch.setattr(FullFineTuning, "training_step", stops)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        tune(tmp_path / "stopped", make_model, tokenizer, "tuning.epochs=3", sketches=False)
    monkeypatch.setattr(FullFineTuning, "training_step", step)
    seen = []
    again = tune(
        tmp_path / "stopped",
        make_model,
        tokenizer,
        "tuning.epochs=3",
        sketches=False,
        log=lambda record: seen.append(record["epoch"]),
    )
    assert seen == list(range(stop_in_epoch, 4))  # what was finished is not done again
    assert again == whole
    assert same(weights(tmp_path / "whole", 3), weights(tmp_path / "stopped", 3))
    assert not (tmp_path / "stopped" / "resume").exists()


def test_dropout_is_on_in_training_and_off_in_sketches(
    tmp_path, make_model, tokenizer, monkeypatch
):
    modes = set()
    step = FullFineTuning.training_step

    def watched(self, batch, index):
        modes.add(all(module.training for module in self.model.modules()))
        return step(self, batch, index)

    monkeypatch.setattr(FullFineTuning, "training_step", watched)
    model = make_model()
    assert not model.training
    tune(tmp_path, lambda: model, tokenizer, "tuning.epochs=2")
    assert modes == {True}


def test_the_seed_decides(tmp_path, make_model, tokenizer):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        tune(
            tmp_path / name,
            make_model,
            tokenizer,
            "tuning.epochs=1",
            f"seed={seed}",
            sketches=False,
        )
    assert same(weights(tmp_path / "a", 1), weights(tmp_path / "b", 1))
    assert not same(weights(tmp_path / "a", 1), weights(tmp_path / "c", 1))


def test_half_precision_trains_nearly_the_same_and_writes_single(tmp_path, make_model, tokenizer):
    options = ("tuning.epochs=1", "trainer.precision=bf16-mixed")
    half = tune(tmp_path / "half", make_model, tokenizer, *options)
    single = tune(tmp_path / "single", make_model, tokenizer, "tuning.epochs=1")
    assert half[0]["train_loss"] != single[0]["train_loss"]
    assert half[0]["train_loss"] == pytest.approx(single[0]["train_loss"], rel=0.05)
    assert {w.dtype for w in weights(tmp_path / "half", 1).values()} == {torch.float32}
    made = [Sketches.read(tmp_path / n / "sketches" / "epoch-01") for n in ("half", "single")]
    assert (made[0].units(0, 60) * made[1].units(0, 60)).sum(1).mean() > 0.8


def test_sketches_in_half_precision_leave_the_training_as_it_is(tmp_path, make_model, tokenizer):
    """The training is the same, bit for bit; the gradients hardly turn."""
    for precision in ("fp32", "bf16"):
        options = ("tuning.epochs=1", f"sketch.precision={precision}")
        tune(tmp_path / precision, make_model, tokenizer, *options)
    assert same(weights(tmp_path / "fp32", 1), weights(tmp_path / "bf16", 1))
    single, half = (
        Sketches.read(tmp_path / precision / "sketches" / "epoch-01").units(0, 60)
        for precision in ("fp32", "bf16")
    )
    assert not np.array_equal(single, half)
    assert (single * half).sum(1).mean() > 0.99
    assert np.abs((single @ single.T) - (half @ half.T)).mean() < 0.01


def test_training_stops_early_and_keeps_the_first_best_epoch(
    tmp_path, make_model, tokenizer, monkeypatch
):
    accuracies = iter([0.5, 0.7, 0.6, 0.7, 0.7, 0.9])

    def planted(self):
        record = {"epoch": self.current_epoch + 1, "dev_accuracy": next(accuracies)}
        self.history.append(record)
        self.log("dev_accuracy", record["dev_accuracy"])

    monkeypatch.setattr(FullFineTuning, "on_validation_epoch_end", planted)
    history = tune(tmp_path, make_model, tokenizer, "tuning.epochs=6", sketches=False)
    assert [record["dev_accuracy"] for record in history] == [0.5, 0.7, 0.6, 0.7, 0.7]
    assert kept_epoch(history) == 2
    assert finished(history, 6, 3) and not finished(history[:4], 6, 3) and not finished([], 6, 3)
    # Given again, it stays as it is: an epoch more would change what is kept.
    assert tune(tmp_path, make_model, tokenizer, "tuning.epochs=6", sketches=False) == history


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path, make_model, tokenizer):
    with pytest.raises(UserError, match=r"loss is nan in epoch 1.*\n?.*tuning.learning_rate"):
        tune(tmp_path, make_model, tokenizer, "tuning.learning_rate=1e25", sketches=False)


def test_two_processes_train_as_one(tmp_path, make_model, tokenizer):
    """DDP over gloo: the same batches, so the same weights but for the order of the sums."""
    quiet = ("tuning.epochs=2", "sketch.side=4")
    one = tune(tmp_path / "one", deterministic(make_model), tokenizer, *quiet)
    two = tune(tmp_path / "two", deterministic(make_model), tokenizer, *quiet, "trainer.devices=2")
    for left, right in zip(one, two, strict=True):
        assert left["train_loss"] == pytest.approx(right["train_loss"], rel=1e-4)
        assert left["languages"] == right["languages"]
    a, b = weights(tmp_path / "one", 2), weights(tmp_path / "two", 2)
    assert max(float((a[key] - b[key]).abs().max()) for key in a) < 1e-3
    made = [Sketches.read(tmp_path / name / "sketches" / "epoch-02") for name in ("one", "two")]
    rows = [sketches.units(0, 60) for sketches in made]
    assert np.abs(rows[0] - rows[1]).max() < 0.05 * np.abs(rows[0]).max()
    assert made[0].ids == made[1].ids


def test_batches_hold_every_example_once_whatever_the_number_of_processes():
    for examples, world in [(23, 1), (23, 2), (23, 3), (17, 4), (16, 4), (33, 5)]:
        shares = [EpochBatches(examples, 8, seed=3, rank=r, world=world) for r in range(world)]
        for share in shares:
            share.set_epoch(2)
        whole = EpochBatches(examples, 8, seed=3)
        whole.set_epoch(2)
        together = [sorted(sum(batch, [])) for batch in zip(*shares, strict=True)]
        assert all(batch for share in shares for batch in share)  # none waits for another's batch
        assert sorted(sum(together, [])) == list(range(examples))
        if examples % 8 == 0 or examples % 8 >= world:
            assert together == [sorted(batch) for batch in whole]
        assert len(whole) == len(list(whole))
    first, second = EpochBatches(23, 8, seed=3), EpochBatches(23, 8, seed=3)
    second.set_epoch(1)
    assert list(first) == list(first) != list(second)


def test_traced_examples_are_correct_ones_and_independent_of_the_other_languages():
    languages = ["de"] * 50 + ["en"] * 50
    correct = np.arange(100) % 2 == 0
    drawn = draw_traced(languages, correct, 10, seed=4)
    assert len(drawn) == 20 == len(set(drawn)) and correct[drawn].all()
    assert (drawn[:10] < 50).all() and (drawn[10:] >= 50).all()
    only = draw_traced(languages[50:], correct[50:], 10, seed=4)
    assert (only + 50).tolist() == drawn[10:].tolist()
    assert len(draw_traced(languages, correct, 1000, seed=4)) == 50
    with pytest.raises(UserError, match="classifies 0 of 50 test examples of en"):
        draw_traced(languages, np.arange(100) < 50, 10, seed=4)


def test_predictions_do_not_depend_on_the_batch(make_model, tokenizer):
    model, collate = make_model(), Collator(tokenizer, LANGUAGES)
    model.train()
    one = probabilities(model, KIND, encoded(20), collate, batch_size=1)
    many = probabilities(model, KIND, encoded(20), collate, batch_size=20)
    np.testing.assert_allclose(one, many, atol=1e-6)
    assert one.shape == (20, 2) and np.allclose(one.sum(1), 1)


def test_a_fine_tuning_leaves_the_model_that_it_starts_from_as_it_was(
    tmp_path, make_model, tokenizer
):
    model = make_model()
    settings = config(*SETTINGS, "tuning.epochs=1")
    splits = datasets.DatasetDict({"train": encoded(60), "dev": encoded(30, seed=1)})
    fine_tune(settings, model, splits, Collator(tokenizer, LANGUAGES), tmp_path, [], silent)
    assert same(model.state_dict(), make_model().state_dict()) and not model.training
    assert not same(weights(tmp_path, 1), make_model().state_dict())


@pytest.mark.parametrize("sketches", [True, False])
def test_a_fine_tuning_leaves_no_tensor_alive(tmp_path, make_model, tokenizer, sketches):
    gc.collect()
    gc.disable()  # it comes by when it likes
    try:
        tune(tmp_path / "first", make_model, tokenizer, "tuning.epochs=1", sketches=sketches)
        before = live_numbers()
        tune(tmp_path / "second", make_model, tokenizer, "tuning.epochs=1", sketches=sketches)
        assert live_numbers() == before
    finally:
        gc.enable()
