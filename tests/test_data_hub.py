"""Without network: a quick and useful error, or what the hub's cache has."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import config
from corpus_files import PROXIES, VARIABLES

from xling.data import hub_reachable, load_corpus, require_data
from xling.data.connection import check_variables
from xling.data.hub import dataset_of
from xling.errors import UserError

pytestmark = pytest.mark.usefixtures("no_hub")

REVISION = "b8dd5d7af51114dbda02c0e3f6133f332186418e"


def fill(folder: Path, languages: tuple[str, ...]) -> None:
    for language in languages:
        (folder / language).mkdir(parents=True)
        for split in ("train", "validation", "test"):
            columns = {
                "premise": [f"{language} {n}" for n in range(9)],
                "hypothesis": ["x"] * 9,
                "label": [0, 1, 2] * 3,
            }
            pq.write_table(pa.table(columns), folder / language / f"{split}-00000-of-00001.parquet")


def fill_cache(tmp_path: Path, *languages: str) -> None:
    repository = tmp_path / "cache" / "datasets--facebook--xnli"
    fill(repository / "snapshots" / REVISION, languages)


def test_the_error_without_network_is_quick_and_says_what_to_do() -> None:
    program = (
        "import json, sys, time\n"
        "from pydantic import TypeAdapter\n"
        "from xling.config import Config\n"
        "settings = TypeAdapter(Config).validate_json(sys.argv[1])\n"
        "start = time.perf_counter()\n"
        "from xling.data import require_data\n"
        "from xling.errors import UserError\n"
        "try: require_data(settings, print)\n"
        "except UserError as error: print(error)\n"
        "print(time.perf_counter() - start)\n"
        "print(sorted({'torch', 'datasets', 'transformers'} & set(sys.modules)))"
    )
    settings = json.dumps(dataclasses.asdict(config("task=xnli", "profile=paper")))
    environment = {
        name: value for name, value in os.environ.items() if name not in VARIABLES + PROXIES
    }
    environment |= {"HF_ENDPOINT": "https://hub.invalid", "HF_HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", program, settings],
        env=environment,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    *message, seconds, imported = done.stdout.splitlines()
    assert imported == "[]"  # they take seconds
    assert float(seconds) < 10  # on a busy machine; with its retries the hub takes a minute
    text = "\n".join(message)
    assert "facebook/xnli is not on this machine and the hub does not answer" in text
    assert f"hf download facebook/xnli --repo-type dataset --revision {REVISION}" in text
    assert '--include "ru/*"' in text
    assert "data=files data.path=DIR data.train_per_language=2000" in text
    assert "profile=sample" in text


@pytest.mark.usefixtures("unreachable_hub")
def test_names_that_take_long_to_resolve_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = threading.Event()

    def hang(*arguments: object, **options: object) -> None:
        blocked.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", hang)
    start = time.perf_counter()
    assert not hub_reachable()
    assert time.perf_counter() - start < 1.9
    blocked.set()


def test_the_hub_is_reachable_through_a_proxy_and_not_when_switched_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("HF_ENDPOINT", here)
        assert hub_reachable()
        monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
        hub_reachable.cache_clear()
        assert not hub_reachable()
        monkeypatch.setenv("https_proxy", here)
        hub_reachable.cache_clear()
        assert hub_reachable()
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        hub_reachable.cache_clear()
        assert not hub_reachable()


@pytest.mark.usefixtures("unreachable_hub")
def test_cached_data_is_used_without_network(tmp_path: Path) -> None:
    settings = config("profile=paper", "languages=[de,en]", "data.train_per_language=5")
    fill_cache(tmp_path, "de", "en")
    said: list[str] = []
    corpus = load_corpus(settings, said.append)
    assert [len(split) for split in corpus.values()] == [10, 18, 18]
    assert f"facebook/xnli at {REVISION}, from the cache" in said[0]
    require_data(settings, print)


@pytest.mark.usefixtures("unreachable_hub")
def test_a_cache_without_a_language_or_of_another_revision_is_not_used(tmp_path: Path) -> None:
    fill_cache(tmp_path, "de", "en")
    another_language = config("profile=paper", "languages=[de,en,fr]", "data.train_per_language=5")
    another_revision = config("profile=paper", "languages=[de,en]", f"task.hub.revision={'0' * 40}")
    for settings in (another_language, another_revision):
        for use in (require_data, load_corpus):
            with pytest.raises(UserError, match="is not on this machine"):
                use(settings, print)


def test_a_task_without_a_data_set_and_a_wrong_id_are_refused() -> None:
    with pytest.raises(UserError, match="withdrawn by its owner") as caught:
        require_data(config("profile=paper", "task=marc"), print)
    assert "data=files data.path=DIR" in str(caught.value)
    with pytest.raises(UserError, match="sib200 has no data set on the hub\\."):
        require_data(config("profile=paper", "task=sib200"), print)
    with pytest.raises(UserError, match="OWNER/NAME"):
        require_data(config("profile=paper", "data.path=./my/data"), print)
    mirror = config("profile=paper", "task=marc", "data.path=owner/name@refs/convert/parquet")
    assert dataset_of(mirror) == ("owner/name", "refs/convert/parquet")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_ENDPOINT", "http://127.0.0.1:port"),
        ("HF_ENDPOINT", "127.0.0.1:80"),
        ("HF_ENDPOINT", "ftp://hub"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "abc"),
        ("HF_HUB_ETAG_TIMEOUT", "1.5"),
    ],
)
def test_a_variable_that_the_client_cannot_read_is_named(monkeypatch, name, value):
    check_variables()
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"{name}={value} is no"):
        check_variables()
