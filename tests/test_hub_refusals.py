"""What is said when the hub refuses, is in trouble or is slow: the reason, and what to do."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from conftest import config
from huggingface_hub import constants
from served_hub import COMMIT, Hub, Repo
from test_hub_cache import PINNED, SMALL, nli

from xling.data import load_corpus, require_data
from xling.data.refusals import refusal
from xling.errors import UserError
from xling.models.available import fetched, require_model

PAGE = r"http://127\.0\.0\.1:\d+/datasets/owner/nli"
GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to dataset is restricted."}
LISTING, FILES, ONE_FILE = "/tree/", "/resolve/", "de/train"


class Case(NamedTuple):
    """A fault and what is said of it.

    Attributes:
        expected: regular expressions that the message contains, one after the other; STORAGE is
            the host that sends large files.
        retries: what the lines about further attempts begin with, and how many there are.
        token: whether the user is logged in.
        early: whether it is found before the run begins.
    """

    fault: dict[str, Any]
    expected: tuple[str, ...]
    retries: tuple[str, int] = ("", 0)
    token: bool = False
    early: bool = True


CASES = {
    "gated, not logged in": Case(
        dict(path=FILES, status=401, headers=GATED),
        (r"is gated: .* \(401\)", "log in with `hf auth login`", f"ask for access at {PAGE}"),
    ),
    "gated, no access": Case(
        dict(path=FILES, status=403, headers=GATED),
        (r"is gated: .* \(403\)", f"get it, ask for access at {PAGE}; run again once"),
        token=True,
    ),
    "expired token": Case(
        dict(
            path="",
            status=401,
            headers={"X-Error-Message": "Invalid credentials in Authorization header"},
        ),
        (r"does not accept your token \(401\)", "Log in again with `hf auth login`", "unset HF_"),
        token=True,
    ),
    "unauthorised": Case(
        dict(path="", status=401),
        (r"owner/nli at \w+ does not exist, or is private \(401\)", "hf auth login"),
    ),
    "forbidden": Case(
        dict(path="", status=403, headers={"X-Error-Message": "no read permission"}),
        (r"is refused to you \(403: no read permission\)", "Use a token that may read it"),
        token=True,
    ),
    "disabled": Case(
        dict(
            path="", status=403, headers={"X-Error-Message": "Access to this resource is disabled."}
        ),
        ("is disabled by the hub", "Choose another for data.path=OWNER/NAME@REVISION"),
    ),
    "listed, not there": Case(
        dict(path=ONE_FILE, status=404, headers={"X-Error-Code": "EntryNotFound"}),
        ("has no file de/train-00000-of-00001.parquet, although the hub lists it",),
        early=False,
    ),
    "too many requests": Case(
        dict(path=LISTING, status=429, headers={"Retry-After": "7"}),
        (
            r"too many requests from here \(429\)",
            "asks to wait 7 s, so .* again then, or log in with `hf auth l",
        ),
        ("The hub answers 429: trying again in 8 s (", 5),
    ),
    "too many requests, no time": Case(
        dict(path=FILES, status=429),
        (
            r"too many requests from here \(429\)",
            "Run the same command again in some minutes, or log in",
        ),
        ("The hub answers 429: trying again in ", 5),
    ),
    "a wait that is too long": Case(
        dict(path=LISTING, status=429, headers={"Retry-After": "3600"}),
        (r"\(429\) and asks to wait 60 min, so data set owner/nli .* command again then",),
    ),
    "a wait of a hub in trouble": Case(
        dict(path=FILES, status=503, headers={"Retry-After": "100"}),
        (r"503 Service Unavailable\) and asks to wait 100 s, so .* command again then; finished",),
    ),
    "a wait for files alone": Case(
        dict(path=ONE_FILE, status=503, headers={"Retry-After": "7200"}, method="GET"),
        (r"503 Service Unavailable\) and asks to wait 120 min, so ",),
        early=False,
    ),
    "waits that add up": Case(
        dict(path=LISTING, status=429, headers={"Retry-After": "25"}),
        (r"\(429\) and asks to wait 25 s, so ",),
        ("The hub answers 429: trying again in 26 s (", 2),
    ),
    "a limit that is told as huggingface.co does": Case(
        dict(path=LISTING, status=429, headers={"RateLimit": '"api";r=0;t=290'}),
        (r"\(429\) and asks to wait 5 min, so ",),
    ),
    "error of the hub": Case(
        dict(path=LISTING, status=500),
        (
            r"a fault of its own \(500 Internal Server Error\)",
            "Run the same command again in some minutes",
        ),
        ("The hub answers 500: trying again in ", 5),
    ),
    "error at the files": Case(
        dict(path=FILES, status=502),
        (r"a fault of its own \(502 Bad Gateway\)",),
        ("The hub answers 502: trying again in ", 5),
    ),
    "error of the storage": Case(
        dict(path="/storage/", status=503),
        (
            r"^STORAGE, from where .* has a fault of its own \(503 Service Unavailable\), so",
            "finished files are kept",
        ),
        ("STORAGE answers 503: trying again in ", 5),
        early=False,
    ),
    "storage refused": Case(
        dict(path="/storage/", status=403, text="<html>Blocked by policy</html>"),
        (
            r"^Data set \S+ at \w+ could not be fetched: STORAGE, from where the hub sends its ",
            r"files, answers 403 Forbidden\. .* allow connections to STORAGE, too\.",
        ),
        early=False,
    ),
    "storage refused to a user": Case(
        dict(path="/storage/", status=401),
        (r"STORAGE, from where the hub sends its files, answers 401 Unauthorized\.",),
        token=True,
        early=False,
    ),
    "storage without the file": Case(
        dict(path="/storage/", status=404),
        (r"STORAGE, from where the hub sends its files, answers 404 Not Found\.",),
        early=False,
    ),
    "too many requests of the storage": Case(
        dict(path="/storage/", status=429, headers={"Retry-After": "7200"}),
        (r"^STORAGE has had too many requests from here \(429\) and asks to wait 120 min, so ",),
        early=False,
    ),
    "slow storage": Case(
        dict(path="/storage/", seconds=2.5),
        (r"STORAGE did not answer within 1 s", "HF_HUB_DOWNLOAD_TIMEOUT=60"),
        ("STORAGE does not answer", 5),
        early=False,
    ),
    "slow listing": Case(
        dict(path=LISTING, seconds=2.5),
        (r"127\.0\.0\.1:\d+ did not answer within 1 s", "HF_HUB_DOWNLOAD_TIMEOUT=60"),
        ("The hub does not answer (timed out): trying again in ", 5),
    ),
    "dying connection": Case(
        dict(path=ONE_FILE, cut=100, method="GET"),
        (r"the connection to 127\.0\.0\.1:\d+ broke in the middle of a file", "are kept"),
        ("The connection to 127.0.0.1:", 1),  # equal lines at the same time are one
        early=False,
    ),
    "reset connection": Case(
        dict(path=ONE_FILE, cut=100, reset=True, method="GET"),
        (r"the connection to \S+ broke in the middle of a file", "are kept"),
        ("The connection to ", 5),
        early=False,
    ),
    "a page to log in to the network": Case(
        dict(path=LISTING, status=203, text="<html>Welcome to our hotel</html>"),
        (r"http://127\.0\.0\.1:\d+ does not answer as a hub does", "Check HF_ENDPOINT"),
    ),
    "no hub": Case(
        dict(path=FILES, status=204),
        (r"http://127\.0\.0\.1:\d+ does not answer as a hub does", "Check HF_ENDPOINT"),
        early=False,
    ),
    "teapot": Case(dict(path="", status=418), ("could not be fetched: the hub answers 418",)),
}


@pytest.fixture
def data_set(hub: Hub) -> Hub:
    """The hub with a data set, one file of which another host sends."""
    storage = frozenset(["en/train-00000-of-00001.parquet"])
    hub.repos["datasets/owner/nli"] = Repo(nli("de", "en"), storage)
    return hub


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_refusal_has_its_reason_and_its_remedy(data_set, monkeypatch, case):
    if case.token:
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
    data_set.fault(**case.fault)
    said: list[str] = []
    settings = config(*PINNED)
    if not case.early:
        require_data(settings, said.append)
    with pytest.raises(UserError) as caught:
        (require_data if case.early else load_corpus)(settings, said.append)
    host = data_set.storage.removeprefix("http://")
    first, *others = str(caught.value).replace(host, "STORAGE").splitlines()
    for expected in case.expected:
        assert re.search(expected, first), first
    assert others[0].startswith("To read files in a folder:  data=files data.path=DIR")
    begin, count = case.retries
    lines = [line.replace(host, "STORAGE") for line in said]
    retries = [line for line in lines if "to be fetched" not in line]
    assert len(retries) == count
    assert all(line.startswith(begin) for line in retries)


PASSING = {
    "listing": dict(path=LISTING, status=503, times=2),
    "rate": dict(path=LISTING, status=429, headers={"Retry-After": "1"}, times=1),
    "file": dict(path=ONE_FILE, status=500, times=2, method="GET"),
    "storage": dict(path="/storage/", status=500, times=1),
    "cut": dict(path=ONE_FILE, cut=100, times=1, method="GET"),
    "cut storage": dict(path="/storage/", cut=100, times=1),
    "reset": dict(path=ONE_FILE, cut=100, reset=True, times=1, method="GET"),
    "slow": dict(path=LISTING, seconds=1.5, times=1),
    "slow file": dict(path="/storage/", seconds=1.5, times=1),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again_with_a_line_each_and_the_data_is_right(data_set, fault):
    settings, said = config(*PINNED), []
    data_set.fault(**fault)
    corpus = load_corpus(settings, said.append)
    retries = [line for line in said if "again" in line or "going on" in line]
    assert len(retries) == fault["times"]
    texts = {row["text"] for row in corpus["test"]}
    assert texts == {f"{code}-test {n}" for code in ("de", "en") for n in range(12)}


def test_a_wait_until_an_hour_of_the_day_is_understood(data_set):
    hour = datetime.now(UTC) + timedelta(minutes=44.5)
    data_set.fault("/api/", status=503, headers={"Retry-After": format_datetime(hour, usegmt=True)})
    with pytest.raises(
        UserError, match=r"\(503 .*\) and asks to wait 45 min, so data set owner/nli"
    ):
        require_data(config(*SMALL, "data.path=owner/nli"), print)
    assert len(data_set.asked()) == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("no/such", r"^Data set no/such does not exist, or is private \(401\)\. Check data\.path="),
        ("owner/nli@nowhere", r"at nowhere does not exist: there is no such revision \(404\)"),
        (f"owner/nli@{'0' * 40}", r"at 0{40} does not exist: there is no such revision \(404\)"),
    ],
)
def test_names_that_are_wrong_are_reported_before_anything_is_fetched(data_set, path, expected):
    with pytest.raises(UserError, match=expected):
        require_data(config(*SMALL, f"data.path={path}"), print)
    assert data_set.asked("/resolve/") == []


def test_a_host_of_files_that_cannot_be_reached_is_named(data_set, unused_address):
    data_set.storage = unused_address
    with pytest.raises(UserError, match=rf"{unused_address[7:]} cannot be reached\. Allow"):
        load_corpus(config(*PINNED), print)


def test_a_proxy_names_the_host_that_it_refuses():
    class ProxyError(Exception):
        request = SimpleNamespace(url=SimpleNamespace(netloc=b"cdn.hf.co"))

    text = refusal(ProxyError("403 Forbidden"), "Data set a/b", "PAGE", "data.path")
    assert "the proxy refuses the way to cdn.hf.co (403 Forbidden). Check HTTPS_PROXY" in text


def test_xet_storage_that_cannot_be_reached_is_reported_before_its_client_tries_for_minutes(
    data_set, unused_address, monkeypatch
):
    data_set.storage = unused_address
    files = data_set.repos["datasets/owner/nli"]
    files.elsewhere, files.xet = frozenset(), frozenset(files.files)
    with pytest.raises(UserError, match=rf"{unused_address}\. .*HF_HUB_DISABLE_XET=1"):
        require_data(config(*PINNED), print)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    require_data(config(*PINNED), print)
    assert len(load_corpus(config(*PINNED), print)["test"]) == 24


def test_xet_storage_that_fails_is_reported(data_set):
    data_set.repos["datasets/owner/nli"].xet = frozenset(["de/train-00000-of-00001.parquet"])
    with pytest.raises(UserError, match=r"its storage does not give it .*HF_HUB_DISABLE_XET=1"):
        load_corpus(config(*PINNED), print)


def test_a_cache_that_cannot_be_written_is_named(data_set, monkeypatch):
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_tree", refuse)
    with pytest.raises(UserError, match=r"cache \S+ cannot be written to.*HF_HOME=DIR"):
        require_data(config(*PINNED), print)


def test_the_same_is_said_of_models(hub):
    hub.fault("", status=403, headers=GATED)
    model = config("model=xlmr_base").model
    with pytest.raises(UserError) as caught:
        require_model(model, print)
    assert str(caught.value).startswith(f"Model {model.path} at {model.revision} is gated")
    assert "model=local model.path=DIR" in str(caught.value)
    hub.faults.clear()
    for change in ("model.path=no/such", "model.path=xlm-roberta-bsae"):
        with pytest.raises(UserError, match="does not exist, or is private"):
            fetched(config("model=xlmr_base", change, f"model.revision={COMMIT}").model, print)
