"""Small encoders of several families, and their gradients by autograd, one example at a time."""

import torch
from conftest import PAD, SHAPE
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from xling.models.classifier import Classifier
from xling.sketch import GradientSketcher, Projection
from xling.sketch.projection import CountSketch, Dense

ENCODERS = ["bert", "xlmr", "distilbert", "deberta"]
DECODERS = ["llama", "gpt2"]


class Logits(nn.Module):
    """A model of transformers that returns its logits alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> Tensor:
        return self.model(**inputs).logits


def build(kind: str, attention: str = "sdpa", dtype: torch.dtype = torch.float64) -> nn.Module:
    """Return a model of a family, with no parameter at a special value."""
    torch.manual_seed(0)
    common = dict(attn_implementation=attention)
    if kind == "bert":
        encoder = BertModel(BertConfig(**SHAPE, type_vocab_size=2, **common), False)
    elif kind == "xlmr":
        encoder = XLMRobertaModel(XLMRobertaConfig(**SHAPE, type_vocab_size=1, **common), False)
    elif kind == "distilbert":
        names = dict(dim=32, hidden_dim=48, n_layers=2, n_heads=4)
        encoder = DistilBertModel(
            DistilBertConfig(
                vocab_size=60, max_position_embeddings=40, pad_token_id=PAD, **names, **common
            )
        )
    elif kind == "deberta":
        encoder = DebertaV2Model(
            DebertaV2Config(
                **SHAPE,
                type_vocab_size=0,
                relative_attention=True,
                position_buckets=8,
                share_att_key=True,
                pos_att_type=["p2c", "c2p"],
                norm_rel_ebd="layer_norm",
                position_biased_input=False,
                **common,
            )
        )
    elif kind == "llama":
        config = LlamaConfig(**SHAPE, num_key_value_heads=2, num_labels=3, **common)
        encoder = LlamaForSequenceClassification(config)
    else:
        shape = dict(n_embd=32, n_layer=2, n_head=4, n_positions=40, vocab_size=60)
        config = GPT2Config(**shape, pad_token_id=PAD, num_labels=3, **common)
        encoder = GPT2ForSequenceClassification(config)
    model = (Logits(encoder) if kind in DECODERS else Classifier(encoder, classes=3)).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def batch(lengths: list[int], pad_to: int | None = None) -> tuple[dict[str, Tensor], Tensor]:
    """Return inputs of these lengths, padded, and labels."""
    generator = torch.Generator().manual_seed(1)
    width = pad_to or max(lengths)
    ids = torch.full((len(lengths), width), PAD)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(4, 60, (length,), generator=generator)
        ids[row, 0] = 0
    labels = torch.randint(0, 3, (len(lengths),), generator=generator)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long()}, labels


def fused(model, inputs, labels, projection, epoch=1, taught=False, **options):
    """Sketch a batch; if `taught`, an example alone has shown before which positions are idle."""
    with GradientSketcher(model, projection, epoch, **options) as sketch:
        if taught:
            one = {key: value[:1] for key, value in inputs.items()}
            sketch(lambda: cross_entropy(model(**one), labels[:1], reduction="none"), 1)
        return sketch(lambda: cross_entropy(model(**inputs), labels, reduction="none"), len(labels))


def gradients(model: nn.Module, inputs: dict, labels: Tensor) -> list[dict[str, Tensor]]:
    """Return each example's gradients by autograd, alone and without padding."""
    model.eval()
    names, parameters = zip(*model.named_parameters(), strict=True)
    examples = []
    for index in range(len(labels)):
        length = int(inputs["attention_mask"][index].sum())
        single = {key: value[index : index + 1, :length] for key, value in inputs.items()}
        loss = cross_entropy(model(**single), labels[index : index + 1])
        examples.append(dict(zip(names, torch.autograd.grad(loss, parameters), strict=True)))
    return examples


def projected(examples: list[dict[str, Tensor]], projection: Projection, epoch: int = 1) -> Tensor:
    """Project gradients with the explicit matrices, (examples, parameters, block)."""
    blocks = [
        [explicit(name, gradient, projection, epoch) for name, gradient in example.items()]
        for example in examples
    ]
    return torch.stack([torch.stack(example) for example in blocks])


def explicit(name: str, gradient: Tensor, projection: Projection, epoch: int) -> Tensor:
    """Project one gradient, G1 D G2ᵀ for each projection of the stack."""
    map = projection.of(name, gradient.shape, epoch).to(gradient.device, gradient.dtype)
    if isinstance(map, Dense):
        return map.scale * map.matrix @ gradient.flatten()
    if isinstance(map, CountSketch):
        buckets = torch.zeros(map.members.shape[2], dtype=gradient.dtype)
        for members, sign in zip(map.members[0], map.signs[0], strict=True):
            buckets += sign * gradient.flatten()[members]
        return buckets
    pairs = zip(map.left.split(projection.side), map.right.split(projection.side), strict=True)
    return torch.cat([(left @ gradient @ right.T).flatten() for left, right in pairs])


def combined(blocks: Tensor, projection: Projection) -> Tensor:
    """Sum the parameters' blocks, or concatenate them."""
    return blocks.sum(1) if projection.added else blocks.flatten(1)


def error(rows: Tensor, expected: Tensor) -> float:
    """Return the largest relative error of a row."""
    return float(((rows - expected).norm(dim=-1) / expected.norm(dim=-1)).max())


def against_autograd(model: nn.Module, x: torch.Tensor, labels: torch.Tensor) -> None:
    """Check a model's sketches against autograd, in a batch and alone."""
    examples = []
    for row, label in zip(x.split(1), labels.split(1), strict=True):
        names, parameters = zip(*model.named_parameters(), strict=True)
        own = torch.autograd.grad(cross_entropy(model(row), label), parameters)
        examples.append(dict(zip(names, own, strict=True)))
    for projection in (Projection(8, stack=2), Projection(2, method="dense")):
        expected = combined(projected(examples, projection), projection)
        with GradientSketcher(model, projection, epoch=1) as sketch:
            rows = sketch(lambda: cross_entropy(model(x), labels, reduction="none"), len(x)).rows
            alone = sketch(lambda: cross_entropy(model(x[:1]), labels[:1], reduction="none"), 1)
        assert error(rows, expected) < 1e-10
        assert error(alone.rows, expected[:1]) < 1e-10
