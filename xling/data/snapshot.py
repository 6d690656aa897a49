"""Repositories of the Hugging Face Hub, and what this machine's cache has of them.

Files lie in the Hub's own cache. Its client keeps the listing of a commit there too, by which a
snapshot that is partial on purpose is told from one that is incomplete. No network is asked.
`huggingface_hub` is imported inside functions: only what comes from the Hub needs it.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    """Check that the files in the cache can be read, and have the size that they have on the Hub.

    Raises:
        UserError: names a file that cannot, or has not, and what to do.
    """
    missing = set(snapshot.missing)
    for name in snapshot.files:
        if name in missing or snapshot.folder is None:
            continue
        path = snapshot.folder / name
        try:
            path.open("rb").close()
        except OSError as error:
            raise _unreadable(snapshot.repository, path, error) from error
        size = (snapshot.sizes or {}).get(name)
        here = path.stat().st_size
        if size not in (None, here):
            raise UserError(
                f"{snapshot.repository}: {name} is damaged in the hub's cache: it has {here:,} "
                f"bytes, and {size:,} on the hub. {_fetch_again([path])}"
            )


def named(error: UserError, snapshot: Snapshot) -> UserError:
    """Return an error that names a repository by its id, where it names the cache's folder or none.

    It also says which of the files it speaks of are damaged in the cache: of all, if it names none.
    """
    text = str(error).replace(str(snapshot.folder), snapshot.repository.name)
    if snapshot.repository.name not in text:
        text = f"{snapshot.repository}: {text}"
    folder = snapshot.folder or Path()
    files = list_files(folder)
    paths = [folder / name for name in [name for name in files if name in text] or files]
    damaged = [path for path in paths if not _is_whole(path)]
    if damaged:
        names = ", ".join(path.relative_to(folder).as_posix() for path in damaged)
        text += f"\n{names}: damaged in the hub's cache. {_fetch_again(damaged)}"
    return UserError(text)


def _is_whole(path: Path) -> bool:
    """Return whether a file in the cache is what was fetched: its name there is its digest."""
    content = path.resolve()
    known = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", content.name)
    if not known or not os.access(content, os.R_OK):
        return True  # a cache without links, or another user's: nothing tells
    git = len(content.name) == 40
    digest = hashlib.sha1(b"blob %d\0" % content.stat().st_size) if git else hashlib.sha256()
    with content.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest() == content.name


def _fetch_again(paths: Sequence[Path]) -> str:
    """Say how to fetch files anew: the Hub's client believes in those that are there."""
    files = shlex.join(str(path.resolve()) for path in paths)
    what = "it" if len(paths) == 1 else "them"
    return f"Delete {what} and run again, which fetches {what} anew:\n  rm {files}"


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
