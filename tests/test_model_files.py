"""A model that is not whole, or is no encoder of texts, is refused by name before anything else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import torch
import transformers
from conftest import SHAPE, config
from safetensors.torch import load_file, save_file
from small_models import change, loaded
from transformers import AutoModel, BertConfig, BertForMaskedLM, BertModel
from transformers.convert_slow_tokenizer import import_protobuf
from transformers.utils import import_utils

from xling.cli.compose import expand_home
from xling.errors import UserError
from xling.models.encoder import load
from xling.models.files import check_folder
from xling.models.packages import EXTRAS, missing_package

WEIGHTS = "model.safetensors"


def refused(folder: Path, *overrides: str) -> str:
    """The error of a model that is refused: one sentence or a few, that name it."""
    with pytest.raises(UserError) as error:
        loaded(folder, *overrides)
    message = str(error.value)
    assert str(folder) in message and message.count("\n") < 4
    return message


def rename(folder: Path, change_name) -> None:
    """Give the weights of a folder other names; none leaves one out."""
    weights = load_file(folder / WEIGHTS)
    renamed = {change_name(name): tensor for name, tensor in weights.items()}
    renamed.pop(None, None)
    save_file(renamed, folder / WEIGHTS, metadata={"format": "pt"})


def test_a_missing_layer_is_named(save):
    folder = save("bert")
    rename(folder, lambda name: None if name.startswith("encoder.layer.1.") else name)
    message = refused(folder)
    assert "lack weights that BertModel needs: encoder.layer.1." in message
    assert "and 13 more" in message


def test_one_missing_weight_of_an_encoder_that_has_a_decoder_is_named(save):
    folder = save("t5")
    queries = "block.0.layer.0.SelfAttention.q.weight"
    rename(folder, lambda name: None if name == f"encoder.{queries}" else name)
    assert f"needs: {queries}." in refused(folder)


def test_weights_of_a_decoder_may_be_missing(save):
    folder = save("t5")
    rename(folder, lambda name: None if name.startswith("decoder.") else name)
    loaded(folder)


def test_a_foreign_prefix_is_named(save):
    folder = save("bert")
    rename(folder, lambda name: f"student.{name}")
    message = refused(folder)
    assert "none of the weights of BertModel" in message and "student.embeddings." in message


@pytest.mark.parametrize(
    ("name", "row"),
    [("encoder.layer.0.output.dense.weight", (0, 0)), ("embeddings.word_embeddings.weight", 7)],
)
def test_weights_that_are_no_numbers_are_refused(name, row, save):
    """Also those of one token, which the texts may not have."""
    folder = save("bert")
    weights = load_file(folder / WEIGHTS)
    weights[name][row] = torch.nan
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    assert f"{name} has numbers that are not finite" in refused(folder)


def test_weights_of_another_shape_are_named(save):
    folder = save("bert")
    change(folder / "config.json", intermediate_size=64)
    message = refused(folder)
    assert "intermediate.dense" in message and "(48" in message and "(64" in message


def test_what_is_not_used_is_reported_in_one_line_and_the_librarys_table_stays_away(
    tmp_path, tokenizer, capfd
):
    BertForMaskedLM(BertConfig(**SHAPE)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    capfd.readouterr()
    model, said = loaded(tmp_path)
    assert [line for line in said if "Not used" in line] == [
        "Not used of the model's files: cls.predictions, cls.predictions.transform.LayerNorm, "
        "cls.predictions.transform.dense"
    ]
    out, errors = capfd.readouterr()
    assert not any(word in out + errors for word in ("REPORT", "UNEXPECTED", "MISSING", "\x1b["))
    assert not any("pooler" in name for name, _ in model.named_parameters())


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-1000]), "is cut off: it has"),
        (lambda file: file.write_bytes(file.read_bytes()[:300]), "is damaged"),
        (lambda file: file.write_bytes(b""), "is damaged"),
        (lambda file: file.write_bytes(b"\0" * 5000), "is damaged"),
        (
            lambda file: file.write_text(
                "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
            ),
            "pointer of Git LFS.*git lfs pull",
        ),
        (lambda file: file.unlink(), "has no weights"),
        (lambda file: file.rename(file.with_name("tf_model.h5")), "it has tf_model.h5"),
    ],
)
def test_damaged_weights_are_named_without_loading_them(spoil, expected, save):
    folder = save("bert")
    spoil(folder / WEIGHTS)
    with pytest.raises(UserError, match=expected):
        check_folder(str(folder))
    refused(folder)


def test_a_missing_shard_is_named(save):
    folder = save("bert")
    names = list(load_file(folder / WEIGHTS))
    shards = {name: f"model-0000{1 + (n > 9)}-of-00002.safetensors" for n, name in enumerate(names)}
    weights = load_file(folder / WEIGHTS)
    for shard in set(shards.values()):
        own = {name: weights[name] for name in names if shards[name] == shard}
        save_file(own, folder / shard, metadata={"format": "pt"})
    (folder / WEIGHTS).unlink()
    change(folder / f"{WEIGHTS}.index.json", weight_map=shards, metadata={})
    loaded(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "1 of 2 files of weights are missing, such as model-00002" in refused(folder)


def test_pickled_weights_are_read_and_their_damage_is_named(save):
    folder = save("bert")
    file = folder / "pytorch_model.bin"
    torch.save(load_file(folder / WEIGHTS), file)
    (folder / WEIGHTS).unlink()
    model, _ = loaded(folder)
    stored = torch.load(file)["embeddings.word_embeddings.weight"]
    assert torch.equal(model.encoder.embeddings.word_embeddings.weight, stored)
    file.write_bytes(file.read_bytes()[:-2000])
    assert "pytorch_model.bin is damaged or cut off" in refused(folder)


def test_texts_of_all_lengths_are_read_where_a_model_was_to_be_chunked(save):
    folder = save("bert")
    change(folder / "config.json", chunk_size_feed_forward=3)
    model, _ = loaded(folder)
    for length in (3, 5, 7):
        ids = torch.arange(4, 4 + length)[None]
        assert model(input_ids=ids, attention_mask=torch.ones_like(ids)).isfinite().all()


def test_zeros_in_the_midst_of_pickled_weights_are_named(save):
    folder = save("bert")
    file = folder / "pytorch_model.bin"
    torch.save(load_file(folder / WEIGHTS), file)
    (folder / WEIGHTS).unlink()
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    file.write_bytes(content)
    assert "does not have its checksum" in refused(folder)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_weights_of_a_type_without_gradients_are_refused(save, kind):
    folder = save("bert")
    weights = load_file(folder / WEIGHTS)
    name = "encoder.layer.0.attention.self.query.weight"
    weights[name] = weights[name].to(kind)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    assert "model.safetensors holds weights as" in refused(folder)


def test_quantised_weights_are_refused(save):
    folder = save("bert")
    quantised = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    change(folder / "config.json", quantization_config=quantised)
    assert "quantised (bitsandbytes)" in refused(folder)


@pytest.mark.parametrize("whole", [True, False])
def test_an_adapter_is_refused(whole, save):
    folder = save("bert")
    if not whole:
        (folder / "config.json").unlink()
        (folder / WEIGHTS).rename(folder / "adapter_model.safetensors")
    change(folder / "adapter_config.json", base_model_name_or_path="org/base", peft_type="LORA")
    assert "an adapter of org/base" in refused(folder)


def test_a_folder_above_the_model_is_answered_with_the_right_one(save, tmp_path):
    save("bert")
    inner = tmp_path / "snapshots" / "abc"
    inner.mkdir(parents=True)
    for file in [file for file in tmp_path.iterdir() if file.is_file()]:
        file.rename(inner / file.name)
    assert f"Did you mean model.path={inner}?" in refused(tmp_path)


def test_a_configuration_that_is_no_json_is_named(save):
    folder = save("bert")
    (folder / "config.json").write_text("{broken")
    assert "config.json cannot be read as JSON" in refused(folder)
    (folder / "config.json").write_text("[]")
    assert "config.json does not hold an object" in refused(folder)


def test_a_home_folder_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config("model=local", 'model.path="~/m"').model.path == str(tmp_path / "m")
    home = str(tmp_path)
    for written, read in {
        "model.path=~/m": f"model.path={home}/m",
        "data.path=~": f"data.path={home}",
        "x=~b": "x=~b",
        "~key": "~key",
    }.items():
        assert expand_home(written) == read


SPEECH = {f"{part}_{key}": value for part in ("encoder", "decoder") for key, value in
          (("layers", 1), ("attention_heads", 4), ("ffn_dim", 48))}  # fmt: skip
NO_TEXT = {
    "images": ("ViTConfig", dict(image_size=8, patch_size=4), "pixel_values"),
    "sound": (
        "Wav2Vec2Config",
        dict(conv_dim=(8,), conv_kernel=(3,), conv_stride=(2,)),
        "input_values",
    ),
    "speech": ("WhisperConfig", dict(d_model=32, **SPEECH), "input_features"),
    "series": ("PatchTSTConfig", dict(d_model=32, ffn_dim=48), "past_values"),
}


@pytest.mark.parametrize("kind", NO_TEXT)
def test_a_model_of_anything_but_text_is_refused_in_one_sentence(kind, tmp_path, tokenizer):
    name, settings, reads = NO_TEXT[kind]
    kind_of = getattr(transformers, name)
    small = dict(SHAPE, max_position_embeddings=None, num_hidden_layers=1)
    shape = {key: value for key, value in small.items() if value and hasattr(kind_of(), key)}
    AutoModel.from_config(kind_of(**{**shape, **settings})).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    message = refused(tmp_path)
    assert "is no encoder of texts" in message and reads in message and "\n" not in message


def test_of_a_model_for_texts_and_images_what_reads_text_is_kept(tmp_path, tokenizer):
    text = dict(**SHAPE, num_key_value_heads=2, head_dim=8)
    vision = {k: SHAPE[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    vision |= dict(intermediate_size=48, image_size=8, patch_size=4)
    both = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    AutoModel.from_config(both).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model, _ = loaded(tmp_path)
    assert type(model.encoder).__name__ == "Gemma3TextModel" and model.pooling == "last"
    assert not any("vision" in name for name, _ in model.named_parameters())


def test_of_dpr_the_encoder_of_questions_is_read_and_that_of_passages_is_refused(save, tmp_path):
    folder = save("dpr")
    model, said = loaded(folder)
    whole = AutoModel.from_pretrained(folder).eval()
    ids = torch.tensor([[5, 6, 7]])
    expected = whole(input_ids=ids).pooler_output  # the first state of its BERT
    torch.testing.assert_close(model.eval().encoder(ids).last_hidden_state[:, 0], expected)
    assert not any("Not used" in line for line in said)
    transformers.DPRContextEncoder(transformers.DPRConfig(**SHAPE)).save_pretrained(tmp_path)
    assert "theirs have other names, such as ctx_encoder." in refused(tmp_path)


def custom(folder: Path, tokenizer) -> None:
    """Save a model that brings its own code, which leaves a trace when it is run."""
    BertModel(BertConfig(**SHAPE), add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    auto = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    change(folder / "config.json", model_type="own", auto_map=auto)
    (folder / "own.py").write_text(
        "from transformers import BertConfig, BertModel\n"
        f"open({str(folder / 'trace')!r}, 'w').close()\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own'\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )


def test_code_of_a_model_is_run_only_if_allowed_and_nothing_is_asked(
    tmp_path, tokenizer, monkeypatch
):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a prompt"))
    folder = tmp_path / "model"
    custom(folder, tokenizer)
    assert "model.trust_remote_code=true" in refused(folder)
    assert not (folder / "trace").exists()
    model, _ = loaded(folder, "model.trust_remote_code=true")
    assert type(model.encoder).__name__ == "OwnModel" and (folder / "trace").exists()
    assert not any("pooler" in name for name, _ in model.named_parameters())


@pytest.mark.parametrize(
    ("content", "extra"), [(b"\x0a\x0e\x0a\x05<unk>", "sentencepiece"), (b"aGk= 0\n", "tiktoken")]
)
def test_the_right_extra_is_named_for_a_tokenizer(content, extra, tmp_path, monkeypatch):
    monkeypatch.setattr("xling.models.packages._installed", lambda module: False)
    (tmp_path / "tokenizer.model").write_bytes(content)
    theirs = "`tiktoken` is required to read a `tiktoken` file. Install it with `pip install ..`."
    assert missing_package(tmp_path, theirs) == f"pip install 'xling[{extra}]'"
    assert missing_package(None, theirs) == ""
    (tmp_path / "tokenizer.json").write_text("{}")
    assert missing_package(tmp_path, theirs) == ""
    moses = "You need to install sacremoses to use XLMTokenizer."
    assert missing_package(None, moses) == "pip install 'xling[moses]'"


def test_a_dry_run_refuses_too_and_a_damaged_file_before_heavy_imports(save):
    folder = save("bert")
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(weights[:-8])
    code = (
        "import sys\n"
        f"sys.argv = ['xling', 'model=local', 'model.path={folder}', 'dry_run=true']\n"
        "import xling.__main__ as m\n"
        "try: m.main()\n"
        "finally: print('TORCH', 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "model.safetensors is cut off" in done.stderr
    assert "TORCH False" in done.stdout


def test_a_tokenizer_of_sentencepiece_asks_for_its_extra(tmp_path, monkeypatch):
    """Also where tiktoken is installed, which the library tries instead."""
    for package in EXTRAS["sentencepiece"]:
        lacks = (lambda: False, "{0} needs a package")
        monkeypatch.setitem(import_utils.BACKENDS_MAPPING, package, lacks)
    monkeypatch.setattr("xling.models.packages._installed", lambda module: "tiktoken" in module)
    BertModel(BertConfig(**SHAPE)).save_pretrained(tmp_path)
    change(tmp_path / "config.json", model_type="xlm-roberta")
    stored = import_protobuf().ModelProto(
        pieces=[{"piece": piece, "score": 0.0} for piece in ("<unk>", "<s>", "</s>", "a")],
        trainer_spec={"unk_id": 0},
        normalizer_spec={},
    )
    (tmp_path / "sentencepiece.bpe.model").write_bytes(stored.SerializeToString())
    for kind in ("XLMRobertaTokenizer", "M2M100Tokenizer"):
        change(tmp_path / "tokenizer_config.json", tokenizer_class=kind)
        assert "pip install 'xling[sentencepiece]'" in refused(tmp_path)


def test_a_model_in_the_hubs_cache_is_read_as_a_folder_is(
    save, tmp_path, no_hub, unreachable_hub, monkeypatch
):
    """With a hub that does not answer."""
    files = save("gpt2")
    snapshot = tmp_path / "hf" / "hub" / "models--org--m" / "snapshots" / ("a" * 40)
    shutil.copytree(files, snapshot, ignore=shutil.ignore_patterns("hf"))
    (snapshot / "1_Pooling").mkdir()
    kinds = [{"path": "", "type": "Transformer"}, {"path": "1_Pooling", "type": "Pooling"}]
    (snapshot / "modules.json").write_text(json.dumps(kinds))
    change(snapshot / "1_Pooling" / "config.json", pooling_mode_mean_tokens=True)
    nowhere = os.environ["HF_ENDPOINT"]
    template = f"{nowhere}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    for name, value in (
        ("HF_HUB_CACHE", str(tmp_path / "hf" / "hub")),
        ("ENDPOINT", nowhere),
        ("HUGGINGFACE_CO_URL_TEMPLATE", template),
    ):
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    settings = config("model=local", "model.path=org/m", f"model.revision={'a' * 40}")
    assert load(settings, lambda: (), print)[0].pooling == "mean"
