"""BM25: how much of the test example's text the training example shares, in rare tokens."""

import dataclasses
import logging
import math
from collections.abc import Iterator
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

    A token that z' has twice counts twice. The library bm25s weights the tokens; its index takes 8
    bytes for each distinct token of a training example.

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
        import bm25s  # takes a second, which other methods need not wait for

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it asks for its DEBUG lines itself
        texts = _Texts(train)
        self.weights = sparse.csr_matrix((len(train), len(texts.words)))
        if len(texts.words):  # else the mean length is zero
            index = bm25s.BM25(method="lucene", k1=method.k1, b=method.b, csc_backend="scipy")
            index.index(texts, create_empty_token=False, show_progress=False)  # pyright: ignore
            parts = (index.scores["data"], index.scores["indices"], index.scores["indptr"])
            self.weights = sparse.csc_matrix(parts, self.weights.shape).tocsr()
        self.queries = _counted(test, texts.words)

    def __call__(self, tests: slice, tile: slice) -> np.ndarray:
        return (self.queries[tests] @ self.weights[tile].T).toarray().astype(np.float32)


class _Texts:
    """The texts as the library reads them, which need not all be in memory.

    Attributes:
        words: the tokens, in ascending order.
        vocab: token → its number in the index.
    """

    def __init__(self, sketches: Sketches) -> None:
        self.sketches = sketches
        self.words = np.empty(0, np.int64)
        for rows in _tiles(sketches):
            self.words = np.unique(np.concatenate([self.words, *rows]))
        self.vocab = {str(word): number for number, word in enumerate(self.words.tolist())}

    @property
    def ids(self) -> "_Texts":
        """The numbers of each text's tokens: what iterating yields."""
        return self

    def __len__(self) -> int:
        return len(self.sketches)

    def __iter__(self) -> Iterator[list[int]]:
        for rows in _tiles(self.sketches):
            for row in rows:
                yield np.searchsorted(self.words, row).tolist()


def _tiles(sketches: Sketches) -> Iterator[list[np.ndarray]]:
    """Yield the tokens of each example, a tile of examples at a time."""
    for part in spans(0, len(sketches), TRAIN_TILE):
        yield numbers_of(sketches, part)


def _counted(sketches: Sketches, words: np.ndarray) -> sparse.csr_matrix:
    """Count the words in each text, (texts, words); tokens that are no words are left out."""
    texts = [row for rows in _tiles(sketches) for row in rows]
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    tokens = np.concatenate(texts)
    known = np.isin(tokens, words)
    columns = np.searchsorted(words, tokens[known])
    ones = np.ones(len(columns), np.float32)
    return sparse.csr_matrix((ones, (rows[known], columns)), (len(texts), len(words)))
