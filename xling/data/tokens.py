"""Encode texts as token ids.

`datasets` is imported inside a function: commands import this room before their first line.
"""

from typing import TYPE_CHECKING

from xling.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


def encode(dataset: "Dataset", tokenizer: "PreTrainedTokenizerBase", max_length: int) -> "Dataset":
    """Add the tokenizer's columns (input_ids, attention_mask, …), `length` and `truncated`.

    All other columns are kept. Pairs that are too long are truncated from the longer text first.

    Args:
        max_length: maximum number of tokens of an example, including special tokens.

    Raises:
        UserError: a `max_length` that the tokenizer cannot observe.
    """
    from datasets import Dataset, concatenate_datasets

    texts, pairs = list(dataset["text"]), list(dataset["text_pair"])
    paired = any(pair is not None for pair in pairs)
    _check_length(tokenizer, max_length, paired)
    if not texts:
        return dataset
    columns = dict(tokenizer(texts, pairs if paired else None, verbose=False))
    long = [n for n, tokens in enumerate(columns["input_ids"]) if len(tokens) > max_length]
    if long:
        cut = tokenizer(
            [texts[n] for n in long],
            [pairs[n] for n in long] if paired else None,
            truncation="longest_first",
            max_length=max_length,
        )
        for name, values in cut.items():
            for position, value in zip(long, values, strict=True):
                columns[name][position] = value
    columns["length"] = [len(tokens) for tokens in columns["input_ids"]]
    columns["truncated"] = [False] * len(texts)
    for position in long:
        columns["truncated"][position] = True
    return concatenate_datasets([dataset, Dataset.from_dict(columns)], axis=1)


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
