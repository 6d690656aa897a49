"""Whole numbers of examples, such as words and tokens, kept exactly in the place of sketches.

For methods that look at no model: what they compare goes the same way as gradients, through the
same folders, with the same checks of damage.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Unpack

import numpy as np

from xling.attribution.method import PassOptions, Scorer, check_options
from xling.attribution.tiles import TRAIN_TILE, spans, tiled_means
from xling.sketch import Sketches, SketchMetadata, Source
from xling.sketch.arguments import whole_number
from xling.sketch.examples import checked_share
from xling.sketch.store import check_comparable

BELOW = 2**21
"""Numbers from 0 to below this one come back exactly from rows in single precision."""


def keep(
    examples: Source,
    numbers: Callable[[list[int]], Sequence[Sequence[int]]],
    width: int,
    kind: str,
    epoch: int,
    **options: Unpack[PassOptions],
) -> Sketches:
    """Keep some whole numbers of every example, at single precision whatever the options say.

    Args:
        numbers: of the examples with these indices.
        width: the most of one example.
        kind: what they are; only rows of the same kind are comparable.
        epoch, options: see `xling.attribution.method.Method.represent`.

    Raises:
        ValueError: an option that no pass has, numbers below 0 or too large to be kept.
        OtherSketchesError: a folder of other representations.
    """
    check_options(options)
    epoch = whole_number("epoch", epoch, least=0)
    rank, processes = checked_share(options.get("share", (0, 1)))
    metadata = SketchMetadata(
        ids=list(examples.ids),
        settings={"representation": kind, "epoch": epoch},
        dimensions=1 + width,
        precision="float32",
        block_rows=options.get("block_rows", 1024),
    )
    made = Sketches.empty(metadata, options.get("folder"))
    todo = [block for block in made.missing() if block % processes == rank]
    spans_todo = [range(len(examples.ids))[metadata.span(block)] for block in todo]

    def work() -> Iterator[int]:
        for block, span in zip(todo, spans_todo, strict=True):
            rows = np.zeros((len(span), 1 + width), np.float32)
            for row, its in zip(rows, numbers(list(span)), strict=True):
                if len(its) and not 0 <= min(its) <= max(its) < BELOW:
                    raise ValueError(f"numbers: from 0 to {BELOW - 1:,} are possible.")
                row[0] = 1 + len(its)  # so that no row is zero
                row[1 : 1 + len(its)] = its
            made.write(block, rows, {}, {})
            yield len(span)

    progress = options.get("progress", lambda done, total: done)
    for _ in progress(work(), sum(map(len, spans_todo))):
        pass
    return made


def numbers_of(sketches: Sketches, part: slice) -> list[np.ndarray]:
    """Return the numbers of some examples, as they were given to `keep`."""
    rows = sketches.units(part.start, part.stop) * sketches.norms[part, None]
    rows = np.rint(rows).astype(np.int64)
    return [row[1 : row[0]] for row in rows]


def keep_words(
    examples: Source, words: Sequence[str], kind: str, epoch: int, **options: Unpack[PassOptions]
) -> Sketches:
    """Keep a word of every example, such as its language; see `keep`."""
    spelled = [list(word.encode()) for word in words]
    width = max(map(len, spelled))
    return keep(examples, lambda group: [spelled[i] for i in group], width, kind, epoch, **options)


def words_of(sketches: Sketches) -> np.ndarray:
    """Return every example's word, as it was given to `keep_words`."""
    return np.array(
        [
            bytes(numbers.tolist()).decode()
            for part in spans(0, len(sketches), TRAIN_TILE)
            for numbers in numbers_of(sketches, part)
        ]
    )


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Scores by a function of two slices of examples: a `Comparison`.

    Attributes:
        train, test: what represents the examples.
        scores: (slice of the test examples, slice of the training examples) → (test, train).
        dimensions: numbers in memory for each example that is being scored.
    """

    train: Sketches
    test: Sketches
    scores: Callable[[slice, slice], np.ndarray]
    dimensions: int = 1

    @property
    def train_ids(self) -> Sequence[str]:
        """Digests of the training examples' ids: equal scores are many, and must not stand in an
        order that says something of the examples, as ids do that begin with their language."""
        return [blake2b(name.encode(), digest_size=8).hexdigest() for name in self.train.ids]

    @property
    def test_ids(self) -> Sequence[str]:
        """Ids of the test examples."""
        return self.test.ids

    def scorers(self, tests: slice) -> Callable[[slice], Scorer]:
        """Take a slice of the test examples; return what makes the scorer of a training tile."""

        def scorer(tile: slice) -> Scorer:
            def score(part: slice) -> np.ndarray:
                return self.scores(slice(tests.start + part.start, tests.start + part.stop), tile)

            return score

        return scorer

    def mean_scores(self, test_groups: np.ndarray) -> np.ndarray:
        """Return (train, test groups) mean scores, by tiles."""
        return tiled_means(self, test_groups)


def same_words(train: Sketches, test: Sketches) -> Pairs:
    """Score 1 where two examples have the same word, else 0.

    Raises:
        ArgumentError: words of different kinds.
    """
    check_comparable(train, test)
    ours, theirs = words_of(test), words_of(train)
    return Pairs(train, test, lambda a, b: (ours[a, None] == theirs[b]).astype(np.float32))
