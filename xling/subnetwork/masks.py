"""Head masks: as files that people can read and edit, shuffled, composed and compared."""

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from xling.errors import UserError
from xling.sketch.arguments import check_choice, path, sequence, strings, whole_number

Composition = Literal["union", "intersection"]
Masks = dict[str, np.ndarray]
"""Language → (layers, heads), True for heads that are on."""


class MaskFileError(UserError, ValueError):
    """A mask file, which people may edit, that cannot be used; the message names the row."""


def check_mask(mask: object, shape: tuple[int, ...] | None = None) -> None:
    """Refuse what is not a head mask, a boolean array (layers, heads), or not of a given shape.

    Raises:
        ValueError: naming what it is instead.
    """
    if not isinstance(mask, np.ndarray):
        raise ValueError(f"a head mask is a boolean numpy array, not {type(mask).__name__}.")
    if mask.dtype != bool or mask.ndim != 2:
        raise ValueError(
            "a head mask is a boolean array (layers, heads), not one of type "
            f"{mask.dtype} and shape {mask.shape}."
        )
    if shape is not None and mask.shape != shape:
        raise ValueError(f"a head mask of shape {mask.shape}: {shape} is expected.")


def checked_shape(shape: Any) -> tuple[int, int]:
    """Return the number of layers and of heads per layer.

    Raises:
        ValueError: not a pair of whole numbers from 1 on.
    """
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise ValueError(
            f"shape={shape!r} is not possible: write (layers, heads per layer), such as (12, 12)."
        )
    layers, heads = (whole_number("shape", size) for size in shape)
    return layers, heads


def write_mask(file: Path | str, mask: np.ndarray, about: dict[str, Any]) -> None:
    """Write a mask as JSON: one row of 0 and 1 per layer, and where it comes from.

    Args:
        mask: (layers, heads) True for heads that are on.
        about: plain values beside it, such as the language and the settings.

    Raises:
        ValueError: not a mask.
    """
    check_mask(mask)
    file = path("file", file)
    rows = [" ".join(str(int(on)) for on in layer) for layer in mask]
    counts = {"heads": mask.size, "disabled": int((~mask).sum())}
    values = {**about, **counts, "mask": rows}
    part = file.with_suffix(".part")
    part.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(file)


def read_mask(file: Path | str, shape: tuple[int, int]) -> np.ndarray:
    """Read a mask from a file, for a model with `shape` layers and heads per layer.

    Only the rows of the mask count; the numbers beside them may be out of date after an edit.

    Raises:
        MaskFileError: no such file, or not such a mask, naming the row.
        ValueError: a shape that is not two whole numbers from 1 on.
    """
    file, shape = path("file", file), checked_shape(shape)
    try:
        rows = json.loads(file.read_text("utf-8"))["mask"]
    except FileNotFoundError:
        raise MaskFileError(f"{file}: there is no such mask.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise MaskFileError(
            f'{file}: not a mask, which is JSON with the key "mask": {error}'
        ) from None
    layers, heads = shape
    if not isinstance(rows, list) or len(rows) != layers:
        count = len(rows) if isinstance(rows, list) else "no"
        raise MaskFileError(f"{file}: {count} rows; the model has {layers} layers, one row each.")
    mask = np.zeros(shape, bool)
    for number, row in enumerate(rows):
        values = str(row).split()
        if len(values) != heads or not set(values) <= {"0", "1"}:
            raise MaskFileError(
                f"{file}: row {number + 1} is {row!r}; expected {heads} numbers, 0 or 1, as in "
                f'"{" ".join(["1"] * heads)}".'
            )
        mask[number] = [value == "1" for value in values]
    if not mask.any():
        raise MaskFileError(f"{file}: every head is off; a subnetwork needs one or more.")
    return mask


def stacked(masks: Mapping[str, np.ndarray], languages: Sequence[str]) -> torch.Tensor:
    """Stack masks as gates, (languages, layers, heads), in the order of the languages.

    Raises:
        ValueError: no languages, a language without a mask, or masks of different shapes.
    """
    names = strings("languages", languages)
    if not names:
        raise ValueError("languages is empty: there are no masks to stack.")
    for name in names:
        if name not in masks:
            raise ValueError(f"There is no mask of {name}; there are those of {', '.join(masks)}.")
        check_mask(masks[name], masks[names[0]].shape)
    return torch.from_numpy(np.stack([masks[name] for name in names]).astype(np.float32))


def shuffled(mask: np.ndarray, seed: int | Sequence[int]) -> np.ndarray:
    """Return a random mask with the same number of heads on (Choenni et al. 2024, §5.2).

    Raises:
        ArgumentError: a seed that is not a whole number from 0 on, or a sequence of them.
        ValueError: not a mask, or an empty sequence as a seed.
    """
    check_mask(mask)
    numbers = seed if isinstance(seed, list | tuple) else [seed]
    if not numbers:
        raise ValueError(f"seed={seed!r} is empty: write one whole number from 0 on, or more.")
    for number in numbers:
        whole_number("seed", number, least=0)
    return np.random.default_rng(seed).permutation(mask.ravel()).reshape(mask.shape)


def composed(masks: Sequence[np.ndarray], how: Composition) -> np.ndarray:
    """Return the union or the intersection of masks (Choenni et al. 2024, app. F.2).

    Raises:
        ArgumentError: `how` is neither of the two.
        ValueError: no masks, or masks of different shapes.
    """
    check_choice("how", how, get_args(Composition))
    masks = sequence("masks", masks)
    if not masks:
        raise ValueError("masks is empty: there is nothing to compose.")
    for mask in masks:
        check_mask(mask, masks[0].shape)
    return reduce(np.logical_or if how == "union" else np.logical_and, masks)


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    """Return the cosine of two flattened masks; NaN if one of them is empty.

    Raises:
        ValueError: masks of different shapes.
    """
    check_mask(left)
    check_mask(right, left.shape)
    norms = np.sqrt(left.sum() * right.sum())
    return float((left & right).sum() / norms) if norms else float("nan")
