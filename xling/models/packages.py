"""Packages that a tokenizer needs and that are not installed with xling."""

import importlib.util
from pathlib import Path

from xling.models.files import SENTENCEPIECE

EXTRAS = {
    "sentencepiece": ("sentencepiece",),
    "tiktoken": ("tiktoken",),
    "moses": ("sacremoses",),
}
"""Extra of xling → the modules that it installs."""


def missing_package(folder: Path | None, message: str) -> str:
    """Say which extra to install for a tokenizer that could not be made; "" if that is not why.

    The library's own advice is not taken at its word: it asks for tiktoken where the file is one
    of sentencepiece. What a vocabulary begins with shows its kind.

    Args:
        folder: of the model; None: it is not at hand.
        message: of the library's error.
    """
    wanted = [] if folder is None or (folder / "tokenizer.json").is_file() else _needed(folder)
    if any(name in message for name in EXTRAS["moses"]):
        wanted.append("moses")
    for extra in wanted:
        if any(not _installed(module) for module in EXTRAS[extra]):
            return f"pip install 'xling[{extra}]'"
    return ""


def _needed(folder: Path) -> list[str]:
    """Return what reads the vocabularies of a folder, by how they begin."""
    files = [*folder.glob("*.model"), *folder.glob("*.spm"), *folder.glob("*.tiktoken")]
    starts = {file.read_bytes()[:1] for file in files}
    return [
        *(["sentencepiece"] if SENTENCEPIECE in starts else []),
        *(["tiktoken"] if starts - {SENTENCEPIECE, b""} else []),
    ]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
