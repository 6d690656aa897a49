"""Packages that a tokenizer needs and that are not installed with xling."""

import importlib.util
import re
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from xling.models.files import SENTENCEPIECE

EXTRAS = {
    "sentencepiece": ("sentencepiece",),
    "tiktoken": ("tiktoken",),
    "moses": ("sacremoses",),
}
"""Extra of xling → the modules that it installs."""


ASKED = re.compile(
    r"need to install ([A-Za-z][\w-]*(?:==[\d.]+\b)?)|[Tt]he (\w+) dictionary is not installed"
    r"|pip3? install ([A-Za-z][\w-]*)"
)
"""How libraries ask for a package."""


def missing_package(folder: Path | None, message: str) -> str:
    """Say what to install for a tokenizer that could not be made; "" if that is not why.

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
    return asked_package(message)


def asked_package(message: str) -> str:
    """Say how to install the package that a library's error asks for; "" if it asks for none.

    Args:
        message: of the error.
    """
    ours = {module for modules in EXTRAS.values() for module in modules}
    for names in ASKED.findall(message):
        package = "".join(names)
        if package not in ours and not _installed(package.partition("==")[0].replace("-", "_")):
            return f"pip install {package}"
    return ""


def refuse_without_emoji(tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse BERTweet's tokenizer where it would leave emojis as they are, but was not to.

    Raises:
        ImportError: a package is missing, of which the library only makes a remark.
    """
    if getattr(tokenizer, "normalization", False) and getattr(tokenizer, "demojizer", "") is None:
        raise ImportError("You need to install emoji==0.6.0")


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
