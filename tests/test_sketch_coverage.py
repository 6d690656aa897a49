"""Which uses of parameters the sketch pass covers, and what it does where it cannot."""

import numpy as np
import pytest
import torch
from encoders import against_autograd
from torch import nn
from torch.nn.functional import cross_entropy

from xling.analysis.coverage import coverage
from xling.attribution import TracIn
from xling.sketch import GradientSketcher, Projection, Source, sketch_examples


class Tied(nn.Module):
    """A table that is also the output layer, and a layer that is used twice."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.twice = nn.Linear(16, 16)
        self.decode = nn.Linear(16, 20, bias=False)
        self.decode.weight = self.embed.weight

    def forward(self, ids):
        state = self.twice(torch.tanh(self.twice(self.embed(ids))))
        return self.decode(state.mean(1))


class HandMade(nn.Module):
    """Parameters used without a module of their own, and norms that are not layer norms."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16, padding_idx=3)
        self.positions = nn.Parameter(torch.randn(1, 9, 16))
        self.scale = nn.Parameter(torch.randn(16))
        self.mixing = nn.Parameter(torch.randn(16, 16))
        self.rms = nn.RMSNorm(16)
        self.norm = nn.LayerNorm((7, 16))
        self.start = nn.Parameter(torch.randn(1, 1, 16))
        nn.init.normal_(self.rms.weight)

    def forward(self, ids):
        state = self.embed(ids) + self.positions[:, : ids.shape[1]] * 2
        state = self.rms(self.norm(state) * self.scale.exp() @ self.mixing)
        state = torch.cat([self.start.expand(len(ids), -1, -1), state], dim=1)
        return torch.tanh(state).mean(1) @ self.embed.weight.T


@pytest.mark.parametrize("kind", [Tied, HandMade])
def test_every_use_of_a_parameter_counts(kind):
    torch.manual_seed(0)
    model = kind().double()
    against_autograd(model, torch.randint(0, 20, (5, 7)), torch.randint(0, 20, (5,)))


def test_a_batch_as_large_as_another_dimension_is_not_confused_with_it():
    """16 examples for 16 features, 9 for 9 positions: shared values are recognised by their
    origin, not by their shape."""
    torch.manual_seed(0)
    model = HandMade().double()
    for size in (16, 9, 7):
        against_autograd(model, torch.randint(0, 20, (size, 7)), torch.randint(0, 20, (size,)))


class Convolved(nn.Module):
    """A convolution whose weight is computed, and one whose weight is a parameter."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.conv = nn.Conv1d(16, 8, 3, padding=1, groups=2)
        self.scale = nn.Parameter(torch.rand(8, 1) + 0.5)
        self.out = nn.Conv1d(8, 20, 1, bias=False)

    def forward(self, ids):
        state = torch.tanh(self.conv(self.embed(ids).mT))
        return nn.functional.conv1d(state, self.out.weight * self.scale).sum(2)


class Fused(nn.Module):
    """One parameter used as the weights and biases of several layers, and a gather of its own."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.fused, self.bias = nn.Parameter(torch.randn(40, 16)), nn.Parameter(torch.randn(40))
        self.table = nn.Parameter(torch.randn(7, 16))

    def forward(self, ids):
        state = self.embed(ids)
        keys, values, _ = self.fused.split([16, 20, 4])
        state = torch.tanh(nn.functional.linear(state, keys, self.bias[:16]))
        state = torch.einsum("bld,ld->bld", state, self.table[: ids.shape[1]].flip(0))
        scores = nn.functional.linear(state, values, self.bias[16:36])
        scores[:, 1:] += 1  # in place, into a layer's output
        return scores.sum(1)


@pytest.mark.parametrize("kind", [Convolved, Fused])
@pytest.mark.parametrize("size", [5, 7])
def test_any_call_that_treats_the_examples_alike_has_a_rule(kind, size):
    """It is run again for each example, and refused if that gives another output."""
    torch.manual_seed(0)
    model = kind().double()
    against_autograd(model, torch.randint(0, 20, (size, 7)), torch.randint(0, 20, (size,)))


class Turned(nn.Module):
    """Holds the examples along the second dimension."""

    def __init__(self):
        super().__init__()
        self.embed, self.mix, self.out = nn.Embedding(20, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, ids):
        return self.out(torch.tanh(self.mix(self.embed(ids.T))).cumsum(0)[-1])


def sketched(model, ids, labels, lengths, projection=None, **options):
    """Sketch texts cut to their lengths, padded with zeros."""

    def losses(group):
        width = max(lengths[index] for index in group)
        return cross_entropy(model(ids[group, :width]), labels[group], reduction="none")

    names = [str(index) for index in range(len(ids))]
    projection = projection or Projection(method="exact")
    return sketch_examples(
        model, losses, names, lengths, projection, 1, precision="float32", **options
    )


class Square(nn.Module):
    """Widens a shared row to every position, which is no batch even where there are as many."""

    def __init__(self):
        super().__init__()
        self.embed, self.row = nn.Embedding(20, 16), nn.Parameter(torch.randn(1, 16))
        self.out = nn.Linear(16, 3)

    def forward(self, ids):
        wide = self.row.expand(ids.shape[1], -1) * torch.arange(1, ids.shape[1] + 1)[:, None]
        return self.out(torch.tanh(self.embed(ids) + wide).cumsum(1)[:, -1])


class Nearly(Turned):
    """Holds the examples along the second dimension for a layer that hardly counts."""

    def __init__(self):
        super().__init__()
        self.slight = nn.Linear(16, 16)

    def forward(self, ids):
        state = torch.tanh(self.mix(self.embed(ids)))
        state = state + 1e-3 * self.slight(state.transpose(0, 1)).transpose(0, 1)
        return self.out(state.cumsum(1)[:, -1])


@pytest.mark.parametrize("kind", [Turned, Square, Nearly])
@pytest.mark.parametrize("length", [12, 6, 7])
def test_whether_the_batch_divides_the_length_does_not_matter(kind, length):
    """Six examples; where they cannot be told apart in a batch, they are sketched one by one."""
    torch.manual_seed(0)
    model, ids = kind().double(), torch.randint(1, 20, (6, length))
    labels = torch.randint(0, 3, (6,))
    made = sketched(model, ids, labels, [length] * 6)
    rows = torch.from_numpy(made.units(0, 6) * made.norms[:, None])
    sizes = [parameter.numel() for parameter in model.parameters()]
    for index, row in enumerate(rows):
        loss = cross_entropy(model(ids[index : index + 1]), labels[index : index + 1])
        own = torch.autograd.grad(loss, list(model.parameters()))
        for gradient, block in zip(own, row.split(sizes), strict=True):
            assert float((block - gradient.flatten()).norm() / gradient.norm()) < 1e-6
    apart = made.metadata.apart
    if kind is Nearly:
        assert "slight" in apart  # a thousandth of the gradient
    assert bool(apart) == (kind is not Square)


def test_exact_scores_are_exact_where_examples_are_sketched_one_at_a_time():
    torch.manual_seed(0)
    model, ids = Turned(), torch.randint(1, 20, (8, 12))
    labels = torch.randint(0, 3, (8,))

    def losses(group):
        return cross_entropy(model(ids[group]), labels[group], reduction="none")

    own = [torch.autograd.grad(losses([i])[0], list(model.parameters())) for i in range(8)]
    flat = nn.functional.normalize(torch.stack([torch.cat([g.flatten() for g in x]) for x in own]))
    source = Source(losses, list("abcdefgh"), [12] * 8)
    scores = TracIn().exact_scores(model, source, source, [np.arange(8)] * 2)
    assert np.abs(np.stack(scores) - (flat[:2] @ flat.T).numpy()).max() < 1e-6


def test_a_parameter_that_no_gradient_reaches_counts_as_zero():
    """Unused, or behind an output that the losses do not depend on; also if it is left out."""

    class Partly(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.out = nn.Embedding(20, 16), nn.Linear(16, 3)
            self.unused, self.behind = nn.Linear(4, 4), nn.Linear(16, 2)

        def forward(self, ids):
            state = self.embed(ids).mean(1)
            self.behind(state)
            return self.out(state)

    torch.manual_seed(0)
    model, ids, labels = Partly(), torch.randint(0, 20, (5, 7)), torch.randint(0, 3, (5,))
    unreached = ["unused.weight", "unused.bias", "behind.weight", "behind.bias"]
    made = sketched(model, ids, labels, [7] * 5)
    assert made.unreached() == unreached
    assert made.metadata.dimensions == sum(p.numel() for p in model.parameters())
    assert not made.units(0, 5)[:, -54:].any()  # 20 and 34 numbers, at the end
    table = coverage([made, made])
    assert table.square_norm_share.notna().all() and table.square_norm_share.min() >= 0
    part = sketched(model, ids, labels, [7] * 5, skip=("unused.*",))
    assert part.unreached() == unreached[2:]
    assert coverage([part]).square_norm_share.notna().all()


def test_parameters_that_cannot_be_sketched_are_named():
    torch.manual_seed(0)
    x = torch.randn(5, 4, 7)

    def attended(model, turned):
        return model(turned, turned, turned)[0].sum((1, 2))

    def run(model, batch=5, skip=()):
        with GradientSketcher(model, Projection(2), epoch=1, skip=skip) as sketch:
            return sketch(lambda: attended(model, x[:batch].mT), batch)

    attention = nn.MultiheadAttention(4, 2)  # the examples along its second dimension
    with pytest.raises(ValueError, match=r"multi_head_attention.*\(in_proj.*one example at a time"):
        run(attention)
    assert set(run(attention, batch=1).square_norms) == {n for n, _ in attention.named_parameters()}
    with pytest.raises(ValueError, match="1.* matches no parameter"):
        run(attention, skip=("1.*",))
    with pytest.raises(ValueError, match="no parameter of the model is left"):
        run(attention, skip=("*",))
