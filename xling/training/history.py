"""The epochs of a fine-tuning: their names, weights and records, and which one is kept."""

import json
from pathlib import Path


def epoch_name(epoch: int) -> str:
    """Return the file name of an epoch, counted from 1, without its ending."""
    return f"epoch-{epoch:02d}"


def weights_file(folder: Path, epoch: int) -> Path:
    """Return where the weights of an epoch, counted from 1, are kept."""
    return folder / "checkpoints" / f"{epoch_name(epoch)}.safetensors"


def write_history(folder: Path, history: list[dict]) -> None:
    """Write the records of the finished epochs, atomically."""
    part = folder / "history.json.part"
    part.write_text(json.dumps(history, indent=1), "utf-8")
    part.replace(folder / "history.json")


def read_history(folder: Path) -> list[dict]:
    """Read the records of the finished epochs; none before the first has ended."""
    file = folder / "history.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else []


def finished(history: list[dict], epochs: int, patience: int) -> bool:
    """Return whether a history ends where training ends: all epochs, or no gain for `patience`."""
    return bool(history) and (
        len(history) == epochs or len(history) - kept_epoch(history) >= patience
    )


def kept_epoch(history: list[dict]) -> int:
    """Return the first epoch (from 1) of the best development accuracy: early stopping keeps it."""
    return max(history, key=lambda record: (record["dev_accuracy"], -record["epoch"]))["epoch"]
