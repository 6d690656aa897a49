"""Sketches of per-example gradients from one batched forward and backward pass."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from fnmatch import fnmatch
from functools import cache

import torch
from torch import Tensor, nn

from xling.errors import ArgumentError, nearest
from xling.sketch.arguments import strings, whole_number
from xling.sketch.frozen import frozen
from xling.sketch.parts import part_of
from xling.sketch.projection import Map, Projection, check_projection
from xling.sketch.recorder import Recorder


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which parameters a sketch holds.

    Attributes:
        sizes: parameter → numbers in it, in the model's order; tied parameters are listed once.
        skipped: names of the parameters left out on purpose.
    """

    sizes: dict[str, int]
    skipped: tuple[str, ...]

    @property
    def covered(self) -> tuple[str, ...]:
        """Names of the parameters that the sketch holds."""
        return tuple(name for name in self.sizes if name not in self.skipped)

    def parts(self, projection: Projection) -> dict[str, list[str]]:
        """Return part of the model → its parameters that are sketched, if they are kept apart."""
        members: dict[str, list[str]] = {}
        for name in self.covered if projection.by_part else ():
            members.setdefault(part_of(name), []).append(name)
        return members

    def dimensions(self, projection: Projection) -> int:
        """Return the numbers per example in one sketch."""
        blocks = [projection.block(self.sizes[name]) for name in self.covered]
        return blocks[0] if projection.added else sum(blocks)


def plan(model: nn.Module, skip: tuple[str, ...] = ()) -> Plan:
    """List a model's parameters and those to leave out.

    Args:
        skip: patterns (as in file names) of parameters to leave out.

    Raises:
        ArgumentError: a pattern that fits no parameter, or patterns that leave none.
        ValueError: a single string instead of a sequence, or a model without parameters.
    """
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    if not sizes:
        raise ValueError(f"{type(model).__name__} has no parameters, so it has no gradients.")
    patterns = strings("skip", skip)
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in sizes):
            raise ArgumentError(
                "skip",
                f"The pattern {pattern!r} in skip matches no parameter of the model."
                f"{nearest(pattern, sizes)}",
            )
    skipped = tuple(name for name in sizes if any(fnmatch(name, p) for p in patterns))
    if len(skipped) == len(sizes):
        raise ArgumentError(
            "skip", f"With skip={list(patterns)}, no parameter of the model is left to sketch."
        )
    return Plan(sizes, skipped)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Sketches of one batch.

    Attributes:
        rows: (batch, sketches · dimensions), one sketched gradient per example, followed by its
            twin if there is one, and by those of the model's parts if they are kept apart.
        square_norms: parameter → (batch,) estimates of the squared norm of its gradient, which is
            zero if the losses do not depend on it; skipped parameters are included unless they are
            used in a way that cannot be sketched.
        gates: weight → (batch, heads) gradients at gates of one on the slices of its input.
    """

    rows: Tensor
    square_norms: dict[str, Tensor]
    gates: dict[str, Tensor]


class GradientSketcher:
    """Sketches the loss gradient of every example of a batch, with the model's weights frozen.

    The backward pass computes the gradients of activations only; every use of a parameter is
    intercepted where it happens, and the factors of its gradient are projected. Gradients are
    those of evaluation mode. It is used as a context manager, which restores the model afterwards:
    modes, `requires_grad` and the state of the random number generators.

        with GradientSketcher(model, Projection(side=16), epoch=1) as sketch:
            rows = sketch(lambda: cross_entropy(model(x), y, reduction="none"), len(y)).rows

    Linear layers are not computed where nothing depends on them: at the padding (if the embedding
    table has a padding row), and where an earlier batch of one showed that all positions but the
    first are idle. In the backward pass the gradient there must turn out to be zero; if it does
    not, the batch is computed again in full.

    Args:
        model: any module; a parameter may be used by several modules, or several times.
        projection: of the gradients.
        epoch: number of the checkpoint; every epoch has random matrices of its own.
        skip: patterns of parameters to leave out.
        heads: name of a linear layer's weight → number of slices of its input, such as the heads
            that an attention's output projection joins, whose gates' gradients are wanted.
        maps: parameter → its projection, where that is not the projection's own.
        narrow: leave out what nothing depends on; False computes every position once.

    Raises:
        ArgumentError: an unknown parameter in `heads`, an epoch that is not a whole number from
            0 on; see `plan`.
        ValueError: a projection that is none, or `heads` that is not a mapping.
    """

    def __init__(
        self,
        model: nn.Module,
        projection: Projection,
        epoch: int,
        skip: tuple[str, ...] = (),
        heads: Mapping[str, int] | None = None,
        maps: Mapping[str, Map] | None = None,
        narrow: bool = True,
    ) -> None:
        check_projection(projection)
        epoch = whole_number("epoch", epoch, least=0)
        self.model = model
        self.projection, self.epoch = projection, epoch
        self.plan = plan(model, skip)
        heads = {} if heads is None else heads
        if not isinstance(heads, Mapping):
            raise ValueError(
                f"heads={heads!r} is not possible: pass a mapping of weights to numbers of heads."
            )
        self.heads = {name: whole_number("heads", count) for name, count in heads.items()}
        parameters = dict(model.named_parameters())
        for name in self.heads:
            if name not in parameters:
                raise ArgumentError(
                    "heads", f"heads: no parameter {name}.{nearest(name, parameters)}"
                )
        self.device = next(iter(parameters.values())).device
        self._names = {id(parameter): name for name, parameter in parameters.items()}
        self._constants = {id(tensor) for tensor in _constants(model)}

        self.maps = maps or {}

        @cache
        def single(name: str) -> Map:
            exact = torch.float64 if parameters[name].dtype == torch.float64 else torch.float32
            own = self.maps.get(name) or projection.of(name, parameters[name].shape, epoch)
            return own.to(self.device, exact)

        @cache
        def map_of(name: str, dtype: torch.dtype) -> Map:
            return single(name).to(self.device, dtype)

        @cache
        def cast(parameter: Tensor, dtype: torch.dtype) -> Tensor:
            return parameter.detach().to(dtype)

        self._maps, self._cast = map_of, cast
        self._first_only: set[str] | None = set() if narrow else None
        self._spreads: set[int] | None = None
        self._frozen = ExitStack()
        self._open = False

    def __enter__(self) -> "GradientSketcher":
        self._frozen.enter_context(frozen(self.model))
        self._open = True
        return self

    def __exit__(self, *exception: object) -> None:
        self._open = False
        self._frozen.close()

    def __call__(self, losses: Callable[[], Tensor], batch_size: int) -> Batch:
        """Sketch one batch.

        Args:
            losses: runs the model's forward pass and returns one loss per example, (batch,). It is
                called a second time if an assumption about idle positions fails.
            batch_size: number of examples; the model must hold them along dimension 0.

        Raises:
            InseparableError: gradients of the examples of a batch that cannot be told apart, which
                is an ArgumentError; one example by itself always can.
            ArgumentError: `heads` that the losses do not depend on.
            ValueError: another number of losses than examples, losses that depend on no parameter,
                or a call outside the `with` block.
        """
        if not self._open:
            raise ValueError("A GradientSketcher works inside its `with` block only.")
        batch_size = whole_number("batch_size", batch_size)
        return self._batch(self.record(losses, batch_size))

    def record(self, losses: Callable[[], Tensor], batch_size: int) -> Recorder:
        """Run one batch; return the blocks of its parameters as they are."""
        recorder = self._run(losses, batch_size, self._first_only)
        if recorder.idle.assumption_failed():
            recorder = self._run(losses, batch_size, None)
        return recorder

    def learn_spreads(self, recorder: Recorder) -> None:
        """Take over from a batch which shared values the model repeats for every example."""
        self._spreads = recorder.spreads

    def learn(self, other: "GradientSketcher") -> None:
        """Take over what another sketcher of the same model found out about it."""
        if self._first_only is not None:
            self._first_only |= other._first_only or set()
        self._spreads = other._spreads

    def _run(
        self, losses: Callable[[], Tensor], batch_size: int, first_only: set[str] | None
    ) -> Recorder:
        """Run forward and backward once."""
        recorder = Recorder(
            self._names,
            self._constants,
            self._maps,
            self._cast,
            self.plan.skipped,
            self.heads,
            first_only,
            self._spreads,
            batch_size,
            self.device,
        )
        try:
            with torch.enable_grad(), recorder:
                loss = losses()
            check_losses(loss, batch_size)
            if not loss.requires_grad:
                raise ValueError("The losses depend on no parameter of the model.")
            recorder.losses = loss.detach()
            with torch.autocast(self.device.type, enabled=False):
                self._backward(recorder, loss)
        finally:
            recorder.release()
        return recorder

    def _backward(self, recorder: Recorder, loss: Tensor) -> None:
        try:
            recorder.backward(loss)
        except (torch.OutOfMemoryError, ArgumentError):
            raise
        except (AssertionError, NotImplementedError, RuntimeError) as error:
            raise ArgumentError(
                "model",
                f"{type(self.model).__name__}: the backward pass fails in evaluation mode, so its "
                f"gradients cannot be sketched: {str(error).splitlines()[0] if str(error) else ''}",
            ) from error

    def _batch(self, recorder: Recorder) -> Batch:
        """Combine the blocks; a parameter that the loss does not depend on has a zero gradient."""
        if not recorder.blocks:
            raise ValueError("The losses depend on no parameter of the model.")
        for name in self.heads:
            if name not in recorder.gates:
                raise ArgumentError(
                    "heads",
                    f"heads: {name} is not the weight of a linear layer that the losses depend on.",
                )
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
            rows = sum(covered, start=like.new_zeros(()))
            block_of = dict(zip(self.plan.covered, covered, strict=True))
            first = self.plan.dimensions(self.projection)
            parts = [
                sum((block_of[name][:, :first] for name in names), start=like.new_zeros(()))
                for names in self.plan.parts(self.projection).values()
            ]
            rows = torch.cat([rows, *parts], dim=1) if parts else rows
        else:
            by_copy = [block.view(recorder.batch, copies, -1) for block in covered]
            rows = torch.cat(by_copy, dim=2).flatten(1)
        lengths = [torch.linalg.vector_norm(block, dim=1) for block in recorder.blocks.values()]
        norms = torch.stack(lengths).square() / copies
        by_name = dict(zip(recorder.blocks, norms, strict=True))
        none = like.new_zeros(recorder.batch)
        known = self.plan.sizes.keys() - recorder.blocks.keys() - recorder.unmeasured
        by_name |= {name: none for name in self.plan.sizes if name in known}
        if self.maps:  # the norms of the others are not in the same unit
            by_name = {name: norm for name, norm in by_name.items() if name in self.maps}
        return Batch(rows, by_name, recorder.gates)


def _constants(model: nn.Module) -> Iterator[Tensor]:
    """List the tensors that a model keeps beside its parameters: buffers and plain attributes."""
    yield from model.buffers()
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor):
                yield value


def check_losses(losses: object, examples: int) -> None:
    """Refuse what is not one loss per example.

    Raises:
        ValueError: naming what was returned.
    """
    if not isinstance(losses, Tensor) or losses.shape != (examples,):
        shape = f"shape {tuple(losses.shape)}" if isinstance(losses, Tensor) else repr(losses)
        raise ValueError(
            f"losses has to return one loss per example: expected a tensor of shape ({examples},), "
            f"got {shape}."
        )
