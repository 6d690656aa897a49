"""The section on what each language's data really does, found by fine-tuning on mixtures."""

from typing import Any

from xling.report.section import Section
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs

SCHEMAS = {
    "retrainings": across_runs(
        "Fine-tunings on parts of the training data, and how well each does.",
        {
            "retraining": "number of the fine-tuning, from 1",
            "kind": "mixture of the languages, full (all data), without (one language) or half "
            "(of each language)",
            "seed": "of the training",
            "examples": "number of training examples",
            "test_language": "language of the test examples",
            "loss": "mean loss of the language's test examples",
            "accuracy": "share of them classified correctly, 0 to 1",
        },
    ),
    "retraining_data": across_runs(
        "How many training examples of each language each fine-tuning has.",
        {
            "retraining": "number of the fine-tuning, from 1",
            "train_language": "language of the training examples",
            "examples": "number of them",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where nothing was fine-tuned on mixtures."""
    return None


SECTION = Section(
    "language_effects",
    "language_effects.html.j2",
    content,
    "Effects",
    schemas=SCHEMAS,
    question="What does each language’s data really do?",
)
