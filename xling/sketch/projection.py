"""Random projections of gradients, made anew from (seed, epoch, parameter) where needed."""

import dataclasses
import hashlib
from typing import Literal

import numpy as np
import torch
from torch import Tensor

VERSION = 3
"""Of the generator: sketches made by different versions are not comparable."""


@dataclasses.dataclass(frozen=True)
class Projection:
    """A linear map from a model's gradient to a few numbers that keeps inner products.

    `kronecker`: a weight matrix W (m x n) with gradient D becomes G1 D G2ᵀ with G1 (side x m) and
    G2 (side x n): Choenni et al. 2024, appendix A, eq. 3, with side = √d. `stack` independent
    such projections are laid side by side. Vectors, and matrices with fewer than `side` rows or
    columns, are projected by a count sketch: each number, with a random sign, is added to one of
    the stack · side² places, which keeps inner products no worse than a dense matrix and costs
    next to nothing (Charikar et al. 2002).
    `dense`: every parameter is projected by one matrix to as many numbers; for small models, as
    that matrix has stack · side² numbers for each of the parameter's. `exact`: the gradient itself;
    for tests and small models.

    Entries of G1 and G2 are Gaussian, those of dense matrices random signs, scaled so that
    E[GᵀG] = I. Every parameter and every epoch has its own.

    Attributes:
        side: rows of G1 and of G2.
        stack: number of independent projections; a parameter's block has stack · side² numbers.
        combine: "sum" adds the parameters' blocks, "concat" keeps them side by side.
        seed: of all the matrices.
        method: see above; "exact" ignores the four others.
        twin: make a second sketch of independent matrices beside the first, which stays the same:
            how far the two agree tells how far to trust one.
    """

    side: int = 16
    stack: int = 1
    combine: Literal["sum", "concat"] = "sum"
    seed: int = 0
    method: Literal["kronecker", "dense", "exact"] = "kronecker"
    twin: bool = False

    @property
    def copies(self) -> int:
        """Number of sketches: one, or two with a twin."""
        return 2 if self.twin and self.method != "exact" else 1

    @property
    def added(self) -> bool:
        """Whether the parameters' blocks are summed."""
        return self.combine == "sum" and self.method != "exact"

    def block(self, size: int) -> int:
        """Numbers that a parameter of this many numbers becomes in one sketch."""
        return size if self.method == "exact" else self.stack * self.side**2

    def of(self, name: str, shape: torch.Size, epoch: int) -> "Map":
        """Return the projection of one parameter at one epoch, on the CPU, to be moved by `to`."""
        if self.method == "exact":
            return Exact()
        keys = [f"{VERSION}/{self.seed}/{epoch}/{name}{twin}" for twin in ("", "/twin")]
        keys = keys[: self.copies]
        if self.method == "kronecker" and len(shape) == 2 and min(shape) >= self.side:
            rows, columns = shape
            wide = self.stack * self.side
            scale = self.side**-0.5
            left = torch.cat([gaussian(f"{key}/left", (wide, rows)) for key in keys])
            right = torch.cat([gaussian(f"{key}/right", (wide, columns)) for key in keys])
            stack = self.stack * self.copies
            return Kronecker(left * (scale * self.stack**-0.5), right * scale, stack)
        numbers, places = shape.numel(), self.block(shape.numel())
        if self.method == "kronecker":
            dealt = [deal(f"{key}/deal", numbers, places) for key in keys]
            flips = [signs(f"{key}/signs", dealt[0].shape) for key in keys]
            return CountSketch.of(torch.stack(dealt), torch.stack(flips), numbers)
        matrix = torch.cat([signs(f"{key}/dense", (places, numbers)) for key in keys])
        return Dense(matrix, places**-0.5)


def random_words(key: str, count: int) -> np.ndarray:
    """Return random 64-bit words that depend on the key alone: Philox, keyed by a hash."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return np.random.Philox(key=int.from_bytes(digest, "little")).random_raw(count)


def signs(key: str, shape: tuple[int, int]) -> Tensor:
    """Return independent random signs, as int8, that depend on the key alone."""
    count = shape[0] * shape[1]
    words = random_words(key, (count + 63) // 64).astype("<u8")
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")[:count]
    return torch.from_numpy(bits.view(np.int8)).mul_(2).sub_(1).view(shape)


def deal(key: str, numbers: int, places: int) -> Tensor:
    """Deal numbers to places at random, in rounds of one to each place.

    Returns:
        (rounds, places) which number is dealt, each once; those from `numbers` on stand for none.
    """
    rounds = -(-numbers // places)
    order = np.argsort(random_words(key, rounds * places), kind="stable")
    return torch.from_numpy(order).view(rounds, places)


def gaussian(key: str, shape: tuple[int, int]) -> Tensor:
    """Return independent standard normal numbers that depend on the key alone.

    A counter-based generator and the Box-Muller transform: the same matrix in every process and on
    every device, and no state of any other generator is touched.
    """
    count = shape[0] * shape[1]
    bits = random_words(key, (count + 1) // 2)
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

    def rows(self, vectors: Tensor) -> Tensor:
        """Return G1 times each vector: (..., m) to (..., stack·side)."""
        return vectors @ self.left.T

    def columns(self, vectors: Tensor) -> Tensor:
        """Return G2 times each vector: (..., n) to (..., stack·side)."""
        return vectors @ self.right.T

    def outer(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Sum the outer products of projected factors over positions, in their own precision.

        Args:
            rows: from `rows`, (batch, positions, stack·side).
            columns: from `columns`, (batch, positions, stack·side).

        Returns:
            (batch, stack·side²).
        """
        batch, positions, _ = rows.shape
        rows = rows.view(batch, positions, self.stack, -1).permute(0, 2, 3, 1)
        columns = columns.view(batch, positions, self.stack, -1).permute(0, 2, 1, 3)
        return (rows @ columns).flatten(1)

    def gradient(self, gradients: Tensor) -> Tensor:
        """Project gradients that are there as such: (batch, m, n) to (batch, stack·side²)."""
        rows = self.left.view(self.stack, -1, self.left.shape[1])
        columns = self.right.view(self.stack, -1, self.right.shape[1])
        return torch.einsum("sim,bmn,sjn->bsij", rows, gradients, columns).flatten(1)


@dataclasses.dataclass(frozen=True)
class Exact:
    """No projection: the gradient, flattened."""

    def to(self, device: torch.device, dtype: torch.dtype) -> "Exact":
        """Return it on another device or in another type."""
        return self

    def rows(self, vectors: Tensor) -> Tensor:
        """Return the vectors."""
        return vectors

    columns = rows

    def outer(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the gradient that the factors make: (batch, positions, m) and n to (batch, …)."""
        return self.gradient(rows.transpose(1, 2) @ columns)

    def gradient(self, gradients: Tensor) -> Tensor:
        """Project gradients that are there as such: (batch, *shape) to (batch, numbers)."""
        return gradients.flatten(1)


@dataclasses.dataclass(frozen=True)
class Dense(Exact):
    """One dense projection: `matrix` (stack·side², numbers of the parameter) times `scale`."""

    matrix: Tensor
    scale: float

    def to(self, device: torch.device, dtype: torch.dtype) -> "Dense":
        """Return it on another device or in another type."""
        return Dense(self.matrix.to(device).to(dtype), self.scale)

    def gradient(self, gradients: Tensor) -> Tensor:
        """Project gradients that are there as such: (batch, *shape) to (batch, stack·side²)."""
        return gradients.flatten(1) @ self.matrix.T * self.scale


@dataclasses.dataclass(frozen=True)
class CountSketch(Exact):
    """Sums of a few numbers each, with random signs.

    Attributes:
        dealt: (copies, rounds, stack·side²) which of the parameter's numbers is added.
        signs: of the same shape, by what it is multiplied.
    """

    dealt: Tensor
    signs: Tensor

    @classmethod
    def of(cls, dealt: Tensor, signs: Tensor, numbers: int) -> "CountSketch":
        """Return it for a parameter; what is dealt beyond its numbers is nothing."""
        beyond = dealt >= numbers
        return cls(dealt.masked_fill(beyond, 0), signs.masked_fill(beyond, 0))

    def to(self, device: torch.device, dtype: torch.dtype) -> "CountSketch":
        """Return it on another device or in another type."""
        return CountSketch(self.dealt.to(device), self.signs.to(device).to(dtype))

    def gradient(self, gradients: Tensor) -> Tensor:
        """Project gradients that are there as such: (batch, *shape) to (batch, stack·side²)."""
        dealt = gradients.flatten(1).index_select(1, self.dealt.flatten())
        return dealt.view(-1, *self.dealt.shape).mul_(self.signs).sum(2).flatten(1)


Map = Kronecker | CountSketch | Dense | Exact
"""The projection of one parameter."""
