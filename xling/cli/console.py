"""Terminal output: plain lines, and progress bars when it is interactive.

Libraries whose own output is switched off are imported inside functions: most commands print long
before they need them, if ever.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def interactive() -> bool:
    """Return whether the output goes to a terminal."""
    return sys.stdout.isatty()


def plain_libraries() -> None:
    """Turn off the libraries' own progress bars when the output is not interactive."""
    if not interactive():
        import datasets
        from transformers.utils import logging

        datasets.disable_progress_bars()
        logging.disable_progress_bar()


def say(line: str) -> None:
    """Print a line immediately, above any progress bar."""
    tqdm.write(line)
    sys.stdout.flush()


def tally(counts: Iterable[int], total: int, label: str) -> Iterable[int]:
    """Yield counts of finished items unchanged, with a progress bar of their sum as in `track`."""
    with tqdm(total=total, desc=label, leave=False, disable=not interactive()) as bar:
        for count in counts:
            bar.update(count)
            yield count


def track(items: Sequence[Item], label: str) -> Iterable[Item]:
    """Iterate over items, with a progress bar and the time left on an interactive terminal."""
    return tqdm(items, desc=label, leave=False, disable=not interactive())


def format_bytes(count: float) -> str:
    """Write a number of bytes, as in `1.2 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def format_duration(seconds: float) -> str:
    """Write a number of seconds, as in `12 min`."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def sample_lines(task: str) -> list[str]:
    """Warn that the sample corpus's figures mean nothing, and say how to get real ones."""
    return [
        "This is the SAMPLE profile, a small generated corpus for trying the program. Its figures",
        "say nothing about natural language.",
        f"  The papers' setting:   python -m xling task={task} profile=paper",
        "  Your data and model:   python -m xling profile=paper data=files data.path=DIR "
        "model=local model.path=DIR",
    ]
