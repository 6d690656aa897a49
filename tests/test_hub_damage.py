"""What was fetched and cannot be used is named by the hub's id, with what to delete; and caches.

A file of the hub's cache is a link to its contents, whose name there is their digest.
"""

import errno
import io
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import config, run_command
from corpus_files import forget
from huggingface_hub import constants
from served_hub import COMMIT, Handler, Hub, Repo
from test_hub_cache import BRANCH, PINNED, cut_off, load, nli
from test_hub_models import OTHERS, RUN, get
from test_hub_models import tiny as tiny  # a fixture

from xling.data import load_corpus, repository, require_data
from xling.errors import UserError
from xling.models.available import fetch_model, require_model
from xling.models.encoder import load as load_model

TRAIN, TEST = "de/train-00000-of-00001.parquet", "de/test-00000-of-00001.parquet"
MODEL = ("model=local", "model.path=owner/tiny", f"model.revision={COMMIT}")


@pytest.fixture
def data_set(hub: Hub) -> Hub:
    """The hub with a data set, one file of which is large."""
    hub.repos["datasets/owner/nli"] = Repo(nli("de", "en"), frozenset([TRAIN]))
    return hub


def replaced(content: bytes) -> bytes:
    return b"x" * len(content)


def cut_off_early(content: bytes) -> bytes:
    return content[:50]


def flipped(content: bytes) -> bytes:
    """Change one letter of a text, which stays as easy to read."""
    return content.replace(b"test 3", b"tesd 3")


def damaged(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """Change a file of the cache; return the file of its contents."""
    contents = path.resolve()
    assert contents != path
    contents.write_bytes(change(contents.read_bytes()))
    return contents


def message(call: Callable[[], object]) -> str:
    forget()
    with pytest.raises(UserError) as caught:
        call()
    return str(caught.value)


def follow(advice: str) -> None:
    """Do what the message says."""
    (command,) = re.findall(r"^  (rm .*)$", advice, re.MULTILINE)
    subprocess.run(shlex.split(command), check=True)


@pytest.mark.parametrize("name", [TRAIN, TEST], ids=["large", "small"])
@pytest.mark.parametrize("change", [replaced, cut_off_early])
def test_a_damaged_file_of_data_is_named_by_the_hubs_id_and_fetched_again_once_deleted(
    data_set, tmp_path, name, change
):
    load(*PINNED)
    snapshot = tmp_path / "cache/datasets--owner--nli/snapshots" / COMMIT
    contents = damaged(snapshot / name, change)
    for use in (require_data, load_corpus):
        text = message(lambda use=use: use(config(*PINNED), print))
        assert text.startswith(f"Data set owner/nli: {name} is damaged in the hub's cache: it")
        assert text.endswith(f". Delete it and run again, which fetches it anew:\n  rm {contents}")
    follow(text)
    assert "1 file, " in load(*PINNED)[0]


@pytest.mark.parametrize("large", [True, False], ids=["large", "small"])
def test_a_letter_that_changed_in_the_cache_is_not_read_as_if_it_were_the_hubs(
    hub, tmp_path, large
):
    names = [f"{code}.{split}.tsv" for code in ("de", "en") for split in ("train", "dev", "test")]
    rows = [[f"{name[:-4]} test {n}\tso\t{n % 3}" for n in range(12)] for name in names]
    files = {
        name: "\n".join(["premise\thypothesis\tlabel", *lines]).encode()
        for name, lines in zip(names, rows, strict=True)
    }
    hub.repos["datasets/owner/nli"] = Repo(files, frozenset(names if large else []))
    load(*PINNED)
    folder = tmp_path / "cache/datasets--owner--nli/snapshots" / COMMIT
    contents = damaged(folder / "en.test.tsv", flipped)
    assert len(contents.name) == (64 if large else 40)
    text = message(lambda: require_data(config(*PINNED), print))
    assert text == (
        "Data set owner/nli: en.test.tsv is damaged in the hub's cache: its contents are others "
        f"than on the hub. Delete it and run again, which fetches it anew:\n  rm {contents}"
    )
    damaged(folder / "de.test.tsv", flipped)
    text = message(lambda: require_data(config(*PINNED), print))
    assert "de.test.tsv, en.test.tsv are damaged" in text
    follow(text)
    assert "2 files, " in load(*PINNED)[0]
    assert load(*PINNED)[0].endswith("from the cache")


def test_what_arrives_otherwise_than_the_hub_has_it_is_not_read(data_set, monkeypatch):
    stored = Handler.stored
    monkeypatch.setattr(Handler, "stored", lambda self, path: replaced(stored(self, path)))
    text = message(lambda: load_corpus(config(*PINNED), print))
    assert text.startswith(f"Data set owner/nli: {TRAIN} is damaged in the hub's cache: its cont")


def test_a_file_that_was_cut_off_between_two_lines_is_not_read_as_a_shorter_one(data_set, tmp_path):
    """Both languages', so that their equal lengths show nothing."""
    names = [f"{code}.{split}.tsv" for code in ("de", "en") for split in ("train", "dev", "test")]
    files = {}
    for name in names:
        rows = [f"{name} {n}\thypothesis {n}\t{n % 3}\n" for n in range(12)]
        files[name] = "".join(["premise\thypothesis\tlabel\n", *rows]).encode()
    data_set.repos["datasets/owner/nli"] = Repo(files)
    load(*PINNED)
    for language in ("de", "en"):
        path = tmp_path / f"cache/datasets--owner--nli/snapshots/{COMMIT}/{language}.test.tsv"
        damaged(path, lambda text: b"".join(text.splitlines(keepends=True)[:7]))
    text = message(lambda: require_data(config(*PINNED), print))
    assert text.startswith("Data set owner/nli: de.test.tsv, en.test.tsv are damaged in the hub")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"premisse": ["a"] * 12}, rf"^Data set owner/nli: {TRAIN} has no column 'premise'"),
        ({"premise": ["a"] * 12, "label": [7] * 12}, rf"^Data set owner/nli: .*\n  {TRAIN}:1: unk"),
    ],
    ids=["column", "rows"],
)
def test_what_is_wrong_on_the_hub_itself_is_not_called_damaged(data_set, columns, expected):
    file = io.BytesIO()
    pq.write_table(pa.table({"hypothesis": ["b"] * 12, "label": [0, 1, 2] * 4} | columns), file)
    data_set.repos["datasets/owner/nli"].files[TRAIN] = file.getvalue()
    text = message(lambda: load_corpus(config(*PINNED, "data.on_bad_row=stop"), print))
    assert re.search(expected, text)
    assert "damaged" not in text and "cache" not in text


def test_files_on_the_hub_are_converted_in_a_copy(data_set, monkeypatch, tmp_path):
    files = data_set.repos["datasets/owner/nli"].files
    table = "premise\thypothesis\tlabel\n" + "süß\tschön\t1\n" * 12
    for name in [name for name in files if name.startswith("de/")]:
        del files[name]
    for split in ("train", "validation", "test"):
        files[f"de/{split}.tsv"] = table.encode("cp1252")
    lines = message(lambda: load_corpus(config(*PINNED), print)).splitlines()
    assert lines[0].startswith("Data set owner/nli: de/train.tsv:2: not UTF-8")
    assert lines[-3:] == [
        "  mv DIR/de/train.tsv DIR/de/train.tsv.orig && "
        "iconv -f CP1252 -t UTF-8 DIR/de/train.tsv.orig > DIR/de/train.tsv",
        "That is for a copy of the files, which data=files data.path=DIR reads:",
        f"  hf download owner/nli --repo-type dataset --revision {COMMIT} --local-dir DIR",
    ]
    assert str(tmp_path) not in "".join(lines)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_file_of_a_model_is_named_by_the_hubs_id_and_fetched_again_once_deleted(
    tiny, name
):
    folder, _ = get()
    contents = damaged(folder / name, replaced)
    text = message(lambda: require_model(config(*MODEL).model, print))
    assert text.startswith(f"Model owner/tiny: {name} is damaged in the hub's cache: its contents")
    assert text.endswith(f"\n  rm {contents}")
    follow(text)
    assert "1 file, " in get()[1][0]


def test_a_model_whose_id_is_in_the_name_of_its_folder_is_named_by_its_id_alone(hub, tmp_path):
    folder = tmp_path / "cache/models--bert/snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    model = repository.Repository("model", "bert", COMMIT, switch="", filters="", otherwise="")

    def fail(text: str) -> None:
        with repository.named_by_id(model):
            raise UserError(text)

    assert message(lambda: fail(f"model.path={folder}: no.")) == "model.path=bert: no."
    assert message(lambda: fail("Model bert: no.")) == "Model bert: no."
    assert message(lambda: fail("No.")) == "Model bert: No."


def test_what_a_models_files_say_is_checked_when_they_have_been_fetched(tiny):
    tiny.repos["models/owner/tiny"].files["config.json"] = (
        b'{"quantization_config": {"quant_method": "awq"}}'
    )
    text = message(lambda: fetch_model(config(*MODEL).model, print))
    assert text.startswith("model.path=owner/tiny: its weights are quantised")
    assert message(lambda: require_model(config(*MODEL).model, print)) == text


def test_what_the_library_says_of_a_model_names_the_hubs_id(tiny):
    files = tiny.repos["models/owner/tiny"].files
    for name in [name for name in files if "token" in name and name not in OTHERS]:
        del files[name]
    text = message(lambda: load_model(config(*MODEL), lambda: (), print))
    assert text.startswith("model.path=owner/tiny") and "cache" not in text


def unwritable(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let every file that is made fail, as on a disk that is full or not to be written to."""

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(repository, "TemporaryFile", refuse)
    monkeypatch.setattr("huggingface_hub._tree_cache.tempfile.mkstemp", refuse)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, r"cache \S+ has no space left\. Choose another folder with HF_HOME=DIR"),
        (errno.EROFS, r"cache \S+ cannot be written to \(Read-only file system\)\. Choose"),
        (errno.EACCES, r"cache \S+ cannot be written to \(Permission denied\)\. Choose"),
    ],
)
def test_a_cache_that_keeps_nothing_is_named_before_anything_is_fetched(
    data_set, monkeypatch, number, expected
):
    unwritable(monkeypatch, number)
    text = message(lambda: require_data(config(*PINNED), print))
    assert re.search(f"^Data set owner/nli could not be fetched: the hub's {expected}", text)
    assert data_set.asked("^GET .*/resolve/") == []


def test_a_cache_that_is_no_folder_is_named(data_set, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file/hub"))
    text = message(lambda: require_data(config(*PINNED), print))
    assert re.match(r"Data set owner/nli cannot be read in the hub's cache \(Not a dir.*=DIR", text)


@pytest.mark.parametrize("part", ["", f"snapshots/{COMMIT}/{TRAIN}"], ids=["folder", "file"])
def test_a_cache_of_another_user_is_named(data_set, monkeypatch, tmp_path, part):
    load(*PINNED)
    closed = tmp_path / "cache/datasets--owner--nli" / part

    def refuse(call: Callable[..., object]) -> Callable[..., object]:
        def refusing(path: Path, *arguments: object, **options: object) -> object:
            if Path(path) == closed:
                raise PermissionError(errno.EACCES, "Permission denied")
            return call(path, *arguments, **options)

        return refusing

    monkeypatch.setattr(os, "scandir", refuse(os.scandir))
    monkeypatch.setattr(Path, "open", refuse(Path.open))
    for use in (require_data, load_corpus):
        text = message(lambda use=use: use(config(*PINNED), print))
        assert text.startswith(
            "Data set owner/nli cannot be read in the hub's cache (Permission denied): "
            f"{closed}. Choose"
        )


def test_a_listing_that_is_damaged_is_fetched_again_without_a_word(data_set, tmp_path, capfd):
    load(*PINNED)
    (listing,) = (tmp_path / "cache/datasets--owner--nli/trees").iterdir()
    whole = listing.read_text()
    listing.write_text(whole[:50])
    assert load(*PINNED)[0].endswith("from the cache")
    assert listing.read_text() == whole
    assert capfd.readouterr() == ("", "")


def test_a_disk_that_fills_up_during_a_download_is_told_with_the_switch_of_the_cache(
    data_set, monkeypatch
):
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", refuse)
    text = message(lambda: load_corpus(config(*PINNED), print))
    assert "has no space left. Choose another folder with HF_HOME=DIR" in text


def test_a_complete_cache_that_cannot_be_written_to_is_used(data_set, monkeypatch):
    load(*BRANCH)
    unwritable(monkeypatch, errno.EROFS)
    assert load(*BRANCH)[0].endswith("from the cache")
    assert load(*PINNED)[0].endswith("from the cache")


def test_a_data_set_and_a_model_that_have_moved_are_found_again(tiny, monkeypatch):
    tiny.repos["datasets/owner/nli"] = Repo(nli("de", "en"))
    tiny.repos["datasets/old/nli"] = Repo({}, moved="owner/nli")
    tiny.repos["models/old/tiny"] = Repo({}, moved="owner/tiny")
    overrides = (*BRANCH[:-1], "data.path=old/nli")
    assert "6 files" in load(*overrides)[0]
    model = config("model=local", "model.path=old/tiny").model
    fetch_model(model, print)
    cut_off(monkeypatch)
    assert load(*overrides)[0].endswith("from the cache")
    require_model(model, print)


@pytest.mark.parametrize("token", ["hf_bad", "hf_b\N{LATIN SMALL LETTER A WITH DIAERESIS}d"])
def test_a_token_that_is_wrong_stops_nothing_that_is_cached_and_pinned(
    data_set, monkeypatch, token
):
    load(*PINNED)
    monkeypatch.setenv("HF_TOKEN", token)
    data_set.fault("", status=401, headers={"X-Error-Message": "Invalid username or password."})
    assert load(*PINNED)[0].endswith("from the cache")
    text = message(lambda: require_data(config(*BRANCH), print))
    assert re.search(r"your token.*`hf auth login`", text.splitlines()[0])


@pytest.mark.slow
@pytest.mark.command
def test_two_commands_fetch_the_same_at_once(tiny, tmp_path):
    tiny.repos["datasets/owner/nli"] = Repo(nli("de", "en"))
    tiny.fault("/resolve/", seconds=1, method="GET")
    home = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": tiny.address}
    with ThreadPoolExecutor() as pool:
        start = partial(run_command, *RUN, "dry_run=true", folder=tmp_path, **home)
        commands = [pool.submit(start) for _ in range(2)]
    for command in commands:
        done = command.result()
        assert (done.returncode, done.stderr) == (0, "")
        assert "labels, alignment and sizes are correct" in done.stdout
    got = tiny.asked("^GET .*(/resolve/.*(parquet|json)|/storage/)")
    assert len(got) == len(set(got)) > 6
