"""Data sets of a hub that is served here: what is fetched, what is asked, what is found again."""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import config
from corpus_files import forget
from served_hub import COMMIT, Hub, Repo

from xling.data import (
    fetch_data,
    hub_reachable,
    load_corpus,
    repository,
    require_data,
    vocabulary_run,
)
from xling.errors import UserError

SMALL = ("profile=paper", "languages=[de,en]", "data.train_per_language=12")
PINNED = (*SMALL, f"data.path=owner/nli@{COMMIT}")
BRANCH = (*SMALL, "data.path=owner/nli")


def table(words: str) -> bytes:
    """Return a Parquet file of twelve rows, whose contents depend on the words."""
    columns = {
        "premise": [f"{words} {n}" for n in range(12)],
        "hypothesis": ["w4 w5 w6 w7 w8 w9"] * 12,  # words that the tests' tokenizer knows
        "label": [0, 1, 2] * 4,
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def nli(*languages: str, layout: str = "{}/{}-00000-of-00001.parquet") -> dict[str, bytes]:
    """Return the files of a data set of translated pairs, in the layout of XNLI on the hub."""
    splits = ("train", "validation", "test")
    names = {(code, split): layout.format(code, split) for code in languages for split in splits}
    return {"README.md": b"read"} | {names[key]: table("-".join(key)) for key in names}


@pytest.fixture
def data_set(hub: Hub) -> Hub:
    """The hub with a data set in four folders, one of which is of no language."""
    files = nli("de", "en", "fr", "all_languages")
    hub.repos["datasets/owner/nli"] = Repo(files)
    hub.repos["datasets/facebook/xnli"] = Repo(files)
    return hub


def load(*overrides: str) -> list[str]:
    """Check and read a data set as a new process does; return what is said."""
    forget()
    said: list[str] = []
    settings = config(*overrides)
    require_data(settings, said.append)
    load_corpus(settings, said.append)
    return said


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid the network, as a user does."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def test_only_the_files_of_the_run_are_fetched_and_their_size_is_said_before(data_set):
    said = load(*PINNED)
    files = data_set.repos["datasets/owner/nli"].files
    wanted = {name for name in files if name[:3] in ("de/", "en/")}
    size = sum(len(files[name]) for name in wanted)
    assert re.search(rf"owner/nli at {COMMIT}, to be fetched .*: 6 files, ([\d.]+) kB$", said[0])
    assert float(said[0].split()[-2]) == pytest.approx(size / 1000, rel=0.005)
    got = {line.rpartition(COMMIT + "/")[2] for line in data_set.asked("^GET .*/resolve/")}
    assert got == wanted


def test_a_second_run_asks_nothing_that_it_has(data_set):
    load(*PINNED)
    data_set.requests.clear()
    said = load(*PINNED)
    assert data_set.asked() == []
    assert said[0] == f"Data set owner/nli at {COMMIT}, from the cache"


def test_another_language_fetches_its_own_files_alone(data_set):
    load(*PINNED)
    data_set.requests.clear()
    said = load(*PINNED, "languages=[de,en,fr]")
    assert "3 files" in said[0] and "(6 are in the cache)" in said[0]
    assert len(data_set.asked("^GET")) == 3
    assert len(data_set.asked("/fr/")) == len(data_set.asked())


def test_a_branch_is_asked_for_once_per_run_and_its_commit_is_said(data_set):
    first = load(*BRANCH)
    assert f"to repeat this run: data.path=owner/nli@{COMMIT}" in first[1]
    data_set.requests.clear()
    load(*BRANCH)
    assert data_set.asked() == ["GET /api/datasets/owner/nli"]


@pytest.mark.parametrize("overrides", [PINNED, BRANCH], ids=["commit", "branch"])
@pytest.mark.parametrize("way", ["switched off", "server gone"])
def test_what_was_fetched_is_found_again_without_a_network(
    data_set, monkeypatch, unused_address, overrides, way
):
    load(*overrides)
    data_set.requests.clear()
    if way == "switched off":
        cut_off(monkeypatch)
    else:
        monkeypatch.setenv("HF_ENDPOINT", unused_address)
    said = load(*overrides)
    told = [f"The hub does not answer: Data set owner/nli as it was last fetched, at {COMMIT}"]
    told = told if (overrides, way) == (BRANCH, "server gone") else []
    assert said[: len(told) + 1] == [*told, f"Data set owner/nli at {COMMIT}, from the cache"]
    assert data_set.asked() == []
    with pytest.raises(UserError, match=r"only partly .* \(without fr/train-\S+, fr/val\S+ and 1"):
        load(*overrides, "languages=[de,en,fr]")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (dict(status=503), "The hub answers 503:"),
        (dict(status=500), "The hub answers 500:"),
        (dict(status=429, headers={"Retry-After": "3600"}), "The hub answers 429:"),
        (dict(seconds=2.5), r"127\.0\.0\.1:\d+ does not answer in time:"),
    ],
    ids=["503", "500", "429", "slow"],
)
def test_a_hub_in_trouble_is_asked_once_about_a_branch_that_was_fetched(data_set, fault, reason):
    load(*BRANCH)
    data_set.requests.clear()
    data_set.fault("", **fault)
    said = load(*BRANCH)
    assert said[0].endswith(f": Data set owner/nli as it was last fetched, at {COMMIT}")
    assert re.match(reason, said[0]) and "from the cache" in said[1]
    assert data_set.asked() == ["GET /api/datasets/owner/nli"]


def test_what_is_fetched_only_in_part_is_worth_more_than_one_attempt(data_set):
    load(*BRANCH)
    data_set.fault("/api/", status=503, times=3)
    said = load(*BRANCH, "languages=[de,en,fr]")
    assert sum("trying again" in line for line in said) == 3
    assert any("(6 are in the cache)" in line for line in said)


def test_a_hub_that_refuses_does_not_hide_what_was_fetched(data_set):
    load(*BRANCH)
    data_set.fault("", status=403)
    with pytest.raises(UserError, match=rf"To go on .* data\.path=owner/nli@{COMMIT}$"):
        load(*BRANCH)
    assert load(*PINNED)[0].endswith("from the cache")


def test_a_partial_download_is_completed_and_is_not_taken_for_complete(data_set, monkeypatch):
    """Shards whose number is in no name: only the listing tells that some are missing."""
    files = nli("de", "en", layout="{}/{}/0000.parquet")
    files |= {name.replace("0000", "0001"): table(name) for name in files if "train" in name}
    data_set.repos["datasets/owner/nli"] = Repo(files)
    data_set.fault("de/train/0001", status=403, method="GET")
    with pytest.raises(UserError, match="403"):
        load(*PINNED)
    data_set.faults.clear()
    with monkeypatch.context() as patch:
        cut_off(patch)
        with pytest.raises(UserError, match="only partly on this machine .*de/train/0001.parquet"):
            load(*PINNED)
    said = load(*PINNED)
    assert any("de/train/0000.parquet, de/train/0001.parquet" in line for line in said)


@pytest.mark.parametrize(
    ("layout", "switches", "lines"),
    [
        ("{}/{}-00000-of-00001.parquet", ("languages=[de,en]",), 1),  # the task's own data set
        ("{}/{}-00000-of-00001.parquet", ("data.path=owner/nli",), 1),
        ("{1}.{0}.parquet", ("data.path=owner/nli",), 1),
        ("{1}.{0}.parquet", ("languages=[de,en]",), 2),  # a layout that was guessed wrongly
    ],
    ids=["task", "mirror", "flat mirror", "flat task"],
)
def test_the_printed_line_fetches_what_a_run_then_accepts(
    data_set, monkeypatch, tmp_path, layout, switches, lines
):
    """The second message knows the listing, and names what the first could only guess."""
    for name in ("datasets/owner/nli", "datasets/facebook/xnli"):
        data_set.repos[name] = Repo(nli("de", "en", "fr", layout=layout))
    overrides = (*SMALL, *switches, f"task.hub.revision={COMMIT}")
    for _ in range(lines):
        with monkeypatch.context() as patch:
            cut_off(patch)
            with pytest.raises(UserError) as caught:
                load(*overrides)
        command = re.search(r"^  (hf download .*)$", str(caught.value), re.MULTILINE)[1]
        fetch_by_hand(command, tmp_path)
    cut_off(monkeypatch)
    assert "from the cache" in load(*overrides)[0]


def fetch_by_hand(command: str, tmp_path: Path) -> None:
    """Run the line that an error prints."""
    _, *arguments = shlex.split(command)
    surroundings = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "0"}
    subprocess.run(
        [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments],
        env=surroundings,
        check=True,
        capture_output=True,
    )


def test_large_files_come_from_another_host_which_gets_no_token(data_set, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    name = "de/train-00000-of-00001.parquet"
    data_set.repos["datasets/owner/nli"].elsewhere = frozenset([name])
    load(*PINNED)
    (request,) = [request for request in data_set.requests if "/storage/" in request.path]
    assert request.path.endswith(name) and "authorization" not in map(str.lower, request.headers)
    others = [request for request in data_set.requests if "/storage/" not in request.path]
    assert {request.headers.get("authorization") for request in others} == {"Bearer hf_secret"}


def test_a_data_set_that_has_moved_is_followed(data_set):
    data_set.repos["datasets/old/name"] = Repo({}, moved="owner/nli")
    assert "6 files" in load(*SMALL, f"data.path=old/name@{COMMIT}")[0]


def test_a_folder_of_all_languages_is_no_language(data_set):
    with pytest.raises(UserError, match=r"has the languages de, en, fr\."):
        load(*PINNED, "languages=[de,all_languages]")
    with pytest.raises(UserError, match=r"has the languages de, en, fr\."):
        load(*PINNED, "languages=[de,sw]")


def test_a_data_set_without_files_that_can_be_read_names_the_copy_as_parquet(data_set):
    data_set.repos["datasets/owner/nli"] = Repo({"nli.py": b"import datasets"})
    with pytest.raises(UserError, match="data.path=owner/nli@refs/convert/parquet"):
        load(*PINNED)


def test_a_disk_without_space_is_reported_before_anything_is_fetched(data_set, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(repository.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match=r"needs [\d.]+ kB, but only 1 kB are free .*HF_HOME=DIR"):
        require_data(config(*PINNED), print)
    assert data_set.asked("/resolve/") == []


def test_a_cache_of_an_older_client_without_listings_is_used(data_set, monkeypatch, tmp_path):
    load(*PINNED)
    shutil.rmtree(tmp_path / "cache/datasets--owner--nli/trees")
    cut_off(monkeypatch)
    assert "from the cache" in load(*PINNED)[0]


def test_what_is_there_is_fetched_without_a_word(data_set):
    said: list[str] = []
    fetch_data(config(*PINNED), said.append)
    assert len(said) == 1 and "6 files" in said[0]
    fetch_data(config(*PINNED), said.append)
    assert len(said) == 1
    assert hub_reachable()


def test_nothing_but_our_lines_is_printed(data_set, capfd):
    data_set.fault("/tree/", status=500, times=2)
    data_set.fault("de/train", cut=100, times=1, method="GET")
    with contextlib.redirect_stdout(io.StringIO()):
        load(*PINNED)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fault", [dict(status=500), dict(seconds=2.5)], ids=["500", "slow"])
def test_a_cache_without_a_listing_is_used_while_the_hub_gives_none_and_that_is_said(
    data_set, tmp_path, fault
):
    load(*PINNED)
    shutil.rmtree(tmp_path / "cache/datasets--owner--nli/trees")
    data_set.requests.clear()
    data_set.fault("/tree/", **fault)
    said = load(*PINNED)
    assert [line for line in said if "hub" in line] == [
        "The hub's listing of owner/nli cannot be had or kept: going by the files in its cache"
    ]
    assert len(data_set.asked()) == 1


def test_a_download_that_was_killed_is_begun_again(data_set, tmp_path):
    name = "de/train-00000-of-00001.parquet"
    data_set.repos["datasets/owner/nli"].elsewhere = frozenset([name])
    data_set.fault("/storage/", cut=100, times=1)
    data_set.fault("/storage/", seconds=30, times=1)
    program = (
        "from huggingface_hub import snapshot_download as get\n"
        f"get('owner/nli', repo_type='dataset', revision='{COMMIT}', allow_patterns='de/*')"
    )
    surroundings = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen([sys.executable, "-c", program], env=surroundings) as download:
        while len(data_set.asked("/storage/")) < 2:  # a part has arrived, and the rest is awaited
            time.sleep(0.05)
        download.kill()
    assert [*(tmp_path / "cache").rglob("*.incomplete")]
    assert "(2 are in the cache)" in load(*PINNED)[0]
    assert load(*PINNED)[0].endswith("from the cache")


@pytest.mark.parametrize("there", [True, False], ids=["with training texts", "without"])
def test_what_a_tiny_model_takes_its_vocabulary_from_is_fetched_with_the_rest(hub, there):
    files = nli("de", "en", "fr")
    if not there:
        del files["fr/train-00000-of-00001.parquet"]
    hub.repos["datasets/owner/nli"] = Repo(files)
    overrides = ("model=tiny", "exclude=fr", "task.parallel=false")
    chosen = config("profile=paper", f"data.path=owner/nli@{COMMIT}", "languages=[de,en,fr]",
                    "data.train_per_language=12", *overrides)  # fmt: skip
    said: list[str] = []
    fetch_data(chosen, said.append)
    assert f"to be fetched from the hub: {9 if there else 7} files" in said[0]
    assert vocabulary_run(chosen).exclude == (() if there else ("fr",))
    hub.requests.clear()
    load_corpus(vocabulary_run(chosen), said.append)
    assert not hub.asked("^GET .*/resolve/")


@pytest.mark.parametrize("name", ["owner/si--b200", "owner/x.", "a/b/c"])
def test_what_is_no_id_is_refused_in_a_sentence(hub, name):
    with pytest.raises(UserError, match=r"not the id of a repository|OWNER/NAME"):
        load("profile=paper", "languages=[de,en]", f"data.path={name}")
