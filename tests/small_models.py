"""Models of many architectures, tiny and with random weights, saved as people save them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from conftest import PAD, SHAPE, config
from torch import nn
from transformers import AutoModel, PreTrainedModel

from xling.models.classifier import Classifier
from xling.models.encoder import load

NARROW = dict(vocab_size=60, pad_token_id=PAD)
T5 = dict(**NARROW, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
TRANSLATOR = dict(
    **NARROW,
    d_model=32,
    max_position_embeddings=40,
    **{f"{part}_layers": 2 for part in ("encoder", "decoder")},
    **{f"{part}_attention_heads": 4 for part in ("encoder", "decoder")},
    **{f"{part}_ffn_dim": 48 for part in ("encoder", "decoder")},
)
GPT = dict(**NARROW, n_embd=32, n_layer=2, n_head=4, n_positions=40)
IDS = {"en": 0, "de": 1, "fr": 2}
CODES = ["en_XX", "de_DE", "fr_XX"]
MODERN = dict(**SHAPE, bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2)

CAUSAL: dict[str, tuple[str, dict]] = {
    "gpt2": ("GPT2Config", GPT),
    "llama": ("LlamaConfig", SHAPE),
    "qwen2": ("Qwen2Config", dict(**SHAPE, num_key_value_heads=2)),
    "gemma": ("GemmaConfig", dict(**SHAPE, num_key_value_heads=2, head_dim=8)),
    "mistral": ("MistralConfig", dict(**SHAPE, num_key_value_heads=2)),
    "bloom": ("BloomConfig", dict(**NARROW, hidden_size=32, n_layer=2, n_head=4)),
    "gpt_neox": ("GPTNeoXConfig", SHAPE),
    "opt, with narrower states": (
        "OPTConfig",
        dict(
            **NARROW,
            hidden_size=32,
            ffn_dim=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=40,
            word_embed_proj_dim=16,
        ),
    ),
    "bert that was made a decoder": ("BertConfig", dict(**SHAPE, is_decoder=True)),
    "mamba": ("MambaConfig", dict(**NARROW, hidden_size=32, num_hidden_layers=2)),
}
BOTH_WAYS: dict[str, tuple[str, dict]] = {
    "bert": ("BertConfig", SHAPE),
    "xlm-r": ("XLMRobertaConfig", SHAPE),
    "modernbert": ("ModernBertConfig", MODERN),
    "distilbert": (
        "DistilBertConfig",
        dict(**NARROW, dim=32, hidden_dim=48, n_layers=2, n_heads=4),
    ),
    "deberta-v2": ("DebertaV2Config", dict(**SHAPE, relative_attention=True)),
    "mpnet": ("MPNetConfig", SHAPE),
    "dpr": ("DPRConfig", SHAPE),
    "gte": ("GteConfig", SHAPE),
    "jina v3": ("JinaEmbeddingsV3Config", SHAPE),
    "gemma that reads both ways": (
        "Gemma3TextConfig",
        dict(**SHAPE, num_key_value_heads=2, head_dim=8, use_bidirectional_attention=True),
    ),
    "t5": ("T5Config", T5),
    "mt5": ("MT5Config", T5),
    "umt5": ("UMT5Config", T5),
    "bart": ("BartConfig", TRANSLATOR),
    "mbart": ("MBartConfig", TRANSLATOR),
    "m2m100": ("M2M100Config", TRANSLATOR),
    "pegasus": ("PegasusConfig", TRANSLATOR),
    "xlm with languages": (
        "XLMConfig",
        dict(
            **NARROW,
            emb_dim=32,
            n_layers=2,
            n_heads=4,
            n_langs=3,
            lang2id=IDS,
        ),
    ),
    "x-mod": ("XmodConfig", dict(**SHAPE, languages=CODES)),
    "xlnet": ("XLNetConfig", dict(vocab_size=60, d_model=32, n_layer=2, n_head=4, d_inner=48)),
}
MIXES_PADDING: dict[str, tuple[str, dict]] = {
    "canine": ("CanineConfig", {k: v for k, v in SHAPE.items() if k != "vocab_size"}),
    "fnet": ("FNetConfig", dict(**SHAPE, tpu_short_seq_length=32)),
    "convbert": ("ConvBertConfig", dict(**SHAPE, embedding_size=32)),
}
ALL = CAUSAL | BOTH_WAYS | MIXES_PADDING


def build(kind: str) -> PreTrainedModel:
    """Return a model of an architecture, with no parameter at a special value."""
    name, settings = ALL[kind]
    torch.manual_seed(0)
    model = AutoModel.from_config(getattr(transformers, name)(**settings))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


@pytest.fixture
def save(tmp_path, tokenizer) -> Callable[[str], Path]:
    """Save a model with its tokenizer, and return the folder."""

    def make(kind: str) -> Path:
        build(kind).save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        return tmp_path

    return make


@pytest.fixture(scope="session")
def letters(tmp_path_factory) -> Path:
    """A text to train on, with letters that come too rarely to be known."""
    pytest.importorskip("sentencepiece")
    file = tmp_path_factory.mktemp("text") / "text"
    words = "die Katze sah drei alte Häuser und eine neue Straße am kleinen Fluss".split()
    lines = [" ".join(words[n % 5 : n % 5 + 3 + n % 7]) + "." for n in range(200)]
    file.write_text("\n".join([*lines, "fine full zero width Zero Leerzeichen, zwei."] * 2))
    return file


def loaded(folder: Path, *overrides: str) -> tuple[Classifier, list[str]]:
    """Load a classifier for three languages, and what is said about it."""
    said: list[str] = []
    languages = "languages=[de,en,fr]"
    settings = config("model=local", f"model.path={folder}", languages, *overrides)
    return load(settings, lambda: (), said.append)[0], said


def change(file: Path, **values: object) -> None:
    """Set values of a JSON file; None removes one."""
    merged = {**(json.loads(file.read_text()) if file.exists() else {}), **values}
    file.write_text(json.dumps({key: value for key, value in merged.items() if value is not None}))


def sentence_transformer(save, folder, layout: str, stored: dict) -> None:
    """Make a folder as sentence-transformers writes it."""
    save("bert")
    place = ""
    if layout == "older":
        place = "0_Transformer"
        (folder / place).mkdir()
        for file in [file for file in folder.iterdir() if file.is_file()]:
            file.rename(folder / place / file.name)
    kinds = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": place, "type": f"{kinds}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{kinds}.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    change(folder / "1_Pooling" / "config.json", word_embedding_dimension=32, **stored)


def same(one: nn.Module, other: nn.Module) -> bool:
    """Tell whether all weights are equal, bit for bit."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)
