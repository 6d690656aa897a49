"""Repositories of the Hugging Face Hub: finding the files that are needed, and fetching them.

`huggingface_hub` is imported inside functions: only what comes from the Hub needs it.
"""

import glob
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

from xling.data.connection import (
    PATIENCE,
    Bar,
    Say,
    answers,
    hub_reachable,
    switched_off,
    talking,
    with_retries,
)
from xling.data.refusals import is_passing, refusal, short_reason, unattended, unwritable
from xling.data.snapshot import (
    Repository,
    Snapshot,
    cached,
    client,
    last_commit,
    named,
    require_readable,
    require_whole,
)
from xling.errors import UserError

Select = Callable[[list[str]], list[str]]
"""Picks the files needed by the names of all; raises `UserError` if some are not there."""

_commits: dict[tuple[str, str, str | None], str | None] = {}
"""What the branches point to during this process: the jobs of a sweep read the same files."""

_unlisted: set[tuple[str, str, str | None]] = set()
"""Repositories whose listing could not be had, or not be kept, during this process."""

_accessible: set[str] = set()
"""Addresses of files that the Hub has agreed to give to this process."""


def locate(repository: Repository, select: Select, say: Say) -> Snapshot:
    """Find the commit of a repository and the files needed; the network is asked for what is new.

    Args:
        select: picks the names of the files needed from those of all files.
        say: prints what is tried again.

    Raises:
        UserError: the Hub refuses, or cannot be reached and too little is known here; or as
            `select`.
    """
    require_readable(repository)
    commit = _commit(repository, select, say)
    if commit is None:
        raise offline(repository, [], [])
    snapshot = cached(repository, commit)
    if snapshot.sizes is None and _key(repository) not in _unlisted and hub_reachable():
        snapshot = _listed(snapshot, select, say)
    try:
        return replace(snapshot, files=tuple(select(snapshot.names)))
    except UserError:
        if snapshot.sizes is None:
            raise offline(repository, [], []) from None
        raise


def require(snapshot: Snapshot, say: Say) -> None:
    """Check that the files are on this machine, or can be fetched and the disk has space.

    Raises:
        UserError: neither is the case.
    """
    if missing := _to_fetch(snapshot):
        largest = max(missing, key=lambda name: snapshot.bytes([name]))
        _ask_for_access(snapshot.repository, snapshot.commit, largest, say)


def folder_of(snapshot: Snapshot, say: Say) -> Path:
    """Return the folder that has the files, and say what it is; fetch those that are missing.

    Raises:
        UserError: as `fetch_missing`.
    """
    repository, commit = snapshot.repository, snapshot.commit
    if not snapshot.missing:
        say(fetch_line(snapshot))
    folder = fetch_missing(snapshot, say)
    if not repository.pinned:
        say(f"The revision is not pinned; to repeat this run: {repository.pin(commit)}")
    return folder


def fetch_missing(snapshot: Snapshot, say: Say) -> Path:
    """Fetch the files that are not on this machine, if any; return the folder that has them all.

    Raises:
        UserError: the network, the Hub or the disk does not allow it.
    """
    repository, commit = snapshot.repository, snapshot.commit
    if missing := _to_fetch(snapshot):
        say(fetch_line(snapshot))
        with _explained(repository), talking(say):
            wanted = [glob.escape(name) for name in missing]
            with_retries(
                lambda: client(
                    "snapshot_download", repository, commit, allow_patterns=wanted, tqdm_class=Bar
                ),
                say,
                unattended,
            )
        snapshot = replace(cached(repository, commit), files=snapshot.files)
        if lacking := snapshot.missing:
            raise UserError(f"{repository}: the hub lists {lacking[0]} but does not give it.")
        require_whole(snapshot)
    return Path(snapshot.folder or "")


@contextmanager
def named_by_id(repository: Repository) -> Iterator[None]:
    """Let the errors of a block, which reads what was fetched, name the repository by its id."""
    try:
        yield
    except UserError as error:
        commit = repository.revision if repository.pinned else _commits.get(_key(repository))
        snapshot = cached(repository, commit) if commit else None
        if snapshot is None or snapshot.folder is None:
            raise
        text = str(error)
        elsewhere = str(snapshot.folder) not in text and repository.name in text
        if elsewhere or text.startswith(str(repository)):
            raise  # it names the repository already
        raise named(error, snapshot) from error


def fetch_line(snapshot: Snapshot) -> str:
    """Say how many files, and how large, are to be fetched."""
    repository, files, missing = snapshot.repository, snapshot.files, snapshot.missing
    if not missing:
        return f"{repository} at {snapshot.commit}, from the cache"
    count = f"{len(missing)} file{'s' if len(missing) > 1 else ''}"
    here = f" ({len(files) - len(missing)} are in the cache)" if len(missing) < len(files) else ""
    return (
        f"{repository} at {snapshot.commit}, to be fetched from the hub: {count}, "
        f"{_readable(snapshot.bytes(missing))}{here}"
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
    folders = {name.rpartition("/")[0] for name in files}
    patterns = {f"{folder}/*" for folder in folders if folder}
    patterns |= {name for name in files if "/" not in name}
    filters = "".join(f' --include "{pattern}"' for pattern in sorted(patterns))
    return UserError(
        f"{repository} {state} and {reason}.\n"
        "Fetch it on a machine with a network and the same HF_HOME, and run again:\n"
        f"  {repository.download}{filters or repository.filters}\n"
        "Or fetch it with --local-dir DIR and copy that folder here.\n"
        f"{repository.otherwise}"
    )


def _to_fetch(snapshot: Snapshot) -> list[str]:
    """Return what is missing, if there is a network to fetch it and a disk to hold it."""
    require_whole(snapshot)
    missing = snapshot.missing
    if not missing:
        return []
    if not hub_reachable():
        raise offline(snapshot.repository, snapshot.files, missing)
    cache, needed = snapshot.repository.folder.parent, snapshot.bytes(missing)
    free = shutil.disk_usage(_existing(cache)).free
    if needed > free:
        raise UserError(
            f"{snapshot.repository} needs {_readable(needed)}, but only {_readable(free)} are "
            f"free where the hub's cache lies ({cache}). Choose another disk with HF_HOME=DIR."
        )
    _require_writable(snapshot.repository)
    return missing


def _require_writable(repository: Repository) -> None:
    """Check that what is fetched can be kept: the client passes over it where it is a listing."""
    try:
        with TemporaryFile(dir=_existing(repository.folder)) as file:
            file.write(bytes(4096))
    except OSError as error:
        reason = unwritable(str(repository), error)
        raise UserError(f"{reason}\n{repository.otherwise}") from error


def _existing(folder: Path) -> Path:
    """Return the innermost folder of a path that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _key(repository: Repository) -> tuple[str, str, str | None]:
    return repository.kind, repository.name, repository.revision


def _commit(repository: Repository, select: Select, say: Say) -> str | None:
    """Return the commit of a revision, the same for the whole run; None: unknown without the Hub.

    A branch is asked for at each run, as it may have moved.
    """
    if repository.pinned:
        return repository.revision
    key = _key(repository)
    if key not in _commits:
        _commits[key] = _ask_for_commit(repository, select, say)
    return _commits[key]


def _ask_for_commit(repository: Repository, select: Select, say: Say) -> str | None:
    known = last_commit(repository)
    last = f"{repository} as it was last fetched, at {known}"
    if not hub_reachable():
        if known and not switched_off():
            say(f"The hub does not answer: {last}")
        return known
    usable = known is not None and _is_usable(cached(repository, known), select)
    try:
        with talking(say):
            commit = with_retries(
                lambda: client("repo_info", repository, repository.revision).sha,
                say,
                lambda error: is_passing(error) and not usable,
            )
            if commit != known:
                client("resolve_revision", repository, repository.revision)  # which records it
            return commit
    except Exception as error:
        if known and is_passing(error):
            reason = short_reason(error)
            say(f"{reason[0].upper()}{reason[1:]}: {last}")
            return known
        here = f"\nTo go on with what the cache has: {repository.pin(known)}" if usable else ""
        raise UserError(f"{_refusal(error, repository)}{here}") from error


def _is_usable(snapshot: Snapshot, select: Select) -> bool:
    """Return whether the cache has all files needed, as far as is known."""
    try:
        return not replace(snapshot, files=tuple(select(snapshot.names))).missing
    except UserError:
        return False


def _listed(snapshot: Snapshot, select: Select, say: Say) -> Snapshot:
    """Ask for the listing of a commit; files that are here without one do, if there is none."""
    repository, commit = snapshot.repository, snapshot.commit
    usable = _is_usable(snapshot, select)
    try:
        with talking(say, patience=0 if usable else PATIENCE):
            client("snapshot_download", repository, commit, allow_patterns=[])
    except Exception as error:
        if not (usable and is_passing(error)):
            raise UserError(_refusal(error, repository)) from error
    snapshot = cached(repository, commit)
    if snapshot.sizes is None:
        if not usable:
            _require_writable(repository)
        _unlisted.add(_key(repository))
        say(
            f"The hub's listing of {repository.name} cannot be had or kept: going by the files in "
            "its cache"
        )
    return snapshot


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


def _readable(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
