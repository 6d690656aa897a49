"""Periodic work in a thread beside a block of code."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def background(action: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call `action` every `seconds` for as long as a block runs."""
    finished = threading.Event()

    def call_repeatedly() -> None:
        while not finished.wait(seconds):
            action()

    thread = threading.Thread(target=call_repeatedly, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
