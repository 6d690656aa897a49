"""Encoding keeps every column, marks what was cut, and cuts to the length asked for."""

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from xling.data import encode
from xling.errors import UserError


def pair(*texts: tuple[str, str | None]) -> Dataset:
    return Dataset.from_dict(
        {
            "id": [f"de{n}" for n in range(len(texts))],
            "text": [text for text, _ in texts],
            "text_pair": [second for _, second in texts],
        }
    )


def test_pairs_are_encoded_as_the_tokenizer_does(pairs_tokenizer: PreTrainedTokenizerFast) -> None:
    rows = pair(("ab ac", "bc"), ("ab", "bd ad"))
    encoded = encode(rows, pairs_tokenizer, 64)
    assert set(encoded.column_names) >= {"id", "text", "text_pair", "input_ids", "length"}
    for row in encoded:
        assert row["input_ids"] == pairs_tokenizer(row["text"], row["text_pair"])["input_ids"]
        assert row["input_ids"].count(pairs_tokenizer.sep_token_id) == 3  # <s> A </s></s> B </s>
        assert row["attention_mask"] == [1] * row["length"]
        assert row["length"] == len(row["input_ids"])
        assert row["truncated"] is False


def test_what_is_cut_is_marked(pairs_tokenizer: PreTrainedTokenizerFast) -> None:
    long = " ".join(["ab"] * 30)
    rows = pair(("ab", "bc"), (long, "bd"), ("ab", long))
    encoded = encode(rows, pairs_tokenizer, 16)
    assert encoded["truncated"] == [False, True, True]
    assert list(encoded["length"])[1:] == [16, 16]
    short = pairs_tokenizer("bd", add_special_tokens=False)["input_ids"]
    assert encoded["input_ids"][1][-len(short) - 1 : -1] == short  # the longer text is cut
    exact = encode(rows.select([0]), pairs_tokenizer, encoded["length"][0])
    assert exact["truncated"] == [False]


def test_single_texts_are_encoded_without_a_second(
    pairs_tokenizer: PreTrainedTokenizerFast,
) -> None:
    encoded = encode(pair(("ab ac", None), ("bd", None)), pairs_tokenizer, 64)
    for row in encoded:
        assert row["input_ids"] == pairs_tokenizer(row["text"])["input_ids"]


def test_lengths_that_cannot_be_are_refused(pairs_tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(UserError, match="data.max_length=4 leaves no room"):
        encode(pair(("ab", "bc")), pairs_tokenizer, 4)
    pairs_tokenizer.model_max_length = 512
    with pytest.raises(UserError, match="the model reads 512 tokens"):
        encode(pair(("ab", "bc")), pairs_tokenizer, 513)
