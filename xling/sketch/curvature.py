"""Gradients divided by the root of their curvature, before they are projected.

The curvature is that of the empirical Fisher: second moments E[g²] of the examples' loss gradients,
number by number, in one of two bases.

`adafactor`: in the parameters' own, and of matrices only the means of rows and columns (Shazeer and
Stern 2018), as in TrackStar (Chang et al. 2025). `adamw`: in the parameters' own. `ekfac`: of
matrices of linear layers in the eigenbases of E[g_t g_tᵀ] and E[x_t x_tᵀ], whose outer products are
those of Kronecker-factored curvature, as in George et al. 2018 and Grosse et al. 2023. Of vectors
and of matrices that are used in other ways, it is in the parameters' own. Of tables that are looked
up, which are many times as large, only the means of rows and columns are kept in all cases.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from xling.errors import ArgumentError
from xling.sketch.arguments import check_choice, check_memory, whole_number
from xling.sketch.cost import CPU_TOKENS
from xling.sketch.examples import Progress, Source, batchwise, weights_digest
from xling.sketch.gradients import GradientSketcher, plan
from xling.sketch.preconditioner import Preconditioner
from xling.sketch.projection import Exact, Kronecker, Map, Projection, Scaled
from xling.sketch.separable import reason_to_separate

Curvature = Literal["adafactor", "adamw", "ekfac"]

CPU = torch.device("cpu")

TERMS = 4
"""Separable terms whose sum stands for the root of a matrix's second moments."""

LEAST_EXAMPLES = 200
"""What a curvature is fitted to where a quarter of the examples is less, if there are so many."""

FLOOR = 1e-8
"""Second moments below this, relative to those of the parameter that has the largest, are rounding:
a gradient that is zero in theory, such as that of a key's bias, is not to be made large."""


def fit_preconditioner(
    model: nn.Module,
    examples: Source,
    projection: Projection,
    epoch: int,
    curvature: Curvature,
    *,
    skip: tuple[str, ...] = (),
    damping: float = 0.1,
    limit: int = 1000,
    memory_gb: float = 2.0,
    batch_tokens: int | None = None,
    progress: Progress = lambda done, total: done,
) -> Preconditioner:
    """Fit the curvature of a model's loss, at its present weights, to training examples.

    Each parameter's gradients are divided by √(E[g²] + damping · its mean). In single precision at
    least, whatever autocast says.

    Args:
        skip: patterns of parameters to leave out.
        damping: relative to the parameter's mean second moment.
        limit: at most so many examples, evenly spread over all; and at most a quarter of them, or
            `LEAST_EXAMPLES`, so that a fit costs less than sketching all.
        memory_gb: bound of the memory, in 10⁹ bytes: see `check_curvature_memory`.
        batch_tokens: of the batches, see `xling.sketch.examples.batches`.
        progress: wraps the numbers of examples done, given their total over all passes.

    Raises:
        ArgumentError: the bound is too small; see also `xling.sketch.sketch_examples`.
    """
    check_choice("curvature", curvature, get_args(Curvature))
    check_curvature_memory(model, curvature, memory_gb, skip)
    count = len(examples.ids)
    chosen = _evenly(count, fitted_examples(count, whole_number("limit", limit)))
    total = len(chosen) * (2 if curvature == "ekfac" else 1)
    fitted: dict[str, _Moments] = {}

    def work() -> Iterator[int]:
        passes = _Passes(model, examples, chosen, epoch, skip, batch_tokens or CPU_TOKENS)
        bases: dict[str, tuple[Tensor, Tensor] | None] = {}
        if curvature == "ekfac":
            covariances: dict[str, _Covariances] = {}
            yield from passes.covariances(covariances)
            for name in list(covariances):  # each makes room for its eigenvectors
                bases[name] = covariances.pop(name).bases()
        yield from passes.moments(bases, fitted)

    with torch.autocast(next(model.parameters()).device.type, enabled=False):
        for _ in progress(work(), total):
            pass
    floor = FLOOR * max(moments.mean() for moments in fitted.values())
    maps = {}
    for name in list(fitted):
        own = projection.of(name, dict(model.named_parameters())[name].shape, epoch)
        maps[name] = fitted.pop(name).map(own, curvature, len(chosen), damping, floor)
    return Preconditioner.of(maps, weights_digest(model))


def fitted_examples(count: int, limit: int) -> int:
    """Return to how many of `count` examples a curvature is fitted; see `fit_preconditioner`."""
    return min(limit, max(count // 4, LEAST_EXAMPLES), count)


def check_curvature_memory(
    model: nn.Module, curvature: Curvature, memory_gb: float, skip: tuple[str, ...] = ()
) -> None:
    """Refuse a model whose curvature does not fit into memory.

    Counted are the second moments of the parameters outside of embedding tables and, for `ekfac`,
    two square matrices for each matrix, with room to decompose the largest.

    Raises:
        ArgumentError: naming the memory that would do.
    """
    check_memory(memory_gb)
    shapes = _written_out(model, skip)
    numbers = sum(shape.numel() for shape in shapes)
    if curvature == "ekfac":
        squares = [side**2 for shape in shapes if len(shape) == 2 for side in shape]
        numbers += sum(squares) + 2 * max(squares, default=0)
    if 4e-9 * numbers > memory_gb:
        shown = f"{math.ceil(4e-7 * numbers) / 100:g}"
        raise ArgumentError(
            "memory_gb",
            f"A memory of {memory_gb:g} GB is too little for the curvature ({curvature}) of "
            f"{sum(shape.numel() for shape in shapes):,} parameters: that needs {shown} GB.",
            shown,
        )


@dataclasses.dataclass(frozen=True)
class _Covariances(Exact):
    """Sums over positions of the outer products of a matrix's factors, g gᵀ and x xᵀ, by side."""

    sums: dict[str, Tensor] = dataclasses.field(default_factory=dict)

    def outer(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Add the positions of a batch that the losses depend on; return nothing to speak of."""
        used = rows.any(-1) & columns.any(-1)
        for side, factors in (("left", rows), ("right", columns)):
            active = factors[used]
            self.sums[side] = self.sums.get(side, 0) + active.T @ active
        return rows.new_zeros(len(rows), 1)

    def lookup(self, tokens: Tensor, gradients: Tensor, shape: torch.Size) -> Tensor:
        """Leave a table as it is."""
        return gradients.new_zeros(len(tokens), 1)

    def gradient(self, gradients: Tensor) -> Tensor:
        """Leave what is used in another way than by a linear layer as it is."""
        return gradients.new_zeros(len(gradients), 1)

    def bases(self) -> tuple[Tensor, Tensor] | None:
        """Return the eigenvectors of both sides, in columns; None if no linear layer used it."""
        if not self.sums:
            return None
        left, right = (torch.linalg.eigh(self.sums.pop(side))[1] for side in ("left", "right"))
        return left, right


@dataclasses.dataclass(frozen=True)
class _Moments(Exact):
    """Second moments of a parameter's gradients; in bases of its rows and columns, if given.

    Attributes:
        left, right: as in `Scaled`.
        sums: "all" (the parameter's shape) or, of a table, "rows" (m,) and "columns" (n,): of
            squares, over examples; of a table over columns and over rows as well. Positions are
            added up before they are squared; uses of one parameter, such as by several layers,
            count as gradients of their own.
    """

    left: Tensor | None = None
    right: Tensor | None = None
    sums: dict[str, Tensor] = dataclasses.field(default_factory=dict)

    def rows(self, vectors: Tensor) -> Tensor:
        """Return vectors of rows in their basis."""
        return vectors if self.left is None else vectors @ self.left

    def columns(self, vectors: Tensor) -> Tensor:
        """Return vectors of columns in their basis."""
        return vectors if self.right is None else vectors @ self.right

    def outer(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Add the squares of the gradients that factors from `rows` and `columns` make.

        One after the other, as one of them fits into a processor's cache.
        """
        for of_rows, of_columns in zip(rows, columns, strict=True):
            self._add(of_rows.T @ of_columns)
        return rows.new_zeros(len(rows), 1)

    def gradient(self, gradients: Tensor) -> Tensor:
        """Add the squares of whole gradients in the bases."""
        gradients = gradients if self.left is None else self.left.T @ gradients
        for gradient in gradients if self.right is None else gradients @ self.right:
            self._add(gradient)
        return gradients.new_zeros(len(gradients), 1)

    def _add(self, gradient: Tensor) -> None:
        if "all" not in self.sums:
            self.sums["all"] = torch.zeros_like(gradient)
        self.sums["all"].addcmul_(gradient, gradient)

    def lookup(self, tokens: Tensor, gradients: Tensor, shape: torch.Size) -> Tensor:
        """Add the squares of a table's gradients, which is never written out."""
        same = (tokens.unsqueeze(2) == tokens.unsqueeze(1)).to(gradients.dtype)
        squares = (same @ gradients) * gradients  # their sum over positions is that over rows
        if "rows" not in self.sums:
            self.sums["rows"] = gradients.new_zeros(shape[0])
            self.sums["columns"] = gradients.new_zeros(shape[1])
        self.sums["rows"].index_add_(0, tokens.flatten(), squares.sum(-1).flatten())
        self.sums["columns"] += squares.sum((0, 1))
        return gradients.new_zeros(len(tokens), 1)

    def mean(self) -> float:
        """Return the mean second moment, times the number of examples."""
        if "rows" in self.sums:
            return float(self.sums["rows"].mean()) / len(self.sums["columns"])
        return float(self.sums["all"].mean())

    def map(
        self, own: Map, curvature: Curvature, examples: int, damping: float, floor: float
    ) -> Map:
        """Return the parameter's projection of gradients that are divided by their root.

        Args:
            own: the projection as it is.
            floor: times the number of examples, as the sums.
        """
        if "rows" in self.sums:
            mean = self.mean()
            sides = [self.sums[side] / self.sums[side].mean() for side in ("rows", "columns")]
        else:
            moments = self.sums["all"]
            mean = float(moments.mean())
            if moments.dim() != 2 or curvature != "adafactor":
                moments = (moments + (damping * mean + floor)) / examples
                return _divided(own, moments, self.left, self.right)
            sides = [moments.mean(1) / moments.mean(), moments.mean(0) / moments.mean()]
        rows, columns = ((side.nan_to_num() + damping).rsqrt() for side in sides)
        rows = rows * ((mean + floor) / examples) ** -0.5
        if isinstance(own, Kronecker):
            own = own.to(rows.device, rows.dtype)
            return Kronecker(own.left * rows, own.right * columns, own.stack).to(CPU, rows.dtype)
        return Scaled(own, torch.outer(rows, columns).cpu())


def _divided(own: Map, moments: Tensor, left: Tensor | None, right: Tensor | None) -> Map:
    """Return a projection of gradients divided by the root of moments in given bases.

    The root of a matrix is the sum of `TERMS` outer products, so that gradients need not be written
    out: the ones that come nearest where gradients are large, as weighted by the moments' means.
    """
    scale = moments.rsqrt()
    if not isinstance(own, Kronecker):
        left, right = (None if basis is None else basis.cpu() for basis in (left, right))
        return Scaled(own, scale.cpu(), left, right)
    exact, moments = scale.double(), moments.double()
    rows, columns = moments.mean(1).sqrt(), (moments.mean(0) / moments.mean()).sqrt()
    weighted = rows[:, None] * exact * columns
    tall = len(rows) > len(columns)
    small = weighted.T if tall else weighted
    first = torch.linalg.eigh(small @ small.T)[1][:, -TERMS:]
    second = small.T @ first
    on_rows, on_columns = (second, first) if tall else (first, second)

    def side(matrix: Tensor, factors: Tensor, basis: Tensor | None) -> Tensor:
        matrix = matrix.to(scale.device, torch.float64)
        terms = torch.cat([matrix * factor for factor in factors.T])
        terms = terms if basis is None else terms @ basis.double().T
        return terms.to(CPU, scale.dtype)

    return Kronecker(
        side(own.left, on_rows / rows[:, None], left),
        side(own.right, on_columns / columns[:, None], right),
        own.stack,
        first.shape[1],
    )


class _Passes:
    """Forward and backward passes over some examples, whose gradients go to maps that collect."""

    def __init__(
        self,
        model: nn.Module,
        examples: Source,
        chosen: Sequence[int],
        epoch: int,
        skip: tuple[str, ...],
        batch_tokens: int,
    ) -> None:
        self.model, self.examples, self.chosen = model, examples, chosen
        self.epoch, self.skip, self.batch_tokens = epoch, skip, batch_tokens
        self.lengths = [examples.lengths[index] for index in chosen]
        ids = [examples.ids[index] for index in chosen]

        def losses(places: list[int]) -> Tensor:
            return examples.losses([chosen[place] for place in places])

        with self._sketcher({}) as sketcher:
            self.names = sketcher.plan.covered
            if reason_to_separate(sketcher, losses, ids, self.lengths, batch_tokens):
                self.batch_tokens = 1
        self.tried = sketcher
        self.shapes = {name: parameter.shape for name, parameter in model.named_parameters()}

    def covariances(self, collected: dict[str, _Covariances]) -> Iterator[int]:
        """Collect the covariances of all matrices; yield the examples of each batch."""
        collected |= {name: _Covariances() for name in self.names if len(self.shapes[name]) == 2}
        yield from self._batches(collected)

    def moments(
        self,
        bases: Mapping[str, tuple[Tensor, Tensor] | None],
        collected: dict[str, _Moments],
    ) -> Iterator[int]:
        """Collect the second moments of all parameters; yield the examples of each batch."""
        for name in self.names:
            collected[name] = _Moments(*(bases.get(name) or (None, None)))
        yield from self._batches(collected)
        for name, moments in collected.items():
            if not moments.sums:  # the losses do not depend on it
                moments.sums["all"] = torch.zeros(self.shapes[name])

    def _sketcher(self, maps: Mapping[str, Map]) -> GradientSketcher:
        small = Projection(side=8)
        return GradientSketcher(
            self.model, small, self.epoch, self.skip, maps=maps, narrow=not maps
        )

    def _batches(self, maps: Mapping[str, Map]) -> Iterator[int]:
        """Run all examples; yield the number of those of each batch."""
        with self._sketcher(maps) as sketcher:
            sketcher.learn(self.tried)

            def run(part: list[int]) -> None:
                sketcher.record(lambda: self.examples.losses(part), len(part))

            most = len(self.chosen)
            for part, _ in batchwise(run, self.lengths, self.chosen, self.batch_tokens, most):
                yield len(part)


def _written_out(model: nn.Module, skip: tuple[str, ...]) -> list[torch.Size]:
    """Return shapes of the parameters whose gradients are written out: all but tables."""
    tables = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
    covered = set(plan(model, skip).covered)
    named = model.named_parameters()
    return [one.shape for name, one in named if name in covered and id(one) not in tables]


def _evenly(count: int, limit: int) -> list[int]:
    """Return at most so many indices, evenly spread from 0 to below `count`."""
    return sorted({index * count // limit for index in range(limit)})
