"""Models of a hub that is served here, and whole runs with it, without it, and after it is gone."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import config, run_command, surroundings
from corpus_files import forget
from forkserver import server
from huggingface_hub import constants
from served_hub import COMMIT, Hub, Repo
from test_hub_cache import cut_off, nli
from transformers import (
    AutoModel,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from xling.errors import UserError
from xling.models.available import fetch_model, fetched, model_files, require_model
from xling.models.encoder import load_encoder

OTHERS = {
    "README.md": b"read",
    "pytorch_model.bin": b"the same once more",
    "tf_model.h5": b"the same for another framework",
    "onnx/model.onnx": b"and another",
    "onnx/tokenizer.json": b"{}",
    "training_args.bin": b"pickled",
}
"""What a model's repository has that no encoder is loaded from."""


@pytest.fixture
def tiny(hub: Hub, tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Hub:
    """The hub with a tiny encoder, whose weights another host sends."""
    shape = XLMRobertaConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=140,
        pad_token_id=1,
    )
    XLMRobertaModel(shape, add_pooling_layer=False).save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    files = {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir()}
    hub.repos["models/owner/tiny"] = Repo(files | OTHERS, frozenset(["model.safetensors"]))
    return hub


def get(revision: str | None = COMMIT) -> tuple[Path, list[str]]:
    """Check and fetch the model as a new process does; return its folder and what is said."""
    forget()
    said: list[str] = []
    model = config("model=local", "model.path=owner/tiny", f"model.revision={revision or 'null'}")
    require_model(model.model, said.append)
    here = fetched(model.model, said.append)
    return Path(here.path or ""), said


def test_only_what_an_encoder_is_loaded_from_is_fetched(tiny):
    folder, said = get()
    files = set(tiny.repos["models/owner/tiny"].files) - set(OTHERS)
    assert {path.name for path in folder.iterdir()} == files
    assert said[0].startswith(
        f"Model owner/tiny at {COMMIT}, to be fetched from the hub: 4 files, "
    )
    encoder, tokenizer, *_ = load_encoder(config("model=local", f"model.path={folder}").model)
    assert encoder.config.hidden_size == 16 and len(tokenizer) == 60
    assert len(tiny.asked("^GET /storage/")) == 1


@pytest.mark.parametrize("revision", [COMMIT, None], ids=["commit", "branch"])
def test_a_model_that_was_fetched_is_found_again_without_a_network(tiny, monkeypatch, revision):
    folder, _ = get(revision)
    tiny.requests.clear()
    cut_off(monkeypatch)
    again, said = get(revision)
    assert again == folder and said[0] == f"Model owner/tiny at {COMMIT}, from the cache"
    assert tiny.asked() == []


def test_a_second_run_asks_for_the_branch_alone(tiny):
    get()
    tiny.requests.clear()
    get()
    assert tiny.asked() == []
    get(None)
    tiny.requests.clear()
    assert get(None)[1][1].endswith(f"to repeat this run: model.revision={COMMIT}")
    assert tiny.asked() == ["GET /api/models/owner/tiny"]


def test_a_model_of_which_a_file_is_missing_is_refused_without_a_network(tiny, monkeypatch):
    folder, _ = get()
    (folder / "tokenizer.json").unlink()
    with monkeypatch.context() as patch:
        cut_off(patch)
        with pytest.raises(UserError, match=r"only partly .* \(without tokenizer.json\)"):
            get()
    assert "1 file, " in get()[1][0]


def test_what_transformers_has_fetched_by_itself_is_accepted(tiny, monkeypatch):
    asked = {"revision": COMMIT, "cache_dir": constants.HF_HUB_CACHE}
    AutoModel.from_pretrained("owner/tiny", **asked)
    AutoTokenizer.from_pretrained("owner/tiny", **asked)
    assert tiny.asked("model.safetensors")
    cut_off(monkeypatch)
    assert get()[1] == [f"Model owner/tiny at {COMMIT}, from the cache"]


def test_the_printed_line_fetches_a_model_that_is_then_accepted(tiny, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        cut_off(patch)
        with pytest.raises(UserError, match="is not on this machine and HF_HUB_OFFLINE") as caught:
            get()
    (command,) = [line for line in str(caught.value).splitlines() if "hf download" in line]
    surroundings = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "cache")}
    arguments = shlex.split(command)[1:]
    hf = [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments]
    subprocess.run(hf, env=surroundings, check=True, capture_output=True)
    assert not tiny.asked(r"\.h5|onnx/")
    cut_off(monkeypatch)
    assert "from the cache" in get()[1][0]


def test_weights_in_several_files_come_with_their_index():
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = "model.safetensors.index.json"
    names = ["config.json", "vocab.txt", "1_Pooling/config.json", *shards, index, *OTHERS]
    wanted = ["1_Pooling/config.json", "config.json", *shards, index, "vocab.txt"]
    assert model_files(names, "it") == sorted(wanted)
    older = ["modules.json", "0_Transformer/config.json", "0_Transformer/vocab.txt"]
    older += ["0_Transformer/pytorch_model.bin", "1_Pooling/config.json"]
    older += ["0_Transformer/sentence_bert_config.json"]
    assert model_files([*older, "README.md", "0_Transformer/tf_model.h5"], "it") == sorted(older)
    bin_only = ["config.json", "sentencepiece.bpe.model", "pytorch_model.bin", "flax_model.msgpack"]
    assert model_files(bin_only, "it") == sorted(bin_only[:3])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["config.json", "tf_model.h5"],
            r"no weights that can be loaded .*only config.json, tf_",
        ),
        (["0_Transformer/config.json", "model.safetensors"], "has no config.json at its top"),
        (["adapter_config.json", "adapter_model.safetensors"], "is an adapter: name the model"),
        (["config.json", "model-00002-of-00002.safetensors"], r"1 of its 2 .* and no index"),
    ],
)
def test_a_repository_that_holds_no_encoder_is_refused_by_its_listing(hub, names, expected):
    hub.repos["models/owner/tiny"] = Repo(dict.fromkeys(names, b"x"))
    with pytest.raises(UserError, match=expected):
        get()
    assert hub.asked("/resolve/") == []


def test_a_model_that_is_a_folder_or_is_built_here_asks_nothing(hub, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80")
    for overrides in ((), ("model=local", f"model.path={tmp_path}")):
        model = config(*overrides).model
        require_model(model, print)
        fetch_model(model, print)
        assert fetched(model, print) == model
    assert hub.asked() == []


RUN = (
    "profile=paper",
    f"data.path=owner/nli@{COMMIT}",
    "model=local",
    "model.path=owner/tiny",
    f"model.revision={COMMIT}",
    "languages=[de,en]",
    "data.train_per_language=12",
    "data.max_length=16",
    "tuning.epochs=1",
    "tuning.learning_rate=1e-9",
    "sketch=default",
    "influence.test_per_language=2",
    "influence.top_k=2",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
)
NOISE = ("HTTP Request", "httpx", "Loading weights", "it/s", "Warning", "rror", "Retry")


@pytest.mark.command
def test_a_run_with_the_hub_and_then_without_it(tiny, tmp_path, unused_address):
    """And a finished run needs nothing at all."""
    tiny.repos["datasets/owner/nli"] = Repo(nli("de", "en"))
    home = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": tiny.address}

    def said(done: subprocess.CompletedProcess[str]) -> str:
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert not any(word in done.stdout for word in NOISE), done.stdout
        return done.stdout

    with_hub = surroundings(**home)
    with server("xling", "hydra", "shortcuts", environment=with_hub) as commands:

        def run(*arguments: str) -> str:
            with commands.start("xling", *RUN, *arguments, cwd=tmp_path, env=with_hub) as command:
                out, errors = command.communicate(120)
            return said(subprocess.CompletedProcess(RUN, command.returncode, out, errors))

        dry = run("dry_run=true").splitlines()
        sizes = [line for line in dry if "to be fetched from the hub" in line]
        assert [line.split()[0] for line in sizes] == ["Data", "Model"]
        tiny.requests.clear()
        assert "epoch  1" in run()
        assert tiny.asked() == []
        without = home | {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": unused_address}
        assert "epoch  1" in said(run_command(*RUN, "seed=1", folder=tmp_path, **without))
        (tmp_path / "home").rename(tmp_path / "gone")
        assert "already finished" in run("dry_run=true")
    assert tiny.asked() == []
