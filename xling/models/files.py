"""What the files of a local model say, read before anything heavy is imported.

A model that cannot be fine-tuned is refused here, by the file that shows it.
"""

import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xling.errors import UserError

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
OTHER_FORMATS = ("*.gguf", "*.onnx", "*.h5", "*.msgpack", "*.pth", "*.pt", "*.ckpt", "*.ot")


def check_folder(name: str) -> None:
    """Refuse a local folder whose files are no whole model with float weights.

    Args:
        name: the folder, as in `model.path`.

    Raises:
        UserError: names the file, what is wrong with it, and what to do.
    """
    root = Path(name)
    described: dict[str, Any] = {
        file: read_json(name, root, file) for file in ("config.json", "adapter_config.json")
    }
    _refuse_adapter(name, described["adapter_config.json"])
    folder = root / transformer_folder(name, read_json(name, root, "modules.json"))
    config = read_json(name, folder, "config.json")
    if config is None:
        raise UserError(f"model.path={name}: it has no config.json.{_inside(root)}")
    if not isinstance(config, dict):
        raise UserError(f"model.path={name}: config.json does not hold an object: {{...}}.")
    _refuse_quantised(name, config)
    for file in sorted(file for file in folder.iterdir() if file.is_file()):
        if _starts_with(file, LFS_POINTER):
            raise UserError(
                f"model.path={name}: {file.name} is a pointer of Git LFS, not the file itself: run "
                "`git lfs pull` in that folder."
            )
    for file in _weights(name, folder):
        problem = _damage(file)
        if problem:
            raise UserError(f"model.path={name}: {file.name} {problem}. Copy or download it again.")


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
    quantised = config.get("quantization_config") or config.get("compression_config")
    if quantised:
        method = quantised.get("quant_method") or "by an unnamed method"
        raise UserError(
            f"model.path={name}: its weights are quantised ({method}), and such weights have no "
            "gradients. Name the model that it was made from, with weights in float or bfloat."
        )


def transformer_folder(name: str, modules: list[dict[str, Any]] | None) -> str:
    """Return the subfolder of the encoder, "" as a rule, as sentence-transformers' list says.

    Raises:
        UserError: a model of sentence-transformers that does not begin with a transformer.
    """
    if not modules:
        return ""
    kind = modules[0].get("type", "")
    if kind.rpartition(".")[2] != "Transformer":
        raise UserError(
            f"model.path={name}: this model of sentence-transformers begins with {kind}, and only "
            "a Transformer can be fine-tuned here."
        )
    return modules[0].get("path", "")


def read_json(name: str, folder: Path, file: str) -> Any:
    """Return what a JSON file holds; None if there is none."""
    path = folder / file
    if not path.is_file():
        return None
    if _starts_with(path, LFS_POINTER):
        raise UserError(
            f"model.path={name}: {file} is a pointer of Git LFS, not the file itself: run "
            "`git lfs pull` in that folder."
        )
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"model.path={name}: {file} cannot be read as JSON: {error}.") from None


def _weights(name: str, folder: Path) -> list[Path]:
    """Return the files of the weights, of which transformers reads the first kind there is."""
    for single in (SAFETENSORS, PICKLED):
        if (folder / single).is_file():
            return [folder / single]
        index = read_json(name, folder, f"{single}.index.json")
        if index is None:
            continue
        files = [folder / file for file in sorted(set(index["weight_map"].values()))]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise UserError(
                f"model.path={name}: {len(missing)} of {len(files)} files of weights are missing, "
                f"such as {missing[0]}. Copy or download them too."
            )
        return files
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
        whole = zipfile.is_zipfile(file) or _starts_with(file, b"\x80")
        return "" if whole else f"is damaged or cut off ({size:,} bytes)"
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > size:
                raise ValueError
            header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        expected = 8 + length + max((t["data_offsets"][1] for t in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error):
        return f"is damaged: it does not begin as a file of safetensors ({size:,} bytes)"
    return "" if size == expected else f"is cut off: it has {size:,} of {expected:,} bytes"


def _starts_with(file: Path, start: bytes) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(start)) == start


def _inside(root: Path) -> str:
    """Suggest the folder inside of this one that holds a model, if there is one."""
    return next((f" Did you mean model.path={folder}?" for folder in _models(root)), "")


def _models(root: Path) -> Iterator[Path]:
    for pattern in ("*/config.json", "snapshots/*/config.json"):
        for file in sorted(root.glob(pattern)):
            yield file.parent
