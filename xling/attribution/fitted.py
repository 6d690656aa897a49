"""Gradient methods whose rows are made with a curvature that was fitted to training examples."""

import dataclasses
from typing import Protocol, Unpack

from torch import nn

from xling.attribution.method import Comparison, PassOptions
from xling.attribution.tracin import TracIn
from xling.errors import ArgumentError
from xling.sketch import Preconditioner, Sketches, Source


class Comparing(Protocol):
    """What compares rows."""

    def compare(self, train: Sketches, test: Sketches) -> Comparison:
        """See `xling.attribution.method.Method.compare`."""
        ...


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A method of sketched gradients that are divided by the root of their curvature.

    Attributes:
        gradients: which gradients are sketched, and how.
        method: compares the rows.
        preconditioner: what was fitted.
    """

    gradients: TracIn
    method: Comparing
    preconditioner: Preconditioner

    def represent(
        self, model: nn.Module, examples: Source, epoch: int, **options: Unpack[PassOptions]
    ) -> Sketches:
        """Sketch the preconditioned loss gradient of every example; see `TracIn.represent`."""
        return self.gradients.sketched(model, examples, epoch, self.preconditioner, options)

    def compare(self, train: Sketches, test: Sketches) -> Comparison:
        """Compare rows that were made with the same curvature."""
        return self.method.compare(train, test)


def unfitted(name: str) -> ArgumentError:
    """Return what is raised where a method should represent examples before it was fitted."""
    return ArgumentError(
        "attribution",
        f"{name} is not fitted yet: use method.fitted(method.fit(model, train, epoch)) instead.",
    )
