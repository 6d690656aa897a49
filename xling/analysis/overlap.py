"""The subnetworks' masks: how far they overlap, and what that says about influence.

A mask is an array (layers, heads) of bool, True where the head is on. Choenni et al. 2024, §7.2 and
appendix D, Fig. 8, 9 and 11 to 15.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from xling.analysis.statistics import holm, pair_correlation


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
    """Tabulate how far every two languages' subnetworks overlap, in all and by layer.

    Choenni et al. 2024, Fig. 8 (left) and 12 to 14.

    Args:
        masks: language → mask.

    Returns:
        Columns language, other, layer (from 1; 0 for all together), shared (heads that are on in
        both), part (the share of `language`'s heads that are on in both), cosine (of the flattened
        masks). `part` is missing where `language` has no head, `cosine` where either has none.

    Raises:
        ValueError: no masks, or masks of different shapes.
    """
    on = np.stack(list(masks.values())).astype(int)
    shared = np.einsum("alh,blh->abl", on, on)
    shared = np.concatenate([shared.sum(2, keepdims=True), shared], axis=2)
    heads = np.einsum("aal->al", shared).astype(float)
    heads[heads == 0] = np.nan  # no heads have no share in common, and no direction
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
        Columns test_language, train_language, sign, layer, cosine, part (the share of the test
        language's heads that are on in both), share.
    """
    across = (shares["epoch"] == 0) & (shares["test_language"] != shares["train_language"])
    pairs = shares[across].merge(
        overlap.rename(columns={"language": "test_language", "other": "train_language"}),
        on=["test_language", "train_language"],
    )
    return pairs["test_language train_language sign layer cosine part share".split()]


def similarity_correlation(similarity: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the correlation of influence between languages with their subnetworks' overlap.

    Choenni et al. 2024, §7.2, Fig. 8, 9 and 15.

    Args:
        similarity: the table of that name.

    Returns:
        Columns sign, measure ("cosine" or "part"), layer (0 for all together), r, r_p (Pearson),
        rho, rho_p (Spearman), p_holm, pairs (those with both values), least_p. `r_p` and `rho_p`
        are of permuted languages, and can be no less than `least_p`. `p_holm` is `rho_p` corrected
        for the number of layers that have one; that of all layers together is not corrected. See
        `xling.analysis.statistics.PairCorrelation` for what is missing where.
    """
    rows = []
    for sign, of_sign in similarity.groupby("sign", sort=False):
        for measure in ("cosine", "part"):
            for layer, pairs in of_sign.groupby("layer"):
                numbers = pair_correlation(pairs, measure, "share")
                rows.append((sign, measure, layer, *dataclasses.astuple(numbers)))
    table = pd.DataFrame(rows, columns="sign measure layer r r_p rho rho_p pairs least_p".split())
    table.insert(7, "p_holm", table["rho_p"].astype(float))
    tested = table[(table["layer"] > 0) & table["rho_p"].notna()]
    for _, layers in tested.groupby(["sign", "measure"]):
        table.loc[layers.index, "p_holm"] = holm(layers["rho_p"].to_numpy(float))
    return table
