"""Trackers: live views, elsewhere, of what the run's own files hold."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from xling.cli.background import background
from xling.config import Config
from xling.tracker.artifacts import Artifact
from xling.training.history import read_history

SECONDS = 1.0
"""How often the epochs of another process are looked for."""


class Page(Protocol):
    """What a tracker shows of one run; a file of this package makes each kind."""

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Show the metrics of a finished epoch, counted from 1, at once."""

    def results(
        self, headline: dict[str, Any], tables: dict[str, pd.DataFrame], folder: Path
    ) -> None:
        """Show what came out: figures by name, the tables, and the charts of the run's folder."""

    def close(self, failed: bool) -> None:
        """Say how the run ended; nothing is shown after this."""


@dataclasses.dataclass(frozen=True)
class TrackedRun:
    """A run's page, and a note of the epochs on it for a run that is stopped and goes on.

    Attributes:
        page: shows the run.
        shown: file with the number of the last epoch on the page.
    """

    page: Page
    shown: Path


@contextmanager
def tracking(config: Config, name: str, folder: Path) -> Iterator[TrackedRun | None]:
    """Open the run's page, or nothing if no tracker is asked for; close it also after an error.

    Args:
        name: of the run's folder; it is the page's as well, so that a run that goes on is the same
            run there.
        folder: the run's own, while it is filled.

    Raises:
        UserError: the tracker's library is not installed, or W&B has no key or refuses it; nobody
            is asked for one.
    """
    kind = config.tracker.name
    if kind == "none":
        yield None
        return
    tracked = TrackedRun(
        import_module(f"xling.tracker.{kind}").opened(config, name), folder / f".{kind}-epochs"
    )
    failed = True
    try:
        yield tracked
        tracked.shown.unlink(missing_ok=True)
        failed = False
    finally:
        tracked.page.close(failed)


def log_epoch(tracked: TrackedRun | None, record: dict[str, Any]) -> None:
    """Log a record of the history, unless an earlier try of the run did."""
    if tracked is None:
        return
    shown = int(tracked.shown.read_text()) if tracked.shown.exists() else 0
    if record["epoch"] > shown:
        tracked.page.epoch(record["epoch"], metrics(record))
        tracked.shown.write_text(str(record["epoch"]))


@contextmanager
def following(tracked: TrackedRun | None, folder: Path) -> Iterator[None]:
    """Log the epochs of a fine-tuning in other processes as its history grows.

    Args:
        tracked: is logged to; None follows nothing.
        folder: takes the fine-tuning's history.
    """
    if tracked is None:
        yield
        return

    def follow() -> None:
        for record in read_history(folder):
            log_epoch(tracked, record)

    with background(follow, SECONDS):
        yield


def log_results(
    tracked: TrackedRun | None,
    results: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    folder: Path,
) -> None:
    """Log the headline figures, the tables and the charts at the end.

    Args:
        folder: the run's own, with its tables and figures.
    """
    if tracked:
        tracked.page.results(headline(results), tables, folder)


def log_artifacts(tracked: TrackedRun | None, found: list[Artifact]) -> None:
    """Log folders as artifacts; what they are and how large is said first.

    Args:
        tracked: by W&B: the configuration's check lets no other tracker take artifacts.
    """
    if tracked:
        tracked.page.artifacts(found)


def group(config: Config) -> str:
    """Return what a run is grouped by: what is asked for, else the sweep's name, else the task."""
    return config.tracker.group or config.sweep or config.task.name


def metrics(record: dict[str, Any]) -> dict[str, float]:
    """Flatten a record of the history: each language has a metric, as in `dev_accuracy/de`."""
    languages = {f"dev_accuracy/{key}": value for key, value in record["languages"].items()}
    return {**{key: value for key, value in record.items() if key != "languages"}, **languages}


def headline(results: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of results.json that runs are compared by, flat as those of `metrics`."""
    each = {
        f"{key}/{language}": value
        for key in ("test_accuracy", "own_language_share")
        for language, value in results[key].items()
    }
    return {"kept_epoch": results["kept_epoch"], "dev_accuracy": results["dev_accuracy"], **each}
