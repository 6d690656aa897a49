"""The Lightning module of full fine-tuning."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from xling.errors import UserError
from xling.models.classifier import Classifier
from xling.tasks import TaskKind


class FullFineTuning(pl.LightningModule):
    """Fine-tunes all weights with AdamW at a constant learning rate (Choenni et al. 2023, §4.1).

    Attributes:
        kind: the kind of task.
        languages: in the order of the batches' indices; some may have no example.
        history: one record per finished epoch: epoch (from 1), learning_rate, train_loss,
            dev_accuracy and the accuracy of each language. It travels with Lightning's checkpoints.
    """

    def __init__(
        self,
        model: Classifier,
        kind: TaskKind,
        languages: tuple[str, ...],
        learning_rate: float,
        weight_decay: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.model, self.kind = model, kind
        self.languages = languages
        self.learning_rate, self.weight_decay, self.seed = learning_rate, weight_decay, seed
        self.history: list[dict[str, Any]] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over all parameters."""
        return adamw(self.parameters(), self.learning_rate, self.weight_decay)

    def on_train_epoch_start(self) -> None:
        """Switch dropout on, and choose the epoch's order.

        Loaded models are in evaluation mode and Lightning leaves them so; and it tells the epoch
        to samplers, but not to batch samplers.
        """
        self.model.train()
        self.trainer.train_dataloader.batch_sampler.set_epoch(self.current_epoch)
        self._loss_sum = torch.zeros(2, device=self.device, dtype=torch.float64)

    def on_train_batch_start(self, batch: dict, index: int) -> None:
        """Draw dropout from random numbers that depend on the step alone.

        A resumed run then draws the same numbers as one that never stopped.
        """
        seed_step(self.seed, self.current_epoch, index, self.global_rank)

    def logits(self, batch: dict) -> Tensor:
        """Run the model on a batch."""
        return self.model(**batch["inputs"])

    def training_step(self, batch: dict, index: int) -> Tensor:
        """Return the mean loss over the whole batch, of which this process holds a slice."""
        losses = self.kind.losses(self.logits(batch), batch["labels"])
        count = torch.tensor(float(len(losses)), device=self.device)
        total = self.trainer.strategy.reduce(count.clone(), reduce_op="sum")
        # Averaged over the processes, this is the mean over all examples also for uneven slices.
        loss = losses.sum() * (self.trainer.world_size / total)
        if not torch.isfinite(loss):
            raise UserError(
                f"The loss is {loss.item()} in epoch {self.current_epoch + 1}, step {index + 1}. "
                f"Lower tuning.learning_rate (now {self.learning_rate:g}), or try "
                "trainer.precision=32-true if it is set to another."
            )
        self._loss_sum += torch.stack([losses.detach().sum(), count]).double()
        return loss

    def on_validation_epoch_start(self) -> None:
        """Count correct and all predictions per language from zero."""
        self._counts = torch.zeros(len(self.languages), 2, device=self.device)

    def validation_step(self, batch: dict, index: int) -> None:
        """Count the correct predictions."""
        correct = self.kind.correct(self.logits(batch), batch["labels"])
        counts = torch.stack([correct.float(), torch.ones_like(correct, dtype=torch.float)], dim=1)
        self._counts.index_add_(0, batch["languages"], counts)

    def on_validation_epoch_end(self) -> None:
        """Add the epoch to the history and log it."""
        counts = self.trainer.strategy.reduce(self._counts, reduce_op="sum").cpu()
        losses = self.trainer.strategy.reduce(self._loss_sum, reduce_op="sum").cpu()
        seen = counts[:, 1] > 0
        by_language = {
            language: (counts[i, 0] / counts[i, 1]).item()
            for i, language in enumerate(self.languages)
            if seen[i]
        }
        record = {
            "epoch": self.current_epoch + 1,
            "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
            "train_loss": (losses[0] / losses[1]).item(),
            "dev_accuracy": (counts[:, 0].sum() / counts[:, 1].sum()).item(),
            "languages": by_language,
        }
        self.history.append(record)
        self.log("dev_accuracy", record["dev_accuracy"], prog_bar=True)
        self.log("train_loss", record["train_loss"], prog_bar=True)
        self.log_dict({f"dev_accuracy/{key}": value for key, value in by_language.items()})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history with the weights."""
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the history."""
        self.history = checkpoint["history"]


def adamw(parameters: Iterable[Tensor], rate: float, decay: float) -> torch.optim.Optimizer:
    """Return the optimiser of a fine-tuning."""
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)


def seed_step(seed: int, epoch: int, step: int, rank: int = 0) -> None:
    """Seed the random numbers of one step's dropout.

    Args:
        epoch, step: from 0.
        rank: of the process.
    """
    key = [seed, epoch, step, rank]
    torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
