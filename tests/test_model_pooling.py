"""The classifier reads the right state of every architecture, whatever the batch."""

import copy
import json

import pytest
import torch
from encoders import batch, combined, error, fused, gradients, projected
from safetensors.torch import load_model, save_model
from small_models import (
    ALL,
    BOTH_WAYS,
    CAUSAL,
    MIXES_PADDING,
    build,
    loaded,
    same,
    sentence_transformer,
)
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import (
    BertTokenizer,
    CanineTokenizer,
    FunnelTokenizer,
    MBartTokenizer,
    PreTrainedTokenizerFast,
    T5Tokenizer,
    XLMRobertaTokenizer,
    XLNetTokenizer,
)

from xling.errors import UserError
from xling.models.languages import language_input
from xling.models.pooling import pooled
from xling.models.trial import ends_with_class
from xling.models.vocabulary import fit_tokenizer
from xling.sketch import Projection

LENGTHS = [9, 4, 7]


def inputs_of(model, lengths=LENGTHS, pad_to=None) -> dict[str, Tensor]:
    """Random texts, each in a language of its own."""
    inputs, _ = batch(lengths, pad_to)
    by_language = language_input("model", model.encoder, ["de", "en", "fr"])
    if by_language:
        codes = ["fr", "de", "en"][: len(lengths)]
        inputs[by_language.name] = by_language.tensor(codes, inputs["input_ids"].shape[1])
    return inputs


def single(inputs: dict[str, Tensor], row: int, length: int) -> dict[str, Tensor]:
    """One text of a batch, without its padding."""
    rows = {key: x[row : row + 1] for key, x in inputs.items()}
    return {key: x[:, :length] if x.dim() > 1 else x for key, x in rows.items()}


@pytest.mark.parametrize("kind", ALL)
def test_pooling_is_chosen_by_what_the_model_does(kind, save):
    model, said = loaded(save(kind))
    assert model.pooling == ("last" if kind in CAUSAL else "first")
    assert model.even == (kind in MIXES_PADDING)
    assert model.even == (kind in MIXES_PADDING)
    name, state = type(model.encoder).__name__, f"the {model.pooling} token's state"
    assert any(name in line and state in line for line in said)


PIECES = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "▁w", "▁v", "▁"]
UNIGRAMS = [(piece, -float(n)) for n, piece in enumerate([*PIECES, *(f"w{n}" for n in range(50))])]


def test_the_token_of_classification_is_read_where_the_tokenizer_puts_it(tmp_path):
    """XLNet's stands behind the text, and in front of the padding."""
    build("xlnet").save_pretrained(tmp_path)
    tokenizer = XLNetTokenizer(vocab=UNIGRAMS, unk_id=0)
    assert tokenizer.padding_side == "left"
    tokenizer.save_pretrained(tmp_path)
    model, said = loaded(tmp_path)
    line = "Model: XLNetModel; the classifier reads the last token's state"
    assert model.pooling == "last" and f"{line} (the tokenizer puts <cls> there)" in said
    fit_tokenizer("m", tokenizer, model.encoder, print)
    inputs = tokenizer(["w v w", "w"], padding=True, return_tensors="pt")
    places = inputs["input_ids"].eq(tokenizer.cls_token_id).nonzero().tolist()
    assert places == [[0, 4], [1, 2]]
    model.eval()
    with torch.no_grad():
        states = model.encoder(**inputs).last_hidden_state
        expected = model.head(torch.stack([states[row, place] for row, place in places]))
        torch.testing.assert_close(model(**inputs), expected)
    pair = tokenizer("w v", "w")["input_ids"]
    assert pair.index(tokenizer.cls_token_id) == len(pair) - 1


NAMES = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]", "<unk>", "<cls>", "<sep>", "<pad>", "a", "b"]
ROWS = {name: row for row, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    "make",
    [
        lambda: BertTokenizer(vocab=ROWS),
        lambda: FunnelTokenizer(vocab=ROWS),
        lambda: CanineTokenizer(),
        lambda: MBartTokenizer(vocab=UNIGRAMS),
        lambda: T5Tokenizer(vocab=UNIGRAMS),
        lambda: XLMRobertaTokenizer(vocab=UNIGRAMS),
        lambda: around("<cls>", "<sep>", cls_token="<cls>", sep_token="<sep>"),
        lambda: around("<cls>", "<sep>", cls_token="<sep>", sep_token="<sep>"),  # XLM, FlauBERT
        lambda: around("<cls>", "<cls>", cls_token="<cls>", sep_token="<sep>"),
    ],
)
def test_a_token_that_stands_first_or_ends_every_text_is_not_behind_it(make):
    assert not ends_with_class(make())


def around(first: str, last: str, **special: str) -> PreTrainedTokenizerFast:
    """A tokenizer that puts a token before and one behind a text."""
    plain = Tokenizer(models.WordLevel(ROWS, "[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.BertProcessing((last, ROWS[last]), (first, ROWS[first]))
    return PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", **special)


@pytest.mark.parametrize("pooling", ["auto", "mean"])
@pytest.mark.parametrize("kind", [*CAUSAL, *BOTH_WAYS])
def test_each_text_is_read_by_itself_and_at_the_right_place(kind, pooling, save):
    model = loaded(save(kind), f"model.pooling={pooling}")[0].eval()
    inputs = inputs_of(model)
    alone = []
    with torch.no_grad():
        for row, length in enumerate(LENGTHS):
            states = model.encoder(**single(inputs, row, length)).last_hidden_state[0]
            assert states.shape == (length, model.width)
            by_hand = {"first": states[0], "last": states[length - 1], "mean": sum(states) / length}
            alone.append(model.head(by_hand[model.pooling]))
        batched = model(**inputs)
        order = torch.tensor([2, 0, 1])
        shuffled = model(**{key: x[order] for key, x in inputs.items()})
        wider = model(**inputs_of(model, pad_to=14))
    torch.testing.assert_close(batched, torch.stack(alone), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(shuffled, batched[order], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(wider, batched, rtol=1e-4, atol=1e-6)
    assert (batched[0] - batched[1]).abs().max() > 1e-5  # texts differ at all


@pytest.mark.parametrize("pooling", ["first", "last", "mean"])
@pytest.mark.parametrize("kind", MIXES_PADDING)
def test_padding_that_the_encoder_mixes_in_is_still_not_pooled(kind, pooling, save):
    model = loaded(save(kind), f"model.pooling={pooling}")[0].eval()
    inputs = inputs_of(model, pad_to=16)
    ids = {key: x for key, x in inputs.items() if key != "attention_mask" or kind != "fnet"}
    with torch.no_grad():
        states = model.encoder(**ids).last_hidden_state
        for row, length in enumerate(LENGTHS):
            own = states[row, :length]
            by_hand = {"first": own[0], "last": own[-1], "mean": own.mean(0)}[pooling]
            expected = model.head(by_hand)
            torch.testing.assert_close(model(**inputs)[row], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ALL)
def test_checkpoints_are_written_and_read_back_exactly(kind, save, tmp_path):
    model, _ = loaded(save(kind))
    save_model(model, str(tmp_path / "epoch.safetensors"))
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    load_model(other, str(tmp_path / "epoch.safetensors"))
    assert same(model, other)


@pytest.mark.parametrize("kind", ["t5", "bart", "m2m100"])
def test_of_a_translation_model_the_encoder_alone_is_kept(kind, save):
    model, _ = loaded(save(kind))
    names = [name for name, _ in model.named_parameters()]
    assert not any("decoder" in name for name in names)
    assert type(model.encoder).__name__.endswith(("Encoder", "Stack"))


@pytest.mark.parametrize("padding", ["left", "right"])
def test_pooling_by_hand(padding):
    states = torch.randn(2, 4, 3)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    if padding == "left":
        mask = mask.flip(1)
    own = states[1, mask[1].bool()]
    torch.testing.assert_close(pooled(states, mask, "last")[1], own[-1])
    torch.testing.assert_close(pooled(states, mask, "mean")[1], (own[0] + own[1]) / 2)
    torch.testing.assert_close(pooled(states, mask, "mean")[0], states[0].mean(0))
    torch.testing.assert_close(pooled(states, None, "last"), states[:, 3])


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_gradients_are_exact_for_other_positions_than_the_first(kind, pooling, save):
    """Also where an example alone has shown which positions are idle in the last layer."""
    model = loaded(save(kind), f"model.pooling={pooling}")[0].double()
    inputs, labels = batch([9, 9, 4, 7])
    labels %= 2
    projection = Projection(side=4)
    rows = fused(model, inputs, labels, projection, taught=True).rows
    expected = combined(projected(gradients(model, inputs, labels), projection), projection)
    assert error(rows, expected) < 1e-9


def test_the_first_token_of_a_causal_model_is_refused(save):
    with pytest.raises(UserError, match="sees none of the text.*model.pooling=last"):
        loaded(save("gpt2"), "model.pooling=first")


def test_a_model_whose_tokens_do_not_meet_is_refused(save, monkeypatch):
    folder = save("bert")
    monkeypatch.setattr("xling.models.trial.sees", lambda *_: (False, False))
    with pytest.raises(UserError, match="no token's state in BertModel depends on another token"):
        loaded(folder)


OLD = {
    f"pooling_mode_{key}": False
    for key in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
}


@pytest.mark.parametrize(
    ("stored", "pooling"),
    [
        (OLD | {"pooling_mode_mean_tokens": True}, "mean"),
        (OLD | {"pooling_mode_cls_token": True}, "first"),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": ["cls"]}, "first"),
    ],
)
@pytest.mark.parametrize("layout", ["older", "newer"])
def test_sentence_transformers_say_what_they_pool(stored, pooling, layout, save, tmp_path):
    sentence_transformer(save, tmp_path, layout, stored)
    model, said = loaded(tmp_path)
    assert model.pooling == pooling
    assert any("as the model's 1_Pooling says" in line for line in said)
    assert loaded(tmp_path, "model.pooling=last")[0].pooling == "last"


def test_layers_behind_the_pooling_are_said_to_be_left_out(save, tmp_path):
    sentence_transformer(save, tmp_path, "newer", {"pooling_mode": "mean"})
    file = tmp_path / "modules.json"
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    file.write_text(json.dumps([*json.loads(file.read_text()), dense]))
    _, said = loaded(tmp_path)
    assert any("Not used of the model's files: " in line and "2_Dense" in line for line in said)


def test_a_pooling_that_is_not_offered_is_refused(save, tmp_path):
    sentence_transformer(save, tmp_path, "newer", {"pooling_mode_max_tokens": True})
    with pytest.raises(UserError, match=r"not offered here \(max\).*model.pooling=first"):
        loaded(tmp_path)
    assert loaded(tmp_path, "model.pooling=mean")[0].pooling == "mean"


@pytest.mark.parametrize("stored", [5, None, [], ["cls", "mean"], {"a": 1}])
def test_a_pooling_that_is_none_is_refused(stored, save, tmp_path):
    sentence_transformer(save, tmp_path, "newer", {})
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": stored}))
    with pytest.raises(UserError, match="not offered here.*model.pooling=first"):
        loaded(tmp_path)


@pytest.mark.parametrize("modules", ["{}", "[]", "null", "5", "[5]", '[{"type": 5}]'])
def test_a_list_of_modules_that_is_none_is_refused(modules, save, tmp_path):
    sentence_transformer(save, tmp_path, "newer", {"pooling_mode": "mean"})
    (tmp_path / "modules.json").write_text(modules)
    with pytest.raises(UserError, match="modules.json"):
        loaded(tmp_path)


def test_a_pooling_whose_file_is_missing_or_damaged_is_refused(save, tmp_path):
    sentence_transformer(save, tmp_path, "newer", {"pooling_mode": "mean"})
    file = tmp_path / "1_Pooling" / "config.json"
    file.write_text("{")
    with pytest.raises(UserError, match="1_Pooling/config.json cannot be read as JSON"):
        loaded(tmp_path)
    file.unlink()
    with pytest.raises(UserError, match="1_Pooling/config.json names the pooling, but there is no"):
        loaded(tmp_path)
    assert loaded(tmp_path, "model.pooling=mean")[0].pooling == "mean"


@pytest.mark.parametrize("kind", MIXES_PADDING)
def test_texts_of_encoders_that_mix_in_padding_are_padded_to_one_length(kind, save):
    model, said = loaded(save(kind))
    assert model.even and any("all texts are padded to data.max_length" in line for line in said)


def test_a_sentence_transformer_that_is_none_is_refused(save, tmp_path):
    save("bert")
    first = {"path": "", "type": "sentence_transformers.models.StaticEmbedding"}
    (tmp_path / "modules.json").write_text(json.dumps([first]))
    with pytest.raises(UserError, match="StaticEmbedding"):
        loaded(tmp_path)
