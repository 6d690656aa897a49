"""Pruning, mask files, what is made of masks, and the subnetworks that a run asks for."""

import json

import numpy as np
import pytest
import torch
from conftest import config, run_xling
from encoders import batch, build
from torch import nn
from torch.nn.functional import cross_entropy

from xling.config import single_language, whole_model
from xling.errors import UserError
from xling.pipeline.paths import named_paths
from xling.subnetwork import (
    attentions,
    composed,
    cosine,
    gated,
    head_importance,
    prune,
    read_mask,
    shuffled,
    stops_at,
    write_mask,
)

FOUR = np.array([[1, 0, 1, 1], [0, 1, 0, 1]], bool)


def test_pruning_keeps_the_heads_that_matter():
    """A model in which all heads but three are dead: exactly those survive."""
    model = build("xlmr", dtype=torch.float32).eval()
    alive = np.array([[0, 1, 0, 0], [1, 0, 0, 1]], bool)
    with torch.no_grad():
        for layer, attention in enumerate(attentions(model)):
            projection = model.get_submodule(attention.output)
            for head in np.flatnonzero(~alive[layer]):
                columns = slice(head * attention.size, (head + 1) * attention.size)
                projection.weight[:, columns] = 0
    inputs, _ = batch([9, 5, 7, 8, 6, 4, 9, 9])

    def logits(mask):
        with torch.no_grad(), gated(model, torch.from_numpy(mask)):
            return model(**inputs)

    whole = logits(np.ones((2, 4), bool))
    labels = whole.argmax(1)

    def losses(group):
        inside = {key: value[group] for key, value in inputs.items()}
        return cross_entropy(model(**inside), labels[group], reduction="none")

    def agreement(mask):  # falls at once when a head that matters goes
        return float(torch.allclose(logits(mask), whole, atol=1e-6))

    lengths = inputs["attention_mask"].sum(1).tolist()
    steps = prune(
        (2, 4), lambda mask: head_importance(model, losses, lengths, mask), agreement, 0.125
    )
    kept = steps[stops_at(steps)]
    assert np.array_equal(kept.mask, alive) and kept.disabled == 5
    assert [step.accuracy for step in steps] == [1.0] * 6 + [0.0]


@pytest.mark.parametrize(
    ("shape", "fraction", "counts"),
    [
        ((12, 12), 0.1, [0, 14, 28, 42, 56]),  # 14.4 heads a step, rounded down
        ((2, 4), 0.1, [0, 1, 2, 3, 4]),
        ((2, 4), 0.4, [0, 3, 6]),  # two are left: fewer than a step and one more
    ],
)
def test_steps_are_a_fraction_of_the_original_number(shape, fraction, counts):
    limit = counts[-1]
    seen = []

    def importance(mask):
        seen.append(mask.copy())
        return np.arange(mask.size, dtype=float).reshape(shape)

    steps = prune(shape, importance, lambda mask: float((~mask).sum() <= limit), fraction)
    chosen = steps[stops_at(steps)]
    assert [step.disabled for step in steps[: len(counts)]] == counts and chosen.disabled == limit
    assert not chosen.mask.ravel()[:limit].any() and chosen.mask.ravel()[limit:].all()
    assert all(np.array_equal(mask, step.mask) for mask, step in zip(seen, steps, strict=False))


def test_the_accuracy_decides_where_pruning_stops():
    accuracies = iter([0.80, 0.79, 0.77, 0.76, 0.75, 0.9])
    steps = prune((3, 4), lambda mask: np.ones((3, 4)), lambda mask: next(accuracies), 0.1)
    assert [step.accuracy for step in steps] == [0.80, 0.79, 0.77, 0.76, 0.75]  # 0.75 < 0.76
    assert stops_at(steps) == 3 and steps[3].disabled == 3
    at_once = prune((3, 4), lambda mask: np.ones((3, 4)), lambda mask: 0.8 if mask.all() else 0.1)
    assert stops_at(at_once) == 0 and len(at_once) == 2
    whole = prune((2, 2), lambda mask: np.ones((2, 2)), lambda mask: 1.0, 0.25)
    assert stops_at(whole) == len(whole) - 1 and whole[-1].mask.sum() == 1  # one head stays


def test_importance_is_estimated_anew_for_the_heads_that_are_left():
    """A head that matters only once another is gone is not pruned after it."""

    def importance(mask):
        scores = np.array([[0.0, 0.1, 0.5, 0.6]])
        if not mask[0, 0]:
            scores[0, 1] = 0.9
        return scores

    steps = prune((1, 4), importance, lambda mask: 1.0, 0.25)
    assert [tuple(np.flatnonzero(~step.mask[0])) for step in steps] == [(), (0,), (0, 2), (0, 2, 3)]


def test_a_mask_that_is_written_is_read(tmp_path):
    file = tmp_path / "de.json"
    write_mask(file, FOUR, {"language": "de"})
    values = json.loads(file.read_text("utf-8"))
    assert values["mask"] == ["1 0 1 1", "0 1 0 1"]
    assert (values["language"], values["heads"], values["disabled"]) == ("de", 8, 3)
    assert np.array_equal(read_mask(file, (2, 4)), FOUR)
    values["mask"][0] = "0 0 0 1"  # by hand; the count beside it is out of date now
    file.write_text(json.dumps(values), "utf-8")
    assert read_mask(file, (2, 4)).sum() == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not a mask"),
        ('{"masks": []}', "not a mask"),
        ("[1]", "not a mask"),
        ('{"mask": ["1 1 1 1"]}', "1 rows; the model has 2 layers"),
        ('{"mask": 3}', "no rows; the model has 2 layers"),
        ('{"mask": ["1 1 1 1", "1 1 1"]}', "row 2 is '1 1 1'; expected 4 numbers"),
        ('{"mask": ["1 1 2 1", "1 1 1 1"]}', "row 1 is '1 1 2 1'"),
        ('{"mask": ["0 0 0 0", "0 0 0 0"]}', "every head is off"),
    ],
)
def test_mistakes_in_masks_are_named(tmp_path, text, problem):
    file = tmp_path / "de.json"
    file.write_text(text, "utf-8")
    with pytest.raises(UserError, match=problem):
        read_mask(file, (2, 4))
    with pytest.raises(UserError, match=r"en\.json: there is no such mask"):
        read_mask(tmp_path / "en.json", (2, 4))


def test_masks_are_composed_compared_and_shuffled():
    other = np.array([[1, 1, 0, 0], [0, 0, 0, 1]], bool)
    assert composed([FOUR, other], "union").sum() == 6
    assert np.array_equal(np.argwhere(composed([FOUR, other], "intersection")), [[0, 0], [1, 3]])
    assert cosine(FOUR, other) == pytest.approx(2 / np.sqrt(5 * 3))
    assert cosine(FOUR, FOUR) == pytest.approx(1) and np.isnan(cosine(FOUR, FOUR & ~FOUR))
    assert not composed([FOUR, ~FOUR], "intersection").any()
    first, again, second = (shuffled(FOUR, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, second)
    assert first.sum() == second.sum() == FOUR.sum() and first.shape == FOUR.shape


def test_stages_are_shared_by_the_runs_that_may_share_them():
    def paths_of(*overrides):
        return named_paths(config(*overrides), {})

    plain = paths_of()
    for name in ("identified", "random"):
        assert paths_of(f"subnetwork={name}").tuning == plain.tuning
        assert paths_of(f"subnetwork={name}").run != plain.run
    own = named_paths(config("subnetwork=file", "subnetwork.path=mine"), {"masks": "1"})
    assert own.tuning == plain.tuning and own.run != plain.run
    sparse = paths_of("tuning=sparse", "subnetwork=identified")
    assert sparse.tuning != plain.tuning
    # Other languages' and composed subnetworks are used in tests only.
    for more in (["suboptimal", "language=de"], ["composed", "languages=[de,en]"]):
        other = paths_of("tuning=sparse", f"subnetwork={more[0]}", f"subnetwork.{more[1]}")
        assert other.tuning == sparse.tuning and other.run != sparse.run
    random = paths_of("tuning=sparse", "subnetwork=random")
    assert random.tuning != sparse.tuning
    assert (
        paths_of("tuning=sparse", "subnetwork=random", "subnetwork.seed=1").tuning != random.tuning
    )
    assert (
        paths_of("tuning=sparse", "subnetwork=identified", "tuning.strict=true").tuning
        != sparse.tuning
    )
    assert (
        paths_of("subnetwork=random").run != paths_of("subnetwork=random", "subnetwork.seed=1").run
    )
    same = paths_of("subnetwork=identified", "subnetwork.seed=1", "subnetwork.language=en")
    assert same.run == paths_of("subnetwork=identified").run  # they make no difference to it


def test_the_runs_that_a_subnetwork_comes_from():
    run = config("tuning=sparse", "subnetwork=identified", "imbalance=50", "exclude=ru")
    whole, own = whole_model(run), single_language(run, "de")
    assert whole.subnetwork.name == whole.tuning.name == "full" and whole.imbalance == 50
    assert own.train_languages == ("de",) and own.imbalance == 0 and own.tuning.name == "full"
    assert "only_de" in named_paths(own, {}).tuning.name


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["tuning=sparse"], "tuning=sparse needs the subnetworks"),
        (["tuning.strict=true"], "write tuning=sparse as well"),
        (["subnetwork=suboptimal"], "subnetwork.language=de"),
        (["subnetwork=suboptimal", "subnetwork.language=eng"], "Did you mean 'en'"),
        (["subnetwork=composed", "subnetwork.languages=[de,de]"], "Write two or more"),
        (["subnetwork=file"], "write subnetwork.path=DIR"),
        (["subnetwork=identified", "exclude=de", "compare_full=true"], "one of the two"),
        (["subnetwork=identified", "leave_out.example=0"], "one of the two"),
        (["subnetwork.only=true", "subnetwork=file", "subnetwork.path=x"], "nothing to identify"),
        (["influence.test_languages=[xx]"], "the run has no language xx"),
        (["subnetwork.keep=1.5"], "less than or equal to 1"),
    ],
)
def test_switches_that_do_not_fit_each_other_are_refused(overrides, problem):
    with pytest.raises(UserError, match=problem):
        config(*overrides)


def test_a_folder_of_masks_that_is_not_there_is_named(tmp_path):
    done = run_xling("subnetwork=file", "subnetwork.path=nowhere", folder=tmp_path)
    assert done.returncode == 1 and "nowhere: no such folder" in done.stderr


def test_conv1d_is_distinguished_from_linear():
    model = build("gpt2")
    assert not isinstance(model.get_submodule(attentions(model)[0].output), nn.Linear)
