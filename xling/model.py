"""The classifier: an encoder with a one-hidden-layer tanh head on its first state."""

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from xling.config import Config, Model, Tiny
from xling.data.hub import hub_reachable
from xling.data.sample.tokenizer import train_tokenizer
from xling.errors import UserError
from xling.preflight import missing_model

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


def tiny_encoder(shape: Tiny, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Build an encoder of XLM-R's architecture with random weights."""
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        max_position_embeddings=130,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return XLMRobertaModel(config, add_pooling_layer=False)


def load_encoder(model: Model) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a pretrained encoder (float32) and its tokenizer from a folder or from the hub.

    Raises:
        UserError: neither the folder nor the hub has it.
    """
    here = Path(model.path).is_dir()
    offline = here or not hub_reachable()
    source = {"revision": model.revision, "local_files_only": offline}
    try:
        config = AutoConfig.from_pretrained(model.path, **source)
        # Without a pooler: the head takes the first state itself, and unused weights have no place
        # among the parameters.
        kind = AutoModel._model_mapping[type(config)]
        pooler = "add_pooling_layer" in inspect.signature(kind.__init__).parameters
        encoder = kind.from_pretrained(
            model.path,
            dtype=torch.float32,
            **source,
            **({"add_pooling_layer": False} if pooler else {}),
        )
        tokenizer = AutoTokenizer.from_pretrained(model.path, **source)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        if here:
            raise UserError(
                f"model.path={model.path} does not hold a Hugging Face encoder with its "
                f"tokenizer: {reason}"
            ) from error
        raise UserError(missing_model(model, reason)) from error
    tokenizer.padding_side = "right"  # the head reads position 0
    return encoder, tokenizer


def load(
    config: Config, texts: Callable[[], Iterable[str]]
) -> tuple[Classifier, PreTrainedTokenizerBase]:
    """Load or build the classifier, its head at its seeded start, and the tokenizer.

    Args:
        texts: what a tiny model's tokenizer is trained on.
    """
    if config.model.tiny:
        tokenizer = train_tokenizer(texts(), config.model.tiny.vocabulary)
        torch.manual_seed(config.seed)
        encoder = tiny_encoder(config.model.tiny, tokenizer)
    else:
        encoder, tokenizer = load_encoder(config.model)
    torch.manual_seed(config.seed)
    return Classifier(encoder, len(config.task.classes)), tokenizer
