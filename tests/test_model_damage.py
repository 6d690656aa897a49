"""A file of a model that is damaged, or holds a wrong value, is named, with what to do."""

import argparse
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from conftest import SHAPE, run_xling
from safetensors.torch import load_file
from small_models import build, change, loaded
from tokenizers import pre_tokenizers
from transformers import BertConfig, BertModel
from transformers.convert_slow_tokenizer import import_protobuf

from xling.errors import UserError
from xling.models.files import check_folder
from xling.models.vocabulary import PADDING, is_padding

WEIGHTS, BIN = "model.safetensors", "pytorch_model.bin"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
PAGE = b"<!DOCTYPE html><html>"
NO_OBJECT = {
    "empty": b"",
    "cut off": b'{"a": {"b',
    "a page of the Web": PAGE,
    "not UTF-8": b"\xff\xfe\x00\x01" * 9,
    "a list": b"[1]",
    "null": b"null",
}
OBJECTS = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json")


def refused(folder: Path) -> str:
    """The error of a model that is refused: one line that names it, in plain letters."""
    with pytest.raises(UserError) as error:
        loaded(folder)
    message = str(error.value)
    assert str(folder) in message and "\n" not in message and "\x1b" not in message
    return message


@pytest.mark.parametrize("content", NO_OBJECT)
@pytest.mark.parametrize("file", [*OBJECTS, "added_tokens.json", f"{WEIGHTS}.index.json"])
def test_a_damaged_json_file_is_named_before_heavy_imports(file, content, save):
    folder = save("bert")
    if "index" in file:
        (folder / WEIGHTS).unlink()
    (folder / file).write_bytes(NO_OBJECT[content])
    with pytest.raises(UserError, match=f"{file} .*Copy or download it again"):
        check_folder(str(folder))
    assert f"{file} " in refused(folder)


@pytest.mark.parametrize("file", [*OBJECTS, "vocab.txt", "merges.txt", "tokenizer.model"])
def test_a_pointer_is_named(file, save):
    folder = save("bert")
    (folder / file).write_bytes(POINTER)
    assert f"{file} is a pointer of Git LFS" in refused(folder)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"a": 1},
        {"model": {"type": "BPE", "vocab": {}}},
        {"model": {"type": "Nope", "vocab": {"a": 1}}},
        {"model": {"type": "WordLevel", "vocab": {"a": "x"}, "unk_token": "a"}},
    ],
)
def test_a_tokenizer_json_that_holds_no_tokenizer_is_named(content, save):
    folder = save("bert")
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert "tokenizer.json " in (message := refused(folder))
    assert "Copy or download it again" in message


def words(folder: Path) -> Path:
    """A model whose tokenizer is a vocab.txt."""
    build("bert").save_pretrained(folder)
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(55))]
    (folder / "vocab.txt").write_text("\n".join(names))
    return folder


def pairs(folder: Path) -> Path:
    """A model whose tokenizer is a vocab.json and a merges.txt."""
    build("gpt2").save_pretrained(folder)
    letters = ["Ġ", *"abcdefgh"]
    merges = [(one, other) for one in letters for other in "abcde"]
    names = ["<|endoftext|>", *letters, *("".join(pair) for pair in merges)]
    (folder / "vocab.json").write_text(json.dumps({name: n for n, name in enumerate(names)}))
    (folder / "merges.txt").write_text("#version\n" + "\n".join(" ".join(p) for p in merges) + "\n")
    change(folder / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
    assert set(letters) < {*pre_tokenizers.ByteLevel.alphabet()}
    return folder


@pytest.mark.parametrize(
    ("make", "file", "spoil", "expected"),
    [
        (words, "vocab.txt", lambda x: b"", "vocab.txt is empty"),
        (words, "vocab.txt", lambda x: b"\xff\xfe" * 9, "vocab.txt is no text"),
        (words, "vocab.txt", lambda x: x[:60], "tokenizer has 15 tokens.*vocab.txt.*cut off"),
        (words, "vocab.txt", lambda x: PAGE, "vocab.txt.*download"),
        (pairs, "vocab.json", lambda x: b"{}", "vocab.json has no token"),
        (pairs, "vocab.json", lambda x: x[:60], "vocab.json cannot be read as JSON"),
        (pairs, "vocab.json", lambda x: b'{"a": "b"}', "vocab.json.*download"),
        (pairs, "vocab.json", None, "cannot be made from merges.txt"),
        (pairs, "merges.txt", lambda x: b"", "merges.txt is empty"),
        (pairs, "merges.txt", lambda x: x[:-12], "merges.txt is cut off.*makes 93%"),
        (pairs, "merges.txt", lambda x: PAGE, "merges.txt is cut off.*makes 0%"),
        (pairs, "merges.txt", None, "merges.txt is missing beside vocab.json"),
    ],
)
def test_a_damaged_vocabulary_is_named(make, file, spoil, expected, tmp_path):
    make(tmp_path)
    loaded(tmp_path)
    path = tmp_path / file
    path.write_bytes(spoil(path.read_bytes())) if spoil else path.unlink()
    with pytest.raises(UserError, match=expected):
        loaded(tmp_path)


def vocabulary(folder: Path, lines: int, rows: int, end: str = "\n") -> list[str]:
    """Save a model and a vocab.txt of some lines; return what is said of the vocabulary."""
    BertModel(BertConfig(**dict(SHAPE, vocab_size=rows))).save_pretrained(folder)
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(lines - 5))]
    (folder / "vocab.txt").write_text("\n".join(names) + end)
    return [line for line in loaded(folder)[1] if line.startswith("Vocabulary: ")]


@pytest.mark.parametrize(
    ("lines", "rows", "end", "told"),
    [
        (2003, 2003, "\n", None),
        (2003, 2003, "", None),  # as many editors leave it
        (1995, 2003, "\n", None),
        (1994, 2003, "\n", "1,994 tokens for 2,003 rows of the model's table. Unless"),
        (1200, 2003, "\n", "1,200 tokens for 2,003 rows"),
        (1200, 2000, "\n", None),  # a table that may be padded
        (1999, 2000, "", "1,999 tokens for 2,000 rows of the model's table, and vocab.txt ends wi"),
    ],
)
def test_a_vocabulary_that_is_a_bit_smaller_than_the_table_is_told_of(
    lines, rows, end, told, tmp_path
):
    said = vocabulary(tmp_path, lines, rows, end)
    assert len(said) == (told is not None) and all(told in line for line in said)


def test_a_large_vocabulary_of_which_a_tenth_is_missing_is_refused(tmp_path):
    assert vocabulary(tmp_path, 10_801, 12_000)
    with pytest.raises(UserError, match=r"has 10,799 tokens.*rows for 12,000.*vocab.txt"):
        vocabulary(tmp_path, 10_799, 12_000)


PUBLISHED = {
    "XLM-R": (250_002, 250_002),
    "mBERT": (119_547, 119_547),
    "mT5": (250_100, 250_112),
    "T5": (32_100, 32_128),
    "umT5": (256_300, 256_384),
    "ByT5": (259, 384),
    "DeBERTa-v3": (128_001, 128_100),
    "mDeBERTa-v3": (250_102, 251_000),
    "RemBERT": (250_300, 250_300),
    "GTE": (250_002, 250_048),
    "Nomic BERT": (30_522, 30_528),
    "ModernBERT": (50_280, 50_368),
    "HerBERT": (50_000, 50_560),
    "GPT-2": (50_257, 50_257),
    "Pythia": (50_277, 50_688),
    "Phi-2": (50_295, 51_200),
    "Llama 2": (32_000, 32_000),
    "Qwen2": (151_643, 151_936),
    "Gemma 3": (262_145, 262_208),
    "BLOOM": (250_680, 250_880),
    "NLLB": (256_204, 256_206),
    "M2M100": (128_104, 128_112),
    "mBART-50": (250_054, 250_054),
    "BART": (50_265, 50_264),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_tables_of_published_models_raise_no_alarm(model):
    size, rows = PUBLISHED[model]
    assert is_padding(size, rows) and (size >= 0.9 * rows or rows - size <= PADDING)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda x: b"", "is neither a vocabulary of sentencepiece nor one of tiktoken"),
        (lambda x: PAGE, "is neither a vocabulary"),
        (lambda x: bytes(5000), "is neither a vocabulary"),
        (lambda x: x[:-4], "is damaged or cut off"),
        (lambda x: x[:-2], "is cut off: the settings of sentencepiece"),
        (lambda x: x[:-7], "is cut off: the settings of sentencepiece"),
    ],
)
def test_a_damaged_file_of_sentencepiece_is_named_also_without_the_package(
    spoil, expected, tmp_path
):
    build("xlm-r").save_pretrained(tmp_path)
    settings = dict(trainer_spec={"unk_id": 0}, normalizer_spec={})
    pieces = [{"piece": piece, "score": 0.0} for piece in ("<unk>", "<s>", "</s>", "a")]
    stored = import_protobuf().ModelProto(pieces=pieces, **settings).SerializeToString()
    assert stored.endswith(b"\x12\x03\xc0\x02\x00\x1a\x00")  # the settings
    (tmp_path / "sentencepiece.bpe.model").write_bytes(spoil(stored))
    message = refused(tmp_path)
    assert f"sentencepiece.bpe.model {expected}" in message and "download it again" in message


class Runs:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


TENSORS = {"embeddings.LayerNorm.bias": torch.zeros(32)}
PICKLED = {
    "code": ({**TENSORS, "x": Runs()}, "holds more than tensors \\(posix.mkdir\\).*safetensors"),
    "a model": (torch.nn.Linear(2, 2), "holds more than tensors \\(torch.nn.*Linear\\)"),
    "settings": (
        {**TENSORS, "x": argparse.Namespace(a=1)},
        "holds more than tensors \\(argparse.Name",
    ),
    "a list": ([TENSORS], "holds no weights by name"),
    "a number": (5, "holds no weights by name"),
}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", PICKLED)
def test_what_is_pickled_beside_weights_is_not_run(kind, old, save, monkeypatch):
    folder = save("bert")
    monkeypatch.chdir(folder)
    (folder / WEIGHTS).unlink()
    stored, expected = PICKLED[kind]
    torch.save(stored, folder / BIN, _use_new_zipfile_serialization=not old)
    with pytest.raises(UserError, match=f"{BIN} {expected}"):
        loaded(folder)
    assert "\n" not in refused(folder) and not (folder / "ran").exists()


def index(shards: dict[str, str]) -> dict[str, dict]:
    """What says in which file weights are."""
    return {"metadata": {}, "weight_map": shards}


@pytest.mark.parametrize("shard", [False, True])
def test_a_bare_pickle_and_one_that_is_cut_off_are_not_run(shard, save, monkeypatch):
    folder = save("bert")
    monkeypatch.chdir(folder)
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    file = folder / BIN
    if shard:
        file = folder / "pytorch_model-00001-of-00001.bin"
        change(folder / f"{BIN}.index.json", **index(dict.fromkeys(weights, file.name)))
    file.write_bytes(pickle.dumps(Runs()))
    assert f"{file.name} is damaged" in refused(folder) and not (folder / "ran").exists()
    torch.save(weights, file, _use_new_zipfile_serialization=False)
    loaded(folder)
    file.write_bytes(file.read_bytes()[:-1000])
    assert f"{file.name} is damaged" in refused(folder)


VALUES = [
    ("bert", {"hidden_act": "nope"}, 'hidden_act="nope"'),
    ("bert", {"hidden_size": "32"}, 'hidden_size="32"'),
    ("bert", {"hidden_size": -32}, "hidden_size=-32, where a positive number"),
    ("bert", {"num_hidden_layers": 0}, "num_hidden_layers=0, where a positive number"),
    ("gpt2", {"n_layer": -1}, "n_layer=-1, where a positive number"),
    ("bert", {"num_attention_heads": 5}, "hidden_size=32 and num_attention_heads=5 \\(The hidden"),
    ("gpt2", {"n_head": 5}, "n_embd=32 and n_head=5"),
    ("bert", {"hidden_dropout_prob": 5.0}, "hidden_dropout_prob=5.0 \\(dropout probability has"),
    ("bert", {"pad_token_id": 600}, "pad_token_id=600"),
    ("bert", {"dtype": "float99"}, 'dtype="float99"'),
    ("bert", {"auto_map": 5}, "auto_map=5"),
    ("bert", {"model_type": "brt"}, 'model_type="brt".*Did you mean "bert"'),
    ("bert", {"model_type": None}, "has no model_type"),
    ("bert", {"model_type": 5}, "has model_type=5, where the name of an architecture is expected"),
    ("bert", {"quantization_config": "x"}, 'quantization_config="x", which names no quant_method'),
    ("bert", {"quantization_config": {}}, "quantization_config={}, which names no quant_method"),
    ("bert", {"compression_config": {}}, "compression_config={}, which names no quant_method"),
    ("llama", {"rope_parameters": {"rope_type": "nope"}}, 'rope_parameters={"rope_type": "nope"}'),
    ("qwen2", {"layer_types": ["full_attention"]}, "layer_types=.*must be equal to the number"),
    ("xlm with languages", {"lang2id": 5}, "lang2id=5"),
]


@pytest.mark.parametrize(("kind", "values", "expected"), VALUES)
def test_a_value_of_which_no_model_can_be_made_is_named(kind, values, expected, save):
    folder = save(kind)
    change(folder / "config.json", **values)
    with pytest.raises(UserError, match=expected):
        loaded(folder)
    message = refused(folder)
    assert "config.json" in message or "quantised" in message


def test_a_dry_run_names_the_value_in_one_sentence(save, tmp_path):
    folder = save("bert")
    change(folder / "config.json", hidden_act="nope")
    done = run_xling("model=local", f"model.path={folder}", "dry_run=true", folder=tmp_path)
    assert done.returncode == 1 and 'config.json with hidden_act="nope"' in done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1
    shutil.rmtree(tmp_path)
