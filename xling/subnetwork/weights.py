"""Which weights belong to which head, so that a mask can be applied to gradients and steps."""

import dataclasses

import numpy as np
import torch
from torch import Tensor, nn

from xling.subnetwork.attention import Attention, attentions
from xling.subnetwork.masks import check_mask


@dataclasses.dataclass(frozen=True)
class HeadWeight:
    """A parameter with slices that belong to heads.

    Attributes:
        parameter: the parameter.
        dimension: that the slices lie along.
        layer: number of the heads' layer, from 0.
        layers: number of layers of the model.
        owner: (size of that dimension,) the head of each slice; a slice that heads share belongs to
            the first of `shared` consecutive heads.
        shared: number of consecutive heads that share a slice: it is off when all of them are.
    """

    parameter: nn.Parameter
    dimension: int
    layer: int
    layers: int
    owner: np.ndarray
    shared: int

    def off(self, mask: np.ndarray) -> Tensor:
        """Return the indices along the dimension that a mask (layers, heads) switches off.

        Raises:
            ValueError: a mask of another shape or type.
        """
        check_mask(mask)
        heads = int(self.owner.max()) + self.shared
        if mask.shape != (self.layers, heads):
            raise ValueError(
                f"a mask of shape {mask.shape}: the model has {self.layers} layers of {heads} "
                "heads."
            )
        on = mask[self.layer].reshape(-1, self.shared).any(1).repeat(self.shared)
        indices = np.flatnonzero(~on[self.owner])
        return torch.from_numpy(indices).to(self.parameter.device)


def head_weights(model: nn.Module) -> list[HeadWeight]:
    """List the parameters in which every head has slices of its own, weights and biases.

    These are rows of the projections that produce queries, keys and values, and columns of the one
    that joins the heads, whose bias belongs to no head. Where several heads share keys and values,
    those rows are off only when all of these heads are.
    """
    weights = []
    attention_layers = attentions(model)
    layers = len(attention_layers)
    for layer, attention in enumerate(attention_layers):
        for name in attention.inputs:
            projection = model.get_submodule(name)
            weight, transposed = projection.get_parameter("weight"), _transposed(projection)
            owner, shared = _owners(attention, weight.shape[1 if transposed else 0])
            weights.append(HeadWeight(weight, int(transposed), layer, layers, owner, shared))
            if isinstance(projection.bias, nn.Parameter):
                weights.append(HeadWeight(projection.bias, 0, layer, layers, owner, shared))
        output = model.get_submodule(attention.output)
        owner = np.arange(attention.heads).repeat(attention.size)
        dimension = int(not _transposed(output))
        weight = output.get_parameter("weight")
        weights.append(HeadWeight(weight, dimension, layer, layers, owner, 1))
    return weights


def _owners(attention: Attention, outputs: int) -> tuple[np.ndarray, int]:
    """Return the head of each output of an input projection, and how many heads share one."""
    if attention.packed:  # queries, keys and values side by side
        return np.tile(np.arange(attention.heads).repeat(attention.size), 3), 1
    groups = outputs // attention.size
    shared = attention.heads // groups
    return (np.arange(groups) * shared).repeat(attention.size), shared


def _transposed(projection: nn.Module) -> bool:
    """Tell whether a projection stores its weight as (inputs, outputs), as `Conv1D` does."""
    return not isinstance(projection, nn.Linear)
