"""Whether a server can be reached, in seconds."""

import http.client
import ssl
import threading
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener, getproxies

SECONDS = 3.0


def answers(url: str, proxies: dict[str, str], seconds: float = SECONDS) -> bool:
    """Tell within seconds whether a server answers, or nobody does.

    An error of the server's own (5xx; also a proxy's that finds nobody behind) is no answer. It is
    asked in a thread: a name that does not resolve may take longer than allowed.

    Args:
        proxies: scheme → URL, before those of the environment.
    """
    found: list[bool] = []

    def ask() -> None:
        found.append(_answers(url, proxies, seconds))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return found == [True]


def _answers(url: str, proxies: dict[str, str], seconds: float) -> bool:
    opener = build_opener(ProxyHandler({**getproxies(), **proxies}))
    try:
        opener.open(Request(url, method="HEAD"), timeout=seconds).close()
    except HTTPError as error:
        return error.code < 500
    except URLError as error:
        # Somebody is there; other certificates may count for W&B's own client than for Python.
        return isinstance(error.reason, ssl.SSLCertVerificationError)
    except (OSError, http.client.HTTPException):
        return False
    return True
