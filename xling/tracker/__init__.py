"""Trackers: live views of a run in external tools, in addition to its own files."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from xling.analysis.doubts import CODES
from xling.cli.background import background
from xling.config import Config
from xling.report.section import Figure
from xling.tracker.uploads import Artifact
from xling.training.history import read_history

LOG_EVERY_SECONDS = 1.0
"""How often the history of another process is checked for new epochs."""


class Page(Protocol):
    """A run's page in a tracker; each module of this package implements one kind."""

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Show the metrics of a finished epoch, counted from 1, immediately."""

    def results(
        self,
        headline: dict[str, Any],
        tables: dict[str, pd.DataFrame],
        figures: Sequence[Figure],
    ) -> None:
        """Show the results: numbers by name, the tables, and the charts."""

    def close(self, failed: bool) -> None:
        """Record how the run ended; nothing may be shown afterwards."""


@dataclasses.dataclass(frozen=True)
class TrackedRun:
    """A run's page, and the number of epochs on it, which a resumed run needs.

    Attributes:
        page: the page that shows the run.
        shown: file that holds the number of the last epoch on the page.
    """

    page: Page
    shown: Path


@contextmanager
def tracking(config: Config, name: str, folder: Path) -> Iterator[TrackedRun | None]:
    """Open the run's page, if a tracker is configured, and close it even after an error.

    Args:
        name: name of the run's folder. It also identifies the page, so that a resumed run continues
            on the same page.
        folder: the run's folder, while it is being filled.

    Raises:
        UserError: the tracker's library is not installed, or W&B has no key or refuses it. No
            tracker ever prompts for a key.
    """
    kind = config.tracker.name
    if kind == "none":
        yield None
        return
    tracked = TrackedRun(
        import_module(f"xling.tracker.{kind}").open_page(config, name), folder / f".{kind}-epochs"
    )
    failed = True
    try:
        yield tracked
        tracked.shown.unlink(missing_ok=True)
        failed = False
    finally:
        tracked.page.close(failed)


def log_epoch(tracked: TrackedRun | None, record: dict[str, Any]) -> None:
    """Log a record of the history, unless an earlier attempt of the run already did."""
    if tracked is None:
        return
    shown = int(tracked.shown.read_text()) if tracked.shown.exists() else 0
    if record["epoch"] > shown:
        tracked.page.epoch(record["epoch"], metrics(record))
        tracked.shown.write_text(str(record["epoch"]))


@contextmanager
def following(tracked: TrackedRun | None, folder: Path) -> Iterator[None]:
    """Log the epochs of a fine-tuning that runs in other processes, as its history grows.

    Args:
        tracked: run to log to; None logs nothing.
        folder: folder with the fine-tuning's history.
    """
    if tracked is None:
        yield
        return

    def log_new_epochs() -> None:
        for record in read_history(folder):
            log_epoch(tracked, record)

    with background(log_new_epochs, LOG_EVERY_SECONDS):
        yield


def log_results(
    tracked: TrackedRun | None,
    headline: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    figures: Sequence[Figure],
) -> None:
    """Log the headline figures, the tables and the charts of a run, or an evaluation, at its end.

    Args:
        headline: see `headline_metrics` and `evaluation_metrics`.
    """
    if tracked:
        tracked.page.results(headline, tables, figures)


def log_artifacts(tracked: TrackedRun | None, artifacts: list[Artifact]) -> None:
    """Log folders as artifacts, after printing their kinds and sizes.

    Args:
        tracked: a run in W&B; the configuration allows artifacts for no other tracker.
    """
    if tracked:
        tracked.page.artifacts(artifacts)


def group(config: Config) -> str:
    """Return the name of a run's group: the configured one, else the sweep's, else the task's."""
    return config.tracker.group or config.sweep or config.task.name


def metrics(record: dict[str, Any]) -> dict[str, float]:
    """Flatten a record of the history, with one metric per language, as in `dev_accuracy/de`."""
    languages = {f"dev_accuracy/{key}": value for key, value in record["languages"].items()}
    return {**{key: value for key, value in record.items() if key != "languages"}, **languages}


def headline_metrics(results: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of results.json by which runs are compared, flat as in `metrics`.

    `warnings` is how many a run has, and `warning/CODE` whether it has one of a kind, 0 or 1.
    """
    by_language = {
        f"{key}/{language}": value
        for key in ("test_accuracy", "own_language_share")
        for language, value in results[key].items()
    }
    return {
        "kept_epoch": results["kept_epoch"],
        "dev_accuracy": results["dev_accuracy"],
        **warning_metrics(results),
        **by_language,
    }


def evaluation_metrics(results: dict[str, Any], numbers: dict[str, float]) -> dict[str, Any]:
    """Return what an evaluation found, flat: warnings as those of runs, and numbers of its kind.

    Args:
        results: as in results.json.
    """
    return {"retrainings": results["retrainings"], **warning_metrics(results), **numbers}


def warning_metrics(results: dict[str, Any]) -> dict[str, int]:
    """Return how many warnings there are, and whether there is one of each kind."""
    codes = {warning["code"] for warning in results.get("warnings", [])}
    return {
        "warnings": len(results.get("warnings", [])),
        **{f"warning/{code}": int(code in codes) for code in CODES},
    }
