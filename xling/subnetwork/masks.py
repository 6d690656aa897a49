"""Head masks as files that people can read and edit, and what can be made of them."""

import json
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from xling.errors import UserError

Composition = Literal["union", "intersection"]
Masks = dict[str, np.ndarray]
"""Language → (layers, heads), True for heads that are on."""


def write_mask(file: Path, mask: np.ndarray, about: dict[str, Any]) -> None:
    """Write a mask as JSON: one row of 0 and 1 per layer, and what made it.

    Args:
        mask: (layers, heads) True for heads that are on.
        about: plain values beside it, such as the language and the settings.
    """
    rows = [" ".join(str(int(on)) for on in layer) for layer in mask]
    counts = {"heads": mask.size, "disabled": int((~mask).sum())}
    values = {**about, **counts, "mask": rows}
    part = file.with_suffix(".part")
    part.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(file)


def read_mask(file: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read the mask of a file, for a model of so many layers and heads.

    Only its rows count; the numbers beside them may be out of date after an edit.

    Raises:
        UserError: no such file, or not such a mask, naming the row.
    """
    try:
        rows = json.loads(file.read_text("utf-8"))["mask"]
    except FileNotFoundError:
        raise UserError(f"{file}: there is no such mask.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f'{file}: not a mask, which is JSON with the key "mask": {error}') from None
    layers, heads = shape
    if not isinstance(rows, list) or len(rows) != layers:
        found = len(rows) if isinstance(rows, list) else "no"
        raise UserError(f"{file}: {found} rows; the model has {layers} layers, one row each.")
    mask = np.zeros(shape, bool)
    for number, row in enumerate(rows):
        values = str(row).split()
        if len(values) != heads or not set(values) <= {"0", "1"}:
            raise UserError(
                f"{file}: row {number + 1} is {row!r}; expected {heads} numbers, 0 or 1, as in "
                f'"{" ".join(["1"] * heads)}".'
            )
        mask[number] = [value == "1" for value in values]
    if not mask.any():
        raise UserError(f"{file}: every head is off; a subnetwork needs one or more.")
    return mask


def stacked(masks: Masks, languages: Sequence[str]) -> torch.Tensor:
    """Stack masks as gates, (languages, layers, heads), in the order of the languages."""
    return torch.from_numpy(np.stack([masks[each] for each in languages]).astype(np.float32))


def shuffled(mask: np.ndarray, seed: int | list[int]) -> np.ndarray:
    """Return a random mask with as many heads on (Choenni et al. 2024, §5.2)."""
    return np.random.default_rng(seed).permutation(mask.ravel()).reshape(mask.shape)


def composed(masks: list[np.ndarray], how: Composition) -> np.ndarray:
    """Return the union or the intersection of masks (Choenni et al. 2024, app. F.2)."""
    return reduce(np.logical_or if how == "union" else np.logical_and, masks)


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    """Return the cosine of two flattened masks; NaN if one of them is empty."""
    norms = np.sqrt(left.sum() * right.sum())
    return float((left & right).sum() / norms) if norms else float("nan")
