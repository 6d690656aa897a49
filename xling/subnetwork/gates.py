"""Gates ξ on attention heads: 0 switches a head off, exactly, whatever computes the attention."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from xling.subnetwork.attention import Attention, attentions


@contextmanager
def gated(model: nn.Module, gates: Tensor) -> Iterator[None]:
    """Multiply every head's state by its gate while the block runs; the model is restored.

    The gate precedes the projection that joins the heads, so a gate of zero equals zeroing the
    head's columns there (Michel et al. 2019, §2.3; ξ in Choenni et al. 2024, §3.1). Heads of
    queries are gated one by one even where several share their keys and values. Works in training
    and evaluation mode and with every implementation of attention; gradients reach the gates.

    Args:
        gates: (layers, heads) for all examples, or (batch, layers, heads) for each example.

    Raises:
        ValueError: gates of a shape other than the model's, or that are not finite numbers; or,
            after the model has run, a layer whose heads were bypassed.
    """
    layers = attentions(model)
    _check_gates(gates, (len(layers), layers[0].heads))
    calls = [0] * len(layers)
    with ExitStack() as stack:
        for index, layer in enumerate(layers):
            gate = partial(_multiply, layer, gates.select(-2, index), calls, index)
            hook = model.get_submodule(layer.output).register_forward_pre_hook(gate)
            stack.callback(hook.remove)
        yield
    for layer, count in zip(layers, calls, strict=True):
        if count != max(calls):
            raise ValueError(
                f"{layer.output} was called {count} times where other layers' were called "
                f"{max(calls)} times: its heads bypassed their gates."
            )


def gated_by_group(
    model: nn.Module, gates: Tensor | None, groups: Tensor
) -> AbstractContextManager[None]:
    """Return `gated` with the gates of each example's group; without gates, nothing is gated.

    Args:
        gates: (groups, layers, heads).
        groups: (batch,) the group of each example, such as its language, from 0.

    Raises:
        ValueError: groups that are not integers from 0 on, below the number of gates; see `gated`.
    """
    if gates is None:
        return nullcontext()
    if not isinstance(gates, Tensor) or gates.dim() != 3:
        raise ValueError("gates: a tensor (groups, layers, heads) is expected.")
    if not isinstance(groups, Tensor) or groups.dim() != 1 or groups.dtype not in INTEGERS:
        raise ValueError("groups: a tensor of integers (batch,) is expected, one per example.")
    # On a GPU looking would mean waiting; there, indexing fails for groups beyond the gates.
    if groups.device.type == "cpu" and not bool(((groups >= 0) & (groups < len(gates))).all()):
        raise ValueError(f"groups: there are gates of {len(gates)} groups, 0 to {len(gates) - 1}.")
    return gated(model, gates.to(groups.device)[groups])


INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def _check_gates(gates: object, shape: tuple[int, int]) -> None:
    if not isinstance(gates, Tensor) or gates.is_complex():
        raise ValueError("gates: a tensor of real numbers is expected.")
    if gates.dim() not in (2, 3) or gates.shape[-2:] != shape:
        raise ValueError(
            f"gates of shape {tuple(gates.shape)}: the model has {shape[0]} layers of {shape[1]} "
            "heads, so (layers, heads) or (batch, layers, heads) is expected."
        )
    # On a GPU looking would mean waiting.
    if gates.device.type == "cpu" and not bool(torch.isfinite(gates).all()):
        raise ValueError("gates: every gate has to be finite; there are NaN or infinite ones.")


def _multiply(
    layer: Attention,
    gates: Tensor,
    calls: list[int],
    index: int,
    module: nn.Module,
    inputs: tuple[Tensor, ...],
) -> tuple[Tensor, ...]:
    """Multiply the slices of a projection's input, (batch, length, heads * size)."""
    calls[index] += 1
    states = inputs[0]
    factors = gates.to(states.dtype).repeat_interleave(layer.size, dim=-1)  # (..., heads * size)
    if gates.dim() == 2:
        if states.dim() != 3 or len(states) != len(gates):
            raise ValueError(
                f"{layer.output}: gates for {len(gates)} examples, but its input has the shape "
                f"{tuple(states.shape)}; gates per example need (batch, length, width)."
            )
        factors = factors.unsqueeze(1)
    return (states * factors, *inputs[1:])
