"""Loading the model: any Hugging Face encoder with its tokenizer, or a tiny one to be trained."""

import dataclasses
import inspect
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.dynamic_module_utils import get_class_from_dynamic_module

from xling.config import Config, Model
from xling.data.connection import Say
from xling.data.sample.tokenizer import train_tokenizer
from xling.errors import UserError
from xling.models.available import fetched, named_by_hub
from xling.models.beginnings import follow_convention, say_unheeded
from xling.models.classifier import Classifier
from xling.models.configuration import check_sizes
from xling.models.files import check_folder
from xling.models.json_files import expect, read_json, read_object, shown
from xling.models.languages import language_input, select_adapters
from xling.models.own_code import CONFIG, TOKENIZER, allow_code, code_not_run
from xling.models.packages import refuse_without_emoji
from xling.models.pooling import FLAGS, Pooling, behind_pooling, pooling_folder, stored_pooling
from xling.models.refusals import of_model, of_tokenizer
from xling.models.sentence import (
    SentenceSettings,
    default_prompt,
    sentence_settings,
    transformer_folder,
)
from xling.models.tiny import tiny_encoder
from xling.models.tokenizer import (
    files_read_anew,
    follow_files,
    keep_case,
    lower_first,
    named_class,
    without_chance,
)
from xling.models.trial import trial
from xling.models.vocabulary import fit_tokenizer

POSITIONS = "position_embeddings.weight"
"""How the name of a table of absolute positions ends."""

UNKNOWN = "\ue000"
"""A letter for private use, which no vocabulary has."""


def load(
    config: Config, texts: Callable[[], Iterable[str]], say: Say = lambda line: None
) -> tuple[Classifier, PreTrainedTokenizerBase]:
    """Load or build the classifier, its head at its seeded start, and the tokenizer.

    Args:
        texts: what a tiny model's tokenizer is trained on.
        say: receives messages: what is fetched from the hub, which state the classifier reads, and
            what of the model's files is not used.

    Raises:
        UserError: a model that cannot be loaded whole, or is no encoder of texts.
    """
    model = config.model
    if model.tiny:
        tokenizer = train_tokenizer(texts(), model.tiny.vocabulary)
        torch.manual_seed(config.seed)
        encoder = tiny_encoder(model.tiny, tokenizer)
        pooling = "first" if model.pooling == "auto" else model.pooling
        classifier = partial(Classifier, encoder, pooling=pooling)
    else:
        model = fetched(model, say)
        with named_by_hub(config.model):
            encoder, tokenizer, missing = load_encoder(model, say)
            _say_longest(_sentences(model), config.data.max_length, say)
            if prompt := default_prompt(model.path, _folder(model)):
                say(f"Texts: sentence-transformers puts {prompt!r} before each; here nothing is")
            stored = _stored_pooling(model) if model.pooling == "auto" else None
            language = language_input(model.path, encoder, config.languages)
            with quiet():
                tried = trial(model, encoder, tokenizer, language, stored, missing, say)
        classifier = partial(Classifier, encoder, **dataclasses.asdict(tried))
    torch.manual_seed(config.seed)
    return classifier(classes=len(config.task.classes)), tokenizer


def load_encoder(
    model: Model, say: Say = lambda line: None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, tuple[str, ...]]:
    """Load a pretrained encoder (float32) and its tokenizer from a folder.

    Of a model with a decoder, or with parts for images and sounds, only what reads text is kept.

    Returns:
        The encoder, the tokenizer, and the names of the encoder's parameters that the files lack.

    Raises:
        UserError: the folder does not have it, or it is no encoder of texts.
    """
    check_folder(model.path)
    place = {
        "local_files_only": True,
        "trust_remote_code": model.trust_remote_code,
        "subfolder": transformer_folder(model.path, _folder(model)),
    }
    with quiet():
        config = _loaded(model, of_model, AutoConfig.from_pretrained, **place)
        check_sizes(model.path, config)
        encoder, missing, unexpected = _weights(model, config, place)
        tokenizer = _tokenizer(model, place, config.model_type, say)
    if unused := [*unexpected, *behind_pooling(_json(model, "modules.json"))]:
        say(f"Not used of the model's files: {', '.join(unused)}")
    for what, file, made, otherwise in (
        ("model", CONFIG, encoder, "compute something else"),
        ("tokenizer", TOKENIZER, tokenizer, "make other tokens"),
    ):
        if code := code_not_run(model, file):
            say(
                f"WARNING: the {what}'s own code ({code}) is not run; transformers' "
                f"{type(made).__name__} takes its place, and may {otherwise}. Read that code, then "
                "write model.trust_remote_code=true"
            )
    fit_tokenizer(model.path, tokenizer, encoder, say, place["subfolder"])
    return encoder, tokenizer, missing


def _tokenizer(
    model: Model, place: dict[str, Any], model_type: str, say: Say
) -> PreTrainedTokenizerBase:
    """Load the tokenizer, by the class that its configuration names if by no other."""
    folder = _folder(model) / place["subfolder"]
    settings = read_object(model.path or "", folder, "tokenizer_config.json") or {}
    options = place | without_chance(settings, say)
    with files_read_anew():
        try:
            tokenizer = _loaded(model, of_tokenizer, AutoTokenizer.from_pretrained, **options)
        except UserError as refusal:
            if model.trust_remote_code and "auto_map" in settings:
                raise  # its own code was asked for: no class of the library's may stand in for it
            kind = named_class(settings)
            try:
                tokenizer = kind.from_pretrained(model.path, **options)
            except Exception:  # of any kind: what the library's own choice failed for is said
                raise refusal from None
    try:
        refuse_without_emoji(tokenizer)
        follow_files(tokenizer, folder, say)
        follow_convention(tokenizer, settings, folder, model_type, say)
        say_unheeded(tokenizer, settings, say)
        if (sentences := _sentences(model)).lower:
            lower_first(tokenizer)
            say(f"Tokenizer: texts are lower-cased first, as {sentences.file} says")
        else:
            keep_case(tokenizer, folder, say)
        tokenizer(f"a {UNKNOWN}")
    except Exception as error:  # of any kind: it is the library's, or the model's own code
        raise UserError(of_tokenizer(model, error, folder)) from error
    return tokenizer


def _sentences(model: Model) -> SentenceSettings:
    name, root = model.path or "", _folder(model)
    return sentence_settings(name, root / transformer_folder(name, root))


def _say_longest(sentences: SentenceSettings, max_length: int, say: Say) -> None:
    if sentences.longest is not None and sentences.longest < max_length:
        say(
            f"Length: sentence-transformers cuts this model's texts to {sentences.longest} tokens "
            f"({sentences.file}); here data.max_length={max_length} holds"
        )


def _folder(model: Model) -> Path:
    return Path(model.path or "")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' remarks off the terminal: what matters of them is said in a line."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)


def _stored_pooling(model: Model) -> Pooling | None:
    modules = _json(model, "modules.json")
    folder = pooling_folder(modules)
    if folder is None:
        return None
    file = f"{folder}/config.json".lstrip("/")
    config = read_object(model.path or "", _folder(model), file)
    if config is None:
        raise UserError(
            f"model.path={model.path}: modules.json says that {file} names the pooling, but "
            "there is no such file. Fetch it too, or choose model.pooling=first, last or mean."
        )
    for flag in FLAGS:
        expect(model.path or "", file, config, flag, bool)
    return stored_pooling(model.path, modules, config)


def _json(model: Model, file: str) -> Any:
    return read_json(model.path or "", _folder(model), file)


def _weights(
    model: Model, config: PreTrainedConfig, place: dict[str, Any]
) -> tuple[PreTrainedModel, tuple[str, ...], tuple[str, ...]]:
    """Load the weights; return the part that reads text, what it lacks, and what is not used."""
    kind = _model_class(model, config, place)
    # Without a pooler: the head takes the states themselves, and unused weights do not belong among
    # the parameters.
    pooler = "add_pooling_layer" in inspect.signature(kind.__init__).parameters
    whole, info = _loaded(
        model,
        of_model,
        kind.from_pretrained,
        config=config,
        dtype=torch.float32,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # refused below, by name
        **place,
        **({"add_pooling_layer": False} if pooler else {}),
    )
    encoder = text_part(model.path, whole)
    for module in encoder.modules():
        if hasattr(module, "chunk_size_feed_forward"):
            module.chunk_size_feed_forward = 0  # it spares memory, but allows some lengths only
    own = {id(tensor) for tensor in (*encoder.parameters(), *encoder.buffers())}
    tensors = dict(whole.named_parameters(remove_duplicate=False)) | dict(whole.named_buffers())
    part = next((name for name, module in whole.named_modules() if module is encoder), "")
    prefix = f"{part}." if part else ""
    if mismatched := sorted(info["mismatched_keys"]):
        name, stored, expected = mismatched[0]
        raise UserError(
            f"model.path={model.path}: its files have {name} of shape {tuple(stored)}, where "
            f"config.json asks for {tuple(expected)}."
            + (allow_code(model) or " Weights and config.json belong to different models.")
        )
    missing = sorted(
        name for name in info["missing_keys"] if name not in tensors or id(tensors[name]) in own
    )
    if len(missing) >= sum(1 for _ in encoder.parameters()):
        stored = sorted(info["unexpected_keys"])
        raise UserError(
            f"model.path={model.path}: its files have none of the weights of "
            f"{type(encoder).__name__}, such as {missing[0]}"
            + (f"; theirs have other names, such as {stored[0]}." if stored else ".")
            + (allow_code(model) or " Save the model with transformers' save_pretrained.")
        )
    _check_positions(model, encoder)
    own_storage(encoder)
    if not hasattr(encoder, "config"):  # a part of FSMT
        encoder.config = whole.config
    encoder.config.use_cache = False  # states are computed once, and need no cache
    encoder.config.return_dict = True
    select_adapters(encoder)
    return encoder, tuple(name.removeprefix(prefix) for name in missing), _summary(info)


def _check_positions(model: Model, encoder: PreTrainedModel) -> None:
    """Refuse positions of a kind that a class no longer has, and would take for absolute ones."""
    kind = getattr(encoder.config, "position_embedding_type", None)
    table = any(name.endswith(POSITIONS) for name, _ in encoder.named_parameters())
    code = sys.modules[type(encoder).__module__]
    own = not code.__name__.startswith("transformers.")  # of the model's own, that is
    if not isinstance(kind, str) or kind == "absolute" or own or not table:
        return
    if kind not in inspect.getsource(code):
        raise UserError(
            f"model.path={model.path}: config.json has position_embedding_type={shown(kind)}, "
            f"which transformers {transformers.__version__} does not compute: its "
            f"{type(encoder).__name__} would read absolute positions instead."
            + (allow_code(model) or " Name another model.")
        )


def text_part(name: str, model: PreTrainedModel) -> PreTrainedModel:
    """Return what reads text: the encoder of an encoder-decoder, the language model of others.

    Args:
        name: of the model, for errors.

    Raises:
        UserError: nothing in the model reads text.
    """
    part = model
    decoder = getattr(model, "decoder", None)
    if isinstance(decoder, nn.Module) and _takes(decoder, "encoder_hidden_states"):
        part = model.get_encoder()
    else:
        for attribute in ("language_model", "text_model"):
            if isinstance(getattr(model, attribute, None), PreTrainedModel):
                part = getattr(model, attribute)
                break
    while isinstance(part, PreTrainedModel) and part.base_model is not part:
        part = part.base_model  # within DPR, whose own class returns no states
    if not _takes(part, "input_ids"):
        raise UserError(
            f"model.path={name} is no encoder of texts: {type(model).__name__} reads "
            f"{next(iter(inspect.signature(part.forward).parameters))}."
        )
    return part


def own_storage(model: nn.Module) -> None:
    """Give every tensor memory of its own, in order.

    Weights that the library splits from a larger tensor are views, which safetensors refuses.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        alone = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        if not (alone and tensor.is_contiguous()):
            tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)


def _model_class(
    model: Model, config: PreTrainedConfig, place: dict[str, Any]
) -> type[PreTrainedModel]:
    classes = getattr(config, "auto_map", None)
    reference = classes.get("AutoModel") if isinstance(classes, dict) else None
    if reference and model.trust_remote_code:
        options = {key: value for key, value in place.items() if key != "trust_remote_code"}
        own = partial(get_class_from_dynamic_module, reference)
        return _loaded(model, of_model, own, **options)
    try:
        kinds = AutoModel._model_mapping[type(config)]
    except KeyError:
        raise UserError(
            f"model.path={model.path}: transformers has no encoder for a model of type "
            f"{config.model_type}."
        ) from None
    if not isinstance(kinds, Sequence):
        return kinds
    named = config.architectures or ()
    return next((kind for kind in kinds if kind.__name__ in named), kinds[0])


def _loaded(
    model: Model, why: Callable[..., str], from_pretrained: Callable[..., Any], **options: Any
) -> Any:
    """Call a function that loads from a model's files; explain its errors."""
    try:
        return from_pretrained(model.path, **options)
    except UserError:
        raise
    except Exception as error:  # of any kind: a model may bring its own code
        folder = _folder(model) / options.get("subfolder", "")
        raise UserError(why(model, error, folder)) from error


def _takes(module: nn.Module, argument: str) -> bool:
    return argument in inspect.signature(module.forward).parameters


def _summary(info: dict[str, Any]) -> tuple[str, ...]:
    """Name the weights that are in the files, but not in the model, in a few words."""
    names = (re.sub(r"\.\d+\.", ".*.", name) for name in sorted(info["unexpected_keys"]))
    modules = list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
    more = [f"{len(modules) - 4} more"] if len(modules) > 4 else []
    return (*modules[:4], *more)
