"""A hub on this machine: the paths, headers and answers of huggingface.co that its clients rely on.

Repositories are plain dictionaries; faults are answers given instead, as often as they are asked.
"""

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants, file_download
from huggingface_hub.utils import _http

from xling.data import connection

COMMIT = "5e" * 20
XET_TOKEN = {"X-Xet-Access-Token": "token", "X-Xet-Token-Expiration": "9999999999"}
PATHS = re.compile(
    r"/api/(?P<api>models|datasets)/(?P<repo>[^/]+/[^/]+)"
    r"(?:/(?:revision/(?P<info>[^/]+)|tree/(?P<tree>[^/]+)(?P<below>/.+)?|(?P<xet>xet-read-token)/[^/]+))?"
    r"|/(?P<prefix>datasets/)?(?P<owner>[^/]+/[^/]+)/resolve/(?P<at>[^/]+)/(?P<file>.+)"
)


@dataclass
class Fault:
    """What is answered instead of the right answer.

    Attributes:
        path: regular expression that a request's path is to contain.
        status, headers, text: of the answer; 200 is the right one, changed by what follows.
        seconds: wait before it.
        cut: close the connection after so many bytes of the body, as many more are announced.
        reset: close it with an error (RST) instead of an end.
        times: how often; None: always.
        method: HEAD or GET; None: either.
    """

    path: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    seconds: float = 0
    cut: int | None = None
    reset: bool = False
    times: int | None = None
    method: str | None = None


class Request(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Repo:
    """A repository at `COMMIT`, which its branch `main` is at.

    Attributes:
        files: contents by name.
        elsewhere: names of the files that another host sends, as large ones are on the true hub.
        moved: its new name, if it has one.
        xet: names of the files that lie in Xet storage, which is not served here.
    """

    files: dict[str, bytes]
    elsewhere: frozenset[str] = frozenset()
    moved: str | None = None
    xet: frozenset[str] = frozenset()


@dataclass
class Hub:
    """A hub that is served.

    Attributes:
        address, storage: where it listens, and the other host that sends large files.
        repos: by kind and name, as in `datasets/owner/name`.
        faults: tried in their order; the first that fits is given.
        requests: what was asked, in order.
    """

    address: str = ""
    storage: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def fault(self, path: str, **what: Any) -> None:
        """Add a fault."""
        self.faults.append(Fault(path, **what))

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Return what to answer instead, and count it."""
        for fault in self.faults:
            fits = re.search(fault.path, path) and fault.method in (None, method)
            if fits and fault.times != 0:
                fault.times = fault.times and fault.times - 1
                return fault
        return None

    def asked(self, pattern: str = "") -> list[str]:
        """Return the requests whose line contains a pattern, as `GET /path`."""
        lines = (f"{request.method} {request.path}" for request in self.requests)
        return [line for line in lines if re.search(pattern, line)]


def etag(content: bytes) -> str:
    """Return what the hub knows a large file by."""
    return hashlib.sha256(content).hexdigest()


def git_digest(content: bytes) -> str:
    """Return what Git, and so the hub, knows a small file by."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection; `hub` is set by `serve`."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/api/agent-harnesses":  # asked by programs that are started by others
            return self.send_json({})
        self.hub.requests.append(Request(self.command, path, dict(self.headers)))
        fault = self.hub.fault_for(self.command, path) or Fault("")
        time.sleep(fault.seconds)
        if fault.status != 200:
            self.send(fault.status, fault.headers, fault.text.encode())
        elif path.startswith("/storage/"):
            self.send_file(self.stored(path.removeprefix("/storage/")), {}, fault)
        elif match := PATHS.fullmatch(path):
            kind = match["api"] or ("datasets" if match["prefix"] else "models")
            self.answer(kind, match, fault)
        else:
            self.refuse(404, "RepoNotFound", "Repository not found")

    def handle(self) -> None:
        with suppress(ConnectionError):  # of a client that has gone
            super().handle()

    do_HEAD = do_GET  # noqa: N815  as the library calls it

    def answer(self, kind: str, match: re.Match[str], fault: Fault) -> None:
        name = match["repo"] or match["owner"]
        repo = self.hub.repos.get(f"{kind}/{name}")
        if repo is None:
            self.refuse(401, "RepoNotFound", "Repository not found")
        elif repo.moved:
            self.send(307, {"Location": self.path.replace(name, repo.moved)}, b"")
        elif (match["info"] or match["tree"] or match["at"] or "main") not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
        elif match["xet"]:
            self.send(200, {"X-Xet-Cas-Url": self.hub.storage, **XET_TOKEN}, b"")
        elif match["below"]:
            self.refuse(404, "EntryNotFound", "Entry not found")
        elif match["tree"]:
            entries = [entry(path, content, repo) for path, content in repo.files.items()]
            folders = {path.rpartition("/")[0] for path in repo.files} - {""}
            entries += [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders]
            self.send_json(entries)
        elif not match["file"]:
            siblings = [{"rfilename": path} for path in repo.files]
            about = {"id": name, "sha": COMMIT, "siblings": siblings, "tags": []}
            self.send_json(about | {"private": False, "downloads": 0, "likes": 0})
        elif match["file"] not in repo.files:
            self.refuse(404, "EntryNotFound", "Entry not found")
        else:
            self.resolve(kind, name, repo, match["file"], fault)

    def resolve(self, kind: str, name: str, repo: Repo, file: str, fault: Fault) -> None:
        content = repo.files[file]
        large = file in repo.elsewhere or file in repo.xet
        digest = etag(content) if large else git_digest(content)
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT}
        if file in repo.xet:
            route = f"{self.hub.address}/api/{kind}/{name}/xet-read-token/{COMMIT}"
            headers |= {"X-Xet-Hash": etag(content), "X-Xet-Refresh-Route": route}
        if file in repo.elsewhere:
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content))}
            headers["Location"] = f"{self.hub.storage}/storage/{kind}/{name}/{file}"
            self.send(302, headers, b"")
        else:
            self.send_file(content, headers, fault)

    def stored(self, path: str) -> bytes:
        kind, owner, name, file = path.split("/", 3)
        return self.hub.repos[f"{kind}/{owner}/{name}"].files[file]

    def send_file(self, content: bytes, headers: dict[str, str], fault: Fault) -> None:
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        part = content[int(begin[1]) :] if begin else content
        if begin:
            headers = headers | {"Content-Range": f"bytes {begin[1]}-/{len(content)}"}
        self.send(206 if begin else 200, headers, part, fault)

    def send_json(self, value: object) -> None:
        self.send(200, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        self.send(status, {"X-Error-Code": code, "X-Error-Message": message}, body)

    def send(
        self, status: int, headers: dict[str, str], body: bytes, fault: Fault | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault and fault.cut is not None:
            self.wfile.write(body[: fault.cut])
            self.wfile.flush()
            if fault.reset:
                time.sleep(0.2)  # what was sent arrives before the error
                at_once = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self.connection.close() if fault.reset else self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


def entry(path: str, content: bytes, repo: Repo) -> dict[str, object]:
    """Describe a file as a listing does."""
    about: dict[str, object] = {"type": "file", "path": path, "size": len(content)}
    about["oid"] = git_digest(content)
    if path in repo.elsewhere or path in repo.xet:
        about["lfs"] = {"oid": etag(content), "size": len(content), "pointerSize": 130}
    if path in repo.xet:
        about["xetHash"] = etag(content)
    return about


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on 127.0.0.1, and its storage as another host."""
    handler = type("HubHandler", (Handler,), {"hub": hub})
    with ExitStack() as stack:
        for attribute in ("address", "storage"):
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.shutdown)
            setattr(hub, attribute, f"http://127.0.0.1:{server.server_address[1]}")
        yield hub


@pytest.fixture
def hub(no_hub: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub without repositories, which this process and the commands it starts go to.

    Waiting before another attempt takes no time: how long it would be is in what is said.
    """
    with served(Hub()) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        template = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
        at_once = SimpleNamespace(sleep=lambda seconds: None, monotonic=time.monotonic)
        for module in (_http, file_download, connection):
            monkeypatch.setattr(module, "time", at_once)
        yield hub


@pytest.fixture
def unused_address() -> str:
    """The address of a server that is gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
