"""The shares of the languages by the gradients of each part of the model alone."""

from collections.abc import Mapping

import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.shares import shares
from xling.attribution import Traces

COLUMNS = "part sign test_language train_language share low high base_rate test_examples".split()


def part_shares(
    traces: Mapping[str, Traces], train: Examples, test: Examples, seed: int = 0
) -> pd.DataFrame:
    """Tabulate what each training language holds of the top-k sets, by part of the model.

    Args:
        traces: part → by its gradients alone, summed over the checkpoints.
        seed: of the bootstrap.

    Returns:
        Columns part, sign, test_language, train_language, share, low, high, base_rate,
        test_examples; see `xling.analysis.shares.shares`.
    """
    tables = [shares([of_part], train, test, seed).assign(part=p) for p, of_part in traces.items()]
    return pd.concat(tables, ignore_index=True)[COLUMNS]
