"""Whether a tokenizer belongs to a model and knows the words of the texts."""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import nn
from transformers import PreTrainedTokenizerBase

from xling.errors import UserError
from xling.models.available import tokenizer_files

if TYPE_CHECKING:
    from datasets import DatasetDict

LEAST_SHARE = 0.5
"""Of the table's rows that a tokenizer must have tokens for, and of the words that it must know.

ByT5 has the smallest share among well-known models: 259 tokens for 384 rows."""

LEAST_OF_LARGE = 0.9
"""Share of the rows where more than `PADDING` are missing; DeepSeek-V2 has tokens for 97.7%."""

PADDING = 1024
"""Most rows that are nothing but padding, as a rule: Phi-2 has 905, mDeBERTa-v3 898, Pythia 411."""

ROUND = (8, 100)
"""What a padded number of rows is a multiple of; DeBERTa-v3's is of 100."""

SPARE = 8
"""Rows that are without a token in tables of any size: NLLB has 2, mBART-50 and M2M100 up to 8."""

COMPARING = ("funnel", "xlnet")
"""Types of models that only compare the types of two tokens, so that they need no table of them."""

UNTRAINED = (
    "big_bird camembert data2vec-text ibert longformer luke roberta roberta-prelayernorm "
    "xlm-roberta xlm-roberta-xl xmod"
).split()
"""Types of models that may have a row for second texts, but are pretrained without any."""

WORDS = 2000
"""Distinct words of a language that are looked up, the most frequent ones."""

SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Characters of Thai, Lao, Burmese, Khmer and Chinese, and kana: each counts as a word."""

PUNCTUATION = (
    "!-/:-@\\[-`{-~\u00a1\u00a7\u00ab\u00b6\u00b7\u00bb\u00bf\u060c\u061b\u061f\u06d4\u0964\u0965"
    "\u2010-\u205e\u3000-\u3004\uff01-\uff0f\uff1a-\uff20"
)

WORD = re.compile(f"[{SPACELESS}]|[^\\s{PUNCTUATION}{SPACELESS}]+")


def table_rows(encoder: nn.Module) -> int | None:
    """Return the number of rows of the table of tokens; None if a model has none."""
    try:
        table = encoder.get_input_embeddings()
    except (AttributeError, NotImplementedError):  # CANINE: characters are hashed
        return None
    weight = getattr(table, "weight", None)
    return len(weight) if weight is not None else None


def fit_tokenizer(
    name: str,
    tokenizer: PreTrainedTokenizerBase,
    encoder: nn.Module,
    say: Callable[[str], None],
    inner: str = "",
) -> None:
    """Make the tokenizer return what the model takes, padded on the right.

    Args:
        name: of the model, for messages.
        say: is told what serves as padding, if the tokenizer has none, and of missing tokens.
        inner: subfolder of the tokenizer.

    Raises:
        UserError: a vocabulary that is not there or does not belong to the model; no token that
            could serve as padding.
    """
    rows = table_rows(encoder)
    if rows is not None:
        _check_vocabulary(name, Path(name) / inner, tokenizer, rows, say)
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    if encoder.config.model_type == "canine":  # whose class has the first type for both texts
        tokenizer.token_type_ids_pattern = "bert_style"
    typed = ["token_type_ids"] if _is_typed(name, tokenizer, encoder) else []
    tokenizer.model_input_names = ["input_ids", "attention_mask", *typed]
    pad = tokenizer.pad_token_id
    if pad is not None and (rows is None or pad < rows):
        return
    others = (tokenizer.eos_token, tokenizer.unk_token, tokenizer.bos_token, tokenizer.sep_token)
    usable = [
        token
        for token in others
        if token is not None and (rows is None or tokenizer.convert_tokens_to_ids(token) < rows)
    ]
    if not usable:
        raise UserError(
            f"model.path={name}: its tokenizer has no padding token, and no other special token "
            'that could serve. Name one in tokenizer_config.json, as in "pad_token": "</s>".'
        )
    tokenizer.pad_token = usable[0]
    say(f"Padding: the tokenizer has none; {usable[0]} serves, behind the attention mask")


def _is_typed(name: str, tokenizer: PreTrainedTokenizerBase, encoder: nn.Module) -> bool:
    """Tell whether the model is told which of two texts a token is of.

    Several classes of transformers 5 leave it out by default, though they know it: ALBERT's,
    RemBERT's, XLNet's, Funnel's, HerBERT's and those that are nothing but a tokenizer.json.

    Raises:
        UserError: a number of the tokenizer's is beyond the model's table.
    """
    kind, rows = encoder.config.model_type, getattr(encoder.config, "type_vocab_size", None)
    # Without a table of types, GPT-2 and its like would add rows of the tokens' own table.
    typed = rows > 1 if isinstance(rows, int) else kind in COMPARING
    if not typed or "token_type_ids" not in inspect.signature(encoder.forward).parameters:
        return False
    types = tokenizer("a", "b", return_token_type_ids=True).get("token_type_ids", [0])
    fits = rows is None or max(types) < rows
    if "token_type_ids" in tokenizer.model_input_names:
        if not fits:
            raise UserError(
                f"model.path={name}: its tokenizer numbers the parts of a pair of texts up to "
                f"{max(types)}, but config.json has type_vocab_size={rows}. The tokenizer belongs "
                "to another model."
            )
        return True
    chosen = "model_input_names" in tokenizer.init_kwargs or kind in UNTRAINED
    return fits and any(types) and not chosen


def check_encoded(
    name: str,
    tokenizer: PreTrainedTokenizerBase,
    encoder: nn.Module,
    encoded: "DatasetDict",
    languages: Sequence[str],
) -> str:
    """Check the encoded texts against the model; return a line about their lengths and words.

    Args:
        name: of the model, for errors.
        languages: in the order of the line.

    Raises:
        UserError: ids beyond the model's table, or a language of which more than half of the words
            are unknown to the tokenizer.
    """
    rows = table_rows(encoder)
    by_language: dict[str, list[pd.DataFrame]] = {}
    for split in encoded.values():
        table = split.with_format("pandas")[:][["language", "input_ids", "text", "text_pair"]]
        for language, part in table.groupby("language"):
            by_language.setdefault(str(language), []).append(part)
    parts = []
    for language in filter(by_language.__contains__, languages):
        its = pd.concat(by_language[language])
        ids = np.concatenate(its["input_ids"].to_list())
        if rows is not None and ids.max() >= rows:
            token = tokenizer.convert_ids_to_tokens(int(ids.max()))
            raise UserError(
                f"model.path={name}: its tokenizer gives {token!r} the number {ids.max()}, but the "
                f"model's table has {rows:,} rows. The tokenizer belongs to another model, or "
                "tokens were added to it without model.resize_token_embeddings."
            )
        texts = [*its["text"], *its["text_pair"].dropna()]  # a column without any is NaN
        among_words = _check_words(name, tokenizer, language, texts)
        unknown = among_words if _is_shared(tokenizer) else _unknown(tokenizer, ids)
        parts.append(f"{language} {len(ids) / len(its):.1f} ({unknown:.1%})")
    return f"Tokens per example, and unknown ones among them: {', '.join(parts)}"


def _check_vocabulary(
    name: str,
    folder: Path,
    tokenizer: PreTrainedTokenizerBase,
    rows: int,
    say: Callable[[str], None],
) -> None:
    """Refuse a vocabulary that is far smaller than the table; tell of one that is a bit too small.

    Published tables are often padded, so that only their sizes show what may be missing.
    """
    names = tokenizer_files(folder)
    size = max(len(tokenizer), 1 + max(tokenizer.get_vocab().values(), default=-1))
    if size < LEAST_SHARE * rows or (size < LEAST_OF_LARGE * rows and rows - size > PADDING):
        raise UserError(
            f"model.path={name}: its tokenizer has {size:,} tokens, but the model has rows for "
            f"{rows:,}: the files of its tokenizer ({', '.join(names) or 'tokenizer.json'}) are "
            "missing, cut off, or belong to another model. Copy or download them again, or save "
            "both into one folder: model.save_pretrained(DIR) and tokenizer.save_pretrained(DIR)."
        )
    lines = folder / "vocab.txt"
    ends = "tokenizer.json" in names or not lines.is_file() or lines.read_bytes().endswith(b"\n")
    if not is_padding(size, rows) or (size < rows and not ends):
        where = "" if ends else ", and vocab.txt ends within a line"
        say(
            f"Vocabulary: {size:,} tokens for {rows:,} rows of the model's table{where}. Unless "
            "the table is larger on purpose, the tokenizer's files are cut off: download them again"
        )


def is_padding(size: int, rows: int) -> bool:
    """Tell whether a table that is larger than its vocabulary is likely to be so on purpose.

    Args:
        size: number of tokens.
        rows: of the table.
    """
    missing = rows - size
    is_round = any(rows % number == 0 for number in ROUND)
    return missing <= (PADDING if is_round else SPARE)


def _check_words(
    name: str, tokenizer: PreTrainedTokenizerBase, language: str, texts: Iterable[str | None]
) -> float:
    """Refuse a vocabulary that knows less than half of a language's words.

    Returns:
        The share of unknown tokens among those of its words.
    """
    unknown = tokenizer.unk_token_id  # of a vocabulary of bytes, a name that is never given
    words = Counter(word for text in texts if text for word in WORD.findall(text))
    common = words.most_common(WORDS)
    if not common:
        return 0.0
    ids = tokenizer([word for word, _ in common], add_special_tokens=False)["input_ids"]
    total = sum(count for _, count in common)
    strange = [
        (word, count)
        for (word, count), tokens in zip(common, ids, strict=True)
        if unknown in tokens or not tokens
    ]
    share = 1 - sum(count for _, count in strange) / total
    if share < LEAST_SHARE:
        examples = ", ".join(repr(word) for word, _ in strange[:3])
        raise UserError(
            f"model.path={name}: its tokenizer knows {share:.0%} of the words of {language}; "
            f"{examples} and others are {tokenizer.unk_token or 'nothing'} to it. Its files are "
            "missing or belong to another model, or the model was not made for this language: "
            "leave it out, or choose another model."
        )
    counts = [count for _, count in common]
    strangers = sum(n * tokens.count(unknown) for n, tokens in zip(counts, ids, strict=True))
    return strangers / max(1, sum(n * len(tokens) for n, tokens in zip(counts, ids, strict=True)))


def _is_shared(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether the unknown token also stands at the ends of texts, as GPT-2's."""
    others = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id)
    return tokenizer.unk_token_id in others


def _unknown(tokenizer: PreTrainedTokenizerBase, ids: np.ndarray) -> float:
    """Return the share of unknown tokens among those that are not special."""
    unknown = tokenizer.unk_token_id
    special = [token for token in tokenizer.all_special_ids if token != unknown]
    own = ids[~np.isin(ids, special)]
    if unknown is None or not len(own):
        return 0.0
    return float((own == unknown).mean())
