"""What stands in the way of a model is named with what to write, install or copy."""

import os
import sys
from pathlib import Path

import pytest
import torch
from conftest import SHAPE, config
from small_models import change, loaded
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from xling.data.addresses import Page, page_at
from xling.data.sources import require
from xling.errors import UserError
from xling.models.available import require_model
from xling.models.files import check_folder
from xling.models.packages import asked_package

WEIGHTS = "model.safetensors"
HUB = "https://huggingface.co"


def refused(folder: Path, *overrides: str) -> str:
    """The error of a model that is refused."""
    with pytest.raises(UserError) as error:
        loaded(folder, *overrides)
    return str(error.value)


@pytest.mark.parametrize(
    ("settings", "package"),
    [
        ({"word_tokenizer_type": "mecab"}, "fugashi"),
        ({"word_tokenizer_type": "sudachi"}, "sudachipy"),
        ({"word_tokenizer_type": "jumanpp"}, "rhoknp"),
        ({"tokenizer_class": "RoFormerTokenizer"}, "rjieba"),
    ],
)
def test_a_package_that_a_tokenizer_asks_for_is_named(settings, package, tmp_path):
    if asked_package(f"pip install {package}") == "":
        pytest.skip(f"{package} is installed")
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(55))]
    BertModel(BertConfig(**SHAPE)).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(names) + "\n")
    file = tmp_path / "tokenizer_config.json"
    change(file, **{"tokenizer_class": "BertJapaneseTokenizer", **settings})
    message = refused(tmp_path)
    assert message.endswith(f"its tokenizer needs a package: pip install {package}")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("The unidic_lite9 dictionary is not installed. See https", "pip install unidic_lite9"),
        ("not found in your environment: x9. Run `pip install x-9`", "pip install x-9"),
        ("You need to install torch to use A.", ""),
        ("Install it with `pip install ..`.", ""),
        ("it failed", ""),
    ],
)
def test_a_package_that_is_there_is_not_asked_for(message, expected):
    assert asked_package(message) == expected


def test_bertweet_is_refused_where_emojis_would_stay(tmp_path, monkeypatch):
    """The library only makes a remark, and makes other tokens."""
    monkeypatch.setitem(sys.modules, "emoji", None)
    monkeypatch.setattr("xling.models.packages._installed", lambda module: False)
    shape = dict(SHAPE, vocab_size=64, type_vocab_size=1)
    RobertaModel(RobertaConfig(**shape)).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("".join(f"w{n} {99 - n}\n" for n in range(59)))
    (tmp_path / "bpe.codes").write_text("#version: 0.2\nw 1</w> 5\nw 2</w> 5\n")
    file = tmp_path / "tokenizer_config.json"
    change(file, tokenizer_class="BertweetTokenizer", normalization=True)
    assert refused(tmp_path).endswith("needs a package: pip install emoji==0.6.0")
    change(file, normalization=False)
    loaded(tmp_path)


def test_a_package_that_own_code_asks_for_is_named(save, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
    folder = save("bert")
    change(folder / "config.json", auto_map={"AutoModel": "own.Own"})
    (folder / "own.py").write_text("import not_there_9\n")
    message = refused(folder, "model.trust_remote_code=true")
    assert message.endswith("its own code needs a package: pip install not_there_9")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (f"{HUB}/a/b", Page("a/b", None, False)),
        (f"{HUB}/a/b/", Page("a/b", None, False)),
        (f"{HUB}/a/b/tree/main", Page("a/b", None, False)),
        (f"{HUB}/a/b/tree/v1.0/sub", Page("a/b", "v1.0", False)),
        (f"{HUB}/a/b/blob/refs%2Fpr%2F1/x.json", Page("a/b", "refs/pr/1", False)),
        (f"{HUB}/bert-base-uncased/tree/main", Page("bert-base-uncased", None, False)),
        (f"{HUB}/a/b?library=transformers", Page("a/b", None, False)),
        ("huggingface.co/a/b", Page("a/b", None, False)),
        ("hf.co/datasets/a/b/tree/v2", Page("a/b", "v2", True)),
        ("hf://datasets/a/b@v2", Page("a/b", "v2", True)),
        ("a/b", None),
        ("https://github.com/a/b", None),
        ("huggingface/a", None),
    ],
)
def test_the_address_of_a_page_is_read(address, expected):
    assert page_at(address) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{HUB}/a/b/tree/main", "Write model.path=a/b"),
        (f"{HUB}/a/b/tree/v1", "Write model.path=a/b model.revision=v1"),
        (f"{HUB}/datasets/a/b", "Name a model, model.path=OWNER/NAME."),
    ],
)
def test_the_address_of_a_model_is_answered_with_its_id(path, expected):
    with pytest.raises(UserError) as error:
        require_model(config("model=local", f"model.path={path}").model, print)
    assert str(error.value).startswith(f"model.path={path}: that is the address of")
    assert str(error.value).endswith(expected)


@pytest.mark.parametrize("source", ["files", "hub"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{HUB}/datasets/a/b", "Write data=hub data.path=a/b"),
        (f"{HUB}/datasets/a/b/tree/v1", "Write data=hub data.path=a/b@v1"),
        (f"{HUB}/a/b", "Name a data set, data=hub data.path=OWNER/NAME."),
    ],
)
def test_the_address_of_a_data_set_is_answered_with_its_id(path, expected, source):
    settings = config(f"data={source}", f"data.path={path}")
    with pytest.raises(UserError) as error:
        require(settings, [("de", "train")], print)
    assert str(error.value).startswith(f"data.path={path}: that is the address of")
    assert str(error.value).endswith(expected)


@pytest.mark.parametrize("file", [WEIGHTS, "config.json", "tokenizer.json", "vocab.txt", "x.model"])
def test_a_link_that_leads_nowhere_is_named(file, save):
    folder = save("bert")
    if file in ("vocab.txt", "x.model"):
        (folder / "tokenizer.json").unlink()
    (folder / file).unlink(missing_ok=True)
    (folder / file).symlink_to("../blobs/0a1b")
    with pytest.raises(UserError) as error:
        check_folder(str(folder))
    expected = f"{file} is a link that leads nowhere: there is no ../blobs/0a1b. Copy or download"
    assert expected in str(error.value)


def test_a_shard_that_is_a_link_that_leads_nowhere_is_named(save):
    folder = save("bert")
    BertModel(BertConfig(**SHAPE)).save_pretrained(folder, max_shard_size="20KB")
    (folder / WEIGHTS).unlink()
    shard = max(folder.glob("model-*.safetensors"))
    shard.unlink()
    shard.symlink_to(folder / "gone")
    with pytest.raises(UserError, match=f"{shard.name} is a link that leads nowhere"):
        check_folder(str(folder))


def test_a_link_that_leads_nowhere_and_is_not_read_is_no_mistake(save):
    folder = save("bert")
    for file in ("pytorch_model.bin", "vocab.txt", "README.md"):
        os.symlink("gone", folder / file)
    check_folder(str(folder))
    weights = BertModel(BertConfig(**SHAPE)).state_dict()
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    os.symlink("gone", folder / WEIGHTS)
    loaded(folder)
