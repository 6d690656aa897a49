"""Which examples a fine-tuning is repeated without, and its control (Choenni et al. 2023, §6)."""

import zlib
from collections.abc import Sequence

import numpy as np

from xling.errors import UserError


def round_robin(languages: Sequence[str], seed: int) -> list[int]:
    """Order rows at random, the languages taking turns, so that the first few differ in it."""
    names = np.array(languages)
    rng = np.random.default_rng(seed)
    by_language = [
        rng.permutation(np.flatnonzero(names == name)).tolist() for name in dict.fromkeys(languages)
    ]
    longest = max(map(len, by_language))
    return [rows[turn] for turn in range(longest) for rows in by_language if turn < len(rows)]


def matched_control(
    languages: Sequence[str], labels: Sequence[int], members: np.ndarray, seed: list[int]
) -> np.ndarray:
    """Draw as many random training examples as there are members of each language and label.

    None of the members is drawn.

    Args:
        languages, labels: of each training example.
        members: rows of the training examples that are left out.

    Raises:
        UserError: too few others of a language and label.
    """
    kinds = np.array([f"{a} {b}" for a, b in zip(languages, labels, strict=True)], dtype=str)
    drawn = []
    for kind, count in zip(*np.unique(kinds[members], return_counts=True), strict=True):
        pool = np.flatnonzero(kinds == kind)
        pool = np.random.default_rng([*seed, zlib.crc32(kind.encode())]).permutation(pool)
        pool = pool[~np.isin(pool, members)]
        if len(pool) < count:
            raise UserError(
                f"leave_out.k: {count} of the members are of one language and label ({kind}), and "
                f"only {len(pool)} others are left to draw a control from. Lower leave_out.k."
            )
        drawn.append(pool[:count])
    return np.sort(np.concatenate(drawn))
