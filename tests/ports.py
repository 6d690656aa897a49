"""Ports that nothing listens on."""

import contextlib
import random
import socket


def free_port() -> int:
    """Return a port that nothing listens on, and that the system gives to nobody else.

    Its own choices, for a server at port 0 and for the near end of a connection, begin at 32,768;
    one of those may be taken again by the time that a slow program listens on it.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.bind(("", port))
            return port
