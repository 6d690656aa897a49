"""The fused sketch equals projected gradients from autograd, one example at a time."""

from functools import cache

import pytest
import torch
from encoders import DECODERS, ENCODERS, batch, build, combined, error, fused, gradients, projected

from xling.sketch import Projection

LENGTHS = [9, 4, 17, 2]
DESIGNS = {
    "paper": Projection(16),
    "stack": Projection(8, stack=3),
    "concat": Projection(4, combine="concat"),
    "dense": Projection(4, method="dense"),
}


@cache
def case(kind: str, attention: str, dtype: torch.dtype):
    model = build(kind, attention, dtype)
    inputs, labels = batch(LENGTHS)
    return model, inputs, labels, gradients(model, inputs, labels)


@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float64, 1e-10), (torch.float32, 1e-5)], ids=["fp64", "fp32"]
)
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    ("kind", "attention"),
    [
        (kind, attention)
        for kind in ENCODERS + DECODERS
        for attention in ("eager", "sdpa")
        if (kind, attention) != ("deberta", "sdpa")  # transformers has eager alone for it
    ],
)
def test_fused_equals_autograd(kind, attention, design, dtype, bound):
    model, inputs, labels, exact = case(kind, attention, dtype)
    projection = DESIGNS[design]
    expected = combined(projected(exact, projection), projection)
    if kind == "llama":  # its norms and rotations are computed in single precision by themselves
        bound = 1e-5
    for taught in (False, True):
        rows = fused(model, inputs, labels, projection, taught=taught).rows
        assert error(rows, expected) < bound


@pytest.mark.parametrize("kind", ENCODERS + DECODERS)
def test_the_sketch_of_every_parameter_by_itself_is_right(kind):
    """Without projection, each parameter's gradient is autograd's, not only their sum."""
    model, inputs, labels, exact = case(kind, "eager", torch.float64)
    rows = fused(model, inputs, labels, Projection(method="exact")).rows
    sizes = [parameter.numel() for parameter in model.parameters()]
    for name, sketched in zip(exact[0], rows.split(sizes, dim=1), strict=True):
        expected = torch.stack([one[name].flatten() for one in exact])
        # A key's bias adds the same to all of a query's scores: zero but for rounding.
        scale = max(float(expected.norm()), 1e-3)
        bound = 1e-5 if kind == "llama" else 1e-10  # see above
        assert float((sketched - expected).norm()) < bound * scale, name


@pytest.mark.parametrize("kind", ENCODERS + DECODERS)
def test_padding_order_and_the_other_examples_do_not_matter(kind):
    model, inputs, labels, _ = case(kind, "eager", torch.float32)
    projection = Projection(8, stack=2)
    rows = fused(model, inputs, labels, projection).rows
    padded, _ = batch(LENGTHS, pad_to=30)
    assert error(fused(model, padded, labels, projection).rows, rows) < 1e-6
    order = torch.tensor([2, 0, 3, 1])
    turned = {key: value[order] for key, value in inputs.items()}
    assert error(fused(model, turned, labels[order], projection).rows, rows[order]) < 1e-6
    for part in (slice(1, 3), slice(2, 3)):
        some = {key: value[part] for key, value in inputs.items()}
        assert error(fused(model, some, labels[part], projection).rows, rows[part]) < 1e-6


@pytest.mark.parametrize("kind", ENCODERS + DECODERS)
def test_a_wrong_mask_shows(kind):
    """The bounds above are not met by chance: attending to padding moves the gradient far."""
    model, inputs, labels, _ = case(kind, "eager", torch.float64)
    right = fused(model, inputs, labels, Projection(8)).rows
    if kind in DECODERS:  # padding stands behind the classified token: mask what it attends to
        mask = inputs["attention_mask"].clone()
        mask[:, 1] = 0
    else:
        mask = torch.ones_like(inputs["attention_mask"])
    wrong = fused(model, {**inputs, "attention_mask": mask}, labels, Projection(8)).rows
    assert error(wrong[:2], right[:2]) > 1e-2
