"""The k largest scores of each row, from scores that arrive in tiles."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The k most extreme training examples of each test example.

    Attributes:
        index: (test, k) rows of the training examples, the most extreme first.
        score: (test, k) their scores.
    """

    index: np.ndarray
    score: np.ndarray


class Largest:
    """Keeps the k largest of each row; of equal scores those that come first in `order`.

    Scores below the k-th largest so far are dropped at once; the others wait until there are
    enough of them for a selection to pay.

    Args:
        rows: number of rows.
        k: how many to keep of each.
        order: (columns,) rank of each column among equals.
    """

    def __init__(self, rows: int, k: int, order: np.ndarray) -> None:
        self.rows, self.k, self.order = rows, k, order
        self.threshold = np.full((rows, 1), -np.inf, np.float32)
        self._candidates: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._limit = 2 * rows * k

    def add(self, scores: np.ndarray, start: int) -> None:
        """Take a tile, (rows, columns of it), whose columns begin at `start`."""
        if np.isneginf(self.threshold[0, 0]) and scores.shape[1] >= self.k:
            place = scores.shape[1] - self.k
            self.threshold = np.partition(scores, place, axis=1)[:, place : place + 1]
        row, column = np.divmod(np.flatnonzero(scores >= self.threshold), scores.shape[1])
        if len(row):
            self._candidates.append((row, column + start, scores[row, column]))
        if sum(len(row) for row, _, _ in self._candidates) > self._limit:
            self._select()

    def ranking(self) -> Ranking:
        """Return what was kept; the tiles must have had k columns or more in all."""
        self._select()
        _, index, score = self._sorted()
        return Ranking(index.reshape(self.rows, -1), score.reshape(self.rows, -1))

    def _select(self) -> None:
        """Raise the thresholds to the k-th largest so far and drop what is below."""
        row, index, score = (np.concatenate(parts) for parts in zip(*self._candidates, strict=True))
        order = np.argsort(row.astype(np.uint16), kind="stable")  # a radix sort
        row, index, score = row[order], index[order], score[order]
        counts = np.bincount(row, minlength=self.rows)
        if counts.min() >= self.k:
            wide = np.full((self.rows, counts.max()), -np.inf, np.float32)
            wide[row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)] = score
            place = wide.shape[1] - self.k
            self.threshold = np.partition(wide, place, axis=1)[:, place : place + 1]
        kept = score >= self.threshold[row, 0]
        self._candidates = [(row[kept], index[kept], score[kept])]
        if kept.sum() > self._limit // 2 + self.rows:  # many equal scores: rank them
            self._candidates = [self._sorted()]

    def _sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        row, index, score = (np.concatenate(parts) for parts in zip(*self._candidates, strict=True))
        order = np.lexsort((self.order[index], -score, row))
        row, index, score = row[order], index[order], score[order]
        first = np.searchsorted(row, np.arange(self.rows))
        kept = np.arange(len(row)) - first[row] < self.k
        return row[kept], index[kept], score[kept]
