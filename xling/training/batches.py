"""Batches of encoded examples: the order of each epoch depends on the seed and the epoch alone."""

from collections.abc import Iterator, Sequence

import datasets
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from transformers import PreTrainedTokenizerBase

from xling.errors import UserError
from xling.models.languages import LanguageInput

MODEL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class EpochBatches(Sampler[list[int]]):
    """Shuffled batches that depend on the epoch and are divided among processes.

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
        order = [index for index in order if index not in self.without]
        starts = self._starts()
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            yield order[start:end][self.rank :: self.world]

    def _starts(self) -> list[int]:
        left = self.examples - len(self.without)
        starts = list(range(0, left, self.batch_size))
        if len(starts) > 1 and left - starts[-1] < self.world:
            starts.pop()  # a batch smaller than the number of processes joins the one before it
        return starts


class LanguageBatches(EpochBatches):
    """Batches of one language each, all languages equally often, in seeded random order.

    Every example occurs once per epoch, as in `EpochBatches`. Each language has as many batches as
    the one with the most examples needs; those of a language with fewer examples are smaller, so
    that each language takes as many steps (Choenni et al. 2024, §4.2).

    Args:
        languages: of each example.
        batch_size, seed, rank, world, without: as in `EpochBatches`.
    """

    def __init__(
        self,
        languages: Sequence[str],
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        without: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__(len(languages), batch_size, seed, rank, world, without)
        self.by_language: dict[str, list[int]] = {}
        for index, language in enumerate(languages):
            if index not in without:
                self.by_language.setdefault(language, []).append(index)
        sizes = [len(rows) for rows in self.by_language.values()]
        if min(sizes) < world:
            raise UserError(
                f"trainer.devices={world}: each batch holds one language and needs an example "
                f"for every device, but the smallest language has only {min(sizes)}."
            )
        self.per_language = min(-(-max(sizes) // batch_size), min(sizes) // world)

    def __len__(self) -> int:
        return self.per_language * len(self.by_language)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        batches = [
            batch
            for rows in self.by_language.values()
            for batch in np.array_split(rng.permutation(rows), self.per_language)
        ]
        for index in rng.permutation(len(batches)):
            yield batches[index].tolist()[self.rank :: self.world]


class Collator:
    """Makes a batch of encoded examples: padded inputs, labels, and indices of the languages.

    Args:
        tokenizer: pads.
        languages: in the order of their indices.
        by_language: the input that tells the model each text's language, if it has one.
        length: pads every text to this length; None: to the longest one of its batch.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        languages: Sequence[str],
        by_language: LanguageInput | None = None,
        length: int | None = None,
    ) -> None:
        self.tokenizer, self.by_language, self.length = tokenizer, by_language, length
        self.padding = {"padding": "max_length", "max_length": length} if length else {}
        self.languages = {language: index for index, language in enumerate(languages)}

    def __call__(self, examples: Sequence[dict]) -> dict[str, dict[str, Tensor] | Tensor]:
        """Return {"inputs": the tokenizer's tensors, "labels": (batch,), "languages": (batch,)}."""
        inputs = [
            {key: example[key] for key in MODEL_INPUTS if key in example} for example in examples
        ]
        padded = self.tokenizer.pad(
            inputs, return_tensors="np", **self.padding
        )  # "pt": number by number
        tensors = {key: torch.from_numpy(values) for key, values in padded.items()}
        if self.by_language:
            languages = [example["language"] for example in examples]
            length = tensors["input_ids"].shape[1]
            tensors[self.by_language.name] = self.by_language.tensor(languages, length)
        return {
            "inputs": tensors,
            "labels": torch.tensor([example["label"] for example in examples]),
            "languages": torch.tensor(
                [self.languages[example["language"]] for example in examples]
            ),
        }


def eval_loader(
    encoded: datasets.Dataset, collate: Collator, batch_size: int, rank: int = 0, world: int = 1
) -> DataLoader:
    """Load a process's share of the examples, each once, in order."""
    share = range(rank, len(encoded), world)
    return DataLoader(encoded, sampler=share, batch_size=batch_size, collate_fn=collate)
