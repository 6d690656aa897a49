"""Whether a server can be reached, decided within seconds."""

import http.client
import ssl
import threading
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener, getproxies

SECONDS = 3.0


def server_answers(url: str, proxies: dict[str, str], seconds: float = SECONDS) -> bool:
    """Return within `seconds` whether a server answers.

    A server error (5xx) does not count as an answer; a proxy sends one when it cannot reach the
    server. The request runs in a thread, as resolving a name may take longer than `seconds`.

    Args:
        proxies: scheme → URL; these take precedence over the environment's proxies.
    """
    outcomes: list[bool] = []

    def request() -> None:
        outcomes.append(_request_succeeds(url, proxies, seconds))

    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcomes == [True]


def _request_succeeds(url: str, proxies: dict[str, str], seconds: float) -> bool:
    opener = build_opener(ProxyHandler({**getproxies(), **proxies}))
    try:
        opener.open(Request(url, method="HEAD"), timeout=seconds).close()
    except HTTPError as error:
        return error.code < 500
    except URLError as error:
        # The server is there; W&B's own client may trust other certificates than Python does.
        return isinstance(error.reason, ssl.SSLCertVerificationError)
    except (OSError, http.client.HTTPException):
        return False
    return True
