"""Head gates, importance and head weights of several model families."""

import numpy as np
import pytest
import torch
from encoders import DECODERS, ENCODERS, batch, build, combined, error, projected
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel

from xling.sketch import GradientSketcher, Projection
from xling.subnetwork import attentions, gated, head_gradients, head_importance, head_weights
from xling.subnetwork.attention import shape

ATTENTION = [
    (kind, how)
    for kind in [*ENCODERS, *DECODERS]
    for how in ("eager", "sdpa")
    if not (kind == "deberta" and how == "sdpa")  # transformers has no sdpa for it
]
INPUTS, LABELS = batch([9, 5, 7])
MASK = np.array([[1, 0, 1, 1], [0, 1, 0, 1]], bool)


def gates(mask: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(mask.astype(np.float32))


def zeroed(model: nn.Module, mask: np.ndarray) -> None:
    """Zero the columns of the output projections that belong to heads that are off."""
    with torch.no_grad():
        for layer, attention in enumerate(attentions(model)):
            projection = model.get_submodule(attention.output)
            for head in np.flatnonzero(~mask[layer]):
                columns = slice(head * attention.size, (head + 1) * attention.size)
                turned = not isinstance(projection, nn.Linear)
                (projection.weight if turned else projection.weight.T)[columns] = 0


@pytest.mark.parametrize(("kind", "how"), ATTENTION)
@pytest.mark.parametrize("training", [False, True])
def test_a_head_that_is_off_equals_zeroed_columns(kind, how, training):
    model, other = build(kind, how).train(training), build(kind, how).train(training)
    zeroed(other, MASK)
    torch.manual_seed(3)
    with gated(model, gates(MASK)):
        outputs = model(**INPUTS)
    torch.manual_seed(3)
    assert torch.equal(outputs, other(**INPUTS))
    torch.manual_seed(3)
    assert not torch.allclose(outputs, model(**INPUTS))  # and after the block all heads are on


@pytest.mark.parametrize(("kind", "how"), ATTENTION)
def test_a_mask_per_example_acts_as_in_a_batch_of_one(kind, how):
    model = build(kind, how).eval()
    masks = np.stack([MASK, ~MASK, np.ones_like(MASK)])
    with gated(model, gates(masks)):
        together = model(**INPUTS)
    for index, mask in enumerate(masks):
        one = {key: value[index : index + 1] for key, value in INPUTS.items()}
        with gated(model, gates(mask)):
            assert torch.allclose(together[index : index + 1], model(**one), atol=1e-12)


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) for module in model.modules())


def test_the_model_is_restored_after_an_error():
    model = build("xlmr")
    with pytest.raises(ZeroDivisionError), gated(model, gates(MASK)):
        assert hooks(model) == 2
        raise ZeroDivisionError
    assert hooks(model) == 0
    model.train()
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        head_gradients(model, lambda: 1 / 0, MASK, 3)
    assert hooks(model) == 0 and model.training and torch.equal(before, torch.get_rng_state())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(("kind", "how"), ATTENTION)
def test_importance_equals_a_loop_over_single_examples(kind, how):
    model = build(kind, how).train()

    def losses(group):
        inputs = {key: value[group] for key, value in INPUTS.items()}
        return cross_entropy(model(**inputs), LABELS[group], reduction="none")

    lengths = INPUTS["attention_mask"].sum(1).tolist()
    importance = head_importance(model, losses, lengths, MASK)
    model.eval()
    gradients = []
    for index, length in enumerate(lengths):
        one = {key: value[index : index + 1, :length] for key, value in INPUTS.items()}
        gate = gates(MASK).double().requires_grad_()
        with gated(model, gate):
            loss = cross_entropy(model(**one), LABELS[index : index + 1])
        gradients.append(torch.autograd.grad(loss, gate)[0])
    expected = torch.stack(gradients).abs().mean(0).numpy()
    np.testing.assert_allclose(importance, expected, rtol=1e-6, atol=1e-9)
    mean = torch.stack(gradients).mean(0).abs().numpy()
    assert not np.allclose(importance, mean, rtol=1e-2)  # not the gradient of the mean loss
    normal = head_importance(model, losses, lengths, MASK, normalize=True)
    assert np.allclose(np.linalg.norm(np.where(MASK, normal, 0), axis=1), 1)
    ratios = normal / importance
    assert np.allclose(ratios, ratios[:, :1])  # the order within a layer stays


def test_importance_equals_the_gates_of_a_sketch_pass():
    """Two ways to the same gradients: gates of each example, and the sketch pass's own."""
    model = build("xlmr")
    names = {f"{attention.output}.weight": attention.heads for attention in attentions(model)}

    def losses():
        return cross_entropy(model(**INPUTS), LABELS, reduction="none")

    with GradientSketcher(model, Projection(side=2), 1, heads=names) as sketch:
        gate_gradients = sketch(losses, 3).gates
    stacked = torch.stack([gate_gradients[name] for name in names], dim=1)
    whole = np.ones_like(MASK)
    assert torch.allclose(stacked.float(), head_gradients(model, losses, whole, 3), atol=1e-6)


@pytest.mark.parametrize("kind", [*ENCODERS, *DECODERS])
def test_only_weights_of_heads_that_are_off_have_no_gradient(kind):
    model = build(kind, "eager").eval()
    off = np.array([[0, 0, 1, 1], [1, 1, 0, 0]], bool)  # pairs: llama shares keys among two heads
    with gated(model, gates(off)):
        cross_entropy(model(**INPUTS), LABELS).backward()
    for weight in head_weights(model):
        indices = weight.off(off)
        gradient = weight.parameter.grad.movedim(weight.dimension, 0)
        assert 0 < len(indices) < len(gradient)
        assert (gradient[indices] == 0).all()
        others = torch.ones(len(gradient), dtype=bool)
        others[indices] = False
        if gradient.dim() == 2:  # a key's bias has no gradient anyway: softmax does not see it
            assert gradient[others].abs().sum(1).gt(0).all()


def test_keys_and_values_that_heads_share_stay_while_one_of_them_is_on():
    model = build("llama")
    weights = {id(weight.parameter): weight for weight in head_weights(model)}
    first = model.get_submodule(attentions(model)[0].name)
    mask = np.ones((2, 4), bool)
    mask[0, 0] = False
    assert len(weights[id(first.q_proj.weight)].off(mask)) == 8
    assert len(weights[id(first.k_proj.weight)].off(mask)) == 0
    mask[0, 1] = False
    assert weights[id(first.v_proj.weight)].off(mask).tolist() == list(range(8))


def test_models_whose_heads_are_not_known_are_refused():
    class OtherAttention(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(4, 4)

    model = build("bert")
    model.encoder.encoder.layer[1].attention = OtherAttention()
    with pytest.raises(ValueError, match=r"encoder\.encoder\.layer\.1\.attention \(OtherAttention"):
        attentions(model)
    with pytest.raises(ValueError, match="has no attention heads"):
        attentions(nn.Linear(2, 2))
    torch.manual_seed(0)
    plain = BertModel(BertConfig(hidden_size=32, num_attention_heads=4, num_hidden_layers=1))
    assert shape(plain) == (1, 4)


def test_gates_of_another_shape_are_refused():
    model = build("xlmr")
    with (
        pytest.raises(ValueError, match=r"\(3, 4\).*2 layers of 4"),
        gated(model, torch.ones(3, 4)),
    ):
        pass
    with pytest.raises(ValueError, match="gates for 2 examples"), gated(model, torch.ones(2, 2, 4)):
        model(**INPUTS)


def test_a_layer_that_is_bypassed_is_an_error():
    model = build("xlmr")
    with (
        pytest.raises(ValueError, match=r"layer\.1\.attention.*called 0 times"),
        gated(model, gates(MASK)),
    ):
        model.encoder.encoder.layer[0](torch.zeros(1, 3, 32, dtype=torch.float64))


@pytest.mark.parametrize("kind", [*ENCODERS, *DECODERS])
def test_sketches_through_masks_are_those_of_single_examples(kind):
    """A batch whose examples have masks of their own, against autograd one example at a time."""
    model, projection = build(kind, "eager").eval(), Projection(side=4, stack=2)
    masks = np.stack([MASK, ~MASK, np.ones_like(MASK)])

    def losses():
        with gated(model, gates(masks)):
            return cross_entropy(model(**INPUTS), LABELS, reduction="none")

    with GradientSketcher(model, projection, 1) as sketch:
        rows = sketch(losses, 3).rows
    names, parameters = zip(*model.named_parameters(), strict=True)
    expected = []
    for index, mask in enumerate(masks):
        length = int(INPUTS["attention_mask"][index].sum())
        one = {key: value[index : index + 1, :length] for key, value in INPUTS.items()}
        with gated(model, gates(mask)):
            loss = cross_entropy(model(**one), LABELS[index : index + 1])
        gradients = torch.autograd.grad(loss, parameters)
        expected.append(dict(zip(names, gradients, strict=True)))
    tolerance = 1e-5 if kind == "llama" else 1e-10  # its norms are in fp32 by themselves
    assert error(rows, combined(projected(expected, projection), projection)) < tolerance
