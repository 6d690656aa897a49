"""Wrong use of `xling.subnetwork` is refused with ValueErrors in the library's words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from encoders import batch, build
from torch.nn.functional import cross_entropy

from xling.cli.mistakes import explain
from xling.errors import ArgumentError, UserError
from xling.subnetwork import (
    composed,
    cosine,
    gated,
    gated_by_group,
    head_gradients,
    head_importance,
    head_weights,
    prune,
    read_mask,
    shuffled,
    stops_at,
    write_mask,
)
from xling.subnetwork.masks import stacked

MASK = np.array([[1, 0, 1, 1], [0, 1, 0, 1]], bool)
LENGTHS = [9, 5, 7]
INPUTS, LABELS = batch(LENGTHS)
MODEL = build("xlmr").eval()
NAN = float("nan")


def losses(group=slice(None)) -> torch.Tensor:
    inputs = {key: value[group] for key, value in INPUTS.items()}
    return cross_entropy(MODEL(**inputs), LABELS[group], reduction="none")


def gate(gates) -> None:
    with gated(MODEL, gates):
        MODEL(**INPUTS)


GATES = torch.ones(2, 2, 4)


def gate_by_group(groups, gates=GATES) -> None:
    with gated_by_group(MODEL, gates, groups):
        MODEL(**INPUTS)


def gradients(mask=MASK, examples=3, losses=losses) -> None:
    head_gradients(MODEL, losses, mask, examples)


def importance(lengths=LENGTHS, mask=MASK, losses=losses, **options) -> np.ndarray:
    return head_importance(MODEL, losses, lengths, mask, **options)


def pruned(importance=lambda mask: np.ones(mask.shape), accuracy=lambda mask: 1.0, **options):
    return prune((2, 4), importance, accuracy, **options)


WRONG = {
    "gates of another shape": (
        lambda: gate(torch.ones(3, 4)),
        "gates of shape (3, 4): the model has 2 layers of 4 heads",
    ),
    "gates that are an array": (lambda: gate(MASK), "gates: a tensor of real numbers"),
    "gates that are NaN": (lambda: gate(torch.full((2, 4), NAN)), "every gate has to be finite"),
    "groups that are truths": (
        lambda: gate_by_group(torch.tensor([True, False, True])),
        "a tensor of integers (batch,) is expected",
    ),
    "groups that are a list": (lambda: gate_by_group([0, 1, 0]), "a tensor of integers"),
    "gates of groups that are an array": (
        lambda: gate_by_group(torch.tensor([0, 1, 0]), np.ones((2, 2, 4))),
        "gates: a tensor (groups, layers, heads) is expected",
    ),
    "gates of no groups": (
        lambda: gate_by_group(torch.tensor([0, 1]), torch.ones(2, 4)),
        "groups,",
    ),
    "a group beyond the gates": (
        lambda: gate_by_group(torch.tensor([0, 2, 0])),
        "gates of 2 groups, 0 to 1",
    ),
    "a negative group": (lambda: gate_by_group(torch.tensor([0, -1, 0])), "0 to 1"),
    "values of another shape": (
        lambda: gradients(MASK[:1]),
        "mask of shape (1, 4): the model has 2 layers of 4 heads",
    ),
    "values that are NaN": (lambda: gradients(np.full((2, 4), NAN)), "there are NaN"),
    "values that are words": (lambda: gradients(MASK.astype(str)), "booleans or numbers"),
    "no examples in a batch": (lambda: gradients(examples=0), "examples=0 is not possible"),
    "losses of another number": (
        lambda: gradients(losses=lambda: losses().mean()),
        "expected a tensor of shape (3,), got shape ()",
    ),
    "losses that are detached": (
        lambda: gradients(losses=lambda: losses().detach()),
        "The losses depend on no head",
    ),
    "losses of something else": (
        lambda: gradients(losses=lambda: torch.ones(3, requires_grad=True)),
        "The losses depend on no head",
    ),
    "importance by losses that are NaN": (
        lambda: importance(losses=lambda group: losses(group) * NAN),
        "Some gradients of the losses at the heads are not finite",
    ),
    "importance normalized by a word": (
        lambda: importance(normalize="no"),
        "normalize='no' is not possible: write True or False",
    ),
    "importance on no examples": (lambda: importance([]), "There are no examples"),
    "importance with a length of zero": (lambda: importance([9, 0, 7]), "lengths=0"),
    "importance through numbers": (
        lambda: importance(mask=MASK.astype(float)),
        "a boolean array (layers, heads), not one of type float64 and shape (2, 4)",
    ),
    "importance of unknown heads": (
        lambda: importance(mask=np.ones((2, 5), bool)),
        "a head mask of shape (2, 5): (2, 4) is expected",
    ),
    "importance with a budget of zero": (
        lambda: importance(batch_tokens=0),
        "batch_tokens=0 is not possible",
    ),
    "a list as a mask": (
        lambda: write_mask(Path("x.json"), [[1, 0]], {}),
        "a head mask is a boolean numpy array, not list",
    ),
    "numbers as a mask": (lambda: write_mask(Path("x.json"), MASK.astype(int), {}), "int64"),
    "a mask of one dimension": (lambda: shuffled(MASK[0], 1), "shape (4,)"),
    "a negative seed": (lambda: shuffled(MASK, -1), "seed=-1 is not possible"),
    "no seed": (lambda: shuffled(MASK, None), "seed=None is not possible"),
    "a seed that is not whole": (lambda: shuffled(MASK, [0, 0.5]), "seed=0.5 is not possible"),
    "an empty seed": (lambda: shuffled(MASK, []), "seed=[] is empty"),
    "a composition of a string": (lambda: composed("ab", "union"), "masks='ab' is a single string"),
    "a composition of a mapping": (
        lambda: composed({"de": MASK}, "union"),
        "masks: pass a sequence, such as a list, not a dict",
    ),
    "an unknown composition": (
        lambda: composed([MASK, MASK], "intersect"),
        "how='intersect' is not possible: choose 'union' or 'intersection'. Did you mean",
    ),
    "a composition of nothing": (lambda: composed([], "union"), "masks is empty"),
    "a composition of different shapes": (
        lambda: composed([MASK, MASK[:1]], "union"),
        "a head mask of shape (1, 4): (2, 4) is expected",
    ),
    "a cosine of different shapes": (lambda: cosine(MASK, MASK[:1]), "shape (1, 4)"),
    "a cosine of numbers": (lambda: cosine(MASK * 1.0, MASK), "float64"),
    "a stack of no languages": (lambda: stacked({"de": MASK}, []), "languages is empty"),
    "a stack of one string": (lambda: stacked({"de": MASK}, "de"), "is a single string"),
    "a language without a mask": (
        lambda: stacked({"de": MASK}, ["de", "fr"]),
        "There is no mask of fr; there are those of de.",
    ),
    "weights through another model's mask": (
        lambda: head_weights(MODEL)[0].off(np.ones((2, 5), bool)),
        "a mask of shape (2, 5): the model has 2 layers of 4 heads",
    ),
    "weights through too few layers": (
        lambda: head_weights(MODEL)[-1].off(MASK[:1]),
        "a mask of shape (1, 4): the model has 2 layers of 4 heads",
    ),
    "weights through too many layers": (
        lambda: head_weights(MODEL)[0].off(np.ones((3, 4), bool)),
        "a mask of shape (3, 4)",
    ),
    "a fraction of zero": (
        lambda: pruned(fraction=0),
        "fraction=0 is not possible: write a number above 0 and below 1.",
    ),
    "a fraction of one": (lambda: pruned(fraction=1), "fraction=1 is not possible"),
    "a fraction that is NaN": (lambda: pruned(fraction=NAN), "fraction=nan is not possible"),
    "more accuracy than all": (
        lambda: pruned(keep=1.5),
        "keep=1.5 is not possible: write a number above 0 and at most 1.",
    ),
    "no accuracy to keep": (lambda: stops_at(pruned(), keep=0), "keep=0 is not possible"),
    "no steps": (lambda: stops_at([]), "steps is empty"),
    "a model of no heads": (
        lambda: prune((2, 0), lambda mask: mask, lambda mask: 1.0),
        "shape=0 is not possible",
    ),
    "a shape that is a number": (
        lambda: prune(8, lambda mask: mask, lambda mask: 1.0),
        "shape=8 is not possible: write (layers, heads per layer)",
    ),
    "a shape of three": (
        lambda: read_mask("de.json", (2, 4, 1)),
        "shape=(2, 4, 1) is not possible",
    ),
    "a mask file that is a number": (lambda: read_mask(3, (2, 4)), "file=3 is not possible"),
    "steps that are none": (lambda: stops_at([1.0]), "pass the steps that `prune` returns"),
    "importances of another shape": (
        lambda: pruned(lambda mask: np.ones(8)),
        "importance of shape (8,) for heads of shape (2, 4)",
    ),
    "importances that are NaN": (
        lambda: pruned(lambda mask: np.full((2, 4), NAN)),
        "every head that is on needs a finite number",
    ),
    "importances that are infinite": (
        lambda: pruned(lambda mask: np.where(np.arange(8).reshape(2, 4) > 1, np.inf, 1.0)),
        "every head that is on needs a finite number",
    ),
    "importances that are words": (lambda: pruned(lambda mask: mask.astype(str)), "finite number"),
    "an accuracy that is NaN": (
        lambda: pruned(accuracy=lambda mask: NAN),
        "accuracy has to return a finite number, not nan",
    ),
    "an accuracy that is infinite": (lambda: pruned(accuracy=lambda mask: np.inf), "not inf"),
    "no accuracy": (lambda: pruned(accuracy=lambda mask: None), "not None"),
    "an accuracy that is a word": (lambda: pruned(accuracy=lambda mask: "0.5"), "not '0.5'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_refused_in_words_of_the_library(case):
    call, words = WRONG[case]
    with pytest.raises(ValueError) as refused:
        call()
    assert words in str(refused.value)
    assert "subnetwork." not in str(refused.value)


def test_right_use_at_the_limits_is_taken():
    assert importance([*LENGTHS][:1]).shape == (2, 4)
    gradients(mask=np.full((2, 4), 0.5))
    gate(torch.from_numpy(MASK))
    assert stops_at(pruned(keep=1.0), keep=1) > 0
    off = pruned(lambda mask: np.where(mask, 1, NAN))  # of heads that are off, nothing is asked
    assert off[-1].mask.sum() == 1
    assert shuffled(MASK, [3, *b"de"]).sum() == MASK.sum()
    assert [step.accuracy for step in pruned(accuracy=lambda mask: np.float32(1))] == [1.0] * 8


def test_the_command_line_says_which_switch_helps():
    with pytest.raises(ArgumentError) as refused:
        composed([MASK], "intersect")
    words = "The switch is subnetwork.compose: write subnetwork.compose=intersection."
    assert explain(refused.value, Path()).endswith(words)
    with pytest.raises(ArgumentError) as refused:
        pruned(fraction=2.0)
    assert explain(refused.value, Path()).endswith("The switch is subnetwork.fraction.")


def test_a_mask_file_may_be_a_string(tmp_path):
    file = str(tmp_path / "de.json")
    write_mask(file, MASK, {})
    assert np.array_equal(read_mask(file, (2, 4)), MASK)


def test_a_mask_file_is_the_users_and_the_librarys(tmp_path):
    for kind in (UserError, ValueError):
        with pytest.raises(kind, match="there is no such mask"):
            read_mask(tmp_path / "de.json", (2, 4))
