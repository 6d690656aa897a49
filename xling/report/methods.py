"""The attribution methods in words: what a page and its tables say of the scores.

results.json names the method under `method`; runs of earlier versions, which do not, are TracIn's.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from markupsafe import escape

TRACIN = "tracin"


@dataclasses.dataclass(frozen=True)
class MethodWords:
    """An attribution method in words.

    Attributes:
        scores: what a score is, as in a table's documentation.
        mean: what a mean of scores is of, there.
        reading: how influence is measured, for the page.
        most: what the most positive training examples do, or are, to test examples; of a method
            that estimates what training does, as its estimate.
        above_zero: what a mean influence above zero says of a language's data.
        noise: what the noise of a share is, in a table's documentation.
        when: begins the sentence of `reading`.
        caution: title and sentence at the top of the page, where the scores do not tell what a
            model learns from; None if they estimate that.
        control: whether nothing is measured, so that no share is a finding.
    """

    scores: str
    mean: str
    reading: str
    most: str
    above_zero: str
    noise: str = "difference between the shares by the sketches and by their twins, if any"
    when: str = "At the end of every epoch, "
    caution: tuple[str, str] | None = None
    control: bool = False


SIMILARITIES = {"cosine": "cosine", "dot": "dot product"}
"""What the settings of a similarity are called."""

SOURCES = {
    ("cosine", "equal"): "TracIn; Choenni et al. 2023, §4.2",
    ("dot", "learning_rate"): "TracInCP; Pruthi et al. 2020",
}
"""Where a sum over the checkpoints is from, by similarity and weights."""


def _tracin(similarity: str = "cosine", weights: str = "equal", **_: Any) -> MethodWords:
    name, summed = SIMILARITIES[similarity], f"summed over the checkpoints{_weighted(weights)}"
    source = SOURCES.get((similarity, weights), "TracIn; Pruthi et al. 2020")
    return MethodWords(
        f"{name} of the gradients, {summed}",
        f"{name}; {summed} where epoch is 0",
        "the gradient of each training example’s loss is compared with that of each traced test "
        f"example: the {name} of the two, {summed}, is the "
        f"<em>influence</em> of the training example on the test example ({source}).",
        _helpful("TracIn"),
        "the language’s data as a whole pushes towards the right predictions",
    )


def _helpful(method: str) -> str:
    return f"{method} estimates to help its test examples most"


def _weighted(weights: str) -> str:
    return {"equal": "", "learning_rate": " with their learning rates as weights"}[weights]


def _embedding(similarity: str = "cosine", **_: Any) -> MethodWords:
    name = SIMILARITIES[similarity]
    return MethodWords(
        f"{name} of the hidden states, summed over the epochs",
        f"{name} of the hidden states; summed over the epochs where epoch is 0",
        "the hidden state from which the head classifies each training example is compared with "
        f"that of each traced test example: the {name} of the two hidden states, summed over "
        "the epochs, is the <em>influence</em> of the training example on the test example. No "
        "gradients are involved, so a large score says that the model represents two examples "
        "similarly, not that training on the one changes the prediction of the other.",
        "the model represents most like its test examples",
        "the model represents the two languages’ examples similarly as a whole",
        "missing: hidden states are compared as they are, so no estimate is noisy",
        caution=(
            "Hidden states are compared, not what training does.",
            "The figures say which languages’ examples the model represents alike, not which it "
            "learns from.",
        ),
    )


def _preconditioned(
    similarity: str = "dot",
    weights: str = "equal",
    damping: float = 0.1,
    moments: str = "none",
    **_: Any,
) -> MethodWords:
    name, summed = SIMILARITIES[similarity], f"summed over the checkpoints{_weighted(weights)}"
    first = {
        "none": "Both are",
        "adafactor": "Both are divided by the root of the means of their squares by row and by "
        "column of each parameter, as by Adafactor (TrackStar, Chang et al. 2025), and then",
        "adamw": "Both are divided, number by number, by the root of their mean squares, as by "
        "AdamW, and then",
    }[moments]
    return dataclasses.replace(
        _tracin(),
        scores=f"{name} of the whitened gradients, {summed}",
        most=_helpful("TracIn with whitened gradients"),
        mean=f"{name} of the whitened gradients; {summed} where epoch is 0",
        reading="the gradient of each training example’s loss is compared with that of each traced "
        f"test example. {first} whitened, so that directions in which all gradients vary "
        f"count less (by the second moment of the training gradients, damped by {damping:g} of its "
        f"mean eigenvalue; as in TRAK, Park et al. 2023): the {name} of the two, {summed}, is the "
        "<em>influence</em> of the training example on the test example.",
    )


def _ekfac(
    similarity: str = "dot", weights: str = "equal", damping: float = 0.1, **_: Any
) -> MethodWords:
    name, summed = SIMILARITIES[similarity], f"summed over the checkpoints{_weighted(weights)}"
    return dataclasses.replace(
        _tracin(),
        scores=f"{name} of the gradients divided by the root of the curvature, {summed}",
        most=_helpful("EK-FAC"),
        mean=f"{name} of the gradients divided by the root of the curvature; {summed} where epoch "
        "is 0",
        reading="the gradient of each training example’s loss is compared with that of each traced "
        "test example. Both are divided by the root of the loss’s curvature first, so that their "
        "product estimates what leaving out the training example would do (influence functions "
        "by EK-FAC, Grosse et al. 2023, with the second moments of training gradients as the "
        f"curvature, damped by {damping:g} of their mean): the {name} of the two, {summed}, is the "
        "<em>influence</em> of the training example on the test example.",
    )


def _control(name: str, score: str) -> Callable[..., MethodWords]:
    """Return the words of a method that a real one has to beat.

    Args:
        score: what it scores.
    """
    return lambda **_: MethodWords(
        f"{score}; a control, which looks at no model",
        f"the control’s score: {score}",
        "<strong>Nothing is measured: this run is a control, which looks at no model and no "
        f"text.</strong> It scores {score}, and that number stands where other runs have the "
        "<em>influence</em> of a training example on a test example. Equal scores are ranked at "
        "random. The control shows what the figures below look like where nothing is known: what "
        "a method says has to be compared with it.",
        f"the control {name}, which looks at no model, ranks highest",
        "the control scores the language’s data above zero, which says nothing of a model",
        "missing: the control’s scores are no estimates",
        when="",
        caution=(
            "This run is a control.",
            f"{name} looks at no model and no text, so nothing on this page says which languages "
            "the model learns from. It is there for other methods to be compared with.",
        ),
        control=True,
    )


def _bm25(**_: Any) -> MethodWords:
    return MethodWords(
        "BM25 of the texts’ tokens",
        "BM25 of the texts’ tokens",
        "The text of each training example is compared with that of each traced test example: the "
        "more of the test example’s tokens it has, and the rarer these are, the larger is its "
        "score (BM25, k1 = 1.5, b = 0.75), which is called the <em>influence</em> of the training "
        "example on the test example here. <strong>The model is not looked at</strong>: a large "
        "score says that two texts share words, not that training on the one changes the "
        "prediction of the other.",
        "share most words with its test examples",
        "the language’s texts share words with the test examples",
        "missing: the texts are compared as they are, so no estimate is noisy",
        when="",
        caution=(
            "The model is not looked at.",
            "BM25 compares texts: the figures say which languages share words, not which the model "
            "learns from.",
        ),
    )


METHODS: dict[str, Callable[..., MethodWords]] = {
    TRACIN: _tracin,
    "preconditioned": _preconditioned,
    "ekfac": _ekfac,
    "embedding": _embedding,
    "bm25": _bm25,
    "same_language": _control(
        "same_language", "1 for a training example in the test example’s language, and 0 for others"
    ),
    "same_label": _control(
        "same_label", "1 for a training example with the test example’s label, and 0 for others"
    ),
    "count": _control("count", "1 for every training example"),
    "random": _control("random", "a random number between −1 and 1 for every pair"),
}
"""The words of methods, given the settings of influence."""


def method(results: dict[str, Any]) -> MethodWords:
    """Return the words for the attribution method of a run."""
    influence = results.get("config", {}).get("influence", {})
    return words_of(results.get("method", TRACIN), **influence)


def words_of(name: str, /, **settings: Any) -> MethodWords:
    """Return the words for a method: its own, or those that hold for every method.

    Args:
        settings: of influence, such as `similarity`; at their defaults where they are not there.
    """
    if name in METHODS:
        return METHODS[name](**settings)
    return MethodWords(
        f"score by the method {name}, summed over the epochs",
        f"score by the method {name}; summed over the epochs where epoch is 0",
        "each training example is scored for each traced test example by the method "
        f"<em>{escape(name)}</em>; the sum of its scores over the epochs is called the "
        "<em>influence</em> of the training example on the test example.",
        f"the method {name} scores highest for its test examples",
        f"the method {name} scores the language’s data above zero on average",
    )
