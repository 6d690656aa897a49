"""TensorBoard: a live dashboard on this machine, without an account.

Pillow is imported inside a function: only runs that log figures need it.
"""

import dataclasses
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from xling.cli.console import say
from xling.config import Config, plain
from xling.report.export import saved
from xling.report.section import Figure
from xling.tracker import group
from xling.tracker.library import library


def open_page(config: Config, name: str) -> "TensorBoardPage":
    """Open the run in FOLDER/tensorboard/NAME; a stopped run continues there.

    Raises:
        UserError: TensorBoard is not installed.
    """
    root = Path(config.folder) / "tensorboard"
    writer = library("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(root / name))
    command = shlex.join(["tensorboard", "--logdir", str(root)])
    say(f"TensorBoard: watch this run with  {command}")
    return TensorBoardPage(writer, flatten({**plain(config), "group": group(config)}))


@dataclasses.dataclass(frozen=True)
class TensorBoardPage:
    """A run in TensorBoard; see `xling.tracker.Page`.

    Attributes:
        writer: torch's SummaryWriter.
        settings: the configuration and the group, flattened.
    """

    writer: Any
    settings: dict[str, Any]

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Write the metrics as scalars, with the epoch as their step."""
        for name, value in metrics.items():
            if name != "epoch":
                self.writer.add_scalar(name, value, number)
        self.writer.flush()

    def results(
        self,
        headline: dict[str, Any],
        tables: dict[str, pd.DataFrame],
        figures: Sequence[Figure],
    ) -> None:
        """Write the figures as hyperparameter metrics and as text, and the charts as images.

        The tables are not written, as TensorBoard cannot show them.
        """
        # "." is this run; without it, TensorBoard would list the figures as a separate run.
        self.writer.add_hparams(
            self.settings, {f"results/{name}": value for name, value in headline.items()}, {}, "."
        )
        rows = [f"| {name} | {value:.4g} |" for name, value in headline.items()]
        self.writer.add_text("results", "\n".join(["| figure | value |", "|---|---|", *rows]))
        with TemporaryDirectory() as folder:
            with saved(figures, Path(folder)) as files:
                pass
            for file in files:
                if file.suffix == ".png":
                    self.writer.add_image(f"charts/{file.stem}", pixels(file), dataformats="HWC")

    def close(self, failed: bool) -> None:
        """Write whether the run failed or finished."""
        self.writer.add_text("status", "failed" if failed else "finished")
        self.writer.close()


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested values to dotted names, each with a number or a string."""
    flattened: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flattened |= flatten(value, f"{name}.")
        else:
            simple = isinstance(value, bool | int | float | str)
            flattened[name] = value if simple else json.dumps(value, ensure_ascii=False)
    return flattened


def pixels(file: Path) -> np.ndarray:
    """Read an image as an array of shape (height, width, 3)."""
    from PIL import Image

    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))
