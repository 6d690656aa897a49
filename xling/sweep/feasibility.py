"""Whether a sweep can be carried out, checked before it starts: time, disk, data, fonts."""

import dataclasses
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from xling.cli.console import format_bytes, format_duration, plain_libraries, say
from xling.config import Config
from xling.data import load_corpus
from xling.pipeline.sizes import check_sizes
from xling.sweep.plan import PlannedJob

SCRIPTS = {"zh": "Chinese", "ja": "Japanese", "ko": "Korean", "ar": "Arabic", "hi": "Hindi",
           "th": "Thai", "he": "Hebrew", "ru": "Russian", "el": "Greek"}  # fmt: skip


def cost_lines(jobs: Sequence[PlannedJob], runs_here: bool, details: bool = False) -> Iterator[str]:
    """Report the time and disk space that jobs need at most, and the free disk space.

    Args:
        runs_here: whether the jobs will run on this machine, where a training step is timed.
        details: also report what a run says of its model and its tokens.
    """
    from xling.sweep.estimate import estimate_total  # imports torch: after the plan is printed

    plain_libraries()
    lines: list[str] = []
    cost = estimate_total([stage for job in jobs for stage in job.new], runs_here, lines.append)
    if details:
        yield from dict.fromkeys(lines)  # several jobs have one model
    free = shutil.disk_usage(nearest_existing(Path(jobs[0].config.folder))).free
    time = "unknown until the first job finishes, as the jobs run elsewhere"
    if cost.seconds is not None:
        serially = " one after the other" if len(jobs) > 1 else ""
        time = f"about {format_duration(cost.seconds)}{serially}, less if training stops early"
    if cost.fine_tunings:
        many = "fine-tuning" if cost.fine_tunings == 1 else "fine-tunings"
        time += f"; up to {cost.fine_tunings:,} {many} on parts of the data"
    yield f"Time: {time}"
    yield f"Disk: at most {format_bytes(cost.bytes)}; {format_bytes(free)} are free"
    if cost.bytes > free:
        yield (
            "WARNING: there is not enough space. Choose another disk with folder=DIR, or store "
            "less: sketch.store=int8, tuning.epochs=..."
        )


def check_inputs(configs: Sequence[Config]) -> None:
    """Check the data of all jobs (labels, alignment, sizes) and the fonts to display it.

    Args:
        configs: of the jobs that are not finished.

    Raises:
        UserError: data that cannot be used.
    """
    unseeded = [dataclasses.replace(config, seed=0) for config in configs]
    by_corpus: dict[str, list[Config]] = {}
    for c in unseeded:
        key = repr((c.task, c.data, c.languages, c.exclude, c.imbalance, c.imbalance_language))
        by_corpus.setdefault(key, []).append(c)
    for sharing in by_corpus.values():
        corpus = load_corpus(sharing[0], say)
        for config in {
            repr((c.influence, c.subnetwork.only, c.leave_out, c.evaluate, c.recommend)): c
            for c in sharing
        }.values():
            check_sizes(config, corpus, say)
    if configs:
        say("Data: labels, alignment and sizes are correct")
        for line in font_lines(sorted({code for config in configs for code in config.languages})):
            say(line)
    say("Dry run: nothing was started.")


def font_lines(languages: Sequence[str]) -> Iterator[str]:
    """Name the languages whose examples this machine has no font to display in a report."""
    if not shutil.which("fc-list"):
        yield "Fonts: not checked, as fc-list is not installed"
        return
    missing = [
        f"{SCRIPTS[code]} ({code})"
        for code in languages
        if code in SCRIPTS
        and not subprocess.run(
            ["fc-list", f":lang={code}"], capture_output=True, text=True, check=False
        ).stdout
    ]
    if missing:
        yield (
            f"Fonts: none installed for {', '.join(missing)}: a browser on this machine would show "
            "boxes instead of a report's examples. Noto and Noto CJK cover all languages."
        )
    else:
        yield "Fonts: every language of the reports can be displayed"


def nearest_existing(folder: Path) -> Path:
    """Return the folder itself if it exists, else its nearest parent that does."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder
