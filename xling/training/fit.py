"""Fine-tuning, from the first epoch or from where it was stopped."""

import copy
import dataclasses
import gc
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import datasets
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader

from xling.cli.console import interactive
from xling.config import Config, Trainer
from xling.models.classifier import Classifier
from xling.subnetwork import Masks
from xling.tasks import kind_of
from xling.training.batches import Collator, EpochBatches, LanguageBatches, eval_loader
from xling.training.callbacks import EpochBar, EpochRecords, GradientSketches
from xling.training.history import finished, read_history
from xling.training.modules import FullFineTuning
from xling.training.ranks import Log, launched, plain_torch, together
from xling.training.sketches import SketchDump
from xling.training.sparse import SparseFineTuning


class TuningData(pl.LightningDataModule):
    """Training and development batches for the process that asks for them.

    Args:
        by_language: training batches hold one language each.
        without: rows of the training examples to leave out.
    """

    def __init__(
        self,
        splits: datasets.DatasetDict,
        collate: Collator,
        batch_size: int,
        seed: int,
        by_language: bool,
        without: frozenset[int],
    ) -> None:
        super().__init__()
        self.splits, self.collate, self.batch_size, self.seed = splits, collate, batch_size, seed
        self.by_language, self.without = by_language, without

    def train_dataloader(self) -> DataLoader:
        """Shuffled by seed and epoch, each batch divided among the processes."""
        train, trainer = self.splits["train"], self.trainer
        shared = (self.batch_size, self.seed, trainer.global_rank, trainer.world_size, self.without)
        if self.by_language:
            batches = LanguageBatches(train["language"], *shared)
        else:
            batches = EpochBatches(len(train), *shared)
        return DataLoader(train, batch_sampler=batches, collate_fn=self.collate)

    def val_dataloader(self) -> DataLoader:
        """Every development example once, over all processes."""
        return eval_loader(
            self.splits["dev"],
            self.collate,
            2 * self.batch_size,
            self.trainer.global_rank,
            self.trainer.world_size,
        )


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fine-tuning as every process of it has to know it.

    Attributes:
        config, module, data, folder, dumps: as in `fine_tune`.
        state: file of the state to resume from; None starts from the beginning.
    """

    config: Config
    module: pl.LightningModule
    data: TuningData
    folder: Path
    dumps: Sequence[SketchDump]
    state: str | None

    def __call__(self, log: Log) -> None:
        """Do this process's share, up to the last epoch."""
        tuning, threads = self.config.tuning, self.config.trainer.threads
        if threads:
            torch.set_num_threads(threads)
        callbacks = [
            EarlyStopping("dev_accuracy", mode="max", patience=tuning.patience, min_delta=0.0),
            *([GradientSketches(self.dumps)] if self.dumps else []),
            EpochRecords(self.folder, log),
            ModelCheckpoint(
                dirpath=self.folder / "resume",
                filename="{epoch:03d}",
                save_on_train_epoch_end=True,
            ),
            *([EpochBar()] if interactive() else []),
            Hushed(),
        ]
        with quiet():
            trainer = pl.Trainer(
                **placement(self.config.trainer),
                max_epochs=tuning.epochs,
                callbacks=callbacks,
                logger=False,
                default_root_dir=self.folder,
                deterministic="warn",
                enable_model_summary=False,
                enable_progress_bar=interactive(),
                log_every_n_steps=1,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
            )
            try:
                trainer.fit(self.module, datamodule=self.data, ckpt_path=self.state)
            except SystemExit:  # Lightning's answer to Ctrl-C, without a word
                raise KeyboardInterrupt from None


def fine_tune(
    config: Config,
    model: Classifier,
    encoded: datasets.DatasetDict,
    collate: Collator,
    folder: Path,
    dumps: Sequence[SketchDump],
    log: Log,
    masks: Masks | None = None,
    without: frozenset[int] = frozenset(),
) -> list[dict]:
    """Fine-tune with early stopping on the development accuracy, dumping sketches every epoch.

    Args:
        model: at its start; a copy of it is trained.
        encoded: with splits train and dev.
        folder: takes `checkpoints/`, `history.json` and, until the end, the state to resume from.
        dumps: sketch the training examples; none trains without.
        log: called with each epoch's record, in the process that writes the files.
        masks: the subnetworks of sparse fine-tuning.
        without: rows of the training examples to leave out; the others keep their order.

    Returns:
        The history, see `FullFineTuning`.
    """
    tuning = config.tuning
    if finished(read_history(folder), tuning.epochs, tuning.patience):
        return read_history(folder)
    data = TuningData(
        encoded, collate, tuning.batch_size, config.seed, tuning.name == "sparse", without
    )
    resume = folder / "resume"
    module = _module(config, model, masks)
    fit = Fit(config, module, data, folder, dumps, latest(resume))
    together(fit, log)
    del module, data, fit
    gc.collect()  # Lightning's objects refer to each other, and to weights and optimiser's state
    shutil.rmtree(resume)
    return read_history(folder)


def _module(config: Config, model: Classifier, masks: Masks | None) -> FullFineTuning:
    """Return what trains a copy of a model."""
    tuning, model = config.tuning, copy.deepcopy(model)
    settings = (
        kind_of(config.task),
        config.languages,
        config.learning_rate,
        tuning.weight_decay,
        config.seed,
    )
    if tuning.name == "sparse":
        return SparseFineTuning(model, *settings, masks=masks, strict=tuning.strict)
    return FullFineTuning(model, *settings)


def latest(resume: Path) -> str | None:
    """Return the newest state to resume from."""
    files = sorted(resume.glob("epoch=*.ckpt"))
    return str(files[-1]) if files else None


def placement(trainer: Trainer) -> dict:
    """Translate the configuration into Lightning's arguments of device and precision."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # for deterministic algorithms
    return {
        "accelerator": trainer.accelerator,
        "devices": trainer.devices,
        "num_nodes": trainer.num_nodes,
        "precision": trainer.precision,
        "strategy": strategy(trainer),
        # Named, since in a job of SLURM Lightning would take the job's tasks for processes of the
        # training, and queue the job again by itself.
        "plugins": [TorchElasticEnvironment() if launched() else LightningEnvironment()],
    }


def strategy(trainer: Trainer) -> str:
    """Return Lightning's name of the strategy.

    Without torchrun, processes are spawned for the fit: Lightning's `ddp` would start the whole
    command again in each. What a step does not reach is looked for in each of them: the parameters
    that no gradient reaches (XLNet's mask), or none of the batch's languages (X-MOD's adapters).
    """
    if launched():
        return "ddp_find_unused_parameters_true"
    several = trainer.devices > 1 or trainer.strategy == "ddp"
    return "ddp_spawn_find_unused_parameters_true" if several else "auto"


def device(trainer: Trainer) -> torch.device:
    """Return the device for the passes outside of the training."""
    if trainer.accelerator == "cpu":
        return torch.device("cpu")
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's hints off the terminal: they address developers who write a Trainer."""
    with warnings.catch_warnings():
        hush()
        yield


def hush() -> None:
    """Keep the libraries' hints off the terminal from now on, also of processes to come."""
    plain_torch()
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    warnings.filterwarnings("ignore", message=".*deterministic")


class Hushed(pl.Callback):
    """Hushes spawned processes too: each begins by unpickling the trainer with its callbacks."""

    def __reduce__(self) -> tuple:
        return _hushed, ()


def _hushed() -> Hushed:
    hush()
    return Hushed()
