"""What a sweep's runs show together, against cases computed by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from xling.analysis.sweeps import (
    confidence_changes,
    flattens,
    imbalance_curves,
    overview,
    retrained,
)
from xling.analysis.zero_shot import Trained, zero_shot
from xling.attribution import Ranking, Traces


def trained(ids: str, positive: list[list[int]], parallel: bool = True) -> Trained:
    """A model that traced two test examples; `de1` is German content 1."""
    names = np.array(ids.split())
    ranking = Ranking(np.array(positive), np.zeros((len(positive), len(positive[0]))))
    languages = np.array([name[:2] for name in names])
    contents = np.array([name[2:] for name in names]) if parallel else None
    return Trained(names, languages, contents, Traces(ranking, ranking, np.zeros((2, 1))))


def test_top_k_sets_of_two_models_overlap_by_translation_and_by_example():
    full = trained("de1 de2 en1 en2 ko1 ko2", [[4, 5, 0], [4, 2, 3]])  # ko1 ko2 de1; ko1 en1 en2
    without = trained("de1 de2 en1 en2", [[0, 2, 3], [1, 3, 0]])  # de1 en1 en2; de2 en2 de1
    table = zero_shot(full, without, ["ko", "ko"])
    row = table[table.sign == "+"].set_index("measure")
    # Translations: of ko1 and ko2, all three; of ko1 alone, de1: 1 of 3.
    assert row.value["translations"] == pytest.approx((1 + 1 / 3) / 2)
    assert row.chance["translations"] == pytest.approx((1 + 2 / 4) / 2)
    # Recovered: de1, 1 of 1; of en1 and en2, one.
    assert row.value["recovered"] == pytest.approx((1 + 1 / 2) / 2)
    assert row.chance["recovered"] == 3 / 4 and set(row.test_examples) == {2}
    assert (row.low <= row.value).all() and (row.value <= row.high).all()


def test_zero_shot_without_translations_or_other_languages():
    full = trained("de1 ko1 ko2 ko3", [[1, 2, 3], [1, 2, 0]], parallel=False)
    without = trained("de1 de2 en1", [[0, 1, 2], [0, 1, 2]], parallel=False)
    table = zero_shot(full, without, ["ko", "ko"])
    assert set(table.measure) == {"recovered"}
    assert set(table.test_examples) == {1}  # the first has no member from another language
    assert table.value.eq(1).all() and table.low.isna().all()


def run(imbalance: int, language: str | None, **more) -> dict:
    return {
        "task": "xnli", "imbalance": imbalance, "imbalance_language": language, "exclude": [],
        "seed": 0, "dev_accuracy": 0.5, "test_accuracy": {"de": 0.5, "en": 0.7},
        "own_language_share": {"de": 0.2, "en": 0.4}, **more,
    }  # fmt: skip


def own(share: float) -> pd.DataFrame:
    rows = [
        (0, "+", "de", "de", share, 0, 1, 0.5, 2 * share),
        (0, "+", "en", "en", 0.9, 0, 1, 0.5, 1.8),
        (1, "+", "de", "de", 0.1, 0, 1, 0.5, 0.2),
        (0, "+", "de", "en", 0.1, 0, 1, 0.5, 0.2),
    ]
    columns = "epoch sign test_language train_language share low high base_rate lift".split()
    return pd.DataFrame(rows, columns=columns)


def test_imbalance_starts_every_curve_at_the_balanced_run():
    runs = {
        "a": run(0, None),
        "d": run(0, None, exclude=["de"]),  # left out, and those after it are not
        "b": run(50, "de"),
        "c": run(25, "en"),
    }
    shares = {"a": own(0.3), "b": own(0.6), "c": own(0.7), "d": own(0.99)}
    table = imbalance_curves(runs, shares)
    points = [tuple(row) for row in table[["language", "imbalance", "share"]].to_numpy()]
    assert table.index.to_list() == [0, 1, 2, 3]
    assert points == [("de", 0, 0.3), ("de", 50, 0.6), ("en", 0, 0.9), ("en", 25, 0.9)]
    assert imbalance_curves({"a": runs["a"]}, shares).empty


def test_overview_shows_the_switches_that_differ():
    table = overview({"x": run(50, "de"), "a": run(0, None)})
    assert table.run.tolist() == ["a", "x"] and table.index.to_list() == [0, 1]
    assert "task" not in table and table.imbalance.tolist() == [0, 50]
    assert table.test_accuracy.tolist() == pytest.approx([0.6, 0.6])
    assert table.dev_accuracy.tolist() == [0.5, 0.5] and table.own_share.tolist() == pytest.approx(
        [0.3, 0.3]
    )


def test_overview_takes_a_switch_from_the_configuration_where_the_results_lack_it():
    runs = {
        name: run(0, None, own_language_share={}, config={"model": model, "languages": languages})
        for name, model, languages in [("a", "xlmr", ["de", "en"]), ("b", "mbert", ("de", "fr"))]
    }
    table = overview(runs)
    assert table[["run", "model", "languages"]].to_numpy().tolist() == [
        ["b", "mbert", "de fr"],
        ["a", "xlmr", "de en"],
    ]
    assert table.own_share.isna().all()  # no test language has training data of its own
    alone = overview({"a": runs["a"]})
    assert list(alone.columns) == ["run", "dev_accuracy", "test_accuracy", "own_share"]


def test_confidence_changes_are_paired_by_test_example():
    """Three test examples, two ks, two controls; the control is averaged first."""
    jobs = []
    drops = {50: [0.1, 0.2, 0.3], 100: [0.4, 0.4, 0.4]}
    for k, of_k in drops.items():
        for number, drop in enumerate(of_k):
            common = {"test_id": f"de{number}", "sign": "+", "k": k, "before": 0.9}
            jobs.append({**common, "control": 0, "after": 0.9 - drop})
            jobs += [{**common, "control": c, "after": 0.9 - c / 100} for c in (1, 2)]
    table = confidence_changes(jobs)
    assert len(table) == 4
    first = table[(table.k == 50) & (table.left_out == "influential")].iloc[0]
    assert first.change == pytest.approx(-0.2) and first.test_examples == 3
    assert -0.3 - 1e-9 <= first.low <= first.high <= -0.1 + 1e-9
    assert first.p_random == pytest.approx(wilcoxon([-0.085, -0.185, -0.285]).pvalue)
    assert first.p_next == pytest.approx(wilcoxon([0.3, 0.2, 0.1]).pvalue)
    random = table[table.left_out == "random"]
    assert np.allclose(random.change, -0.015) and random.p_random.isna().all()
    assert random[random.k == 50].p_next.item() == 1  # nothing changes
    assert table[table.k == 100].p_next.isna().all()


def test_confidence_changes_of_one_test_example_are_no_evidence():
    common = {"test_id": "de0", "sign": "-", "before": 0.5}
    table = confidence_changes(
        [
            {**common, "k": 50, "control": 0, "after": 0.9},
            {**common, "k": 50, "control": 1, "after": 0.6},
            {**common, "k": 100, "control": 0, "after": 0.8, "test_id": "de1"},
        ]
    )
    assert table.k.to_list() == [50, 100, 50] and table.index.to_list() == [0, 1, 2]
    assert table.left_out.to_list() == ["influential", "influential", "random"]
    assert table.change.to_list() == pytest.approx([0.4, 0.3, 0.1])
    # Either sign was as likely; k = 100 has no control, and no test example in common with 50.
    assert table.p_random.to_list() == pytest.approx([1, np.nan, np.nan], nan_ok=True)
    assert table[["p_next", "low", "high"]].isna().all().all()


def test_where_a_curve_flattens():
    rows = [
        ("+", k, "influential", p) for k, p in [(50, 0.01), (100, 0.3), (150, 0.2), (200, np.nan)]
    ]
    rows += [("+", 50, "random", 0.9), ("-", 50, "influential", 0.01)]
    table = pd.DataFrame(rows, columns=["sign", "k", "left_out", "p_next"]).assign(test_examples=6)
    assert flattens(table, "+") == 100 and flattens(table, "-") is None
    assert flattens(table.assign(test_examples=5), "+") is None  # the least p of five is 0.06


def test_curves_of_two_methods_are_apart():
    """A run that names no method is TracIn's."""
    runs = {
        "a": run(0, None), "b": run(50, "de", method="tracin"),
        "c": run(0, None, method="embedding"), "d": run(50, "de", method="embedding"),
    }  # fmt: skip
    shares = {"a": own(0.1), "b": own(0.2), "c": own(0.3), "d": own(0.4)}
    table = imbalance_curves(runs, shares)
    assert table[["method", "language", "imbalance", "share"]].to_numpy().tolist() == [
        ["embedding", "de", 0, 0.3], ["embedding", "de", 50, 0.4],
        ["tracin", "de", 0, 0.1], ["tracin", "de", 50, 0.2],
    ]  # fmt: skip
    alone = imbalance_curves({"a": runs["a"], "b": runs["b"]}, shares)
    assert list(alone.columns) == "language imbalance sign share low high base_rate lift".split()


def test_the_overview_names_the_method_where_runs_differ_in_it():
    runs = {"a": run(0, None), "b": run(0, None, method="embedding")}
    assert list(overview(runs)["method"]) == ["embedding", "tracin"]
    assert "method" not in overview({"a": runs["a"], "b": run(5, "de", method="tracin")})


def test_confidence_changes_of_two_methods_are_not_averaged():
    common = {"sign": "+", "k": 50, "control": 0, "before": 0.9}
    jobs = [{**common, "test_id": f"de{i}", "after": 0.8} for i in range(2)]
    jobs += [{**common, "test_id": f"de{i}", "after": 0.5, "method": "embedding"} for i in range(2)]
    table = confidence_changes(jobs)
    assert list(table.columns[:2]) == ["method", "sign"]
    assert table.set_index("method")["change"].to_dict() == pytest.approx(
        {"embedding": -0.4, "tracin": -0.1}
    )
    assert set(table["test_examples"]) == {2}
    assert list(retrained(jobs)["method"]) == ["tracin"] * 2 + ["embedding"] * 2
    one = [{**job, "method": "tracin"} for job in jobs[:2]]
    assert confidence_changes(one).equals(confidence_changes(jobs[:2]))
    assert retrained(one).equals(pd.DataFrame(jobs[:2]))
