"""The fused sketch equals projected gradients from autograd, one example at a time."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from xling.errors import UserError
from xling.model import Classifier
from xling.sketch import GradientSketcher, Projection, sketch_examples
from xling.sketch.examples import batches
from xling.sketch.projection import Dense

PAD = 1
SHAPE = dict(
    vocab_size=60,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=48,
    max_position_embeddings=40,
    pad_token_id=PAD,
)


def classifier(kind: str, attention: str, dtype: torch.dtype = torch.float64) -> Classifier:
    torch.manual_seed(0)
    if kind == "bert":
        config = BertConfig(**SHAPE, type_vocab_size=2, attn_implementation=attention)
        encoder = BertModel(config, add_pooling_layer=False)
    else:
        config = XLMRobertaConfig(**SHAPE, type_vocab_size=1, attn_implementation=attention)
        encoder = XLMRobertaModel(config, add_pooling_layer=False)
    model = Classifier(encoder, classes=3).to(dtype)
    with torch.no_grad():  # no parameter at a special value, where errors could hide
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def batch(lengths: list[int], pad_to: int | None = None) -> tuple[dict, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    width = pad_to or max(lengths)
    ids = torch.full((len(lengths), width), PAD)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(4, 60, (length,), generator=generator)
        ids[row, 0] = 0
    labels = torch.randint(0, 3, (len(lengths),), generator=generator)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long()}, labels


def fused(model, inputs, labels, projection, epoch=1, skip=()):
    with GradientSketcher(model, projection, epoch, skip) as sketch:
        return sketch(lambda: cross_entropy(model(**inputs), labels, reduction="none"), len(labels))


def one_by_one(model, inputs, labels, projection, epoch=1) -> torch.Tensor:
    """Project each example's exact autograd gradient with the explicit matrices."""
    model.eval()
    names, parameters = zip(*model.named_parameters(), strict=True)
    rows = []
    for index in range(len(labels)):
        length = int(inputs["attention_mask"][index].sum())
        single = {key: value[index : index + 1, :length] for key, value in inputs.items()}
        loss = cross_entropy(model(**single), labels[index : index + 1])
        blocks = []
        for name, gradient in zip(names, torch.autograd.grad(loss, parameters), strict=True):
            map = projection.of(name, gradient.shape, epoch).to(gradient.device, gradient.dtype)
            if isinstance(map, Dense):
                blocks.append(map.matrix @ gradient.flatten())
                continue
            side = projection.side
            for part in range(projection.stack):
                rows_of = slice(part * side, (part + 1) * side)
                blocks.append((map.left[rows_of] @ gradient @ map.right[rows_of].T).flatten())
        blocks = torch.cat(blocks).view(len(names), -1)
        rows.append(blocks.flatten() if projection.combine == "concat" else blocks.sum(0))
    return torch.stack(rows)


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", ["bert", "xlmr"])
@pytest.mark.parametrize(
    "projection",
    [Projection(8), Projection(8, stack=3), Projection(4, combine="concat"), Projection(40)],
    ids=["sum", "stack", "concat", "dense"],
)
@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float64, 1e-10), (torch.float32, 1e-5)], ids=["fp64", "fp32"]
)
def test_fused_equals_autograd(kind, attention, projection, dtype, bound):
    model = classifier(kind, attention, dtype)
    inputs, labels = batch([9, 4, 17, 2])
    expected = one_by_one(model, inputs, labels, projection)
    assert error(fused(model, inputs, labels, projection).rows, expected) < bound


@pytest.mark.parametrize("kind", ["bert", "xlmr"])
def test_every_parameter_by_itself(kind):
    """With `concat`, each parameter's block is right, not only their sum."""
    model = classifier(kind, "sdpa")
    projection = Projection(4, combine="concat")
    inputs, labels = batch([9, 4, 17, 2])
    expected = one_by_one(model, inputs, labels, projection).view(4, -1, projection.block)
    found = fused(model, inputs, labels, projection).rows.view(expected.shape)
    for index, (name, _) in enumerate(model.named_parameters()):
        if name.endswith("key.bias"):  # zero in exact arithmetic
            assert found[:, index].abs().max() < 1e-12
        else:
            assert error(found[:, index], expected[:, index]) < 1e-10, name


def test_padding_order_and_batch_do_not_matter():
    model = classifier("xlmr", "sdpa", torch.float32)
    projection = Projection(8, stack=2)
    inputs, labels = batch([9, 4, 17, 2])
    rows = fused(model, inputs, labels, projection).rows
    padded, _ = batch([9, 4, 17, 2], pad_to=30)
    assert error(fused(model, padded, labels, projection).rows, rows) < 1e-6
    order = torch.tensor([2, 0, 3, 1])
    turned = {key: value[order] for key, value in inputs.items()}
    assert error(fused(model, turned, labels[order], projection).rows, rows[order]) < 1e-6
    half = {key: value[1:3] for key, value in inputs.items()}
    assert error(fused(model, half, labels[1:3], projection).rows, rows[1:3]) < 1e-6


def test_a_wrong_mask_shows():
    model = classifier("xlmr", "sdpa")
    inputs, labels = batch([9, 4, 17, 2])
    rows = fused(model, inputs, labels, Projection(8)).rows
    inputs["attention_mask"] = torch.ones_like(inputs["attention_mask"])
    wrong = fused(model, inputs, labels, Projection(8)).rows
    assert error(wrong[:2], rows[:2]) > 1e-2


def test_tied_weights_and_modules_used_twice_add_up():
    torch.manual_seed(0)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20, 16)
            self.twice = nn.Linear(16, 16)
            self.decode = nn.Linear(16, 20, bias=False)
            self.decode.weight = self.embed.weight

        def forward(self, ids):
            state = self.twice(torch.tanh(self.twice(self.embed(ids))))
            return self.decode(state.mean(1))

    model = Tied().double()
    ids, labels = torch.randint(0, 20, (5, 7)), torch.randint(0, 20, (5,))
    projection = Projection(8, stack=2)
    with GradientSketcher(model, projection, epoch=3) as sketch:
        found = sketch(lambda: cross_entropy(model(ids), labels, reduction="none"), 5).rows
    for row in range(5):
        loss = cross_entropy(model(ids[row : row + 1]), labels[row : row + 1])
        names, parameters = zip(*model.named_parameters(), strict=True)
        expected = torch.zeros(projection.block, dtype=torch.float64)
        for name, gradient in zip(names, torch.autograd.grad(loss, parameters), strict=True):
            map = projection.of(name, gradient.shape, 3)
            if isinstance(map, Dense):
                expected += map.matrix @ gradient.flatten()
            else:
                expected += torch.cat(
                    [
                        (a @ gradient @ b.T).flatten()
                        for a, b in zip(map.left.split(8), map.right.split(8), strict=True)
                    ]
                )
        assert error(found[row], expected) < 1e-10


def test_inner_products_are_unbiased():
    """The mean over seeds of ⟨Sx, Sy⟩ is within four standard errors of ⟨x, y⟩."""
    model = classifier("xlmr", "eager")
    inputs, labels = batch([9, 4])
    model.eval()
    exact = []
    for index in range(2):
        single = {key: value[index : index + 1] for key, value in inputs.items()}
        loss = cross_entropy(model(**single), labels[index : index + 1])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        exact.append(torch.cat([each.flatten() for each in gradients]))
    rows = [fused(model, inputs, labels, Projection(8, seed=seed)).rows for seed in range(200)]
    for left, right in [(0, 0), (0, 1), (1, 1)]:
        products = torch.stack([row[left] @ row[right] for row in rows])
        noise = products.std() / len(rows) ** 0.5
        assert abs(products.mean() - exact[left] @ exact[right]) < 4 * noise


def test_projections_are_the_same_everywhere_and_different_by_name_epoch_and_seed():
    shape = torch.Size([20, 30])
    first = Projection(16, seed=5).of("layer.weight", shape, epoch=2)
    assert torch.equal(first.left, Projection(16, seed=5).of("layer.weight", shape, 2).left)
    # Fixed for good: stores of gradients outlive the program that wrote them.
    expected = [-0.44574414631586956, -0.15833564111295167, -0.052922634810882906]
    assert first.left.shape == (16, 20) and first.right.shape == (16, 30)
    assert first.left[0, :3].tolist() == pytest.approx(expected, rel=1e-12)
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
    model = classifier("xlmr", "sdpa")
    model.train()
    model.encoder.embeddings.eval()
    frozen = model.head.hidden.weight
    frozen.requires_grad = False
    state = torch.get_rng_state()
    inputs, labels = batch([5, 3])
    with pytest.raises(RuntimeError, match="on purpose"):
        with GradientSketcher(model, Projection(8), epoch=1) as sketch:
            assert not model.training
            sketch(lambda: cross_entropy(model(**inputs), labels, reduction="none"), 2)
            raise RuntimeError("on purpose")
    assert model.training and model.head.training and not model.encoder.embeddings.training
    assert not frozen.requires_grad
    assert all(p.requires_grad for p in model.parameters() if p is not frozen)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_norms_are_estimated_and_skipped_parameters_left_out():
    model = classifier("xlmr", "sdpa")
    inputs, labels = batch([9, 4])
    skip = ("encoder.embeddings.*",)
    whole = fused(model, inputs, labels, Projection(8, combine="concat"))
    part = fused(model, inputs, labels, Projection(8, combine="concat"), skip=skip)
    kept = [not name.startswith("encoder.embeddings.") for name, _ in model.named_parameters()]
    blocks = whole.rows.view(2, len(kept), -1)
    assert torch.equal(part.rows, blocks[:, torch.tensor(kept)].flatten(1))
    name = "encoder.embeddings.word_embeddings.weight"
    assert torch.equal(part.square_norms[name], whole.square_norms[name])


def test_what_cannot_be_sketched_is_named():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.ones(4))

        def forward(self, x):
            return x * self.factor

    model = nn.Sequential(nn.Linear(4, 4), Scale())
    with pytest.raises(UserError, match="1.factor belongs to a Scale"):
        GradientSketcher(model, Projection(4), epoch=1)
    GradientSketcher(model, Projection(4), epoch=1, skip=("1.factor",))
    with pytest.raises(UserError, match=r"2\.\* fits no parameter"):
        GradientSketcher(model, Projection(4), epoch=1, skip=("2.*",))
    model = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    with pytest.raises(UserError, match="1.weight was not reached"):
        with GradientSketcher(model, Projection(2), epoch=1) as sketch:
            sketch(lambda: model[0](torch.ones(3, 4)).sum(1), 3)


@pytest.mark.parametrize(("value", "problem"), [(0.0, "zero"), (float("nan"), "not finite")])
def test_gradients_without_a_direction_are_named(value, problem):
    model = nn.Linear(3, 2)
    factors = torch.tensor([1.0, 1.0, value])
    x = torch.randn(3, 3)

    def losses(group):
        return model(x[group]).square().sum(1) * factors[group]

    with pytest.raises(UserError, match=f"example fr7 is {problem}"):
        sketch_examples(model, losses, ["de1", "en2", "fr7"], [1, 1, 1], Projection(2), epoch=1)


def test_batches_hold_every_example_once_within_the_budget():
    lengths = [5, 30, 2, 7, 7, 100, 1, 12]
    groups = batches(lengths, batch_tokens=40)
    assert sorted(sum(groups, [])) == list(range(8))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[i] for i in group) <= 40
    assert groups[0] == [5]  # longer than the budget: by itself
