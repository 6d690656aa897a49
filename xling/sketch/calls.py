"""Calls with frozen parameters, and what each contributes to its parameters' sketches.

A call computes its output as torch does. On the way back it computes the gradient of its input
alone, and one block per parameter, (batch, numbers), in the sketch's precision. Kronecker blocks
are never formed from the parameter's gradient: the two factors of its outer products are projected
first, then contracted over the positions.
"""

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from xling.sketch.projection import Kronecker, Map

Maps = Callable[[str, torch.dtype], Map]
Blocks = dict[str, Tensor]

DENSE_ENOUGH = 0.9
"""Part of the rows that must be zero-free before skipping the others does not pay."""


@dataclasses.dataclass(frozen=True)
class ActiveRows:
    """The rows, among all positions of a batch, that the losses are thought to depend on.

    Attributes:
        inside, outside: numbers of the rows that do, and of all others.
        even: every example has as many rows inside.
    """

    inside: Tensor
    outside: Tensor
    even: bool

    @classmethod
    def of(cls, mask: Tensor, even: bool = False) -> "ActiveRows | None":
        """Return the reach of a mask, True inside; None if leaving out the others does not pay."""
        inside = mask.flatten().nonzero().squeeze(1)
        if len(inside) > DENSE_ENOUGH * mask.numel():
            return None
        return cls(inside, (~mask).flatten().nonzero().squeeze(1), even)


class Linear:
    """x Wᵀ + b: weight gradient Σ_t g_t x_tᵀ, bias gradient Σ_t g_t.

    Rows of the output gradient that are zero are left out of the products: those of padding, and
    in the last layer those of all positions that are not classified by. Where they are known
    beforehand they are not computed on the way forward either, and zero.

    Attributes:
        maps: parameter ("weight", "bias") and type to its projection.
        cast: a parameter in another type.
        batch: examples in it.
        transposed: the weight is stored as Wᵀ.
        heads: if not 0, the input is that many slices, each as if multiplied by a gate of one, and
            the gates' gradients Σ_t ⟨gx_t, x_t⟩ are a block of their own, "gates".
        reach: rows to compute; None is all of them.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        maps: Maps,
        cast: Callable[[Tensor, torch.dtype], Tensor],
        batch: int,
        transposed: bool = False,
        heads: int = 0,
    ) -> None:
        self.weight, self.bias, self.maps, self.cast = weight, bias, maps, cast
        self.batch, self.transposed, self.heads = batch, transposed, heads
        self.reach: ActiveRows | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the output, and the projected input (with the input, if there are heads)."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        x = x.to(dtype)
        bias = None if self.bias is None else self.cast(self.bias, dtype)
        flat = x.reshape(-1, x.shape[-1])
        inside = None if self.reach is None else self.reach.inside
        some = flat if inside is None else flat.index_select(0, inside)
        output = spread(functional.linear(some, self._weight(dtype), bias), inside, len(flat))
        map = self.maps("weight", dtype)
        projected = (map.rows if self.transposed else map.columns)(some)
        projected = self._by_example(projected, inside, len(flat))
        output = output.view(*x.shape[:-1], -1)
        return output, (projected, x) if self.heads else (projected,)

    def backward(
        self, gradient: Tensor, projected: Tensor, x: Tensor | None = None, *, needed: bool
    ) -> tuple[Tensor | None, Blocks]:
        """Return the gradient of the input, and the blocks."""
        exact = block_type(gradient.dtype)
        flat = gradient.reshape(-1, gradient.shape[-1])
        kept = nonzero_rows(flat) if self.reach is None else self.reach.inside
        some = flat if kept is None else flat.index_select(0, kept)
        map = self.maps("weight", some.dtype)
        own = (map.columns if self.transposed else map.rows)(some)
        own, projected = self._by_example(own, kept, len(flat)).to(exact), projected.to(exact)
        factors = (projected, own) if self.transposed else (own, projected)
        blocks = {"weight": self.maps("weight", exact).outer(*factors)}
        if self.bias is not None:
            sums = (flat if self._spread else some).view(self.batch, -1, flat.shape[1])
            blocks["bias"] = self.maps("bias", exact).gradient(sums.sum(1, dtype=exact))
        if not needed and not self.heads:
            return None, blocks
        back = spread(some @ self._weight(gradient.dtype), kept, len(flat))
        back = back.view(*gradient.shape[:-1], -1)
        if self.heads:
            slices = (back * x).view(self.batch, -1, self.heads, x.shape[-1] // self.heads)
            blocks["gates"] = slices.sum((1, 3), dtype=exact)
        return back, blocks

    def _weight(self, dtype: torch.dtype) -> Tensor:
        weight = self.cast(self.weight, dtype)
        return weight.T if self.transposed else weight

    @property
    def _spread(self) -> bool:
        """Whether examples can be told apart only when every position is there."""
        return self.reach is None or not self.reach.even

    def _by_example(self, some: Tensor, kept: Tensor | None, length: int) -> Tensor:
        rows = spread(some, kept, length) if self._spread else some
        return rows.view(self.batch, -1, some.shape[1])


class Embedding:
    """Rows of a table: gradient Σ_t onehot(x_t) g_tᵀ; the padding row has none, as in autograd."""

    def __init__(self, weight: Tensor, padding: int | None, maps: Maps, batch: int) -> None:
        self.weight, self.maps, self.batch = weight, maps, batch
        self.padding = padding if padding is None or padding >= 0 else padding + len(weight)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the rows, and their numbers."""
        return functional.embedding(x, self.weight), (x,)

    def backward(self, gradient: Tensor, x: Tensor, *, needed: bool) -> tuple[None, Blocks]:
        """Return the block."""
        tokens = x.reshape(self.batch, -1)
        exact = block_type(gradient.dtype)
        gradient = gradient.reshape(*tokens.shape, -1).to(exact)
        if self.padding is not None:
            gradient = gradient * (tokens != self.padding).unsqueeze(-1)
        map = self.maps("weight", exact)
        if isinstance(map, Kronecker):  # G1 onehot(token) is a column of G1
            return None, {"weight": map.outer(map.left.T[tokens], map.columns(gradient))}
        table = gradient.new_zeros(self.batch, *self.weight.shape)
        table.scatter_add_(1, tokens.unsqueeze(-1).expand_as(gradient), gradient)
        return None, {"weight": map.gradient(table)}


class LayerNorm:
    """Layer normalisation: weight gradient Σ_t g_t · x̂_t, bias gradient Σ_t g_t."""

    def __init__(
        self,
        shape: list[int],
        weight: Tensor | None,
        bias: Tensor | None,
        epsilon: float,
        maps: Maps,
        batch: int,
    ) -> None:
        self.shape, self.weight, self.bias, self.epsilon = list(shape), weight, bias, epsilon
        self.maps, self.batch = maps, batch

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the output, and what the way back needs."""
        output, mean, scale = torch.native_layer_norm(
            x, self.shape, self.weight, self.bias, self.epsilon
        )
        return output, (x, mean, scale)

    def backward(
        self, gradient: Tensor, x: Tensor, mean: Tensor, scale: Tensor, *, needed: bool
    ) -> tuple[Tensor | None, Blocks]:
        """Return the gradient of the input, and the blocks."""
        exact = block_type(gradient.dtype)
        axes = [self.batch, -1, *self.shape]
        back = torch.ops.aten.native_layer_norm_backward(
            gradient, x, self.shape, mean, scale, self.weight, self.bias, [True, False, False]
        )[0]
        blocks = {}
        if self.weight is not None:
            normal = ((x - mean) * scale).mul_(gradient).reshape(axes)
            weights = normal.sum(1, dtype=exact)
            blocks["weight"] = self.maps("weight", exact).gradient(weights)
        if self.bias is not None:
            biases = gradient.reshape(axes).sum(1, dtype=exact)
            blocks["bias"] = self.maps("bias", exact).gradient(biases)
        return back, blocks


Call = Linear | Embedding | LayerNorm


def block_type(dtype: torch.dtype) -> torch.dtype:
    """Return the precision of sums over positions: single for all but double."""
    return dtype if dtype == torch.float64 else torch.float32


def nonzero_rows(matrix: Tensor) -> Tensor | None:
    """Return which rows hold anything but zeros; None if leaving out the others does not pay.

    On a GPU always None: to look would stop it for longer than it saves.
    """
    if matrix.device.type != "cpu":
        return None
    if int(matrix[:, 0].count_nonzero()) > DENSE_ENOUGH * len(matrix):
        return None
    zero = (matrix[:, ::64] == 0).all(1)  # most rows are told by a few of their numbers
    if len(matrix) - int(zero.sum()) > DENSE_ENOUGH * len(matrix):
        return None
    doubtful = zero.nonzero().squeeze(1)
    zero[doubtful] = (matrix[doubtful] == 0).all(1)
    kept = (~zero).nonzero().squeeze(1)
    return None if len(kept) > DENSE_ENOUGH * len(matrix) else kept


def spread(rows: Tensor, kept: Tensor | None, length: int) -> Tensor:
    """Put rows back to their places among zeros."""
    if kept is None:
        return rows
    return rows.new_zeros(length, rows.shape[1]).index_add_(0, kept, rows)


def any_nonzero(rows: Tensor) -> Tensor:
    """Tell, on the device, whether there is anything but zeros, such as what is not finite."""
    least, most = rows.aminmax()  # several times faster than `any`
    return (least != 0) | (most != 0)
