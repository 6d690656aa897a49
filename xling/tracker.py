"""Weights & Biases: a view of what the run's own files hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from xling import report
from xling.config import Config, plain
from xling.errors import UserError
from xling.report.tables import load

if TYPE_CHECKING:
    import wandb

Tracked = "wandb.Run | None"


@contextmanager
def tracking(config: Config, name: str) -> "Iterator[wandb.Run | None]":
    """Open the run's page, or nothing if no tracker is asked for; close it also after an error.

    The run's folder name is its id, so that a run that goes on is the same run there.

    Raises:
        UserError: an account is needed and there is no key for it; nobody is asked for one.
    """
    if config.tracker.name == "none":
        yield None
        return
    import wandb

    if config.tracker.mode == "online" and not wandb.login(prompt=False):
        raise UserError(
            "tracker=wandb logs to an account and this machine has no key for one. Write "
            "tracker.mode=offline to log to files, or give a key once by `wandb login`."
        )
    Path(config.folder).mkdir(parents=True, exist_ok=True)
    run = wandb.init(
        id=name,
        name=name,
        project=config.tracker.project,
        entity=config.tracker.entity,
        group=config.tracker.group or config.task.name,
        job_type=config.tuning.name,
        tags=list(config.tracker.tags) or None,
        mode=config.tracker.mode,
        dir=config.folder,
        resume="allow",
        config=plain(config),
        settings=wandb.Settings(silent=True, console="off", x_disable_meta=True),
    )
    run.define_metric("epoch")
    run.define_metric("dev_accuracy*", step_metric="epoch")
    run.define_metric("train_loss", step_metric="epoch")
    failed = True
    try:
        yield run
        failed = False
    finally:
        run.finish(exit_code=int(failed))


def log_epoch(run: "wandb.Run | None", record: dict[str, Any]) -> None:
    """Log a record of the history."""
    if run:
        languages = {f"dev_accuracy/{key}": value for key, value in record["languages"].items()}
        run.log({**{k: v for k, v in record.items() if k != "languages"}, **languages})


def log_results(
    run: "wandb.Run | None",
    results: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    folder: Path,
) -> None:
    """Log the headline figures, the tables and the charts at the end."""
    if not run:
        return
    import wandb

    charts = report.drawn(load(folder))

    for name, table in tables.items():
        run.log({f"tables/{name}": wandb.Table(dataframe=table)})
    for name, chart in charts.items():
        run.log({f"charts/{name}": wandb.Html(chart.to_html(inline=True), inject=False)})
    for key in ("kept_epoch", "dev_accuracy", "test_accuracy", "own_language_share"):
        run.summary[key] = results[key]
