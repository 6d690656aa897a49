"""Whether `<s>` stands before a text, and `</s>` behind it, where transformers 5 leaves it open.

Its classes put neither there unless a file says so, though Llama's and Gemma's models were
trained with the first; and beside a tokenizer.json it passes over what tokenizer_config.json says.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

BEGINNING = ("codellama", "cohere", "gemma", "llama")
"""Classes of tokenizers that begin each text with a token of its own unless told not to."""

SETTABLE = (*BEGINNING, "gptneox")
"""Classes that take the word of tokenizer_config.json over that of tokenizer.json."""

OF_LLAMA = (
    "arcee code_llama deepseek_v2 deepseek_v3 diffllama jamba jetmoe llama llama4 llama4_text "
    "ministral mistral mixtral persimmon phi3 phimoe zamba zamba2"
).split()
"""Types of models whose tokenizer is Llama's if nothing names another."""


def follow_convention(
    tokenizer: PreTrainedTokenizerBase,
    settings: Mapping[str, Any],
    folder: Path,
    model_type: str,
    say: Callable[[str], None],
) -> None:
    """Put the tokens around a text that the files say, or else those that the class is known for.

    Args:
        settings: of tokenizer_config.json.
        folder: of the tokenizer.
        model_type: of the model, as in config.json.
        say: is told what no file says.
    """
    if not hasattr(tokenizer, "add_bos_token"):
        return
    kind, token = _kind(tokenizer, settings, model_type), tokenizer.bos_token
    begins, ends = settings.get("add_bos_token"), settings.get("add_eos_token")
    stored = (folder / "tokenizer.json").is_file()
    alone = not stored and str(getattr(tokenizer, "vocab_file", None) or "").endswith(".model")
    if not _is_known(tokenizer, token):
        if alone and kind in BEGINNING:
            say(
                "Tokenizer: no token stands before a text, though one did in the training of "
                "models of this kind: the vocabulary has none for it. Fetch tokenizer.json too"
            )
        return
    if stored and kind in SETTABLE:
        _surround(tokenizer, begins, ends)
    if begins is not None or not (stored or alone):
        return
    if alone and kind in BEGINNING:
        _surround(tokenizer, True, ends)
        say(
            f"Tokenizer: {token} stands before each text, as in all models of this kind; "
            '"add_bos_token": false in tokenizer_config.json leaves it out'
        )
    elif (kind in BEGINNING or alone) and not tokenizer.num_special_tokens_to_add():
        say(
            f"Tokenizer: no {token} stands before a text, as no file says that it does; "
            '"add_bos_token": true in tokenizer_config.json puts it there'
        )


def say_unheeded(
    tokenizer: PreTrainedTokenizerBase, settings: Mapping[str, Any], say: Callable[[str], None]
) -> None:
    """Tell where the tokens around a text are not those that were asked for, or there are none.

    Args:
        settings: of tokenizer_config.json.
        say: is told of it.
    """
    ids, kind = tokenizer("")["input_ids"], type(tokenizer).__name__
    bare = not tokenizer.num_special_tokens_to_add()
    for key, token, place, is_there in (
        ("add_bos_token", tokenizer.bos_token, "before", tokenizer.bos_token_id in ids[:1]),
        ("add_eos_token", tokenizer.eos_token, "behind", _is_last(tokenizer, ids)),
    ):
        asked = settings.get(key)
        other = token in (tokenizer.cls_token, tokenizer.sep_token)  # BERT's kin has them anyway
        if asked is None or bool(asked) == is_there or not _is_known(tokenizer, token):
            continue
        if asked or not other:
            say(
                f'Tokenizer: "{key}": {str(bool(asked)).lower()} in tokenizer_config.json is not '
                f"heeded by {kind}: {token if is_there else f'no {token}'} stands {place} each "
                f"text. To change that, set tokenizer.{key} = {bool(asked)} in Python and save it, "
                "tokenizer.save_pretrained(DIR)"
            )
            bare = False
    if bare and _is_known(tokenizer, tokenizer.cls_token):
        say(
            f"Tokenizer: nothing stands around a text, though there is {tokenizer.cls_token}: "
            f"neither tokenizer.json nor {kind} puts it there. If the model was trained with it, "
            'name its class in tokenizer_config.json, as in "tokenizer_class": "BertTokenizer"'
        )


def _kind(tokenizer: PreTrainedTokenizerBase, settings: Mapping[str, Any], model_type: str) -> str:
    """Return the class of a tokenizer in small letters, as "llama"; the library may use another."""
    named = settings.get("tokenizer_class")
    if not named and model_type in OF_LLAMA:
        return "llama"
    name = str(named or type(tokenizer).__name__).lower()
    return name.removesuffix("fast").removesuffix("tokenizer")


def _surround(tokenizer: PreTrainedTokenizerBase, begins: Any, ends: Any) -> None:
    """Put the tokens there, or take them away; what is None stays as it is."""
    ids = tokenizer("")["input_ids"]
    own = tokenizer.bos_token_id in ids[:1], _is_last(tokenizer, ids)
    wanted = own[0] if begins is None else begins, own[1] if ends is None else ends
    if wanted != own:
        tokenizer.add_bos_token, tokenizer.add_eos_token = wanted


def _is_last(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> bool:
    """Tell whether the end of a text is among the tokens around nothing."""
    if tokenizer.eos_token_id == tokenizer.bos_token_id:
        return len(ids) > 1
    return tokenizer.eos_token_id in ids[-1:]


def _is_known(tokenizer: PreTrainedTokenizerBase, token: str | None) -> bool:
    """Tell whether a token is one of the vocabulary, not one that was added behind it."""
    return token is not None and tokenizer.convert_tokens_to_ids(token) < tokenizer.vocab_size
