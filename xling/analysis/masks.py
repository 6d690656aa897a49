"""The subnetworks' masks: how far they overlap, and what that says of influence.

A mask is an array (layers, heads) of bool, True where the head is on. Choenni et al. 2024, §7.2 and
appendix D, Fig. 8, 9 and 11 to 15.
"""

from collections.abc import Mapping
from itertools import permutations

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, rankdata, spearmanr

from xling.analysis.epochs import holm

LEAST_POINTS = 3
"""Fewer points than this have no correlation."""

FEW_POINTS = 7
"""Up to so many points, the p-value of a rank correlation counts all their orders."""


def mask_table(masks: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Tabulate the masks, head by head.

    Args:
        masks: language → mask.

    Returns:
        Columns language, layer, head (both from 1), on.
    """
    rows = [
        (language, layer + 1, head + 1, bool(on))
        for language, mask in masks.items()
        for (layer, head), on in np.ndenumerate(mask)
    ]
    return pd.DataFrame(rows, columns="language layer head on".split())


def mask_overlap(masks: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Tabulate how far each two languages' subnetworks overlap, in all and by layer.

    Choenni et al. 2024, Fig. 8 (left) and 12 to 14.

    Args:
        masks: language → mask.

    Returns:
        Columns language, other, layer (from 1; 0 for all together), shared (heads that are on in
        both), part (of `language`'s heads that is shared), cosine (of the flattened masks). `part`
        is missing where `language` has no head, `cosine` where either has none.

    Raises:
        ValueError: no masks, or masks of different shapes.
    """
    on = np.stack(list(masks.values())).astype(int)
    shared = np.einsum("alh,blh->abl", on, on)
    shared = np.concatenate([shared.sum(2, keepdims=True), shared], axis=2)
    heads = np.einsum("aal->al", shared).astype(float)
    heads[heads == 0] = np.nan  # of nothing there is no part, and no direction
    part = shared / heads[:, None]
    cosine = shared / np.sqrt(heads[:, None] * heads[None])
    rows = [
        (language, other, layer, shared[a, b, layer], part[a, b, layer], cosine[a, b, layer])
        for a, language in enumerate(masks)
        for b, other in enumerate(masks)
        for layer in range(shared.shape[2])
    ]
    return pd.DataFrame(rows, columns="language other layer shared part cosine".split())


def similarity(overlap: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """Put the overlap of two languages' subnetworks beside the influence of one on the other.

    Choenni et al. 2024, Fig. 8 (right), 9 and 15. Of different languages that both have a mask, one
    among the test and one among the training languages.

    Args:
        overlap: see `mask_overlap`.
        shares: the table `shares`; the rows of the summed influence are taken.

    Returns:
        Columns test_language, train_language, sign, layer, cosine, part (of the test language's
        heads that is shared), share.
    """
    across = (shares["epoch"] == 0) & (shares["test_language"] != shares["train_language"])
    found = shares[across].merge(
        overlap.rename(columns={"language": "test_language", "other": "train_language"}),
        on=["test_language", "train_language"],
    )
    return found["test_language train_language sign layer cosine part share".split()]


def similarity_correlation(similarity: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the correlation of influence between languages with their subnetworks' overlap.

    Choenni et al. 2024, §7.2, Fig. 8, 9 and 15.

    Args:
        similarity: the table of that name.

    Returns:
        Columns sign, measure ("cosine" or "part"), layer (0 for all together), r, r_p (Pearson),
        rho, rho_p (Spearman), p_holm, pairs (those with both values). `p_holm` is `rho_p` corrected
        for the number of layers that have one; that of all layers together is as it was. See
        `correlation` for what is missing where.
    """
    rows = [
        (sign, measure, layer, *correlation(of[measure], of["share"]))
        for sign, signed in similarity.groupby("sign", sort=False)
        for measure in ("cosine", "part")
        for layer, of in signed.groupby("layer")
    ]
    table = pd.DataFrame(rows, columns="sign measure layer r r_p rho rho_p pairs".split())
    table.insert(7, "p_holm", table["rho_p"].astype(float))
    tested = table[(table["layer"] > 0) & table["rho_p"].notna()]
    for _, of in tested.groupby(["sign", "measure"]):
        table.loc[of.index, "p_holm"] = holm(of["rho_p"].to_numpy(float))
    return table


def correlation(left: pd.Series, right: pd.Series) -> tuple[float, float, float, float, int]:
    """Correlate the values that both have.

    Returns:
        Pearson's r and its p-value, Spearman's rho and its p-value, and the number of points. All
        but the number are missing for fewer than `LEAST_POINTS` points and for points without
        spread. Up to `FEW_POINTS` points, rho's p-value counts all orders that these points could
        have: the usual approximation has p = 0 for any three that rise.
    """
    both = left.notna() & right.notna()
    x, y = left[both].to_numpy(float), right[both].to_numpy(float)
    if len(x) < LEAST_POINTS or min(np.ptp(x), np.ptp(y)) < 1e-9:
        return np.nan, np.nan, np.nan, np.nan, len(x)
    linear, ranked = pearsonr(x, y), spearmanr(x, y)
    rho_p = ranked.pvalue if len(x) > FEW_POINTS else _orders(x, y)
    numbers = (linear.statistic, linear.pvalue, ranked.statistic, rho_p)
    return *map(float, numbers), len(x)


def _orders(x: np.ndarray, y: np.ndarray) -> float:
    """Return the part of all orders whose ranks go together at least as far, up or down."""
    left, right = (rankdata(each) - (len(each) + 1) / 2 for each in (x, y))
    every = np.array(list(permutations(left))) @ right
    return (np.abs(every) >= abs(left @ right) - 1e-9).mean()
