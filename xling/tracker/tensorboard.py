"""TensorBoard: a dashboard on this machine, live and without an account."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xling.cli.console import say
from xling.config import Config, plain
from xling.tracker import group
from xling.tracker.library import library


def opened(config: Config, name: str) -> "TensorBoardPage":
    """Open the run in FOLDER/tensorboard/NAME; one that was stopped goes on.

    Raises:
        UserError: TensorBoard is not installed.
    """
    root = Path(config.folder) / "tensorboard"
    writer = library("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(root / name))
    command = shlex.join(["tensorboard", "--logdir", str(root)])
    say(f"TensorBoard: watch this run by  {command}")
    return TensorBoardPage(writer, flat({**plain(config), "group": group(config)}))


@dataclasses.dataclass(frozen=True)
class TensorBoardPage:
    """A run in TensorBoard, see `xling.tracker.Page`.

    Attributes:
        writer: torch's SummaryWriter.
        settings: the configuration and the group, flat.
    """

    writer: Any
    settings: dict[str, Any]

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Write the metrics as scalars over the epoch."""
        for name, value in metrics.items():
            if name != "epoch":
                self.writer.add_scalar(name, value, number)
        self.writer.flush()

    def results(
        self, headline: dict[str, Any], tables: dict[str, pd.DataFrame], folder: Path
    ) -> None:
        """Write the figures with the configuration and as text, the charts as images.

        The tables are not among it: TensorBoard shows none.
        """
        # "." is the run itself; without it the figures would be a run of their own.
        self.writer.add_hparams(
            self.settings, {f"results/{name}": value for name, value in headline.items()}, {}, "."
        )
        rows = [f"| {name} | {value:.4g} |" for name, value in headline.items()]
        self.writer.add_text("results", "\n".join(["| figure | value |", "|---|---|", *rows]))
        for file in sorted((folder / "figures").glob("*.png")):
            self.writer.add_image(f"charts/{file.stem}", pixels(file), dataformats="HWC")

    def close(self, failed: bool) -> None:
        """Write how the run ended, and no more."""
        self.writer.add_text("status", "failed" if failed else "finished")
        self.writer.close()


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested values to dotted names, each a number or a text."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            found |= flat(value, f"{name}.")
        else:
            simple = isinstance(value, bool | int | float | str)
            found[name] = value if simple else json.dumps(value, ensure_ascii=False)
    return found


def pixels(file: Path) -> np.ndarray:
    """Read an image, (height, width, 3)."""
    from PIL import Image

    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))
