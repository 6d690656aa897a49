"""Why the Hugging Face Hub, or the way to it, gave nothing, and what to do about it.

Exceptions of the HTTP library are told by their names: which library it is depends on the version
of `huggingface_hub`, which is imported inside functions.
"""

import errno
import math
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

PASSING = (408, 429, 500, 502, 503, 504)
"""Status codes that another attempt may not meet."""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""Numbers of the errors of a cache that is full, or not to be written to."""

BROKEN = {"ReadError", "WriteError", "CloseError", "RemoteProtocolError"}
"""Names of errors of a connection that ends before its time."""


class LongWaitError(Exception):
    """The wait for another attempt would be too long.

    Attributes:
        reason: why it would be needed, in a few words.
        status: of the Hub's answer; 0: there was none.
        seconds: that the Hub asks to wait for; None: it does not ask for it.
        address: what was asked.
    """

    def __init__(self, reason: str, status: int, seconds: int | None, address: str) -> None:
        super().__init__(reason)
        self.reason, self.status, self.seconds = reason, status, seconds
        self.address = address


def refusal(error: BaseException, what: str, page: str, switch: str) -> str:
    """Say in a few sentences why something could not be had, and what to do.

    Args:
        error: as the client of the Hub raised it.
        what: names it at the start of a sentence, as in `Data set facebook/xnli`.
        page: address of its page on the Hub.
        switch: what names it on the command line.
    """
    for cause in _chain(error):
        if _status(cause):
            return _of_answer(cause, what, page, switch)
    for cause in _chain(error):
        if sentence := _of_connection(cause, what):
            return sentence
    return f"{what} could not be fetched: {_first_line(error)}"


def is_passing(error: BaseException) -> bool:
    """Return whether another attempt may succeed."""
    lost = isinstance(error, LongWaitError) or "TransportError" in _names(error)
    return lost or _status(error) in PASSING


def unattended(error: BaseException) -> bool:
    """Return whether another download may succeed, and the client has made no other by itself."""
    return _status(error) >= 500 or bool(_names(error) & {"ReadError", "WriteError"})


def short_reason(error: BaseException) -> str:
    """Say in a few words what happened."""
    if isinstance(error, LongWaitError):
        return error.reason
    if status := _status(error):
        return f"{storage_at(_address(error)) or 'the hub'} answers {status}"
    if "TimeoutException" in _names(error):
        return f"{_host(error)} does not answer in time"
    if _names(error) & BROKEN:
        return f"the connection to {_host(error)} broke"
    return f"{_host(error)} cannot be reached"


def storage_at(address: str) -> str:
    """Return the host of an address if it is another than the Hub's: that which sends files."""
    from huggingface_hub import constants

    host = urlsplit(address).netloc
    return "" if host == urlsplit(constants.ENDPOINT).netloc else host


def wait_asked_for(error: BaseException) -> int | None:
    """Return the seconds that the Hub asks to wait for (`Retry-After`, `RateLimit`), if it does."""
    if isinstance(error, LongWaitError):
        return error.seconds
    from huggingface_hub.utils import parse_ratelimit_headers

    headers = _headers(error)
    value = headers.get("retry-after", "")
    if value.isdigit():
        return int(value)
    with suppress(ValueError):  # not a date
        return max(0, round(parsedate_to_datetime(value).timestamp() - time.time()))
    limit = parse_ratelimit_headers(headers)
    return limit.reset_in_seconds if limit and not limit.remaining else None


def unwritable(what: str, error: OSError) -> str:
    """Say that what is fetched cannot be kept in the Hub's cache."""
    from huggingface_hub import constants

    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    problem = "has no space left" if full else f"cannot be written to ({error.strerror})"
    return (
        f"{what} could not be fetched: the hub's cache {constants.HF_HUB_CACHE} {problem}. "
        "Choose another folder with HF_HOME=DIR."
    )


def _of_answer(error: Any, what: str, page: str, switch: str) -> str:
    """Explain an answer with an error's status."""
    from huggingface_hub import get_token

    status, names = _status(error), _names(error)
    message = _headers(error).get("x-error-message", "")
    known = bool(get_token())
    storage = storage_at(_address(error))
    if storage and status not in PASSING:
        return (
            f"{what} could not be fetched: {storage}, from where the hub sends its files, answers "
            f"{_phrased(status)}. A firewall or proxy that lets only the hub through does so: "
            f"allow connections to {storage}, too. Otherwise, run the same command again; finished "
            "files are kept."
        )
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
        asks, then = _asks(error)
        log_in = ", or log in with `hf auth login` for a higher limit"
        return (
            f"{storage or 'The hub'} has had too many requests from here ({status}){asks}, so "
            f"{what[0].lower()}{what[1:]} could not be fetched. Run the same command again {then}"
            f"{'' if known or storage else log_in}."
        )
    if status >= 500:
        asks, then = _asks(error)
        sender = f"{storage}, from where the hub sends its files," if storage else "The hub"
        return (
            f"{sender} has a fault of its own ({_phrased(status)}){asks}, so {what[0].lower()}"
            f"{what[1:]} could not be fetched. Run the same command again {then}; finished files "
            "are kept."
        )
    return f"{what} could not be fetched: the hub answers {status}. {_first_line(error)}"


def _phrased(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}" if status in [*HTTPStatus] else f"{status} error"


def _asks(error: BaseException) -> tuple[str, str]:
    """Say how long the Hub asks to wait for, if it does, and when to try again."""
    seconds = wait_asked_for(error)
    if not seconds:
        return "", "in some minutes"
    wait = f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"
    return f" and asks to wait {wait}", "then"


def _of_connection(error: BaseException, what: str) -> str:
    """Explain what kept an answer from coming; "" for other errors."""
    from huggingface_hub import constants, get_token

    names, text, host = _names(error), str(error), _host(error)
    lost = f"{what} could not be fetched"
    if "ProxyError" in names:
        why = _first_line(error)
        return f"{lost}: the proxy refuses the way to {host} ({why}). Check HTTPS_PROXY."
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
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return unwritable(what, error)
    if (token := get_token()) and not (token.isascii() and token.isprintable()):
        return (
            f"{lost}: your token has characters that no token has. Log in again with "
            "`hf auth login`, or correct HF_TOKEN."
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
    if isinstance(error, LongWaitError):
        return error.status
    return getattr(getattr(error, "response", None), "status_code", 0)


def _address(error: BaseException) -> str:
    """Return the address that gave an answer, at the end of all redirects; "" if not known."""
    if isinstance(error, LongWaitError):
        return error.address
    return str(getattr(getattr(error, "response", None), "url", ""))


def _headers(error: BaseException) -> Any:
    return getattr(getattr(error, "response", None), "headers", {})


def _host(error: BaseException) -> str:
    try:
        return error.request.url.netloc.decode()  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):  # no request belongs to it
        return os.environ.get("HF_ENDPOINT") or "the hub"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
