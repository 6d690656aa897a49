"""Masks, their overlap and what it correlates with, against cases computed by hand."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xling.analysis.overlap import (
    mask_overlap,
    mask_table,
    similarity,
    similarity_correlation,
)

# Three, three and one of four heads are on; ko has none in the first layer.
MASKS = {
    "en": np.array([[1, 1], [1, 0]], dtype=bool),
    "de": np.array([[1, 0], [1, 1]], dtype=bool),
    "ko": np.array([[0, 0], [1, 0]], dtype=bool),
}


def test_masks_are_tabulated_head_by_head():
    table = mask_table(MASKS)
    assert list(table.columns) == ["language", "layer", "head", "on"] and table.on.dtype == bool
    assert list(dict.fromkeys(table.language)) == ["en", "de", "ko"]
    off = table[~table.on]
    assert list(zip(off.language, off.layer, off["head"], strict=True)) == [
        ("en", 2, 2),
        ("de", 1, 2),
        ("ko", 1, 1),
        ("ko", 1, 2),
        ("ko", 2, 2),
    ]
    assert len(table) == 12


def test_overlap_is_counted_in_all_and_by_layer():
    table = mask_overlap(MASKS)
    assert list(table.columns) == ["language", "other", "layer", "shared", "part", "cosine"]
    assert len(table) == 3 * 3 * 3
    measured = {
        (row.language, row.other, row.layer): (row.shared, row.part, row.cosine)
        for row in table.itertuples()
    }
    root = np.sqrt
    expected = {
        ("en", "en", 0): (3, 1, 1),
        ("en", "de", 0): (2, 2 / 3, 2 / 3),
        ("en", "de", 1): (1, 1 / 2, 1 / root(2)),
        ("en", "de", 2): (1, 1, 1 / root(2)),
        ("de", "en", 2): (1, 1 / 2, 1 / root(2)),
        ("en", "ko", 0): (1, 1 / 3, 1 / root(3)),
        ("ko", "en", 0): (1, 1, 1 / root(3)),
        ("en", "ko", 1): (0, 0, np.nan),  # ko points nowhere
        ("ko", "en", 1): (0, np.nan, np.nan),
        ("ko", "ko", 1): (0, np.nan, np.nan),
    }
    for key, values in expected.items():
        assert measured[key] == pytest.approx(values, nan_ok=True), key


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(ValueError):
        mask_overlap({"en": np.ones((2, 2), bool), "de": np.ones((2, 3), bool)})


def shares_of(rows: list[tuple]) -> pd.DataFrame:
    columns = ["epoch", "sign", "test_language", "train_language", "share"]
    return pd.DataFrame(rows, columns=columns)


def test_similarity_is_tabulated_with_the_influence():
    """Of another language with a mask; `part` is a share of the test language's heads."""
    shares = shares_of(
        [
            (0, "+", "ko", "ko", 0.5),
            (0, "+", "ko", "en", 0.3),
            (0, "+", "ko", "fr", 0.2),  # fr has no mask
            (0, "-", "ko", "en", 0.7),
            (1, "+", "ko", "en", 0.9),
        ]
    )
    table = similarity(mask_overlap(MASKS), shares)
    columns = "test_language train_language sign layer cosine part share".split()
    assert list(table.columns) == columns and len(table) == 2 * 3
    assert set(table.test_language) == {"ko"} and set(table.train_language) == {"en"}
    whole = table[table.layer == 0].set_index("sign")
    assert whole.share.to_dict() == {"+": 0.3, "-": 0.7}
    assert whole.part.to_list() == [1, 1] and whole.cosine.iloc[0] == pytest.approx(3**-0.5)
    assert table[table.layer == 1].part.isna().all()


def test_similarity_correlation_is_corrected_for_the_layers():
    """Four languages: layer 1 rises with the shares, 2 is at random, 3 all equal, 4 falls."""
    names = ["de", "en", "fr", "ko"]
    rng = np.random.default_rng(0)
    share, other, third = rng.normal(size=(3, 4, 4))
    cosines = {0: other, 1: share**3, 2: third, 3: np.full((4, 4), 0.5), 4: -share}
    cosines[2][3] = cosines[2][:, 3] = np.nan  # a language without heads in that layer
    rows = [
        (names[a], names[b], sign, layer, matrix[a, b], -matrix[a, b], share[a, b])
        for sign in "-+"
        for layer, matrix in cosines.items()
        for a, b in permutations(range(4), 2)
    ]
    columns = "test_language train_language sign layer cosine part share"
    table = pd.DataFrame(rows, columns=columns.split())
    correlations = similarity_correlation(table)
    columns = "sign measure layer r r_p rho rho_p p_holm pairs least_p"
    assert list(correlations.columns) == columns.split()
    assert len(correlations) == 2 * 2 * 5
    assert list(dict.fromkeys(correlations.sign)) == ["-", "+"]  # as in the table
    negative = correlations[correlations.sign == "-"]
    cosine = negative[negative.measure == "cosine"].set_index("layer")
    off = ~np.eye(4, dtype=bool)
    assert cosine.r[0] == pytest.approx(stats.pearsonr(other[off], share[off]).statistic)
    permuted = [
        stats.pearsonr(other[np.ix_(order, order)][off], share[off]).statistic
        for order in permutations(range(4))
    ]
    assert cosine.r_p[0] == pytest.approx(np.mean(np.abs(permuted) >= abs(permuted[0]) - 1e-9))
    assert cosine.rho[[1, 3, 4]].to_list() == pytest.approx([1, np.nan, -1], nan_ok=True)
    assert cosine.pairs.to_list() == [12, 12, 6, 12, 12]
    # Of 24 orders of four languages one is as it is; so would be one of 12! orders of the pairs.
    assert cosine.rho_p[1] == cosine.rho_p[4] == pytest.approx(1 / 24)
    assert cosine.least_p.to_list() == pytest.approx(
        [1 / 24, 1 / 24, 1 / 6, np.nan, 1 / 24], nan_ok=True
    )
    # Three layers were tested, not four.
    assert cosine.p_holm[1] == pytest.approx(3 / 24)
    assert (
        cosine.p_holm[0] == cosine.rho_p[0] < 1
        and np.isnan(cosine.p_holm[3])
        and np.isnan(cosine.rho_p[3])
    )
    part = negative[negative.measure == "part"].set_index("layer")
    assert part.rho[1] == pytest.approx(-1) and part.p_holm[1] == pytest.approx(3 / 24)
    assert similarity_correlation(table[:0]).empty
