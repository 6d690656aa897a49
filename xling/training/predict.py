"""What a fine-tuned model predicts, and which test examples are traced."""

import zlib
from collections.abc import Sequence

import datasets
import numpy as np
import torch

from xling.cli.console import track
from xling.errors import UserError
from xling.models.classifier import Classifier
from xling.subnetwork import gated_by_group
from xling.tasks import TaskKind
from xling.training.batches import Collator, eval_loader


@torch.inference_mode()
def probabilities(
    model: Classifier,
    kind: TaskKind,
    encoded: datasets.Dataset,
    collate: Collator,
    batch_size: int,
    gates: torch.Tensor | None = None,
    label: str = "test predictions",
) -> np.ndarray:
    """Return what a model predicts for every example, without dropout.

    Args:
        kind: the kind of task; it says what is kept of a prediction, as (examples, classes).
        gates: (languages, layers, heads) of each language's subnetwork; None: all heads are on.
        label: shown beside the progress bar.
    """
    model.eval()
    device = next(model.parameters()).device
    rows = []
    for batch in track(list(eval_loader(encoded, collate, batch_size)), label):
        inputs = {key: value.to(device) for key, value in batch["inputs"].items()}
        with gated_by_group(model, gates, batch["languages"].to(device)):
            rows.append(kind.probabilities(model(**inputs)).cpu().numpy())
    return np.concatenate(rows)


def draw_traced(
    languages: Sequence[str],
    correct: np.ndarray,
    per_language: int,
    seed: int,
    who: str = "The model classifies",
) -> np.ndarray:
    """Draw the test examples to trace, at random among those classified correctly.

    Choenni et al. 2023, §5. Every language has random numbers of its own, so that the draw for
    one does not depend on the others.

    Args:
        languages: of each test example.
        correct: (test,) whether the kept model classifies it correctly.
        per_language: how many to draw; all if there are fewer.
        who: classifies them, for the error.

    Returns:
        Rows of the test set, by language and then by row.

    Raises:
        UserError: a language with fewer than two examples to draw from.
    """
    names = np.array(languages)
    drawn = []
    for language in dict.fromkeys(languages):
        candidates = np.flatnonzero((names == language) & correct)
        if len(candidates) < 2:
            raise UserError(
                f"{who} {len(candidates)} of {(names == language).sum()} test "
                f"examples of {language} correctly; influence is traced for correct ones, and "
                "intervals need two. Train longer (tuning.epochs, tuning.learning_rate) or test "
                "on more (data.test_per_language)."
            )
        rng = np.random.default_rng([seed, zlib.crc32(language.encode())])
        size = min(per_language, len(candidates))
        drawn.append(np.sort(rng.choice(candidates, size, replace=False)))
    return np.concatenate(drawn)
