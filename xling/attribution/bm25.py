"""BM25: how much of the test example's text the training example shares, in rare tokens."""

import dataclasses
import math
from typing import Unpack

import numpy as np
from scipy import sparse
from torch import nn

from xling.attribution.method import PassOptions
from xling.attribution.spelled import Pairs, keep, numbers_of
from xling.attribution.tiles import TRAIN_TILE, spans
from xling.errors import ArgumentError
from xling.sketch import Sketches, Source
from xling.sketch.arguments import real
from xling.sketch.store import check_comparable


@dataclasses.dataclass(frozen=True)
class Bm25:
    """BM25 of training examples for the test example as the query, as Lucene computes it.

    The words are the tokens of the model's tokenizer: scripts without spaces have some, too.
    With the number of times f(w) that a training example of l tokens has a token w, which is in
    n(w) of N training examples,

        s(z, z') = Σ_{w in z'} log(1 + (N − n(w) + ½)/(n(w) + ½)) · f(w)/(f(w) + k1(1 − b + b·l/l̄)).

    A token that z' has twice counts twice. These are the scores of the library bm25s, which holds
    the whole index in memory (36 bytes for each distinct token of an example); here each tile of
    training examples is weighted when it is scored.

    Attributes:
        k1: how soon repetitions stop to count.
        b: how far the length is taken into account, 0 to 1.
    """

    k1: float = 1.5
    b: float = 0.75

    def __post_init__(self) -> None:
        for name, most in (("k1", math.inf), ("b", 1.0)):
            value = real(getattr(self, name))
            if not (0 <= value <= most and value < math.inf):
                limit = " and at most 1" if name == "b" else ""
                raise ArgumentError(
                    name,
                    f"{name}={getattr(self, name)!r} is not possible: write a finite number from 0 "
                    f"on{limit}.",
                )

    def represent(
        self, model: nn.Module, examples: Source, epoch: int, **options: Unpack[PassOptions]
    ) -> Sketches:
        """Keep every example's tokens; the model is not run.

        Raises:
            ArgumentError: they are not known.
        """
        tokens = examples.known("tokens")
        return keep(examples, tokens, max(examples.lengths), "tokens", epoch, **options)

    def compare(self, train: Sketches, test: Sketches) -> Pairs:
        """Count the tokens of the training examples, and weight them."""
        check_comparable(train, test)
        return Pairs(train, test, _Scorer(self, train, test), train.metadata.dimensions)


METHOD = Bm25


class _Scorer:
    """Scores slices of test examples with slices of training examples."""

    def __init__(self, method: Bm25, train: Sketches, test: Sketches) -> None:
        self.method, self.train = method, train
        tiles = spans(0, len(train), TRAIN_TILE)
        self.words = 1 + max(_largest(side) for side in (train, test))
        examples, tokens = np.zeros(self.words), 0
        for tile in tiles:
            counts = self._counts(train, tile)
            examples += np.bincount(counts.indices, minlength=self.words)
            tokens += counts.sum()
        self.rarity = np.log1p((len(train) - examples + 0.5) / (examples + 0.5))
        self.mean_length = tokens / len(train) or 1.0
        self.queries = sparse.vstack(
            [self._counts(test, part) for part in spans(0, len(test), TRAIN_TILE)], "csr"
        )
        self.tile, self.weights = slice(0, 0), self._counts(train, slice(0, 0))

    def __call__(self, tests: slice, tile: slice) -> np.ndarray:
        if tile != self.tile:  # all test examples come before the next tile
            self.tile, self.weights = tile, self._weighted(tile)
        return (self.queries[tests] @ self.weights.T).toarray().astype(np.float32)

    def _weighted(self, tile: slice) -> sparse.csr_matrix:
        """Return the tokens' weights in training examples, (examples, words)."""
        counts = self._counts(self.train, tile)
        method, lengths = self.method, np.asarray(counts.sum(1)).ravel() / self.mean_length
        of_row = np.repeat(method.k1 * (1 - method.b + method.b * lengths), np.diff(counts.indptr))
        counts.data *= self.rarity[counts.indices] / (of_row + counts.data)
        return counts

    def _counts(self, sketches: Sketches, part: slice) -> sparse.csr_matrix:
        """Count the tokens of some examples, (examples, words)."""
        rows = numbers_of(sketches, part)
        tokens = np.concatenate([*rows, np.empty(0, np.int64)])
        starts = np.cumsum([0, *map(len, rows)])
        counts = sparse.csr_matrix((np.ones(len(tokens)), tokens, starts), (len(rows), self.words))
        counts.sum_duplicates()
        return counts


def _largest(sketches: Sketches) -> int:
    """Return the largest token's number, 0 if there is none."""
    rows = (numbers_of(sketches, part) for part in spans(0, len(sketches), TRAIN_TILE))
    return max(int(row.max(initial=0)) for part in rows for row in part)
