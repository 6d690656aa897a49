"""Encode texts as token ids.

`datasets` is imported inside a function: commands import this room before their first line.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from xling.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


def encode(
    dataset: "Dataset",
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
    codes: Mapping[str, str] | None = None,
) -> "Dataset":
    """Add the tokenizer's columns (input_ids, attention_mask, …), `length` and `truncated`.

    All other columns are kept. Pairs that are too long are truncated from the longer text first.
    Where the tokenizer puts nothing between the texts of a pair, `pair_separator` does.

    Args:
        max_length: maximum number of tokens of an example, including special tokens.
        codes: language → the tokenizer's name of it, if its texts carry a token of their language.

    Raises:
        UserError: a `max_length` that the tokenizer cannot observe.
    """
    from datasets import Dataset, concatenate_datasets

    texts, pairs = list(dataset["text"]), list(dataset["text_pair"])
    paired = any(pair is not None for pair in pairs)
    _check_length(tokenizer, max_length, paired)
    if not texts:
        return dataset
    if paired and (separator := pair_separator(tokenizer)):
        pairs = [f"{separator}{pair}" for pair in pairs]
    if codes is None:
        columns, long = _tokens(tokenizer, texts, pairs if paired else None, max_length)
    else:
        columns, long = _tokens_by_language(
            tokenizer, texts, pairs if paired else None, max_length, dataset["language"], codes
        )
    columns["length"] = [len(tokens) for tokens in columns["input_ids"]]
    columns["truncated"] = [False] * len(texts)
    for position in long:
        columns["truncated"][position] = True
    return concatenate_datasets([dataset, Dataset.from_dict(columns)], axis=1)


def pair_separator(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return what has to stand between two texts: "" if the tokenizer puts special tokens there.

    Otherwise, as with GPT-2, the end of one and the beginning of the other would be one text.
    """
    single, pair = (tokenizer.num_special_tokens_to_add(pair=paired) for paired in (False, True))
    if pair > single:
        return ""
    plain, apart = (tokenizer(text)["input_ids"] for text in ("a", "\na"))
    return "\n" if apart != plain else tokenizer.eos_token or tokenizer.sep_token or ""


def _tokens(
    tokenizer: "PreTrainedTokenizerBase",
    texts: list[str],
    pairs: list[str] | None,
    max_length: int,
) -> tuple[dict[str, list[list[int]]], list[int]]:
    """Return the tokenizer's columns, and the rows that had to be cut."""
    columns = dict(tokenizer(texts, pairs, verbose=False))
    long = [n for n, tokens in enumerate(columns["input_ids"]) if len(tokens) > max_length]
    if long:
        cut = tokenizer(
            [texts[n] for n in long],
            [pairs[n] for n in long] if pairs else None,
            truncation="longest_first",
            max_length=max_length,
        )
        for name, values in cut.items():
            for position, value in zip(long, values, strict=True):
                columns[name][position] = value
    return columns, long


def _tokens_by_language(
    tokenizer: "PreTrainedTokenizerBase",
    texts: list[str],
    pairs: list[str] | None,
    max_length: int,
    languages: Sequence[str],
    codes: Mapping[str, str],
) -> tuple[dict[str, list[list[int]]], list[int]]:
    """Do the same with the tokenizer told each text's language."""
    columns: dict[str, list[list[int]]] = {}
    cut: list[int] = []
    for language in dict.fromkeys(languages):
        rows = [row for row, other in enumerate(languages) if other == language]
        tokenizer.src_lang = codes[language]
        some = [texts[row] for row in rows]
        others = [pairs[row] for row in rows] if pairs else None
        own, long = _tokens(tokenizer, some, others, max_length)
        for name, values in own.items():
            column = columns.setdefault(name, [[] for _ in texts])
            for row, value in zip(rows, values, strict=True):
                column[row] = value
        cut += [rows[position] for position in long]
    return columns, sorted(cut)


def _check_length(tokenizer: "PreTrainedTokenizerBase", max_length: int, paired: bool) -> None:
    special = tokenizer.num_special_tokens_to_add(pair=paired)
    if max_length <= special:
        raise UserError(
            f"data.max_length={max_length} leaves no room for text: the tokenizer adds {special} "
            "special tokens. Write 128, for instance."
        )
    if max_length > tokenizer.model_max_length:
        raise UserError(
            f"data.max_length={max_length}: the model reads {tokenizer.model_max_length} tokens "
            f"at most. Write data.max_length={tokenizer.model_max_length} or less."
        )
