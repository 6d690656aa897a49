"""Gates ξ on attention heads: 0 switches a head off, exactly, whatever computes the attention."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial

from torch import Tensor, nn

from xling.errors import UserError
from xling.subnetwork.attention import Attention, attentions


@contextmanager
def gated(model: nn.Module, gates: Tensor) -> Iterator[None]:
    """Multiply every head's state by its gate while the block runs; leave the model as it was.

    The gate stands before the projection that joins the heads, so a gate of zero equals zeroing the
    head's columns there (Michel et al. 2019, §2.3; ξ in Choenni et al. 2024, §3.1). Heads of
    queries are gated one by one also where several share their keys and values. Works in training
    and evaluation mode and under every implementation of attention; gradients reach the gates.

    Args:
        gates: (layers, heads) for all examples, or (batch, layers, heads) for each its own.

    Raises:
        UserError: gates of another shape than the model's; or, when the model has run, a layer
            whose heads' projection was passed by.
    """
    layers = attentions(model)
    wanted = (len(layers), layers[0].heads)
    if gates.dim() not in (2, 3) or gates.shape[-2:] != wanted:
        raise UserError(
            f"gates of shape {tuple(gates.shape)}: the model has {wanted[0]} layers of {wanted[1]} "
            "heads, so (layers, heads) or (batch, layers, heads) is expected."
        )
    calls = [0] * len(layers)
    with ExitStack() as stack:
        for index, layer in enumerate(layers):
            gate = partial(_multiply, layer, gates.select(-2, index), calls, index)
            hook = model.get_submodule(layer.output).register_forward_pre_hook(gate)
            stack.callback(hook.remove)
        yield
    for layer, count in zip(layers, calls, strict=True):
        if count != max(calls):
            raise UserError(
                f"{layer.output} was called {count} times where other layers' were called "
                f"{max(calls)} times: its heads were not gated as theirs."
            )


def gated_by_group(
    model: nn.Module, gates: Tensor | None, groups: Tensor
) -> AbstractContextManager[None]:
    """Return `gated` with the gates of each example's group; nothing is gated if there are none.

    Args:
        gates: (groups, layers, heads).
        groups: (batch,) the group of each example, such as its language.
    """
    if gates is None:
        return nullcontext()
    return gated(model, gates.to(groups.device)[groups])


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
    wide = gates.to(states.dtype).repeat_interleave(layer.size, dim=-1)  # (..., heads * size)
    if gates.dim() == 2:
        if states.dim() != 3 or len(states) != len(gates):
            raise UserError(
                f"{layer.output}: gates for {len(gates)} examples, but its input has the shape "
                f"{tuple(states.shape)}; gates of each example need (batch, length, width)."
            )
        wide = wide.unsqueeze(1)
    return (states * wide, *inputs[1:])
