"""The cost of a sketch pass, and the token budget that makes it fastest."""

import dataclasses
import resource
import time
from collections.abc import Callable

import torch

CPU_TOKENS = 1024
"""Token budget on a CPU: larger batches would not fit its caches."""

LEAST_TOKENS, MOST_TOKENS = 2048, 65_536
"""Smallest and largest token budget to try on a GPU."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The estimated cost of a pass.

    Attributes:
        examples, tokens: number of examples to sketch, and of their tokens without padding.
        dimensions: numbers per sketch.
        disk_bytes: size of the sketches.
        batch_tokens: padded tokens per batch, at most.
        batch_bytes: memory that the first batch, of the longest examples, took beyond the model.
        seconds: for the whole pass at the speed of the first batch.
        apart: why the examples are sketched one at a time; "" if in batches.
    """

    examples: int
    tokens: int
    dimensions: int
    disk_bytes: int
    batch_tokens: int
    batch_bytes: int
    seconds: float
    apart: str = ""


class Meter:
    """Measures time and memory from its creation to `read`."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
        self.memory = self._memory()
        self.start = time.perf_counter()

    def read(self) -> tuple[float, int]:
        """Return the seconds and bytes taken so far."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - self.start, self._memory() - self.memory

    def _memory(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fastest_budget(tokens_per_second: Callable[[int], float]) -> int:
    """Double the token budget as long as that makes the pass at least 5 % faster.

    Args:
        tokens_per_second: measures a budget; raises `torch.OutOfMemoryError` if it is too large.
    """
    best, best_speed = LEAST_TOKENS, 0.0
    budget = LEAST_TOKENS
    while budget <= MOST_TOKENS:
        try:
            speed = tokens_per_second(budget)
        except torch.OutOfMemoryError:
            break
        if speed < 1.05 * best_speed:
            break
        best, best_speed = budget, speed
        budget *= 2
    return best
