"""Loading the model: any Hugging Face encoder with its tokenizer, or a tiny one to be trained."""

import inspect
from collections.abc import Callable, Iterable

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xling.config import Config, Model
from xling.data.sample.tokenizer import train_tokenizer
from xling.errors import UserError
from xling.models.available import fetched
from xling.models.classifier import Classifier
from xling.models.tiny import tiny_encoder

Say = Callable[[str], None]


def load_encoder(model: Model) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a pretrained encoder (float32) and its tokenizer from a folder.

    Raises:
        UserError: the folder does not have it.
    """
    source = {"local_files_only": True}
    try:
        config = AutoConfig.from_pretrained(model.path, **source)
        # Without a pooler: the head takes the first state itself, and unused weights do not belong
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
        raise UserError(
            f"model.path={model.path} does not hold a Hugging Face encoder with its "
            f"tokenizer: {str(error).splitlines()[0]}"
        ) from error
    tokenizer.padding_side = "right"  # the head reads position 0
    return encoder, tokenizer


def load(
    config: Config, texts: Callable[[], Iterable[str]], say: Say = lambda line: None
) -> tuple[Classifier, PreTrainedTokenizerBase]:
    """Load or build the classifier, its head at its seeded start, and the tokenizer.

    Args:
        texts: what a tiny model's tokenizer is trained on.
        say: is told what is fetched from the hub.
    """
    if config.model.tiny:
        tokenizer = train_tokenizer(texts(), config.model.tiny.vocabulary)
        torch.manual_seed(config.seed)
        encoder = tiny_encoder(config.model.tiny, tokenizer)
    else:
        encoder, tokenizer = load_encoder(fetched(config.model, say))
    torch.manual_seed(config.seed)
    return Classifier(encoder, len(config.task.classes)), tokenizer
