"""How much the loss depends on each attention head: the gradient at its gate."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from xling.sketch.examples import batches
from xling.sketch.frozen import frozen
from xling.subnetwork.gates import gated

Losses = Callable[[list[int]], Tensor]


def head_gradients(
    model: nn.Module, losses: Callable[[], Tensor], mask: np.ndarray, examples: int
) -> Tensor:
    """Return ∂L(x)/∂ξ of every example of a batch, (examples, layers, heads), from one pass.

    Every example has gates of its own, so that one backward pass tells their gradients apart.

    Args:
        losses: runs the model on the batch, in evaluation mode, one loss per example.
        mask: (layers, heads) the gates' values, at which the gradients are taken.
    """
    with frozen(model):
        device = next(model.parameters()).device
        values = torch.from_numpy(mask.astype(np.float32)).to(device)
        gates = values.expand(examples, *mask.shape).clone().requires_grad_()
        with torch.enable_grad(), gated(model, gates):
            total = losses().sum()
        return torch.autograd.grad(total, gates)[0]


def head_importance(
    model: nn.Module,
    losses: Losses,
    lengths: Sequence[int],
    mask: np.ndarray,
    *,
    normalize: bool = False,
    batch_tokens: int = 2048,
    progress: Callable[[list[list[int]]], Iterable[list[int]]] = lambda groups: groups,
) -> np.ndarray:
    """Return HI = E_x |∂L(x)/∂ξ|, (layers, heads), in float64.

    The absolute value of each example's gradient is taken, then the mean (Choenni et al. 2024,
    eq. 1; Michel et al. 2019, eq. 2), not that of the batch's mean loss.

    Args:
        losses: runs the model on the examples of these indices, one loss each.
        lengths: tokens of each example.
        mask: (layers, heads) the heads that are on meanwhile.
        normalize: divide by the norm of the layer's importances, over the heads that are on
            (Michel et al. 2019, §4.1).
        batch_tokens: see `xling.sketch.examples.batches`.
        progress: wraps the batches.
    """
    total = np.zeros(mask.shape)
    for group in progress(batches(lengths, batch_tokens)):
        found = head_gradients(model, lambda group=group: losses(group), mask, len(group))
        total += found.abs().double().sum(0).cpu().numpy()
    importance = total / len(lengths)
    if normalize:
        norms = np.linalg.norm(np.where(mask, importance, 0), axis=1, keepdims=True)
        importance = np.divide(importance, norms, out=np.zeros_like(importance), where=norms > 0)
    return importance
