"""How well the model learnt: accuracy per language on the development and the test set."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd


def accuracy(
    history: Sequence[dict],
    dev_languages: Sequence[str],
    test_languages: Sequence[str],
    test_correct: Sequence[bool],
    kept_epoch: int,
) -> pd.DataFrame:
    """Tabulate the accuracies.

    Args:
        history: see `xling.training.FullFineTuning`.
        dev_languages, test_languages: the language of each example.
        test_correct: whether the kept model classifies each test example correctly.
        kept_epoch: the epoch of that model.

    Returns:
        Columns split, epoch, language, accuracy, examples.
    """
    sizes = Counter(dev_languages)
    rows = [
        ("dev", record["epoch"], language, value, sizes[language])
        for record in history
        for language, value in record["languages"].items()
    ]
    languages, correct = np.array(test_languages), np.array(test_correct)
    for language in dict.fromkeys(test_languages):
        right = correct[languages == language]
        rows.append(("test", kept_epoch, language, float(right.mean()), len(right)))
    return pd.DataFrame(rows, columns="split epoch language accuracy examples".split())
