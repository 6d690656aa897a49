"""Which functions have a rule of their own, and how their arguments are read."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from xling.sketch.calls import EmbeddingLookup, LayerNorm, Linear, Maps


def _present(**parameters: Tensor | None) -> dict[str, Tensor]:
    return {role: tensor for role, tensor in parameters.items() if tensor is not None}


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple:
    def make(parameters: dict, maps: Maps, cast: Callable, batch: int, heads: int) -> Linear:
        return Linear(parameters["weight"], parameters.get("bias"), maps, cast, batch, heads=heads)

    return input, _present(weight=weight, bias=bias), make


def _addmm(input: Tensor, mat1: Tensor, mat2: Tensor, **scales: Any) -> tuple:
    def make(parameters: dict, maps: Maps, cast: Callable, batch: int, heads: int) -> Linear:
        weight, bias = parameters["weight"], parameters["bias"]
        return Linear(weight, bias, maps, cast, batch, transposed=True, heads=heads)

    return mat1, {} if scales else _present(weight=mat2, bias=input), make


def _embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> tuple:
    def make(
        parameters: dict, maps: Maps, cast: Callable, batch: int, heads: int
    ) -> EmbeddingLookup:
        return EmbeddingLookup(parameters["weight"], padding_idx, maps, batch)

    if max_norm is not None or scale_grad_by_freq:
        return input, {}, make  # one example's gradient depends on the others
    return input, _present(weight=weight), make


def _layer_norm(
    input: Tensor,
    normalized_shape: list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> tuple:
    def make(parameters: dict, maps: Maps, cast: Callable, batch: int, heads: int) -> LayerNorm:
        weight, bias = parameters.get("weight"), parameters.get("bias")
        return LayerNorm(normalized_shape, weight, bias, eps, maps, batch)

    return input, _present(weight=weight, bias=bias), make


RULES: dict[Callable, Callable[..., tuple]] = {
    functional.linear: _linear,
    torch.addmm: _addmm,
    functional.embedding: _embedding,
    functional.layer_norm: _layer_norm,
}
"""Functions with a rule of their own: arguments → input, parameters by role, maker of the call.
Any other use of a parameter goes through `shared`."""
