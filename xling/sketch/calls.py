"""Calls with frozen parameters, and what each contributes to its parameters' sketches.

A call computes its output as torch does. In the backward pass it computes the gradient of its
input only, and one block per parameter, (batch, numbers), in the sketch's precision. Kronecker
blocks never form the parameter's gradient: the two factors of its outer products are projected
first, then contracted over the positions.
"""

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from xling.sketch.projection import Map

Maps = Callable[[str, torch.dtype], Map]
Blocks = dict[str, Tensor]

DENSE_ENOUGH = 0.9
"""Share of rows with a nonzero number above which skipping the others does not pay."""


@dataclasses.dataclass(frozen=True)
class ActiveRows:
    """The rows, among all positions of a batch, that the losses are assumed to depend on.

    Attributes:
        inside, outside: indices of these rows, and of all others.
        even: every example has the same number of rows inside.
    """

    inside: Tensor
    outside: Tensor
    even: bool

    @classmethod
    def from_mask(cls, mask: Tensor, even: bool = False) -> "ActiveRows | None":
        """Return the rows where a mask is True; None if leaving out the others does not pay."""
        inside = mask.flatten().nonzero().squeeze(1)
        if len(inside) > DENSE_ENOUGH * mask.numel():
            return None
        return cls(inside, (~mask).flatten().nonzero().squeeze(1), even)


class Linear:
    """x Wᵀ + b: weight gradient Σ_t g_t x_tᵀ, bias gradient Σ_t g_t.

    Rows of the output gradient that are zero are left out of the products: those of padding, and
    in the last layer those of all positions but the classified one. Where they are known in
    advance, the forward pass does not compute them either: their outputs are zero.

    Attributes:
        maps: (role, type) → projection; the roles are "weight" and "bias".
        cast: returns a parameter in another type.
        batch: number of examples.
        transposed: the weight is stored as Wᵀ.
        heads: if not 0, the input consists of that many slices, each as if multiplied by a gate of
            one, and the gates' gradients Σ_t ⟨gx_t, x_t⟩ are a block of their own, "gates".
        active_rows: rows to compute; None is all of them.
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
        self.active_rows: ActiveRows | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the output and the projected input (and the input itself, if there are heads)."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        x = x.to(dtype)
        bias = None if self.bias is None else self.cast(self.bias, dtype)
        flat = x.reshape(-1, x.shape[-1])
        inside = None if self.active_rows is None else self.active_rows.inside
        active = flat if inside is None else flat.index_select(0, inside)
        output = spread(functional.linear(active, self._weight(dtype), bias), inside, len(flat))
        map = self.maps("weight", dtype)
        projected = (map.rows if self.transposed else map.columns)(active)
        projected = self._by_example(projected, inside, len(flat))
        # No view, as a model may write into it.
        output = torch.ops.aten._unsafe_view(output, [*x.shape[:-1], output.shape[-1]])
        return output, (projected, x) if self.heads else (projected,)

    def backward(
        self, gradient: Tensor, projected: Tensor, x: Tensor | None = None, *, needed: bool
    ) -> tuple[Tensor | None, Blocks]:
        """Return the gradient of the input, and the blocks."""
        exact = block_type(gradient.dtype)
        flat = gradient.reshape(-1, gradient.shape[-1])
        kept = nonzero_rows(flat) if self.active_rows is None else self.active_rows.inside
        active = flat if kept is None else flat.index_select(0, kept)
        map = self.maps("weight", active.dtype)
        factor = (map.columns if self.transposed else map.rows)(active)
        factor, projected = self._by_example(factor, kept, len(flat)).to(exact), projected.to(exact)
        factors = (projected, factor) if self.transposed else (factor, projected)
        blocks = {"weight": self.maps("weight", exact).outer(*factors)}
        if self.bias is not None:
            sums = (flat if self._spread else active).view(self.batch, -1, flat.shape[1])
            blocks["bias"] = self.maps("bias", exact).gradient(sums.sum(1, dtype=exact))
        if not needed and not self.heads:
            return None, blocks
        back = spread(active @ self._weight(gradient.dtype), kept, len(flat))
        back = back.view(*gradient.shape[:-1], -1)
        if self.heads and x is not None:  # `forward` saved it
            slices = (back * x).view(self.batch, -1, self.heads, x.shape[-1] // self.heads)
            blocks["gates"] = slices.sum((1, 3), dtype=exact)
        return back, blocks

    def _weight(self, dtype: torch.dtype) -> Tensor:
        weight = self.cast(self.weight, dtype)
        return weight.T if self.transposed else weight

    @property
    def _spread(self) -> bool:
        """Whether rows can be assigned to examples only after they are spread to all positions."""
        return self.active_rows is None or not self.active_rows.even

    def _by_example(self, rows: Tensor, kept: Tensor | None, length: int) -> Tensor:
        rows = spread(rows, kept, length) if self._spread else rows
        return rows.view(self.batch, -1, rows.shape[1])


class EmbeddingLookup:
    """Rows of a table: gradient Σ_t onehot(x_t) g_tᵀ; the padding row has none, as in autograd."""

    def __init__(self, weight: Tensor, padding: int | None, maps: Maps, batch: int) -> None:
        self.weight, self.maps, self.batch = weight, maps, batch
        self.padding = padding if padding is None or padding >= 0 else padding + len(weight)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the rows, and their indices."""
        return functional.embedding(x, self.weight), (x,)

    def backward(self, gradient: Tensor, x: Tensor, *, needed: bool) -> tuple[None, Blocks]:
        """Return the block."""
        tokens = x.reshape(self.batch, -1)
        exact = block_type(gradient.dtype)
        gradient = gradient.reshape(*tokens.shape, -1).to(exact)
        if self.padding is not None:
            gradient = gradient * (tokens != self.padding).unsqueeze(-1)
        map = self.maps("weight", exact)
        return None, {"weight": map.lookup(tokens, gradient, self.weight.shape)}


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
        """Return the output, and what the backward pass needs."""
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


Call = Linear | EmbeddingLookup | LayerNorm


def block_type(dtype: torch.dtype) -> torch.dtype:
    """Return the precision of sums over positions: single for all but double."""
    return dtype if dtype == torch.float64 else torch.float32


def nonzero_rows(matrix: Tensor) -> Tensor | None:
    """Return the rows that hold anything but zeros; None if leaving out the others does not pay.

    On a GPU always None: looking would make it wait for longer than skipping rows saves.
    """
    if matrix.device.type != "cpu":
        return None
    if int(matrix[:, 0].count_nonzero()) > DENSE_ENOUGH * len(matrix):
        return None
    zero = (matrix[:, ::64] == 0).all(1)  # a few numbers settle most rows
    if len(matrix) - int(zero.sum()) > DENSE_ENOUGH * len(matrix):
        return None
    doubtful = zero.nonzero().squeeze(1)
    zero[doubtful] = (matrix[doubtful] == 0).all(1)
    kept = (~zero).nonzero().squeeze(1)
    return None if len(kept) > DENSE_ENOUGH * len(matrix) else kept


def spread(rows: Tensor, kept: Tensor | None, length: int) -> Tensor:
    """Put rows back where they belong among rows of zeros."""
    if kept is None:
        return rows
    return rows.new_zeros(length, rows.shape[1]).index_add_(0, kept, rows)


def any_nonzero(rows: Tensor) -> Tensor:
    """Tell, on the device, whether there is anything but zeros; what is not finite counts too."""
    least, most = rows.aminmax()  # several times faster than `any`
    return (least != 0) | (most != 0)
