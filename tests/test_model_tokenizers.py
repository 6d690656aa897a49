"""Texts become the tokens that a model's files say, not those that a class would make of them."""

import base64
from pathlib import Path

import pytest
from conftest import SHAPE, config
from small_models import change
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from transformers import BertConfig, BertModel, PreTrainedTokenizerBase, UMT5Config, UMT5Model

from xling.errors import UserError
from xling.models.encoder import load_encoder
from xling.models.tokenizer import files_read_anew

TEXTS = [
    "Die Katze sah 3 Häuser, l'été.",
    "  zwei   Leerzeichen ",
    "Ｆｕｌｌ ﬁne 我们，好。",
    "e\u0301x Zero\u200bwidth\u00a0y",
    "zeile\neins\tzwei",
    "",
]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "<mask>", "[PAD]", "[UNK]"]
LETTERS = sorted(set("DieKatzsh3Häur,l'.wLchnFufdoyZrpé我们好b"))
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def model_in(folder: Path, rows: int = 400, **settings: object) -> None:
    """Save a model, and say of which class its tokenizer is."""
    BertModel(BertConfig(**dict(SHAPE, vocab_size=rows))).save_pretrained(folder)
    change(folder / "tokenizer_config.json", **settings)


def tokenizer_of(folder: Path) -> PreTrainedTokenizerBase:
    """Load a model's tokenizer as a run does."""
    return load_encoder(config("model=local", f"model.path={folder}").model)[1]


def unigram(unknown: int = 3) -> Tokenizer:
    """A tokenizer as one of sentencepiece becomes."""
    pieces = ["▁", *LETTERS, "▁Die", "at", "ze", "Häu", "ser", "ll", "fi", "ne"]
    names = [*SPECIAL, *BYTES, *pieces, *(f"w{n}" for n in range(40))]
    scores = [(name, -float(max(0, n - len(SPECIAL) + 1))) for n, name in enumerate(names)]
    made = Tokenizer(models.Unigram(scores, unknown, True))
    spaces = normalizers.Replace(Regex(" {2,}"), " ")
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), spaces, normalizers.Strip()])
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    made.add_special_tokens([AddedToken(name, normalized=False) for name in SPECIAL])
    return made


def pairs(*steps: pre_tokenizers.PreTokenizer) -> Tokenizer:
    """A tokenizer of byte pairs."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*SPECIAL, *letters, "in", "3Ġ", "ze"]
    merges = [("i", "n"), ("3", "Ġ"), ("z", "e")]
    made = Tokenizer(models.BPE({name: n for n, name in enumerate(names)}, merges))
    made.pre_tokenizer = pre_tokenizers.Sequence([*steps, pre_tokenizers.ByteLevel(False)])
    return made


@pytest.mark.parametrize("unknown", [3, 9])
@pytest.mark.parametrize(
    "kind",
    [
        "AlbertTokenizer",
        "BigBirdTokenizer",
        "DebertaV2Tokenizer",
        "MBartTokenizer",
        "PegasusTokenizer",
        "RemBertTokenizer",
        "T5Tokenizer",
        "XLMRobertaTokenizer",
        "XLNetTokenizer",
    ],
)
def test_a_class_reads_unigrams_as_tokenizer_json_has_them(kind, unknown, tmp_path):
    model_in(tmp_path, tokenizer_class=kind, pad_token="<pad>", unk_token=SPECIAL[unknown])
    as_the_file_has_it(unigram(unknown), tmp_path)


def as_the_file_has_it(whole: Tokenizer, folder: Path) -> None:
    """Save a tokenizer, and compare what is made of it with itself."""
    whole.save(str(folder / "tokenizer.json"))
    made = tokenizer_of(folder)
    for text in TEXTS:
        own = made(text, add_special_tokens=False)["input_ids"]
        assert own == whole.encode(text, add_special_tokens=False).ids, text


def test_a_class_reads_byte_pairs_and_words_as_tokenizer_json_has_them(tmp_path):
    """StarCoder's digits stand alone, and a table of words is no WordPiece."""
    model_in(tmp_path, tokenizer_class="GPT2Tokenizer", pad_token="<pad>")
    as_the_file_has_it(pairs(pre_tokenizers.Digits(individual_digits=True)), tmp_path)
    change(tmp_path / "tokenizer_config.json", tokenizer_class="BertTokenizer")
    words = [*SPECIAL, *(f"w{n}" for n in range(300)), "Die", "Katze", ","]
    whole = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, "<unk>"))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    as_the_file_has_it(whole, tmp_path)


@pytest.mark.parametrize("lower", [True, False])
def test_what_the_configuration_may_say_of_a_tokenizer_stands(lower, tmp_path):
    model_in(tmp_path, tokenizer_class="BertTokenizer", do_lower_case=lower)
    words = [*SPECIAL, *(f"w{n}" for n in range(300)), "die", "Die"]
    whole = Tokenizer(
        models.WordPiece({word: n for n, word in enumerate(words)}, unk_token="[UNK]")
    )
    whole.normalizer = normalizers.BertNormalizer(lowercase=not lower)
    whole.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    whole.save(str(tmp_path / "tokenizer.json"))
    ids = tokenizer_of(tmp_path)("Die", add_special_tokens=False)["input_ids"]
    assert ids == [words.index("die" if lower else "Die")]


FAIRSEQ = dict(unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
GOOGLE = dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
CONTROLLED = dict(
    pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"]
)
PAIRED = dict(model_type="bpe", byte_fallback=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
BRACKETS = {
    f"{name}_piece": f"[{piece}]"
    for name, piece in (("pad", "PAD"), ("unk", "UNK"), ("bos", "CLS"), ("eos", "SEP"))
}
CLASSES = {
    "XLMRobertaTokenizer": ("sentencepiece.bpe.model", FAIRSEQ, ("<s>", "</s>")),
    "CamembertTokenizer": ("sentencepiece.bpe.model", FAIRSEQ, ("<s>", "</s>")),
    "BarthezTokenizer": ("sentencepiece.bpe.model", FAIRSEQ, ("<s>", "</s>")),
    "T5Tokenizer": ("spiece.model", GOOGLE, (None, "</s>")),
    "PegasusTokenizer": ("spiece.model", GOOGLE, (None, "</s>")),
    "FNetTokenizer": ("spiece.model", CONTROLLED, ("[CLS]", "[SEP]")),
    "RemBertTokenizer": ("sentencepiece.model", CONTROLLED, ("[CLS]", "[SEP]")),
    "DebertaV2Tokenizer": (
        "spm.model",
        dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, **BRACKETS),
        ("[CLS]", "[SEP]"),
    ),
    "BigBirdTokenizer": (
        "spiece.model",
        dict(pad_id=0, eos_id=1, bos_id=2, unk_id=3, control_symbols=["[SEP]", "[MASK]", "[CLS]"]),
        ("[CLS]", "[SEP]"),
    ),
    "LlamaTokenizer": ("tokenizer.model", PAIRED, ("<s>", None)),
    "NllbTokenizer": (
        "sentencepiece.bpe.model",
        dict(FAIRSEQ, model_type="bpe"),
        ("<unk>", "</s>"),
    ),
    "MBartTokenizer": ("sentencepiece.bpe.model", FAIRSEQ, (None, "en_XX")),
}


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_reads_texts_as_sentencepiece_does(kind, fallback, letters, tmp_path):
    import sentencepiece

    name, settings, around = CLASSES[kind]
    settings = {"byte_fallback": fallback, **settings}
    model_in(tmp_path, rows=400 if settings["byte_fallback"] else 90, tokenizer_class=kind)
    file = tmp_path / name
    sentencepiece.SentencePieceTrainer.train(
        input=str(letters), model_prefix=str(file.with_suffix("")), minloglevel=2,
        vocab_size=330 if settings["byte_fallback"] else 80, **settings,
        hard_vocab_limit=False,
    )  # fmt: skip
    stored = sentencepiece.SentencePieceProcessor(model_file=str(file))
    made = tokenizer_of(tmp_path)
    for text in TEXTS:
        expected = [
            made.unk_token_id
            if stored.is_unknown(piece)
            else made.convert_tokens_to_ids(stored.id_to_piece(piece))
            for piece in stored.encode(text)
        ]
        assert made(text, add_special_tokens=False)["input_ids"] == expected, text
    ends = made.convert_ids_to_tokens(made("Katze")["input_ids"])
    assert (ends[0] if around[0] else None, ends[-1] if around[1] else None) == around


@pytest.mark.parametrize("kind", ["XLMRobertaTokenizer", "T5Tokenizer", "MBartTokenizer"])
def test_no_space_is_put_before_a_text_where_sentencepiece_puts_none(kind, letters, tmp_path):
    import sentencepiece

    name, settings, _ = CLASSES[kind]
    model_in(tmp_path, rows=90, tokenizer_class=kind)
    file = tmp_path / name
    sentencepiece.SentencePieceTrainer.train(
        input=str(letters), model_prefix=str(file.with_suffix("")), minloglevel=2,
        vocab_size=80, hard_vocab_limit=False, **(settings | {"add_dummy_prefix": False}),
    )  # fmt: skip
    stored = sentencepiece.SentencePieceProcessor(model_file=str(file))
    made = tokenizer_of(tmp_path)
    for text in ("die Katze", " die Katze"):
        tokens = made.convert_ids_to_tokens(made(text, add_special_tokens=False)["input_ids"])
        assert tokens == stored.encode(text, out_type=str)


def test_spaces_behind_words_are_refused(letters, tmp_path):
    import sentencepiece

    model_in(tmp_path, rows=90, tokenizer_class="XLMRobertaTokenizer")
    sentencepiece.SentencePieceTrainer.train(
        input=str(letters), model_prefix=str(tmp_path / "sentencepiece.bpe"), minloglevel=2,
        vocab_size=80, hard_vocab_limit=False, treat_whitespace_as_suffix=True,
    )  # fmt: skip
    with pytest.raises(UserError, match=r"sentencepiece.bpe.model writes spaces behind words"):
        tokenizer_of(tmp_path)


@pytest.mark.parametrize("kind", ["BertTokenizer", "MPNetTokenizer", "FunnelTokenizer"])
def test_what_a_class_takes_for_granted_changes_no_tokenizer_json(kind, tmp_path):
    """Without a word in tokenizer_config.json, a cased vocabulary stays one."""
    model_in(tmp_path, tokenizer_class=kind, pad_token="[PAD]", unk_token="[UNK]")
    words = [*SPECIAL, *(f"w{n}" for n in range(300)), "die", "Die", "Häuser", "hauser", ",", "3"]
    table = {word: n for n, word in enumerate(words)}
    whole = Tokenizer(models.WordPiece(table, unk_token="[UNK]"))
    whole.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    whole.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    as_the_file_has_it(whole, tmp_path)


def test_the_tokens_around_a_text_are_those_of_tokenizer_json(tmp_path):
    model_in(tmp_path, tokenizer_class="GPTNeoXTokenizer", pad_token="[PAD]", unk_token="[UNK]")
    words = [*SPECIAL, *(f"w{n}" for n in range(300)), "die"]
    table = {word: n for n, word in enumerate(words)}
    whole = Tokenizer(models.WordLevel(table, "[UNK]"))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    around = [("[CLS]", table["[CLS]"]), ("[SEP]", table["[SEP]"])]
    whole.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=around)
    whole.save(str(tmp_path / "tokenizer.json"))
    made = tokenizer_of(tmp_path)
    tokens = made.convert_ids_to_tokens(made("die w4")["input_ids"])
    assert tokens == ["[CLS]", "die", "w4", "[SEP]"]


def ranks(file: Path, *longer: bytes) -> None:
    """Write a vocabulary as tiktoken has it."""
    tokens = [*(bytes([n]) for n in range(256)), *longer]
    lines = (f"{base64.b64encode(token).decode()} {n}\n" for n, token in enumerate(tokens))
    file.write_text("".join(lines))


def test_a_vocabulary_of_tiktoken_is_read_anew_where_another_stood(tmp_path):
    tiktoken = pytest.importorskip("tiktoken")
    from tiktoken.load import load_tiktoken_bpe

    model_in(tmp_path, tokenizer_class="PreTrainedTokenizerFast", pad_token="<pad>")
    file = tmp_path / "tokenizer.model"
    pattern = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
    for longer in ([b"in", b"Ka", b"Kat", b"ze"], [b"ie", b"at", b" z"]):
        ranks(file, *longer)
        with files_read_anew():
            stored = tiktoken.Encoding(
                "own", pat_str=pattern, mergeable_ranks=load_tiktoken_bpe(str(file)),
                special_tokens={},
            )  # fmt: skip
        made = tokenizer_of(tmp_path)
        for text in ("Die Katze sah 3 Häuser.", "eine neue Straße", "我们，好。"):
            assert made(text)["input_ids"] == stored.encode(text)
        assert made("Katze")["input_ids"] != list(b"Katze")


def test_a_tokenizer_without_names_of_languages_is_refused(letters, tmp_path):
    import sentencepiece

    from xling.models.languages import language_tokens

    model_in(tmp_path, rows=90, tokenizer_class="NllbTokenizer")
    sentencepiece.SentencePieceTrainer.train(
        input=str(letters), model_prefix=str(tmp_path / "sentencepiece.bpe"), minloglevel=2,
        vocab_size=80, hard_vocab_limit=False,
    )  # fmt: skip
    with pytest.raises(UserError, match="puts <unk> beside every text.*additional_special_tokens"):
        language_tokens("m", tokenizer_of(tmp_path), ["de"])


def test_a_class_that_the_configuration_names_is_used_where_the_models_own_reads_no_file(
    letters, tmp_path
):
    """As umT5's, whose own class knows nothing of spiece.model."""
    import sentencepiece

    shape = dict(vocab_size=180, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    UMT5Model(UMT5Config(**shape)).save_pretrained(tmp_path)
    change(tmp_path / "tokenizer_config.json", tokenizer_class="T5Tokenizer")
    sentencepiece.SentencePieceTrainer.train(
        input=str(letters), model_prefix=str(tmp_path / "spiece"), minloglevel=2,
        vocab_size=80, hard_vocab_limit=False, **GOOGLE,
    )  # fmt: skip
    assert type(tokenizer_of(tmp_path)).__name__ == "T5Tokenizer"


def test_the_unknown_token_is_that_of_sentencepieces_file(letters, tmp_path):
    """RemBERT's is [UNK], where its class takes <unk> for granted."""
    import sentencepiece

    model_in(tmp_path, rows=90, tokenizer_class="RemBertTokenizer")
    sentencepiece.SentencePieceTrainer.train(
        input=str(letters), model_prefix=str(tmp_path / "sentencepiece"), minloglevel=2,
        vocab_size=80, hard_vocab_limit=False, **(CONTROLLED | {"unk_piece": "[UNK]"}),
    )  # fmt: skip
    made = tokenizer_of(tmp_path)
    tokens = made.convert_ids_to_tokens(made("好", add_special_tokens=False)["input_ids"])
    assert tokens == ["▁", "[UNK]"] and made.unk_token == "[UNK]"
