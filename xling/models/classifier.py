"""The classifier: an encoder with a one-hidden-layer tanh head on its first state."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

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
    """A Hugging Face encoder and a `Head` on the state of its first token (`<s>`, `[CLS]`)."""

    def __init__(self, encoder: PreTrainedModel, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = Head(encoder.config.hidden_size, classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """Map a batch of the tokenizer's tensors, (batch, length) each, to logits."""
        return self.head(self.encoder(**inputs).last_hidden_state[:, 0])
