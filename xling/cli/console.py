"""Terminal output: plain lines, and progress bars when it is interactive.

Libraries whose own output is switched off are imported inside functions: most commands print long
before they need them, if ever.
"""

import logging
import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def interactive() -> bool:
    """Return whether the output goes to a terminal."""
    return sys.stdout.isatty()


def quiet_logs() -> None:
    """Keep libraries' log lines off the terminal, which a run's root logger prints from INFO on."""
    for name in ("httpx", "httpx2", "httpcore", "huggingface_hub", "filelock", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)


def plain_libraries() -> None:
    """Turn off the libraries' log lines, and their progress bars if no one watches."""
    from transformers.utils import logging as transformers_logging

    quiet_logs()
    transformers_logging.set_verbosity_error()
    if not interactive():
        import datasets

        datasets.disable_progress_bars()
        transformers_logging.disable_progress_bar()


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
