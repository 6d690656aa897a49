"""Sketches of per-example gradients from one batched forward and backward pass."""

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from fnmatch import fnmatch
from functools import cache

import torch
from torch import Tensor, nn

from xling.errors import UserError, nearest
from xling.sketch.frozen import frozen
from xling.sketch.projection import Map, Projection
from xling.sketch.recorder import Recorder, leave_out


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which parameters a sketch holds.

    Attributes:
        sizes: numbers in each parameter, in the model's order; tied ones are there once.
        skipped: names of the parameters left out on purpose.
    """

    sizes: dict[str, int]
    skipped: tuple[str, ...]

    @property
    def covered(self) -> tuple[str, ...]:
        """Names of the parameters that the sketch holds."""
        return tuple(name for name in self.sizes if name not in self.skipped)

    def dimensions(self, projection: Projection) -> int:
        """Return the numbers per example and sketch."""
        blocks = [projection.block(self.sizes[name]) for name in self.covered]
        return blocks[0] if projection.added else sum(blocks)


def plan(model: nn.Module, skip: tuple[str, ...] = ()) -> Plan:
    """List a model's parameters and those to leave out.

    Args:
        skip: patterns (as in file names) of parameters to leave out.

    Raises:
        UserError: a pattern that fits no parameter, or patterns that leave none.
    """
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    for pattern in skip:
        if not any(fnmatch(name, pattern) for name in sizes):
            raise UserError(
                f"sketch.skip={pattern} fits no parameter of the model.{nearest(pattern, sizes)}"
            )
    skipped = tuple(name for name in sizes if any(fnmatch(name, each) for each in skip))
    if len(skipped) == len(sizes):
        raise UserError(f"sketch.skip=[{','.join(skip)}] leaves no parameter to sketch.")
    return Plan(sizes, skipped)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Sketches of one batch.

    Attributes:
        rows: (batch, dimensions), one sketched gradient per example, its twin's numbers behind.
        square_norms: parameter → (batch,) estimates of the squared norm of its gradient, also of
            parameters that were skipped but could be measured.
        gates: weight → (batch, heads) gradients of gates of one on the slices of its input.
    """

    rows: Tensor
    square_norms: dict[str, Tensor]
    gates: dict[str, Tensor]


class GradientSketcher:
    """Sketches the loss gradient of every example of a batch, with the model's weights frozen.

    The backward pass computes the gradients of activations only; each use of a parameter is met
    where it happens, and its gradient's factors are projected. Gradients are those of evaluation
    mode. Used as a context manager, it leaves the model as it found it: modes, `requires_grad` and
    the state of the random numbers.

        with GradientSketcher(model, Projection(side=16), epoch=1) as sketch:
            rows = sketch(lambda: cross_entropy(model(x), y, reduction="none"), len(y)).rows

    Linear layers are not computed where nothing depends on them: at the padding (of an embedding
    table that has a padding row), and where a batch of one showed before that all but the first
    position is idle. On the way back the gradient there must turn out to be zero; if it does not,
    the batch is computed again in full.

    Args:
        model: any module; a parameter may be used by several modules, or several times.
        projection: of the gradients.
        epoch: names the checkpoint; every epoch has random matrices of its own.
        skip: patterns of parameters to leave out.
        heads: name of a weight of a linear layer → number of slices of its input, such as an
            attention output projection's heads, whose gates' gradients are wanted.

    Raises:
        UserError: see `plan`.
    """

    def __init__(
        self,
        model: nn.Module,
        projection: Projection,
        epoch: int,
        skip: tuple[str, ...] = (),
        heads: Mapping[str, int] | None = None,
    ) -> None:
        self.model = model
        self.projection = projection
        self.plan = plan(model, skip)
        self.heads = heads or {}
        parameters = dict(model.named_parameters())
        for name in self.heads:
            if name not in parameters:
                raise UserError(f"heads: no parameter {name}.{nearest(name, parameters)}")
        self.device = next(iter(parameters.values())).device
        self._names = {id(parameter): name for name, parameter in parameters.items()}
        self._constants = {id(buffer) for buffer in model.buffers()}

        @cache
        def single(name: str) -> Map:
            made = projection.of(name, parameters[name].shape, epoch)
            exact = parameters[name].dtype
            exact = exact if exact == torch.float64 else torch.float32
            return made.to(self.device, exact)

        @cache
        def maps(name: str, dtype: torch.dtype) -> Map:
            return single(name).to(self.device, dtype)

        @cache
        def cast(parameter: Tensor, dtype: torch.dtype) -> Tensor:
            return parameter.detach().to(dtype)

        self._maps, self._cast = maps, cast
        self._firsts: set[str] = set()
        self._rest = ExitStack()

    def __enter__(self) -> "GradientSketcher":
        self._rest.enter_context(frozen(self.model))
        return self

    def __exit__(self, *exception: object) -> None:
        self._rest.close()

    def __call__(self, losses: Callable[[], Tensor], batch_size: int) -> Batch:
        """Sketch one batch.

        Args:
            losses: runs the model's forward pass and returns one loss per example, (batch,). Now
                and then it is called twice.
            batch_size: number of examples; the model must hold them along dimension 0.

        Raises:
            UserError: a parameter that is never used, or in a way that cannot be sketched.
        """
        recorder = self._run(losses, batch_size, self._firsts)
        if recorder.idle.assumption_failed():
            recorder = self._run(losses, batch_size, None)
        return self._batch(recorder)

    def _run(
        self, losses: Callable[[], Tensor], batch_size: int, firsts: set[str] | None
    ) -> Recorder:
        """Run forward and backward once."""
        recorder = Recorder(
            self._names,
            self._constants,
            self._maps,
            self._cast,
            self.plan.skipped,
            self.heads,
            firsts,
            batch_size,
            self.device,
        )
        try:
            with torch.enable_grad(), recorder:
                loss = losses()
            if loss.shape != (batch_size,):
                raise ValueError(f"expected {batch_size} losses, got shape {tuple(loss.shape)}")
            with torch.autocast(self.device.type, enabled=False):
                torch.autograd.grad(loss.sum(), recorder.root, allow_unused=True)
                recorder.finish()
        finally:
            recorder.release()
        return recorder

    def _batch(self, recorder: Recorder) -> Batch:
        """Combine the blocks; a parameter that the loss does not depend on has a zero gradient."""
        for name in self.plan.covered:
            if name not in recorder.used:
                raise UserError(
                    f"The parameter {name} was not reached: it is never used in the forward "
                    f"pass. {leave_out(name)}"
                )
        if not recorder.blocks:
            raise UserError("The losses depend on no parameter of the model.")
        like = next(iter(recorder.blocks.values()))
        covered = [
            recorder.blocks[name]
            if name in recorder.blocks
            else like.new_zeros(
                recorder.batch,
                self.projection.copies * self.projection.block(self.plan.sizes[name]),
            )
            for name in self.plan.covered
        ]
        copies = self.projection.copies
        if self.projection.added:
            rows = sum(covered)
        else:
            sides = [block.view(recorder.batch, copies, -1) for block in covered]
            rows = torch.cat(sides, dim=2).flatten(1)
        lengths = [torch.linalg.vector_norm(block, dim=1) for block in recorder.blocks.values()]
        norms = torch.stack(lengths).square() / copies
        return Batch(rows, dict(zip(recorder.blocks, norms, strict=True)), recorder.gates)
