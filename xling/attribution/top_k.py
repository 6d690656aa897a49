"""The k largest or smallest scores of each row, from scores that arrive in tiles."""

import dataclasses

import numpy as np

HALF, LOWER = np.uint64(32), np.uint64(0xFFFFFFFF)
"""Bits of half a key, and all of the lower half."""


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The k most extreme training examples of each test example.

    Attributes:
        index: (test, k) rows of the training examples, the most extreme first.
        score: (test, k) their scores.
    """

    index: np.ndarray
    score: np.ndarray


class Extremes:
    """Keeps the k largest and the k smallest of each row; of equal ones those first in `order`.

    A candidate is one 64-bit key: its upper half puts it in the order of the scores, its lower half
    in that of `order`. So one sort of numbers, of which no two are equal, settles both. Scores
    between the k-th ones so far are dropped at once; the others wait until there are enough of them
    for a selection to pay.

    Args:
        rows: number of rows, below 32,768.
        k: how many to keep of each, at both ends.
        order: (columns,) rank of each column among equals, a permutation.
    """

    def __init__(self, rows: int, k: int, order: np.ndarray) -> None:
        self.rows, self.k = rows, k
        self.order = order.astype(np.uint64)
        self.bounds: np.ndarray | None = None  # (2, rows, 1) the k-th largest, the k-th smallest
        self.last: np.ndarray | None = None  # (2, rows) their keys, as soon as they are known
        # The lists at the low end follow those at the high end: 2 · rows lists, and their keys.
        self._candidates: list[tuple[np.ndarray, np.ndarray]] = []
        self._waiting = 0

    def add(self, scores: np.ndarray, start: int) -> None:
        """Take a tile, (rows, columns of it), whose columns begin at `start`."""
        columns = scores.shape[1]
        if self.bounds is None and columns >= self.k:
            self.bounds = np.stack(  # much faster by one end than by both
                [
                    np.partition(scores, end, axis=1)[:, end : end + 1]
                    for end in (columns - self.k, self.k - 1)
                ]
            )
        if self.bounds is None:
            places = np.arange(scores.size)
        else:
            places = sparse_places((scores >= self.bounds[0]) | (scores <= self.bounds[1]))
        row, column = np.divmod(places, columns)
        chosen, rank = scores.reshape(-1)[places], self.order[column + start]
        for end, sign in enumerate((1, -1)):
            if self.bounds is None:
                its = slice(None)
            else:
                its = np.flatnonzero(sign * chosen >= sign * self.bounds[end, row, 0])
            keys, lists = descending(sign * chosen[its]) << HALF | rank[its], row[its]
            if self.last is not None:  # where many scores are equal, most come too late in order
                early = keys < self.last[end, lists]
                keys, lists = keys[early], lists[early]
            self._candidates.append(((lists + end * self.rows).astype(np.uint16), keys))
            self._waiting += len(keys)
        if self._waiting > 6 * self.rows * self.k:
            self._select()

    def rankings(self) -> tuple[Ranking, Ranking]:
        """Return the largest and the smallest; the tiles must have had k columns or more in all."""
        keys = self._select().reshape(2, self.rows, -1)
        column = np.empty(len(self.order), np.int64)
        column[self.order] = np.arange(len(self.order))
        index, score = column[keys & LOWER], from_descending(keys)
        return Ranking(index[0], score[0]), Ranking(index[1], -score[1])

    def _select(self) -> np.ndarray:
        """Drop all but the k best of each list; return their keys in order, (2 · rows, k)."""
        lists = 2 * self.rows
        row, keys = (np.concatenate(parts) for parts in zip(*self._candidates, strict=True))
        order = np.argsort(row, kind="stable")  # a radix sort
        row, keys = row[order], keys[order]
        counts = np.bincount(row, minlength=lists)
        wide = np.full((lists, max(self.k, counts.max())), np.iinfo(np.uint64).max)
        wide[row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)] = keys
        wide.sort(axis=1)
        wide = wide[:, : self.k].copy()
        if counts.min() >= self.k:
            self.last = wide[:, -1].reshape(2, self.rows)
            last = from_descending(wide[:, -1:]).reshape(2, self.rows, 1)
            self.bounds = last * np.array([1, -1], np.float32)[:, None, None]
            row, keys = np.repeat(np.arange(lists, dtype=np.uint16), self.k), wide.reshape(-1)
        self._candidates, self._waiting = [(row, keys)], len(row)
        return wide


def descending(scores: np.ndarray) -> np.ndarray:
    """Return numbers that are smaller the larger a score is, as uint64 below 2³².

    The bits of a float are in the order of its magnitude: those of negative ones are turned.
    """
    bits = (scores + np.float32(0)).view(np.uint32)  # -0 becomes 0
    turned = np.where(bits >> 31, bits, bits ^ np.uint32(0x7FFFFFFF))
    return turned.astype(np.uint64)


def from_descending(keys: np.ndarray) -> np.ndarray:
    """Return the scores of which `descending` made the upper halves of keys."""
    numbers = (keys >> HALF).astype(np.uint32)
    return np.where(numbers >> 31, numbers, numbers ^ np.uint32(0x7FFFFFFF)).view(np.float32)


def sparse_places(mask: np.ndarray) -> np.ndarray:
    """Return the places of a mask's few True values, in order: eight are looked at together."""
    flat = mask.reshape(-1)
    whole = len(flat) // 8 * 8
    words = np.flatnonzero(flat[:whole].view(np.uint64))
    within = np.flatnonzero(flat[:whole].reshape(-1, 8)[words])
    places = words[within >> 3] * 8 + (within & 7)
    return np.concatenate([places, whole + np.flatnonzero(flat[whole:])])
