"""What to fine-tune on again: mixtures of the languages, halves, the full data, one left out.

All is drawn from seeds alone. A design of more mixtures or halves begins with those of a smaller
one, so that fine-tunings that are there already are used when more are asked for. Every language
has an order of its own, whatever the others are: a translation of a kept example stays or goes with
its own language only.

Labels, where they are given, are those of single examples (none for tagging): no part may hold
examples of one class alone, since nothing is learnt from it.
"""

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from scipy import special, stats

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Fractions of a language in a mixture."""

SPREAD_AS_OF = 7
"""More languages than this are drawn a little alike, as their mean fraction hardly varies else."""

BLOCK = 10
"""Mixtures in which each language has each level twice; a design is one block after the other."""

DRAWS = 200
"""Blocks of which the best is taken, and halves of which one must hold two classes."""


@dataclasses.dataclass(frozen=True)
class Retraining:
    """One fine-tuning on a part of the training data.

    Attributes:
        kind: "mixture", "full", "without" (one language), "half", or what `of_sizes` is told.
        rows: of the training examples, sorted.
        seed: of the training.
        fractions: each language and the fraction of its examples that was asked for.
    """

    kind: str
    rows: tuple[int, ...]
    seed: int
    fractions: tuple[tuple[str, float], ...]


def mixtures(
    languages: Sequence[str],
    count: int,
    seed: int,
    *,
    labels: Sequence[int] | None = None,
    training_seed: int = 0,
    beside: Sequence[Retraining] = (),
) -> list[Retraining]:
    """Draw mixtures in which each language has one of five fractions, all about equally often.

    The fractions are Latin hypercubes of `BLOCK` mixtures, cut into five levels: each time the one
    of `DRAWS` with which the languages go together least while their mean fraction varies as that
    of independent languages does. The mean of more than `SPREAD_AS_OF` languages would be nearly
    constant: they are given a common part just large enough that it varies as with so many.

    A larger fraction of a language contains its smaller ones. A mixture that would be empty, or of
    one class, is given a quarter of one more language after the other, at random, until it is not.
    One that was drawn before (with two languages there are 24), or that is all data or all but a
    language and is there already, is trained with the next seed: the same fine-tuning a second time
    tells nothing.

    Args:
        languages: of each training example, two or more.
        seed: of the design and of the languages' orders.
        labels: of each training example.
        training_seed: of every fine-tuning that is no repetition.
        beside: fine-tunings that there are anyway, with this seed or the next ones.

    Raises:
        ValueError: a single language.
    """
    names = list(dict.fromkeys(languages))
    if len(names) < 2:
        raise ValueError(f"Mixtures need two languages or more; the training data have {names}.")
    orders = _orders(languages, seed)
    design = _design(len(names), count, seed).copy()
    drawn: dict[tuple[int, ...], int] = {}
    for part in beside:
        drawn[part.rows] = max(drawn.get(part.rows, 0), part.seed - training_seed)
    parts = []
    for number, levels in enumerate(design):
        rows = _rows(orders, levels)
        turns = np.random.default_rng([seed, number]).permutation(len(names))
        for language in turns:
            if _trainable(rows, labels):
                break
            levels[language] = max(levels[language], 1)
            rows = _rows(orders, levels)
        repetition = drawn[rows] = drawn.get(rows, -1) + 1
        fractions = tuple(zip(names, (LEVELS[level] for level in levels), strict=True))
        parts.append(Retraining("mixture", rows, training_seed + repetition, fractions))
    return parts


def full(languages: Sequence[str], seeds: Sequence[int]) -> list[Retraining]:
    """Take all training examples, once with each training seed."""
    fractions = tuple((name, 1.0) for name in dict.fromkeys(languages))
    return [Retraining("full", tuple(range(len(languages))), seed, fractions) for seed in seeds]


def without(languages: Sequence[str], training_seed: int = 0) -> list[Retraining]:
    """Leave each language out, one at a time, in the order in which they come.

    Raises:
        ValueError: a single language.
    """
    names = list(dict.fromkeys(languages))
    if len(names) < 2:
        raise ValueError(f"Without its only language, {names[0]}, no training data are left.")
    return [
        Retraining(
            "without",
            tuple(row for row, language in enumerate(languages) if language != left_out),
            training_seed,
            tuple((name, float(name != left_out)) for name in names),
        )
        for left_out in names
    ]


def of_sizes(
    languages: Sequence[str], sizes: Mapping[str, int], seed: int, kind: str, seeds: Sequence[int]
) -> list[Retraining]:
    """Take so many examples of each language, once with each training seed.

    Args:
        sizes: examples of each language, the first ones in the orders of `mixtures`.
        seed: of these orders.
        kind: what the mixture is called.
        seeds: of the trainings.
    """
    names = list(dict.fromkeys(languages))
    orders = dict(zip(names, _orders(languages, seed), strict=True))
    rows = np.concatenate([orders[name][: sizes.get(name, 0)] for name in names])
    fractions = tuple((name, sizes.get(name, 0) / len(orders[name])) for name in names)
    part = tuple(np.sort(rows).tolist())
    return [Retraining(kind, part, training_seed, fractions) for training_seed in seeds]


def halves(
    languages: Sequence[str],
    count: int,
    seed: int,
    *,
    labels: Sequence[int] | None = None,
    training_seed: int = 0,
) -> list[Retraining]:
    """Draw half of each language's examples at random, again for each part.

    Of an odd number of examples, the larger half. A half of one class is drawn again.

    Raises:
        ValueError: hardly any half holds two classes.
    """
    fractions = tuple((name, 0.5) for name in dict.fromkeys(languages))
    parts = []
    for number in range(count):
        draws = (_half(languages, [seed, number, draw]) for draw in range(DRAWS))
        rows = next((rows for rows in draws if _trainable(rows, labels)), None)
        if rows is None:
            raise ValueError(
                f"{DRAWS} random halves of the {len(languages)} training examples held one class "
                "each: the other classes are too rare."
            )
        parts.append(Retraining("half", rows, training_seed, fractions))
    return parts


def again(parts: Sequence[Retraining], count: int, seed: int) -> list[Retraining]:
    """Repeat the first parts with another training seed, for the noise ceiling.

    Args:
        count: of the repetitions. Repetitions among the parts themselves are passed over.
        seed: of the training.

    Raises:
        ValueError: there are fewer parts, or their seed is this one.
    """
    same = [part for part in parts if part.seed == seed]
    if same:
        raise ValueError(
            f"The seed of the repetitions, {seed}, is that of {len(same)} of the parts: choose "
            f"another, such as {max(part.seed for part in parts) + 1}."
        )
    first = {part.rows: part for part in reversed(parts)}
    distinct = [part for part in parts if first[part.rows] is part]
    if len(distinct) < count:
        raise ValueError(f"{count} repetitions were asked for of {len(distinct)} different parts.")
    return [dataclasses.replace(part, seed=seed) for part in distinct[:count]]


def kept(parts: Sequence[Retraining], examples: int) -> np.ndarray:
    """Tell which training examples are in which part: (parts, examples) booleans."""
    inside = np.zeros((len(parts), examples), dtype=bool)
    for number, part in enumerate(parts):
        inside[number, list(part.rows)] = True
    return inside


def numbered(parts: Sequence[Retraining]) -> np.ndarray:
    """Number the parts by their examples: (parts,), the same for other seeds of the same ones."""
    numbers: dict[tuple[int, ...], int] = {}
    return np.array([numbers.setdefault(part.rows, len(numbers)) for part in parts], dtype=int)


def counts(inside: np.ndarray, values: Sequence, names: Sequence) -> np.ndarray:
    """Count each part's examples of each language, or of each label: (parts, names).

    Args:
        inside: see `kept`.
        values: the language or label of each training example.
        names: the languages or labels to count.
    """
    return inside.astype(int) @ (np.asarray(values)[:, None] == np.asarray(names)).astype(int)


def spread(design: np.ndarray) -> float:
    """Return the standard deviation of the mean fraction over (mixtures, languages) levels."""
    return float(np.asarray(LEVELS)[design].mean(1).std())


@cache  # a command needs it for its plan, for its fine-tunings and for what others would take
def _design(languages: int, count: int, seed: int) -> np.ndarray:
    """Draw one block of mixtures after the other; (count, languages) numbers of levels."""
    design = np.empty((0, languages), dtype=int)
    while len(design) < count:
        draws = [_block(languages, [seed, len(design), draw]) for draw in range(DRAWS)]
        design = min((np.concatenate([design, block]) for block in draws), key=_faults)
    return design[:count]


def _faults(design: np.ndarray) -> float:
    """Rate a design: the largest correlation of two languages, and what its spread falls short."""
    languages = design.shape[1]
    together = np.corrcoef(design, rowvar=False)[np.triu_indices(languages, 1)]
    aim = np.std(LEVELS) / np.sqrt(min(languages, SPREAD_AS_OF))
    return float(np.abs(together).max() + max(0.0, 1 - spread(design) / aim))


def _block(languages: int, seed: list[int]) -> np.ndarray:
    """Draw `BLOCK` mixtures in which each language has each level equally often."""
    points = stats.qmc.LatinHypercube(languages + 1, rng=np.random.default_rng(seed)).random(BLOCK)
    normal = special.ndtri(points)
    shared = max(0.0, (1 / SPREAD_AS_OF - 1 / languages) / (1 - 1 / languages))
    mixed = np.sqrt(1 - shared) * normal[:, 1:] + np.sqrt(shared) * normal[:, :1]
    return (stats.rankdata(mixed, axis=0).astype(int) - 1) * len(LEVELS) // BLOCK


def _orders(languages: Sequence[str], seed: int) -> list[np.ndarray]:
    """Shuffle each language's rows, whatever the other languages are."""
    array = np.array(languages)
    return [
        np.random.default_rng([seed, zlib.crc32(name.encode())]).permutation(
            np.flatnonzero(array == name)
        )
        for name in dict.fromkeys(languages)
    ]


def _rows(orders: list[np.ndarray], levels: np.ndarray) -> tuple[int, ...]:
    """Take the beginning of each order; at least one example of what is not left out."""
    parts = [
        order[: int(np.ceil(LEVELS[level] * len(order) - 1e-9))]
        for order, level in zip(orders, levels, strict=True)
    ]
    return tuple(np.sort(np.concatenate(parts)).tolist())


def _half(languages: Sequence[str], seed: list[int]) -> tuple[int, ...]:
    array = np.array(languages)
    parts = []
    for name in dict.fromkeys(languages):
        rows = np.flatnonzero(array == name)
        rng = np.random.default_rng([*seed, zlib.crc32(name.encode())])
        parts.append(rng.permutation(rows)[: (len(rows) + 1) // 2])
    return tuple(np.sort(np.concatenate(parts)).tolist())


def _trainable(rows: tuple[int, ...], labels: Sequence[int] | None) -> bool:
    """Tell whether a part holds examples, of two classes where there are two."""
    if not rows:
        return False
    return labels is None or len(set(labels)) < 2 or len({labels[row] for row in rows}) > 1
