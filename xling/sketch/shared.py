"""What a model computes from its parameters alone, and where that meets the examples.

DeBERTa normalises and projects its table of relative positions once for the whole batch; an RMS
norm multiplies every example by one vector. After the point where such a shared value meets the
examples, every example has a gradient of its own; before it, the ordinary backward pass would add
them up. So the graph is cut there: each example's gradient at the cut is kept, and propagated
through the shared part by itself.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ELEMENTWISE = {
    f"{before}{name}{after}"
    for name in ("add", "sub", "mul", "div", "true_divide", "truediv")
    for before, after in [("", ""), ("__", "__"), ("__r", "__"), ("", "_"), ("__i", "__")]
} | {"rsub", "multiply", "subtract", "divide"}


class Cut(torch.autograd.Function):
    """A shared value as the examples see it; their gradients go to `note`, no further back."""

    @staticmethod
    def forward(ctx: Any, root: Tensor, value: Tensor, note: Callable[[Tensor], None]) -> Tensor:
        """Return the value."""
        ctx.note = note
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        """Note the gradient."""
        ctx.note(*gradients)
        return None, None, None


def join_rule(
    function: Callable, args: tuple, kwargs: dict, position: int, batch: int
) -> tuple[Callable[[Callable[[Tensor], Tensor]], Tensor], Callable[[Tensor], Tensor]] | None:
    """Find out how a call joins a shared value, its argument at `position`, with the examples.

    Returns:
        A function that runs the call, given a function that cuts the expanded value; and a function
        that turns the gradient at the cut into one gradient of the shared value per example,
        (batch, *shape). None for a call in which examples cannot be told apart.
    """
    name = getattr(function, "__name__", "")
    value = args[position]
    if name in ("repeat", "expand") and position == 0:
        return _repeated(value, function, args, kwargs, batch)
    others = [arg for i, arg in enumerate(args) if i != position and isinstance(arg, Tensor)]
    if len(others) != 1:
        return None
    if name in ELEMENTWISE:
        shape = torch.broadcast_shapes(value.shape, others[0].shape)
        aligned = (1,) * (len(shape) - value.dim()) + tuple(value.shape)
        if shape[0] != batch or aligned[0] != 1:
            return None

        def run(cut: Callable[[Tensor], Tensor]) -> Tensor:
            expanded = cut(value.detach().expand(shape))
            return function(*_replaced(args, position, expanded), **kwargs)

        def per_example(gradient: Tensor) -> Tensor:
            summed = [i for i in range(1, len(shape)) if aligned[i] == 1 and shape[i] > 1]
            if summed:
                gradient = gradient.sum(summed, keepdim=True)
            return gradient.reshape(batch, *value.shape)

        return run, per_example
    left = others[0]
    matrix = name in ("matmul", "__matmul__", "linear") and position == 1 and value.dim() == 2
    if not matrix or kwargs or len(args) > 2 or left.dim() < 2 or left.shape[0] != batch:
        return None

    def multiply(cut: Callable[[Tensor], Tensor]) -> Tensor:
        matrices = cut(value.detach().expand(batch, *value.shape))
        matrices = matrices.mT if name == "linear" else matrices
        product = left.reshape(batch, -1, left.shape[-1]) @ matrices
        return product.reshape(*left.shape[:-1], -1)

    return multiply, lambda gradient: gradient


def _repeated(
    value: Tensor, function: Callable, args: tuple, kwargs: dict, batch: int
) -> tuple[Callable, Callable] | None:
    """Return the join rule of `repeat` and `expand` where they do nothing but add the batch."""
    sizes = list(args[1]) if isinstance(args[1], (tuple, list, torch.Size)) else list(args[1:])
    unchanged = [1] * value.dim() if function.__name__ == "repeat" else list(value.shape)
    rest = [
        kept if size == -1 else size for size, kept in zip(sizes[1:], unchanged[1:], strict=False)
    ]
    first = 1 if function.__name__ == "repeat" else value.shape[0]
    if len(sizes) != value.dim() or sizes[0] != batch or rest != unchanged[1:] or first != 1:
        return None
    return (
        lambda cut: cut(function(value.detach(), *args[1:], **kwargs)),
        lambda gradient: gradient.reshape(batch, *value.shape),
    )


def _replaced(args: tuple, position: int, value: Tensor) -> tuple:
    return (*args[:position], value, *args[position + 1 :])


def per_example_gradients(
    outputs: list[Tensor], cotangents: list[Tensor], leaves: list[Tensor], root: Tensor, index: int
) -> list[Tensor | None]:
    """Take one example's gradients at the cuts through the shared part of the graph.

    Args:
        outputs: shared values that were joined with the examples.
        cotangents: their gradients, (batch, *shape) each.
        leaves: parameters that the shared part begins with.
        root: keeps calls that begin with frozen tables in the graph.
        index: of the example.
    """
    gradients = torch.autograd.grad(
        outputs,
        [*leaves, root],  # the root, as there may be no leaf: tables are frozen calls
        [cotangent[index] for cotangent in cotangents],
        retain_graph=True,
        allow_unused=True,
    )
    return list(gradients[: len(leaves)])
