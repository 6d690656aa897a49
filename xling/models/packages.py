"""Packages that a tokenizer needs and that are not installed with xling."""

import importlib.util
from pathlib import Path

EXTRAS = {
    "sentencepiece": ("sentencepiece", "google.protobuf"),
    "tiktoken": ("tiktoken",),
    "moses": ("sacremoses",),
}
"""Extra of xling → the modules that it installs."""

SENTENCEPIECE = b"\x0a"
"""First byte of sentencepiece's models; those of tiktoken are lines of letters."""


def missing_package(folder: Path | None, message: str) -> str:
    """Say which extra to install for a tokenizer that could not be made; "" if that is not why.

    The library's own advice is not taken at its word: it asks for tiktoken where the file is one
    of sentencepiece.

    Args:
        folder: of the model; None: it is not at hand.
        message: of the library's error.
    """
    files = [] if folder is None else [*folder.glob("*.model"), *folder.glob("*.tiktoken")]
    wanted = [extra for extra in EXTRAS if any(name in message for name in _names(extra))]
    if not files and wanted != ["moses"]:
        return ""
    if any(file.read_bytes()[:1] == SENTENCEPIECE for file in files):
        wanted = ["sentencepiece"] if wanted else []
    for extra in wanted:
        if any(not _installed(module) for module in EXTRAS[extra]):
            return f"pip install 'xling[{extra}]'"
    return ""


def _names(extra: str) -> tuple[str, ...]:
    return (*EXTRAS[extra], "protobuf") if extra == "sentencepiece" else EXTRAS[extra]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
