"""What the terminal shows: plain lines, and a progress bar where somebody watches."""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def interactive() -> bool:
    """Tell whether the output goes to a terminal."""
    return sys.stdout.isatty()


def plain_libraries() -> None:
    """Keep the libraries' own progress bars out of output that nobody watches."""
    if not interactive():
        import datasets
        from transformers.utils import logging

        datasets.disable_progress_bars()
        logging.disable_progress_bar()


def say(line: str) -> None:
    """Print a line at once, above a progress bar if there is one."""
    tqdm.write(line)
    sys.stdout.flush()


def tally(counts: Iterable[int], total: int, label: str) -> Iterable[int]:
    """Pass on numbers of finished items, with a progress bar of their sum as in `track`."""
    with tqdm(total=total, desc=label, leave=False, disable=not interactive()) as bar:
        for count in counts:
            bar.update(count)
            yield count


def track(items: Sequence[Item], label: str) -> Iterable[Item]:
    """Iterate, with a progress bar and the time left if the output goes to a terminal."""
    return tqdm(items, desc=label, leave=False, disable=not interactive())
