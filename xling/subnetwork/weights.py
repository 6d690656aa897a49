"""Which weights belong to which head, so that a mask can be laid over gradients and steps."""

import dataclasses

import numpy as np
import torch
from torch import Tensor, nn

from xling.subnetwork.attention import Attention, attentions


@dataclasses.dataclass(frozen=True)
class HeadWeight:
    """A parameter with slices that belong to heads.

    Attributes:
        parameter: the parameter.
        dimension: along which the slices lie.
        layer: of the heads.
        owner: (size of that dimension,) the head of each slice; a slice that heads share belongs to
            the first of `shared` heads in a row.
        shared: how many heads in a row share a slice: it is off when all of them are.
    """

    parameter: nn.Parameter
    dimension: int
    layer: int
    owner: np.ndarray
    shared: int

    def off(self, mask: np.ndarray) -> Tensor:
        """Return the places along the dimension that a mask (layers, heads) leaves out."""
        on = mask[self.layer].reshape(-1, self.shared).any(1).repeat(self.shared)
        places = np.flatnonzero(~on[self.owner])
        return torch.from_numpy(places).to(self.parameter.device)


def head_weights(model: nn.Module) -> list[HeadWeight]:
    """List the parameters of which each head has its slices, weights and biases.

    Rows of the projections that make queries, keys and values, columns of the one that joins the
    heads; its bias belongs to no head. Where several heads share keys and values, those rows are
    left out only when none of these heads is on.
    """
    found = []
    for layer, attention in enumerate(attentions(model)):
        for name in attention.inputs:
            projection = model.get_submodule(name)
            turned = _turned(projection)
            outputs = projection.weight.shape[1 if turned else 0]
            owner, shared = _owners(attention, outputs)
            found.append(HeadWeight(projection.weight, int(turned), layer, owner, shared))
            if projection.bias is not None:
                found.append(HeadWeight(projection.bias, 0, layer, owner, shared))
        joined = model.get_submodule(attention.output)
        owner = np.arange(attention.heads).repeat(attention.size)
        found.append(HeadWeight(joined.weight, int(not _turned(joined)), layer, owner, 1))
    return found


def _owners(attention: Attention, outputs: int) -> tuple[np.ndarray, int]:
    """Return the head of each output of an input projection, and how many heads share one."""
    if attention.packed:  # queries, keys and values side by side
        return np.tile(np.arange(attention.heads).repeat(attention.size), 3), 1
    groups = outputs // attention.size
    shared = attention.heads // groups
    return (np.arange(groups) * shared).repeat(attention.size), shared


def _turned(projection: nn.Module) -> bool:
    """Tell whether a projection keeps its weight as (inputs, outputs), as `Conv1D` does."""
    return not isinstance(projection, nn.Linear)
