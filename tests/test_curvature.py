"""Preconditioned gradients against explicit curvature by autograd."""

import numpy as np
import pytest
import torch
from encoders import batch, build
from torch import Tensor
from torch.nn.functional import cross_entropy

from xling.sketch import Projection, Sketches, Source, sketch_examples
from xling.sketch.curvature import fit_preconditioner

LENGTHS = [9, 4, 17, 2, 12, 5, 7, 3, 20, 6, 8, 9]
DAMPING = 0.1


def source(model) -> Source:
    """Return twelve examples of 2 to 20 tokens."""
    inputs, labels = batch(LENGTHS)

    def losses(group: list[int]) -> Tensor:
        width = max(LENGTHS[index] for index in group)
        some = {key: value[group, :width] for key, value in inputs.items()}
        return cross_entropy(model(**some), labels[group], reduction="none")

    return Source(losses, [f"de{index}" for index in range(len(LENGTHS))], LENGTHS)


def by_autograd(model) -> list[dict[str, Tensor]]:
    """Return parameter → gradient of each example."""
    examples = source(model)
    return [one for place in range(len(LENGTHS)) for one in alone(model, examples, place)]


def alone(model, examples, place):
    names = dict(model.named_parameters())
    made = torch.autograd.grad(
        examples.losses([place]).sum(), list(names.values()), allow_unused=True
    )
    zeros = (torch.zeros_like(parameter) for parameter in names.values())
    yield {
        name: zero if one is None else one
        for name, one, zero in zip(names, made, zeros, strict=True)
    }


def factors(model) -> dict[str, tuple[Tensor, Tensor]]:
    """Return a linear layer's weight → sums of g gᵀ and x xᵀ over the positions that count."""
    sums, examples = {}, source(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    inputs = {}

    def forward(module, args, output):
        inputs[module] = args[0].detach()
        output.register_hook(lambda gradient: backward(module, gradient))

    def backward(module, gradient):
        g, x = gradient.reshape(-1, gradient.shape[-1]), inputs[module]
        x = x.reshape(-1, x.shape[-1])[(g != 0).any(1)]
        left, right = sums.get(names[id(module.weight)], (0, 0))
        sums[names[id(module.weight)]] = left + g.T @ g, right + x.T @ x

    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    handles = [module.register_forward_hook(forward) for module in linear]
    for place in range(len(LENGTHS)):
        examples.losses([place]).sum().backward()
    for handle in handles:
        handle.remove()
    return sums


def expected(model, curvature) -> Tensor:
    """Return (examples, numbers) gradients divided by the root of their curvature."""
    rows = by_autograd(model)
    bases = {}
    if curvature == "ekfac":
        for name, (left, right) in factors(model).items():
            bases[name] = torch.linalg.eigh(left)[1], torch.linalg.eigh(right)[1]
    tables = {f"{n}.weight" for n, m in model.named_modules() if isinstance(m, torch.nn.Embedding)}
    moments = {}
    for name in rows[0]:
        for row in rows:
            if name in bases:
                left, right = bases[name]
                row[name] = left.T @ row[name] @ right
        second = torch.stack([row[name] for row in rows]).square().mean(0)
        factored = name in tables or (curvature == "adafactor" and second.dim() == 2)
        moments[name] = second, factored
    floor = 1e-8 * max(float(second.mean()) for second, _ in moments.values())
    for name, (second, factored) in moments.items():
        mean = second.mean()
        if factored:
            damped = [second.mean(axis) / mean + DAMPING for axis in (1, 0)]
            divisor = torch.outer(*damped).sqrt() * (mean + floor).sqrt()
        else:
            divisor = (second + DAMPING * mean + floor).sqrt()
        for row in rows:
            row[name] = row[name] / divisor
    return torch.stack([torch.cat([one.flatten() for one in row.values()]) for row in rows])


def rows_of(sketches: Sketches) -> np.ndarray:
    return sketches.units(0, len(sketches)) * sketches.norms[:, None]


def preconditioned(model, projection, curvature, **options) -> Sketches:
    examples = source(model)
    fitted = fit_preconditioner(model, examples, projection, 1, curvature, **options)
    return sketch_examples(
        model,
        examples.losses,
        examples.ids,
        examples.lengths,
        projection,
        1,
        preconditioner=fitted,
        precision="float32",
    )


@pytest.mark.parametrize("curvature", ["adafactor", "adamw", "ekfac"])
@pytest.mark.parametrize("name", ["xlmr", "bert"])
def test_gradients_are_divided_by_the_root_of_their_curvature(name, curvature):
    model = build(name).eval()
    made = rows_of(preconditioned(model, Projection(method="exact"), curvature))
    whole = expected(model, curvature).numpy()
    if curvature != "ekfac":
        np.testing.assert_allclose(made, whole, rtol=1e-4, atol=1e-6 * abs(whole).max())
    # Eigenvectors of equal eigenvalues are not unique, inner products hardly depend on them.
    np.testing.assert_allclose(made @ made.T, whole @ whole.T, rtol=1e-3)
