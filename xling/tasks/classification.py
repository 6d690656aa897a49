"""Classification: one class per example."""

import dataclasses

from torch import Tensor
from torch.nn.functional import cross_entropy

from xling.tasks.base import Array


@dataclasses.dataclass(frozen=True)
class Classification:
    """One class per example: cross-entropy; the most probable class is the prediction."""

    unit: str = "example"

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of each example, (batch,).

        Args:
            logits: (batch, classes).
            labels: (batch,) indices of the right classes.
        """
        return cross_entropy(logits, labels, reduction="none")

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probability of each class, (batch, classes), in single precision."""
        return logits.float().softmax(-1)

    def predictions(self, predicted: Array) -> Array:
        """Return the most probable class of each example, (examples,); the first of equal ones.

        Args:
            predicted: (examples, classes) logits or probabilities.
        """
        return predicted.argmax(-1)

    def correct(self, predicted: Array, labels: Array) -> Array:
        """Return where the most probable class is the right one, (examples,).

        Args:
            predicted: (examples, classes) logits or probabilities.
            labels: (examples,).
        """
        return self.predictions(predicted) == labels
