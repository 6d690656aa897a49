"""Weights & Biases: online, or in files that are sent later."""

import dataclasses
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from xling import report
from xling.cli.console import say
from xling.config import Config, plain
from xling.errors import UserError
from xling.tracker import group
from xling.tracker.artifacts import Artifact, sizes_line
from xling.tracker.reach import answers

if TYPE_CHECKING:
    import wandb

BY_EPOCH = ("train_loss", "learning_rate", "dev_accuracy", "dev_accuracy/*")
"""Metrics that are drawn over the epoch."""


FLUSHED = 0.5
"""Seconds until what is logged is in W&B's file; by itself W&B takes 15, and a killed run has lost
what it counts as shown."""


def opened(config: Config, name: str) -> "WandbPage":
    """Open the run, online if the server answers, else offline.

    The id is the name, so that a run that goes on is the same run there; under a `wandb agent` it
    is the agent's.

    Raises:
        UserError: there is no key on this machine, or the server refuses the run.
    """
    import wandb

    tracker, mode = config.tracker, settled_mode(config)
    folder = Path(config.folder).resolve()  # W&B's own process may stand elsewhere
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run = wandb.init(
            id=name,
            name=name,
            project=tracker.project,
            entity=tracker.entity,
            group=group(config),
            job_type=config.tuning.name,
            tags=tags(config),
            mode=mode,
            dir=str(folder),
            resume="allow",
            config=plain(config),
            settings=wandb.Settings(
                silent=True,
                console="off",
                x_disable_meta=True,
                x_transaction_log_flush_interval=FLUSHED,
            ),
        )
    except wandb.errors.CommError as error:
        raise UserError(
            f"W&B does not take the run: {error}\nGive another key by `wandb login --relogin`, or "
            "write tracker.mode=offline to log to files."
        ) from None
    run.define_metric("epoch")
    for metric in BY_EPOCH:
        run.define_metric(metric, step_metric="epoch")
    if mode == "online":
        say(f"W&B: {run.url}")
    return WandbPage(run)


def settled_mode(config: Config) -> str:
    """Return online, if that is asked for and the server answers within seconds, or offline.

    WANDB_MODE and `wandb offline` count like tracker.mode=offline.

    Raises:
        UserError: online without a key; nobody is asked for one. Or W&B is switched off here.
    """
    import wandb

    settings = wandb.setup(wandb.Settings(silent=True)).settings
    if settings.mode == "disabled":
        raise UserError("W&B is switched off by WANDB_MODE=disabled: unset it, or tracker=none.")
    if config.tracker.mode == "offline" or settings.mode in ("offline", "dryrun"):
        return "offline"
    if not wandb.login(prompt=False, verify=False):
        raise UserError(
            "tracker=wandb logs to an account and this machine has no key for one. Write "
            "tracker.mode=offline to log to files, or give a key once by `wandb login`."
        )
    proxies = {"http": settings.http_proxy, "https": settings.https_proxy}
    if answers(settings.base_url, {key: value for key, value in proxies.items() if value}):
        return "online"
    say(f"W&B: {settings.base_url} does not answer. This run is logged to files, to be sent later.")
    return "offline"


def tags(config: Config) -> list[str]:
    """Return the tags asked for, and the task, the tuning and the subnetwork, each once."""
    own = (config.task.name, config.tuning.name, config.subnetwork.name)
    return list(dict.fromkeys([*config.tracker.tags, *own]))


@dataclasses.dataclass(frozen=True)
class WandbPage:
    """A run in Weights & Biases, see `xling.tracker.Page`; it takes artifacts as well."""

    run: "wandb.Run"

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Log the metrics; epoch, one of them, is the axis that they are drawn over."""
        self.run.log(metrics)

    def results(
        self, headline: dict[str, Any], tables: dict[str, pd.DataFrame], folder: Path
    ) -> None:
        """Log tables, charts as pages of their own, and the figures as the run's summary."""
        import wandb

        figures = report.figures(report.load(folder))
        self.run.log(
            {f"tables/{name}": wandb.Table(dataframe=table) for name, table in tables.items()}
            | {
                f"charts/{figure.file}": wandb.Html(figure.html(), inject=False)
                for figure in figures
            }
        )
        self.run.summary.update(headline)

    def artifacts(self, found: list[Artifact]) -> None:
        """Log an artifact of each kind.

        Files of the shared stages are sent from where they are; those of the run's own folder,
        which is renamed when the run ends, from a copy that W&B makes.
        """
        import wandb

        say(f"W&B artifacts: {sizes_line(found)}")
        for each in found:
            # W&B takes fewer signs in the names of artifacts than in those of runs.
            name = re.sub(r"[^a-zA-Z0-9_.-]", "_", f"{each.kind}-{each.owner}")
            artifact = wandb.Artifact(name, type=each.kind)
            for folder in each.folders:
                artifact.add_dir(
                    str(folder.resolve()),
                    name=folder.name if len(each.folders) > 1 else None,
                    policy="immutable" if each.settled else "mutable",
                )
            self.run.log_artifact(artifact)

    def close(self, failed: bool) -> None:
        """Finish the run, as failed after an error; say how to send it if it is in files."""
        self.run.finish(exit_code=int(failed))
        if self.run.offline:
            command = sync_command(Path(self.run.settings.sync_dir), self.run.id)
            say(f"W&B: send this run by  {command}")


def sync_command(folder: Path, run_id: str) -> str:
    """Return what sends a run in files, with those of its earlier tries that are not sent yet."""
    tries = sorted(folder.parent.glob(f"offline-run-*-{run_id}"))
    unsent = [each for each in tries if not list(each.glob("*.wandb.synced"))]
    return shlex.join(["wandb", "sync", *map(shown, unsent)])


def shown(path: Path) -> str:
    """Write a path as seen from here, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
