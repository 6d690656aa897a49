"""Wrong use of `xling.sketch` is refused in its own words, which the command line translates."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xling.cli.mistakes import SWITCH_OF_ARGUMENT, explain
from xling.errors import ArgumentError
from xling.sketch import (
    GradientSketcher,
    Projection,
    Sketches,
    SketchMetadata,
    Source,
    sketch_examples,
)
from xling.sketch.examples import batches
from xling.sketch.store import DamagedSketchesError

NAN = float("nan")
IDS = ["de1", "de2", "en3", "en4"]
SMALL = Projection(2)
X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def sketch(ids=IDS, lengths=(1, 1, 1, 1), projection=SMALL, epoch=1, **options) -> Sketches:
    own = options.pop("module", None) or model()
    losses = options.pop("losses", lambda group: own(X[group]).square().sum(1))
    return sketch_examples(own, losses, ids, lengths, projection, epoch, **options)


class Scale(torch.autograd.Function):
    """A product with a backward pass of its own."""

    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    def backward(ctx, gradient):
        x, scale = ctx.saved_tensors
        return gradient * scale, (gradient * x).sum(0)


class Scaled(nn.Module):
    """Uses a parameter where the pass cannot see it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.linear = nn.Parameter(torch.rand(2) + 1), nn.Linear(3, 2)

    def forward(self, x):
        return Scale.apply(self.linear(x), self.scale)


def one_batch(losses=lambda own: own(X).square().sum(1), size=4, module=None, **options) -> None:
    own = module or model()
    with GradientSketcher(own, SMALL, 1, **options) as sketcher:
        sketcher(lambda: losses(own), size)


def metadata(**changes) -> SketchMetadata:
    values = dict(ids=list(IDS), settings={}, dimensions=2, sizes={}, skipped=[]) | changes
    return SketchMetadata(**values)


def write(block=0, rows=4, square_norms=None, counts=None, value=1.0) -> None:
    values = np.full((rows, 2), value)
    Sketches.empty(metadata()).write(block, values, square_norms or {}, counts or {})


def unfinished() -> Sketches:
    return Sketches.empty(metadata())


def finished() -> Sketches:
    return Sketches.of(np.eye(4), IDS, {})


WRONG = {
    "an unknown method": (
        lambda: Projection(method="kroneker"),
        "method='kroneker' is not possible: choose 'kronecker', 'dense' or 'exact'. "
        "Did you mean 'kronecker'?",
    ),
    "a method that is no word": (lambda: Projection(method=None), "method=None is not possible"),
    "an unknown combination": (
        lambda: Projection(combine="add"),
        "combine='add' is not possible: choose 'sum', 'concat' or 'parts'.",
    ),
    "a side of zero": (
        lambda: Projection(side=0),
        "side=0 is not possible: write a whole number from 1 on.",
    ),
    "a side that is not whole": (lambda: Projection(side=1.5), "side=1.5 is not possible"),
    "a negative stack": (lambda: Projection(stack=-1), "stack=-1 is not possible"),
    "a stack that is a truth": (lambda: Projection(stack=True), "stack=True is not possible"),
    "a seed that is not whole": (lambda: Projection(seed=0.5), "seed=0.5 is not possible"),
    "a twin that is a word": (lambda: Projection(twin="no"), "twin='no' is not possible"),
    "more lengths than ids": (
        lambda: sketch(lengths=[1] * 5),
        "4 ids and 5 lengths: every example needs one of each",
    ),
    "fewer groups than ids": (
        lambda: sketch(groups=["de"] * 3),
        "4 ids and 4 lengths and 3 groups: every",
    ),
    "a source of different sizes": (
        lambda: Source(lambda group: X, IDS, [1]),
        "4 ids and 1 lengths",
    ),
    "a source of one string": (lambda: Source(X, "ab", [1, 1]), "ids='ab' is a single string"),
    "a source of an id twice": (lambda: Source(X, ["a", "a"], [1, 1]), "'a' is there twice"),
    "a source of a set": (
        lambda: Source(X, {"a", "b"}, [1, 1]),
        "ids: pass a sequence, such as a list, not a set",
    ),
    "no ids": (lambda: sketch(ids=None), "ids=None is not possible: pass a sequence"),
    "ids that are a number": (
        lambda: sketch(ids=40),
        "ids: pass a sequence, such as a list, not a single int",
    ),
    "lengths that are a number": (lambda: sketch(lengths=5), "lengths: pass a sequence"),
    "a folder that is a number": (lambda: sketch(folder=3), "folder=3 is not possible: write a"),
    "an id twice": (lambda: sketch(ids=["a", "b", "c", "b"]), "'b' is there twice"),
    "an id that is a number": (
        lambda: sketch(ids=["a", "b", "c", 4]),
        "ids: strings are expected, got int 4",
    ),
    "one string of ids": (lambda: sketch(ids="abcd"), "ids='abcd' is a single string"),
    "no examples": (lambda: sketch(ids=[], lengths=[]), "no examples: ids is empty"),
    "a length of zero": (lambda: sketch(lengths=[1, 0, 1, 1]), "lengths=0 is not possible"),
    "a length that is not whole": (lambda: sketch(lengths=[1, 2.5, 1, 1]), "lengths=2.5"),
    "groups that are numbers": (
        lambda: sketch(groups=[0, 0, 1, 1]),
        "groups: strings are expected, got int 0",
    ),
    "one string of groups": (lambda: sketch(groups="dede"), "groups='dede' is a single string"),
    "one string of patterns": (lambda: sketch(skip="bias"), "skip='bias' is a single string"),
    "a pattern that matches nothing": (
        lambda: sketch(skip=("wieght",)),
        "The pattern 'wieght' in skip matches no parameter of the model. Did you mean 'weight'?",
    ),
    "patterns that match everything": (
        lambda: sketch(skip=("w*", "bias")),
        "With skip=['w*', 'bias'], no parameter of the model is left to sketch.",
    ),
    "a projection that is a word": (
        lambda: sketch(projection="dense"),
        "projection='dense' is not a Projection",
    ),
    "an epoch that is not whole": (lambda: sketch(epoch=1.5), "epoch=1.5 is not possible"),
    "an epoch that is a word": (lambda: sketch(epoch="1"), "epoch='1' is not possible"),
    "a negative epoch": (
        lambda: sketch(epoch=-1),
        "epoch=-1 is not possible: write a whole number from 0 on.",
    ),
    "a precision of another name": (
        lambda: sketch(precision="float8"),
        "precision='float8' is not possible: choose 'float32', 'float16' or 'int8'. Did you",
    ),
    "a budget of zero": (lambda: sketch(batch_tokens=0), "batch_tokens=0 is not possible"),
    "a negative budget": (lambda: batches([1, 2], -5), "batch_tokens=-5 is not possible"),
    "blocks of no rows": (lambda: sketch(block_rows=0), "block_rows=0 is not possible"),
    "a share beyond the processes": (lambda: sketch(share=(2, 2)), "share=(2, 2) is not possible"),
    "a share of nobody": (lambda: sketch(share=(0, 0)), "share=(0, 0) is not possible"),
    "a negative share": (lambda: sketch(share=(-1, 2)), "share=-1 is not possible"),
    "a share that is no pair": (lambda: sketch(share=3), "share=3 is not possible"),
    "another number of losses": (
        lambda: one_batch(lambda own: own(X).square().mean()),
        "expected a tensor of shape (4,), got shape ()",
    ),
    "losses that are no tensor": (lambda: one_batch(lambda own: 1.0), "got 1.0"),
    "losses without a gradient": (
        lambda: one_batch(lambda own: own(X).square().sum(1).detach()),
        "The losses depend on no parameter",
    ),
    "a batch of nothing": (lambda: one_batch(size=0), "batch_size=0 is not possible"),
    "a model without parameters": (
        lambda: one_batch(module=nn.Identity()),
        "Identity has no parameters",
    ),
    "a sketcher outside its block": (
        lambda: GradientSketcher(model(), Projection(2), 1)(lambda: X, 4),
        "inside its `with` block only",
    ),
    "heads of an unknown weight": (
        lambda: one_batch(heads={"wieght": 3}),
        "heads: no parameter wieght. Did you mean 'weight'?",
    ),
    "heads that are a list": (
        lambda: one_batch(heads=["weight"]),
        "heads=['weight'] is not possible: pass a mapping of weights to numbers of heads",
    ),
    "no heads": (lambda: one_batch(heads={"weight": 0}), "heads=0 is not possible"),
    "heads that do not divide the input": (
        lambda: one_batch(heads={"weight": 2}),
        "the input of weight has 3 numbers, which cannot be divided among 2 heads",
    ),
    "heads of what is no linear layer": (
        lambda: one_batch(heads={"bias": 1}),
        "bias is not the weight of a linear layer",
    ),
    "rows of one dimension": (lambda: Sketches.of(np.ones(4), IDS, {}), "rows of shape (4,)"),
    "ragged rows": (
        lambda: Sketches.of([[1.0, 0], [1]], ["a", "b"], {}),
        "its rows have to be of the same length",
    ),
    "rows that are words": (
        lambda: Sketches.of([["1", "2"]], ["a"], {}),
        "rows of shape (1, 2) and type <U1: an array of real numbers with 2 dimensions is",
    ),
    "more rows than ids": (
        lambda: Sketches.of(np.ones((5, 2)), IDS, {}),
        "rows of shape (5, 2) for 4 ids",
    ),
    "a row of zeros": (
        lambda: Sketches.of(np.array([[1.0, 0], [0, 0]]), ["a", "b"], {}),
        "The gradient of example b is zero (1 such examples)",
    ),
    "a row that is not finite": (
        lambda: Sketches.of(np.array([[1.0, NAN], [1, 0]]), ["a", "b"], {}),
        "The gradient of example a is not finite",
    ),
    "a block of zeros": (lambda: write(value=0), "The gradient of example de1 is zero (4 such"),
    "a block of NaN": (lambda: write(value=NAN), "The gradient of example de1 is not finite"),
    "no dimensions": (lambda: metadata(dimensions=0), "dimensions=0 is not possible"),
    "a block that is not there": (lambda: write(block=1), "block 1: there are 1 blocks"),
    "one row for a whole block": (
        lambda: write(rows=1),
        "rows of shape (1, 2): block 0 has 4 rows of 2 numbers",
    ),
    "norms of other groups than counts": (
        lambda: write(square_norms={"de": {}}, counts={"en": 4}),
        "different groups",
    ),
    "rows beyond the end": (lambda: finished().units(2, 5), "rows 2 to 5: there are 4 rows"),
    "rows before the start": (lambda: finished().codes(-1, 2), "rows -1 to 2"),
    "rows that are not written": (lambda: unfinished().units(0, 4), "block 0 is damaged or was"),
    "norms that are not written": (lambda: unfinished().mean_square_norms(), "block 0 is damaged"),
    "a twin that was not made": (lambda: finished().twin, "These sketches have no twin"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_refused_in_words_of_the_library(case):
    call, words = WRONG[case]
    with pytest.raises(ValueError) as refused:
        call()
    assert words in str(refused.value)
    assert not any(switch in str(refused.value) for switch in SWITCH_OF_ARGUMENT.values())


def test_right_use_at_the_limits_is_taken():
    assert Projection(side=1, stack=np.int64(2)).block(9) == 2
    assert len(sketch(ids=["a"], lengths=[np.int64(1)], share=(0, 3), epoch=0)) == 1
    assert sketch(groups=np.array(["de", "en", "de", "en"])).mean_square_norms().keys() == {
        "de",
        "en",
    }
    assert finished().units(4, 4).shape == (0, 4)
    assert len(Sketches.of([[1, 0], [0, 2]], ["a", "b"], {})) == 2
    assert Source(X, np.array(["a", "b"]), np.array([3, 4])).lengths == [3, 4]


def test_a_folder_may_be_a_string_and_an_epoch_of_numpy(tmp_path):
    folder = str(tmp_path / "epoch-1")
    made = sketch(folder=folder, epoch=np.int64(1))
    np.testing.assert_array_equal(Sketches.read(folder).units(0, 4), made.units(0, 4))


TRANSLATED = {
    "method": (
        WRONG["an unknown method"][0],
        "Did you mean 'kronecker'? The switch is sketch.method: write sketch.method=kronecker.",
    ),
    "skip": (
        lambda: sketch(module=Scaled()),
        "The parameter scale is used in a call that cannot be followed, such as a function with "
        "a backward pass of its own, so its gradient cannot be sketched. To leave it out on "
        "purpose, list it in skip. The switch is sketch.skip: write 'sketch.skip=[scale]'.",
    ),
    "twin": (WRONG["a twin that was not made"][0], "write sketch.twin=true."),
    "precision": (
        WRONG["a precision of another name"][0],
        "The switch is sketch.store: write sketch.store=float32.",
    ),
    "losses": (
        WRONG["a row of zeros"][0],
        "no direction to compare. A lower tuning.learning_rate or trainer.precision=32-true may "
        "help.",
    ),
    "folder": (
        WRONG["rows that are not written"][0],
        "it is not used. Remove that folder and run the same command again.",
    ),
    "lengths": (
        lambda: sketch(losses=out_of_memory),
        "Example de1, of 1 tokens, does not fit into memory by itself. Lower data.max_length.",
    ),
}


def out_of_memory(group: list[int]) -> None:
    raise torch.OutOfMemoryError


@pytest.mark.parametrize("argument", TRANSLATED)
def test_the_command_line_says_which_switch_helps(argument):
    call, words = TRANSLATED[argument]
    with pytest.raises(ArgumentError) as refused:
        call()
    assert refused.value.argument == argument
    line = explain(refused.value, Path())
    assert line and line.startswith("xling: ") and line.endswith(words)


def test_a_folder_without_sketches_is_an_error_of_its_own(tmp_path):
    with pytest.raises(DamagedSketchesError, match="no sketches here"):
        Sketches.read(tmp_path)
