"""The attribution methods in words: what a page and its tables say of the scores.

results.json names the method under `method`; runs of earlier versions, which do not, are TracIn's.
"""

import dataclasses
from typing import Any

from xling.errors import UserError

TRACIN = "tracin"


@dataclasses.dataclass(frozen=True)
class MethodWords:
    """An attribution method in words.

    Attributes:
        scores: what a score is, as in a table's documentation.
        reading: how influence is measured, for the page.
        most: what the most positive training examples do, or are, to test examples.
        above_zero: what a mean influence above zero says of a language's data.
    """

    scores: str
    reading: str
    most: str
    above_zero: str


METHODS = {
    TRACIN: MethodWords(
        "cosine of the gradients, summed over the checkpoints",
        "the gradient of each training example’s loss is compared with that of each traced test "
        "example: the cosine of the two, summed over the checkpoints, is the <em>influence</em> of "
        "the training example on the test example (TracIn; Choenni et al. 2023, §4.2).",
        "help its test examples most",
        "the language’s data as a whole pushes towards the right predictions",
    ),
    "embedding": MethodWords(
        "cosine of the hidden states, summed over the epochs",
        "the hidden state from which the head classifies each training example is compared with "
        "that of each traced test example: the cosine of the two hidden states, summed over the "
        "epochs, is the <em>influence</em> of the training example on the test example. No "
        "gradients are involved, so a large score says that the model represents two examples "
        "similarly, not that training on the one changes the prediction of the other.",
        "the model represents most like its test examples",
        "the model represents the two languages’ examples similarly as a whole",
    ),
}


def method(results: dict[str, Any]) -> MethodWords:
    """Return the words for the attribution method of a run.

    Raises:
        UserError: the report has no words for it.
    """
    name = results.get("method", TRACIN)
    if name not in METHODS:
        raise UserError(f"results.json: method={name}; expected {' or '.join(METHODS)}.")
    return METHODS[name]
