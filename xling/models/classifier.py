"""The classifier: an encoder with a one-hidden-layer tanh head on one of its states."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xling.models.pooling import Pooling, pooled, states

HIDDEN_DROPOUT = 0.1


class Head(nn.Module):
    """Dropout, linear, tanh, dropout, linear (Choenni et al. 2023, §4.1)."""

    def __init__(self, width: int, classes: int, dropout: float = HIDDEN_DROPOUT) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, width)
        self.output = nn.Linear(width, classes)
        for layer in (self.hidden, self.output):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, state: Tensor) -> Tensor:
        """Map (batch, width) to logits (batch, classes)."""
        return self.output(self.dropout(torch.tanh(self.hidden(self.dropout(state)))))


class Classifier(nn.Module):
    """A Hugging Face encoder and a `Head` on a state of each text.

    Args:
        pooling: which state: the first (`<s>`, `[CLS]`), the last or the mean, see `pooled`.
        width: dimension of the states; None: as the encoder's configuration says.
        even: whether all texts have to be padded to one length, as the states depend on padding.
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        classes: int,
        pooling: Pooling = "first",
        width: int | None = None,
        even: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.pooling, self.even = encoder, pooling, even
        self.width = encoder.config.hidden_size if width is None else width
        self.head = Head(self.width, classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """Map a batch of the tokenizer's tensors, (batch, length) each, to logits."""
        encoded = states(self.encoder, inputs)
        return self.head(pooled(encoded, inputs.get("attention_mask"), self.pooling))
