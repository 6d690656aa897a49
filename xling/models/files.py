"""What the files of a local model say, read before anything heavy is imported.

A model that cannot be fine-tuned is refused here, by the file that shows it.
"""

import json
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xling.errors import UserError
from xling.models.json_files import (
    AGAIN,
    LFS_POINTER,
    read_object,
    refuse_broken_link,
    shown,
    starts_with,
)
from xling.models.sentence import default_prompt, sentence_settings, transformer_folder
from xling.models.settings import check_settings

SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
TOKENIZER = "tokenizer.json"
OBJECTS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json")
"""What a tokenizer is made of beside its tokenizer.json, or instead: each holds one object."""

BYTE_LEVEL = "Ġ"
"""How byte pair encoding in GPT-2's manner writes a space."""

LEAST_MERGED = 0.99
"""Share of a vocabulary's longer tokens that merges.txt must make; as a rule it makes all."""

SPECIAL = "<["
"""How tokens begin that no merge makes."""

SENTENCEPIECE = b"\x0a"
"""First byte of sentencepiece's models."""

TIKTOKEN = re.compile(rb"[A-Za-z0-9+/]+=* \d+\r?\n?")
"""First line of tiktoken's vocabularies: a token in base 64, and its rank."""

PLAIN = {"F64", "F32", "F16", "BF16", "I64", "I32", "BOOL"}
"""Types of weights in safetensors, and of the numbers of positions that models keep beside them."""

LONGEST_LINE = 10_000
VOCABULARIES = "vocab.txt merges.txt dict.txt *.model *.spm *.codes *.tiktoken".split()
"""What a tokenizer is made of where there is no tokenizer.json, beside JSON files."""

OTHER_FORMATS = ("*.gguf", "*.onnx", "*.h5", "*.msgpack", "*.pth", "*.pt", "*.ckpt", "*.ot")


def check_folder(name: str) -> None:
    """Refuse a local folder whose files are no whole model with float weights.

    Args:
        name: the folder, as in `model.path`.

    Raises:
        UserError: names the file, what is wrong with it, and what to do.
    """
    root = Path(name)
    _refuse_adapter(name, read_object(name, root, "adapter_config.json"))
    inner = transformer_folder(name, root)
    folder = root / inner
    config = read_object(name, folder, "config.json")
    if config is None:
        named = f" in {inner}, which modules.json names" if inner else ""
        raise UserError(f"model.path={name}: it has no config.json{named}.{_inside(root)}")
    sentence_settings(name, folder)
    default_prompt(name, root)
    _refuse_quantised(name, config)
    for file in sorted(folder.iterdir()):
        if file.is_file() and starts_with(file, LFS_POINTER):
            raise UserError(
                f"model.path={name}: {file.name} is a pointer of Git LFS, not the file itself: run "
                "`git lfs pull` in that folder."
            )
    for file in weights_files(name, folder):
        problem = _damage(file)
        if problem:
            raise UserError(f"model.path={name}: {file.name} {problem}. {AGAIN}")
    _check_tokenizer(name, folder)


def _check_tokenizer(name: str, folder: Path) -> None:
    """Refuse a tokenizer's files that are damaged; which of them are needed is unknown yet."""
    described = {file: read_object(name, folder, file) for file in (TOKENIZER, *OBJECTS)}
    check_settings(name, folder)
    whole = described[TOKENIZER]
    if whole is not None:
        model = whole.get("model")
        if not isinstance(model, dict) or not model.get("vocab"):
            raise UserError(
                f"model.path={name}: {TOKENIZER} holds no tokenizer: there is no vocabulary in it. "
                f"{AGAIN}"
            )
        return
    for file in folder.iterdir():
        if any(map(file.match, VOCABULARIES)):
            refuse_broken_link(name, file)
    _lines(name, folder, "vocab.txt")
    _check_merges(name, described["vocab.json"], _lines(name, folder, "merges.txt"))
    for file in (*folder.glob("*.model"), *folder.glob("*.tiktoken")):
        with file.open("rb") as stream:
            start = stream.readline(LONGEST_LINE)
        if start[:1] != SENTENCEPIECE and not TIKTOKEN.fullmatch(start):
            raise UserError(
                f"model.path={name}: {file.name} is neither a vocabulary of sentencepiece nor one "
                f"of tiktoken ({file.stat().st_size:,} bytes). {AGAIN}"
            )


def _check_merges(name: str, vocabulary: dict[str, Any] | None, merges: list[str] | None) -> None:
    """Refuse byte pair encoding of which a part is missing: it would split words into letters."""
    if vocabulary == {}:
        raise UserError(f"model.path={name}: vocab.json has no token. {AGAIN}")
    if vocabulary is None or not any(BYTE_LEVEL in token for token in vocabulary):
        return
    if merges is None:
        raise UserError(f"model.path={name}: merges.txt is missing beside vocab.json. {AGAIN}")
    made = {"".join(line.split(" ")[:2]) for line in merges}
    long = [token for token in vocabulary if len(token) > 1 and token[0] not in SPECIAL]
    share = sum(token in made for token in long) / max(1, len(long))
    if share < LEAST_MERGED:
        raise UserError(
            f"model.path={name}: merges.txt is cut off, or of another tokenizer: it makes "
            f"{share:.0%} of the longer tokens of vocab.json. {AGAIN}"
        )


def _lines(name: str, folder: Path, file: str) -> list[str] | None:
    """Return the lines of a file of text; None if there is none."""
    path = folder / file
    if not path.is_file():
        return None
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"model.path={name}: {file} is no text: {error}. {AGAIN}") from None
    if not any(line.strip() for line in lines):
        raise UserError(f"model.path={name}: {file} is empty. {AGAIN}")
    return lines


def _refuse_adapter(name: str, config: dict[str, Any] | None) -> None:
    """Refuse an adapter, which has no weights of the model it belongs to."""
    if config is None:
        return
    base = config.get("base_model_name_or_path") or config.get("model_name") or "another model"
    raise UserError(
        f"model.path={name} is an adapter of {base}, not a model. Merge the two (in peft: "
        "merge_and_unload, then save_pretrained) and name the folder of the merged model."
    )


def _refuse_quantised(name: str, config: dict[str, Any]) -> None:
    """Refuse quantised weights: they cannot be fine-tuned, and have no gradients."""
    for key in ("quantization_config", "compression_config"):
        value = config.get(key)
        if value is None:
            continue
        method = value.get("quant_method") if isinstance(value, dict) else None
        if method:
            raise UserError(
                f"model.path={name}: its weights are quantised ({method}), and such weights have "
                "no gradients. Name the model that it was made from, with weights in float or "
                "bfloat."
            )
        raise UserError(
            f"model.path={name}: config.json has {key}={shown(value)}, which names no "
            "quant_method. Remove it if the weights are not quantised; if they are, name the "
            "model that it was made from."
        )


def weights_files(name: str, folder: Path) -> list[Path]:
    """Return the files of the weights, of which transformers reads the first kind there is."""
    for single in (SAFETENSORS, PICKLED):
        if (folder / single).is_file():
            return [folder / single]
        index = read_object(name, folder, f"{single}.index.json")
        if index is None:
            continue
        shards = index.get("weight_map")
        described = isinstance(shards, dict) and isinstance(index.get("metadata"), dict)
        if not described or not all(isinstance(file, str) for file in shards.values()):
            raise UserError(
                f"model.path={name}: {single}.index.json lacks metadata, or a weight_map of which "
                f"file holds which weights. {AGAIN}"
            )
        files = [folder / file for file in sorted(set(shards.values()))]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            refuse_broken_link(name, folder / missing[0])
            raise UserError(
                f"model.path={name}: {len(missing)} of {len(files)} files of weights are missing, "
                f"such as {missing[0]}. Copy or download them too."
            )
        return files
    for single in (SAFETENSORS, PICKLED):
        refuse_broken_link(name, folder / single)
    others = sorted(file.name for pattern in OTHER_FORMATS for file in folder.glob(pattern))
    named = sorted(file.name for file in folder.glob("*.safetensors"))
    has = f"; it has {', '.join([*named, *others][:3])}" if named or others else ""
    raise UserError(
        f"model.path={name}: it has no weights in {SAFETENSORS} or {PICKLED}{has}. Save the model "
        "with transformers' save_pretrained, and its tokenizer too."
    )


def _damage(file: Path) -> str:
    """Say what is wrong with a file of weights; "" if its length is what its header says."""
    size = file.stat().st_size
    if file.suffix == ".bin":
        # A file of torch.save is a ZIP archive, whose list of contents stands at its end, or, up to
        # torch 1.5, begins with a pickle.
        if not zipfile.is_zipfile(file):
            whole = starts_with(file, b"\x80")
            return "" if whole else f"is damaged or cut off ({size:,} bytes)"
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
        return f"is damaged: {damaged} in it does not have its checksum" if damaged else ""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > size:
                raise ValueError
            header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        expected = 8 + length + max((t["data_offsets"][1] for t in header.values()), default=0)
        if foreign := sorted({t["dtype"] for t in header.values()} - PLAIN):
            return f"holds weights as {', '.join(foreign)}, of which no gradient can be taken"
    except (ValueError, KeyError, TypeError, AttributeError, struct.error):
        return f"is damaged: it does not begin as a file of safetensors ({size:,} bytes)"
    return "" if size == expected else f"is cut off: it has {size:,} of {expected:,} bytes"


def _inside(root: Path) -> str:
    """Suggest the folder inside of this one that holds a model, if there is one."""
    return next((f" Did you mean model.path={folder}?" for folder in _models(root)), "")


def _models(root: Path) -> Iterator[Path]:
    for pattern in ("*/config.json", "snapshots/*/config.json"):
        for file in sorted(root.glob(pattern)):
            yield file.parent
