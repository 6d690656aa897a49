"""How much the loss depends on each attention head: the gradient at its gate."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from xling.errors import ArgumentError
from xling.sketch.arguments import check_bool, token_counts, whole_number
from xling.sketch.examples import Losses, batches
from xling.sketch.frozen import frozen
from xling.sketch.gradients import check_losses
from xling.subnetwork.attention import shape
from xling.subnetwork.gates import gated
from xling.subnetwork.masks import check_mask


def head_gradients(
    model: nn.Module, losses: Callable[[], Tensor], mask: np.ndarray, examples: int
) -> Tensor:
    """Return ∂L(x)/∂ξ of every example of a batch, (examples, layers, heads), from one pass.

    Every example has gates of its own, so that one backward pass keeps their gradients apart.

    Args:
        losses: runs the model on the batch, in evaluation mode, and returns one loss per example.
        mask: (layers, heads) values of the gates at which the gradients are taken: booleans, or
            finite numbers.
        examples: number of examples in the batch.

    Raises:
        ValueError: values of another shape or type, another number of losses, or losses that do not
            depend on the heads.
    """
    examples = whole_number("examples", examples)
    _check_values(mask, shape(model))
    with frozen(model):
        device = next(model.parameters()).device
        values = torch.from_numpy(mask.astype(np.float32)).to(device)
        gates = values.expand(examples, *mask.shape).clone().requires_grad_()
        with torch.enable_grad(), gated(model, gates):
            loss = losses()
            check_losses(loss, examples)
            total = loss.sum()
        gradient = None
        if total.requires_grad:
            (gradient,) = torch.autograd.grad(total, gates, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "The losses depend on no head: losses has to run the model and return the losses as "
            "they are, not detached."
        )
    return gradient


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

    The absolute value is taken of each example's gradient, before the mean (Choenni et al. 2024,
    eq. 1; Michel et al. 2019, eq. 2), not of the gradient of the batch's mean loss.

    Args:
        losses: runs the model on the examples with these indices and returns one loss each.
        lengths: tokens of each example.
        mask: (layers, heads) True for the heads that are on during the pass.
        normalize: divide by the norm of the layer's importances, over the heads that are on
            (Michel et al. 2019, §4.1).
        batch_tokens: see `xling.sketch.examples.batches`.
        progress: wraps the batches.

    Raises:
        ArgumentError: a gradient at a head that is on is not finite.
        ValueError: no examples, lengths that are not whole numbers from 1 on, or not a mask of
            the model's heads; see `head_gradients`.
    """
    check_bool("normalize", normalize)
    lengths = token_counts(lengths)
    check_mask(mask, shape(model))
    total = np.zeros(mask.shape)
    for group in progress(batches(lengths, batch_tokens)):
        gradients = head_gradients(model, lambda group=group: losses(group), mask, len(group))
        total += gradients.abs().double().sum(0).cpu().numpy()
    if not np.isfinite(total[mask]).all():
        raise ArgumentError("losses", "Some gradients of the losses at the heads are not finite.")
    importance = total / len(lengths)
    if normalize:
        norms = np.linalg.norm(np.where(mask, importance, 0), axis=1, keepdims=True)
        importance = np.divide(importance, norms, out=np.zeros_like(importance), where=norms > 0)
    return importance


def _check_values(values: object, expected: tuple[int, int]) -> None:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        raise ValueError("mask: a numpy array of booleans or numbers is expected.")
    if values.shape != expected:
        raise ValueError(
            f"mask of shape {values.shape}: the model has {expected[0]} layers of {expected[1]} "
            "heads."
        )
    if not np.isfinite(values).all():
        raise ValueError("mask: every value has to be finite; there are NaN or infinite ones.")
