"""What no file says of a tokenizer is told: its case, the tokens around a text, a choice at random.

The expected tokens are those of another reader of the same files, or of the same file corrected.
"""

import random
from pathlib import Path

import pytest
from conftest import SHAPE, config
from small_models import change
from tokenizers import ByteLevelBPETokenizer, Tokenizer, models
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizer,
    DistilBertTokenizer,
    RobertaConfig,
    RobertaModel,
)

from xling.models.encoder import load_encoder

TEXT = "Der Zug ist heute spät, die Katze sah drei alte Häuser."
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"[unused{n}]" for n in range(9))]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def read(folder: Path):
    """Return a model's tokenizer, and what is said of it."""
    said: list[str] = []
    tokenizer = load_encoder(config("model=local", f"model.path={folder}").model, said.append)[1]
    return tokenizer, [line for line in said if "Tokenizer" in line]


def words_in(folder: Path, *capitals: str) -> list[str]:
    """Save a model with a vocabulary of words, and nothing said of it."""
    lower = "der zug ist heute spat spät , die katze sah drei alte hauser häuser .".split()
    names = [*BERT, *lower, *(f"w{n}" for n in range(120)), *capitals]
    BertModel(BertConfig(**dict(SHAPE, vocab_size=len(names)))).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(names) + "\n")
    return names


@pytest.mark.parametrize("kind", [BertTokenizer, DistilBertTokenizer])
def test_a_cased_vocabulary_alone_keeps_capitals_and_it_is_said(kind, tmp_path):
    words_in(tmp_path, "Der", "Zug", "Katze", "Häuser")
    change(tmp_path / "tokenizer_config.json", tokenizer_class=kind.__name__)
    made, said = read(tmp_path)
    own = kind.from_pretrained(tmp_path, do_lower_case=False)
    assert made(TEXT)["input_ids"] == own(TEXT)["input_ids"]
    assert made.tokenize("Der Häuser") == ["Der", "Häuser"]
    assert len(said) == 1 and said[0].startswith("WARNING: 3% of the tokens in vocab.txt have cap")
    assert '"do_lower_case": false in tokenizer_config.json' in said[0]
    for lower in (True, False):
        change(tmp_path / "tokenizer_config.json", do_lower_case=lower)
        made, said = read(tmp_path)
        own = kind.from_pretrained(tmp_path, do_lower_case=lower)
        assert made(TEXT)["input_ids"] == own(TEXT)["input_ids"] and not said


@pytest.mark.parametrize("capitals", [(), ("Der", "Zug")])
def test_a_vocabulary_with_hardly_a_capital_is_lower_cased_as_before(capitals, tmp_path):
    """Special tokens do not count."""
    words_in(tmp_path, *capitals)
    made, said = read(tmp_path)
    assert made.tokenize("Der Häuser") == ["der", "hauser"] and not said


def bytes_in(folder: Path, dropout: float | None = None) -> Tokenizer:
    """Save a model with a tokenizer.json as `ByteLevelBPETokenizer.save` writes it."""
    made = ByteLevelBPETokenizer()
    made.train_from_iterator([TEXT] * 3, 400, 1, special_tokens=ROBERTA)
    whole = made._tokenizer
    shape = dict(SHAPE, vocab_size=made.get_vocab_size())
    RobertaModel(RobertaConfig(**shape)).save_pretrained(folder)
    names = dict(zip(("cls", "pad", "sep", "unk", "mask"), ROBERTA, strict=True))
    change(
        folder / "tokenizer_config.json",
        tokenizer_class="RobertaTokenizer",
        **{f"{name}_token": token for name, token in names.items()},
    )
    whole.model.dropout = dropout
    whole.save(str(folder / "tokenizer.json"))
    whole.model.dropout = None
    return whole


def test_a_class_puts_its_tokens_around_a_text_where_tokenizer_json_is_silent(tmp_path):
    whole = bytes_in(tmp_path)
    made, said = read(tmp_path)
    ids = made(TEXT)["input_ids"]
    assert ids == [0, *whole.encode(TEXT).ids, 2]
    assert ids == AutoTokenizer.from_pretrained(tmp_path)(TEXT)["input_ids"]
    assert said == [
        "Tokenizer: <s> and </s> stand around each text, as in RobertaTokenizer: tokenizer.json "
        "does not say what does"
    ]


def test_that_nothing_stands_around_a_text_is_said_where_no_class_puts_it_there(tmp_path):
    whole = bytes_in(tmp_path)
    change(tmp_path / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    made, said = read(tmp_path)
    assert made(TEXT)["input_ids"] == whole.encode(TEXT).ids
    assert len(said) == 1 and "nothing stands around a text, though there is <s>" in said[0]


def test_a_text_has_the_same_tokens_each_time_where_the_file_has_dropout(tmp_path):
    whole = bytes_in(tmp_path, dropout=0.5)
    made, said = read(tmp_path)
    assert all(made(TEXT)["input_ids"] == [0, *whole.encode(TEXT).ids, 2] for _ in range(5))
    assert sum("dropout=0.5 in tokenizer.json" in line for line in said) == 1


def test_a_text_has_the_same_tokens_each_time_where_unigrams_are_sampled(tmp_path):
    pieces = ["<unk>", "[CLS]", "[SEP]", "[PAD]", *"abc", "ab", "bc", "abc", "ca", "abca"]
    scores = [(name, -float(len(name) < 3)) for name in pieces]
    plain, sampled = (
        Tokenizer(models.Unigram(scores, 0, False, **options))
        for options in ({}, {"alpha": 0.1, "nbest_size": 64})
    )
    BertModel(BertConfig(**dict(SHAPE, vocab_size=len(pieces)))).save_pretrained(tmp_path)
    sampled.save(str(tmp_path / "tokenizer.json"))
    change(
        tmp_path / "tokenizer_config.json",
        tokenizer_class="PreTrainedTokenizerFast",
        pad_token="[PAD]",
    )
    text = "".join(random.Random(0).choices("abc", k=40))
    made, _ = read(tmp_path)
    assert all(made(text)["input_ids"] == plain.encode(text).ids for _ in range(9))


@pytest.mark.parametrize("kind", ["BertGenerationTokenizer", "XLMRobertaTokenizer"])
def test_sentencepiece_splits_a_text_in_one_way_where_it_is_to_do_so_at_random(
    kind, letters, tmp_path
):
    import sentencepiece

    BertModel(BertConfig(**dict(SHAPE, vocab_size=90))).save_pretrained(tmp_path)
    prefix = "spiece" if "Generation" in kind else "sentencepiece.bpe"
    sentencepiece.SentencePieceTrainer.train(
        input=str(letters), model_prefix=str(tmp_path / prefix), minloglevel=2,
        vocab_size=80, hard_vocab_limit=False,
    )  # fmt: skip
    (tmp_path / "spiece.model").write_bytes((tmp_path / f"{prefix}.model").read_bytes())
    options = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}
    file = tmp_path / "tokenizer_config.json"
    change(file, tokenizer_class=kind, sp_model_kwargs=options, pad_token="<unk>")
    made, said = read(tmp_path)
    stored = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / f"{prefix}.model"))
    for _ in range(5):
        tokens = made.tokenize("die Katze sah drei alte")
        assert tokens == stored.encode("die Katze sah drei alte", out_type=str)
    assert sum("enable_sampling=true in tokenizer_config.json" in line for line in said) == 1
