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


def gate_by_group(groups) -> None:
    with gated_by_group(MODEL, torch.ones(2, 2, 4), groups):
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
        "a mask of shape (2, 5): layer 0 has 4 heads",
    ),
    "weights through too few layers": (
        lambda: head_weights(MODEL)[-1].off(MASK[:1]),
        "a mask of shape (1, 4): layer 1",
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
    "importances of another shape": (
        lambda: pruned(lambda mask: np.ones(8)),
        "importance of shape (8,) for heads of shape (2, 4)",
    ),
    "importances that are NaN": (
        lambda: pruned(lambda mask: np.full((2, 4), NAN)),
        "heads whose importance is NaN",
    ),
    "an accuracy that is NaN": (lambda: pruned(accuracy=lambda mask: NAN), "a step is NaN"),
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


def test_the_command_line_says_which_switch_helps():
    with pytest.raises(ArgumentError) as refused:
        composed([MASK], "intersect")
    words = "The switch is subnetwork.compose: write subnetwork.compose=intersection."
    assert explain(refused.value, Path()).endswith(words)
    with pytest.raises(ArgumentError) as refused:
        pruned(fraction=2.0)
    assert explain(refused.value, Path()).endswith("The switch is subnetwork.fraction.")


def test_a_mask_file_is_the_users_and_the_librarys(tmp_path):
    for kind in (UserError, ValueError):
        with pytest.raises(kind, match="there is no such mask"):
            read_mask(tmp_path / "de.json", (2, 4))
