"""Whether a run has the examples for what it is to find out, checked before the first step."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from xling.analysis.doubts import size_doubts
from xling.config import Config
from xling.errors import UserError

LEAST_TO_DIVIDE = 8
"""A language with fewer examples has no quarter that tells anything."""


def check_sizes(config: Config, corpus: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Check that there are more training examples than a test example has influential ones.

    Args:
        corpus: the examples of each split, with a column `language`.
        say: prints a warning if the most positive and the most negative ones overlap.

    Raises:
        UserError: all training examples would be among the most influential ones, so that every
            share is the base rate; a language has fewer than two examples to train on or to trace;
            or a fine-tuning is to leave out more examples than there are.
    """
    if config.subnetwork.only:  # identifies subnetworks and traces nothing
        return
    trained, tested = Counter(corpus["train"]["language"]), Counter(corpus["test"]["language"])
    examples, top_k = len(corpus["train"]), config.influence.top_k
    fitting = max(1, examples // 10)
    if config.leave_out.example is not None:
        _check_left_out(config, examples, tested)
    if config.evaluate:
        _check_parts(config, trained)
    if top_k >= examples:
        raise UserError(
            f"influence.top_k={top_k}: the run has {examples:,} training examples, so all of them "
            "would be among the most influential, and every language's share its share of the "
            f"data. Write influence.top_k={fitting}, for instance, or train on more."
        )
    for doubt in size_doubts(top_k, examples):
        say(f"WARNING: {doubt['sentence']}")
    for language in config.train_languages:
        if trained[language] < 2:
            raise UserError(
                f"{language} has {trained[language]} training example, whose influence would count "
                "as the language's: raise data.train_per_language, or train on more data."
            )
    for language in config.traced_languages:
        if tested[language] < 2:
            raise UserError(
                f"{language} has {tested[language]} test example, and intervals need two: raise "
                "data.test_per_language, or test on more data."
            )


def _check_parts(config: Config, trained: Mapping[str, int]) -> None:
    """Check that every language can be divided into parts, and that enough can be recommended."""
    total, examples = config.recommend.total, sum(trained.values())
    if total and total >= examples:  # of as many as there are, there is nothing to choose
        raise UserError(
            f"recommend.total={total}: the run has {examples:,} training examples to choose from. "
            f"Write recommend.total={examples // 2}, for instance, or train on more."
        )
    for language in config.train_languages:
        if trained[language] < LEAST_TO_DIVIDE:
            raise UserError(
                f"evaluate={config.evaluate}: {language} has {trained[language]} training "
                f"examples, and fractions of them need {LEAST_TO_DIVIDE}: raise "
                "data.train_per_language, or train on more data."
            )


def _check_left_out(config: Config, examples: int, tested: Mapping[str, int]) -> None:
    """Check that the examples to leave out, and to draw a control from, can exist."""
    out, most = config.leave_out, config.influence.test_per_language
    left = examples - out.k
    if left < 1 or (out.control and left < out.k):
        what = "fewer than k would be left to draw a control from" if left > 0 else "none is left"
        raise UserError(
            f"leave_out.k={out.k}: the run has {examples:,} training examples, so that {what}. "
            f"Write leave_out.k={max(1, examples // 10)}, for instance, or train on more."
        )
    traced = sum(min(most, tested[language]) for language in config.traced_languages)
    if out.example is not None and out.example >= traced:
        raise UserError(
            f"leave_out.example={out.example}: the run traces {traced:,} test examples at most; "
            f"write 0 to {traced - 1}, or raise influence.test_per_language."
        )
