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

        texts = _tokens(train)
        words, numbered = np.unique(np.concatenate(texts), return_inverse=True)
        ends = np.cumsum([len(text) for text in texts])[:-1]
        index = bm25s.BM25(method="lucene", k1=method.k1, b=method.b)
        rows = [row.tolist() for row in np.split(numbered, ends)]
        vocabulary = {str(word): number for number, word in enumerate(words.tolist())}
        self.weights = sparse.csr_matrix((len(train), len(words)))
        if len(words):  # else the mean length is zero
            index.index((rows, vocabulary), create_empty_token=False, show_progress=False)
            parts = (index.scores["data"], index.scores["indices"], index.scores["indptr"])
            self.weights = sparse.csc_matrix(parts, self.weights.shape).tocsr()
        self.queries = _counted(_tokens(test), words)

    def __call__(self, tests: slice, tile: slice) -> np.ndarray:
        return (self.queries[tests] @ self.weights[tile].T).toarray().astype(np.float32)


def _tokens(sketches: Sketches) -> list[np.ndarray]:
    """Return the tokens of each example."""
    return [
        row for part in spans(0, len(sketches), TRAIN_TILE) for row in numbers_of(sketches, part)
    ]


def _counted(texts: list[np.ndarray], words: np.ndarray) -> sparse.csr_matrix:
    """Count the words in each text, (texts, words); tokens that are no words are left out."""
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    tokens = np.concatenate(texts)
    known = np.isin(tokens, words)
    columns = np.searchsorted(words, tokens[known])
    ones = np.ones(len(columns), np.float32)
    return sparse.csr_matrix((ones, (rows[known], columns)), (len(texts), len(words)))
