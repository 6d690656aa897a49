"""Follows what one forward pass does with each parameter, and collects the blocks of sketches."""

from collections.abc import Callable, Mapping, Set
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from xling.errors import ArgumentError
from xling.sketch.calls import Blocks, Call, EmbeddingLookup, block_type
from xling.sketch.idle import IdlePositions
from xling.sketch.rules import RULES
from xling.sketch.shared import (
    SOURCES,
    Cotangents,
    InseparableError,
    Meeting,
    adds_batch,
    flat,
    writes_into_first,
)


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
        constants: ids of tensors that the model keeps beside its parameters, such as its buffers.
        maps: (parameter's name, type) → its projection.
        cast: returns a parameter in another type.
        skipped: parameters that may be used in ways that cannot be sketched.
        heads: weight's name → number of slices of its input whose gates' gradients are wanted.
        first_only: see `IdlePositions`.
        spreads: which of the calls that expand or repeat a shared value do so for every example, by
            their order; None: all that expand it to as many as there are examples.
        batch: number of examples.
        device: of the model.

    Attributes:
        blocks: parameter → (batch, numbers).
        gates: weight → (batch, heads).
        unmeasured: skipped parameters whose gradients are not known.
        losses: (batch,).
        spreads: as the argument, those that this batch had.
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
        spreads: Set[int] | None,
        batch: int,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.names, self.maps, self.cast = names, maps, cast
        self.skipped, self.heads, self.batch = skipped, heads, batch
        self.root = torch.zeros((), device=device, requires_grad=True)
        self.blocks: dict[str, Tensor] = {}
        self.gates: dict[str, Tensor] = {}
        self.unmeasured: set[str] = set()
        self.losses = self.root.detach()
        self.idle = IdlePositions(first_only, batch)
        self.spreads: set[int] = set()
        self._wanted_spreads, self._spread_calls = spreads, 0
        self._leaves: dict[str, Tensor] = {}
        self._leaf_names: dict[int, str] = {}
        # id → the value, which lives as long as its id is used, and names of the parameters that
        # it is made of; none of a constant.
        self._shared: dict[int, tuple[Tensor | None, Set[str]]] = {}
        if batch > 1:
            self._shared = dict.fromkeys(constants, (None, frozenset()))
        self._lookups: dict[int, tuple[str, Tensor, EmbeddingLookup]] = {}
        self._cotangents: dict[int, Cotangents] = {}
        self._index = 0  # of the example whose gradients are taken through the shared part

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
            if parameters and all(id(tensor) in self.names for tensor in parameters.values()):
                if not x.numel():  # an adapter of a language that no example is in
                    return function(*args, **kwargs)
                return self._call(x, parameters, make)
        if self.batch > 1 and _selects(function, args):
            raise InseparableError("the model selects rows of a batch by what they hold")
        if self.batch > 1 and function in SOURCES:
            output = function(*args, **kwargs)
            self._mark_shared(output, frozenset())
            return output
        if not self._concerns(args) and not self._concerns(kwargs.values()):
            return function(*args, **kwargs)
        return self._other(function, args, kwargs)

    def backward(self, loss: Tensor) -> None:
        """Take the gradients of the losses, (batch,)."""
        if self._made_of(loss):  # no example's numbers ever met a parameter
            self._note(loss, torch.ones_like(loss), True)
        else:
            leaves = list(self._leaves.values()) if self.batch == 1 else []
            own = torch.autograd.grad(loss.sum(), [self.root, *leaves], allow_unused=True)
            for name, gradient in zip(self._leaves, own[1:], strict=False):
                if gradient is not None:
                    self._whole(name, gradient.unsqueeze(0))
        through = [known for known in self._cotangents.values() if not self._at_once(known)]
        outputs = [known.value for known in through]
        for index in range(self.batch if through else 0):
            self._index = index
            parts = [known.of(index, self.batch) for known in through]
            kept = [place for place, part in enumerate(parts) if part is not None]
            if not kept:
                continue
            own = torch.autograd.grad(
                [outputs[place] for place in kept],
                # The root, as there may be no leaf: tables are frozen calls.
                [self.root, *self._leaves.values()],
                [parts[place] for place in kept],
                retain_graph=True,
                allow_unused=True,
            )
            for name, gradient in zip(self._leaves, own[1:], strict=True):
                if gradient is not None:
                    self._whole(name, gradient.unsqueeze(0), index)

    def release(self) -> None:
        """Let go of the graph, which refers to this object."""
        for kept in (self._leaves, self._shared, self._lookups, self._cotangents):
            kept.clear()

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
        names = {role: self.names[id(parameter)] for role, parameter in parameters.items()}
        heads = self.heads.get(names.get("weight", ""), 0)
        if heads and x.shape[-1] % heads:
            raise ArgumentError(
                "heads",
                f"heads: the input of {names['weight']} has {x.shape[-1]} numbers, which cannot be "
                f"divided among {heads} heads.",
            )
        if id(x) in self.names:
            x = self._leaf(x)
        sources = self._made_of(x) if self.batch > 1 else None
        shared = sources is not None
        batch = 1 if shared else self.batch
        if x.dim() == 0 or x.shape[0] % batch:
            raise InseparableError(
                f"the parameter {next(iter(names.values()))} is used on a tensor of shape "
                f"{tuple(x.shape)} for {self.batch} examples"
            )

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
        if sources is not None:
            self._mark_shared(output, sources | set(names.values()))
            if isinstance(call, EmbeddingLookup):
                whole = make(parameters, maps, self.cast, self.batch, heads)
                assert isinstance(whole, EmbeddingLookup)
                self._lookups[id(output)] = names["weight"], x, whole
        return output

    def _mark_shared(self, value: Tensor, names: Set[str]) -> None:
        self._shared[id(value)] = value, names if value.requires_grad else frozenset()

    def _made_of(self, value: Tensor) -> Set[str] | None:
        """Return the parameters that a shared value is made of; None if examples are in it."""
        known = self._shared.get(id(value))
        if known is None:
            return None
        # A constant buffer that an example was written into is none any more.
        return None if not known[1] and value.requires_grad else known[1]

    def _other(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Run a call without a rule on a parameter, or on a value made of parameters alone."""
        name = getattr(function, "__name__", "")
        if name in READING:
            return function(*args, **kwargs)
        if name == "__get__" and not isinstance(value := function(*args, **kwargs), Tensor):
            return value
        args = tuple(self._leaves_in(arg) for arg in args)
        kwargs = {key: self._leaves_in(arg) for key, arg in kwargs.items()}
        if self.batch == 1:  # its parameters are its own
            return function(*args, **kwargs)
        tensors = [x for x in flat([args, list(kwargs.values())]) if isinstance(x, Tensor)]
        sources = [self._made_of(tensor) for tensor in tensors]
        names = frozenset().union(*(known for known in sources if known))
        pairs = zip(tensors, sources, strict=True)
        if any(known is None and self._of_examples(tensor) for tensor, known in pairs):
            if names:
                return self._meet(function, args, kwargs, names)
            output = function(*args, **kwargs)
            if writes_into_first(name):
                self._shared.pop(id(args[0]), None)
            return output
        if names and name in ("repeat", "expand") and self._adds_batch(name, args):
            output = self._meeting().spread(function, args, kwargs)
            if output is not None:
                return output
        output = function(*args, **kwargs)
        for value in flat([output]):
            if isinstance(value, Tensor):
                self._mark_shared(value, names)
        return output

    def _meet(self, function: Callable, args: tuple, kwargs: dict, names: Set[str]) -> Any:
        """Run a call in which a value made of parameters alone meets the examples."""
        try:
            return self._meeting().run(function, args, kwargs)
        except InseparableError as error:
            if names <= set(self.skipped):
                self.unmeasured |= names
                return function(*args, **kwargs)
            raise InseparableError(f"{error.reason} ({', '.join(sorted(names)[:3])})") from error

    def _meeting(self) -> Meeting:
        def postpone(value: Tensor, gradient_of: Callable[[int], Tensor | None]) -> None:
            self._at(value).later.append(gradient_of)

        return Meeting(
            self.root, self.batch, lambda x: bool(self._made_of(x)), self._note, postpone
        )

    def _note(self, value: Tensor, gradient: Tensor, own_rows: bool) -> None:
        self._at(value).add(gradient, own_rows)

    def _at(self, value: Tensor) -> Cotangents:
        return self._cotangents.setdefault(id(value), Cotangents(value))

    def _at_once(self, known: Cotangents) -> bool:
        """Record all examples' gradients at once, if the value is a parameter or a lookup."""
        if known.later:
            return False
        if id(known.value) in self._leaf_names and known.rows is None and known.spread is not None:
            self._whole(self._leaf_names[id(known.value)], known.spread)
            return True
        if id(known.value) not in self._lookups:
            return False
        name, indices, call = self._lookups[id(known.value)]
        for gradient, own_rows in ((known.spread, False), (known.rows, True)):
            if gradient is not None:
                every = indices if own_rows else indices.expand(self.batch, *indices.shape)
                _, blocks = call.backward(gradient, every, needed=False)
                self._add(self.blocks, name, blocks["weight"], None)
        return True

    def _adds_batch(self, name: str, args: tuple) -> bool:
        """Tell whether a call repeats a shared value for every example."""
        self._spread_calls += 1
        if not adds_batch(name, args, self.batch):
            return False
        if self._wanted_spreads is not None and self._spread_calls not in self._wanted_spreads:
            return False
        self.spreads.add(self._spread_calls)
        return True

    def _of_examples(self, tensor: Tensor) -> bool:
        """Tell whether a tensor of unknown origin may hold examples: any but a single number."""
        return tensor.requires_grad or tensor.dim() > 0

    def _leaf(self, parameter: Tensor) -> Tensor:
        name = self.names[id(parameter)]
        if name not in self._leaves:
            leaf = self._leaves[name] = parameter.detach().requires_grad_()
            self._leaf_names[id(leaf)] = name
            if self.batch > 1:
                self._mark_shared(leaf, {name})
        return self._leaves[name]

    def _whole(self, name: str, gradients: Tensor, index: int | None = None) -> None:
        """Record gradients of a whole parameter, (examples, *shape): of all, or of one."""
        gradients = gradients.to(block_type(gradients.dtype))
        self._add(self.blocks, name, self.maps(name, gradients.dtype).gradient(gradients), index)

    def _leaves_in(self, value: Any) -> Any:
        if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
            return type(value)(self._leaves_in(item) for item in value)
        if isinstance(value, Tensor) and id(value) in self.names:
            return self._leaf(value)
        return value

    def _concerns(self, values: Any) -> bool:
        for value in values:
            if isinstance(value, Tensor):
                if id(value) in self.names or id(value) in self._shared:
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


def _selects(function: Callable, args: tuple) -> bool:
    """Tell whether a call's output has as many rows as its input has nonzero numbers."""
    if function is Tensor.__getitem__:
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        return any(isinstance(x, Tensor) and x.dtype == torch.bool and x.dim() for x in index)
    return function in SELECTING or (function is torch.where and len(args) == 1)


SELECTING = {torch.nonzero, Tensor.nonzero, torch.masked_select, Tensor.masked_select}

READING = {"size", "dim", "numel", "is_floating_point", "stride", "element_size", "data_ptr"}
"""Calls that look at a parameter and compute nothing from its numbers."""
