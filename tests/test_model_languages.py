"""Models that are told each text's language: its own adapter, embedding or token."""

import pytest
import torch
from datasets import Dataset
from encoders import combined, error, projected
from safetensors.torch import load_file, save_file
from small_models import IDS, build, loaded
from torch.nn.functional import cross_entropy
from transformers import MBartTokenizer, NllbTokenizer

from xling.data import encode
from xling.errors import UserError
from xling.models.languages import language_input, language_tokens
from xling.sketch import GradientSketcher, Projection
from xling.training.batches import Collator

LANGUAGES = ["de", "en", "fr"]
CODES = {"de": "de_DE", "en": "en_XX", "fr": "fr_XX"}
KINDS = ["x-mod", "xlm with languages"]
EXAMPLES = [
    {"input_ids": [0, 5, 6, 7, 2], "language": "fr", "label": 0},
    {"input_ids": [0, 5, 6, 7, 2], "language": "de", "label": 1},
    {"input_ids": [0, 8, 9, 2], "language": "en", "label": 1},
    {"input_ids": [0, 5, 6, 7, 2], "language": "fr", "label": 1},
]


def batches(kind, save, tokenizer):
    """A classifier, and what makes batches for it."""
    model = loaded(save(kind))[0].eval()
    by_language = language_input("m", model.encoder, LANGUAGES)
    return model, Collator(tokenizer, LANGUAGES, by_language)


@pytest.mark.parametrize("kind", KINDS)
def test_each_example_goes_through_its_own_language(kind, save, tokenizer):
    model, collate = batches(kind, save, tokenizer)
    original = build(kind).eval()  # the library's own forward pass, one language at a time
    with torch.no_grad():
        batched = model(**collate(EXAMPLES)["inputs"])
        for row, example in enumerate(EXAMPLES):
            ids = torch.tensor([example["input_ids"]])
            if kind == "x-mod":
                original.set_default_language(CODES[example["language"]])
                states = original(input_ids=ids).last_hidden_state
            else:
                own = torch.full_like(ids, IDS[example["language"]])
                states = original(input_ids=ids, langs=own).last_hidden_state
            torch.testing.assert_close(batched[row], model.head(states[0, 0]), rtol=1e-4, atol=1e-6)
    assert (batched[0] - batched[1]).abs().max() > 1e-4  # one text in two languages


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_through_each_language_are_exact(kind, save, tokenizer):
    model, collate = batches(kind, save, tokenizer)
    model.double()
    batch = collate(EXAMPLES)
    labels, projection = batch["labels"], Projection(side=4)
    names = [n for n, _ in model.named_parameters() if "pooler" not in n]
    unused = [n for n, _ in model.named_parameters() if n not in names]
    expected = []
    for example in EXAMPLES:
        one = collate([example])
        loss = cross_entropy(model(**one["inputs"]), one["labels"])
        parameters = dict(model.named_parameters())
        own = torch.autograd.grad(loss, [parameters[n] for n in names], allow_unused=True)
        pairs = zip(names, own, strict=True)
        expected.append({n: torch.zeros_like(parameters[n]) if g is None else g for n, g in pairs})
    if kind == "x-mod":
        adapters = [n for n in names if "adapter_modules.de_DE" in n]
        assert all(expected[1][n].any() and not expected[0][n].any() for n in adapters[:1])
    with GradientSketcher(model, projection, 1, skip=tuple(unused)) as sketch:
        rows = sketch(
            lambda: cross_entropy(model(**batch["inputs"]), labels, reduction="none"), len(EXAMPLES)
        ).rows
    assert error(rows, combined(projected(expected, projection), projection)) < 1e-9


@pytest.mark.parametrize(("kind", "what"), zip(KINDS, ["adapter", "embedding"], strict=True))
def test_a_language_that_the_model_does_not_know_is_named(kind, what, save):
    folder = save(kind)
    with pytest.raises(UserError, match=f"no {what} for ko: it knows (en_XX|de), "):
        loaded(folder, "languages=[de,en,ko]")


def test_an_adapter_that_the_files_lack_is_missed_whatever_the_order_of_the_languages(save):
    folder = save("x-mod")
    weights = load_file(folder / "model.safetensors")
    kept = {name: x for name, x in weights.items() if "adapter_modules.de_DE" not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    for languages in ("languages=[de,en]", "languages=[en,de]"):
        with pytest.raises(UserError, match="lack weights that .*adapter_modules.de_DE"):
            loaded(folder, languages)
    loaded(folder, "languages=[en,fr]")


PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁halo"]


def test_texts_of_translation_models_carry_the_token_of_their_own_language():
    rows = Dataset.from_dict(
        {"language": ["fr", "de", "zh", "ko"], "text": ["halo"] * 4, "text_pair": [None] * 4}
    )
    nllb = NllbTokenizer(vocab={piece: n for n, piece in enumerate(PIECES)}, merges=[])
    mbart = MBartTokenizer(vocab=[(piece, -1.0) for piece in PIECES])
    for tokenizer, place, tokens in (
        (nllb, 0, ["fra_Latn", "deu_Latn", "zho_Hans", "kor_Hang"]),
        (mbart, -1, ["fr_XX", "de_DE", "zh_CN", "ko_KR"]),
    ):
        codes = language_tokens("m", tokenizer, ["de", "fr", "zh", "ko"])
        encoded = encode(rows, tokenizer, 64, codes)
        given = [tokenizer.convert_ids_to_tokens(ids[place]) for ids in encoded["input_ids"]]
        assert given == tokens
        with pytest.raises(UserError, match="no token for tlh"):
            language_tokens("m", tokenizer, ["tlh"])


def test_other_tokenizers_carry_none(tokenizer):
    assert language_tokens("m", tokenizer, LANGUAGES) is None
    assert language_input("m", build("bert"), LANGUAGES) is None
