"""TracIn with preconditioned gradients: sketches whitened by the training sketches' own moments."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal, Unpack, get_args
from weakref import WeakKeyDictionary

import numpy as np
from torch import nn

from xling.attribution.fitted import Fitted, unfitted
from xling.attribution.method import OF_COMPARISON, OF_CURVATURE, PassOptions, Scorer
from xling.attribution.products import InnerProducts, Similarity, mean_products, products
from xling.attribution.tiles import TEST_TILE, TRAIN_TILE, spans
from xling.attribution.tracin import TracIn
from xling.errors import ArgumentError
from xling.sketch import (
    Preconditioner,
    Progress,
    Projection,
    Sketches,
    Source,
    fit_preconditioner,
)
from xling.sketch.arguments import check_choice, check_damping, check_memory, whole_number
from xling.sketch.curvature import Curvature, check_curvature_memory
from xling.sketch.gradients import plan

Moments = Literal["none", "adafactor", "adamw"]

MOMENT_DAMPING = 0.01
"""Added to the moments, relative to their mean: numbers that are zero in all the examples that they
were fitted to must not become the largest of others."""


@dataclasses.dataclass(frozen=True)
class Preconditioned:
    """Influence by inner products of whitened gradient sketches.

    s_e(z, z') = ⟨W g(z), W g(z')⟩ with W = (GᵀG/N + λI)^−½ of the N training sketches G at the
    checkpoint, as in TRAK (Park et al. 2023) and TrackStar (Chang et al. 2025): directions in which
    all gradients vary count less. The rows are those of `TracIn`.

    Attributes:
        projection, skip, parameters: of the gradients, as in `TracIn`.
        similarity: of two whitened sketches.
        damping: λ, relative to the mean eigenvalue of GᵀG/N. The larger, the nearer to `TracIn`.
        moments: gradients are divided by the root of these second moments of theirs before they
            are projected, as TrackStar does with Adafactor's; see `xling.sketch.curvature`.
        fit_examples: the moments are those of at most so many training examples.
        memory_gb: bound of the memory for W and for the moments, in 10⁹ bytes; W has the square of
            a sketch's size.
    """

    projection: Projection = dataclasses.field(default_factory=Projection)
    similarity: Similarity = dataclasses.field(default="dot", metadata=OF_COMPARISON)
    skip: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    damping: float = dataclasses.field(default=0.1, metadata=OF_COMPARISON)
    moments: Moments = dataclasses.field(default="none", metadata=OF_CURVATURE)
    fit_examples: int = dataclasses.field(default=1000, metadata=OF_CURVATURE)
    memory_gb: float = dataclasses.field(default=2.0, metadata=OF_COMPARISON)

    def __post_init__(self) -> None:
        self._plain()  # checks what the two have in common
        check_damping(self.damping)
        check_choice("moments", self.moments, get_args(Moments))
        whole_number("fit_examples", self.fit_examples)
        check_memory(self.memory_gb)

    @property
    def curvature(self) -> Curvature | None:
        """What is to be fitted; None: nothing."""
        return None if self.moments == "none" else self.moments

    def fit(
        self,
        model: nn.Module,
        train: Source,
        epoch: int,
        *,
        batch_tokens: int | None = None,
        progress: Progress = lambda done, total: done,
    ) -> Preconditioner:
        """Fit the moments at the model's present weights: a pass over the examples.

        Raises:
            ArgumentError: there are none.
        """
        if not self.curvature:
            raise ArgumentError("moments", "With moments='none' there is nothing to fit.")
        return fit_preconditioner(
            model,
            train,
            self.projection,
            epoch,
            self.curvature,
            skip=self._plain().left_out(model),
            damping=MOMENT_DAMPING,
            limit=self.fit_examples,
            memory_gb=self.memory_gb,
            batch_tokens=batch_tokens,
            progress=progress,
        )

    def fitted(self, preconditioner: Preconditioner) -> Fitted:
        """Return the method that represents examples by what was fitted."""
        return Fitted(self._plain(), self, preconditioner)

    def represent(
        self, model: nn.Module, examples: Source, epoch: int, **options: Unpack[PassOptions]
    ) -> Sketches:
        """Sketch the loss gradient of every example; see `TracIn.represent`.

        Raises:
            ArgumentError: the moments are not fitted yet.
        """
        if self.curvature:
            raise unfitted("preconditioned")
        return self._plain().represent(model, examples, epoch, **options)

    def check_model(self, model: nn.Module) -> None:
        """Refuse a model whose sketches, by this projection, are too large to be whitened.

        Raises:
            ArgumentError: W, or the moments, do not fit into `memory_gb`.
        """
        if self.curvature:
            left_out = self._plain().left_out(model)
            check_curvature_memory(model, self.curvature, self.memory_gb, left_out)
        self._check_size(plan(model, self._plain().left_out(model)).dimensions(self.projection))

    def compare(self, train: Sketches, test: Sketches) -> "WhitenedProducts":
        """Fit W to the training sketches, and compare sketches of the same epoch and projection.

        Raises:
            ArgumentError: W does not fit into `memory_gb`.
        """
        self._check_size(train.metadata.dimensions)
        plain = InnerProducts(train, test, self.similarity)
        return WhitenedProducts(plain, fitted(train, self.damping))

    def _plain(self) -> TracIn:
        return TracIn(self.projection, self.similarity, self.skip, self.parameters)

    def _check_size(self, dimensions: int) -> None:
        # Moments and eigenvectors while W is made; W² of several checkpoints afterwards.
        needed = 64e-9 * dimensions**2
        if needed > self.memory_gb:
            shown = f"{math.ceil(100 * needed) / 100:g}"
            raise ArgumentError(
                "memory_gb",
                f"A memory of {self.memory_gb:g} GB is too little to whiten sketches of "
                f"{dimensions:,} numbers: that needs {shown} GB, or smaller sketches.",
                shown,
            )


METHOD = Preconditioned


@dataclasses.dataclass(frozen=True)
class Whitening:
    """W of one checkpoint, but for the scale of the gradients: (GᵀG/N/scale + λI)^−½.

    Attributes:
        squared: (dimensions, dimensions) W², float64.
        scale: the mean eigenvalue of GᵀG/N.
        lengths: (train,) ‖Wu‖ of each training row u of norm one, float32.
    """

    squared: np.ndarray
    scale: float
    lengths: np.ndarray


_FITTED: WeakKeyDictionary[Sketches, dict[float, Whitening]] = WeakKeyDictionary()
"""Rankings, histograms and means compare the same sketches one after the other."""


def fitted(train: Sketches, damping: float) -> Whitening:
    """Return W of the training sketches: the same one as long as these are in memory."""
    known = _FITTED.setdefault(train, {})
    if damping not in known:
        known[damping] = _fit(train, damping)
    return known[damping]


def _fit(train: Sketches, damping: float) -> Whitening:
    """Fit W to all training sketches, which are read twice, a tile at a time.

    In double precision: the small eigenvalues, which W makes large, are those of a matrix whose
    large ones are many times as large.
    """
    dimensions, tiles = train.metadata.dimensions, spans(0, len(train), TRAIN_TILE)
    moment = np.zeros((dimensions, dimensions))
    for tile in tiles:
        block = train.units(tile.start, tile.stop).astype(float)
        block *= train.norms[tile, None]
        moment += block.T @ block
    scale = float(np.trace(moment)) / dimensions
    values, vectors = np.linalg.eigh(moment / scale)
    values = np.maximum(values, 0) + damping  # those that are zero may come out below it
    half = (vectors / np.sqrt(values) @ vectors.T).astype(np.float32)
    lengths = [np.linalg.norm(train.units(tile.start, tile.stop) @ half, axis=1) for tile in tiles]
    return Whitening(vectors / values @ vectors.T, scale / len(train), np.concatenate(lengths))


@dataclasses.dataclass(frozen=True)
class WhitenedProducts:
    """Scores that are inner products or cosines of whitened rows: a `Comparison`.

    As ⟨Wg, Wg'⟩ = ⟨g, W²g'⟩, the test rows alone are multiplied, by W². The training rows are taken
    as they are stored, so that nothing is written again and a tile takes as long as with plain
    ones; for cosines they are divided by their whitened norms.

    Attributes:
        plain: the rows of one checkpoint, and the similarity.
        whitening: W.
    """

    plain: InnerProducts
    whitening: Whitening

    @property
    def train_ids(self) -> Sequence[str]:
        """Ids of the training examples."""
        return self.plain.train_ids

    @property
    def test_ids(self) -> Sequence[str]:
        """Ids of the test examples."""
        return self.plain.test_ids

    @property
    def dimensions(self) -> int:
        """Numbers of a row."""
        return self.plain.dimensions

    def scorers(self, tests: slice) -> Callable[[slice], Scorer]:
        """Take a slice of the test examples; return what makes the scorer of a training tile."""
        return products(self.plain.train, self._whitened(tests), self._lengths())

    def mean_scores(self, test_groups: np.ndarray) -> np.ndarray:
        """Return (train, test groups) mean scores: those of the groups' mean rows."""
        tests = self._whitened(slice(0, len(self.plain.test)))
        return mean_products(self.plain.train, tests, self._lengths(), test_groups)

    def _lengths(self) -> np.ndarray:
        """Return what training rows of norm one are multiplied by."""
        if self.plain.similarity == "cosine":
            return 1 / self.whitening.lengths
        return self.plain.train.norms

    def _whitened(self, tests: slice) -> np.ndarray:
        """Return test rows times W²; for cosines, of whitened norm one."""
        made = np.empty((tests.stop - tests.start, self.dimensions), np.float32)
        for part in spans(tests.start, tests.stop, TEST_TILE):
            units = self.plain.test.units(part.start, part.stop).astype(float)
            whitened = units @ self.whitening.squared
            if self.plain.similarity == "cosine":
                factors = 1 / np.sqrt((units * whitened).sum(1))
            else:
                factors = self.plain.test.norms[part] / self.whitening.scale
            made[part.start - tests.start : part.stop - tests.start] = whitened * factors[:, None]
        return made
