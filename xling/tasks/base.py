"""What a kind of task is to the rest of the program: losses, correctness, and the traced unit."""

from typing import Protocol, TypeVar

import numpy as np
from torch import Tensor

Array = TypeVar("Array", Tensor, np.ndarray)


class TaskKind(Protocol):
    """A kind of task; each has its own file in this package.

    Attributes:
        unit: what influence is traced for, in the singular, as in "example".
    """

    unit: str

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each example of a batch, (batch,)."""
        ...

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return what the model predicts for a batch, as it is kept for the analyses."""
        ...

    def predictions(self, predicted: Array) -> Array:
        """Return what the model decides on for each example, comparable with labels, (examples,).

        Args:
            predicted: logits or probabilities.
        """
        ...

    def correct(self, predicted: Array, labels: Array) -> Array:
        """Return which predictions are right, (examples,).

        Args:
            predicted: logits or probabilities.
        """
        ...
