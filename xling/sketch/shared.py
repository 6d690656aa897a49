"""What a model computes from its parameters and constants alone, and where it meets the examples.

DeBERTa normalises and projects its table of relative positions once for the whole batch; an RMS
norm multiplies every example by one vector. After the point where such a shared value meets the
examples, every example has a gradient of its own; before it, the ordinary backward pass would add
them up. So the graph is cut there: each example's gradient at the cut is kept, and propagated
through the shared part by itself.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from xling.errors import ArgumentError

ELEMENTWISE = {
    f"{before}{name}{after}"
    for name in ("add", "sub", "mul", "div", "true_divide", "truediv")
    for before, after in [("", ""), ("__", "__"), ("__r", "__"), ("", "_"), ("__i", "__")]
} | {"rsub", "multiply", "subtract", "divide", "expand_as"}

SOURCES = {
    getattr(torch, name)
    for name in (
        "arange empty empty_like eye full full_like linspace logspace ones ones_like zeros "
        "zeros_like tril_indices triu_indices"
    ).split()
} | {getattr(Tensor, name) for name in "new_empty new_full new_ones new_zeros".split()}
"""Functions that make a tensor of no other tensor's numbers: all examples share it."""

ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
"""How far an output may differ, relative to the largest, if it is computed example by example."""


class InseparableError(ArgumentError):
    """A batch in which the gradients of single examples cannot be told apart.

    Attributes:
        reason: in one clause, without what to do.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "batch_tokens",
            f"{reason}, so the gradients of single examples of a batch cannot be told apart. "
            "Sketch one example at a time.",
            1,
        )
        self.reason = reason


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


class Watch(torch.autograd.Function):
    """A value whose gradient goes to `note` as well; a copy, as a model may write into it."""

    @staticmethod
    def forward(ctx: Any, root: Tensor, value: Tensor, note: Callable[[Tensor], None]) -> Tensor:
        """Return the value."""
        ctx.note = note
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        """Note the gradient."""
        ctx.note(*gradients)
        return None, gradients[0], None


@dataclasses.dataclass
class Cotangents:
    """The examples' gradients at one shared value.

    Attributes:
        value: the shared value.
        spread: (batch, *shape) gradients where every example saw the whole value.
        rows: (*shape) gradients where every example saw its own rows of the value.
        later: functions that return one example's gradient, by its index.
    """

    value: Tensor
    spread: Tensor | None = None
    rows: Tensor | None = None
    later: list[Callable[[int], Tensor | None]] = dataclasses.field(default_factory=list)

    def add(self, gradient: Tensor, own_rows: bool) -> None:
        """Add the gradients of one use: `rows`, or else `spread`."""
        if own_rows:
            self.rows = gradient if self.rows is None else self.rows + gradient
        else:
            self.spread = gradient if self.spread is None else self.spread + gradient

    def of(self, index: int, batch: int) -> Tensor | None:
        """Return the gradient of one example; None if it has none."""
        parts = [] if self.spread is None else [self.spread[index]]
        if self.rows is not None:
            some = len(self.rows) // batch
            own = torch.zeros_like(self.rows)
            own[index * some : (index + 1) * some] = self.rows[index * some : (index + 1) * some]
            parts.append(own)
        parts += [part for part in (make(index) for make in self.later) if part is not None]
        return sum(part.to(self.value.dtype) for part in parts) if parts else None  # type: ignore


Note = Callable[[Tensor, Tensor, bool], None]
"""Takes a shared value, its gradients, and whether these are `Cotangents.rows`."""


class Meeting:
    """A call in which shared values meet the examples.

    Args:
        root: see `FrozenCall`.
        batch: number of examples.
        shared: tells whether a tensor is a shared value.
        note: takes the gradients at the cuts.
        postpone: takes a shared value and a function that returns one example's gradient.
    """

    def __init__(
        self,
        root: Tensor,
        batch: int,
        shared: Callable[[Tensor], bool],
        note: Note,
        postpone: Callable[[Tensor, Callable[[int], Tensor | None]], None],
    ) -> None:
        self.root, self.batch, self.shared = root, batch, shared
        self.note, self.postpone = note, postpone

    def run(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Run the call so that each example's gradients of the shared values become known.

        Raises:
            InseparableError: they cannot.
        """
        name = getattr(function, "__name__", "")
        for rule in (self._elementwise, self._multiply):
            run = rule(function, name, args, kwargs)
            if run is not None:
                return run()
        return self._one_by_one(function, name, args, kwargs)

    def spread(self, function: Callable, args: tuple, kwargs: dict) -> Tensor | None:
        """Run a `repeat` or `expand` that gives every example the whole value; None if it may not.

        An `expand` may widen other dimensions, too.
        """
        value, sizes = args[0], _sizes(args)
        new = len(sizes) - value.dim()
        if function.__name__ == "repeat":
            if new or any(size != 1 for size in sizes[1:]):
                return None
            return self._cut(
                value,
                function(value.detach(), *args[1:], **kwargs),
                lambda gradient: gradient.reshape(self.batch, *value.shape),
            )
        if not new and value.shape[0] != 1:
            return None
        seen = function(value.detach(), *args[1:], **kwargs)
        return self._cut(value, seen, lambda gradient: self._summed(gradient, value))

    def _summed(self, gradient: Tensor, value: Tensor) -> Tensor:
        """Sum each example's gradient over the dimensions that a value was widened along."""
        shape = gradient.shape
        aligned = (1,) * (len(shape) - value.dim()) + tuple(value.shape)
        widened = [i for i in range(1, len(shape)) if aligned[i] == 1 and shape[i] > 1]
        gradient = gradient.sum(widened, keepdim=True) if widened else gradient
        if aligned[0] != 1:
            return gradient.reshape(value.shape)
        some = shape[0] // self.batch
        if some > 1:
            gradient = gradient.reshape(self.batch, some, *gradient.shape[1:]).sum(1)
        return gradient.reshape(self.batch, *value.shape)

    def _cut(
        self,
        value: Tensor,
        seen: Tensor,
        by_example: Callable[[Tensor], Tensor],
        own_rows: bool = False,
    ) -> Tensor:
        return Cut.apply(
            self.root, seen, lambda gradient: self.note(value, by_example(gradient), own_rows)
        )

    def _elementwise(
        self, function: Callable, name: str, args: tuple, kwargs: dict
    ) -> Callable[[], Tensor] | None:
        """Return the rule for sums, products and the like, which broadcast; None if not one."""
        if name not in ELEMENTWISE:
            return None
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        shape = torch.broadcast_shapes(*(tensor.shape for tensor in tensors))
        examples = [tensor for tensor in tensors if not self.shared(tensor)]
        if not shape or shape[0] % self.batch or (writes_into_first(name) and self.shared(args[0])):
            return None
        if not any(len(x.shape) == len(shape) and len(x) == shape[0] for x in examples):
            return None

        def cut(value: Any) -> Any:
            if not isinstance(value, Tensor) or not self.shared(value):
                return value
            own_rows = value.dim() == len(shape) and len(value) != 1
            seen = value.detach().expand(shape)
            return self._cut(value, seen, lambda gradient: self._summed(gradient, value), own_rows)

        return lambda: function(*map(cut, args), **kwargs)

    def _multiply(
        self, function: Callable, name: str, args: tuple, kwargs: dict
    ) -> Callable[[], Tensor] | None:
        """Return the rule for products with one shared matrix on the right; None if not one."""
        if name not in ("matmul", "__matmul__", "linear") or kwargs or len(args) != 2:
            return None
        left, value = args
        if not isinstance(value, Tensor) or not self.shared(value) or value.dim() != 2:
            return None
        if self.shared(left) or left.dim() < 2 or left.shape[0] % self.batch:
            return None

        def multiply() -> Tensor:
            seen = value.detach().expand(self.batch, *value.shape)
            matrices = self._cut(value, seen, lambda gradient: gradient)
            matrices = matrices.mT if name == "linear" else matrices
            product = left.reshape(self.batch, -1, left.shape[-1]) @ matrices
            return product.reshape(*left.shape[:-1], -1)

        return multiply

    def _one_by_one(self, function: Callable, name: str, args: tuple, kwargs: dict) -> Tensor:
        """Run any other call for the batch, and once more for each example, to be differentiated.

        That the examples' outputs are those of the batch is checked, not assumed.
        """
        reason = f"{_called(function)} joins parameters with the examples in a way of its own"
        values = [x for x in flat([args, list(kwargs.values())]) if self._is(x)]
        if writes_into_first(name):
            raise InseparableError(reason)
        together = function(*self._map(args, Tensor.detach), **self._map(kwargs, Tensor.detach))
        if isinstance(together, Tensor) and not together.is_floating_point():
            return together
        if not isinstance(together, Tensor) or not together.dim() or len(together) % self.batch:
            raise InseparableError(reason)
        some = len(together) // self.batch
        scale = float(together.detach().abs().max()) if together.numel() else 0.0
        alone: list[tuple[Tensor, list[Tensor]]] = []
        for index in range(self.batch):
            leaves = {id(value): value.detach().requires_grad_() for value in values}
            own = [
                self._map(x, lambda value: leaves[id(value)], index)  # noqa: B023
                for x in (args, kwargs)
            ]
            try:
                with torch.enable_grad():
                    output = function(*own[0], **own[1])
                expected = together[index * some : (index + 1) * some].detach()
                difference = float((output.detach() - expected).abs().max())
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                raise InseparableError(reason) from error
            if output.shape != expected.shape or difference > ROUNDING[output.dtype] * scale:
                raise InseparableError(reason)
            alone.append((output, list(leaves.values())))
        gradients: list[Tensor] = []

        def gradient_of(place: int, index: int) -> Tensor | None:
            if not gradients:  # the losses do not depend on this call
                return None
            output, leaves = alone[index]
            own = gradients[0][index * some : (index + 1) * some].to(output.dtype)
            return torch.autograd.grad(
                output, leaves[place], own, retain_graph=True, allow_unused=True
            )[0]

        distinct = {id(value): value for value in values}
        for place, value in enumerate(distinct.values()):
            self.postpone(value, partial(gradient_of, place))
        return Watch.apply(self.root, together, gradients.append)

    def _is(self, value: object) -> bool:
        return isinstance(value, Tensor) and self.shared(value)

    def _map(
        self, value: Any, replace: Callable[[Tensor], Tensor], index: int | None = None
    ) -> Any:
        """Replace shared values, and take one example's part of the others if `index` is given."""
        if isinstance(value, dict):
            return {key: self._map(item, replace, index) for key, item in value.items()}
        if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
            return type(value)(self._map(item, replace, index) for item in value)
        if not isinstance(value, Tensor):
            return value
        if self.shared(value):
            return replace(value)
        if index is None or not value.dim() or len(value) == 1:
            return value
        some = len(value) // self.batch
        return value.detach()[index * some : (index + 1) * some].clone()


def flat(values: Any) -> list:
    """Return the items of nested sequences in one list."""
    items = []
    for value in values:
        items += flat(value) if isinstance(value, (tuple, list)) else [value]
    return items


def adds_batch(name: str, args: tuple, batch: int) -> bool:
    """Tell whether a call on a shared value repeats or expands it to as many as the examples."""
    if name not in ("repeat", "expand") or (name == "expand" and len(args[0]) == batch):
        return False
    sizes = _sizes(args)
    return len(sizes) > 0 and sizes[0] == batch


def writes_into_first(name: str) -> bool:
    """Tell whether a call writes into its first argument."""
    inplace = name.endswith("_") and not name.endswith("__")
    return inplace or name == "__setitem__" or (name.startswith("__i") and name in ELEMENTWISE)


def _sizes(args: tuple) -> list:
    return list(args[1]) if isinstance(args[1], (tuple, list, torch.Size)) else list(args[1:])


def _called(function: Callable) -> str:
    return torch.overrides.resolve_name(function) or getattr(function, "__name__", "a call")
