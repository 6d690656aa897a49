"""Follows what one forward pass does with each parameter, and collects the blocks of sketches."""

from collections.abc import Callable, Mapping, Set
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils.weak import WeakTensorKeyDictionary

from xling.errors import ArgumentError
from xling.sketch.calls import Blocks, Call, block_type
from xling.sketch.idle import IdlePositions
from xling.sketch.rules import RULES
from xling.sketch.shared import Cut, join_rule, per_example_gradients


class FrozenCall(torch.autograd.Function):
    """A call with frozen parameters. All graphs begin at `root`, so that every output has one."""

    @staticmethod
    def forward(
        ctx: Any, root: Tensor, x: Tensor, call: Call, record: Callable[[Tensor, Blocks], None]
    ) -> Tensor:
        """Run the call."""
        output, saved = call.forward(x)
        ctx.save_for_backward(*saved)
        ctx.call, ctx.record = call, record
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor | None, None, None]:
        """Record the parameters' blocks; return the gradient of the input."""
        (gradient,) = gradients
        needed = ctx.needs_input_grad[1]
        back, blocks = ctx.call.backward(gradient, *ctx.saved_tensors, needed=needed)
        ctx.record(gradient, blocks)
        return None, back if needed else None, None, None


class Recorder(TorchFunctionMode):
    """The state of the forward and backward pass of one batch.

    Args:
        names: id of a parameter → its name. Tied parameters have one, so that their uses add up.
        constants: ids of the model's buffers.
        maps: (parameter's name, type) → its projection.
        cast: returns a parameter in another type.
        skipped: parameters that may be used in ways that cannot be sketched.
        heads: weight's name → number of slices of its input whose gates' gradients are wanted.
        first_only: see `IdlePositions`.
        batch: number of examples.
        device: of the model.
    """

    def __init__(
        self,
        names: Mapping[int, str],
        constants: Set[int],
        maps: Callable[[str, torch.dtype], Any],
        cast: Callable[[Tensor, torch.dtype], Tensor],
        skipped: tuple[str, ...],
        heads: Mapping[str, int],
        first_only: set[str] | None,
        batch: int,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.names, self.constants, self.maps, self.cast = names, constants, maps, cast
        self.skipped, self.heads, self.batch = skipped, heads, batch
        self.root = torch.zeros((), device=device, requires_grad=True)
        self.blocks: dict[str, Tensor] = {}
        self.gates: dict[str, Tensor] = {}
        self.used: set[str] = set()
        self.idle = IdlePositions(first_only, batch)
        self._leaves: dict[str, Tensor] = {}
        self._shared = WeakTensorKeyDictionary()  # value made of parameters alone → their names
        self._any_shared = False  # quicker than to ask the dictionary, for every call of the model
        self._cuts: dict[int, tuple[Tensor, Tensor]] = {}  # shared value, its gradients

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run a call of the forward pass, or its replacement."""
        kwargs = kwargs or {}
        if function is functional.rms_norm:
            return self._rms_norm(*args, **kwargs)
        reader = RULES.get(function)
        if reader is not None:
            x, parameters, make = reader(*args, **kwargs)
            if any(id(tensor) in self.names for tensor in parameters.values()):
                return self._call(x, parameters, make)
        if not self._concerns(args) and not self._concerns(kwargs.values()):
            return function(*args, **kwargs)
        return self._other(function, args, kwargs)

    def finish(self) -> None:
        """Take the gradients of shared values through the shared part, one example at a time."""
        if not self._cuts:
            return
        outputs, gradients = zip(*self._cuts.values(), strict=True)
        outputs, gradients = list(outputs), list(gradients)
        names, leaves = list(self._leaves), list(self._leaves.values())
        for index in range(self.batch):
            self._index = index
            own = per_example_gradients(outputs, gradients, leaves, self.root, index)
            for name, gradient in zip(names, own, strict=True):
                if gradient is not None:
                    self._whole(name, gradient, index)

    def release(self) -> None:
        """Let go of the graph, which refers to this object."""
        self._leaves.clear()
        self._cuts.clear()
        self._shared.clear()

    def _rms_norm(
        self,
        input: Tensor,
        normalized_shape: list[int],
        weight: Tensor | None = None,
        eps: float | None = None,
    ) -> Tensor:
        normal = functional.rms_norm(input, normalized_shape, eps=eps)
        with self:
            return normal if weight is None else normal * weight

    def _call(self, x: Tensor, parameters: dict[str, Tensor], make: Callable[..., Call]) -> Tensor:
        """Run a call that has a rule of its own."""
        names: dict[str, str] = {}  # role → name
        for role, parameter in parameters.items():
            if id(parameter) not in self.names:
                raise ArgumentError(
                    "model",
                    f"{', '.join(names.values()) or role}: used together with a {role} that is not "
                    "a parameter of the model.",
                )
            names[role] = self.names[id(parameter)]
        self.used.update(names.values())
        heads = self.heads.get(names.get("weight", ""), 0)
        if heads and x.shape[-1] % heads:
            raise ArgumentError(
                "heads",
                f"heads: the input of {names['weight']} has {x.shape[-1]} numbers, which cannot be "
                f"divided among {heads} heads.",
            )
        if id(x) in self.names:
            x = self._leaf(x)
        shared = self._is_shared(x)
        batch = 1 if shared else self.batch
        if not shared:
            x = self._by_example(x, names)

        def record(gradient: Tensor, blocks: Blocks) -> None:
            self.idle.verify(call, gradient, use)
            index = self._index if shared else None
            for role, block in blocks.items():
                if role == "gates":
                    self._add(self.gates, names["weight"], block, index)
                else:
                    self._add(self.blocks, names[role], block, index)

        def maps(role: str, dtype: torch.dtype) -> Any:
            return self.maps(names[role], dtype)

        call = make(parameters, maps, self.cast, batch, heads)
        use = None if shared else self.idle.narrow(call, x, names.get("weight"))
        output = FrozenCall.apply(self.root, x, call, record)
        if shared:
            self._mark_shared(output, self._shared[x] | set(names.values()))
        return output

    def _mark_shared(self, value: Tensor, names: set[str]) -> None:
        self._shared[value] = names
        self._any_shared = True

    def _is_shared(self, x: Tensor) -> bool:
        if self._any_shared and x in self._shared:
            return True
        constant = x.is_floating_point() and not x.requires_grad and x.shape[:1] == (1,)
        if constant and self.batch > 1:  # such as a table of sines, projected for all examples
            self._mark_shared(x, set())
            return True
        return False

    def _by_example(self, x: Tensor, names: dict[str, str]) -> Tensor:
        if not x.is_floating_point() and x.shape[:1] == (1,) and self.batch > 1:
            # One row of positions or token types serves the whole batch: give each example its own.
            return x.expand(self.batch, *x.shape[1:])
        if x.dim() == 0 or x.shape[0] % self.batch:
            name = next(iter(names.values()))
            raise not_covered(
                name,
                f"The parameter {name} is used on a tensor of shape {tuple(x.shape)} for a batch "
                f"of {self.batch}, where the gradients of single examples cannot be told apart.",
            )
        return x

    def _other(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Run a call without a rule on a parameter, or on a value made of parameters alone."""
        name = getattr(function, "__name__", "")
        if name in READING:
            return function(*args, **kwargs)
        if name == "__get__" and not isinstance(value := function(*args, **kwargs), Tensor):
            return value
        args = tuple(self._leaves_in(arg) for arg in args)
        kwargs = {key: self._leaves_in(arg) for key, arg in kwargs.items()}
        tensors = [x for x in [*_flat(args), *_flat(kwargs.values())] if isinstance(x, Tensor)]
        shared = [tensor for tensor in tensors if tensor in self._shared]
        if not shared:  # one example: its parameters are its own
            return function(*args, **kwargs)
        names = set().union(*(self._shared[tensor] for tensor in shared))
        others = [x for x in tensors if x not in self._shared and self._of_examples(x)]
        if not others and not self._spreads(name, args):
            output = function(*args, **kwargs)
            for value in _flat([output]):
                if isinstance(value, Tensor) and value.requires_grad:
                    self._mark_shared(value, names)
            return output
        return self._join(function, args, kwargs, shared, names)

    def _join(
        self, function: Callable, args: tuple, kwargs: dict, shared: list[Tensor], names: set[str]
    ) -> Any:
        """Run a call in which a value made of parameters alone meets the examples."""
        position = next((i for i, arg in enumerate(args) if any(arg is s for s in shared)), None)
        rule = None
        if len(shared) == 1 and position is not None:
            rule = join_rule(function, args, kwargs, position, self.batch)
        if rule is None:
            if names <= set(self.skipped):
                return function(*args, **kwargs)
            name = sorted(names)[0]
            raise not_covered(
                name,
                f"The parameter {name} is used by {resolve_name(function) or name}, where the "
                "gradients of single examples cannot be told apart.",
            )
        run, per_example = rule
        (value,) = shared

        def note(gradient: Tensor) -> None:
            gradient = per_example(gradient)
            before = self._cuts.get(id(value))
            self._cuts[id(value)] = (value, gradient if before is None else before[1] + gradient)

        return run(lambda expanded: Cut.apply(self.root, expanded, note))

    def _spreads(self, name: str, args: tuple) -> bool:
        """Tell whether a call repeats a shared value for every example."""
        if name not in ("repeat", "expand") or self.batch == 1:
            return False
        sizes = args[1] if isinstance(args[1], (tuple, list)) else args[1:]
        if name == "expand" and len(args[0]) == self.batch:
            return False
        return len(sizes) > 0 and sizes[0] == self.batch

    def _of_examples(self, tensor: Tensor) -> bool:
        """Tell whether a tensor not made of parameters may hold examples: any but a constant."""
        return tensor.requires_grad or (tensor.dim() > 0 and id(tensor) not in self.constants)

    def _leaf(self, parameter: Tensor) -> Tensor:
        name = self.names[id(parameter)]
        self.used.add(name)
        if self.batch == 1:
            return Cut.apply(self.root, parameter.detach(), partial(self._whole, name))
        if name not in self._leaves:
            self._leaves[name] = parameter.detach().requires_grad_()
            self._mark_shared(self._leaves[name], {name})
        return self._leaves[name]

    def _whole(self, name: str, gradient: Tensor, index: int | None = None) -> None:
        """Record the gradient of a whole parameter."""
        gradient = gradient.to(block_type(gradient.dtype))
        block = self.maps(name, gradient.dtype).gradient(gradient.unsqueeze(0))
        self._add(self.blocks, name, block, index)

    def _leaves_in(self, value: Any) -> Any:
        if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
            return type(value)(self._leaves_in(item) for item in value)
        if isinstance(value, Tensor) and id(value) in self.names:
            return self._leaf(value)
        return value

    def _concerns(self, values: Any) -> bool:
        for value in values:
            if isinstance(value, Tensor):
                if id(value) in self.names or (self._any_shared and value in self._shared):
                    return True
            elif isinstance(value, (tuple, list)) and self._concerns(value):
                return True
        return False

    def _add(self, sums: dict[str, Tensor], name: str, block: Tensor, index: int | None) -> None:
        """Add a block to those of its name: of the whole batch, or of one example."""
        if index is None:
            sums[name] = sums[name] + block if name in sums else block
            return
        if name not in sums:
            sums[name] = block.new_zeros(self.batch, block.shape[1])
        sums[name][index] += block[0]


READING = {"size", "dim", "numel", "is_floating_point", "stride", "element_size", "data_ptr"}
"""Calls that look at a parameter and compute nothing from its numbers."""


def not_covered(name: str, problem: str) -> ArgumentError:
    """Return the error for a parameter that cannot be sketched, with the way to do without it."""
    return ArgumentError(
        "skip", f"{problem} To leave it out on purpose, list it in skip.", f"[{name}]"
    )


def _flat(values: Any) -> list:
    """Return the items of nested sequences in one list."""
    items = []
    for value in values:
        items += _flat(value) if isinstance(value, (tuple, list)) else [value]
    return items
