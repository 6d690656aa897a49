"""Preconditioned gradients against explicit curvature by autograd."""

import dataclasses
import os

import numpy as np
import pytest
import torch
from encoders import batch, build, gradients
from torch import Tensor
from torch.nn.functional import cross_entropy

from xling.attribution import FittedMethod, InnerProducts, TracIn, named, row_settings
from xling.errors import ArgumentError
from xling.sketch import Projection, Sketches, Source, sketch_examples
from xling.sketch.curvature import fit_preconditioner
from xling.sketch.preconditioner import Preconditioner
from xling.sketch.projection import Scaled

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
    inputs, labels = batch(LENGTHS)
    rows = gradients(model, inputs, labels)
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
    fitted = fit_preconditioner(model, source(model), projection, 1, curvature, **options)
    return sketched(model, projection, fitted)


def sketched(model, projection, fitted) -> Sketches:
    examples = source(model)
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


def shape(model, name: str) -> torch.Size:
    return dict(model.named_parameters())[name].shape


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


@pytest.mark.parametrize("curvature", ["adafactor", "adamw", "ekfac"])
def test_a_few_separable_terms_stand_for_the_root(curvature, monkeypatch):
    """The same random matrices, applied to gradients that were divided number by number."""
    model, projection = build("xlmr").eval(), Projection(8, stack=2)
    made = rows_of(preconditioned(model, projection, curvature))
    fitted = fit_preconditioner(model, source(model), Projection(method="exact"), 1, curvature)
    whole = {
        name: dataclasses.replace(map, map=projection.of(name, shape(model, name), 1))
        for name, map in fitted.maps.items()
        if isinstance(map, Scaled)
    }
    exact = rows_of(sketched(model, projection, Preconditioner.of(whole, fitted.weights)))
    assert np.linalg.norm(made - exact) < 0.06 * np.linalg.norm(exact)
    monkeypatch.setattr("xling.sketch.curvature.TERMS", 32)  # all of them
    every = rows_of(preconditioned(model, projection, curvature))
    for rows in (every, made) if curvature == "adafactor" else (every,):  # one term is all there
        np.testing.assert_allclose(rows, exact, rtol=1e-3, atol=1e-5 * abs(exact).max())


def test_the_fit_depends_on_no_batch_and_no_padding():
    model, projection = build("xlmr").eval(), Projection(8)
    alone = rows_of(preconditioned(model, projection, "ekfac", batch_tokens=1))
    for tokens in (24, 1000):
        together = rows_of(preconditioned(model, projection, "ekfac", batch_tokens=tokens))
        np.testing.assert_allclose(together, alone, atol=1e-4 * abs(alone).max())


def test_a_gradient_that_is_zero_in_theory_stays_small():
    """Rounding in the gradient of a key's bias is not taken for a direction that hardly varies."""
    model = build("xlmr", dtype=torch.float32).eval()
    fitted = fit_preconditioner(model, source(model), Projection(method="exact"), 1, "ekfac")
    name = "encoder.encoder.layer.0.attention.self.key.bias"
    numbers = [parameter.numel() for _, parameter in model.named_parameters()]
    start = sum(numbers[: [key for key, _ in model.named_parameters()].index(name)])
    rows = rows_of(sketched(model, Projection(method="exact"), fitted))
    biases = rows[:, start : start + shape(model, name).numel()]
    assert abs(biases).max() < 1e-2 * np.sqrt((rows**2).mean())


def test_fitted_to_some_examples_evenly_spread():
    model, projection = build("xlmr").eval(), Projection(method="exact")
    examples = source(model)
    third = fit_preconditioner(model, examples, projection, 1, "adamw", limit=4)
    kept = [0, 3, 6, 9]
    few = Source(
        lambda group: examples.losses([kept[place] for place in group]),
        [examples.ids[index] for index in kept],
        [LENGTHS[index] for index in kept],
    )
    assert fit_preconditioner(model, few, projection, 1, "adamw").digest == third.digest


def test_what_was_fitted_is_read_as_it_was_written(tmp_path):
    model, file = build("xlmr", dtype=torch.float32).eval(), tmp_path / "fitted.safetensors"
    for projection in (
        Projection(8, twin=True),
        Projection(method="exact"),
        Projection(8, 1, "parts"),
    ):
        fitted = fit_preconditioner(model, source(model), projection, 1, "ekfac")
        fitted.write(file)
        again = Preconditioner.read(file, projection, 1, model)
        assert (again.digest, again.weights) == (fitted.digest, fitted.weights)
        one, other = (rows_of(sketched(model, projection, each)) for each in (fitted, again))
        np.testing.assert_array_equal(one, other)
    assert os.listdir(tmp_path) == [file.name]


def test_sketches_by_other_curvatures_are_not_compared():
    model, projection = build("xlmr").eval(), Projection(8)
    plain = sketched(model, projection, None)
    one, other = (preconditioned(model, projection, each) for each in ("ekfac", "adamw"))
    for left, right in ((plain, one), (one, other)):
        with pytest.raises(ArgumentError, match="preconditioner"):
            InnerProducts(left, right, "dot")


def test_methods_say_that_they_have_to_be_fitted():
    model, examples = build("xlmr").eval(), source(build("xlmr"))
    for method in (named("ekfac"), named("preconditioned", moments="adamw")):
        assert isinstance(method, FittedMethod) and method.curvature
        with pytest.raises(ArgumentError, match=r"method\.fit"):
            method.represent(model, examples, 1)
    plain = named("preconditioned")
    assert isinstance(plain, FittedMethod) and plain.curvature is None
    assert row_settings(plain) == row_settings(TracIn())
    assert "moments" in row_settings(named("preconditioned", moments="adamw"))
    with pytest.raises(ArgumentError, match="nothing to fit"):
        plain.fit(model, examples, 1)


def test_a_curvature_that_does_not_fit_into_memory_is_refused_before_the_first_step():
    model = build("xlmr")
    with pytest.raises(ArgumentError, match=r"needs (\S+) GB") as error:
        named("ekfac", memory_gb=1e-5).check_model(model)
    named("ekfac", memory_gb=float(error.value.instead)).check_model(model)
    for wrong in ({"damping": 0}, {"fit_examples": 0}, {"memory_gb": -1}):
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            named("ekfac", **wrong)
    with pytest.raises(ArgumentError, match="moments='adam' .*adamw"):
        named("preconditioned", moments="adam")
