"""Random projections of gradients, made anew from (seed, epoch, parameter) where needed."""

import dataclasses
import hashlib
from typing import Literal

import numpy as np
import torch
from torch import Tensor

VERSION = 1
"""Of the generator: sketches made by different versions are not comparable."""


@dataclasses.dataclass(frozen=True)
class Projection:
    """A random linear map from a model's gradient to a few numbers that keeps inner products.

    A weight matrix W (m x n) with gradient D becomes G1 D G2ᵀ with G1 (side x m) and G2 (side x n):
    Choenni et al. 2024, appendix A, eq. 3, with side = √d. Vectors, and matrices with fewer than
    `side` rows or columns, are projected by one dense matrix, as that costs little and keeps all
    their dimensions. `stack` independent such projections are laid side by side. Entries are
    Gaussian and scaled so that E[GᵀG] = I; every parameter and every epoch has its own.

    Attributes:
        side: rows of G1 and of G2.
        stack: number of independent projections; a parameter's block has stack · side² numbers.
        combine: "sum" adds the parameters' blocks, "concat" keeps them side by side.
        seed: of all the matrices.
    """

    side: int = 16
    stack: int = 1
    combine: Literal["sum", "concat"] = "sum"
    seed: int = 0

    @property
    def block(self) -> int:
        """Numbers per parameter."""
        return self.stack * self.side**2

    def dimensions(self, parameters: int) -> int:
        """Numbers per example for a model with this many parameter tensors."""
        return self.block * (parameters if self.combine == "concat" else 1)

    def of(self, name: str, shape: torch.Size, epoch: int) -> "Kronecker | Dense":
        """Return the projection of one parameter at one epoch, in float64 on the CPU."""
        key = f"{VERSION}/{self.seed}/{epoch}/{name}"
        if len(shape) == 2 and min(shape) >= self.side:
            rows, columns = shape
            wide = self.stack * self.side
            scale = self.side**-0.5
            left = gaussian(f"{key}/left", (wide, rows)) * (scale * self.stack**-0.5)
            right = gaussian(f"{key}/right", (wide, columns)) * scale
            return Kronecker(left, right, self.stack)
        matrix = gaussian(f"{key}/dense", (self.block, shape.numel()))
        return Dense(matrix * self.block**-0.5)


def gaussian(key: str, shape: tuple[int, int]) -> Tensor:
    """Return independent standard normal numbers that depend on the key alone.

    A counter-based generator (Philox, keyed by a hash) and the Box-Muller transform: the same
    matrix in every process and on every device, and no state of any other generator is touched.
    """
    words = hashlib.blake2b(key.encode(), digest_size=16).digest()
    count = shape[0] * shape[1]
    bits = np.random.Philox(key=int.from_bytes(words, "little")).random_raw((count + 1) // 2)
    radius = np.sqrt(-2 * np.log(((bits >> 32) + 1.0) * 2.0**-32))
    angle = (bits & 0xFFFFFFFF) * (2 * np.pi * 2.0**-32)
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return torch.from_numpy(normal.reshape(-1)[:count].reshape(shape))


@dataclasses.dataclass(frozen=True)
class Kronecker:
    """G1 and G2 of a stack of projections: `left` (stack·side, m), `right` (stack·side, n)."""

    left: Tensor
    right: Tensor
    stack: int

    def to(self, device: torch.device, dtype: torch.dtype) -> "Kronecker":
        """Return it on another device or in another type."""
        return Kronecker(self.left.to(device, dtype), self.right.to(device, dtype), self.stack)

    def outer(self, left: Tensor, right: Tensor) -> Tensor:
        """Sum the outer products of projected factors over positions.

        Args:
            left: G1 times the row factors, (batch, positions, stack·side).
            right: G2 times the column factors, (batch, positions, stack·side).

        Returns:
            (batch, stack·side²).
        """
        batch, positions, _ = left.shape
        left = left.view(batch, positions, self.stack, -1).permute(0, 2, 3, 1)
        right = right.view(batch, positions, self.stack, -1).permute(0, 2, 1, 3)
        return (left @ right).flatten(1)


@dataclasses.dataclass(frozen=True)
class Dense:
    """One dense projection: `matrix` (stack·side², numbers of the parameter)."""

    matrix: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "Dense":
        """Return it on another device or in another type."""
        return Dense(self.matrix.to(device, dtype))
