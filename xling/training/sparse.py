"""The Lightning module of sparse fine-tuning: each language trains its own subnetwork."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xling.models.classifier import Classifier
from xling.subnetwork import Masks, gated_by_group, head_weights
from xling.subnetwork.masks import stacked
from xling.tasks import TaskKind
from xling.training.modules import FullFineTuning


class SparseFineTuning(FullFineTuning):
    """Fine-tunes through the subnetwork of each batch's language (Choenni et al. 2024, §4.2).

    Forward, backward and in validation only the language's heads are on, and the gradients are
    multiplied by its mask before they reach the optimiser. AdamW moves weights that have no
    gradient all the same, by weight decay and by the momentum of other languages' batches, as in
    the paper. A strict step restores what the batch's mask leaves out.

    Args:
        masks: of every language.
        strict: restore the weights that the mask leaves out after each step. The optimiser's
            moments stay as the step left them.
    """

    def __init__(
        self,
        model: Classifier,
        kind: TaskKind,
        languages: tuple[str, ...],
        learning_rate: float,
        weight_decay: float,
        seed: int,
        *,
        masks: Masks,
        strict: bool,
    ) -> None:
        super().__init__(model, kind, languages, learning_rate, weight_decay, seed)
        self.strict = strict
        self.masks = masks
        self.gates = stacked(masks, languages)
        self._off: list[tuple[torch.nn.Parameter, int, Tensor]] = []

    def logits(self, batch: dict) -> Tensor:
        """Run the model with the heads of each example's language."""
        with gated_by_group(self.model, self.gates, batch["languages"]):
            return super().logits(batch)

    def on_train_batch_start(self, batch: dict, index: int) -> None:
        """Choose the mask of the batch's language."""
        super().on_train_batch_start(batch, index)
        (language,) = set(batch["languages"].tolist())  # more than one would be a wrong sampler
        mask = self.masks[self.languages[language]]
        disabled = ((weight, weight.off(mask)) for weight in head_weights(self.model))
        self._off = [
            (weight.parameter, weight.dimension, off) for weight, off in disabled if len(off)
        ]

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Multiply the gradients by the mask: 0 where it leaves a weight out."""
        for parameter, dimension, indices in self._off:
            if parameter.grad is not None:
                parameter.grad.index_fill_(dimension, indices, 0)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Step; a strict one leaves what the mask leaves out as it was, to the bit."""
        kept = []
        if self.strict:
            kept = [parameter.detach().index_select(dim, at) for parameter, dim, at in self._off]
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self.strict:
            with torch.no_grad():
                for (parameter, dimension, indices), before in zip(self._off, kept, strict=True):
                    parameter.index_copy_(dimension, indices, before)
