"""What the analyses need to know of the training and test examples, besides their influence."""

import dataclasses
from collections.abc import Sequence

import datasets
import numpy as np


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples by row, in the order of their sketches.

    Attributes:
        ids: unique names.
        languages: names of the languages that occur, in the run's order.
        language: (examples,) index into `languages`.
        label: (examples,) number of the class.
        parallel: (examples,) numbers that are equal for translations of each other, in training and
            test data each for itself; None if the task is not parallel.
    """

    ids: tuple[str, ...]
    languages: tuple[str, ...]
    language: np.ndarray
    label: np.ndarray
    parallel: np.ndarray | None

    def rows_of(self, language: str) -> np.ndarray:
        """Return the rows of a language."""
        return np.flatnonzero(self.language == self.languages.index(language))


def examples(data: datasets.Dataset, languages: Sequence[str]) -> Examples:
    """Collect the metadata of a corpus split; `languages` gives the order."""
    occurring = set(data["language"])
    present = tuple(language for language in languages if language in occurring)
    parallel_ids = data["parallel_id"]
    parallel = None
    if None not in parallel_ids:
        parallel = np.unique(np.array(parallel_ids, dtype=str), return_inverse=True)[1]
    number = {language: index for index, language in enumerate(present)}
    language = np.array([number[name] for name in data["language"]])
    return Examples(tuple(data["id"]), present, language, np.array(data["label"]), parallel)
