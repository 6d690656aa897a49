"""A control: every example of the test example's own language counts alike, and no other."""

import dataclasses
from typing import Unpack

from torch import nn

from xling.attribution.method import PassOptions
from xling.attribution.spelled import Pairs, keep_words, same_words
from xling.sketch import Sketches, Source


@dataclasses.dataclass(frozen=True)
class SameLanguage:
    """1 for a training example of the test example's language, else 0; no model is looked at."""

    def represent(
        self, model: nn.Module, examples: Source, epoch: int, **options: Unpack[PassOptions]
    ) -> Sketches:
        """Keep every example's language.

        Raises:
            ArgumentError: it is not known.
        """
        words = examples.known("languages")
        return keep_words(examples, words, "language", epoch, **options)

    def compare(self, train: Sketches, test: Sketches) -> Pairs:
        """Compare the languages."""
        return same_words(train, test)


METHOD = SameLanguage
