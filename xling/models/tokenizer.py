"""A tokenizer that splits texts as its files say, also where transformers' class would not.

Several classes build the tokenizer anew from its vocabulary and leave out what else the files say:
how texts are normalised (mBART, DeBERTa-v2, BigBird, Llama), which token is the unknown one
(RemBERT), that unknown letters become bytes (mT5), which special tokens stand around a text (FNet).
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tokenizers import Regex, Tokenizer, normalizers, processors
from tokenizers.models import BPE, Model, Unigram
from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import (
    SLOW_TO_FAST_CONVERTERS,
    SpmConverter,
    import_protobuf,
)
from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

from xling.models.files import SENTENCEPIECE, SPECIAL

BPE_TYPE = 2
"""Number of byte pair encoding among sentencepiece's kinds of model; 1 is unigram."""

CONFIGURED = (
    "add_prefix_space",
    "clean_text",
    "handle_chinese_chars",
    "lowercase",
    "strip_accents",
    "trim_offsets",
)
"""Settings in tokenizer.json that tokenizer_config.json may change."""

CONFIGURING = {
    "normalizer": ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "clean_text"),
    "pre_tokenizer": ("add_prefix_space", "trim_offsets"),
    "post_processor": ("src_lang", "language"),
}
"""Parts in tokenizer.json → the settings in tokenizer_config.json that may change them."""

CASED = 0.02
"""Share of tokens with capitals from which a vocabulary is one of texts that keep theirs.

One of lower-cased texts has none, but for special tokens."""

AT_RANDOM = (
    "Tokenizer: {}, which splits texts at random, is left out: a text has the same tokens each time"
)

LAST_SIGMA = (
    r"(?<=\p{Cased}|\p{Cased}\p{Case_Ignorable}|\p{Cased}\p{Case_Ignorable}{2})Σ"
    r"(?!\p{Case_Ignorable}*\p{Cased})"
)
"""A capital sigma at the end of a word, whose small letter is not the one within a word."""

PREPARING = (
    {"type": "Lowercase"},
    {"type": "NFKD"},
    {"type": "StripAccents"},
    {"type": "Replace", "pattern": {"String": "``"}, "content": '"'},
    {"type": "Replace", "pattern": {"String": "''"}, "content": '"'},
)
"""What a class may do to a text before sentencepiece does, as tokenizer.json has it."""


def follow_files(
    tokenizer: PreTrainedTokenizerBase, folder: Path, say: Callable[[str], None]
) -> None:
    """Make a tokenizer split texts as its tokenizer.json or sentencepiece's model says.

    Of a tokenizer.json, what tokenizer_config.json says otherwise is left as the class has it, but
    not what the class takes for granted where tokenizer_config.json is silent.

    Args:
        folder: of the tokenizer.
        say: is told what the files leave open, and of a choice at random, which is left out.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:  # it calls sentencepiece itself, or is written in Python
        return
    file, vocabulary = folder / "tokenizer.json", getattr(tokenizer, "vocab_file", None)
    if file.is_file():
        stored, settings = Tokenizer.from_file(str(file)), _settings(folder)
        backend.model = stored.model
        _leave_nothing_to_chance(backend, say)
        for part in ("normalizer", "pre_tokenizer"):
            own, said = getattr(stored, part), settings.keys() & set(CONFIGURING[part])
            if not said or _shape(own) != _shape(getattr(backend, part)):
                setattr(backend, part, own)
        told = isinstance(getattr(type(tokenizer), "src_lang", None), property)
        configured = told or settings.keys() & set(CONFIGURING["post_processor"])
        silent = _is_silent(stored.post_processor)
        if configured:
            return
        if not silent or not backend.num_special_tokens_to_add(is_pair=False):
            backend.post_processor = stored.post_processor or backend.post_processor
        elif not settings.keys() & {"add_bos_token", "add_eos_token"}:
            names = tokenizer.convert_ids_to_tokens(tokenizer("")["input_ids"])
            stand = "stand" if len(names) > 1 else "stands"
            say(
                f"Tokenizer: {' and '.join(names)} {stand} around each text, as in "
                f"{type(tokenizer).__name__}: tokenizer.json does not say what does"
            )
    elif vocabulary and (proto := read_sentencepiece(Path(vocabulary))) is not None:
        _follow_sentencepiece(tokenizer, backend, proto)
    elif type(tokenizer).__name__ == "DebertaTokenizer":  # which puts two tokens between a pair
        first, then = str(tokenizer.cls_token), str(tokenizer.sep_token)
        backend.post_processor = processors.TemplateProcessing(
            f"{first} $A {then}",
            f"{first} $A {then} $B:1 {then}:1",
            [(name, tokenizer.convert_tokens_to_ids(name)) for name in (first, then)],
        )


def keep_case(tokenizer: PreTrainedTokenizerBase, folder: Path, say: Callable[[str], None]) -> None:
    """Keep capitals where a class lower-cases by default, but its vocabulary has many of them.

    Args:
        folder: of the tokenizer.
        say: is told of it.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    normalizer = getattr(backend, "normalizer", None)
    file = Path(getattr(tokenizer, "vocab_file", None) or "")
    said = (folder / "tokenizer.json").is_file() or "do_lower_case" in _settings(folder)
    if said or not isinstance(normalizer, normalizers.BertNormalizer) or not normalizer.lowercase:
        return
    words = [token for token in tokenizer.get_vocab() if token[:1] not in SPECIAL]
    share = sum(token != token.lower() for token in words) / max(1, len(words))
    if share < CASED:
        return
    state = _state(normalizer) | {"lowercase": False}
    backend.normalizer = normalizers.BertNormalizer(
        **{key: value for key, value in state.items() if key != "type"}
    )
    say(
        f"WARNING: {share:.0%} of the tokens in {file.name or 'the vocabulary'} have capitals, so "
        f"texts keep theirs, though {type(tokenizer).__name__} lower-cases by default and no file "
        'says which is right. Write "do_lower_case": false in tokenizer_config.json, or true'
    )


def lower_first(tokenizer: PreTrainedTokenizerBase) -> None:
    """Lower-case texts before anything else, as `str.lower` does.

    Raises:
        ValueError: the tokenizer is one that is written in Python.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ValueError(f"texts cannot be lower-cased for {type(tokenizer).__name__}")
    steps = [normalizers.Replace(Regex(LAST_SIGMA), "ς"), normalizers.Lowercase()]
    own = [] if backend.normalizer is None else [backend.normalizer]
    backend.normalizer = normalizers.Sequence([*steps, *own])


def read_sentencepiece(file: Path) -> Any:
    """Return what a file of sentencepiece holds; None if it is of another kind.

    Raises:
        ValueError: it is damaged.
    """
    content = file.read_bytes()
    if content[:1] != SENTENCEPIECE:
        return None
    proto = import_protobuf().ModelProto()
    try:
        proto.ParseFromString(content)
    except DecodeError as error:
        raise ValueError(f"is damaged or cut off ({error})") from None
    if proto.trainer_spec.treat_whitespace_as_suffix:
        raise ValueError(
            "writes spaces behind words (treat_whitespace_as_suffix), which is not read"
        )
    if not (proto.HasField("trainer_spec") and proto.HasField("normalizer_spec")):
        raise ValueError("is cut off: the settings of sentencepiece at its end are missing")
    return proto


def named_class(settings: Any) -> Any:
    """Return the class of tokenizers that tokenizer_config.json names; None if there is none."""
    name = settings.get("tokenizer_class") if isinstance(settings, Mapping) else None
    return tokenizer_class_from_name(name) if isinstance(name, str) else None


def without_chance(settings: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Return what makes sentencepiece split each text in one way, where it is to do so at random.

    Args:
        settings: of tokenizer_config.json.
        say: is told of it.
    """
    options = settings.get("sp_model_kwargs")
    if not (isinstance(options, dict) and options.get("enable_sampling")):
        return {}
    say(AT_RANDOM.format("enable_sampling=true in tokenizer_config.json"))
    return {"sp_model_kwargs": {**options, "enable_sampling": False}}


@contextmanager
def files_read_anew() -> Iterator[None]:
    """Make tiktoken read a file, not the copy it keeps of another one that stood at its path."""
    name = "TIKTOKEN_CACHE_DIR"
    before = os.environ.get(name)
    os.environ[name] = ""
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _leave_nothing_to_chance(backend: Tokenizer, say: Callable[[str], None]) -> None:
    """Split each text in one way, where a file asks for one of several at random."""
    for option in ("dropout", "alpha"):
        if value := getattr(backend.model, option, None):
            setattr(backend.model, option, None)
            say(AT_RANDOM.format(f"{option}={value} in tokenizer.json"))


def _is_silent(processor: processors.PostProcessor | None) -> bool:
    """Tell whether a part of tokenizer.json leaves open which tokens stand around a text."""
    state = {} if processor is None else _state(processor)
    parts = state.get("processors", [state])
    return all(part.get("type") in (None, "ByteLevel") for part in parts)


def _follow_sentencepiece(
    tokenizer: PreTrainedTokenizerBase, backend: Tokenizer, proto: Any
) -> None:
    """Take over all that sentencepiece's file says; the class says which number a token has."""
    bpe = proto.trainer_spec.model_type == BPE_TYPE
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    vocabulary = {piece: row for row, (piece, _) in enumerate(pieces)} if bpe else pieces
    plain = SpmConverter.build_tokenizer_from_spm_proto(proto, vocabulary)
    own = _state(backend.model)["vocab"]
    names = [name for name, _ in own] if isinstance(own, list) else sorted(own, key=own.get)
    unknown = str(tokenizer.unk_token or proto.trainer_spec.unk_piece)
    if unknown not in names:  # RemBERT's class takes another for granted
        unknown = tokenizer.unk_token = proto.trainer_spec.unk_piece
    backend.model = _model(_state(plain.model), names, dict(pieces), unknown)
    backend.normalizer = normalizers.Sequence([*_prepared(backend), plain.normalizer])
    backend.pre_tokenizer = plain.pre_tokenizer  # none, if it puts no space before a text
    converter = SLOW_TO_FAST_CONVERTERS.get(type(tokenizer).__name__)
    if converter and tokenizer.cls_token and not tokenizer.num_special_tokens_to_add():
        bare = converter.__new__(converter)
        bare.original_tokenizer = tokenizer
        if (around := bare.post_processor()) is not None:
            backend.post_processor = around


def _prepared(backend: Tokenizer) -> list[normalizers.Normalizer]:
    """Return what the class does to a text that sentencepiece does not."""
    normalizer = backend.normalizer
    steps = normalizer if isinstance(normalizer, normalizers.Sequence) else [normalizer]
    return [step for step in steps if step is not None and _state(step) in PREPARING]


def _model(
    plain: Mapping[str, Any], names: Sequence[str], scores: Mapping[str, float], unknown: str
) -> Model:
    """Return sentencepiece's model, with tokens in another order."""
    if plain["type"] == "Unigram":
        vocabulary = [(name, scores.get(name, 0.0)) for name in names]
        return Unigram(vocabulary, names.index(unknown), plain["byte_fallback"])
    options = ("fuse_unk", "byte_fallback", "ignore_merges")
    return BPE(
        vocab={name: row for row, name in enumerate(names)},
        merges=[tuple(pair) for pair in plain["merges"]],
        unk_token=unknown,
        **{name: plain[name] for name in options},
    )


def _settings(folder: Path) -> dict[str, Any]:
    """Return what tokenizer_config.json holds, if there is one."""
    file = folder / "tokenizer_config.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def _shape(part: Any) -> Any:
    """Return a part of a tokenizer as tokenizer.json has it, but for what may be configured."""

    def stripped(state: Any) -> Any:
        if isinstance(state, list):
            return [stripped(item) for item in state]
        if isinstance(state, dict):
            return {key: stripped(x) for key, x in state.items() if key not in CONFIGURED}
        return state

    return None if part is None else stripped(_state(part))


def _state(part: Any) -> dict[str, Any]:
    """Return a part of a tokenizer as it stands in tokenizer.json."""
    return json.loads(part.__getstate__())
