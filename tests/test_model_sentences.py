"""What sentence-transformers' files say of texts is done, told or refused."""

import json
import random
from pathlib import Path

import pytest
from conftest import config, run_xling
from small_models import change, loaded, sentence_transformer
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from xling.errors import UserError
from xling.models.encoder import load_encoder
from xling.models.files import check_folder
from xling.models.sentence import PROMPTS
from xling.models.tokenizer import lower_first

MEAN = {"pooling_mode": "mean"}
SETTINGS = "sentence_bert_config.json"


@pytest.fixture(params=["older", "newer"])
def inner(request, save, tmp_path) -> Path:
    """The folder of the encoder in a model of sentence-transformers, in `tmp_path`."""
    sentence_transformer(save, tmp_path, request.param, MEAN)
    return tmp_path / ("0_Transformer" if request.param == "older" else "")


@pytest.mark.parametrize("file", [SETTINGS, "sentence_xlm-roberta_config.json"])
def test_texts_are_lower_cased_where_sentence_transformers_does_so(file, inner, tmp_path):
    settings = config("model=local", f"model.path={tmp_path}").model
    cased = load_encoder(settings)[1]("W4 W5 w6")["input_ids"]
    for lower in (False, True):
        change(inner / file, max_seq_length=40, do_lower_case=lower)
        said: list[str] = []
        tokenizer = load_encoder(settings, said.append)[1]
        assert tokenizer("W4 W5 w6")["input_ids"] == ([4, 5, 6] if lower else cased)
        assert lower == (f"Tokenizer: texts are lower-cased first, as {file} says" in said)


def test_lower_casing_is_that_of_python():
    """Whose small sigma at the end of a word is another than within."""
    plain = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE({}, [])))
    lower_first(plain)
    rng = random.Random(0)
    texts = ["ΟΔΟΣ ΛΟΓΟΣ, «ΣΟΦΙΑΣ» Σ' ΑΣ'Α ΆΣ́", "İSTANBUL DIŞ", "STRAẞE ǅ", "Ա Ⴀ Ж Ω ﬁ"]
    texts += ["".join(rng.choices("ΣΣσΑα. ,3-İ", k=rng.randint(1, 9))) for _ in range(500)]
    for text in texts:
        assert plain.backend_tokenizer.normalizer.normalize_str(text) == text.lower(), text


@pytest.mark.parametrize(("longest", "line"), [(16, True), (32, False), (None, False)])
def test_texts_longer_than_sentence_transformers_reads_are_told_of(longest, line, inner, tmp_path):
    change(inner / SETTINGS, max_seq_length=longest, do_lower_case=False)
    _, said = loaded(tmp_path, "data.max_length=32")
    expected = f"Length: sentence-transformers cuts this model's texts to 16 tokens ({SETTINGS})"
    assert any(expected in told for told in said) == line


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"do_lower_case": "false"}, 'do_lower_case="false", where true or false is expected'),
        ({"do_lower_case": 2}, "do_lower_case=2, where true or false"),
        ({"max_seq_length": "128"}, 'max_seq_length="128", where a whole number'),
        ({"max_seq_length": [128]}, "max_seq_length=.128., where a whole number"),
    ],
)
def test_settings_of_another_type_are_refused_before_heavy_imports(
    settings, expected, inner, tmp_path
):
    change(inner / SETTINGS, **settings)
    with pytest.raises(UserError, match=f"{SETTINGS} has {expected}"):
        check_folder(str(tmp_path))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("path", 5, "modules.json has path=5, where text is expected"),
        ("type", ["a"], 'modules.json has type=."a"., where text is expected'),
        ("path", "1_Transformer", "no config.json in 1_Transformer, which modules.json names"),
        ("type", "a.Transformers", "begins with a.Transformers, and only a Transformer"),
    ],
)
def test_a_module_of_another_type_is_refused(key, value, expected, inner, tmp_path):
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[0][key] = value
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UserError, match=expected):
        check_folder(str(tmp_path))


@pytest.mark.parametrize(("which", "told"), [("query", True), (None, False), ("none", False)])
def test_a_prompt_that_sentence_transformers_puts_before_texts_is_told_of(
    which, told, inner, tmp_path
):
    change(tmp_path / PROMPTS, prompts={"query": "query: "}, default_prompt_name=which)
    line = "Texts: sentence-transformers puts 'query: ' before each; here nothing is"
    assert (line in loaded(tmp_path)[1]) == told
    change(tmp_path / PROMPTS, default_prompt_name=5)
    with pytest.raises(UserError, match=f"{PROMPTS} has default_prompt_name=5, where text"):
        check_folder(str(tmp_path))


def test_a_switch_of_pooling_that_is_text_is_refused(save, tmp_path):
    sentence_transformer(save, tmp_path, "newer", {"pooling_mode_mean_tokens": "false"})
    with pytest.raises(UserError, match='1_Pooling/config.json has pooling_mode_mean_tokens="fal'):
        loaded(tmp_path)


def test_a_dry_run_names_a_wrong_value_too(inner, tmp_path):
    change(inner / SETTINGS, do_lower_case="yes")
    done = run_xling("model=local", f"model.path={tmp_path}", "dry_run=true", folder=tmp_path)
    assert done.returncode == 1 and 'do_lower_case="yes"' in done.stderr
    assert "Traceback" not in done.stderr
