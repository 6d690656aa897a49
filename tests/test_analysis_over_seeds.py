"""Means over seeds: what they average, how wide their intervals are, what survives."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from seed_runs import tables

from xling.analysis.rate_units import with_unit
from xling.analysis.seed_intervals import (
    example_variance,
    over_seeds,
    overlap,
    shared_variance,
)
from xling.analysis.seeds import (
    seed_accuracy,
    seed_correlations,
    seed_differences,
    seed_laws,
    seed_means,
    seed_rates,
    seed_shares,
    seed_statements,
)

PAIR = ("de", "en")


def ids(count: int, begins: str = "") -> np.ndarray:
    return np.array([f"{begins}{number}" for number in range(count)])


def test_shares_are_means_over_seeds_of_means_over_test_examples():
    first = tables({"de": [[2, 8], [4, 6]]}, PAIR)
    second = tables({"de": [[5, 5], [5, 5], [7, 3], [7, 3]]}, PAIR, ids="b")
    row = seed_shares([first, second]).iloc[0]
    assert (row["sign"], row["test_language"], row["train_language"]) == ("+", "de", "de")
    assert row["share"] == pytest.approx((0.3 + 0.6) / 2)  # pooled, it would be 0.5
    assert row["between"] == pytest.approx(np.std([0.3, 0.6], ddof=1))
    assert (row["seeds"], row["test_examples"], row["base_rate"]) == (2, 2, 0.5)


def test_a_run_states_of_a_share_what_its_own_page_tells():
    runs = [tables({"de": [[8, 2], [9, 1]]}, PAIR, ids=name) for name in "ab"]
    assert seed_shares(runs)["above"].iloc[0] == 2  # of an earlier version, by the interval alone
    for run, q in zip(runs, (0.01, 0.3), strict=True):
        run["shares"] = run["shares"].assign(q=q)  # that of many shares is not told
    shares = seed_shares(runs).query("sign == '+'")
    assert shares[["above", "below"]].to_numpy().tolist() == [[1, 0], [0, 1]]
    assert seed_statements(shares)["runs"].tolist() == [1, 1]


def test_without_a_spread_of_test_examples_intervals_and_p_are_those_of_the_t_test():
    values = np.array([[0.3, 0.5], [0.35, 0.9], [0.5, 0.2], [0.41, 0.7]])
    over = over_seeds(values, 0.0, 25, np.array([0.25, 0.4]))
    expected = stats.ttest_1samp(values, [0.25, 0.4])
    low, high = expected.confidence_interval()
    assert over.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert (over.low, over.high) == (pytest.approx(low), pytest.approx(high))


def test_without_a_spread_of_seeds_the_interval_is_that_of_the_test_examples():
    x = np.array([[0.1], [0.4], [0.5], [0.8], [0.2]])
    variance = example_variance([x, x, x], [ids(5)] * 3)
    assert variance == pytest.approx(x.var(ddof=1) / 5, rel=0.1)  # the same examples thrice
    over = over_seeds(np.repeat(x.mean(0)[None], 3, axis=0), variance, 5)
    low, high = stats.ttest_1samp(x, 0).confidence_interval()
    assert (over.low, over.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_test_examples_of_each_seed_alone_count_as_so_many_more():
    x = np.random.default_rng(0).random((40, 1))
    parts = [x[:20], x[20:]]
    together = example_variance(parts, [ids(20), ids(20)])
    apart = example_variance(parts, [ids(20), ids(20, "b")])
    both = (x[:20] + x[20:]) / 2
    assert together == pytest.approx(both.var(ddof=1) / 20, rel=0.1)
    assert apart == pytest.approx(np.mean([part.var() for part in parts]) / 40, rel=0.15)


def test_p_is_0_05_at_the_ends_of_the_interval():
    values = np.random.default_rng(0).random((4, 3))
    over = over_seeds(values, np.array([0.01, 0.0, 0.3]), 9)
    for end in (over.low, over.high):
        assert over_seeds(values, np.array([0.01, 0.0, 0.3]), 9, end).p == pytest.approx(0.05)
    assert (over_seeds(values, 0.0, 9, values.mean(0)).p == 1).all()


def test_one_seed_or_one_test_example_has_no_interval():
    one = over_seeds(np.array([[0.5]]))
    assert np.isnan([*one.low, *one.high, *one.p]).all() and one.mean == 0.5
    runs = [tables({"de": [[2, 8]]}, PAIR), tables({"de": [[6, 4]]}, PAIR)]
    table = seed_shares(runs).query("sign == '+'")
    assert table[["low", "high", "p", "q"]].isna().all(None) and table["share"].iloc[0] == 0.4


def test_a_statement_holds_is_open_contradicted_or_reversed():
    columns = "sign test_language train_language share low high base_rate above below seeds"
    rows = [
        ("+", "de", "de", 0.7, 0.6, 0.8, 0.5, 4, 0, 5),
        ("+", "de", "en", 0.3, 0.1, 0.6, 0.5, 0, 3, 5),
        ("+", "en", "de", 0.5, 0.3, 0.7, 0.5, 3, 2, 5),
        ("-", "en", "de", 0.2, 0.1, 0.3, 0.5, 1, 4, 5),
        ("-", "en", "en", 0.5, 0.4, 0.6, 0.5, 0, 0, 5),
    ]
    table = seed_statements(pd.DataFrame(rows, columns=columns.split()))
    told = table[["test_language", "train_language", "side", "runs", "opposite", "verdict"]]
    assert told.to_numpy().tolist() == [
        ["de", "de", "above", 4, 0, "holds"],
        ["de", "en", "below", 3, 0, "open"],
        ["en", "de", "above", 3, 2, "contradicted"],
        ["en", "de", "below", 2, 3, "contradicted"],
        ["en", "de", "below", 4, 1, "holds"],
        ["en", "de", "above", 1, 4, "reversed"],
    ]


def test_the_sides_of_single_runs_are_counted():
    much, little = [[8, 2], [9, 1], [8, 2]], [[1, 9], [2, 8], [1, 9]]
    runs = [tables({"de": own}, PAIR, ids=str(n)) for n, own in enumerate([much, much, little])]
    row = seed_shares(runs).iloc[0]
    assert (row["above"], row["below"], row["same_side"]) == (2, 1, 2)
    assert row["low"] < row["base_rate"] < row["high"]


def test_errors_of_means_go_together_as_far_as_the_test_examples_do():
    assert overlap([{"a", "b"}, {"a", "b"}]) == 1 and overlap([{"a", "b"}, {"c"}]) == 0
    assert overlap([{"a", "b"}, {"a", "c"}]) == 0.5
    errors = np.array([[0.1], [0.3]])
    assert shared_variance(errors, 1) == pytest.approx(0.2**2)
    assert shared_variance(errors, 0) == pytest.approx((0.1**2 + 0.3**2) / 4)
    runs = [tables({"de": [[2, 8]] * 50}, PAIR), tables({"de": [[6, 4]] * 50}, PAIR)]
    row = seed_means(runs).iloc[0]
    assert (row["mean"], row["between"], row["above"]) == (pytest.approx(0.1), 0, 2)
    half = stats.t.ppf(0.975, 49) * 0.01
    assert row["high"] - row["mean"] == pytest.approx(half, rel=1e-3)


def test_accuracy_over_seeds_has_the_spread_of_both():
    runs = [tables({"de": [[2, 8]] * 2}, PAIR) for _ in range(3)]
    for run, accuracy in zip(runs, (0.7, 0.8, 0.9), strict=True):
        run["accuracy"]["accuracy"] = accuracy
    (row,) = seed_accuracy(runs).to_dict("records")
    error = np.mean([np.sqrt(a * (1 - a) / 100) for a in (0.7, 0.8, 0.9)])
    half = np.hypot(stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3), stats.t.ppf(0.975, 100) * error)
    assert (row["accuracy"], row["lowest"], row["highest"]) == (pytest.approx(0.8), 0.7, 0.9)
    assert row["low"] == pytest.approx(0.8 - half) and row["high"] == 1.0


HELPING = pd.DataFrame(
    [("loss", "de", "de", 0.1, 0.01)],
    columns="measure test_language train_language gain q".split(),
)
"""German data help German."""


def test_correlations_rates_and_laws_are_averaged_over_seeds():
    def evaluation(rho: float, rate: float, law: str) -> dict[str, pd.DataFrame]:
        pairs = [("loss", "de", "en", "each", rate), ("loss", "de", "de", "each", 1.0)]
        columns = "measure test_language train_language law rate".split()
        laws = [("loss", name, 0.9, name == law) for name in ("own", "alike")]
        return {
            "distances": pd.DataFrame({"sign": ["+"], "distance": ["syntax"], "rho": [rho]}),
            "exchange_rates": pd.DataFrame(pairs, columns=columns).assign(low=0.0, high=0.0),
            "effect_overall": pd.DataFrame(laws, columns="measure law r2 chosen".split()),
            "effect_gains": HELPING.assign(low=0.0, high=0.2),
        }

    runs = [evaluation(*own) for own in ((0.2, 0.1, "own"), (-0.1, 0.5, "own"), (0.5, 0.3, "own"))]
    (row,) = seed_correlations(runs).to_dict("records")
    ends = stats.ttest_1samp([0.2, -0.1, 0.5], 0).confidence_interval()
    assert row["what"] == "most positive · syntax" and row["correlation"] == pytest.approx(0.2)
    assert (row["low"], row["high"], row["positive"]) == (*map(pytest.approx, ends), 2)
    (row,) = seed_rates(runs).to_dict("records")
    assert (row["rate"], row["lowest"], row["highest"]) == (pytest.approx(0.3), 0.1, 0.5)
    assert seed_laws(runs).set_index("law")["chosen"].to_dict() == {"own": 3, "alike": 0}


def test_what_evaluations_test_survives_seeds_or_does_not():
    def evaluation(*differences: tuple[str, float, float]) -> dict[str, pd.DataFrame]:
        rows = [
            (name, "count", "example", size, size - 0.02, size + 0.02, q)
            for name, size, q in differences
        ]
        columns = "method control level difference low high q".split()
        return {"faithfulness_beats": pd.DataFrame(rows, columns=columns)}

    runs = [
        evaluation(("a", 0.30, 0.01), ("b", 0.3, 0.01), ("c", 0.01, 0.5), ("d", np.nan, np.nan)),
        evaluation(("a", 0.32, 0.01), ("b", -0.3, 0.04), ("c", 0.02, 0.5), ("d", np.nan, np.nan)),
        evaluation(("a", 0.34, 0.09), ("b", 0.1, 0.01), ("c", 0.03, 0.5), ("d", np.nan, np.nan)),
    ]
    table = seed_differences(runs).set_index("what")
    assert list(table.index) == [
        "a · count · example",
        "b · count · example",
        "c · count · example",
    ]
    a, b, c = table.to_dict("records")
    spread = stats.t.ppf(0.975, 2) * np.std([0.30, 0.32, 0.34], ddof=1) / np.sqrt(3)
    half = np.hypot(spread, 0.02)  # of the seeds, and of their test examples
    assert (a["difference"], a["high"] - a["difference"]) == (
        pytest.approx(0.32),
        pytest.approx(half, rel=1e-3),
    )
    assert (a["above"], a["below"], a["verdict"], a["seeds"]) == (2, 0, "holds", 3)
    assert (b["above"], b["below"], b["verdict"]) == (2, 1, "contradicted")
    assert (c["above"], c["below"], c["verdict"]) == (0, 0, "")
    assert a["p"] < 0.05 < b["p"] and (table["q"] >= table["p"]).all()


def test_what_no_seed_has_tested_has_no_interval_over_seeds():
    def evaluation(gain: float, q: float) -> dict[str, pd.DataFrame]:
        rows = [("loss", "de", "en", 0.0, 0.0, 0.0, np.nan), ("loss", "en", "en", gain, 0, 1, q)]
        columns = "measure train_language test_language gain low high q".split()
        return {"effect_gains": pd.DataFrame(rows, columns=columns)}

    def harm(change: float, q: float) -> dict[str, pd.DataFrame]:
        row = ("loss", "de", "en", change, change - 0.1, change + 0.1, q)
        columns = "measure train_language test_language change low high q".split()
        return {"effect_changes": pd.DataFrame([row], columns=columns)}

    law_alone, tested = seed_differences([evaluation(0.2, 0.01), evaluation(0.3, 0.02)]).to_dict(
        "records"
    )
    assert law_alone["difference"] == 0 and law_alone["verdict"] == ""
    assert all(np.isnan(law_alone[name]) for name in ("low", "high", "p", "q"))
    assert tested["difference"] == pytest.approx(0.25) and tested["low"] < 0.25 < tested["high"]
    assert tested["q"] == tested["p"]  # one test alone
    both = [evaluation(0.2, 0.01) | harm(-0.3, 0.01), evaluation(0.3, 0.02) | harm(-0.4, 0.2)]
    *_, change = seed_differences(both).to_dict("records")  # of a table of its own
    assert (change["table"], change["below"]) == ("effect_changes", 1)
    assert change["difference"] == pytest.approx(-0.35) and change["q"] == change["p"]


def test_rates_at_the_end_of_their_range_have_an_interval_of_their_fine_tunings():
    columns = "measure test_language train_language law rate low high".split()
    rates = pd.DataFrame([("loss", "de", "en", "each", 0.0, 0.0, 0.392)], columns=columns)
    (row,) = seed_rates([{"exchange_rates": rates, "effect_gains": HELPING}] * 4).to_dict("records")
    assert (row["rate"], row["low"], row["between"], row["seeds"]) == (0, 0, 0, 4)
    assert row["high"] == pytest.approx(0.392 / 2 / 2, rel=1e-3)  # the root of four


def test_rates_in_a_unit_that_helps_nothing_are_left_out_over_seeds():
    columns = "measure test_language train_language law rate low high".split()
    rows = [("loss", test, "en", "each", 40.0, 1.0, 400.0) for test in ("de", "fr", "sw")]
    gains = pd.DataFrame(
        [("loss", "de", "de", -0.1, 0.01), ("loss", "fr", "fr", 0.1, 0.01)],
        columns="measure test_language train_language gain q".split(),
    )
    seed = {"exchange_rates": pd.DataFrame(rows, columns=columns), "effect_gains": gains}
    assert list(seed_rates([seed] * 3)["test_language"]) == ["fr", "sw"]  # relative for Swahili
    assert list(with_unit(seed["exchange_rates"], gains)["test_language"]) == ["fr"]
    assert list(with_unit(seed["exchange_rates"][:0], gains)) == columns


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True], ids=["own examples", "the same examples"])
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_intervals_hold_the_truth_of_simulated_seeds(seeds, spread, shared):
    rng, held, tests, trials = np.random.default_rng(0), 0, 25, 400
    for _ in range(trials):
        examples = rng.normal(0, 0.2, (1 if shared else seeds, tests))
        noise = rng.normal(0, 0.2, (seeds, tests))
        values = 0.4 + rng.normal(0, spread, (seeds, 1)) + examples + noise
        names = [ids(tests, "" if shared else f"{seed}-") for seed in range(seeds)]
        by_seed = [own[:, None] for own in values]
        variance = example_variance(by_seed, names)
        over = over_seeds(values.mean(1)[:, None], variance, tests if shared else tests * seeds)
        held += bool(over.low[0] < 0.4 < over.high[0])
    assert held / trials > 0.95 - 3 * np.sqrt(0.95 * 0.05 / trials)
