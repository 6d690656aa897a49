"""Which rows are drawn for training, development and test: seeded, nested and disjoint."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from xling.config import Config
from xling.data.files import canonical_split
from xling.errors import UserError

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Quota:
    """How many rows per language a split of the run draws from its source (None: the rest)."""

    split: str
    size: int | None


def quotas_by_source(config: Config) -> dict[str, list[Quota]]:
    """Map each source split to the quotas of the splits drawn from it, ordered as in `SPLITS`.

    Raises:
        UserError: a split that shares its source, or an imbalance, without a number of rows.
    """
    data = config.data
    quotas: dict[str, list[Quota]] = {}
    for split in SPLITS:
        if split not in data.splits:
            raise UserError(f"data.splits does not define {split}: write data.splits.{split}=…")
        size = getattr(data, f"{split}_per_language")
        sharing = quotas.setdefault(canonical_split(data.splits[split]), [])
        if sharing and size is None:
            raise UserError(
                f"data.{split}_per_language=null: {split} shares the source split "
                f"'{data.splits[split]}' with {sharing[0].split}; write how many rows per language "
                f"it draws, for instance data.{split}_per_language=200."
            )
        sharing.append(Quota(split, size))
    if config.imbalance and data.train_per_language is None:
        raise UserError(
            f"imbalance={config.imbalance} needs data.train_per_language=NUMBER: without it all "
            "rows are drawn, and none remain to add."
        )
    return quotas


def extra_size(config: Config) -> int:
    """Return how many rows `imbalance` adds to its language."""
    return round((config.data.train_per_language or 0) * config.imbalance / 100)


def permutation(ids: Iterable[str], seed: int, key: str) -> list[str]:
    """Return the ids in a random order that depends only on the seed and the key."""
    ordered = sorted(ids, key=lambda identity: (len(identity), identity))
    stream = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
    order = np.random.default_rng([seed, stream]).permutation(len(ordered))
    return [ordered[position] for position in order]


def allot(
    ids: Sequence[str], quotas: Sequence[Quota], extra: int, where: str, imbalance: int = 0
) -> dict[str, list[str]]:
    """Cut a permutation into disjoint draws, one per quota, plus `"extra"` for the imbalance.

    The first quota gets the head, followed by the extra ids. The others are cut from the tail, so
    that a larger training set or imbalance does not change the development and test examples.

    Args:
        extra: number of ids that one language gets beyond the first quota.
        where: name of the source in messages.
        imbalance: percentage from which `extra` was computed, for messages.

    Raises:
        UserError: more ids are requested than exist.
    """
    tail = sum(quota.size or 0 for quota in quotas[1:])
    head = len(ids) - tail if quotas[0].size is None else quotas[0].size
    if head + tail > len(ids) or head < 1:
        requested = " + ".join(f"{quota.split} {quota.size or 'the rest'}" for quota in quotas)
        keys = ", ".join(f"data.{quota.split}_per_language" for quota in quotas)
        raise UserError(
            f"Too few rows: {where} has {len(ids):,} usable rows, but the run needs {requested}. "
            f"Lower {keys}."
        )
    remaining = len(ids) - head - tail
    if extra > remaining:
        raise UserError(
            f"imbalance={imbalance} needs {extra:,} rows beyond the {head:,} of each language, but "
            f"{where} has only {remaining:,} left. Write "
            f"imbalance={largest_imbalance(head, remaining)} at most, or lower "
            "data.train_per_language."
        )
    draws = {quotas[0].split: list(ids[:head]), "extra": list(ids[head : head + extra])}
    backwards = ids[::-1]
    for quota in quotas[1:]:
        draws[quota.split] = list(backwards[: quota.size])
        backwards = backwards[quota.size :]
    return draws


def largest_imbalance(size: int, remaining: int) -> int:
    """Return the largest whole percentage p for which round(size * p / 100) <= remaining."""
    per_cent = (remaining + 1) * 100 // size
    while round(size * per_cent / 100) > remaining:
        per_cent -= 1
    return per_cent
