"""The sketch pass: what it covers, what it leaves as it was, what it refuses."""

from functools import partial

import pytest
import torch
from encoders import against_autograd, batch, build, error, fused, gradients
from torch import nn
from torch.nn.functional import cross_entropy

from xling.sketch import GradientSketcher, Projection, sketch_examples
from xling.sketch.calls import nonzero_rows
from xling.sketch.examples import batches


def test_zero_rows_are_skipped_and_nothing_else():
    matrix = torch.randn(40, 130)
    assert nonzero_rows(matrix) is None
    matrix[5:30] = 0
    matrix[7, 129] = 1e-30  # a row that the columns looked at first do not show
    kept = [*range(5), 7, *range(30, 40)]
    assert nonzero_rows(matrix).tolist() == kept
    matrix[:] = float("nan")
    assert nonzero_rows(matrix) is None


class Pooled(nn.Module):
    """Classifies by the first position, or by the mean of all, padding included."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16, padding_idx=3)
        self.mix = nn.Linear(16, 16)
        self.out = nn.Linear(16, 20)
        self.first = True
        self.rows = []
        self.mix.register_forward_hook(lambda module, args, output: self.rows.append(output))

    def forward(self, ids):
        state = torch.tanh(self.mix(torch.tanh(self.embed(ids).cumsum(1))))
        return self.out(state[:, 0] if self.first else state.mean(1))


def test_idle_positions_are_not_computed_and_no_other_is_missed():
    """What an example alone shows is assumed of a batch until it proves wrong."""
    torch.manual_seed(0)
    model = Pooled().double()
    ids, labels = torch.randint(4, 20, (5, 7)), torch.arange(5)
    ids[1:4, 4:] = 3

    def run(sketch, rows=slice(None)):
        model.rows.clear()
        losses = partial(cross_entropy, reduction="none")
        batch = sketch(lambda: losses(model(ids[rows]), labels[rows]), len(labels[rows]))
        return batch.rows, [output.detach() for output in model.rows]

    with GradientSketcher(model, Projection(8), epoch=1) as sketch:
        untaught, outputs = run(sketch)
        computed = (outputs[-1] != 0).any(2)
        assert len(outputs) == 1 and torch.equal(computed, ids != 3)  # the padding is idle
        run(sketch, slice(1))
        taught, outputs = run(sketch)
        computed = (outputs[-1] != 0).any(2)
        assert len(outputs) == 1 and computed[:, 0].all() and not computed[:, 1:].any()
        assert error(taught, untaught) < 1e-12
        model.first = False  # what was learnt is now wrong, and the padding counts
        pooled, outputs = run(sketch)
        assert len(outputs) == 2 and (outputs[-1] != 0).all()
    with GradientSketcher(model, Projection(8), epoch=1) as sketch:
        assert error(run(sketch)[0], pooled) < 1e-12
    against_autograd(model, ids, labels)


def test_gradients_of_gates_are_those_of_autograd():
    """The gradient at a gate on every head's output, for every example, beside its sketch."""
    model = build("bert").eval()
    inputs, labels = batch([9, 4, 17, 2])
    names = [f"encoder.encoder.layer.{layer}.attention.output.dense.weight" for layer in range(2)]
    sketched = fused(model, inputs, labels, Projection(8), heads=dict.fromkeys(names, 4))
    assert torch.equal(sketched.rows, fused(model, inputs, labels, Projection(8)).rows)
    for layer, name in enumerate(names):
        gate = torch.ones(4, 4, dtype=torch.float64, requires_grad=True)  # examples, heads

        def switch(module, args, gate=gate):
            wide = gate.repeat_interleave(8, dim=1).unsqueeze(1)
            return (args[0] * wide, *args[1:])

        dense = model.encoder.encoder.layer[layer].attention.output.dense
        handle = dense.register_forward_pre_hook(switch)
        expected = torch.autograd.grad(
            cross_entropy(model(**inputs), labels, reduction="sum"), gate
        )
        handle.remove()
        assert error(sketched.gates[name], expected[0]) < 1e-10
    with pytest.raises(ValueError, match="no parameter nonsense"):
        GradientSketcher(model, Projection(8), 1, heads={"nonsense": 4})


def test_bf16_hardly_turns_the_gradient():
    model = build("xlmr", dtype=torch.float32)
    inputs, labels = batch([9, 4, 17, 2])
    rows = fused(model, inputs, labels, Projection(8, stack=2)).rows
    with torch.autocast("cpu", torch.bfloat16):
        half = fused(model, inputs, labels, Projection(8, stack=2)).rows
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(half, rows).min() > 0.999


def test_inner_products_are_unbiased():
    """The mean over seeds of ⟨Sx, Sy⟩ is within four standard errors of ⟨x, y⟩."""
    model = build("xlmr", "eager")
    inputs, labels = batch([9, 4])
    exact = [
        torch.cat([gradient.flatten() for gradient in one.values()])
        for one in gradients(model, inputs, labels)
    ]
    rows = [fused(model, inputs, labels, Projection(8, seed=seed)).rows for seed in range(200)]
    for left, right in [(0, 0), (0, 1), (1, 1)]:
        products = torch.stack([row[left] @ row[right] for row in rows])
        noise = products.std() / len(rows) ** 0.5
        assert abs(products.mean() - exact[left] @ exact[right]) < 4 * noise


def test_the_variance_is_that_of_theory():
    """Of squared norms, for all kinds of matrices, over 3,000 names.

    With K = DᵀD, Var ‖G₁ D G₂ᵀ‖² = 2/r² tr(K)² + 2/r (2 + 1/r) tr(K²) for Gaussian r-row factors,
    divided by s for a stack of s. Var ‖Sx‖² = 2 p (‖x‖⁴ - Σ xᵢ⁴) with p = 1/d for random signs, and
    with p = (m - 1) / (m d - 1), which is how often two numbers meet, for a count sketch that deals
    m rounds to d dimensions.
    """
    torch.manual_seed(0)
    side, stack = 4, 3
    dimensions, rounds = side**2 * stack, 5
    stacked, dense = Projection(side, stack), Projection(side, stack, method="dense")
    gradient = torch.randn(12, 9, dtype=torch.float64) * torch.linspace(0.2, 2, 9)
    vector = torch.randn(dimensions * rounds - 7, dtype=torch.float64) ** 3
    cases = {
        "matrix": (stacked, gradient),
        "vector": (stacked, vector),
        "dense": (dense, vector),
    }
    squares = {kind: [] for kind in cases}
    for name in map(str, range(3000)):
        for kind, (projection, tensor) in cases.items():
            map_ = projection.of(name, tensor.shape, 1).to(tensor.device, tensor.dtype)
            squares[kind].append(float(map_.gradient(tensor.unsqueeze(0)).square().sum()))
    pairs = 2 * (vector.square().sum() ** 2 - (vector**4).sum())
    k = gradient.T @ gradient
    expected = {
        "matrix": (
            (2 / side**2 * k.trace() ** 2 + 2 / side * (2 + 1 / side) * (k @ k).trace()) / stack,
            gradient.square().sum(),
        ),
        "vector": (pairs * (rounds - 1) / (rounds * dimensions - 1), vector.square().sum()),
        "dense": (pairs / dimensions, vector.square().sum()),
    }
    for kind, (variance, mean) in expected.items():
        samples = torch.tensor(squares[kind], dtype=torch.float64)
        assert abs(samples.mean() - mean) < 4 * (variance / 3000) ** 0.5
        assert float(samples.var()) == pytest.approx(float(variance), rel=0.15)


def test_projections_are_the_same_everywhere_and_different_by_name_epoch_and_seed():
    shape = torch.Size([20, 30])
    first = Projection(16, seed=5).of("layer.weight", shape, epoch=2)
    assert torch.equal(first.left, Projection(16, seed=5).of("layer.weight", shape, 2).left)
    # Fixed for good: stores of gradients outlive the program that wrote them.
    expected = [0.08774570414145737, -0.2877147553534113, 0.018262744999895178]
    assert first.left.shape == (16, 20) and first.right.shape == (16, 30)
    assert first.left[0, :3].tolist() == pytest.approx(expected, rel=1e-8)
    bias = torch.Size([300])
    count = Projection(16, seed=5).of("layer.bias", bias, epoch=2)
    assert count.members.shape == count.signs.shape == (1, 2, 256)
    assert sorted(count.members[count.signs != 0].tolist()) == list(range(300))
    assert count.members[0, 0, 1:4].tolist() == [68, 28, 187]
    assert count.signs[0, 0, :8].tolist() == [0, 1, 1, -1, 1, 0, 1, -1]
    dense = Projection(16, seed=5, method="dense").of("layer.bias", bias, epoch=2)
    assert dense.matrix.shape == (256, 300) and dense.scale == 1 / 16
    assert dense.matrix[0, :8].tolist() == [-1, 1, -1, -1, -1, 1, -1, 1]
    for other in [
        Projection(16, seed=6).of("layer.weight", shape, 2),
        Projection(16, seed=5).of("layer.weight", shape, 3),
        Projection(16, seed=5).of("other.weight", shape, 2),
    ]:
        assert (
            abs(torch.corrcoef(torch.stack([first.left.flatten(), other.left.flatten()]))[0, 1])
            < 0.2
        )
    assert abs(first.left.var() * 16 - 1) < 0.2


def test_the_model_is_left_as_it_was_also_after_an_error():
    model = build("xlmr")
    model.train()
    model.encoder.embeddings.eval()
    frozen = model.head.hidden.weight
    frozen.requires_grad = False
    state = torch.get_rng_state()
    inputs, labels = batch([5, 3])
    with pytest.raises(RuntimeError, match="on purpose"):
        with GradientSketcher(model, Projection(8), epoch=1) as sketch:
            assert not model.training
            torch.rand(3)  # as a model might draw
            sketch(lambda: cross_entropy(model(**inputs), labels, reduction="none"), 2)
            raise RuntimeError("on purpose")
    assert model.training and model.head.training and not model.encoder.embeddings.training
    assert not frozen.requires_grad
    assert all(p.requires_grad for p in model.parameters() if p is not frozen)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_norms_are_estimated_and_skipped_parameters_left_out():
    model = build("xlmr")
    inputs, labels = batch([9, 4])
    skip = ("encoder.embeddings.*",)
    whole = fused(model, inputs, labels, Projection(8, combine="concat"))
    part = fused(model, inputs, labels, Projection(8, combine="concat"), skip=skip)
    kept = [not name.startswith("encoder.embeddings.") for name, _ in model.named_parameters()]
    blocks = whole.rows.view(2, len(kept), -1)
    assert torch.equal(part.rows, blocks[:, torch.tensor(kept)].flatten(1))
    name = "encoder.embeddings.word_embeddings.weight"
    assert torch.equal(part.square_norms[name], whole.square_norms[name])


@pytest.mark.parametrize(("value", "problem"), [(0.0, "zero"), (float("nan"), "not finite")])
def test_gradients_without_a_direction_are_named(value, problem):
    model = nn.Linear(3, 2)
    factors = torch.tensor([1.0, 1.0, value])
    x = torch.randn(3, 3)

    def losses(group):
        return model(x[group]).square().sum(1) * factors[group]

    with pytest.raises(ValueError, match=f"example fr7 is {problem}"):
        sketch_examples(model, losses, ["de1", "en2", "fr7"], [1, 1, 1], Projection(2), epoch=1)


def test_batches_hold_every_example_once_within_the_budget():
    lengths = [5, 30, 2, 7, 7, 100, 1, 12]
    groups = batches(lengths, batch_tokens=40)
    assert sorted(sum(groups, [])) == list(range(8))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[i] for i in group) <= 40
    assert groups[0] == [5]  # longer than the budget: by itself
