"""Sparse fine-tuning: what a mask leaves out, batches of one language, the same in all else."""

from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from conftest import LANGUAGES, config, encoded
from small_tunings import KIND, SETTINGS, deterministic, same, silent, weights

from xling.errors import UserError
from xling.sketch import Sketches
from xling.subnetwork import gated
from xling.subnetwork.masks import stacked
from xling.training import fit
from xling.training.batches import Collator, LanguageBatches
from xling.training.fit import fine_tune
from xling.training.predict import probabilities
from xling.training.sketches import SketchDump, method_of
from xling.training.sparse import SparseFineTuning

MASKS = {
    "de": np.array([[1, 1, 0, 0], [1, 0, 0, 1]], bool),
    "en": np.array([[0, 1, 1, 0], [1, 0, 0, 1]], bool),
    "fr": np.array([[1, 0, 0, 0], [1, 1, 0, 1]], bool),
}


def tune(folder: Path, make_model, tokenizer, *overrides: str, dumps=False, masks=None, data=None):
    settings = config(*SETTINGS, "tuning=sparse", "subnetwork=random", *overrides)
    train = encoded(60) if data is None else data
    splits = datasets.DatasetDict({"train": train, "dev": encoded(30, seed=1)})
    collate, masks = Collator(tokenizer, LANGUAGES), masks or MASKS
    through = {name: stacked(dict.fromkeys(LANGUAGES, masks[name]), LANGUAGES) for name in masks}
    made = [
        SketchDump(
            splits["train"],
            collate,
            method_of(settings),
            settings.sketch,
            folder / name,
            "",
            KIND,
            gates,
        )
        for name, gates in through.items()
    ]
    made = made if dumps else []
    return fine_tune(settings, make_model(), splits, collate, folder, made, silent, masks)


def test_masked_gradients_alone_do_not_keep_weights_still(
    tmp_path, make_model, tokenizer, watched_steps
):
    """The papers' reading: no gradient, but momentum and weight decay move the weights."""
    tune(tmp_path, make_model, tokenizer, "tuning.epochs=1")
    assert watched_steps and all(gradient == 0 for *_, gradient in watched_steps)
    assert any(off for _, _, off, _, _ in watched_steps)


def test_weight_decay_alone_moves_a_weight_without_a_gradient(tmp_path, make_model, tokenizer):
    """A head that no language has on: only weight decay can have moved it."""
    masks = {name: mask & [True, True, True, False] for name, mask in MASKS.items()}
    for decay, moves in (("0.5", True), ("0", False)):
        folder = tmp_path / decay
        options = ("tuning.epochs=1", f"tuning.weight_decay={decay}")
        tune(folder, make_model, tokenizer, *options, masks=masks)
        name = "encoder.encoder.layer.0.attention.self.query.weight"
        before = dict(make_model().named_parameters())[name][24:]  # the fourth head of four
        assert torch.equal(weights(folder, 1)[name][24:], before) != moves


def test_a_strict_step_changes_no_bit_of_what_the_mask_leaves_out(
    tmp_path, make_model, tokenizer, watched_steps
):
    tune(tmp_path, make_model, tokenizer, "tuning.epochs=2", "tuning.strict=true")
    assert {language for language, *_ in watched_steps} == set(LANGUAGES)
    assert not any(off for _, _, off, _, _ in watched_steps)
    assert sum(on for _, _, _, on, _ in watched_steps) > 0.9 * len(watched_steps)


def test_only_the_heads_of_the_language_are_on(tmp_path, make_model, tokenizer):
    """Training, validation and sketches go through each example's own subnetwork."""
    history = tune(tmp_path, make_model, tokenizer, "tuning.epochs=2", dumps=True)
    model, dev = make_model(), encoded(30, seed=1)
    model.load_state_dict(weights(tmp_path, 2))
    labels, languages = np.array(dev["label"]), np.array(dev["language"])
    collate = Collator(tokenizer, LANGUAGES)
    correct = (
        probabilities(model, KIND, dev, collate, 7, stacked(MASKS, LANGUAGES)).argmax(1) == labels
    )
    for language, value in history[1]["languages"].items():
        assert correct[languages == language].mean() == pytest.approx(value)
    with gated(model, torch.from_numpy(MASKS["de"])):
        own = probabilities(model, KIND, dev.select([0]), collate, 1)
    assert np.allclose(
        own, probabilities(model, KIND, dev, collate, 7, stacked(MASKS, LANGUAGES))[0]
    )
    made = [Sketches.read(tmp_path / name / "epoch-02").units(0, 60) for name in MASKS]
    assert not np.allclose(made[0], made[1])
    for index, name in enumerate(MASKS):
        settings = config(*SETTINGS)
        again = SketchDump(
            encoded(60), collate, method_of(settings), settings.sketch, tmp_path, "", KIND,
            torch.from_numpy(MASKS[name]).expand(3, 2, 4),
        ).sketches(model, 2, tmp_path / "again" / name, (0, 1))  # fmt: skip
        np.testing.assert_allclose(made[index], again.units(0, 60), rtol=2e-3, atol=1e-4)


def test_a_batch_of_two_languages_is_an_error(make_model):
    module = SparseFineTuning(
        make_model(), KIND, LANGUAGES, 1e-3, 0.0, 0, masks=MASKS, strict=False
    )
    module.trainer = type("T", (), {"global_rank": 0, "current_epoch": 0})()
    with pytest.raises(ValueError, match="unpack"):
        module.on_train_batch_start({"languages": torch.tensor([0, 1])}, 0)


def test_training_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path, make_model, tokenizer, monkeypatch
):
    options = ("tuning.epochs=3", "tuning.strict=true")
    whole = tune(tmp_path / "whole", make_model, tokenizer, *options)
    step = SparseFineTuning.training_step

    def stops(self, batch, index):
        if self.current_epoch == 1 and index == 4:
            raise KeyboardInterrupt
        return step(self, batch, index)

    monkeypatch.setattr(SparseFineTuning, "training_step", stops)
    with pytest.raises(KeyboardInterrupt):
        tune(tmp_path / "stopped", make_model, tokenizer, *options)
    monkeypatch.setattr(SparseFineTuning, "training_step", step)
    assert tune(tmp_path / "stopped", make_model, tokenizer, *options) == whole
    assert same(weights(tmp_path / "whole", 3), weights(tmp_path / "stopped", 3))


def test_two_processes_train_as_one(tmp_path, make_model, tokenizer, monkeypatch):
    """Forked here, whereas a run spawns them, which `test_tuning` covers."""
    monkeypatch.setattr(
        fit, "strategy", lambda trainer: "ddp_fork" if trainer.devices > 1 else "auto"
    )
    options = ("tuning.epochs=1", "sketch.side=4")
    one = tune(tmp_path / "one", deterministic(make_model), tokenizer, *options, dumps=True)
    two = tune(tmp_path / "two", deterministic(make_model), tokenizer, *options,
               "trainer.devices=2", dumps=True)  # fmt: skip
    assert one[0]["train_loss"] == pytest.approx(two[0]["train_loss"], rel=1e-4)
    a, b = weights(tmp_path / "one", 1), weights(tmp_path / "two", 1)
    assert max(float((a[key] - b[key]).abs().max()) for key in a) < 1e-3
    made = [Sketches.read(tmp_path / name / "fr" / "epoch-01") for name in ("one", "two")]
    rows = [sketches.units(0, 60) for sketches in made]
    assert np.abs(rows[0] - rows[1]).max() < 0.05 * np.abs(rows[0]).max()


LOPSIDED = ["de"] * 50 + ["en"] * 21 + ["fr"] * 7


@pytest.mark.parametrize("world", [1, 2, 3])
def test_languages_come_equally_often_and_every_example_once(world):
    """Also where one has more data: the others' batches are smaller then."""
    shares = [LanguageBatches(LOPSIDED, 8, 3, rank, world) for rank in range(world)]
    for share in shares:
        share.set_epoch(2)
    batches = [sum(parts, []) for parts in zip(*shares, strict=True)]
    assert all(part for share in shares for part in share)
    assert sorted(sum(batches, [])) == list(range(len(LOPSIDED)))
    languages = [{LOPSIDED[index] for index in batch} for batch in batches]
    assert all(len(codes) == 1 for codes in languages)
    counts = Counter(next(iter(codes)) for codes in languages)
    steps = {1: 7, 2: 3, 3: 2}[world]  # 50 / 8, or what seven examples give every process
    assert counts == {"de": steps, "en": steps, "fr": steps}
    assert len(shares[0]) == len(batches) == 3 * steps


def test_the_order_of_languages_is_random_and_seeded():
    def order(seed, epoch):
        batches = LanguageBatches(["de"] * 40 + ["en"] * 40, 8, seed)
        batches.set_epoch(epoch)
        return list(batches)

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1) and order(1, 0) != order(2, 0)
    firsts = {batch[0] < 40 for seed in range(9) for batch in order(seed, 0)[:1]}
    assert firsts == {True, False}
    left = LanguageBatches(["de"] * 40 + ["en"] * 40, 8, 1, without=frozenset({3, 50}))
    assert sorted(sum(left, [])) == [index for index in range(80) if index not in (3, 50)]
    with pytest.raises(UserError, match="trainer.devices=3.*has only 2"):
        LanguageBatches(["de"] * 9 + ["en"] * 2, 8, 1, world=3)
