"""Checks of the arguments that a user of the library passes; each error says what would do."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

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
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not (0 < number < 1 or (one and number == 1)):
        end = "at most 1" if one else "below 1"
        raise ArgumentError(
            argument, f"{argument}={value!r} is not possible: write a number above 0 and {end}."
        )


def strings(argument: str, values: Iterable[str]) -> list[str]:
    """Return a sequence of strings as a list.

    Raises:
        ValueError: a single string, whose letters would be taken for the items; or an item that
            is not a string, naming it.
    """
    if isinstance(values, str):
        raise ValueError(f"{argument}={values!r} is a single string: pass a sequence of strings.")
    items = list(values)
    wrong = {kind for kind in set(map(type, items)) if not issubclass(kind, str)}
    if wrong:
        item = next(item for item in items if type(item) in wrong)
        raise ValueError(f"{argument}: strings are expected, got {type(item).__name__} {item!r}.")
    return items


def distinct_ids(ids: Iterable[str]) -> list[str]:
    """Return the ids of examples as a list.

    Raises:
        ValueError: none, one that is not a string, or one that stands there twice, naming it.
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
        ValueError: none, or one that is not a whole number from 1 on.
    """
    counts = list(lengths)
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
