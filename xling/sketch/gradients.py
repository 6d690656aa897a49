"""Sketches of per-example gradients from one batched forward and backward pass."""

import dataclasses
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch

import torch
from torch import Tensor, nn

from xling.errors import UserError
from xling.sketch.contractions import CONTRACTIONS, Maps
from xling.sketch.projection import Projection


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which module contributes to which parameter, made once from a model.

    Attributes:
        owners: module → {its own parameter name: the parameter's name in the model}. Tied
            parameters have one name, so that the contributions of all their uses add up.
        sizes: numbers in each parameter, in the model's order.
        skipped: names of the parameters left out on purpose.
    """

    owners: dict[nn.Module, dict[str, str]]
    sizes: dict[str, int]
    skipped: tuple[str, ...]

    @property
    def covered(self) -> tuple[str, ...]:
        """Names of the parameters that the sketch holds."""
        return tuple(name for name in self.sizes if name not in self.skipped)


def plan(model: nn.Module, skip: tuple[str, ...] = ()) -> Plan:
    """Find the modules that own the model's parameters.

    Args:
        model: any module; its parameters must sit in Linear, LayerNorm or Embedding modules.
        skip: patterns (as in file names) of parameters to leave out.

    Raises:
        UserError: a parameter in a module of another type, or a pattern that fits no parameter.
    """
    names = {parameter: name for name, parameter in model.named_parameters()}
    skipped = [name for name in names.values() if any(fnmatch(name, each) for each in skip)]
    for pattern in skip:
        if not any(fnmatch(name, pattern) for name in names.values()):
            raise UserError(f"sketch.skip={pattern} fits no parameter of the model.")
    owners: dict[nn.Module, dict[str, str]] = {}
    for module in model.modules():
        own = {short: names[each] for short, each in module.named_parameters(recurse=False)}
        if type(module) in CONTRACTIONS:
            owners |= {module: own} if own else {}
            continue
        for name in own.values():
            if name not in skipped:
                raise UserError(
                    f"The parameter {name} belongs to a {type(module).__name__}, whose gradients "
                    f"cannot be sketched. To leave it out on purpose: 'sketch.skip=[{name}]'."
                )
    sizes = {name: parameter.numel() for parameter, name in names.items()}
    return Plan(owners, sizes, tuple(skipped))


@dataclasses.dataclass(frozen=True)
class Batch:
    """Sketches of one batch.

    Attributes:
        rows: (batch, dimensions), one sketched gradient per example.
        square_norms: parameter → (batch,) estimates of the squared norm of its gradient, also of
            parameters that were skipped but could be measured.
    """

    rows: Tensor
    square_norms: dict[str, Tensor]


class GradientSketcher:
    """Sketches the loss gradient of every example of a batch, with the model's weights frozen.

    The backward pass computes the gradients of activations only; hooks contract them with the
    activations themselves. Gradients are those of evaluation mode. Used as a context manager, it
    leaves the model as it found it: modes, `requires_grad` and hooks.

        with GradientSketcher(model, Projection(side=16), epoch=1) as sketch:
            rows = sketch(lambda: cross_entropy(model(x), y, reduction="none"), len(y)).rows

    Raises:
        UserError: see `plan`.
    """

    def __init__(
        self, model: nn.Module, projection: Projection, epoch: int, skip: tuple[str, ...] = ()
    ) -> None:
        self.model = model
        self.projection = projection
        self.plan = plan(model, skip)
        first = next(model.parameters())
        dtype = first.dtype if first.dtype == torch.float64 else torch.float32
        parameters = dict(model.named_parameters())
        maps = {
            name: projection.of(name, parameters[name].shape, epoch).to(first.device, dtype)
            for own in self.plan.owners.values()
            for name in own.values()
        }
        self.maps: dict[nn.Module, Maps] = {
            module: {short: maps[name] for short, name in own.items()}
            for module, own in self.plan.owners.items()
        }
        self.dtype = dtype
        self._restore: list[Callable[[], None]] = []

    def __enter__(self) -> "GradientSketcher":
        for module in self.model.modules():
            self._restore.append(_setter(module, "training", module.training))
        for parameter in self.model.parameters():
            self._restore.append(_setter(parameter, "requires_grad", parameter.requires_grad))
            parameter.requires_grad = False
        self.model.eval()
        return self

    def __exit__(self, *exception: object) -> None:
        for restore in reversed(self._restore):
            restore()
        self._restore.clear()

    def __call__(self, losses: Callable[[], Tensor], batch_size: int) -> Batch:
        """Sketch one batch.

        Args:
            losses: runs the model's forward pass and returns one loss per example, (batch,).
            batch_size: number of examples; every module must see them along dimension 0.
        """
        recorder = _Recorder(self, batch_size)
        with torch.enable_grad(), recorder.hooks():
            loss = losses()
            if loss.shape != (batch_size,):
                raise ValueError(f"expected {batch_size} losses, got shape {tuple(loss.shape)}")
            torch.autograd.grad(loss.sum(), recorder.leaves, allow_unused=True)
        return recorder.batch()


def _setter(target: object, name: str, value: bool) -> Callable[[], None]:
    return lambda: setattr(target, name, value)


class _Recorder:
    """The state of one call: where the graph starts, and the blocks collected so far."""

    def __init__(self, sketcher: GradientSketcher, batch_size: int) -> None:
        self.sketcher = sketcher
        self.batch_size = batch_size
        self.leaves: list[Tensor] = []
        self.called: set[str] = set()
        self.blocks: dict[str, Tensor] = {}

    @contextmanager
    def hooks(self) -> Iterator[None]:
        # A weak reference: a hook on a tensor of the graph would otherwise keep the graph alive.
        this = weakref.proxy(self)
        handles = [
            module.register_forward_hook(
                lambda *arguments: this.forward(*arguments), with_kwargs=True
            )
            for module in self.sketcher.plan.owners
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def forward(self, module: nn.Module, args: tuple, kwargs: dict, output: Tensor) -> Tensor:
        """Note a module's input, and have its contribution made when the gradient arrives."""
        x = (args[0] if args else kwargs["input"]).detach()
        if isinstance(module, nn.Embedding) and len(x) == 1 < self.batch_size:
            # One row of positions or token types serves the whole batch: give each its own.
            x = x.expand(self.batch_size, *x.shape[1:])
            output = output.expand(self.batch_size, *output.shape[1:])
        own = self.sketcher.plan.owners[module]
        if len(x) != self.batch_size:
            raise UserError(
                f"{next(iter(own.values()))}: its module sees {len(x)} rows for a batch of "
                f"{self.batch_size}; gradients of single examples cannot be told apart there. "
                f"To leave it out on purpose: 'sketch.skip=[{next(iter(own.values()))}]'."
            )
        if not output.requires_grad:  # the graph starts here, behind the frozen weights
            output = output.detach().requires_grad_()
            self.leaves.append(output)
        self.called.update(own.values())
        this = weakref.proxy(self)
        output.register_hook(lambda gradient: this.backward(module, x, gradient))
        return output

    def backward(self, module: nn.Module, x: Tensor, gradient: Tensor) -> None:
        """Add the module's contribution to its parameters' blocks."""
        dtype = self.sketcher.dtype
        if x.is_floating_point():
            x = x.to(dtype)
        maps = self.sketcher.maps[module]
        own = self.sketcher.plan.owners[module]
        with torch.autocast(x.device.type, enabled=False):
            blocks = CONTRACTIONS[type(module)](module, x, gradient.to(dtype), maps)
        for short, block in blocks.items():
            name = own[short]
            self.blocks[name] = self.blocks[name] + block if name in self.blocks else block

    def batch(self) -> Batch:
        """Combine the blocks; a parameter that the loss does not depend on has a zero gradient."""
        sketcher = self.sketcher
        for name in sketcher.plan.covered:
            if name not in self.called:
                raise UserError(
                    f"The parameter {name} was not reached: its module is never called in the "
                    f"forward pass. To leave it out on purpose: 'sketch.skip=[{name}]'."
                )
        like = next(iter(self.blocks.values()))
        empty = like.new_zeros(self.batch_size, sketcher.projection.block)
        covered = [self.blocks.get(name, empty) for name in sketcher.plan.covered]
        if sketcher.projection.combine == "concat":
            rows = torch.cat(covered, dim=1)
        else:
            rows = torch.stack(covered).sum(0)
        norms = {name: block.square().sum(1) for name, block in self.blocks.items()}
        return Batch(rows, norms)
