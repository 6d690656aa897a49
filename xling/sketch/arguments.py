"""Checks of the arguments that a user of the library passes; each error says what would do."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from xling.errors import ArgumentError, closest, nearest


def check_choice(argument: str, value: object, choices: Sequence[str]) -> None:
    """Refuse a word that is not one of the choices.

    Raises:
        ArgumentError: naming the choices and the closest of them.
    """
    if isinstance(value, str) and value in choices:
        return
    *others, last = map(repr, choices)
    raise ArgumentError(
        argument,
        f"{argument}={value!r} is not possible: choose {', '.join(others)} or {last}."
        f"{nearest(value, choices)}",
        closest(value, choices),
    )


def whole_number(argument: str, value: Any, least: int = 1) -> int:
    """Return a whole number, such as a size or a count, as an int.

    Raises:
        ArgumentError: it is not whole (True and False are not numbers here), or below `least`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ArgumentError(
            argument, f"{argument}={value!r} is not possible: write a whole number from {least} on."
        )
    return int(value)


def check_integer(argument: str, value: object) -> None:
    """Refuse what is not a whole number; negative ones are fine.

    Raises:
        ArgumentError: naming the value.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentError(argument, f"{argument}={value!r} is not possible: write an integer.")


def check_fraction(argument: str, value: Any, *, one: bool = False) -> None:
    """Refuse what is not between 0 and 1; 0 is refused too, 1 unless `one` allows it.

    Raises:
        ArgumentError: naming the value and the range.
    """
    number = real(value)
    if not (0 < number < 1 or (one and number == 1)):
        end = "at most 1" if one else "below 1"
        raise ArgumentError(
            argument, f"{argument}={value!r} is not possible: write a number above 0 and {end}."
        )


def real(value: Any) -> float:
    """Return a real number as a float; NaN for what is none, such as True or "1"."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def check_memory(memory_gb: object) -> None:
    """Refuse what is not a size of memory, in 10⁹ bytes.

    Raises:
        ArgumentError: not a number, or one that is not above 0 and finite.
    """
    size = real(memory_gb) * 1e9
    if not (size > 0 and math.isfinite(size)):
        raise ArgumentError(
            "memory_gb",
            f"memory_gb={memory_gb!r} is not possible: write a finite number of gigabytes above 0, "
            "such as 2.",
            2,
        )


def check_damping(damping: object) -> None:
    """Refuse what is not a damping, relative to a mean of eigenvalues or second moments.

    Raises:
        ArgumentError: not a number, or one that is not above 0 and finite.
    """
    if not 0 < real(damping) < math.inf:
        raise ArgumentError(
            "damping", f"damping={damping!r} is not possible: write a finite number above 0."
        )


def check_bool(argument: str, value: object) -> None:
    """Refuse what is neither True nor False.

    Raises:
        ArgumentError: naming the value.
    """
    if not isinstance(value, bool):
        raise ArgumentError(argument, f"{argument}={value!r} is not possible: write True or False.")


def path(argument: str, value: object) -> Path:
    """Return a file or a folder, given as a string or a path, as a path.

    Raises:
        ValueError: neither a string nor a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"{argument}={value!r} is not possible: write a path.")
    return Path(value)


def sequence(argument: str, values: Any) -> list[Any]:
    """Return a sequence as a list.

    Raises:
        ValueError: a string, a set, a mapping, or what has no items.
    """
    if isinstance(values, str | bytes):
        raise ValueError(f"{argument}={values!r} is a single string: pass a sequence.")
    if isinstance(values, Mapping | Set):
        raise ValueError(f"{argument}: pass a sequence, such as a list, not a {_type(values)}.")
    try:
        return list(values)
    except TypeError:
        raise ValueError(
            f"{argument}: pass a sequence, such as a list, not a single {_type(values)}."
            if values is not None
            else f"{argument}=None is not possible: pass a sequence, such as a list."
        ) from None


def array(argument: str, values: Any) -> np.ndarray:
    """Return values as a numpy array, of any type.

    Raises:
        ArgumentError: rows of different lengths, or what numpy cannot read.
    """
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        raise ArgumentError(
            argument, f"{argument}: pass a numpy array; its rows have to be of the same length."
        ) from None


def real_array(argument: str, values: Any, dimensions: int) -> np.ndarray:
    """Return an array of real numbers, whose type stays as it is.

    Raises:
        ArgumentError: what are not numbers, or another number of dimensions.
    """
    numbers = array(argument, values)
    if numbers.dtype.kind not in "iuf" or numbers.ndim != dimensions:
        raise ArgumentError(
            argument,
            f"{argument} of shape {numbers.shape} and type {numbers.dtype}: an array of real "
            f"numbers with {dimensions} dimension{'s' * (dimensions > 1)} is expected.",
        )
    return numbers


def strings(argument: str, values: Iterable[str]) -> list[str]:
    """Return a sequence of strings as a list.

    Raises:
        ValueError: not a sequence; a single string, whose letters would be taken for the items; or
            an item that is not a string, naming it.
    """
    items = sequence(argument, values)
    wrong = {kind for kind in set(map(type, items)) if not issubclass(kind, str)}
    if wrong:
        item = next(item for item in items if type(item) in wrong)
        raise ValueError(f"{argument}: strings are expected, got {_type(item)} {item!r}.")
    return items


def distinct_ids(ids: Iterable[str]) -> list[str]:
    """Return the ids of examples as a list.

    Raises:
        ValueError: not a sequence, an empty one, or an id that is not a string or that stands there
            twice, naming it.
    """
    items = strings("ids", ids)
    if not items:
        raise ValueError("There are no examples: ids is empty.")
    if len(set(items)) < len(items):
        item = next(item for item, count in Counter(items).items() if count > 1)
        raise ValueError(f"ids: {item!r} is there twice; every example has an id of its own.")
    return items


def token_counts(lengths: Iterable[int]) -> list[int]:
    """Return the lengths of examples, in tokens, as a list of ints.

    Raises:
        ValueError: not a sequence, an empty one, or a length that is not a whole number from 1 on.
    """
    counts = sequence("lengths", lengths)
    if not counts:
        raise ValueError("There are no examples: lengths is empty.")
    if set(map(type, counts)) == {int} and min(counts) > 0:  # quick for a million
        return counts
    return [whole_number("lengths", count) for count in counts]


def check_equally_many(**sequences: Sequence | None) -> None:
    """Refuse sequences of different sizes, one item per example each; None is not looked at.

    Raises:
        ValueError: naming the sizes.
    """
    sizes = {name: len(values) for name, values in sequences.items() if values is not None}
    if len(set(sizes.values())) > 1:
        counts = " and ".join(f"{size} {name}" for name, size in sizes.items())
        raise ValueError(f"{counts}: every example needs one of each.")


def _type(value: object) -> str:
    return type(value).__name__
