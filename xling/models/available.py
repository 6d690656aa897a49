"""Where a pretrained model is: a folder, or a repository of the Hub, checked before heavy imports.

Of a repository, only what a text encoder is loaded from is fetched: a model's weights often lie
there once for each of several frameworks.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from xling.config import Model
from xling.data.addresses import page_at
from xling.data.connection import Say
from xling.data.repository import fetch_missing, folder_of, locate, named_by_id, require
from xling.data.snapshot import Repository, Snapshot
from xling.errors import UserError
from xling.models.files import check_folder

WEIGHTS = (
    r"model\.safetensors",
    r"model-\d{5}-of-(\d{5})\.safetensors",
    r"pytorch_model\.bin",
    r"pytorch_model-\d{5}-of-(\d{5})\.bin",
)
"""Names of weights, in the order of preference; those in several files have an index."""

DESCRIPTION = ("config.json", "adapter_config.json")
MODULES = (
    "modules.json",
    "*_Pooling/config.json",
    "sentence_*_config.json",
    "config_sentence_transformers.json",
)
"""What a folder of sentence-transformers has beside the model."""

TOKENIZER = ("*token*", "*vocab*", "*merges*", "*bpe*", "*.model", "*.spm", "*.codes", "dict.txt")
CODE = ("*.py",)
"""Patterns of the names of all else that a model is loaded from, beside its config.json."""

UNUSED = ("*.h5", "*.msgpack", "*.ot", "*.gguf", "onnx/*", "openvino/*", "coreml/*")
"""Patterns of what no encoder is loaded from, for those who fetch a whole repository."""


def require_model(model: Model, say: Say) -> None:
    """Make sure that a pretrained model is a folder, in the hub's cache, or can be fetched.

    What is on this machine is checked by its files.

    Args:
        say: prints what is tried again.

    Raises:
        UserError: it is none of these.
    """
    if model.path is None:
        return
    if _is_folder(model):
        check_folder(model.path)
        return
    snapshot = _located(model, say)
    require(snapshot, say)
    if not snapshot.missing:
        _check_fetched(model, snapshot.folder)


def fetched(model: Model, say: Say) -> Model:
    """Return a pretrained model as one in a folder; fetch what is missing if it is on the hub.

    Args:
        say: prints what is fetched, and how large it is.

    Raises:
        UserError: there is no such folder, or the hub does not give it.
    """
    if model.path is None or _is_folder(model):
        return model
    folder = folder_of(_located(model, say), say)
    return dataclasses.replace(model, path=str(folder), revision=None)


def fetch_model(model: Model, say: Say) -> None:
    """Fetch what this machine has not of a model on the hub; say so only if there is something.

    Raises:
        UserError: as `fetched`.
    """
    if model.path is not None and not _is_folder(model):
        _check_fetched(model, fetch_missing(_located(model, say), say))


def named_by_hub(model: Model) -> AbstractContextManager[None]:
    """Return what lets the errors of a block, which reads a fetched model, name it by its id."""
    local = model.path is None or _is_folder(model)
    return nullcontext() if local else named_by_id(_repository(model))


def _check_fetched(model: Model, folder: Path | None) -> None:
    with named_by_hub(model):
        check_folder(str(folder))


def _located(model: Model, say: Say) -> Snapshot:
    repository = _repository(model)
    return locate(repository, lambda names: model_files(names, str(repository)), say)


def model_files(names: Sequence[str], where: str) -> list[str]:
    """Return the names of the files that a model is loaded from, of all in its repository.

    Args:
        where: name of the model in messages.

    Raises:
        UserError: the repository lacks some of them.
    """
    inner = next((name for name in names if name.endswith("_Transformer/config.json")), "")
    if "config.json" not in names and "modules.json" in names and inner:
        folder = inner.removesuffix("config.json")  # an older layout of sentence-transformers
        inside = [name.removeprefix(folder) for name in names if name.startswith(folder)]
        files = [folder + name for name in model_files(inside, where)]
        return sorted([*files, *(name for name in names if _is_named(name, MODULES))])
    if "config.json" not in names:
        adapter = "adapter_config.json" in names
        what = " but is an adapter: name the model that it belongs to" if adapter else ""
        raise UserError(
            f"{where} has no config.json at its top{what}. Name an encoder that transformers loads."
        )
    weights = next(filter(None, (_matching(pattern, names) for pattern in WEIGHTS)), [])
    if not weights:
        raise UserError(
            f"{where} has no weights that can be loaded (model.safetensors or pytorch_model.bin), "
            f"only {', '.join(names[:9])}{', …' if len(names) > 9 else ''}."
        )
    if shard := re.search(r"-\d{5}-of-(\d{5})", weights[0]):
        index = f"{weights[0].replace(shard[0], '')}.index.json"
        if len(weights) != int(shard[1]) or index not in names:
            raise UserError(
                f"{where} has {len(weights)} of its {int(shard[1])} files of weights "
                f"({weights[0]}, ...) and {'an' if index in names else 'no'} index ({index}). "
                "All of them are needed."
            )
        weights = [*weights, index]
    patterns = DESCRIPTION + MODULES + TOKENIZER + CODE
    others = (name for name in names if not re.search(r"\.(bin|safetensors|h5|pt|onnx)\b", name))
    return sorted([*weights, *(name for name in others if _is_named(name, patterns))])


def tokenizer_files(folder: Path) -> list[str]:
    """Return the names of the files in a folder that a tokenizer is made of, sorted."""
    names = sorted(file.name for file in folder.glob("*") if file.is_file())
    return [name for name in names if _is_named(name, TOKENIZER)]


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if re.fullmatch(pattern, name)]


def _is_named(name: str, patterns: Iterable[str]) -> bool:
    same_depth = (pattern for pattern in patterns if pattern.count("/") == name.count("/"))
    return any(fnmatchcase(name, pattern) for pattern in same_depth)


def _is_folder(model: Model) -> bool:
    """Return whether the path is a folder.

    Raises:
        UserError: it can only be one, but there is none.
    """
    path = model.path or ""
    folder = Path(path).expanduser()
    if folder.is_dir():
        return True
    if folder.is_file():
        raise UserError(
            f"model.path={path}: that is a file. Name its folder: model.path={folder.parent}"
        )
    if page := page_at(path):
        pin = f" model.revision={page.revision}" if page.revision else ""
        raise UserError(
            f"model.path={path}: that is the address of a data set. Name a model, "
            "model.path=OWNER/NAME."
            if page.is_data
            else f"model.path={path}: that is the address of a page, where the model's id is "
            f"expected. Write model.path={page.name}{pin}"
        )
    local = folder.is_absolute() or path.startswith((".", "~")) or path.endswith("/")
    if local or path.count("/") > 1:
        raise UserError(f"model.path={path}: there is no such folder. {nearest(path)}".rstrip())
    return False


def nearest(path: str) -> str:
    """Return a sentence about the folder that was probably meant; "" if none is like it."""
    folder = Path(path).expanduser()
    above = next(parent for parent in folder.parents if parent.is_dir())
    wanted = folder.relative_to(above).parts[0]
    folders = (other for other in above.iterdir() if other.is_dir())
    beside = sorted(other.name for other in folders if not other.name.startswith("."))
    if near := get_close_matches(wanted, beside, 1):
        return f"Did you mean model.path={above / near[0]}?"
    if above == Path():
        return ""
    has = [*beside[:5], *(["..."] if len(beside) > 5 else [])]
    return f"{above} has {', '.join(has) or 'no folders'}, but not {wanted}."


def _repository(model: Model) -> Repository:
    path = model.path or ""
    hint = nearest(path)
    return Repository(
        "model",
        path,
        model.revision,
        switch="model.path and model.revision",
        filters="".join(f' --exclude "{pattern}"' for pattern in UNUSED),
        otherwise=(f"There is no folder {path} on this machine. {hint}\n" if hint else "")
        + "To use a folder on this machine:  model=local model.path=DIR\n"
        "To try the program without either:  model=tiny, and no other model.* switch",
    )
