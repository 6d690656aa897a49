"""Models that are told each text's language: by an input, or by a token beside the text."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xling.data.languages import matching
from xling.errors import UserError

LANGUAGE_TOKEN = re.compile("[a-z]{2,3}_[A-Za-z]{2,4}")
"""Such as eng_Latn (NLLB) and en_XX (mBART)."""


@dataclasses.dataclass(frozen=True)
class LanguageInput:
    """An input of the model that says which language a text is in.

    Attributes:
        name: of the input.
        ids: the run's language → the model's number of it.
        per_token: whether the input has a number for each token, not one for each text.
    """

    name: str
    ids: dict[str, int]
    per_token: bool

    def tensor(self, languages: Sequence[str], length: int) -> Tensor:
        """Return the input of texts in these languages, (batch,) or (batch, length)."""
        ids = torch.tensor([self.ids[language] for language in languages])
        return ids[:, None].repeat(1, length) if self.per_token else ids


def language_input(
    name: str, encoder: PreTrainedModel, languages: Sequence[str]
) -> LanguageInput | None:
    """Return the input that says which language a text is in, if the model has one.

    X-MOD has an adapter for each language, XLM and FlauBERT may have an embedding.

    Args:
        name: of the model, for errors.

    Raises:
        UserError: the model does not know one of the languages.
    """
    config = encoder.config
    if config.model_type == "xmod":
        known = {str(code): index for index, code in enumerate(config.languages)}
        return LanguageInput("lang_ids", _known(name, known, languages, "adapter"), per_token=False)
    if hasattr(encoder, "lang_embeddings"):
        known = getattr(config, "lang2id", None) or {}
        if not isinstance(known, dict) or not all(type(x) is int for x in known.values()):
            raise UserError(
                f"model.path={name}: config.json has lang2id={known!r:.60}, where the number of "
                'each language is expected, as in {"de": 0, "en": 1}.'
            )
        return LanguageInput("langs", _known(name, known, languages, "embedding"), per_token=True)
    return None


def language_tokens(
    name: str, tokenizer: PreTrainedTokenizerBase, languages: Sequence[str]
) -> dict[str, str] | None:
    """Return how the tokenizer of a translation model names the languages; None for others.

    Its texts carry a token of their language (mBART, M2M100, NLLB); unless it is told, all carry
    the one of English.

    Args:
        name: of the model, for errors.

    Raises:
        UserError: the tokenizer does not know one of the languages.
    """
    codes = _codes(tokenizer)
    if not codes:
        _check_around(name, tokenizer)
        return None
    ids = _known(name, {code: index for index, code in enumerate(codes)}, languages, "token")
    return {language: codes[index] for language, index in ids.items()}


def select_adapters(encoder: nn.Module) -> None:
    """Make X-MOD's adapters run on the whole batch, each example keeping its own one's output.

    As the library has it, each adapter runs on the examples of its language alone, so that the
    examples of a batch stand in other places, and not all of them in each call.
    """
    for module in encoder.modules():
        if hasattr(module, "adapter_modules") and hasattr(module, "lang_adapter"):
            module.lang_adapter = partial(_selected, module)  # which can be pickled


def _selected(self: nn.Module, lang_ids: Tensor, hidden_states: Tensor) -> Tensor:
    """Do what `XmodOutput.lang_adapter` does; same arguments and result."""
    residual = hidden_states
    if self.adapter_layer_norm is not None:
        hidden_states = self.adapter_layer_norm(hidden_states)
    elif self.adapter_reuse_layer_norm:
        hidden_states = self.LayerNorm(hidden_states)
    if self.ln_before_adapter:
        residual = hidden_states
    adapted = torch.zeros_like(hidden_states)
    adapters = list(self.adapter_modules.values())
    for index in lang_ids.unique().tolist():
        own = (lang_ids == index)[:, None, None]
        adapted = torch.where(own, adapters[int(index)](hidden_states), adapted)
    return self.dropout(adapted) + residual


def _codes(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the languages that a tokenizer has tokens of, as it names them."""
    if not isinstance(getattr(type(tokenizer), "src_lang", None), property):
        return []
    if ids := getattr(tokenizer, "lang_code_to_id", None):
        return list(ids)
    return [token for token in tokenizer.all_special_tokens if LANGUAGE_TOKEN.fullmatch(token)]


def _check_around(name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer whose token of the language is one that it does not know."""
    told = isinstance(getattr(type(tokenizer), "src_lang", None), property)
    if told and tokenizer.unk_token_id in tokenizer("")["input_ids"]:
        raise UserError(
            f"model.path={name}: its tokenizer puts {tokenizer.unk_token} beside every text, where "
            "a token of the language belongs: its files name no languages. Copy or download "
            "tokenizer.json or tokenizer_config.json again; the latter names them as "
            "additional_special_tokens."
        )


def _known(
    name: str, known: Mapping[str, int], languages: Iterable[str], what: str
) -> dict[str, int]:
    ids = {}
    for language in languages:
        code = matching(language, known, f"model.path={name}")
        if code is None:
            raise UserError(
                f"model.path={name} has no {what} for {language}: it knows "
                f"{', '.join(known) or 'no language by name'}. Leave the language out, or choose a "
                "model that knows all of them."
            )
        ids[language] = known[code]
    return ids
