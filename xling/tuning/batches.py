"""Batches of encoded examples: the order of each epoch depends on the seed and the epoch alone."""

from collections.abc import Iterator, Sequence

import datasets
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from transformers import PreTrainedTokenizerBase

MODEL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class EpochBatches(Sampler[list[int]]):
    """Shuffled batches that can be told the epoch, and shared out among processes.

    Every process draws the same order and takes its slice of each batch, so that the batches of
    a run on several devices hold the same examples as those of a run on one.

    Args:
        examples: number of examples.
        batch_size: over all processes; the last batch of an epoch may be smaller.
        seed: of the shuffling.
        rank, world: this process and their number.
        without: examples to leave out; the others keep their order.
    """

    def __init__(
        self,
        examples: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        without: frozenset[int] = frozenset(),
    ) -> None:
        self.examples, self.batch_size, self.seed = examples, batch_size, seed
        self.without = without
        self.rank, self.world = rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order; called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._starts())

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        order = torch.randperm(self.examples, generator=generator).tolist()
        order = [each for each in order if each not in self.without]
        starts = self._starts()
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            yield order[start:end][self.rank :: self.world]

    def _starts(self) -> list[int]:
        left = self.examples - len(self.without)
        starts = list(range(0, left, self.batch_size))
        if len(starts) > 1 and left - starts[-1] < self.world:
            starts.pop()  # a batch smaller than the number of processes joins the one before it
        return starts


class Collator:
    """Makes a batch of encoded examples: padded inputs, labels, and indices of the languages."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, languages: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.languages = {language: index for index, language in enumerate(languages)}

    def __call__(self, examples: Sequence[dict]) -> dict[str, dict[str, Tensor] | Tensor]:
        """Return {"inputs": the tokenizer's tensors, "labels": (batch,), "languages": (batch,)}."""
        inputs = [{key: each[key] for key in MODEL_INPUTS if key in each} for each in examples]
        return {
            "inputs": dict(self.tokenizer.pad(inputs, return_tensors="pt")),
            "labels": torch.tensor([each["label"] for each in examples]),
            "languages": torch.tensor([self.languages[each["language"]] for each in examples]),
        }


def eval_loader(
    encoded: datasets.Dataset, collate: Collator, batch_size: int, rank: int = 0, world: int = 1
) -> DataLoader:
    """Load a process's share of the examples, each once, in order."""
    share = range(rank, len(encoded), world)
    return DataLoader(encoded, sampler=share, batch_size=batch_size, collate_fn=collate)
