"""Python code that a model's files bring: what is told of it where it is not run, or not there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from xling.config import Model
from xling.models.json_files import read_object
from xling.models.sentence import transformer_folder

CONFIG, TOKENIZER = "config.json", "tokenizer_config.json"
CLASSES = {CONFIG: "AutoModel", TOKENIZER: "AutoTokenizer"}
"""File → the class of transformers in whose place it may name one of the model's own."""


def code_not_run(model: Model, file: str = CONFIG) -> str:
    """Return the class of the model's own that a file names and that is not run; "" if none is.

    Args:
        file: "config.json" or "tokenizer_config.json".
    """
    if model.trust_remote_code:
        return ""
    return next(iter(_named(_values(model, file), CLASSES[file])), "")


def allow_code(model: Model) -> str:
    """Say that the weights are made for code of the model's own that is not run; "" if not."""
    code = code_not_run(model)
    return code and (
        f" The model is made for code of its own ({code}), which is not run unless you allow it: "
        "read that code, then write model.trust_remote_code=true."
    )


def code_elsewhere(model: Model) -> str:
    """Say where code is that the files name in another repository and that is not in the cache."""
    if not model.trust_remote_code:
        return ""
    for file, kind in CLASSES.items():
        values = _values(model, file)
        for key in ("AutoConfig", kind):
            for reference in _named(values, key):
                repository, separator, code = reference.partition("--")
                script = code.rpartition(".")[0].replace(".", "/") + ".py"
                if separator and not isinstance(try_to_load_from_cache(repository, script), str):
                    return (
                        f'model.path={model.path}: {file} names {code} in "auto_map", whose code '
                        f"is in another repository of the hub, {repository}. Read that code and "
                        f'fetch it, hf download {repository} --include "*.py", or copy its .py '
                        f'files into the folder and remove "{repository}--" in "auto_map".'
                    )
    return ""


def _values(model: Model, file: str) -> Mapping[str, Any]:
    """Return what a file beside the weights holds."""
    name = model.path or ""
    root = Path(name)
    return read_object(name, root / transformer_folder(name, root), file) or {}


def _named(values: Mapping[str, Any], key: str) -> list[str]:
    """Return the classes of the model's own for one of transformers', the preferred one first."""
    auto = values.get("auto_map")
    classes = auto.get(key) if isinstance(auto, dict) else None
    several = classes if isinstance(classes, list) else [classes]
    return [name for name in reversed(several) if isinstance(name, str)]
