"""Repositories of the Hugging Face Hub, and what this machine's cache has of them.

Files lie in the Hub's own cache. Its client keeps the listing of a commit there too, by which a
snapshot that is partial on purpose is told from one that is incomplete. No network is asked.
`huggingface_hub` is imported inside functions: only what comes from the Hub needs it.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from xling.data.connection import quiet_client
from xling.data.files import list_files
from xling.errors import UserError

KINDS = {"dataset": "Data set", "model": "Model"}


@dataclass(frozen=True)
class Repository:
    """A data set or a model on the Hub.

    Attributes:
        name: OWNER/NAME.
        revision: commit, branch or tag; None: the main branch.
        switch: what names it on the command line, for advice.
        filters: options of `hf download` where nobody knows yet what files it has.
        otherwise: lines about what to do without it.
    """

    kind: Literal["dataset", "model"]
    name: str
    revision: str | None
    switch: str
    filters: str
    otherwise: str

    def __str__(self) -> str:
        return f"{KINDS[self.kind]} {self.name}"

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return bool(re.fullmatch(r"[0-9a-f]{40}", self.revision or ""))

    @property
    def page(self) -> str:
        """Address of its page."""
        from huggingface_hub import constants

        return f"{constants.ENDPOINT}/{'datasets/' if self.kind == 'dataset' else ''}{self.name}"

    @property
    def download(self) -> str:
        """The line for a shell that fetches all of it."""
        options = " --repo-type dataset" if self.kind == "dataset" else ""
        options += f" --revision {self.revision}" if self.revision else ""
        return f"hf download {self.name}{options}"

    @property
    def copying(self) -> str:
        """What is said after lines that change files, which those of the cache must not be."""
        source = "data=files data" if self.kind == "dataset" else "model=local model"
        return (
            f"That is for a copy of the files, which {source}.path=DIR reads:\n"
            f"  {self.download} --local-dir DIR"
        )

    @property
    def folder(self) -> Path:
        """Where the cache has it, if it does."""
        from huggingface_hub import constants

        cache = Path(constants.HF_HUB_CACHE).expanduser().absolute()
        return cache / f"{self.kind}s--{self.name.replace('/', '--')}"

    def pin(self, commit: str) -> str:
        """Return the switch that always reads the same commit."""
        data = self.kind == "dataset"
        return f"data.path={self.name}@{commit}" if data else f"model.revision={commit}"


@dataclass(frozen=True)
class Snapshot:
    """A repository at a commit, and what this machine has of it.

    Attributes:
        folder: of the files in the cache; None: there are none.
        sizes: bytes of all files of the commit, by name; None: its listing is not known here.
        files: names of those that are needed.
    """

    repository: Repository
    commit: str
    folder: Path | None
    sizes: dict[str, int] | None
    files: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The files of the commit; those on this machine if the others are not known."""
        if self.sizes is not None:
            return sorted(self.sizes)
        return list_files(self.folder) if self.folder else []

    @property
    def missing(self) -> list[str]:
        """Those of the needed files that are not on this machine."""
        folder = self.folder
        return [name for name in self.files if folder is None or not (folder / name).is_file()]

    def bytes(self, files: Iterable[str]) -> int:
        """Return the size of files, as far as it is known."""
        return sum((self.sizes or {}).get(name, 0) for name in files)


def require_readable(repository: Repository) -> None:
    """Check that the id is one, and that the cache is a folder, and not another user's alone.

    Raises:
        UserError: it is not.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repository.name)
    except HFValidationError as error:
        raise UserError(
            f"{repository}: that is not the id of a repository (OWNER/NAME): "
            f"{str(error).splitlines()[0]}\n{repository.otherwise}"
        ) from None
    try:
        os.scandir(repository.folder).close()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _unreadable(repository, repository.folder, error) from error


def _unreadable(repository: Repository, path: Path, error: OSError) -> UserError:
    return UserError(
        f"{repository} cannot be read in the hub's cache ({error.strerror}): {path}. Choose "
        f"another folder with HF_HOME=DIR.\n{repository.otherwise}"
    )


def cached(repository: Repository, commit: str) -> Snapshot:
    """Return what the cache has of a commit."""
    return Snapshot(repository, commit, _folder(repository, commit), _listing(repository, commit))


def last_commit(repository: Repository) -> str | None:
    """Return the commit that the revision was at when it was last fetched, if it was."""
    from huggingface_hub.errors import RevisionResolutionError

    here = {"local_files_only": True}
    try:
        return client("resolve_revision", repository, repository.revision, **here).resolved
    except RevisionResolutionError:
        return None


def require_whole(snapshot: Snapshot) -> None:
    """Check that the needed files in the cache can be read, and are what the Hub has.

    A process reads a file once for that, at about 2 GB/s: the size alone would not show a change.

    Raises:
        UserError: names the files that cannot, or are not, and what to do.
    """
    missing = set(snapshot.missing)
    damaged = {}
    for name in snapshot.files:
        if name in missing or snapshot.folder is None:
            continue
        path = snapshot.folder / name
        try:
            problem = _damage(path, (snapshot.sizes or {}).get(name))
        except OSError as error:
            raise _unreadable(snapshot.repository, path, error) from error
        if problem:
            damaged[name] = problem
    if damaged and snapshot.folder:
        contents = dict.fromkeys(str((snapshot.folder / name).resolve()) for name in damaged)
        (problem, *others), what = damaged.values(), "them" if len(damaged) > 1 else "it"
        raise UserError(
            f"{snapshot.repository}: {', '.join(damaged)} {'are' if others else 'is'} damaged in "
            f"the hub's cache{'' if others else f': {problem}'}. Delete {what} and run again, "
            f"which fetches {what} anew:\n  rm {shlex.join(contents)}"
        )  # the hub's client would keep files that are there


def named(error: UserError, snapshot: Snapshot) -> UserError:
    """Return an error that names a repository by its id, where it names the cache's folder.

    Its lines for a shell are for a copy of the files.
    """
    folder, repository = str(snapshot.folder), snapshot.repository
    lines = str(error).split("\n")
    commands = [line for line in lines if line.startswith("  ") and folder in line]
    text = "\n".join(
        line.replace(folder, "DIR" if line in commands else repository.name) for line in lines
    )
    if repository.name not in text:
        text = f"{repository}: {text}"
    return UserError(f"{text}\n{repository.copying}" if commands else text)


def _damage(path: Path, size: int | None) -> str:
    """Say how a file in the cache differs from what the Hub has; "" if nothing shows.

    Its contents lie under the name of their digest, but for a cache that has no links.

    Args:
        size: of the file on the Hub, if known.

    Raises:
        OSError: it cannot be read.
    """
    path.open("rb").close()
    contents = path.resolve()
    state = contents.stat()
    if size not in (None, state.st_size):
        return f"it has {state.st_size:,} bytes, and {size:,} on the hub"
    digest = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", contents.name)
    whole = not digest or _has_digest(contents, digest[0], state.st_size, state.st_mtime_ns)
    return "" if whole else "its contents are others than on the hub"


@cache
def _has_digest(path: Path, digest: str, size: int, changed: int) -> bool:
    """Return whether a file has a SHA-256, or Git's SHA-1 of a file; asked again if it changed."""
    hashed = hashlib.sha1(b"blob %d\0" % size) if len(digest) == 40 else hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest() == digest


def _folder(repository: Repository, commit: str) -> Path | None:
    """Return the snapshot's folder. Without patterns, the client refuses one that is partial."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    here = {"local_files_only": True, "allow_patterns": []}
    try:
        return Path(client("snapshot_download", repository, commit, **here))
    except LocalEntryNotFoundError:
        return None


def _listing(repository: Repository, commit: str) -> dict[str, int] | None:
    """Return the sizes of all files of a commit, if the cache has its listing."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    quiet_client()
    try:
        tree = get_cached_repo_tree(repository.name, repo_type=repository.kind, revision=commit)
    except CachedRepoTreeNotFoundError:
        return None
    return {file.path: file.size for file in tree}


def client(function: str, repository: Repository, revision: str | None, **options: object):
    """Call a function of the Hub's client for a repository."""
    from huggingface_hub import HfApi

    quiet_client()
    call = getattr(HfApi(), function)
    return call(repository.name, repo_type=repository.kind, revision=revision, **options)
