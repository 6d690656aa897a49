"""Why a model's files could not be loaded, in one plain sentence."""

import re
import warnings
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from xling.config import Model
from xling.models.available import tokenizer_files
from xling.models.configuration import mistake, wrong_setting
from xling.models.files import weights_files
from xling.models.json_files import AGAIN
from xling.models.own_code import code_elsewhere
from xling.models.packages import asked_package, missing_package
from xling.models.tokenizer import read_sentencepiece

NO_TOKENIZER = (
    "model.path={name} has no tokenizer that can be read: tokenizer.json, or what stands for it, "
    "is missing. Save it beside the model: tokenizer.save_pretrained(DIR)."
)
GLOBAL = re.compile(r"GLOBAL (\S+)")
"""What a pickled file asks to be imported, in torch's message."""


def needs_code(model: Model, error: Exception) -> str:
    """Say that a model brings code of its own, if that is why it was not loaded; otherwise ""."""
    if "trust_remote_code" not in str(error) or model.trust_remote_code:
        return ""
    return (
        f"model.path={model.path} brings Python code of its own, which is not run unless you "
        "allow it: read that code, then write model.trust_remote_code=true."
    )


def of_model(model: Model, error: Exception, folder: Path) -> str:
    """Say why config.json or the weights could not be loaded.

    Args:
        folder: of the encoder.
    """
    name = model.path or ""
    if message := needs_code(model, error) or code_elsewhere(model) or mistake(name, folder):
        return message
    if model.trust_remote_code and (package := asked_package(str(error))):
        return f"model.path={name}: its own code needs a package: {package}"
    for file in weights_files(name, folder):
        if problem := _damaged_weights(file):
            return f"model.path={name}: {file.name} {problem}"
    return f"model.path={name} does not hold a Hugging Face encoder: {first_line(error)}"


def of_tokenizer(model: Model, error: Exception, folder: Path) -> str:
    """Say why the tokenizer could not be loaded."""
    if message := needs_code(model, error) or code_elsewhere(model):
        return message
    files = tokenizer_files(folder)
    for file in files:
        if problem := _damage(folder / file):
            return f"model.path={model.path}: {file} {problem}. {AGAIN}"
    if package := missing_package(folder, str(error)):
        return f"model.path={model.path}: its tokenizer needs a package: {package}"
    if "backend tokenizer" in str(error) or not files:
        return NO_TOKENIZER.format(name=model.path)
    if wrong := wrong_setting(folder):
        return (
            f"model.path={model.path}: no tokenizer can be made with {wrong} "
            f"({first_line(error)}). Correct it, or copy or download the file again."
        )
    return (
        f"model.path={model.path}: its tokenizer cannot be made from {', '.join(files)} "
        f"({first_line(error)}). Copy or download them again, unless tokenizer_config.json names "
        "the class of another kind."
    )


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its kind if there is none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def _damaged_weights(file: Path) -> str:
    """Say why a file of weights is not read; "" if it can be. Nothing in it is run."""
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as stored:
                stored.keys()
            return ""
        with warnings.catch_warnings(action="ignore"):
            weights = torch.load(file, map_location="meta", weights_only=True)
    except Exception as error:  # of any kind: it is the library's
        asked = GLOBAL.search(str(error))
        if asked is None:
            return f"is damaged. {AGAIN}"
        return (
            f"holds more than tensors ({asked[1]}), and reading that could run any code, so it is "
            "not read. Where you trust its origin, save the model as safetensors: load it with "
            "torch.load(FILE, weights_only=False), then model.save_pretrained(DIR)."
        )
    if not isinstance(weights, dict):
        return f"holds no weights by name. {AGAIN}"
    return ""


def _damage(file: Path) -> str:
    """Say what is wrong with a file of a tokenizer; "" if nothing, or if it is of another kind."""
    if file.name == "tokenizer.json":
        try:
            Tokenizer.from_file(str(file))
        except Exception as error:  # of no other kind: the library has no classes of errors
            return f"is damaged ({first_line(error)})"
    if file.suffix == ".model":
        try:
            read_sentencepiece(file)
        except ValueError as error:
            return str(error)
    return ""
