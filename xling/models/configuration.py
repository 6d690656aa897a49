"""Which value of config.json keeps transformers from building a model, found by building it."""

import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig

from xling.errors import UserError
from xling.models.json_files import shown

SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
)
"""Settings that are positive in every model that has them, by transformers' common names."""


def check_sizes(name: str, config: PreTrainedConfig) -> None:
    """Refuse sizes of which no model can be made: some are built, without a layer for instance.

    Args:
        name: of the model, for errors.

    Raises:
        UserError: names the setting.
    """
    for common in SIZES:
        key = config.attribute_map.get(common, common)
        value = getattr(config, key, None)
        if isinstance(value, int) and value < 1:
            raise UserError(
                f"model.path={name}: config.json has {key}={value}, where a positive number is "
                "expected. Correct it, or copy or download the file again."
            )


def mistake(name: str, folder: Path) -> str:
    """Return what is wrong with a config.json, as a message; "" if a model can be built from it.

    No code of the model's own is run.

    Args:
        name: of the model, for the message.
        folder: of config.json, which holds an object.
    """
    values = json.loads((folder / "config.json").read_text("utf-8"))
    kind = values.get("model_type")
    if kind not in list(CONFIG_MAPPING):
        own = isinstance(values.get("auto_map"), dict)
        return "" if own else f"model.path={name}: config.json {_unknown_type(kind)}"
    error = _failure(values)
    if error is None:
        return ""
    keys = next(filter(None, (_fits(values, without) for without in _candidates(values))), ())
    what = " and ".join(f"{key}={shown(values[key])}" for key in keys)
    reason = "" if isinstance(error, KeyError) and keys else f" ({_reason(error)})"
    return (
        f"model.path={name}: transformers {transformers.__version__} cannot build a model from "
        f"config.json{f' with {what}' if what else ''}{reason}. Correct it, or copy or download "
        "the file again."
    )


def wrong_setting(folder: Path) -> str:
    """Return the setting without which a tokenizer can be made, and its file; "" if none is so.

    No code of the model's own is run.

    Args:
        folder: of the tokenizer.
    """
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        path = folder / file
        values = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        for key, value in values.items():
            others = {other: values[other] for other in values if other != key}
            if _makes_tokenizer(folder, file, others):
                return f"{key}={shown(value)} in {file}"
    return ""


def _makes_tokenizer(folder: Path, file: str, values: Mapping[str, Any]) -> bool:
    """Tell whether a tokenizer can be made with other values in one of its files."""
    with tempfile.TemporaryDirectory() as changed:
        for other in (other for other in folder.iterdir() if other.is_file()):
            Path(changed, other.name).symlink_to(other.resolve())
        Path(changed, file).unlink()
        Path(changed, file).write_text(json.dumps(values), "utf-8")
        try:
            AutoTokenizer.from_pretrained(changed, trust_remote_code=False)("a")
        except Exception:  # of any kind: every class has its own checks
            return False
    return True


def _unknown_type(kind: object) -> str:
    if kind is None:
        return (
            "has no model_type, so the model's architecture is unknown. Write the one it was made "
            'with, as in "model_type": "bert", or copy or download the file again.'
        )
    if not isinstance(kind, str):
        return (
            f"has model_type={shown(kind)}, where the name of an architecture is expected, as in "
            '"model_type": "bert". Correct it, or copy or download the file again.'
        )
    near = get_close_matches(kind.lower(), list(CONFIG_MAPPING), 1)
    return (
        f"has model_type={shown(kind)}, which transformers {transformers.__version__} does not "
        f"know.{f' Did you mean {shown(near[0])}?' if near else ''} A newer model needs a newer "
        "transformers: pip install --upgrade transformers."
    )


def _failure(values: Mapping[str, Any]) -> Exception | None:
    """Return why no model can be built, without memory for its weights; None if one can."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(values), "utf-8")
        try:
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            if type(config) in AutoModel._model_mapping:
                with torch.device("meta"):
                    AutoModel.from_config(config, trust_remote_code=False)
        except Exception as error:  # of any kind: every architecture has its own checks
            return error
    return None


def _candidates(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Return what may be at fault: each setting, then each two of its sizes."""
    keys = [key for key in values if key != "model_type"]
    yield from ((key,) for key in keys)
    sizes = [key for key in keys if type(values[key]) is int and not key.endswith("_id")]
    yield from itertools.combinations(sizes, 2)


def _fits(values: Mapping[str, Any], without: tuple[str, ...]) -> tuple[str, ...]:
    """Return these keys if a model can be built with the library's own values in their place."""
    others = {key: value for key, value in values.items() if key not in without}
    return without if _failure(others) is None else ()


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):  # of a check by field: what failed comes second
        lines = [lines[1].partition("Error: ")[2] or lines[1]]
    return shorten(lines[-1].lstrip(") ").rstrip("."), 160) if lines else type(error).__name__
