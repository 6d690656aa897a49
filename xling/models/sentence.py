"""What the files of a model of sentence-transformers say beside the encoder's own."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from xling.errors import UserError
from xling.models.json_files import AGAIN, expect, read_json, read_object

PROMPTS = "config_sentence_transformers.json"


@dataclasses.dataclass(frozen=True)
class SentenceSettings:
    """How sentence-transformers gives texts to a model's tokenizer.

    Attributes:
        file: that says so; "" if none does.
        lower: whether they are lower-cased first.
        longest: the number of tokens that they are cut to; None: it is not said.
    """

    file: str = ""
    lower: bool = False
    longest: int | None = None


def transformer_folder(name: str, root: Path) -> str:
    """Return the subfolder of the encoder, "" as a rule, as sentence-transformers' list says.

    Args:
        name: of the model, for errors.
        root: folder of the model, which may have a modules.json.

    Raises:
        UserError: a model of sentence-transformers that does not begin with a transformer.
    """
    modules = read_json(name, root, "modules.json")
    if modules is None:
        return ""
    listed = isinstance(modules, list) and all(isinstance(module, dict) for module in modules)
    if not listed or not modules:
        raise UserError(
            f"model.path={name}: modules.json does not list modules: [{{...}}]. {AGAIN}"
        )
    for module in modules:
        for key in ("path", "type"):
            expect(name, "modules.json", module, key, str)
    kind = module_kind(modules[0])
    if kind != "Transformer":
        raise UserError(
            f"model.path={name}: this model of sentence-transformers begins with "
            f"{modules[0].get('type', 'nothing')}, and only a Transformer can be fine-tuned here."
        )
    return modules[0].get("path", "")


def module_kind(module: Mapping[str, str]) -> str:
    """Return the class of a module of sentence-transformers, without where it is defined."""
    return module.get("type", "").rpartition(".")[2]


def sentence_settings(name: str, folder: Path) -> SentenceSettings:
    """Return how sentence-transformers gives texts to a model's tokenizer.

    Args:
        name: of the model, for errors.
        folder: of the encoder.

    Raises:
        UserError: a value of another type.
    """
    for file in sorted(folder.glob("sentence_*_config.json")):
        stored = read_object(name, folder, file.name) or {}
        lower = expect(name, file.name, stored, "do_lower_case", bool)
        longest = expect(name, file.name, stored, "max_seq_length", int)
        return SentenceSettings(file.name, bool(lower), longest)
    return SentenceSettings()


def default_prompt(name: str, root: Path) -> str:
    """Return what sentence-transformers puts before each text unless told otherwise; "" if nothing.

    Args:
        name: of the model, for errors.
        root: folder of the model.

    Raises:
        UserError: a value of another type.
    """
    stored = read_object(name, root, PROMPTS) or {}
    which = expect(name, PROMPTS, stored, "default_prompt_name", str)
    prompts = expect(name, PROMPTS, stored, "prompts", dict) or {}
    return (expect(name, PROMPTS, prompts, which, str) or "") if which else ""
