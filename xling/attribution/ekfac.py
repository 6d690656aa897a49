"""Influence functions by eigenvalue-corrected Kronecker-factored curvature (EK-FAC)."""

import dataclasses
from typing import Unpack

from torch import nn

from xling.attribution.fitted import Fitted, unfitted
from xling.attribution.method import OF_COMPARISON, PassOptions
from xling.attribution.products import InnerProducts, Similarity
from xling.attribution.tracin import TracIn
from xling.sketch import (
    Preconditioner,
    Progress,
    Projection,
    Sketches,
    Source,
    fit_preconditioner,
)
from xling.sketch.arguments import check_damping, check_memory, whole_number
from xling.sketch.curvature import Curvature, check_curvature_memory


@dataclasses.dataclass(frozen=True)
class Ekfac:
    """Influence functions gᵀH⁻¹g' at each checkpoint, with H by EK-FAC, from sketches of H^−½g.

    The curvature of linear layers is that of George et al. 2018, as Grosse et al. 2023 use it for
    influence, of the empirical Fisher; that of other parameters is diagonal, or of embedding tables
    of rank one: see `xling.sketch.curvature`.

    Attributes:
        projection, skip, parameters: of the gradients, as in `TracIn`.
        similarity: of two preconditioned sketches.
        damping: added to the second moments, relative to their mean, for each parameter.
        fit_examples: the curvature is fitted to at most so many training examples.
        memory_gb: bound of the memory for the curvature, in 10⁹ bytes.
    """

    projection: Projection = dataclasses.field(default_factory=Projection)
    similarity: Similarity = dataclasses.field(default="dot", metadata=OF_COMPARISON)
    skip: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    damping: float = 0.1
    fit_examples: int = 1000
    memory_gb: float = dataclasses.field(default=2.0, metadata=OF_COMPARISON)

    def __post_init__(self) -> None:
        self._plain()  # checks what the two have in common
        check_damping(self.damping)
        whole_number("fit_examples", self.fit_examples)
        check_memory(self.memory_gb)

    @property
    def curvature(self) -> Curvature:
        """What is to be fitted."""
        return "ekfac"

    def check_model(self, model: nn.Module) -> None:
        """Refuse a model whose curvature does not fit into `memory_gb`.

        Raises:
            ArgumentError: naming the memory that would do.
        """
        check_curvature_memory(model, "ekfac", self.memory_gb, self._plain().left_out(model))

    def fit(
        self,
        model: nn.Module,
        train: Source,
        epoch: int,
        *,
        batch_tokens: int | None = None,
        progress: Progress = lambda done, total: done,
    ) -> Preconditioner:
        """Fit the curvature at the model's present weights: two passes over the examples."""
        return fit_preconditioner(
            model,
            train,
            self.projection,
            epoch,
            "ekfac",
            skip=self._plain().left_out(model),
            damping=self.damping,
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
        """Refuse: the method is to be fitted first.

        Raises:
            ArgumentError: always.
        """
        raise unfitted("ekfac")

    def compare(self, train: Sketches, test: Sketches) -> InnerProducts:
        """Compare sketches that were made with the same curvature."""
        return InnerProducts(train, test, self.similarity)

    def _plain(self) -> TracIn:
        return TracIn(self.projection, self.similarity, self.skip, self.parameters)


METHOD = Ekfac
