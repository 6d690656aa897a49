"""trackio: a live dashboard on this machine, without an account.

trackio is imported inside functions: it is an extra, and only its own runs need it.
"""

import contextlib
import dataclasses
import io
import shlex
from collections.abc import Sequence
from typing import Any

import pandas as pd

from xling.cli.console import say
from xling.config import Config, plain
from xling.report.section import Figure
from xling.tracker import group
from xling.tracker.library import library


def open_page(config: Config, name: str) -> "TrackioPage":
    """Open the run; a stopped run continues on its page.

    Raises:
        UserError: trackio is not installed.
    """
    trackio, project = library("trackio", "trackio"), config.tracker.project
    with silence():
        run = trackio.init(
            project=project, name=name, group=group(config), config=plain(config), resume="allow"
        )
    say(f"trackio: watch this run with  {shlex.join(['trackio', 'show', '--project', project])}")
    return TrackioPage(run)


@dataclasses.dataclass(frozen=True)
class TrackioPage:
    """A run in trackio; see `xling.tracker.Page`."""

    run: Any

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Log the metrics, with the epoch as their step."""
        self.run.log(metrics, step=number)

    def results(
        self,
        headline: dict[str, Any],
        tables: dict[str, pd.DataFrame],
        figures: Sequence[Figure],
    ) -> None:
        """Log the figures as `results/NAME`, the tables, and each chart as a separate page."""
        import trackio

        self.run.log(
            {f"results/{name}": value for name, value in headline.items()}
            | {f"tables/{name}": trackio.Table(dataframe=table) for name, table in tables.items()}
            | {
                f"charts/{figure.file}": trackio.Html(figure.html(), inject=False)
                for figure in figures
            }
        )

    def close(self, failed: bool) -> None:
        """Finish the run, with an alert if it failed."""
        import trackio

        with silence():
            if failed:
                self.run.alert("The run stopped with an error", level=trackio.AlertLevel.ERROR)
            trackio.finish()


def silence() -> contextlib.AbstractContextManager[Any]:
    """Suppress trackio's own coloured output; one line of ours replaces it."""
    return contextlib.redirect_stdout(io.StringIO())
