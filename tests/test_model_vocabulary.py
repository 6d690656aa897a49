"""A tokenizer that is missing, or of another model, is refused before anything is trained."""

import copy
import shutil

import datasets
import pytest
import torch
from conftest import SHAPE, run_xling
from small_models import build, change, loaded
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from xling.data import encode
from xling.data.tokens import pair_separator
from xling.errors import UserError
from xling.models.trial import check_length
from xling.models.vocabulary import check_encoded, fit_tokenizer

LARGE = dict(SHAPE, vocab_size=300)
ALONE = {
    "bert": (lambda: BertModel(BertConfig(**LARGE)), "has 5 tokens.*rows for 300"),
    "xlm-r": (lambda: XLMRobertaModel(XLMRobertaConfig(**LARGE)), "has 5 tokens.*rows for 300"),
    "t5": (
        lambda: T5Model(T5Config(vocab_size=300, d_model=16, d_kv=8, d_ff=16, num_layers=1)),
        "has 104 tokens.*rows for 300",
    ),
    "gpt2": (lambda: build("gpt2"), "has 1 tokens.*rows for 60"),
    "llama": (lambda: build("llama"), "no tokenizer that can be read"),
    "modernbert": (lambda: build("modernbert"), "no tokenizer that can be read"),
}


@pytest.mark.parametrize("kind", ALONE)
def test_a_model_saved_without_its_tokenizer_is_refused(kind, tmp_path):
    make, expected = ALONE[kind]
    make().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=expected) as error:
        loaded(tmp_path)
    assert "tokenizer.save_pretrained(DIR)" in str(error.value)


COLUMNS = ("language", "text", "text_pair")


def corpus(**texts: list[str]) -> datasets.DatasetDict:
    """Texts by language, encoded by nobody yet."""
    rows = [(language, text) for language, own in texts.items() for text in own]
    return datasets.DatasetDict(
        train=datasets.Dataset.from_dict(
            {
                "language": [language for language, _ in rows],
                "text": [text for _, text in rows],
                "text_pair": [None for _ in rows],
            },
            features=datasets.Features(dict.fromkeys(COLUMNS, datasets.Value("string"))),
        )
    )


def line(tokenizer, **texts: list[str]) -> str:
    """Encode texts for BERT and check them."""
    splits = corpus(**texts)
    encoded = datasets.DatasetDict(train=encode(splits["train"], tokenizer, 64))
    return check_encoded("m", tokenizer, build("bert"), encoded, list(texts))


def test_lengths_and_unknown_tokens_are_reported_by_language(tokenizer):
    message = line(tokenizer, de=["w4 w5 w6", "w7 w8 Haus w9 w10"], en=["w4 w5"])
    assert (
        message == "Tokens per example, and unknown ones among them: de 4.0 (12.5%), en 2.0 (0.0%)"
    )


def test_a_language_whose_words_are_unknown_is_refused(tokenizer):
    with pytest.raises(UserError, match=r"33% of the words of ru; 'дом', 'кот' and others"):
        line(tokenizer, de=["ab w4 w5"], ru=["дом кот w4"])
    half = line(tokenizer, ru=["дом w4"])  # not less than half
    assert "ru 2.0 (50.0%)" in half


def test_letters_are_unknown_also_where_the_unknown_token_ends_texts(tokenizer):
    """As in GPT-2's files, where one token is unknown, beginning and end."""
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.unk_token = tokenizer.eos_token = tokenizer.bos_token = "<unk>"
    with pytest.raises(UserError, match=r"0% of the words of ru"):
        line(tokenizer, ru=["дом кот"])
    assert "ru 3.0 (33.3%)" in line(tokenizer, ru=["дом w4 w5"])


def test_a_line_feed_or_the_end_token_parts_pairs_that_the_tokenizer_joins(tokenizer):
    assert pair_separator(tokenizer) == "</s>"  # to this one, a line feed is nothing
    pairs = {"text": ["w4 w5"], "text_pair": ["w6"], "language": ["de"]}
    ids = encode(datasets.Dataset.from_dict(pairs), tokenizer, 16)["input_ids"]
    assert list(ids) == [[4, 5, 2, 6]]
    letters = Tokenizer(models.BPE(vocab={"a": 0, "Ċ": 1, "<e>": 2}, merges=[]))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert pair_separator(PreTrainedTokenizerFast(tokenizer_object=letters)) == "\n"
    letters.post_processor = processors.BertProcessing(("<e>", 2), ("<e>", 2))
    assert pair_separator(PreTrainedTokenizerFast(tokenizer_object=letters)) == ""


def test_words_without_spaces_are_counted_by_character(tokenizer):
    """One unknown character does not make a whole sentence unknown."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    vocabulary = {"<unk>": 0, "<pad>": 1, **{c: n for n, c in enumerate("我们今天去学校", 2)}}
    plain = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    characters = PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="<unk>", pad_token="<pad>"
    )
    assert "zh 8.0 (12.5%)" in line(characters, zh=["我们今天去学校龘"])


def test_tokens_beyond_the_table_are_refused(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    grown = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    grown.add_tokens(["w99"])
    assert "de 1.0" in line(grown, de=["w4"])  # harmless as long as no text has it
    with pytest.raises(UserError, match="gives 'w99' the number 60.*table has 60 rows"):
        line(grown, de=["w4 w99"])


@pytest.mark.parametrize("beyond", [False, True])
def test_without_a_padding_token_another_serves_behind_the_mask(beyond, save, tmp_path):
    folder = save("gpt2")
    unpadded(folder)
    if beyond:  # added without resizing the table
        grown = PreTrainedTokenizerFast.from_pretrained(folder)
        grown.add_special_tokens({"pad_token": "[PAD]"})
        grown.save_pretrained(folder)
    model, said = loaded(folder)
    assert "Padding: the tokenizer has none; </s> serves, behind the attention mask" in said
    model.eval()
    ids = torch.tensor([[5, 6, 7, 2, 2], [8, 9, 10, 11, 12]])  # 2 is </s>
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    with torch.no_grad():
        batched = model(input_ids=ids, attention_mask=mask)[0]
        alone = model(input_ids=ids[:1, :3], attention_mask=mask[:1, :3])[0]
    torch.testing.assert_close(batched, alone, rtol=1e-5, atol=1e-6)


def test_a_tokenizer_without_any_special_token_is_refused(save):
    folder = save("gpt2")
    unpadded(folder, bos_token=None, eos_token=None, unk_token=None, cls_token=None)
    with pytest.raises(UserError, match="has no padding token.*tokenizer_config.json"):
        loaded(folder)


def unpadded(folder, **values: None) -> None:
    """Take the padding token from a saved tokenizer."""
    change(folder / "tokenizer_config.json", pad_token=None, **values)
    for file in folder.glob("special_tokens_map.json"):
        change(file, pad_token=None, **values)


def test_the_tokenizer_gives_what_the_model_takes(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    for kind, wanted in {
        "bert": ["input_ids", "attention_mask", "token_type_ids"],
        "xlm-r": ["input_ids", "attention_mask", "token_type_ids"],
        "distilbert": ["input_ids", "attention_mask"],
        "llama": ["input_ids", "attention_mask"],
        "gpt2": ["input_ids", "attention_mask"],  # it would add rows of its words' table
        "fnet": ["input_ids", "attention_mask", "token_type_ids"],
    }.items():
        own = PreTrainedTokenizerFast.from_pretrained(tmp_path, padding_side="left")
        own.model_input_names = ["input_ids", "token_type_ids"]
        fit_tokenizer("m", own, build(kind), print)
        assert (kind, own.model_input_names, own.padding_side) == (kind, wanted, "right")


@pytest.mark.parametrize(
    ("kind", "positions"),
    [("bert", 40), ("xlm-r", 38), ("gpt2", 40), ("bart", 40), ("opt, with narrower states", 40)],
)
def test_more_tokens_than_positions_are_refused_with_the_greatest_number(kind, positions):
    model = build(kind)
    encoder = model.get_encoder() if kind == "bart" else model
    ids = torch.full((1, 50), 7)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with pytest.raises(UserError, match=f"reads {positions} tokens.*data.max_length={positions} "):
        check_length("m", encoder, inputs, 50)
    fits = {key: value[:, :positions] for key, value in inputs.items()}
    check_length("m", encoder, fits, positions)


def test_configured_positions_bind_even_where_no_text_is_so_long():
    ids = torch.full((1, 5), 7)
    with pytest.raises(UserError, match="data.max_length=128: the model reads 40 tokens"):
        check_length("m", build("llama"), {"input_ids": ids}, 128)


def test_a_model_that_reads_differently_each_time_is_refused():
    model = build("bert")
    model.embeddings.register_forward_hook(lambda *_: torch.randn(1, 5, 32))
    with pytest.raises(UserError, match="other states each time"):
        check_length("m", model, {"input_ids": torch.full((1, 5), 7)}, 5)


@pytest.mark.parametrize("dry", ["dry_run=true", "dry_run=false"])
def test_a_run_stops_before_it_trains(dry, tmp_path):
    model = tmp_path / "model"
    BertModel(BertConfig(**LARGE)).save_pretrained(model)
    done = run_xling("model=local", f"model.path={model}", dry, folder=tmp_path)
    assert done.returncode == 1 and "tokenizer has 5 tokens" in done.stderr
    assert "Traceback" not in done.stderr and "epoch" not in done.stdout
    shutil.rmtree(model)
