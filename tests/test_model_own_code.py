"""Code that a model brings: what is said where a class of transformers' takes its place."""

from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from conftest import SHAPE
from safetensors.torch import load_file, save_file
from small_models import change, loaded
from transformers import BertConfig, BertModel, EsmConfig, EsmModel, XLMRobertaConfig

from xling.errors import UserError

WEIGHTS = "model.safetensors"
TRUST = "model.trust_remote_code=true"
DOUBLED = """
from transformers import BertModel


class Doubled(BertModel):
    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, **options):
        done = super().forward(input_ids, attention_mask, token_type_ids, **options)
        done.last_hidden_state = done.last_hidden_state * 2
        return done
"""


def refused(folder: Path, *overrides: str) -> str:
    """The error of a model that is refused."""
    with pytest.raises(UserError) as error:
        loaded(folder, *overrides)
    return str(error.value)


@pytest.fixture
def own(save, monkeypatch, tmp_path_factory) -> Path:
    """A BERT whose own code, beside it, returns twice its states."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
    folder = save("bert")
    change(folder / "config.json", auto_map={"AutoModel": "doubled.Doubled"})
    (folder / "doubled.py").write_text(DOUBLED)
    return folder


def test_that_a_class_of_the_librarys_takes_the_place_of_own_code_is_said(own):
    ids = torch.tensor([[5, 6, 7]])
    plain, said = loaded(own)
    lines = [line for line in said if line.startswith("WARNING: ")]
    assert len(lines) == 1 and "(doubled.Doubled) is not run" in lines[0]
    assert "transformers' BertModel takes its place" in lines[0] and TRUST in lines[0]
    trusted, said = loaded(own, TRUST)
    assert not any("WARNING" in line for line in said)
    once, twice = (m.eval().encoder(ids).last_hidden_state for m in (plain, trusted))
    torch.testing.assert_close(twice, 2 * once)


def test_that_a_tokenizers_own_code_is_not_run_is_said(save):
    folder = save("bert")
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Slow", None]})
    _, said = loaded(folder)
    lines = [line for line in said if line.startswith("WARNING: ")]
    assert len(lines) == 1 and "tokenizer's own code (own.Slow) is not run" in lines[0]


@pytest.mark.parametrize("change_of", ["missing", "shape", "names"])
def test_weights_that_only_own_code_reads_are_answered_with_the_switch(change_of, own):
    weights = load_file(own / WEIGHTS)
    table = "embeddings.position_embeddings.weight"
    if change_of == "names":
        weights = {f"student.{name}": tensor for name, tensor in weights.items()}
    else:
        rows = weights.pop(table)
        weights |= {table: rows[:, :9].clone()} if change_of == "shape" else {}
    save_file(weights, own / WEIGHTS, metadata={"format": "pt"})
    message = refused(own)
    assert "code of its own (doubled.Doubled)" in message and message.endswith(f"{TRUST}.")
    assert "save the whole model" not in message


def test_code_in_another_repository_is_named_with_what_to_do(own, monkeypatch, tmp_path_factory):
    """Both ways that the message names are gone."""
    cache = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    code = (own / "doubled.py").read_text()
    (own / "doubled.py").unlink()
    change(own / "config.json", auto_map={"AutoModel": "me/code--doubled.Doubled"})
    message = refused(own, TRUST)
    assert 'config.json names doubled.Doubled in "auto_map"' in message
    assert 'hf download me/code --include "*.py"' in message and 'remove "me/code--"' in message
    snapshot = cache / "models--me--code" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "doubled.py").write_text(code)
    (cache / "models--me--code" / "refs").mkdir()
    (cache / "models--me--code" / "refs" / "main").write_text("a" * 40)
    assert type(loaded(own, TRUST)[0].encoder).__name__ == "Doubled"
    (snapshot / "doubled.py").unlink()
    assert "hf download me/code" in refused(own, TRUST)
    (own / "doubled.py").write_text(code)
    change(own / "config.json", auto_map={"AutoModel": "doubled.Doubled"})
    assert type(loaded(own, TRUST)[0].encoder).__name__ == "Doubled"


def test_code_of_a_tokenizer_in_another_repository_is_named(save, monkeypatch, tmp_path_factory):
    cache = str(tmp_path_factory.mktemp("hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", cache)
    folder = save("bert")
    auto = {"AutoTokenizer": ["me/code--own.Slow", None]}
    change(folder / "tokenizer_config.json", auto_map=auto)
    message = refused(folder, TRUST)
    assert "tokenizer_config.json names own.Slow" in message and "hf download me/code" in message


@pytest.mark.parametrize("kind", ["relative_key", "relative_key_query"])
@pytest.mark.parametrize("configuration", [BertConfig, XLMRobertaConfig])
def test_relative_positions_that_no_class_computes_are_refused(
    configuration, kind, tmp_path, tokenizer
):
    from transformers import AutoModel

    AutoModel.from_config(configuration(**SHAPE)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    for layer in range(SHAPE["num_hidden_layers"]):
        place = f"encoder.layer.{layer}.attention.self.distance_embedding.weight"
        weights[place] = torch.randn(79, 8)
    save_file(weights, tmp_path / WEIGHTS, metadata={"format": "pt"})
    change(tmp_path / "config.json", position_embedding_type=kind)
    assert f'config.json has position_embedding_type="{kind}"' in refused(tmp_path)


def test_positions_that_a_class_computes_are_taken(save, tmp_path_factory, tokenizer):
    """ESM's rotary ones, and a word in the configuration of a class without a table."""
    folder = tmp_path_factory.mktemp("esm")
    shape = dict(SHAPE, position_embedding_type="rotary", mask_token_id=4)
    EsmModel(EsmConfig(**shape)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    loaded(folder)
    folder = save("modernbert")
    change(folder / "config.json", position_embedding_type="sans_pos")
    loaded(folder)


def test_absolute_positions_are_taken(save):
    folder = save("bert")
    change(folder / "config.json", position_embedding_type="absolute")
    assert isinstance(loaded(folder)[0].encoder, BertModel)
