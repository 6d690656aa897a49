"""The linear datamodelling score, by hand, by scipy and on made-up fine-tunings."""

import numpy as np
import pytest
from scipy import stats

from xling.evaluation import lds as module
from xling.evaluation.lds import (
    beats,
    covariates_of,
    lds,
    method_pairs,
    noise_ceiling,
    scores,
)

TRAIN, TESTS = 200, 60
LANGUAGES = ["de", "en", "sw"] * (TESTS // 3)


def made_up(subsets=50, noise=1.0, seed=0, sizes=(0.2, 0.9)):
    """Random subsets, an influence that is the truth, and what comes of training on each."""
    rng = np.random.default_rng(seed)
    shares = rng.uniform(*sizes, size=(subsets, 1))
    inside = rng.random((subsets, TRAIN)) < shares
    influence = rng.normal(0.05, 1, size=(TRAIN, TESTS))
    true = inside @ influence
    return inside, influence, true + noise * true.std(0) * rng.normal(size=true.shape)


def test_a_small_case_by_hand():
    sums = np.array([[1.0, 4], [2, 3], [3, 2], [4, 1]])
    outcomes = np.array([[0.2, 1], [0.1, 2], [0.3, 3], [0.4, 9]])
    # First: ranks 1234 against 2134, 1 - 6 · 2 / (4 · 15) = 0.8. Second: the reverse, -1. Means
    # over both: sums 2.5 each, so nothing; of languages of their own, as the examples.
    result = lds(sums, outcomes, ["de", "de"])
    np.testing.assert_allclose(result.example.single, [0.8, -1])
    assert result.example.value == pytest.approx(-0.1)
    assert (result.language.value, result.language.constant) == (0, 1)
    assert lds(sums, outcomes, ["de", "en"]).language.value == pytest.approx(-0.1)
    # Means 0.6, 1.05, 1.65, 4.7 rise with sums of 1, 2, 3, 4.
    assert lds(sums[:, :1], outcomes, ["de", "de"]).language.value == pytest.approx(1)


def test_each_correlation_is_scipy_s():
    rng = np.random.default_rng(0)
    sums, outcomes = rng.integers(6, size=(20, 9)), rng.integers(5, size=(20, 9)) / 7
    expected = [stats.spearmanr(x, y).statistic for x, y in zip(sums.T, outcomes.T, strict=True)]
    result = lds(sums, outcomes, ["de"] * 4 + ["en"] * 5)
    np.testing.assert_allclose(result.example.single, expected)
    means = [
        stats.spearmanr(sums[:, a].sum(1), (outcomes[:, a] * 7).round().sum(1)).statistic
        for a in (slice(4), slice(4, 9))  # whole numbers, so that ties are ties
    ]
    np.testing.assert_allclose(result.language.single, means)


def test_a_perfect_linear_predictor_scores_one():
    inside, influence, true = made_up(noise=0)
    result = lds(inside @ influence, true, LANGUAGES, resamples=50)
    for found in (result.example, result.language):
        assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))
    opposite = lds(inside @ -influence, true, LANGUAGES, resamples=50)
    assert opposite.example.value == pytest.approx(-1)


def test_beyond_covariates_is_the_correlation_of_what_their_fit_leaves():
    inside, influence, outcomes = made_up()
    covariates = covariates_of(inside, labels=np.arange(TRAIN) % 3)
    assert covariates.shape == (50, 4)
    assert (covariates[:, 0] == covariates[:, 1:].sum(1)).all()
    result = lds(inside @ influence, outcomes, LANGUAGES, covariates, resamples=20)
    ranked = np.column_stack([np.ones(50), stats.rankdata(covariates, axis=0)])

    def leftover(values):
        ranks = stats.rankdata(values)
        return ranks - ranked @ np.linalg.lstsq(ranked, ranks)[0]

    for test in range(5):
        by_scipy = stats.pearsonr(
            leftover((inside @ influence)[:, test]), leftover(outcomes[:, test])
        ).statistic
        assert result.example.single[test] == pytest.approx(by_scipy)


def test_a_function_of_the_covariates_tells_nothing_beyond_them():
    rng = np.random.default_rng(1)
    inside, influence, _ = made_up(60)
    size = inside.sum(1, keepdims=True)
    outcomes = np.log(size) + 0.1 * rng.normal(size=(60, TESTS))
    covariates = covariates_of(inside, np.arange(TRAIN) % 3, ["de", "en"] * 100)
    assert lds(size, outcomes, LANGUAGES).example.value > 0.9
    exactly = lds(size**2, outcomes, LANGUAGES, covariates)  # the same ranks: nothing is left
    assert (exactly.example.value, exactly.example.constant) == (0, TESTS)
    nearly = lds(size + 5 * np.sin(covariates[:, [1]]), outcomes, LANGUAGES, covariates)
    assert abs(nearly.example.value) < 0.06 and nearly.example.constant == 0
    # What is more than the covariates is still there.
    true = inside @ influence
    more = 2 * np.log(size) + true / true.std() + 0.1 * rng.normal(size=true.shape)
    assert lds(true, more, LANGUAGES, covariates).example.value > 0.7


def test_covariates_need_subsets():
    inside, influence, outcomes = made_up(12)
    covariates = covariates_of(inside, languages=list("abcdefgh") * 25)
    result = lds(inside @ influence, outcomes, LANGUAGES, covariates)
    assert np.isnan([result.example.value, result.example.low, result.language.value]).all()
    table = scores({"tracin": result})
    assert table["lds"].isna().all() and table["tests"].tolist() == [0, 0]
    plain = lds(inside @ influence, outcomes, LANGUAGES)
    compared = beats({"tracin": result, "count": plain}, ["count"])
    assert compared["q"].isna().all() and not compared["beats"].any()


def test_what_does_not_vary_predicts_nothing_and_can_show_nothing():
    inside, influence, outcomes = made_up(20)
    constant = np.full((20, 1), 0.1) * inside.shape[1]
    result = lds(constant, outcomes, LANGUAGES, resamples=50)
    for found, tests in ((result.example, TESTS), (result.language, 3)):
        assert (found.value, found.low, found.high, found.constant) == (0, 0, 0, tests)
    outcomes[:, 0] = 0.25
    result = lds(inside @ influence, outcomes, LANGUAGES, resamples=50)
    assert np.isnan(result.example.single).tolist() == [True] + [False] * (TESTS - 1)
    assert result.example.value == pytest.approx(np.nanmean(result.example.single))
    assert scores({"tracin": result})["tests"].tolist() == [TESTS - 1, 3]


def test_the_noise_ceiling_pairs_fine_tunings_on_the_same_subset():
    _, _, true = made_up(10, noise=0)
    rng = np.random.default_rng(2)
    noisy = [true + 0.5 * true.std() * rng.normal(size=true.shape) for _ in range(3)]
    outcomes = np.concatenate([noisy[0], noisy[1], noisy[2][:2]])
    parts = [*range(10), *range(10), 0, 1]
    ceiling = noise_ceiling(outcomes, parts, LANGUAGES, resamples=50)
    assert ceiling == ceiling and ceiling.subsets == 10
    expected = lds(noisy[0], noisy[1], LANGUAGES, resamples=50)
    assert ceiling.example.value == expected.example.value
    assert 0.5 < ceiling.example.value < 0.95
    assert noise_ceiling(outcomes[:12], parts[:12], LANGUAGES) is None


def test_methods_are_compared_with_controls_pair_by_pair():
    inside, influence, outcomes = made_up()
    rng = np.random.default_rng(0)
    near = influence + 0.3 * rng.normal(size=influence.shape)
    results = {
        "tracin": lds(inside @ influence, outcomes, LANGUAGES),
        "nearly": lds(inside @ near, outcomes, LANGUAGES),
        "count": lds(inside.sum(1, keepdims=True), outcomes, LANGUAGES),
        "random": lds(inside @ rng.normal(size=influence.shape), outcomes, LANGUAGES),
    }
    table = beats(results, ["count", "random", "bm25"]).set_index(["method", "control", "level"])
    assert len(table) == 2 * 2 * 2
    row = table.loc[("tracin", "count", "example")]
    values = [results[name].example.value for name in ("tracin", "count")]
    assert row["difference"] == pytest.approx(values[0] - values[1])
    assert row["low"] < row["difference"] < row["high"]
    assert table["beats"].xs("example", level="level").all()
    assert (table["q"] >= table["p"]).all()
    # A pair that is resampled together is compared more sharply than its intervals tell.
    close = beats({name: results[name] for name in ("tracin", "nearly")}, ["nearly"]).iloc[0]
    wide = results["tracin"].example.high - results["tracin"].example.low
    assert close["high"] - close["low"] < 0.7 * wide
    same = beats({"tracin": results["tracin"], "again": results["tracin"]}, ["again"])
    assert (same["p"] == 1).all() and not same["beats"].any()


def test_methods_are_compared_with_each_other_once():
    inside, influence, outcomes = made_up()
    rng = np.random.default_rng(0)
    of_method = {
        "true": influence,
        "nearly": influence + rng.normal(size=influence.shape),
        "nothing": rng.normal(size=influence.shape),
        "as little": rng.normal(size=influence.shape),
    }
    results = {
        name: lds(inside @ scored, outcomes, LANGUAGES) for name, scored in of_method.items()
    }
    results["count"] = lds(inside.sum(1, keepdims=True), outcomes, LANGUAGES)
    table = method_pairs(results, ["count"])
    assert len(table) == 6 * 2  # every two of four, without controls
    table = table.query("level == 'example'").set_index(["method", "other"])
    row = table.loc[("true", "nothing")]
    one, other = (results[name].example for name in ("true", "nothing"))
    assert row["difference"] == pytest.approx(one.value - other.value)
    drawn = one.draws - other.draws  # the resamples are those of both
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
    assert table["told"].to_dict() == {
        ("true", "nearly"): True,
        ("true", "nothing"): True,
        ("true", "as little"): True,
        ("nearly", "nothing"): True,
        ("nearly", "as little"): True,
        ("nothing", "as little"): False,
    }


def test_a_score_is_tested_against_nothing_among_the_methods_of_its_level():
    inside, influence, outcomes = made_up(20)
    rng = np.random.default_rng(1)
    noise = {f"noise {n}": rng.normal(size=influence.shape) for n in range(3)}
    of_method = {"true": influence, **noise, "random": rng.normal(size=influence.shape)}
    results = {
        name: lds(inside @ scored, outcomes, LANGUAGES) for name, scored in of_method.items()
    }
    table = scores(results, others=["random"])
    for level in ("example", "language"):
        rows = table[table["level"] == level].set_index("method")
        p = rows["p"].drop("random")
        assert rows["q"].drop("random").tolist() == pytest.approx(
            stats.false_discovery_control(p).tolist()
        )
        assert np.isnan(rows.loc["random", "q"]) and rows.loc["true", "q"] < 0.05
        draws = getattr(results["noise 0"], level).draws
        below = (draws <= 0).mean()
        assert p["noise 0"] == pytest.approx(2 * min(below, 1 - below), abs=0.003)


def test_resamples_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    inside, influence, outcomes = made_up(20)
    once = lds(inside @ influence, outcomes, LANGUAGES, resamples=40)
    monkeypatch.setattr(module, "AT_ONCE", 3 * TESTS)
    again = lds(inside @ influence, outcomes, LANGUAGES, resamples=40)
    np.testing.assert_allclose(once.example.draws, again.example.draws)
    np.testing.assert_allclose(once.language.draws, again.language.draws)


def test_translations_are_drawn_together_and_add_no_certainty():
    inside, influence, outcomes = made_up(200)  # so many that test examples decide
    sums, ids = inside @ influence, [f"{number}" for number in range(TESTS)]
    alone = lds(sums, outcomes, ["de"] * TESTS, groups=ids, resamples=40)
    twice = [np.concatenate([values, values], axis=1) for values in (sums, outcomes)]
    names = ["de"] * TESTS + ["en"] * TESTS
    both = lds(*twice, names, groups=ids * 2, resamples=40)
    for level in ("example", "language"):
        draws = [getattr(result, level).draws for result in (alone, both)]
        np.testing.assert_allclose(*draws)
    apart = lds(*twice, names, resamples=400)  # as if the second half told something new
    both = lds(*twice, names, groups=ids * 2, resamples=400)
    assert apart.example.draws.std() == pytest.approx(both.example.draws.std() / 2**0.5, rel=0.15)


def test_a_language_into_which_nothing_drawn_is_translated_keeps_its_own_test_examples():
    inside, influence, outcomes = made_up(20)
    names, ids = ["de"] * (TESTS - 1) + ["en"], [f"{number}" for number in range(TESTS)]
    result = lds(inside @ influence, outcomes, names, groups=ids, resamples=40)
    assert not np.isnan(result.language.draws).any()
    # Of a language with one test example, resamples differ by their subsets alone.
    de, en = (
        lds((inside @ influence)[:, part], outcomes[:, part], names[part]).language.value
        for part in (slice(TESTS - 1), slice(TESTS - 1, None))
    )
    assert result.language.value == pytest.approx((de + en) / 2)


def test_few_subsets_have_no_interval_and_beat_no_control():
    inside, influence, outcomes = made_up(module.LEAST_RESAMPLED - 1, noise=0)
    results = {
        "tracin": lds(inside @ influence, outcomes, LANGUAGES),
        "count": lds(inside.sum(1, keepdims=True), outcomes, LANGUAGES),
    }
    found = results["tracin"].example
    assert found.value == pytest.approx(1) and np.isnan([found.low, found.high]).all()
    row = beats(results, ["count"]).iloc[0]
    assert row["difference"] == pytest.approx(1 - results["count"].example.value)
    assert row[["low", "high", "p", "q"]].isna().all() and not row["beats"]
    assert scores(results)[["p", "q"]].isna().all(axis=None)


def test_what_does_not_fit_together_is_refused():
    inside, influence, outcomes = made_up(10)
    with pytest.raises(ValueError, match="both must be subsets by test examples"):
        lds((inside @ influence)[:, :5], outcomes, LANGUAGES)
    with pytest.raises(ValueError, match="2 subsets have no rank correlation; three are needed"):
        lds((inside @ influence)[:2], outcomes[:2], LANGUAGES)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [False, True], ids=["own examples", "translations"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(parallel):
    """The truth: the same score over very many subsets, with as many test examples."""
    rng = np.random.default_rng(0)
    # Influence on all examples of a language alike, and on each: test examples are drawn.
    common, own = rng.normal(0.05, 0.5, (TRAIN, 3)), rng.normal(size=(TRAIN, 3000))
    if parallel:  # a text and its translations are influenced nearly alike
        own = 0.95 * np.tile(own[:, :1000], 3) + 0.3 * own
    influence = np.repeat(common, 1000, axis=1) + own
    score = influence + 0.7 * rng.normal(size=influence.shape)
    names = ["de"] * 40 + ["en"] * 40 + ["sw"] * 40

    def run(subsets, seed, resamples):
        draw = np.random.default_rng(seed)
        texts = [draw.choice(1000, 40) for _ in range(3)]
        if parallel:
            texts = texts[:1] * 3
        tests = np.concatenate([rows + 1000 * place for place, rows in enumerate(texts)])
        groups = [str(row) for row in range(40)] * 3 if parallel else None
        inside = draw.random((subsets, TRAIN)) < draw.uniform(0.2, 0.9, size=(subsets, 1))
        true = inside @ influence[:, tests]
        outcomes = true + true.std(0) * draw.normal(size=true.shape)
        return lds(inside @ score[:, tests], outcomes, names, groups=groups, resamples=resamples)

    many, few = [run(600, 1000 + i, 2) for i in range(20)], [run(40, i, 300) for i in range(80)]
    for level in ("example", "language"):
        truth = np.mean([getattr(result, level).value for result in many])
        found = [getattr(result, level) for result in few]
        assert np.mean([one.low <= truth <= one.high for one in found]) > 0.9
        widths = np.array([one.high - one.low for one in found])
        assert widths.mean() < 0.2  # and still of use: careful, by up to twice what is needed
