"""Whether the examples of a batch can be told apart: found out on two of them, before a pass.

A model may hold its examples along another dimension than the first, let padding change what it
computes, or use parameters in calls that pass through no function that could be intercepted. Each
shows when one example is sketched by itself and with another.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from xling.errors import ArgumentError
from xling.sketch.gradients import GradientSketcher
from xling.sketch.projection import Projection
from xling.sketch.recorder import Recorder
from xling.sketch.shared import InseparableError

TOLERANCE = {
    torch.float64: (1e-6, 1e-9),
    torch.float32: (1e-3, 1e-5),
    torch.float16: (2e-2, 2e-3),
    torch.bfloat16: (1e-1, 1e-2),
}
"""How far a parameter's block may differ: relative to itself, and to the whole gradient.

The second is for blocks that are zero in theory, such as that of a key's bias."""

Losses = Callable[[list[int]], Tensor]


def reason_to_separate(
    sketcher: GradientSketcher,
    losses: Losses,
    ids: Sequence[str],
    lengths: Sequence[int],
    batch_tokens: int | None,
) -> str:
    """Find out whether examples have to be sketched one at a time, and why; "" if not.

    A short example is sketched alone, which also shows idle positions, and beside a long one: in
    the parameters' own precision, as autocast would hide an error of several percent.

    Args:
        sketcher: inside its `with` block.
        losses, ids, lengths: see `sketch_examples`.
        batch_tokens: of the batches; None if that is not known yet.

    Raises:
        ArgumentError: examples that influence each other, also without padding; or a parameter
            whose gradient does not arrive where it could be sketched. The parameter is named.
    """
    pair = _pair(lengths, batch_tokens)
    # Whole gradients might not fit into memory; preconditioned ones have no small blocks.
    if sketcher.projection.method == "exact" or sketcher.maps:
        with GradientSketcher(
            sketcher.model, Projection(8), sketcher.epoch, sketcher.plan.skipped
        ) as small:
            reason = _reason(small, losses, ids, lengths, pair)
            sketcher.learn(small)
            return reason
    return _reason(sketcher, losses, ids, lengths, pair)


def _pair(lengths: Sequence[int], batch_tokens: int | None) -> list[int]:
    """Return a short example of two tokens or more, and before it the longest one that may join it.

    Only the short one if there is no second, or if no batch may hold two.
    """
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    short = next((index for index in order if lengths[index] > 1), order[0])
    fitting = [
        index
        for index in order
        if index != short
        and (batch_tokens is None or 2 * max(lengths[index], lengths[short]) <= batch_tokens)
    ]
    return [fitting[-1], short] if fitting else [short]


def _reason(
    sketcher: GradientSketcher,
    losses: Losses,
    ids: Sequence[str],
    lengths: Sequence[int],
    pair: list[int],
) -> str:
    short, others = pair[-1], pair[:-1]
    coarsest = max(
        (parameter.dtype for parameter in sketcher.model.parameters()),
        key=lambda dtype: TOLERANCE.get(dtype, (0.0,))[0],
    )
    with torch.autocast(sketcher.device.type, enabled=False):
        alone = sketcher.record(lambda: losses([short]), 1)
        _check_reached(sketcher, lambda: losses([short]), alone)
        if not others:
            return ""
        try:
            together = sketcher.record(lambda: losses(pair), 2)
        except InseparableError as error:
            return error.reason
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            return f"a batch of them fails ({str(error).splitlines()[0]})"
        names = f"examples {ids[others[0]]} and {ids[short]}"
        name, difference = _worst(alone, together, coarsest, sketcher.device)
        if not name:
            sketcher.learn_spreads(together)
            return ""
        parameter = dict(sketcher.model.named_parameters())[name]
        padded = not _alike(parameter, losses, [short], pair, coarsest)
        mixed = padded and lengths[short] >= lengths[others[0]]  # without any padding
        if mixed or not _alike(parameter, losses, others, pair, coarsest):
            raise ArgumentError(
                "model",
                f"The gradient of example {ids[short]} beside another differs from its gradient "
                f"alone: by {difference:.1%} for {name}. The {names} influence each other: the "
                "model must treat the examples of a batch independently.",
            )
    if padded:
        return "padding changes what the model computes"
    return (
        f"the gradient of {name} in a batch differs by {difference:.1%} from that of an example "
        "alone"
    )


def _alike(
    parameter: Tensor, losses: Losses, one: list[int], pair: list[int], dtype: torch.dtype
) -> bool:
    """Tell by autograd whether an example's gradient is the same alone and in a pair.

    Losses would not tell: those of a model that is not trained yet hardly depend on what it reads.
    """
    parameter.requires_grad = True
    try:
        with torch.enable_grad():
            own = [losses(group)[group.index(one[0])] for group in (one, pair)]
            gradients = [
                torch.autograd.grad(loss, parameter, allow_unused=True, materialize_grads=True)[0]
                for loss in own
            ]
    finally:
        parameter.requires_grad = False
    alone, together = (gradient.double() for gradient in gradients)
    return float((alone - together).norm()) <= TOLERANCE[dtype][0] * float(alone.norm())


def _worst(
    alone: Recorder, together: Recorder, dtype: torch.dtype, device: torch.device
) -> tuple[str, float]:
    """Return the parameter whose blocks differ most, and by how much; "" if by rounding alone."""
    ours = {name: block[0].double() for name, block in alone.blocks.items()}
    theirs = {name: block[-1].double() for name, block in together.blocks.items()}
    names = list(dict.fromkeys([*ours, *theirs]))
    whole = torch.stack([ours[name].norm() for name in ours]).norm()
    own, floor = TOLERANCE[dtype]
    if device.type == "cuda" and torch.get_float32_matmul_precision() != "highest":
        own, floor = max(own, 2e-2), max(floor, 1e-3)
    worst, most = "", 0.0
    for name in names:
        mine, other = ours.get(name), theirs.get(name)
        mine = torch.zeros_like(other) if mine is None else mine  # type: ignore[arg-type]
        other = torch.zeros_like(mine) if other is None else other
        size = max(float(mine.norm()), float(other.norm()))
        difference = float((mine - other).norm())
        if difference > own * size + floor * float(whole) and difference / size > most:
            worst, most = name, difference / size
    return worst, most


def _check_reached(
    sketcher: GradientSketcher, losses: Callable[[], Tensor], alone: Recorder
) -> None:
    """Refuse a parameter without a gradient here that has one by autograd."""
    silent = [name for name in sketcher.plan.covered if name not in alone.blocks]
    if not silent:
        return
    parameters = dict(sketcher.model.named_parameters())
    chosen = [parameters[name] for name in silent]
    try:
        for parameter in chosen:
            parameter.requires_grad = True
        with torch.enable_grad():
            loss = losses()
        if not loss.requires_grad:
            return
        gradients = torch.autograd.grad(loss.sum(), chosen, allow_unused=True)
    finally:
        for parameter in chosen:
            parameter.requires_grad = False
    for name, gradient in zip(silent, gradients, strict=True):
        if gradient is not None and bool(gradient.count_nonzero()):
            raise ArgumentError(
                "skip",
                f"The parameter {name} is used in a call that cannot be followed, such as a "
                "function with a backward pass of its own, so its gradient cannot be sketched. To "
                "leave it out on purpose, list it in skip.",
                f"[{name}]",
            )
