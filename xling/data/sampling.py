"""Which rows are drawn for training, development and test: seeded, nested, disjoint."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from xling.config import Config
from xling.data.files import same_split
from xling.errors import UserError

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Part:
    """A share of a source split: one of our splits and its rows per language (None: the rest)."""

    split: str
    size: int | None


def parts_of(config: Config) -> dict[str, list[Part]]:
    """Return for each source split those of ours that are drawn from it, as in `SPLITS`.

    Raises:
        UserError: a split that shares its source, or an imbalance, without a number to draw.
    """
    data = config.data
    parts: dict[str, list[Part]] = {}
    for split in SPLITS:
        if split not in data.splits:
            raise UserError(
                f"data.splits does not say what {split} is: write data.splits.{split}=…"
            )
        size = getattr(data, f"{split}_per_language")
        shared = parts.setdefault(same_split(data.splits[split]), [])
        if shared and size is None:
            raise UserError(
                f"data.{split}_per_language=null: {split} shares the source split "
                f"'{data.splits[split]}' with {shared[0].split}; write how many rows per language "
                f"it gets, for instance data.{split}_per_language=200."
            )
        shared.append(Part(split, size))
    if config.imbalance and data.train_per_language is None:
        raise UserError(
            f"imbalance={config.imbalance} needs data.train_per_language=NUMBER: without it all "
            "rows are drawn and none are left to add."
        )
    return parts


def extra_size(config: Config) -> int:
    """Return how many rows `imbalance` adds to its language."""
    return round((config.data.train_per_language or 0) * config.imbalance / 100)


def permutation(ids: Iterable[str], seed: int, key: str) -> list[str]:
    """Return the ids in the random order of a seed and a key, whatever order they had."""
    ordered = sorted(ids, key=lambda identity: (len(identity), identity))
    stream = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
    return [
        ordered[place] for place in np.random.default_rng([seed, stream]).permutation(len(ordered))
    ]


def allot(
    ids: Sequence[str], parts: Sequence[Part], extra: int, where: str, imbalance: int = 0
) -> dict[str, list[str]]:
    """Cut a permutation into disjoint draws, one per part, and `"extra"` for the imbalance.

    The first part is the head, followed by the extra ids; the others are taken from the tail, so
    that a larger training set or imbalance leaves the development and test examples as they are.

    Args:
        extra: number of ids that one language gets beyond the first part's.
        where: names the source in messages.
        imbalance: the per cent that `extra` comes from, for messages.

    Raises:
        UserError: more wanted than there are.
    """
    tail = sum(part.size or 0 for part in parts[1:])
    head = len(ids) - tail if parts[0].size is None else parts[0].size
    if head + tail > len(ids) or head < 1:
        wanted = " + ".join(f"{part.split} {part.size or 'the rest'}" for part in parts)
        keys = ", ".join(f"data.{part.split}_per_language" for part in parts)
        raise UserError(
            f"Too few rows: {where} has {len(ids):,} usable ones, but wanted are {wanted}. "
            f"Lower {keys}."
        )
    left = len(ids) - head - tail
    if extra > left:
        raise UserError(
            f"imbalance={imbalance} takes {extra:,} rows more than the {head:,} of each language, "
            f"but {where} has {left:,} left. Write "
            f"imbalance={largest_imbalance(head, left)} at most, or lower data.train_per_language."
        )
    draws = {parts[0].split: list(ids[:head]), "extra": list(ids[head : head + extra])}
    backwards = ids[::-1]
    for part in parts[1:]:
        draws[part.split] = list(backwards[: part.size])
        backwards = backwards[part.size :]
    return draws


def largest_imbalance(size: int, left: int) -> int:
    """Return the largest whole per cent p for which round(size * p / 100) <= left."""
    per_cent = (left + 1) * 100 // size
    while round(size * per_cent / 100) > left:
        per_cent -= 1
    return per_cent
