"""Why the Hugging Face Hub, or the way to it, gave nothing, and what to do about it.

Exceptions of the HTTP library are told by their names: which library it is depends on the version
of `huggingface_hub`, which is imported inside functions.
"""

import errno
import os
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

PASSING = (408, 429, 500, 502, 503, 504)
"""Status codes that another attempt may not meet."""

BROKEN = {"ReadError", "WriteError", "CloseError", "RemoteProtocolError"}
"""Names of errors of a connection that ends before its time."""


def refusal(error: BaseException, what: str, page: str, switch: str) -> str:
    """Say in a few sentences why something could not be had, and what to do.

    Args:
        error: as the client of the Hub raised it.
        what: names it at the start of a sentence, as in `Data set facebook/xnli`.
        page: address of its page on the Hub.
        switch: what names it on the command line.

    Raises:
        OSError: the error itself, if it says that the disk is full.
    """
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            raise cause
        if _status(cause):
            return _of_answer(cause, what, page, switch)
    for cause in _chain(error):
        if sentence := _of_connection(cause, what):
            return sentence
    return f"{what} could not be fetched: {_first_line(error)}"


def is_passing(error: BaseException) -> bool:
    """Return whether another attempt may succeed."""
    return _status(error) in PASSING or "TransportError" in _names(error)


def unattended(error: BaseException) -> bool:
    """Return whether another download may succeed, and the client has made no other by itself."""
    return _status(error) >= 500 or bool(_names(error) & {"ReadError", "WriteError"})


def short_reason(error: BaseException) -> str:
    """Say in a few words what happened."""
    if status := _status(error):
        return f"the hub answers {status}"
    if "TimeoutException" in _names(error):
        return f"{_host(error)} does not answer in time"
    if _names(error) & BROKEN:
        return f"the connection to {_host(error)} broke"
    return f"{_host(error)} cannot be reached"


def wait_asked_for(error: BaseException) -> int | None:
    """Return the seconds that the Hub asks to wait for (`Retry-After`), if it does."""
    value = _headers(error).get("retry-after", "")
    return int(value) if value.isdigit() else None


def _of_answer(error: Any, what: str, page: str, switch: str) -> str:
    """Explain an answer with an error's status."""
    from huggingface_hub import get_token

    status, names = _status(error), _names(error)
    message = _headers(error).get("x-error-message", "")
    known = bool(get_token())
    if "GatedRepoError" in names:
        log_in = "" if known else "log in with `hf auth login` (or set HF_TOKEN), and "
        once = "; run again once it is granted" if known else ""
        return (
            f"{what} is gated: its owner decides who may fetch it ({status}). "
            f"To get it, {log_in}ask for access at {page}{once}."
        )
    if "RevisionNotFoundError" in names:
        return f"{what} does not exist: there is no such revision ({status}). Check {switch}."
    if "EntryNotFoundError" in names:
        file = str(error.response.request.url).rpartition("/resolve/")[2].partition("/")[2]
        return f"{what} has no file {file}, although the hub lists it ({status})."
    if "DisabledRepoError" in names:
        return f"{what} is disabled by the hub ({status}). Choose another for {switch}."
    if status == 401 and ("credentials" in message or (known and "Repository" not in message)):
        return (
            f"The hub does not accept your token ({status}), so {what[0].lower()}{what[1:]} cannot "
            "be fetched. Log in again with `hf auth login`, or unset HF_TOKEN."
        )
    if "RepositoryNotFoundError" in names or status in (401, 404):
        private = "with an account that may see it" if known else "with `hf auth login`"
        return (
            f"{what} does not exist, or is private ({status}). Check {switch}; "
            f"if it is private, log in {private}."
        )
    if status == 403:
        return (
            f"{what} is refused to you ({status}{': ' + message if message else ''}). "
            f"Use a token that may read it (`hf auth login`), or ask its owner at {page}."
        )
    if status == 429:
        seconds = wait_asked_for(error)
        wait = f"Wait {seconds} s" if seconds else "Wait some minutes"
        more = "" if known else ", or log in with `hf auth login` for a higher limit"
        return (
            f"The hub has had too many requests from here ({status}), so {what[0].lower()}"
            f"{what[1:]} could not be fetched. {wait} and run the same command again{more}."
        )
    if status >= 500:
        phrase = HTTPStatus(status).phrase if status in [*HTTPStatus] else "error"
        return (
            f"The hub has a fault of its own ({status} {phrase}), so {what[0].lower()}{what[1:]} "
            "could not be fetched. Run the same command again later; finished files are kept."
        )
    return f"{what} could not be fetched: the hub answers {status}. {_first_line(error)}"


def _of_connection(error: BaseException, what: str) -> str:
    """Explain what kept an answer from coming; "" for other errors."""
    from huggingface_hub import constants

    names, text, host = _names(error), str(error), _host(error)
    lost = f"{what} could not be fetched"
    if "ProxyError" in names:
        return f"{lost}: the proxy refuses ({_first_line(error)}). Check HTTPS_PROXY."
    if "TimeoutException" in names:
        seconds = constants.HF_HUB_DOWNLOAD_TIMEOUT
        return (
            f"{lost}: {host} did not answer within {seconds} s. Run the same command again; "
            "for a slow line, set HF_HUB_DOWNLOAD_TIMEOUT=60 and HF_HUB_ETAG_TIMEOUT=60 (seconds)."
        )
    if "CERTIFICATE_VERIFY_FAILED" in text.upper():
        return (
            f"{lost}: the certificate of {host} is not trusted here. If your network has a "
            "certificate of its own, name its file with SSL_CERT_FILE=FILE."
        )
    if "ConnectError" in names:
        return (
            f"{lost}: {host} cannot be reached. Allow connections to it (the hub sends large files "
            "from other hosts than its own), or try again later."
        )
    if names & BROKEN or "Consistency check failed" in text:
        return (
            f"{lost}: the connection to {host} broke in the middle of a file, again and again. "
            "Run the same command again; finished files are kept."
        )
    if names & {"FileMetadataError", "JSONDecodeError"}:
        return (
            f"{lost}: {constants.ENDPOINT} does not answer as a hub does. Check HF_ENDPOINT, and "
            "that no page to log in to the network stands between."
        )
    if "HFValidationError" in names:
        return f"{lost}: that is not the id of a repository (OWNER/NAME)."
    if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.EROFS:
        return (
            f"{lost}: the hub's cache {constants.HF_HUB_CACHE} cannot be written to. "
            "Choose another folder with HF_HOME=DIR."
        )
    if "xet" in text.lower() or "cas " in text.lower():
        return (
            f"{lost}: its storage does not give it ({_first_line(error)}). "
            "HF_HUB_DISABLE_XET=1 fetches files in the ordinary way."
        )
    return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _status(error: BaseException) -> int:
    return getattr(getattr(error, "response", None), "status_code", 0)


def _headers(error: BaseException) -> Any:
    return getattr(getattr(error, "response", None), "headers", {})


def _host(error: BaseException) -> str:
    try:
        return error.request.url.netloc.decode()  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):  # no request belongs to it
        return os.environ.get("HF_ENDPOINT") or "the hub"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
