"""Repositories of the Hugging Face Hub: what this machine has of them, and fetching the rest.

Files lie in the Hub's own cache. Its client keeps the listing of a commit there too, by which a
snapshot that is partial on purpose is told from one that is incomplete.
`huggingface_hub` is imported inside functions: only what comes from the Hub needs it.
"""

import glob
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xling.data.connection import (
    Bar,
    Say,
    answers,
    hub_reachable,
    switched_off,
    talking,
    with_retries,
)
from xling.data.files import list_files
from xling.data.refusals import is_passing, refusal, short_reason, unattended
from xling.errors import UserError

KINDS = {"dataset": "Data set", "model": "Model"}

_commits: dict[tuple[str, str, str | None], str | None] = {}
"""What the branches point to during this process: the jobs of a sweep read the same files."""

_accessible: set[str] = set()
"""Addresses of files that the Hub has agreed to give to this process."""


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


@dataclass(frozen=True)
class Snapshot:
    """A repository at a commit, and what this machine has of it.

    Attributes:
        folder: of the files in the cache; None: there are none.
        sizes: bytes of all files of the commit, by name; None: its listing is not known here.
    """

    repository: Repository
    commit: str
    folder: Path | None
    sizes: dict[str, int] | None

    @property
    def names(self) -> list[str]:
        """The files of the commit; those on this machine if the others are not known."""
        if self.sizes is not None:
            return sorted(self.sizes)
        return list_files(self.folder) if self.folder else []

    def missing(self, files: Sequence[str]) -> list[str]:
        """Return those of the files that are not on this machine."""
        folder = self.folder
        return [name for name in files if folder is None or not (folder / name).is_file()]


def locate(repository: Repository, say: Say) -> Snapshot:
    """Find the commit of a repository and its listing; the network is asked only for what is new.

    Raises:
        UserError: the Hub refuses, or cannot be reached and nothing is known here.
    """
    commit = _commit(repository, say)
    if commit is None:
        raise offline(repository, [], [])
    folder, sizes = _folder(repository, commit), _listing(repository, commit)
    if sizes is None and hub_reachable():
        with _explained(repository), talking(say):
            _client("snapshot_download", repository, commit, allow_patterns=[])
        sizes = _listing(repository, commit)
        if sizes is None:
            say(f"The hub lists no files of {repository.name}: going by those in its cache")
    return Snapshot(repository, commit, folder, sizes)


def selected(snapshot: Snapshot, select: Callable[[list[str]], list[str]]) -> list[str]:
    """Return the files of a snapshot that a function selects by their names.

    Raises:
        UserError: those needed are not there, or nobody knows as the Hub is out of reach.
    """
    try:
        return select(snapshot.names)
    except UserError:
        if snapshot.sizes is None:
            raise offline(snapshot.repository, [], []) from None
        raise


def require(snapshot: Snapshot, files: Sequence[str], say: Say) -> None:
    """Check that files are on this machine, or that they can be fetched and the disk has space.

    Raises:
        UserError: neither is the case.
    """
    if missing := _to_fetch(snapshot, files):
        largest = max(missing, key=lambda name: _bytes(snapshot, [name]))
        _ask_for_access(snapshot.repository, snapshot.commit, largest, say)


def folder_of(snapshot: Snapshot, files: Sequence[str], say: Say) -> Path:
    """Return the folder that has the files, and say what it is; fetch those that are missing.

    Raises:
        UserError: as `fetch_missing`.
    """
    repository, commit = snapshot.repository, snapshot.commit
    if not snapshot.missing(files):
        say(fetch_line(snapshot, files))
    folder = fetch_missing(snapshot, files, say)
    if not repository.pinned:
        data = repository.kind == "dataset"
        pin = f"data.path={repository.name}@{commit}" if data else f"model.revision={commit}"
        say(f"The revision is not pinned; to repeat this run: {pin}")
    return folder


def fetch_missing(snapshot: Snapshot, files: Sequence[str], say: Say) -> Path:
    """Fetch the files that are not on this machine, if any; return the folder that has them all.

    Raises:
        UserError: the network, the Hub or the disk does not allow it.
    """
    repository, commit = snapshot.repository, snapshot.commit
    if missing := _to_fetch(snapshot, files):
        say(fetch_line(snapshot, files))
        with _explained(repository), talking(say):
            wanted = [glob.escape(name) for name in missing]
            with_retries(
                lambda: _client(
                    "snapshot_download", repository, commit, allow_patterns=wanted, tqdm_class=Bar
                ),
                say,
                unattended,
            )
        snapshot = Snapshot(repository, commit, _folder(repository, commit), snapshot.sizes)
        if lacking := snapshot.missing(files):
            raise UserError(f"{repository}: the hub lists {lacking[0]} but does not give it.")
    return Path(snapshot.folder or "")


def fetch_line(snapshot: Snapshot, files: Sequence[str]) -> str:
    """Say how many files, and how large, are to be fetched."""
    repository, missing = snapshot.repository, snapshot.missing(files)
    if not missing:
        return f"{repository} at {snapshot.commit}, from the cache"
    count = f"{len(missing)} file{'s' if len(missing) > 1 else ''}"
    here = f" ({len(files) - len(missing)} are in the cache)" if len(missing) < len(files) else ""
    return (
        f"{repository} at {snapshot.commit}, to be fetched from the hub: {count}, "
        f"{_readable(_bytes(snapshot, missing))}{here}"
    )


def offline(repository: Repository, files: Sequence[str], missing: Sequence[str]) -> UserError:
    """Return the error of a repository that is not, or only partly, here and out of reach.

    Args:
        files: that are needed; none if it is not known which there are.
        missing: those of them that are not on this machine.
    """
    off = switched_off()
    reason = f"{off} is set" if off else "the hub does not answer"
    state = "is not on this machine"
    if len(missing) < len(files):
        more = f" and {len(missing) - 2} more" if len(missing) > 2 else ""
        state = f"is only partly on this machine (without {', '.join(missing[:2])}{more})"
    options = " --repo-type dataset" if repository.kind == "dataset" else ""
    options += f" --revision {repository.revision}" if repository.revision else ""
    folders = {name.rpartition("/")[0] for name in files}
    patterns = {f"{folder}/*" for folder in folders if folder}
    patterns |= {name for name in files if "/" not in name}
    filters = "".join(f' --include "{pattern}"' for pattern in sorted(patterns))
    return UserError(
        f"{repository} {state} and {reason}.\n"
        "Fetch it on a machine with a network and the same HF_HOME, and run again:\n"
        f"  hf download {repository.name}{options}{filters or repository.filters}\n"
        "Or fetch it with --local-dir DIR and copy that folder here.\n"
        f"{repository.otherwise}"
    )


def _to_fetch(snapshot: Snapshot, files: Sequence[str]) -> list[str]:
    """Return what is missing, if there is a network to fetch it and a disk to hold it."""
    missing = snapshot.missing(files)
    if not missing:
        return []
    if not hub_reachable():
        raise offline(snapshot.repository, files, missing)
    cache, needed = _cache(), _bytes(snapshot, missing)
    free = shutil.disk_usage(next(path for path in (cache, *cache.parents) if path.exists())).free
    if needed > free:
        raise UserError(
            f"{snapshot.repository} needs {_readable(needed)}, but only {_readable(free)} are "
            f"free where the hub's cache lies ({cache}). Choose another disk with HF_HOME=DIR."
        )
    return missing


def _commit(repository: Repository, say: Say) -> str | None:
    """Return the commit of a revision, the same for the whole run; None: unknown without the Hub.

    A branch is asked for at each run, as it may have moved.
    """
    if repository.pinned:
        return repository.revision
    key = (repository.kind, repository.name, repository.revision)
    if key not in _commits:
        _commits[key] = _ask_for_commit(repository, say)
    return _commits[key]


def _ask_for_commit(repository: Repository, say: Say) -> str | None:
    known = _last_commit(repository)
    if not hub_reachable():
        return known
    try:
        with talking(say):
            commit = with_retries(
                lambda: _client("repo_info", repository, repository.revision).sha, say
            )
            if commit != known:
                _client("resolve_revision", repository, repository.revision)  # which records it
            return commit
    except Exception as error:
        if known and is_passing(error):
            reason = short_reason(error)
            say(f"{reason[0].upper()}{reason[1:]}: {repository} as it was last fetched, at {known}")
            return known
        raise UserError(_refusal(error, repository)) from error


def _last_commit(repository: Repository) -> str | None:
    from huggingface_hub.errors import RevisionResolutionError

    try:
        return _client(
            "resolve_revision", repository, repository.revision, local_files_only=True
        ).resolved
    except RevisionResolutionError:
        return None


def _folder(repository: Repository, commit: str) -> Path | None:
    """Return the snapshot's folder. Without patterns, the client refuses one that is partial."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    here = {"local_files_only": True, "allow_patterns": []}
    try:
        return Path(_client("snapshot_download", repository, commit, **here))
    except LocalEntryNotFoundError:
        return None


def _listing(repository: Repository, commit: str) -> dict[str, int] | None:
    """Return the sizes of all files of a commit, if the cache has its listing."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        tree = get_cached_repo_tree(repository.name, repo_type=repository.kind, revision=commit)
    except CachedRepoTreeNotFoundError:
        return None
    return {file.path: file.size for file in tree}


def _ask_for_access(repository: Repository, commit: str, name: str, say: Say) -> None:
    """Ask once where a file lies: the Hub lists also what it does not give.

    Raises:
        UserError: it does not give it, or Xet storage is out of reach, for which its client would
            try for many minutes without a word.
    """
    from huggingface_hub import constants, get_hf_file_metadata, get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    kind = repository.kind
    url = hf_hub_url(repository.name, name, repo_type=kind, revision=commit)
    if url not in _accessible:
        with _explained(repository), talking(say):
            file = with_retries(lambda: get_hf_file_metadata(url), say)
            storage = None
            if file.xet_file_data and not constants.HF_HUB_DISABLE_XET:
                token = file.xet_file_data.refresh_route
                answer = get_session().get(token, headers=build_hf_headers())
                storage = answer.headers.get(constants.HUGGINGFACE_HEADER_X_XET_ENDPOINT)
        if storage and not answers(storage):
            raise UserError(
                f"{repository} lies in a storage that cannot be reached: {storage}. Allow "
                "connections to it, or set HF_HUB_DISABLE_XET=1 to fetch files in the ordinary way."
                f"\n{repository.otherwise}"
            )
        _accessible.add(url)


def _client(function: str, repository: Repository, revision: str | None, **options: object):
    """Call a function of the Hub's client for a repository."""
    from huggingface_hub import HfApi

    call = getattr(HfApi(), function)
    return call(repository.name, repo_type=repository.kind, revision=revision, **options)


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser().absolute()


@contextmanager
def _explained(repository: Repository) -> Iterator[None]:
    """Explain errors of the Hub's client and of its HTTP library."""
    try:
        yield
    except Exception as error:
        raise UserError(_refusal(error, repository)) from error


def _refusal(error: BaseException, repository: Repository) -> str:
    revision = f" at {repository.revision}" if repository.revision else ""
    reason = refusal(error, f"{repository}{revision}", repository.page, repository.switch)
    return f"{reason}\n{repository.otherwise}"


def _bytes(snapshot: Snapshot, files: Sequence[str]) -> int:
    return sum((snapshot.sizes or {}).get(name, 0) for name in files)


def _readable(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
