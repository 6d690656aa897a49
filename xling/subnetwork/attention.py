"""Where the attention heads of a model are: the projections that form and join them."""

import dataclasses

from torch import nn

from xling.errors import ArgumentError


@dataclasses.dataclass(frozen=True)
class Family:
    """How a family of models names the projections of an attention module.

    Attributes:
        inputs: produce queries, keys and values: one projection for each, or one for all, side by
            side.
        output: joins the heads; its input is the heads' states side by side.
        optional: further ones that produce keys or queries, in some models of the family.
    """

    inputs: tuple[str, ...]
    output: str
    optional: tuple[str, ...] = ()


FAMILIES = {
    "BERT, RoBERTa, XLM-R, ELECTRA": Family(
        ("self.query", "self.key", "self.value"), "output.dense"
    ),
    "DeBERTa-v2, DeBERTa-v3": Family(
        ("self.query_proj", "self.key_proj", "self.value_proj"),
        "output.dense",
        ("self.pos_key_proj", "self.pos_query_proj"),
    ),
    "DistilBERT, XLM": Family(("q_lin", "k_lin", "v_lin"), "out_lin"),
    "Llama, Mistral, Qwen": Family(("q_proj", "k_proj", "v_proj"), "o_proj"),
    "MPNet": Family(("attn.q", "attn.k", "attn.v"), "attn.o"),
    "T5, mT5": Family(("q", "k", "v"), "o"),
    "ModernBERT": Family(("Wqkv",), "Wo"),
    "GPT-2": Family(("c_attn",), "c_proj"),
}


@dataclasses.dataclass(frozen=True)
class Attention:
    """The attention of one layer.

    Attributes:
        name: of its module.
        heads: number of heads (of queries, if several share keys and values).
        size: numbers in a head's state.
        inputs, output: names of the projections that form the heads, and of the one that joins
            them.
    """

    name: str
    heads: int
    size: int
    inputs: tuple[str, ...]
    output: str

    @property
    def packed(self) -> bool:
        """Whether one projection produces queries, keys and values, side by side."""
        return len(self.inputs) == 1


def attentions(model: nn.Module) -> list[Attention]:
    """Find the attention of every layer, in the order of the model's modules.

    Raises:
        ArgumentError: an attention module of an unknown family, naming it; no attention at all; or
            layers that differ in their number of heads.
    """
    modules = dict(model.named_modules())
    layers = [
        attention
        for name, module in modules.items()
        for family in FAMILIES.values()
        if (attention := _attention(model, name, module, family))
    ]
    known = [layer.name for layer in layers]
    for name, module in modules.items():
        if "Attention" in type(module).__name__ and not any(_related(name, at) for at in known):
            raise ArgumentError(
                "model",
                f"The heads of {name or 'the model'} ({type(module).__name__}) cannot be switched "
                f"off: its projections are named as in none of the known families "
                f"({'; '.join(FAMILIES)}).",
            )
    if not layers:
        raise ArgumentError(
            "model",
            f"{type(model).__name__} has no attention heads, so it has no subnetworks of them.",
        )
    if len({layer.heads for layer in layers}) > 1:
        counts = ", ".join(f"{layer.name} {layer.heads}" for layer in layers)
        raise ArgumentError("model", f"The layers differ in their number of heads ({counts}).")
    return layers


def shape(model: nn.Module) -> tuple[int, int]:
    """Return the number of layers and of heads per layer: the shape of a head mask."""
    layers = attentions(model)
    return len(layers), layers[0].heads


def _attention(model: nn.Module, name: str, module: nn.Module, family: Family) -> Attention | None:
    if not all(_holds(module, path) for path in (*family.inputs, family.output)):
        return None
    heads = _heads(model, name)
    width = _width(module.get_submodule(family.output))
    if width % heads:
        raise ArgumentError(
            "model", f"{name}: a width of {width} cannot be divided among {heads} heads."
        )
    prefix = f"{name}." if name else ""
    inputs = (*family.inputs, *(path for path in family.optional if _holds(module, path)))
    return Attention(
        name, heads, width // heads, tuple(prefix + path for path in inputs), prefix + family.output
    )


def _holds(module: nn.Module, path: str) -> bool:
    """Tell whether a module has a child at a dotted path."""
    for name in path.split("."):
        child = module._modules.get(name)
        if child is None:
            return False
        module = child
    return True


def _heads(model: nn.Module, name: str) -> int:
    """Return the number of heads by the configuration of the nearest module that has one."""
    path = name.split(".")
    for end in range(len(path), -1, -1):
        parent = model.get_submodule(".".join(path[:end]))
        heads = getattr(getattr(parent, "config", None), "num_attention_heads", None)
        if heads:
            return heads
    raise ArgumentError(
        "model", f"{name}: no configuration has its number of heads (num_attention_heads)."
    )


def _width(projection: nn.Module) -> int:
    """Return the size of a projection's input; transformers' `Conv1D` stores its weight as Wᵀ."""
    width = getattr(projection, "in_features", None)
    return width or projection.get_parameter("weight").shape[0]


def _related(name: str, known: str) -> bool:
    """Tell whether a module is a known attention, is part of it or contains it."""
    inside = name == known or name.startswith(f"{known}." if known else "")
    return inside or known.startswith(f"{name}." if name else "")
