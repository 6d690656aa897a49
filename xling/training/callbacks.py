"""What happens at the end of every epoch: sketches, weights and the history are written."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar
from safetensors.torch import save_model

from xling.training.history import weights_file, write_history
from xling.training.sketches import SketchDump


class GradientSketches(pl.Callback):
    """Dumps the sketches of all training examples' gradients after every epoch.

    With subnetworks, once through each of them. A pass of its own over the data, in evaluation mode
    and with the weights that the epoch ends with. Training continues to the same weights, bit for
    bit, as without it.
    """

    def __init__(self, dumps: Sequence[SketchDump]) -> None:
        self.dumps = dumps

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Sketch this process's share of the examples."""
        epoch = trainer.current_epoch + 1
        for dump in self.dumps:
            if trainer.is_global_zero:
                dump.drop(epoch, trainer.world_size > 1)
            dump(
                module.model,
                epoch,
                trainer.global_rank,
                trainer.world_size,
                trainer.strategy.barrier,
            )


class EpochBar(TQDMProgressBar):
    """A progress bar that counts the epochs from 1, as everything else here does."""

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: object) -> None:
        """Name the epoch."""
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.set_description(f"training, epoch {trainer.current_epoch + 1}")


class EpochRecords(pl.Callback):
    """Writes the weights (TracIn's checkpoints θ_1, θ_2, ...) and the history after every epoch.

    It runs after `GradientSketches`, so that an epoch in the history has all its files.

    Args:
        folder: takes `checkpoints/epoch-NN.safetensors` and `history.json`.
        announce: called with each record of the history.
    """

    def __init__(self, folder: Path, announce: Callable[[dict], None]) -> None:
        self.folder, self.announce = folder, announce

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write both and announce the record."""
        if not trainer.is_global_zero:
            return
        weights = weights_file(self.folder, trainer.current_epoch + 1)
        weights.parent.mkdir(parents=True, exist_ok=True)
        part = weights.with_suffix(".part")
        save_model(module.model, str(part))
        part.replace(weights)
        write_history(self.folder, module.history)
        self.announce(module.history[-1])
