"""What can go wrong in a sweep, looked at before it starts: time, disk, data, fonts."""

import dataclasses
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from xling.cli.console import amount, duration, say
from xling.config import Config
from xling.sweep.plan import PlannedJob

SCRIPTS = {"zh": "Chinese", "ja": "Japanese", "ko": "Korean", "ar": "Arabic", "hi": "Hindi",
           "th": "Thai", "he": "Hebrew", "ru": "Russian", "el": "Greek"}  # fmt: skip


def costs(steps: Sequence[PlannedJob], here: bool) -> Iterator[str]:
    """Say what is to be made takes, at most, and what there is room for.

    Args:
        here: the jobs will run on this machine, where a training step is timed.
    """
    from xling.sweep.estimate import total

    found = total([stage for step in steps for stage in step.new], here)
    free = shutil.disk_usage(existing(Path(steps[0].config.folder))).free
    time = "not known before the first job has finished, as the jobs run elsewhere"
    if found.seconds is not None:
        each = " one after the other" if len(steps) > 1 else ""
        time = f"about {duration(found.seconds)}{each}, less if training stops early"
    yield f"Time: {time}"
    yield f"Disk: at most {amount(found.bytes)}; {amount(free)} are free"
    if found.bytes > free:
        yield (
            "WARNING: there is not enough room. Choose another disk with folder=DIR, or keep less: "
            "sketch.store=int8, tuning.epochs=..."
        )


def check(configs: Sequence[Config]) -> None:
    """Read and check the data of all jobs: labels, alignment, sizes; and the fonts for it.

    Raises:
        UserError: data that cannot be used.
    """
    from xling.data import load_corpus

    settings = [dataclasses.replace(each, seed=0) for each in configs]
    drawn = {
        repr((c.task, c.data, c.languages, c.exclude, c.imbalance, c.imbalance_language)): c
        for c in settings
    }
    for config in drawn.values():
        load_corpus(config, say)
    say("Data: labels, alignment and sizes are right")
    for line in fonts(sorted({each for config in configs for each in config.languages})):
        say(line)
    say("A dry run: nothing was started.")


def fonts(languages: Sequence[str]) -> Iterator[str]:
    """Say for which languages this machine has no font to show a report's examples with."""
    if not shutil.which("fc-list"):
        yield "Fonts: not checked, as fc-list is not installed"
        return
    missing = [
        f"{SCRIPTS[each]} ({each})"
        for each in languages
        if each in SCRIPTS
        and not subprocess.run(
            ["fc-list", f":lang={each}"], capture_output=True, text=True, check=False
        ).stdout
    ]
    if missing:
        yield (
            f"Fonts: none here for {', '.join(missing)}: a browser on this machine would show "
            "boxes for examples in a report. Those of Noto CJK and Noto cover all."
        )
    else:
        yield "Fonts: every language of the reports can be shown here"


def existing(folder: Path) -> Path:
    """Return the nearest folder above that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder
