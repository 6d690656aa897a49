"""The connection to the Hugging Face Hub: whether there is one, limits on waiting, retries.

`huggingface_hub` is imported inside functions: only what comes from the Hub needs it.
"""

import logging
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tqdm import tqdm

from xling.data.refusals import (
    LongWaitError,
    is_passing,
    short_reason,
    storage_at,
    wait_asked_for,
)
from xling.errors import UserError

Say = Callable[[str], None]
"""Prints a line for the person who waits."""
Result = TypeVar("Result")

SECONDS = 1.5
"""How long the Hub may take to accept a connection."""

WAITS = (1, 2, 4, 8, 8)
"""Seconds before each further attempt, as in huggingface_hub."""

PATIENCE = 60
"""Seconds that a request waits between its attempts, all together."""

AT_ONCE = 0.9
"""Seconds within which equal lines of files that are fetched side by side are one."""

HUB = "https://huggingface.co"
TIMEOUTS = ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT")
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
TRUE = {"1", "on", "yes", "true"}


def check_variables() -> None:
    """Check the Hub's variables that its client cannot read: importing it would fail.

    Raises:
        UserError: one that is no address, or no number of seconds.
    """
    address = os.environ.get("HF_ENDPOINT") or HUB
    try:
        parsed = urlsplit(address)
        valid = parsed.scheme in ("http", "https") and parsed.hostname and parsed.port != 0
    except ValueError:  # a port that is no number
        valid = False
    if not valid:
        raise UserError(f"HF_ENDPOINT={address} is no address of a hub, such as {HUB}.")
    for name in TIMEOUTS:
        if (seconds := os.environ.get(name)) and not seconds.strip().isdecimal():
            raise UserError(f"{name}={seconds} is no whole number of seconds.")


@cache
def hub_reachable() -> bool:
    """Return within 1.5 seconds whether the Hub, or the proxy in front of it, answers.

    Respects `HF_ENDPOINT`, `HF_HUB_OFFLINE` and the proxy variables. The result is cached.
    """
    if switched_off():
        return False
    return answers(os.environ.get("HF_ENDPOINT") or HUB)


def answers(address: str) -> bool:
    """Return within 1.5 seconds whether a server, or the proxy in front of it, answers."""
    endpoint = urlsplit(address)
    proxy = getproxies().get(endpoint.scheme) or getproxies().get("all")
    if proxy and not proxy_bypass(endpoint.hostname or ""):
        endpoint = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    return _accepts_connections(endpoint.hostname or "", port)


def switched_off() -> str:
    """Return the variable that forbids to use the network, or "" if none does."""
    return next((name for name in OFFLINE if os.environ.get(name, "").lower() in TRUE), "")


def _accepts_connections(host: str, port: int) -> bool:
    """Open a connection in a thread, as resolving a name may take longer than the limit."""
    outcomes: list[bool] = []

    def connect() -> None:
        try:
            with socket.create_connection((host, port), timeout=SECONDS):
                outcomes.append(True)
        except OSError:
            outcomes.append(False)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return outcomes == [True]


@cache
def quiet_client() -> None:
    """Keep the lines of the Hub's client off the terminal: importing it would let them through."""
    import huggingface_hub

    logging.getLogger(huggingface_hub.__name__).setLevel(logging.ERROR)


@contextmanager
def talking(say: Say, patience: float = PATIENCE) -> Iterator[None]:
    """Let a block talk to the Hub: no answer is waited for without end, and `say` tells retries.

    The client's own lines and bars stay off the terminal.

    Args:
        patience: seconds to wait between the client's attempts, all together.

    Raises:
        LongWaitError: the client would wait for longer.
    """
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import disable_progress_bars

    quiet_client()
    disable_progress_bars()

    def limit(request: Any) -> None:
        """Set a limit where the client has none: for listings."""
        limits = request.extensions.get("timeout") or {}
        seconds = constants.HF_HUB_DOWNLOAD_TIMEOUT
        filled = {name: limits.get(name) or seconds for name in ("connect", "read", "write")}
        request.extensions = {**request.extensions, "timeout": {"pool": None, **limits, **filled}}

    hooks = get_session().event_hooks
    get_session().event_hooks = {**hooks, "request": [*hooks["request"], limit]}
    logger = logging.getLogger("huggingface_hub")
    before = logger.handlers, logger.level, logger.propagate
    logger.handlers, logger.propagate = [_Retries(say, patience)], False
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])
        get_session().event_hooks = hooks


class Bar(tqdm):
    """The bar of a download: its bytes, on a terminal only, and gone when it is done."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.pop("name", None)
        shown = options.get("desc") == "Downloading bytes" and sys.stderr.isatty()
        super().__init__(*arguments, **options, disable=not shown, leave=False)


class _Retries(logging.Handler):
    """Tells each of the client's retries in one line; its two records come from one thread.

    As the client waits right after its second record, an error raised here keeps it from waiting.
    """

    def __init__(self, say: Say, patience: float) -> None:
        super().__init__(logging.WARNING)
        self.say, self.patience = say, patience
        self.reasons: dict[int | None, tuple[str, int, str]] = {}
        self.waited: dict[int | None, float] = {}
        self.times: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        message, thread = record.getMessage(), record.thread
        if match := re.match(r"HTTP Error (\d+) thrown while requesting \S+ (\S+)", message):
            why = f"{storage_at(match[2]) or 'the hub'} answers {match[1]}"
            self.reasons[thread] = why, int(match[1]), match[2]
        elif match := re.match(
            r"'(?P<why>.*)' thrown while requesting \S+ (?P<url>\S+)", message, re.DOTALL
        ):
            host = storage_at(match["url"]) or "the hub"
            self.reasons[thread] = f"{host} does not answer ({match['why']})", 0, match["url"]
        elif match := re.search(r"([\d.]+)s(?: before retry)? \[Retry (\d+)/(\d+)\]", message):
            seconds, number, attempts = float(match[1]), int(match[2]), int(match[3])
            unknown = "the hub does not answer", 0, ""
            reason, status, address = self.reasons.pop(thread, unknown)
            before = self.waited.get(thread, 0) if number > 1 else 0  # 1: another request
            self.waited[thread] = before + seconds
            if self.waited[thread] > self.patience:
                asked = int(seconds) - 1 if message.startswith("Rate limited") else None
                raise LongWaitError(reason, status, asked, address)
            self.tell(_retry_line(reason, seconds, number, attempts))
        elif match := re.match(r"Error while downloading from (\S+): (.*)\nTrying", message):
            host = urlsplit(match[1]).netloc
            late = "timed out" in match[2]
            self.tell(
                f"{host} does not answer in time: trying again"
                if late
                else f"The connection to {host} broke: going on from where it stopped"
            )

    def tell(self, line: str) -> None:
        """Tell once what the files that are fetched side by side meet at the same time."""
        now = time.monotonic()
        if now - self.times.get(line, 0) > AT_ONCE:
            self.times[line] = now
            self.say(line)


def _retry_line(reason: str, seconds: float, number: int, attempts: int) -> str:
    reason = reason[0].upper() + reason[1:]
    return f"{reason}: trying again in {seconds:.0f} s ({number} of {attempts})"


def with_retries(
    call: Callable[[], Result], say: Say, again: Callable[[Exception], bool] = is_passing
) -> Result:
    """Call what the client does not try again by itself, up to five times more in a minute.

    Args:
        again: whether to, after an error.

    Raises:
        Exception: of the last call, or one that will not pass.
    """
    waited = 0
    for number, seconds in enumerate(WAITS, 1):
        try:
            return call()
        except Exception as error:
            wait = max(seconds, wait_asked_for(error) or 0)
            waited += wait
            if isinstance(error, LongWaitError) or waited > PATIENCE or not again(error):
                raise
            say(_retry_line(short_reason(error), wait, number, len(WAITS)))
            time.sleep(wait)
    return call()
