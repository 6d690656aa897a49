"""Whether a run has the examples for what it is to find out, checked before the first step."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from xling.config import Config
from xling.errors import UserError


def check_sizes(config: Config, corpus: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Check that there are more training examples than a test example has influential ones.

    Args:
        corpus: the examples of each split, with a column `language`.
        say: prints a warning if the most positive and the most negative ones overlap.

    Raises:
        UserError: all training examples would be among the most influential ones, so that every
            share is the base rate; or a language has fewer than two examples to train on or to
            trace.
    """
    if config.subnetwork.only:  # identifies subnetworks and traces nothing
        return
    examples, top_k = len(corpus["train"]), config.influence.top_k
    fitting = max(1, examples // 10)
    if config.leave_out.example is not None and config.leave_out.k >= examples:
        raise UserError(
            f"leave_out.k={config.leave_out.k}: the run has {examples:,} training examples, so "
            f"none would be left. Write leave_out.k={fitting}, for instance, or train on more."
        )
    if top_k >= examples:
        raise UserError(
            f"influence.top_k={top_k}: the run has {examples:,} training examples, so all of them "
            "would be among the most influential, and every language's share its share of the "
            f"data. Write influence.top_k={fitting}, for instance, or train on more."
        )
    if 2 * top_k > examples:
        say(
            f"WARNING: influence.top_k={top_k} is more than half of the {examples:,} training "
            "examples: some are among the most positive and among the most negative, and shares "
            f"are near the languages' shares of the data. influence.top_k={fitting} tells more."
        )
    trained, traced = Counter(corpus["train"]["language"]), Counter(corpus["test"]["language"])
    for language in config.train_languages:
        if trained[language] < 2:
            raise UserError(
                f"{language} has {trained[language]} training example, whose influence would count "
                "as the language's: raise data.train_per_language, or train on more data."
            )
    for language in config.traced_languages:
        if traced[language] < 2:
            raise UserError(
                f"{language} has {traced[language]} test example, and intervals need two: raise "
                "data.test_per_language, or test on more data."
            )
