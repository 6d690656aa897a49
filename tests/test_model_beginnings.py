"""The tokens around a text are those that a model was trained with, or a line tells of them."""

import base64
from pathlib import Path

import pytest
from conftest import config
from small_models import change
from tokenizers import Tokenizer, models, processors
from transformers import (
    AutoModel,
    AutoTokenizer,
    GemmaConfig,
    GPTNeoXConfig,
    LlamaConfig,
    Olmo2Config,
    Qwen2Config,
)

from xling.models.encoder import load_encoder

SIZES = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
KINDS = {
    "llama": LlamaConfig,
    "gemma": GemmaConfig,
    "gpt_neox": GPTNeoXConfig,
    "olmo2": Olmo2Config,
    "qwen2": Qwen2Config,
}
LLAMA = dict(unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
GEMMA = dict(pad_id=0, eos_id=1, bos_id=2, unk_id=3, eos_piece="<eos>", bos_piece="<bos>")


def model_in(folder: Path, kind: str, rows: int) -> Path:
    """Save a small model of a kind."""
    more = {} if kind == "gpt_neox" else {"num_key_value_heads": 1}
    AutoModel.from_config(KINDS[kind](vocab_size=rows, **SIZES, **more)).save_pretrained(folder)
    return folder


def around(folder: Path) -> tuple[list[str], str]:
    """Return the tokens of a pair of texts, and what is said of them."""
    said: list[str] = []
    tokenizer = load_encoder(config("model=local", f"model.path={folder}").model, said.append)[1]
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("w4", "w5")["input_ids"])
    return tokens, " ".join(line for line in said if line.startswith("Tokenizer: "))


@pytest.mark.parametrize(
    ("kind", "settings", "pair", "line"),
    [
        ("llama", {}, "<s> A <s> B", "<s> stands before each text"),
        ("llama", {"add_bos_token": True}, "<s> A <s> B", ""),
        ("llama", {"add_bos_token": False}, "A B", ""),
        ("llama", {"add_eos_token": True}, "<s> A </s> <s> B </s>", "<s> stands before each"),
        ("llama", {"tokenizer_class": "LLaMATokenizer"}, "<s> A <s> B", "<s> stands before each"),
        ("gemma", {}, "<bos> A <bos> B", "<bos> stands before each text"),
        ("gemma", {"add_bos_token": False}, "A B", ""),
        ("olmo2", {}, "A B", "no <s> stands before a text"),
        ("olmo2", {"tokenizer_class": "LlamaTokenizerFast"}, "<s> A <s> B", "<s> stands before"),
        ("olmo2", {"add_bos_token": True}, "<s> A <s> B", ""),
    ],
)
def test_a_vocabulary_alone_is_begun_as_its_kind_is(kind, settings, pair, line, letters, tmp_path):
    """The values are those of transformers 4, whose classes do as in the models' training."""
    import sentencepiece

    model_in(tmp_path, kind, 330)
    special = GEMMA if kind == "gemma" else LLAMA
    sentencepiece.SentencePieceTrainer.train(
        input=str(letters), model_prefix=str(tmp_path / "tokenizer"), minloglevel=2,
        vocab_size=330, hard_vocab_limit=False, model_type="bpe", byte_fallback=True, **special,
    )  # fmt: skip
    if settings:
        change(tmp_path / "tokenizer_config.json", **settings)
    tokens, said = around(tmp_path)
    words = "".join(token for token in tokens)
    for text in ("4", "5"):
        assert f"<0x3{text}>" in words
    ends = [token for token in tokens if token in ("<s>", "</s>", "<bos>", "<eos>")]
    assert ends == [token for token in pair.split() if token not in "AB"]
    assert tokens[0] == pair.split()[0] or pair.startswith("A")
    assert line in said and bool(line) == bool(said)


@pytest.mark.parametrize(
    ("kind", "named", "stored", "told", "expected"),
    [
        ("llama", None, True, None, True),
        ("llama", None, True, False, False),
        ("llama", None, False, True, True),
        ("llama", "LlamaTokenizerFast", True, False, False),
        ("llama", "LlamaTokenizer", False, True, True),
        ("llama", "PreTrainedTokenizerFast", True, False, True),
        ("llama", "PreTrainedTokenizerFast", False, True, False),
        ("gpt_neox", "GPTNeoXTokenizerFast", True, True, True),
        ("gpt_neox", "GPTNeoXTokenizer", True, False, False),
        ("gpt_neox", "GPTNeoXTokenizer", False, True, True),
        ("qwen2", "Qwen2Tokenizer", False, False, False),
    ],
)
def test_the_configurations_word_stands_where_its_class_takes_it(
    kind, named, stored, told, expected, tmp_path
):
    """The values are those of transformers 4, which heeds it beside a tokenizer.json too."""
    model_in(tmp_path, kind, 40)
    vocabulary = {name: n for n, name in enumerate(["<unk>", "<s>", "</s>"])}
    vocabulary |= {f"w{n}": n for n in range(3, 40)}
    whole = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    first = "<s> " if stored else ""
    names = [("<s>", 1)]
    whole.post_processor = processors.TemplateProcessing(
        f"{first}$A", f"{first}$A {first}$B", names
    )
    whole.save(str(tmp_path / "tokenizer.json"))
    special = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>")
    change(tmp_path / "tokenizer_config.json", tokenizer_class=named, add_bos_token=told, **special)
    tokens, said = around(tmp_path)
    assert tokens.count("<s>") == (2 if expected else 0)
    assert (tokens[0] == "<s>") == expected
    assert ('"add_bos_token": ' in said) == bool(said) == (told not in (None, expected))


@pytest.mark.parametrize("kind", ["Qwen2Tokenizer", "PreTrainedTokenizerFast"])
def test_that_an_end_is_asked_for_and_not_put_there_is_said_with_what_puts_it_there(kind, tmp_path):
    model_in(tmp_path, "qwen2", 40)
    vocabulary = {name: n for n, name in enumerate(["<unk>", "<s>", "</s>"])}
    vocabulary |= {f"w{n}": n for n in range(3, 40)}
    Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>")).save(str(tmp_path / "tokenizer.json"))
    special = dict(eos_token="</s>", unk_token="<unk>", pad_token="</s>")
    file = tmp_path / "tokenizer_config.json"
    change(file, tokenizer_class=kind, add_eos_token=False, add_bos_token=False, **special)
    assert "</s>" not in around(tmp_path)[0] and not around(tmp_path)[1]
    change(file, add_eos_token=True)
    tokens, said = around(tmp_path)
    assert "</s>" not in tokens and said.count('_token": true') == 1
    assert '"add_eos_token": true in' in said and "no </s> stands behind each text" in said
    assert "set tokenizer.add_eos_token = True" in said
    made = AutoTokenizer.from_pretrained(tmp_path)
    made.add_eos_token = True
    made.save_pretrained(tmp_path)
    tokens, said = around(tmp_path)
    assert tokens[-1] == "</s>" and not said


def test_that_a_stored_tokenizer_begins_no_text_is_said_of_llamas(tmp_path):
    model_in(tmp_path, "llama", 40)
    vocabulary = {name: n for n, name in enumerate(["<unk>", "<s>", "</s>"])}
    vocabulary |= {f"w{n}": n for n in range(3, 40)}
    Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>")).save(str(tmp_path / "tokenizer.json"))
    change(tmp_path / "tokenizer_config.json", bos_token="<s>", unk_token="<unk>")
    tokens, said = around(tmp_path)
    assert "<s>" not in tokens and said.startswith("Tokenizer: no <s> stands before a text")


def test_that_a_vocabulary_of_tiktoken_has_no_beginning_is_said(tmp_path):
    pytest.importorskip("tiktoken")
    model_in(tmp_path, "llama", 256)
    ranks = (f"{base64.b64encode(bytes([n])).decode()} {n}\n" for n in range(256))
    (tmp_path / "tokenizer.model").write_text("".join(ranks))
    change(tmp_path / "tokenizer_config.json", pad_token="!")
    tokens, said = around(tmp_path)
    assert tokens == ["w", "4", "w", "5"]
    assert said.startswith("Tokenizer: no token stands before a text, though one did")
