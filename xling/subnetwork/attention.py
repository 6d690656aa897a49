"""Where the attention heads of a model are: the projections that make and that join them."""

import dataclasses

from torch import nn

from xling.errors import UserError


@dataclasses.dataclass(frozen=True)
class Family:
    """How a family of models names the projections of an attention module.

    Attributes:
        inputs: make queries, keys and values: one each, or one for all, side by side.
        output: joins the heads; its input is the heads' states side by side.
        also: others that make keys or queries, in some models of the family.
    """

    inputs: tuple[str, ...]
    output: str
    also: tuple[str, ...] = ()


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
        heads: number of heads (of queries, where several share keys and values).
        size: numbers in a head's state.
        inputs, output: names of the projections that make and that join the heads.
    """

    name: str
    heads: int
    size: int
    inputs: tuple[str, ...]
    output: str

    @property
    def packed(self) -> bool:
        """Whether one projection makes queries, keys and values, side by side."""
        return len(self.inputs) == 1


def attentions(model: nn.Module) -> list[Attention]:
    """Find the attention of every layer, in the order of the model's modules.

    Raises:
        UserError: an attention module of a family that is not known, naming it; none at all; or
            layers that differ in their number of heads.
    """
    modules = dict(model.named_modules())
    found = [
        attention
        for name, module in modules.items()
        for family in FAMILIES.values()
        if (attention := _attention(model, name, module, family))
    ]
    known = [each.name for each in found]
    for name, module in modules.items():
        if "Attention" in type(module).__name__ and not any(_related(name, at) for at in known):
            raise UserError(
                f"The heads of {name or 'the model'} ({type(module).__name__}) cannot be switched "
                f"off: its projections are named as in no model that is known "
                f"({'; '.join(FAMILIES)})."
            )
    if not found:
        raise UserError(
            f"{type(model).__name__} has no attention heads, so it has no subnetworks of them."
        )
    if len({each.heads for each in found}) > 1:
        counts = ", ".join(f"{each.name} {each.heads}" for each in found)
        raise UserError(f"The layers differ in their number of heads ({counts}).")
    return found


def shape(model: nn.Module) -> tuple[int, int]:
    """Return the numbers of layers and of heads in a layer: the shape of a head mask."""
    found = attentions(model)
    return len(found), found[0].heads


def _attention(model: nn.Module, name: str, module: nn.Module, family: Family) -> Attention | None:
    if not all(_holds(module, each) for each in (*family.inputs, family.output)):
        return None
    heads = _heads(model, name)
    width = _width(module.get_submodule(family.output))
    if width % heads:
        raise UserError(f"{name}: a width of {width} cannot be divided among {heads} heads.")
    prefix = f"{name}." if name else ""
    inputs = (*family.inputs, *(each for each in family.also if _holds(module, each)))
    return Attention(
        name, heads, width // heads, tuple(prefix + each for each in inputs), prefix + family.output
    )


def _holds(module: nn.Module, path: str) -> bool:
    """Tell whether a module has a child at a dotted path."""
    for name in path.split("."):
        module = module._modules.get(name)
        if module is None:
            return False
    return True


def _heads(model: nn.Module, name: str) -> int:
    """Return the number of heads that the configuration nearest to a module tells."""
    path = name.split(".")
    for end in range(len(path), -1, -1):
        around = model.get_submodule(".".join(path[:end]))
        heads = getattr(getattr(around, "config", None), "num_attention_heads", None)
        if heads:
            return heads
    raise UserError(f"{name}: no configuration tells its number of heads (num_attention_heads).")


def _width(projection: nn.Module) -> int:
    """Return the size of a projection's input; transformers' `Conv1D` keeps its weight turned."""
    return getattr(projection, "in_features", None) or projection.weight.shape[0]


def _related(name: str, known: str) -> bool:
    """Tell whether a module is a known attention, is a part of it or holds it."""
    inside = name == known or name.startswith(f"{known}." if known else "")
    return inside or known.startswith(f"{name}." if name else "")
