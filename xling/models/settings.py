"""The types of what a tokenizer's JSON files say, checked before heavy imports.

Of a wrong type, some values fail deep in a library, and others are taken for something else: the
text "false" is true.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from xling.models.json_files import expect, read_object, refuse_value

SWITCHES = (
    "add_bos_token",
    "add_eos_token",
    "add_prefix_space",
    "clean_text",
    "do_basic_tokenize",
    "do_lower_case",
    "keep_accents",
    "split_special_tokens",
    "strip_accents",
    "tokenize_chinese_chars",
    "trim_offsets",
)
TOKENS = tuple(f"{kind}_token" for kind in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
SIDES = ("padding_side", "truncation_side")


def check_settings(name: str, folder: Path) -> None:
    """Refuse values of which no tokenizer can be made, or another one than was meant.

    Args:
        name: of the model, for errors.
        folder: of the tokenizer.

    Raises:
        UserError: names the file, the key and what is expected.
    """
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        settings = read_object(name, folder, file) or {}
        for key in SWITCHES:
            expect(name, file, settings, key, bool)
        expect(name, file, settings, "tokenizer_class", str)
        _check(name, file, settings, "model_max_length", _is_length, "a positive number")
        _check(name, file, settings, "model_input_names", _is_names, "a list of names")
        for key in SIDES:
            _check(name, file, settings, key, ("left", "right").__contains__, '"left" or "right"')
        for key in TOKENS:
            _check(name, file, settings, key, _is_token, "a token")
        for key in ("additional_special_tokens", "extra_special_tokens"):
            _check(name, file, settings, key, _is_tokens, "a list of tokens")
    added = read_object(name, folder, "added_tokens.json") or {}
    for key in added:
        _check(name, "added_tokens.json", added, key, _is_row, "the token's number")


def _check(
    name: str,
    file: str,
    settings: Mapping[str, Any],
    key: str,
    fits: Callable[[Any], bool],
    expected: str,
) -> None:
    value = settings.get(key)
    if value is not None and not fits(value):
        refuse_value(name, file, key, value, expected)


def _is_length(value: Any) -> bool:
    return type(value) in (int, float) and not math.isnan(value) and value >= 1


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_token(value: Any) -> bool:
    """Tell whether a value is a token: its text, or an object with that."""
    content = value.get("content") if isinstance(value, dict) else value
    return isinstance(content, str)


def _is_tokens(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_token, value.values()))
    return isinstance(value, list) and all(map(_is_token, value))


def _is_row(value: Any) -> bool:
    return type(value) is int and value >= 0
