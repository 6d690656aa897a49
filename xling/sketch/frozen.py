"""A model at rest: evaluation mode, frozen weights, and everything restored afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import nn


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Freeze a model's weights in evaluation mode while the block runs, then restore it.

    Modes, `requires_grad` and the state of the random number generators are restored, also after an
    error.

    Raises:
        ValueError: the model has no parameters.
    """
    if next(model.parameters(), None) is None:
        raise ValueError(f"{type(model).__name__} has no parameters, so it has no gradients.")
    with ExitStack() as stack:
        stack.callback(_random_state(next(model.parameters()).device))
        for module in model.modules():
            stack.callback(partial(setattr, module, "training", module.training))
        for parameter in model.parameters():
            stack.callback(partial(setattr, parameter, "requires_grad", parameter.requires_grad))
            parameter.requires_grad = False
        model.eval()
        yield


def _random_state(device: torch.device) -> Callable[[], None]:
    state = torch.get_rng_state()
    if device.type != "cuda":
        return lambda: torch.set_rng_state(state)
    on_device = torch.cuda.get_rng_state(device)

    def restore() -> None:
        torch.set_rng_state(state)
        torch.cuda.set_rng_state(on_device, device)

    return restore
