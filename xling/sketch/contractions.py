"""What one module contributes to the sketch of each of its parameters' gradients.

Every function takes the module's input and the gradient at its output, both with the examples
along the first dimension, and returns a block (batch, stack·side²) per parameter. Kronecker
blocks are never formed from the gradient itself: the two factors of its outer products are
projected first, then contracted over the positions.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from xling.sketch.projection import Dense, Kronecker

Blocks = dict[str, Tensor]
Maps = Mapping[str, Kronecker | Dense]


def positions(tensor: Tensor) -> Tensor:
    """Flatten all but the first and last dimension: (batch, positions, features)."""
    return tensor.reshape(tensor.shape[0], -1, tensor.shape[-1])


def linear(module: nn.Linear, x: Tensor, gradient: Tensor, maps: Maps) -> Blocks:
    """Weight gradient Σ_t g_t x_tᵀ, bias gradient Σ_t g_t."""
    x, gradient = positions(x), positions(gradient)
    blocks = {}
    if "weight" in maps:
        blocks["weight"] = _outer(gradient, x, maps["weight"])
    if "bias" in maps:
        blocks["bias"] = gradient.sum(1) @ maps["bias"].matrix.T
    return blocks


def normalisation(module: nn.LayerNorm, x: Tensor, gradient: Tensor, maps: Maps) -> Blocks:
    """Weight gradient Σ_t g_t · x̂_t, bias gradient Σ_t g_t."""
    normal = layer_norm(x, module.normalized_shape, eps=module.eps)
    over = tuple(range(1, x.dim() - len(module.normalized_shape)))
    gradients = {"weight": (gradient * normal).sum(over), "bias": gradient.sum(over)}
    return {name: gradients[name].flatten(1) @ map.matrix.T for name, map in maps.items()}


def embedding(module: nn.Embedding, x: Tensor, gradient: Tensor, maps: Maps) -> Blocks:
    """Weight gradient Σ_t onehot(x_t) g_tᵀ; the padding row has none, as in autograd."""
    if "weight" not in maps:
        return {}
    tokens = x.flatten(1)
    gradient = positions(gradient)
    if module.padding_idx is not None:
        gradient = gradient * (tokens != module.padding_idx).unsqueeze(-1)
    map = maps["weight"]
    if isinstance(map, Kronecker):  # G1 onehot(token) is a column of G1
        return {"weight": map.outer(map.left.T[tokens], gradient @ map.right.T)}
    rows = gradient.new_zeros(len(x), module.num_embeddings, module.embedding_dim)
    rows.scatter_add_(1, tokens.unsqueeze(-1).expand_as(gradient), gradient)
    return {"weight": rows.flatten(1) @ map.matrix.T}


def _outer(left: Tensor, right: Tensor, map: Kronecker | Dense) -> Tensor:
    if isinstance(map, Kronecker):
        return map.outer(left @ map.left.T, right @ map.right.T)
    return torch.einsum("btm,btn->bmn", left, right).flatten(1) @ map.matrix.T


CONTRACTIONS: dict[type[nn.Module], Callable[..., Blocks]] = {
    nn.Linear: linear,
    nn.LayerNorm: normalisation,
    nn.Embedding: embedding,
}
"""The module types whose parameters can be sketched."""
