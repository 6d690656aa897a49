"""In how many directions do the gradients point, and how far does the label alone decide which?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xling.attribution import Similarity
from xling.sketch import Sketches

SAMPLE = 1024
"""Training examples that are compared with each other, at most."""

COLUMNS = "epoch dimension same_label_cosine cosine examples"

LABEL_DECIDES = 0.95
"""From this mean cosine of two examples of one label on, examples differ in little but the label.

Models that predict one class have up to 1.00; a pretrained encoder that has learnt SIB-200 has
0.85, and a small one that has learnt the sample corpus 0.4.
"""


def effective_dimension(
    train: Sequence[Sketches], labels: np.ndarray, memory_gb: float = 2.0
) -> pd.DataFrame:
    """Tabulate the effective dimension of the training examples' gradients at each epoch.

    It is the participation ratio of the eigenvalues λ of the second moment M of the rows at norm
    one, (Σ λ)² / Σ λ² = 1 / ‖M‖². As ‖M‖² is the mean squared cosine over all pairs, no
    eigenvalues are needed. Epoch 0 is the sum over the epochs: the rows side by side, whose
    cosine is the mean of the epochs' cosines.

    Args:
        train: the sketches at each epoch.
        labels: (train,) numbers of their classes.
        memory_gb: bound of the memory for the examples' rows, in 10⁹ bytes.

    Returns:
        Columns epoch, dimension, same_label_cosine (mean over pairs of two examples with one
        label; 1 where all their gradients point the same way), cosine (mean over all pairs of two
        examples), examples (how many were compared, drawn at random).
    """
    chosen = sample(len(train[0]), train[0].metadata.dimensions, memory_gb)
    same = labels[chosen][:, None] == labels[chosen]
    rows, total = [], np.zeros(same.shape)
    for epoch, sketches in enumerate(train, start=1):
        units = chosen_rows(sketches, chosen)
        cosines = (units @ units.T).astype(float)
        rows.append((epoch, *_summary(cosines, same), len(chosen)))
        total += cosines / len(train)
    return pd.DataFrame([(0, *_summary(total, same), len(chosen)), *rows], columns=COLUMNS.split())


def sample(examples: int, dimensions: int, memory_gb: float) -> np.ndarray:
    """Draw the rows to compare: at most `SAMPLE`, and no more than fit into half of the memory."""
    fitting = int(memory_gb * 0.5e9 / (4 * dimensions))
    size = min(examples, SAMPLE, max(2, fitting))
    return np.sort(np.random.default_rng(0).choice(examples, size, replace=False))


def chosen_rows(
    sketches: Sketches, chosen: np.ndarray, similarity: Similarity = "cosine"
) -> np.ndarray:
    """Return some rows, (chosen, dimensions), float32: at norm one, or for dot at their own."""
    rows = np.empty((len(chosen), sketches.metadata.dimensions), np.float32)
    for place, index in enumerate(chosen):
        rows[place] = sketches.units(int(index), int(index) + 1)
    return rows if similarity == "cosine" else rows * sketches.norms[chosen, None]


def mean_dimensions(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Average tables, such as those of one model through several subnetworks."""
    if len(tables) == 1:
        return tables[0]
    mean = pd.concat(tables).groupby("epoch", as_index=False).mean()
    return mean.astype({"examples": int})[COLUMNS.split()]


def label_decides(table: pd.DataFrame) -> bool:
    """Tell whether the examples differ in little but the label: of the sum over the epochs."""
    return bool((table.loc[table["epoch"] == 0, "same_label_cosine"] >= LABEL_DECIDES).any())


def _summary(cosines: np.ndarray, same: np.ndarray) -> tuple[float, float, float]:
    """Return the participation ratio, and the mean cosines of pairs with one label and of all."""
    pairs = ~np.eye(len(cosines), dtype=bool)
    alike = cosines[same & pairs]
    ratio = len(cosines) ** 2 / float((cosines**2).sum())
    within = float(alike.mean()) if alike.size else np.nan
    return ratio, within, float(cosines[pairs].mean()) if pairs.any() else np.nan
