"""Random projections of gradients, generated from (seed, epoch, parameter) when needed."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from xling.sketch.arguments import check_bool, check_choice, check_integer, whole_number

ProjectionMethod = Literal["kronecker", "dense", "exact"]
Combine = Literal["sum", "concat", "parts"]

VERSION = 3
"""Version of the generator: sketches made by different versions are not comparable."""


@dataclasses.dataclass(frozen=True)
class Projection:
    """A linear map from a model's gradient to a few numbers that keeps inner products.

    `kronecker`: a weight matrix W (m x n) with gradient D becomes G1 D G2ᵀ with G1 (side x m) and
    G2 (side x n): Choenni et al. 2024, appendix A, eq. 3, with side = √d. `stack` independent
    such projections are laid side by side. Vectors, and matrices with fewer than `side` rows or
    columns, are projected by a count sketch: each number, with a random sign, is added to one of
    stack · side² buckets, which preserves inner products no worse than a dense matrix and costs
    next to nothing (Charikar et al. 2002).
    `dense`: every parameter is projected by one matrix to stack · side² numbers; for small models,
    as that matrix has stack · side² numbers for each of the parameter's. `exact`: the gradient
    itself; for tests and small models.

    Entries of G1 and G2 are Gaussian, those of dense matrices random signs, scaled so that
    E[GᵀG] = I. Every parameter and every epoch has its own.

    Attributes:
        side: rows of G1 and of G2.
        stack: number of independent projections; a parameter's block has stack · side² numbers.
        combine: "sum" adds the parameters' blocks, "concat" keeps them side by side; "parts" adds
            them as well, and once more within each part of the model (`xling.sketch.parts`).
        seed: of all matrices.
        method: see above; "exact" ignores the other attributes.
        twin: make a second sketch from independent matrices, which leaves the first unchanged: how
            well the two agree tells how far to trust one.

    Raises:
        ArgumentError: a value that an attribute cannot have, naming what would do.
    """

    side: int = 16
    stack: int = 1
    combine: Combine = "sum"
    seed: int = 0
    method: ProjectionMethod = "kronecker"
    twin: bool = False

    def __post_init__(self) -> None:
        whole_number("side", self.side)
        whole_number("stack", self.stack)
        check_choice("combine", self.combine, get_args(Combine))
        check_integer("seed", self.seed)
        check_choice("method", self.method, get_args(ProjectionMethod))
        check_bool("twin", self.twin)

    @property
    def copies(self) -> int:
        """Number of sketches: one, or two with a twin."""
        return 2 if self.twin and self.method != "exact" else 1

    @property
    def added(self) -> bool:
        """Whether the parameters' blocks are summed."""
        return self.combine != "concat" and self.method != "exact"

    @property
    def by_part(self) -> bool:
        """Whether the blocks of each part of the model are added up by themselves, too."""
        return self.combine == "parts" and self.method != "exact"

    def block(self, size: int) -> int:
        """Return the size, in one sketch, of the block of a parameter with `size` numbers."""
        return size if self.method == "exact" else self.stack * self.side**2

    def of(self, name: str, shape: torch.Size, epoch: int) -> "Map":
        """Return the projection of one parameter at one epoch, on the CPU; `to` moves it."""
        if self.method == "exact":
            return Exact()
        keys = [f"{VERSION}/{self.seed}/{epoch}/{name}{twin}" for twin in ("", "/twin")]
        keys = keys[: self.copies]
        if self.method == "kronecker" and len(shape) == 2 and min(shape) >= self.side:
            rows, columns = shape
            height = self.stack * self.side
            scale = self.side**-0.5
            left = torch.cat([gaussian(f"{key}/left", (height, rows)) for key in keys])
            right = torch.cat([gaussian(f"{key}/right", (height, columns)) for key in keys])
            stack = self.stack * self.copies
            return Kronecker(left * (scale * self.stack**-0.5), right * scale, stack)
        numbers, size = shape.numel(), self.block(shape.numel())
        if self.method == "kronecker":
            members = [random_members(f"{key}/deal", numbers, size) for key in keys]
            flips = [signs(f"{key}/signs", members[0].shape) for key in keys]
            return CountSketch.of(torch.stack(members), torch.stack(flips), numbers)
        matrix = torch.cat([signs(f"{key}/dense", (size, numbers)) for key in keys])
        return Dense(matrix, size**-0.5)


def check_projection(projection: object) -> None:
    """Refuse what is not a projection, such as the name of a method.

    Raises:
        ValueError: naming the value.
    """
    if not isinstance(projection, Projection):
        raise ValueError(f"projection={projection!r} is not a Projection.")


def random_words(key: str, count: int) -> np.ndarray:
    """Return random 64-bit words that depend on the key alone: Philox, keyed by a hash."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return np.random.Philox(key=int.from_bytes(digest, "little")).random_raw(count)


def signs(key: str, shape: Sequence[int]) -> Tensor:
    """Return independent random signs, as int8, that depend on the key alone."""
    count = shape[0] * shape[1]
    words = random_words(key, (count + 63) // 64).astype("<u8")
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")[:count]
    return torch.from_numpy(bits.view(np.int8)).mul_(2).sub_(1).view(tuple(shape))


def random_members(key: str, numbers: int, buckets: int) -> Tensor:
    """Distribute a parameter's numbers over buckets at random, as evenly as possible.

    Returns:
        (rounds, buckets) the index of one number per round and bucket, each number once; indices
        from `numbers` on stand for none.
    """
    rounds = -(-numbers // buckets)
    order = np.argsort(random_words(key, rounds * buckets), kind="stable")
    return torch.from_numpy(order).view(rounds, buckets)


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
    """G1 and G2 of a stack of projections, or of several such terms that are added.

    Attributes:
        left: (terms · stack · side, m).
        right: (terms · stack · side, n).
        stack: number of projections whose results are laid side by side.
        terms: number of pairs G1, G2 of each; more than one if gradients are preconditioned.
    """

    left: Tensor
    right: Tensor
    stack: int
    terms: int = 1

    def to(self, device: torch.device, dtype: torch.dtype) -> "Kronecker":
        """Return it on another device or in another type."""
        left, right = self.left.to(device, dtype), self.right.to(device, dtype)
        return Kronecker(left, right, self.stack, self.terms)

    def rows(self, vectors: Tensor) -> Tensor:
        """Return G1 times each vector: (..., m) to (..., terms · stack · side)."""
        return vectors @ self.left.T

    def columns(self, vectors: Tensor) -> Tensor:
        """Return G2 times each vector: (..., n) to (..., terms · stack · side)."""
        return vectors @ self.right.T

    def lookup(self, tokens: Tensor, gradients: Tensor, shape: torch.Size) -> Tensor:
        """Project the gradient of a table: that of a row is of all positions that look it up.

        Args:
            tokens: (batch, positions) rows that are looked up.
            gradients: (batch, positions, n).
            shape: of the table.

        Returns:
            (batch, stack · side²).
        """
        return self.outer(self.left.T[tokens], self.columns(gradients))  # G1 onehot is a column

    def outer(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Sum the outer products of projected factors over positions, in their own precision.

        Args:
            rows: from `rows`, (batch, positions, terms · stack · side).
            columns: from `columns`, (batch, positions, terms · stack · side).

        Returns:
            (batch, stack · side²).
        """
        batch, places = len(rows), rows.shape[1] * self.terms
        rows = rows.reshape(batch, places, self.stack, -1).permute(0, 2, 3, 1)
        columns = columns.reshape(batch, places, self.stack, -1).permute(0, 2, 1, 3)
        return (rows @ columns).flatten(1)

    def gradient(self, gradients: Tensor) -> Tensor:
        """Project whole gradients: (batch, m, n) to (batch, stack · side²)."""
        rows = self.left.view(self.terms, self.stack, -1, self.left.shape[1])
        columns = self.right.view(self.terms, self.stack, -1, self.right.shape[1])
        return torch.einsum("tsim,bmn,tsjn->bsij", rows, gradients, columns).flatten(1)


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

    def lookup(self, tokens: Tensor, gradients: Tensor, shape: torch.Size) -> Tensor:
        """Return the gradient of a table, see `Kronecker.lookup`: (batch, …)."""
        table = gradients.new_zeros(len(tokens), *shape)
        table.scatter_add_(1, tokens.unsqueeze(-1).expand_as(gradients), gradients)
        return self.gradient(table)

    def gradient(self, gradients: Tensor) -> Tensor:
        """Flatten whole gradients: (batch, *shape) to (batch, numbers)."""
        return gradients.flatten(1)


@dataclasses.dataclass(frozen=True)
class Dense(Exact):
    """One dense projection: `matrix` (stack · side², numbers of the parameter) times `scale`."""

    matrix: Tensor
    scale: float

    def to(self, device: torch.device, dtype: torch.dtype) -> "Dense":
        """Return it on another device or in another type."""
        return Dense(self.matrix.to(device).to(dtype), self.scale)

    def gradient(self, gradients: Tensor) -> Tensor:
        """Project whole gradients: (batch, *shape) to (batch, stack · side²)."""
        return gradients.flatten(1) @ self.matrix.T * self.scale


@dataclasses.dataclass(frozen=True)
class CountSketch(Exact):
    """Buckets that sum a few of the parameter's numbers each, with random signs.

    Attributes:
        members: (copies, rounds, stack · side²) the index of the number that a bucket adds.
        signs: (copies, rounds, stack · side²) its sign; 0 where a bucket adds none.
    """

    members: Tensor
    signs: Tensor

    @classmethod
    def of(cls, members: Tensor, signs: Tensor, numbers: int) -> "CountSketch":
        """Return it for a parameter with `numbers` numbers; indices from there on add nothing."""
        beyond = members >= numbers
        return cls(members.masked_fill(beyond, 0), signs.masked_fill(beyond, 0))

    def to(self, device: torch.device, dtype: torch.dtype) -> "CountSketch":
        """Return it on another device or in another type."""
        return CountSketch(self.members.to(device), self.signs.to(device).to(dtype))

    def gradient(self, gradients: Tensor) -> Tensor:
        """Project whole gradients: (batch, *shape) to (batch, stack · side²)."""
        added = gradients.flatten(1).index_select(1, self.members.flatten())
        return added.view(-1, *self.members.shape).mul_(self.signs).sum(2).flatten(1)


@dataclasses.dataclass(frozen=True)
class Scaled(Exact):
    """Gradients taken to other bases and multiplied number by number, then projected by `map`.

    Attributes:
        map: of the parameter.
        scale: the parameter's shape.
        left: (m, m) orthonormal columns, the basis of a matrix's rows; None: the rows as they are.
        right: (n, n) the same of its columns.
    """

    map: "Map"
    scale: Tensor
    left: Tensor | None = None
    right: Tensor | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> "Scaled":
        """Return it on another device or in another type."""
        left, right = (
            None if basis is None else basis.to(device, dtype) for basis in (self.left, self.right)
        )
        return Scaled(self.map.to(device, dtype), self.scale.to(device, dtype), left, right)

    def rows(self, vectors: Tensor) -> Tensor:
        """Return vectors of rows in their basis."""
        return vectors if self.left is None else vectors @ self.left

    def columns(self, vectors: Tensor) -> Tensor:
        """Return vectors of columns in their basis."""
        return vectors if self.right is None else vectors @ self.right

    def outer(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Project the gradient that factors from `rows` and `columns` make."""
        return self.map.gradient(self.scale * (rows.transpose(1, 2) @ columns))

    def gradient(self, gradients: Tensor) -> Tensor:
        """Project whole gradients: (batch, *shape) to (batch, numbers)."""
        gradients = gradients if self.left is None else self.left.T @ gradients
        gradients = gradients if self.right is None else gradients @ self.right
        return self.map.gradient(self.scale * gradients)


Map = Kronecker | CountSketch | Dense | Scaled | Exact
"""The projection of one parameter."""
