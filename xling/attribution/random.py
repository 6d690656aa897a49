"""A control: random scores, the same ones for the same examples in any order."""

import dataclasses
from hashlib import blake2b
from typing import Unpack

import numpy as np
from torch import nn

from xling.attribution.method import OF_COMPARISON, PassOptions
from xling.attribution.spelled import Pairs, keep
from xling.sketch import Sketches, Source
from xling.sketch.arguments import whole_number

FACTORS = np.array([0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], np.uint64)
"""Of MurmurHash3's last step, which spreads a number's bits over all of them."""


@dataclasses.dataclass(frozen=True)
class Random:
    """Independent scores between −1 and 1, by a seed and both ids; no model is looked at.

    Attributes:
        seed: another one makes other scores.
    """

    seed: int = dataclasses.field(default=0, metadata=OF_COMPARISON)

    def __post_init__(self) -> None:
        whole_number("seed", self.seed, least=0)

    def represent(
        self, model: nn.Module, examples: Source, epoch: int, **options: Unpack[PassOptions]
    ) -> Sketches:
        """Keep nothing but the ids."""
        return keep(examples, lambda group: [()] * len(group), 0, "nothing", epoch, **options)

    def compare(self, train: Sketches, test: Sketches) -> Pairs:
        """Score the pairs of ids."""
        ours, theirs = self._numbers(test, b"test"), self._numbers(train, b"train")
        return Pairs(train, test, lambda a, b: uniform(ours[a, None] + theirs[b]))

    def _numbers(self, sketches: Sketches, side: bytes) -> np.ndarray:
        key = str(self.seed).encode()
        digests = [
            blake2b(name.encode(), digest_size=8, key=key, person=side).digest()
            for name in sketches.ids
        ]
        return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


METHOD = Random


def uniform(numbers: np.ndarray) -> np.ndarray:
    """Turn unsigned 64-bit numbers into independent ones between −1 and 1, float32."""
    for factor in FACTORS:
        numbers = (numbers ^ (numbers >> np.uint64(33))) * factor
    numbers = numbers ^ (numbers >> np.uint64(33))
    return ((numbers >> np.uint64(40)).astype(np.float32) + 0.5) * np.float32(2**-23) - 1
