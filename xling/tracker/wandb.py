"""Weights & Biases: online, or in local files that are sent later.

wandb is imported inside functions: it takes a second, and only its own runs need it.
"""

import dataclasses
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from xling.cli.console import say
from xling.config import Config, plain
from xling.errors import UserError
from xling.report.section import Figure
from xling.tracker import group
from xling.tracker.reach import server_answers
from xling.tracker.uploads import Artifact, sizes_line

if TYPE_CHECKING:
    import wandb

BY_EPOCH = ("train_loss", "learning_rate", "dev_accuracy", "dev_accuracy/*")
"""Metrics that are drawn over the epoch."""

FLUSH_SECONDS = 0.5
"""How often W&B writes logged values to its file.

Its default of 15 seconds would lose epochs that a killed run has already counted as shown.
"""


def open_page(config: Config, name: str) -> "WandbPage":
    """Open the run, online if the server answers, else offline.

    The run's id is its name, so that W&B recognises a resumed run; under a `wandb agent` it is the
    id that the agent assigns.

    Raises:
        UserError: this machine has no key, or the server refuses the run.
    """
    import wandb

    tracker, mode = config.tracker, settled_mode(config)
    folder = Path(config.folder).resolve()  # W&B's own process may run in another folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run = wandb.init(
            id=name,
            name=name,
            project=tracker.project,
            entity=tracker.entity,
            group=group(config),
            job_type=config.evaluate or config.tuning.name,
            tags=tags(config),
            mode=mode,
            dir=str(folder),
            resume="allow",
            config=plain(config),
            settings=wandb.Settings(
                silent=True,
                console="off",
                x_disable_meta=True,
                x_transaction_log_flush_interval=FLUSH_SECONDS,
            ),
        )
    except wandb.errors.CommError as error:
        raise UserError(
            f"W&B refuses the run: {error}\nSet another key with `wandb login --relogin`, or "
            "write tracker.mode=offline to log to files."
        ) from None
    run.define_metric("epoch")
    for metric in BY_EPOCH:
        run.define_metric(metric, step_metric="epoch")
    if mode == "online":
        say(f"W&B: {run.url}")
    return WandbPage(run)


def settled_mode(config: Config) -> str:
    """Return "online" if it is configured and the server answers in time, else "offline".

    WANDB_MODE=offline and `wandb offline` have the same effect as tracker.mode=offline.

    Raises:
        UserError: online mode without a key (xling never prompts for one), or W&B is disabled here.
    """
    import wandb

    settings = wandb.setup(wandb.Settings(silent=True)).settings
    if settings.mode == "disabled":
        raise UserError(
            "W&B is switched off by WANDB_MODE=disabled: unset it, or write tracker=none."
        )
    if config.tracker.mode == "offline" or settings.mode in ("offline", "dryrun"):
        return "offline"
    if not wandb.login(prompt=False, verify=False):
        raise UserError(
            "tracker=wandb logs to an account, and this machine has no key for one. Write "
            "tracker.mode=offline to log to files, or set a key once with `wandb login`."
        )
    proxies = {"http": settings.http_proxy, "https": settings.https_proxy}
    if server_answers(settings.base_url, {key: value for key, value in proxies.items() if value}):
        return "online"
    say(f"W&B: {settings.base_url} does not answer. Logging this run to files to send later.")
    return "offline"


def tags(config: Config) -> list[str]:
    """Return the configured tags, the task, the tuning and the subnetwork, without duplicates."""
    automatic = (config.task.name, config.tuning.name, config.subnetwork.name)
    return list(dict.fromkeys([*config.tracker.tags, *automatic]))


@dataclasses.dataclass(frozen=True)
class WandbPage:
    """A run in Weights & Biases; see `xling.tracker.Page`. It accepts artifacts as well."""

    run: "wandb.Run"

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Log the metrics; the metric `epoch` is their x-axis."""
        self.run.log(metrics)

    def results(
        self,
        headline: dict[str, Any],
        tables: dict[str, pd.DataFrame],
        figures: Sequence[Figure],
    ) -> None:
        """Log the tables, each chart as a separate page, and the figures as the run's summary."""
        import wandb

        self.run.log(
            {f"tables/{name}": wandb.Table(dataframe=table) for name, table in tables.items()}
            | {
                f"charts/{figure.file}": wandb.Html(figure.html(), inject=False)
                for figure in figures
            }
        )
        self.run.summary.update(headline)

    def artifacts(self, artifacts: list[Artifact]) -> None:
        """Log the artifacts.

        W&B sends files of shared stages from their own paths. It copies files of the run's folder
        first, because that folder is renamed when the run ends.
        """
        import wandb

        say(f"W&B artifacts: {sizes_line(artifacts)}")
        for artifact in artifacts:
            # W&B allows fewer characters in the names of artifacts than in those of runs.
            name = re.sub(r"[^a-zA-Z0-9_.-]", "_", f"{artifact.kind}-{artifact.owner}")
            logged = wandb.Artifact(name, type=artifact.kind)
            for folder in artifact.folders:
                logged.add_dir(
                    str(folder.resolve()),
                    name=folder.name if len(artifact.folders) > 1 else None,
                    policy="immutable" if artifact.settled else "mutable",
                )
            self.run.log_artifact(logged)

    def close(self, failed: bool) -> None:
        """Finish the run and mark whether it failed; for an offline run, say how to send it."""
        self.run.finish(exit_code=int(failed))
        if self.run.offline:
            command = sync_command(Path(self.run.settings.sync_dir), self.run.id)
            say(f"W&B: send this run with  {command}")


def sync_command(folder: Path, run_id: str) -> str:
    """Return the command that sends an offline run and its earlier unsent attempts."""
    attempts = sorted(folder.parent.glob(f"offline-run-*-{run_id}"))
    unsent = [attempt for attempt in attempts if not list(attempt.glob("*.wandb.synced"))]
    return shlex.join(["wandb", "sync", *map(short_path, unsent)])


def short_path(path: Path) -> str:
    """Write a path relative to the current folder if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
