"""A model that was pretrained to tell two texts apart is told which of them a token is of."""

import json
from pathlib import Path

import datasets
import pytest
import torch
from architectures import build as architecture
from architectures import compared
from conftest import config
from safetensors.torch import load_file, save_file
from small_models import change
from small_models import loaded as whole
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.nn.functional import cross_entropy
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from xling.data import encode
from xling.errors import UserError
from xling.models.encoder import load_encoder
from xling.sketch import Projection, sketch_examples
from xling.training.batches import Collator

SPECIAL = ["<pad>", "[PAD]", "<unk>", "[UNK]", "<cls>", "[CLS]", "<s>", "<sep>", "[SEP]", "</s>"]
WORDS = [*SPECIAL, "[MASK]", "<mask>", *(f"w{n}" for n in range(48))]
PAIR = {"text": ["w1 w2 w3"], "text_pair": ["w4 w5"], "language": ["de"]}
BERT = [0, 0, 0, 0, 0, 1, 1, 1]
XLNET = [0, 0, 0, 0, 1, 1, 1, 2]
FUNNEL = [2, 0, 0, 0, 0, 1, 1, 1]
AROUND = {
    "BERT": "[CLS] $A [SEP] | [CLS] $A [SEP] $B:1 [SEP]:1",
    "XLNet": "$A <sep> <cls>:2 | $A <sep> $B:1 <sep>:1 <cls>:2",
    "Funnel": "<cls>:2 $A <sep> | <cls>:2 $A <sep> $B:1 <sep>:1",
    "RoBERTa": "<s> $A </s> | <s> $A </s> </s> $B </s>",
    "GPT-2": "$A | $A $B:1",
}
"""Tokens and types around a text, and a pair, as the tokenizer.json of published models have it."""

PRETRAINED_WITH = {
    "albert": ("AlbertTokenizer", "BERT", BERT),
    "bert": ("BertTokenizer", "BERT", BERT),
    "convbert": ("BertTokenizer", "BERT", BERT),
    "electra": ("BertTokenizer", "BERT", BERT),
    "funnel": ("FunnelTokenizer", "Funnel", FUNNEL),
    "rembert": ("RemBertTokenizer", "BERT", BERT),
    "roformer": ("BertTokenizer", "BERT", BERT),
    "xlnet": ("XLNetTokenizer", "XLNet", XLNET),
}
"""Type of model → its class of tokenizers, and the types of the tokens of `PAIR`."""

WITHOUT = {
    "big_bird": ("PreTrainedTokenizerFast", "BERT"),
    "deberta-v2": ("PreTrainedTokenizerFast", "BERT"),
    "gpt2": ("GPT2Tokenizer", "GPT-2"),
    "roberta": ("RobertaTokenizer", "RoBERTa"),
    "xlm-roberta": ("XLMRobertaTokenizer", "RoBERTa"),
    "xlm-roberta, as BERT": ("PreTrainedTokenizerFast", "BERT"),
}
"""Models whose pretraining knew no second text, whatever their table of types."""

UNIGRAM = ("AlbertTokenizer", "RemBertTokenizer", "XLMRobertaTokenizer",
           "XLNetTokenizer")  # fmt: skip


def saved(kind: str, tokenizer: str, around: str, folder: Path) -> Path:
    """Save a model and its tokenizer, whose class is named in tokenizer_config.json."""
    architecture(kind.partition(",")[0], torch.float32).encoder.save_pretrained(folder)
    table = {word: n for n, word in enumerate(WORDS)}
    unigram = models.Unigram([(word, -1.0) for word in WORDS], table["[UNK]"], False)
    words = models.WordLevel(table, "[UNK]")
    whole = Tokenizer(unigram if tokenizer in UNIGRAM else words)
    whole.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    single, pair = AROUND[around].split(" | ")
    whole.post_processor = processors.TemplateProcessing(single, pair, [*table.items()])
    whole.save(str(folder / "tokenizer.json"))
    change(folder / "tokenizer_config.json", tokenizer_class=tokenizer, pad_token="[PAD]")
    return folder


def loaded(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load an encoder and its tokenizer as a run does."""
    return load_encoder(config("model=local", f"model.path={folder}").model)[:2]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", PRETRAINED_WITH)
def test_the_types_of_a_pair_reach_a_model_that_knows_them(kind, named, tmp_path):
    """Also where tokenizer_config.json names no class of its own."""
    name, around, expected = PRETRAINED_WITH[kind]
    saved(kind, name, around, tmp_path)
    if not named:
        change(tmp_path / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    encoder, tokenizer = loaded(tmp_path)
    encoded = encode(datasets.Dataset.from_dict(PAIR), tokenizer, 16)
    assert list(encoded["token_type_ids"]) == [expected]
    examples = [{**encoded[0], "label": 0}]
    short = {"input_ids": encoded[0]["input_ids"][:5], "token_type_ids": expected[:5]}
    examples += [{**short, "attention_mask": [1] * 5, "label": 0, "language": "de"}]
    inputs = Collator(tokenizer, ["de"])(examples)["inputs"]
    plain = AutoModel.from_pretrained(tmp_path).eval()
    ids, types = inputs["input_ids"][:1], torch.tensor([expected])
    with torch.no_grad():
        states = encoder.eval()(**inputs).last_hidden_state
        told = plain(input_ids=ids, token_type_ids=types).last_hidden_state
        untold = plain(input_ids=ids).last_hidden_state
        if kind not in ("convbert", "funnel"):  # whose states depend on padding
            alone = encoder(**{key: x[1:, :5] for key, x in inputs.items()}).last_hidden_state
            torch.testing.assert_close(states[1:, :5], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(states[:1], told, rtol=1e-5, atol=1e-6)
    assert (told - untold).abs().max() > 1e-4


@pytest.mark.parametrize("kind", WITHOUT)
def test_a_model_that_was_pretrained_on_single_texts_is_told_no_types(kind, tmp_path):
    _, tokenizer = loaded(saved(kind, *WITHOUT[kind], tmp_path))
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]


def test_what_the_files_say_of_the_inputs_stands(tmp_path):
    folder = saved("bert", "BertTokenizer", "BERT", tmp_path)
    change(folder / "tokenizer_config.json", model_input_names=["input_ids", "attention_mask"])
    assert "token_type_ids" not in loaded(folder)[1].model_input_names


def test_types_beyond_the_models_table_are_refused(tmp_path):
    folder = saved("bert", "XLNetTokenizer", "XLNet", tmp_path)
    names = ["input_ids", "token_type_ids", "attention_mask"]
    change(folder / "tokenizer_config.json", model_input_names=names)
    with pytest.raises(UserError, match=r"up to 2, but config.json has type_vocab_size=2"):
        loaded(folder)


@pytest.mark.parametrize("kind", ["albert", "funnel", "rembert", "xlnet"])
def test_sketches_of_pairs_agree_with_autograd(kind):
    model = architecture(kind)
    texts = [
        torch.tensor([4, 9, 12, 17, 5, 30, 8, 21]),
        torch.tensor([7, 19, 22, 41, 6, 3, 50, 11]),
    ]
    types = [torch.tensor(PRETRAINED_WITH[kind][2]), torch.tensor(PRETRAINED_WITH[kind][2]).flip(0)]

    def losses(group: list[int]) -> torch.Tensor:
        ids = torch.stack([texts[index] for index in group])
        logits = model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            token_type_ids=torch.stack([types[index] for index in group]),
        )
        return cross_entropy(logits, torch.tensor([1, 2])[group], reduction="none")

    made = sketch_examples(
        model, losses, ["0", "1"], [8, 8], Projection(method="exact"), 1, precision="float32"
    )
    rows = torch.from_numpy(made.units(0, 2) * made.norms[:, None]).double()
    assert compared(model, losses, rows)[0] < 1e-5
    if kind in ("funnel", "xlnet"):
        assert not any("seg_embed" in name for name in made.unreached())


def test_weights_that_compare_types_may_not_be_missing(tmp_path):
    folder = saved("xlnet", *PRETRAINED_WITH["xlnet"][:2], tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["layer.1.rel_attn.seg_embed"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"XLNetModel needs: layer.1.rel_attn.seg_embed"):
        whole(folder)


def test_the_types_of_a_pair_reach_canine_whose_class_has_one_for_both(tmp_path):
    architecture("canine", torch.float32).encoder.save_pretrained(tmp_path)
    change(tmp_path / "tokenizer_config.json", tokenizer_class="CanineTokenizer")
    pair = {"text": ["ab"], "text_pair": ["c"], "language": ["de"]}
    encoded = encode(datasets.Dataset.from_dict(pair), loaded(tmp_path)[1], 16)
    assert list(encoded["token_type_ids"]) == [[0, 0, 0, 0, 1, 1]]


def test_one_token_stands_between_the_texts_of_a_pair_in_deberta(tmp_path):
    """Whose class in transformers 5 puts two there; published models have no tokenizer.json."""
    architecture("deberta", torch.float32).encoder.save_pretrained(tmp_path)
    names = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", "a", "b", *(f"w{n}" for n in range(50))]
    table = {name: n for n, name in enumerate([*names, "ab"])}
    (tmp_path / "vocab.json").write_text(json.dumps(table))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    pair = {"text": ["ab"], "text_pair": ["b"], "language": ["de"]}
    encoded = encode(datasets.Dataset.from_dict(pair), loaded(tmp_path)[1], 16)
    assert list(encoded["input_ids"]) == [[0, table["ab"], 2, table["b"], 2]]
    assert list(encoded["token_type_ids"]) == [[0, 0, 0, 1, 1]]
