"""Every interval, test and correlation against scipy by another way, or counted by hand."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from xling.analysis import statistics
from xling.analysis.statistics import (
    SignedRank,
    bootstrap_interval,
    correlation,
    holm,
    mcnemar_p,
    percentile_interval,
    permutation_p,
    pooled_share,
    q_values,
    signed_rank,
    wilson_interval,
)


def test_bootstrap_intervals_cover_the_truth():
    """Of the 95 % intervals of 200 samples, about 95 % contain the mean of the distribution."""
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        low, high = bootstrap_interval(rng.normal(0.3, 1, size=60), seed=seed)
        hits += low <= 0.3 <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_a_bootstrap_interval_is_that_of_scipy_with_the_seed_given():
    sample = np.random.default_rng(1).exponential(size=(25, 2))
    for seed in (0, 3):
        expected = stats.bootstrap(
            (sample,),
            np.mean,
            n_resamples=1000,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        low, high = bootstrap_interval(sample, seed=seed)
        assert low.tolist() == expected.low.tolist() and high.tolist() == expected.high.tolist()


def test_samples_of_the_same_examples_are_resampled_together():
    """Each example has 1 of 2 or 2 of 4: whichever are drawn, half of all."""
    counts, totals = np.array([1, 2, 1, 2]), np.array([2, 4, 2, 4])
    low, high = bootstrap_interval(counts, totals, statistic=pooled_share)
    assert (low, high) == (0.5, 0.5)


def test_a_single_example_has_no_interval_and_equal_ones_have_a_width_of_zero():
    assert np.isnan(bootstrap_interval(np.array([0.3]))).all()
    low, high = bootstrap_interval(np.array([[0.3, 0.4]]))
    assert low.shape == high.shape == (2,) and np.isnan([low, high]).all()
    assert np.isnan(bootstrap_interval(np.array([1]), np.array([2]), statistic=pooled_share)).all()
    assert bootstrap_interval(np.array([0.3, 0.3])) == (0.3, 0.3)


def test_two_examples_have_an_interval_from_one_to_the_other():
    """A quarter of all samples are twice the one, a quarter twice the other."""
    assert bootstrap_interval(np.array([0.2, 0.6])) == pytest.approx((0.2, 0.6))


def test_a_pooled_share_weights_examples_by_their_counts():
    counts, totals = np.array([[1, 0], [3, 0]]), np.array([[1, 5], [7, 5]])
    assert pooled_share(counts, totals).tolist() == [4 / 8, 0]
    assert pooled_share(counts, totals, axis=1).tolist() == [1 / 6, 3 / 12]


def test_wilson_intervals_are_those_of_the_formula():
    for share, count in [(0.25, 40), (0.0, 7), (1.0, 12), (0.333, 3)]:
        hits, z = round(share * count), stats.norm.ppf(0.975)
        center = (hits + z**2 / 2) / (count + z**2)
        width = z / (count + z**2) * np.sqrt(hits * (count - hits) / count + z**2 / 4)
        expected = (center - width, center + width)
        assert wilson_interval(share, count) == pytest.approx(expected, abs=1e-12)


def test_a_percentile_interval_leaves_out_a_fortieth_at_each_end():
    assert percentile_interval(np.arange(1001.0)) == (25, 975)
    # Of five, the ends lie a tenth of the way from the outermost to the next: .025 of four steps.
    assert percentile_interval(np.array([4.0, 0, 1, 3, 2])) == pytest.approx((0.1, 3.9))


def _differing(differences: np.ndarray) -> SignedRank:
    return signed_rank(np.zeros(len(differences)), differences)


@pytest.mark.parametrize("count", [1, 2, 5, 8, 14, 30])
def test_signed_ranks_are_those_of_scipy_with_and_without_ties(count):
    tied = np.random.default_rng(count).choice([-2, -1, 1, 2, 3], count) / 10
    expected = stats.wilcoxon(tied).pvalue
    assert _differing(np.append(tied, [0, 0])).p == pytest.approx(expected)
    distinct = np.random.default_rng(count).normal(0.3, 1, count)
    assert _differing(distinct).p == pytest.approx(stats.wilcoxon(distinct, method="exact").pvalue)


def test_ties_are_counted_exactly_up_to_13_and_approximated_beyond():
    for count, method in ((13, "exact"), (14, "asymptotic")):
        tied = np.array([1.0] * (count - 2) + [-1, -1])
        p = _differing(tied).p
        if method == "exact":  # all ranks are equal, so that it is the sign test
            assert p == pytest.approx(stats.binomtest(2, 13).pvalue)
        else:
            assert p == pytest.approx(stats.wilcoxon(tied, method="asymptotic").pvalue)


def test_no_difference_is_no_evidence_and_no_pair_is_no_test():
    assert _differing(np.zeros(3)) == SignedRank(1, 0)
    assert _differing(np.array([0.4])) == SignedRank(1, 1)  # either sign was as likely
    none = _differing(np.zeros(0))
    assert np.isnan(none.p) and np.isnan(none.effect)


def test_pairs_without_a_difference_do_not_change_the_test():
    """Also beyond 13 differences, where scipy given zeros would fall back to the approximation."""
    distinct = np.random.default_rng(2).normal(0.4, 1, 20)
    with_zeros = np.append(distinct, np.zeros(5))
    assert _differing(with_zeros) == _differing(distinct)
    assert _differing(distinct).p == pytest.approx(stats.wilcoxon(distinct, method="exact").pvalue)
    assert stats.wilcoxon(with_zeros).pvalue != pytest.approx(_differing(distinct).p)


def test_differences_within_rounding_are_ties_at_any_scale():
    """2/3 - 1/3 and 1 - 2/3 differ in the last digit; 0.1 + 0.2 and 0.3 do, too."""
    before, after = np.array([1, 2, 3, 0]) / 3, np.array([2, 3, 1, 0]) / 3
    assert len(set(np.abs(after - before))) > 3  # scipy alone would see no ties
    for scale in (1, 1e-20, 1e9):
        # Ranks 1½, 1½, 3 for +, +, -: of the eight signs, all but the two of ±3 ± 0 are as far.
        tied = signed_rank(scale * before, scale * after)
        assert (tied.p, tied.effect) == (1, 0)
        noise = signed_rank(scale * np.array([0.3, 1]), scale * np.array([0.1 + 0.2, 1]))
        assert noise == SignedRank(1, 0)


def test_the_effect_is_the_share_of_ranks_that_rise_minus_that_of_ranks_that_fall():
    """Ranks 1 to 4, of which 2 falls: (8 - 2) / 10. Single precision is enough."""
    before = np.array([1, 1, 1, 1], np.float32)
    after = np.array([1.1, 0.8, 1.3, 1.4], np.float32)
    assert signed_rank(before, after).effect == pytest.approx(0.6)
    assert signed_rank(after, before).effect == pytest.approx(-0.6)
    assert signed_rank(before, after).p == stats.wilcoxon([1, -2, 3, 4]).pvalue


def test_mcnemar_compares_those_that_change_with_a_fair_coin():
    """Of six, one is lost and four are won; how many stay the same does not matter."""
    before = np.array([1, 1, 0, 0, 0, 0], dtype=bool)
    after = np.array([0, 1, 1, 1, 1, 1], dtype=bool)
    assert mcnemar_p(before, after) == pytest.approx(2 * (1 + 5) / 2**5)
    assert mcnemar_p(after, before) == mcnemar_p(before, after)
    assert mcnemar_p(np.tile(before, 1)[1:], after[1:]) == pytest.approx(2 / 2**4)
    assert mcnemar_p(before, before) == 1


def test_a_permutation_p_value_counts_draws_as_far_from_the_center_on_either_side():
    drawn = np.array([[0.0, 5], [1, 5], [2, 5], [3, 5], [4, 5]])
    center = np.array([2.0, 5])
    assert permutation_p(np.array([4.0, 5]), drawn, center).tolist() == [3 / 6, 1]
    assert permutation_p(np.array([0.5, 6]), drawn, center).tolist() == [3 / 6, 1 / 6]
    # 0.1 + 0.2 is as far as 0.3.
    assert permutation_p(np.array(0.1 + 0.2), np.array([0.3, 0.0, 0.0]), np.array(0.0)) == 2 / 4


def test_holm_multiplies_step_by_step_and_never_reverses_an_order():
    """Sorted .01 .02 .04 → .03 .04 .04: never less than a smaller one's, and never more than 1."""
    assert holm(np.array([0.04, 0.01, 0.02])).tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert holm(np.array([0.6, 0.9])).tolist() == [1, 1]
    assert holm(np.array([0.2])).tolist() == [0.2] and holm(np.array([])).tolist() == []


def test_q_values_control_the_rate_over_all_cells_of_a_table():
    """Sorted .01 .03 .04 .5 → .04, .06 → .16/3, .16/3, .5."""
    q = q_values(np.array([[0.01, 0.04], [0.03, 0.5]]))
    assert q.shape == (2, 2)
    assert q.ravel().tolist() == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    some = q_values(np.array([0.01, np.nan, 0.04]))  # a missing one is no test
    assert some.tolist() == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert np.isnan(q_values(np.full(2, np.nan))).all()


def test_rank_correlations_of_few_points_count_all_orders():
    """Of the 6 orders of three ranks, two are as strongly correlated, one up and one down."""
    coefficients = correlation(np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.2, 0.3]))
    assert (coefficients.rho, coefficients.rho_p, coefficients.points) == (
        pytest.approx(1),
        pytest.approx(2 / 6),
        3,
    )
    pearson = stats.pearsonr([1, 2, 4], [0.1, 0.2, 0.3])
    assert (coefficients.r, coefficients.r_p) == pytest.approx(tuple(pearson))


@pytest.mark.parametrize("count", [4, 7])
def test_rank_correlations_of_few_tied_points_are_those_of_an_enumeration(count):
    rng = np.random.default_rng(count)
    x, y = (rng.integers(0, 4, count).astype(float) for _ in range(2))
    coefficients = correlation(x, y)
    every = [stats.spearmanr(order, y).statistic for order in permutations(x)]
    assert coefficients.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert coefficients.rho_p == pytest.approx(
        np.mean(np.abs(every) >= abs(coefficients.rho) - 1e-9)
    )


@pytest.mark.parametrize("count", [8, 30])
def test_correlations_of_many_points_are_those_of_scipy(count):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, count))
    holes = np.append(x, [np.nan, 1.0]), np.append(y, [1.0, np.nan])  # neither is a point
    coefficients = correlation(*holes)
    assert (coefficients.r, coefficients.r_p) == pytest.approx(tuple(stats.pearsonr(x, y)))
    assert (coefficients.rho, coefficients.rho_p) == pytest.approx(tuple(stats.spearmanr(x, y)))
    assert coefficients.points == count


def test_values_within_rounding_share_a_rank_at_any_scale():
    x = np.array([0.1 + 0.2, 0.3, 0.5, 0.6])
    y = np.array([1.0, 2.0, 3.0, 4.0])
    for scale in (1e-20, 1, 1e9):
        coefficients = correlation(scale * x, y)
        assert coefficients.rho == pytest.approx(stats.spearmanr([1, 1, 2, 3], y).statistic)


@pytest.mark.parametrize(
    ("x", "y", "points"),
    [
        ([1.0, 2.0], [1.0, 2.0], 2),
        ([1.0, 2.0, np.nan], [1.0, 2.0, 3.0], 2),
        ([0.3, 0.3, 0.1 + 0.2], [1.0, 2.0, 3.0], 3),  # the noise of the last digit is no spread
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], 3),
        ([0.0, 0.0, 0.0], [1.0, 2.0, 3.0], 3),
        ([], [], 0),
    ],
)
def test_there_is_no_correlation_without_points_or_spread(x, y, points):
    coefficients = correlation(np.array(x, dtype=float), np.array(y, dtype=float))
    assert np.isnan([coefficients.r, coefficients.r_p, coefficients.rho, coefficients.rho_p]).all()
    assert coefficients.points == points


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_what_is_equally_far_from_chance_does_not_depend_on_the_unit(scale):
    """Around .2, 0 and .4 are as far as .4 and 0; .1 and .3 are nearer, in any unit."""
    drawn = scale * np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    for observed in (0.0, 0.4):
        assert permutation_p(np.array(scale * observed), drawn, drawn.mean()) == 3 / 6
    assert permutation_p(np.array(scale * 0.1), drawn, drawn.mean()) == 5 / 6
    assert permutation_p(np.array(scale * 0.5), drawn, drawn.mean()) == 1 / 6


@pytest.mark.parametrize("statistic", [np.mean, pooled_share])
def test_an_interval_does_not_depend_on_how_much_is_drawn_at_once(monkeypatch, statistic):
    rng = np.random.default_rng(0)
    paired = rng.integers(0, 5, 40), rng.integers(5, 9, 40)
    samples = paired if statistic is pooled_share else (rng.random((40, 3)),)
    ends = []
    for at_once in (1, 1000, 1 << 22):
        monkeypatch.setattr(statistics, "AT_ONCE", at_once)
        ends.append(bootstrap_interval(*samples, statistic=statistic))
    for other in ends[1:]:
        assert np.array_equal(other, ends[0])
