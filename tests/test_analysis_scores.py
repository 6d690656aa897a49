"""Analyses of all scores, and of what chance gives, against other ways to the same numbers."""

import types
from itertools import permutations

import numpy as np
import pytest
from analysis_cases import some
from scipy import stats

from xling.analysis import distances as analysis_distances
from xling.analysis import permutation
from xling.analysis.distances import available, distance_correlations, distances
from xling.analysis.distribution import bin_edges, distribution
from xling.analysis.epochs import epoch_tests
from xling.analysis.example_metadata import Examples
from xling.analysis.permutation import share_p_values, with_significance
from xling.analysis.reference import reference
from xling.analysis.scripts import own_scripts, script_table, scripts, wholly_own
from xling.analysis.shares import shares
from xling.attribution import Ranking, Traces, histograms, mean_scores
from xling.sketch import Sketches


def sketches(count: int, epoch: int, name: str) -> Sketches:
    rows = np.random.default_rng([epoch, count]).standard_normal((count, 12)).astype(np.float32)
    return Sketches.of(rows, [f"{name}{i}" for i in range(count)], {"epoch": epoch})


def test_distribution_counts_every_pair_once():
    train, test = some(3000, "de en fr"), some(300, "de ko")
    left, right = ([sketches(n, e, "x") for e in (1, 2)] for n in (3000, 300))
    weights = [1.0, 0.5]
    scores = sum(
        w * b.units(0, 300) @ a.units(0, 3000).T
        for w, a, b in zip(weights, left, right, strict=True)
    )
    edges = bin_edges(scores.min(), scores.max())
    counts = histograms(left, right, train.language, test.language, edges, weights=weights)
    assert counts.sum() == scores.size
    for a in range(2):
        for b in range(3):
            block = scores[test.language == a][:, train.language == b]
            # A score at the very edge of a bin may fall to either side of it.
            assert np.abs(counts[a, b] - np.histogram(block, edges)[0]).max() <= 1
    table = distribution(counts, edges, train, test)
    assert list(table.columns) == "test_language train_language low high pairs".split()
    assert (table.high - table.low).to_numpy() == pytest.approx(edges[1] - edges[0])
    assert table.pairs.gt(0).all() and set(table.train_language) == {"de", "en", "fr"}
    assert table.pairs.sum() == scores.size and set(table.test_language) == {"de", "ko"}
    negative = table[table.high <= 1e-12].pairs.sum()
    assert abs(negative - (scores < 0).sum()) <= 2


@pytest.mark.parametrize(("least", "most"), [(-1.0, 3.0), (0.02, 0.03), (-4e-5, 1e-5)])
def test_bins_hold_all_scores_and_meet_at_zero(least, most):
    edges = bin_edges(least, most)
    bins = (most - least) / (edges[1] - edges[0])
    assert 60 / 2.5 <= bins <= 60  # the next round width is at most 2.5 times as wide
    assert edges[0] <= least + 1e-12 and edges[-1] >= most - 1e-12
    assert np.abs(edges).min() < 1e-12 * max(1, abs(edges).max())
    assert len(edges) < 400 and np.allclose(np.diff(edges), edges[1] - edges[0])


@pytest.mark.parametrize(("least", "most"), [(0.99998, 1.0), (-5.0, -4.99999), (2.0, 2.0), (0, 0)])
def test_bins_of_scores_far_from_zero_are_few(least, most):
    edges = bin_edges(least, most)
    assert edges[0] <= least + 1e-12 and edges[-1] >= most - 1e-12
    assert 2 <= len(edges) < 130 and (np.diff(edges) > 0).all()


def test_scores_are_compared_between_epochs_by_language():
    test = some(12, "de en")
    left, right = ([sketches(n, e, "x") for e in (1, 2)] for n in (50, 12))
    means = [mean_scores(a, b, test.language) for a, b in zip(left, right, strict=True)]
    whole = right[0].units(0, 12) @ left[0].units(0, 50).T
    assert np.allclose(means[0][:, 1], whole[test.language == 1].mean(0), atol=1e-6)
    table = epoch_tests([*means, means[1] + 0.1], test)
    assert len(table) == 2 * 3 and set(table["examples"]) == {50}
    row = table[(table.test_language == "de") & (table["first"] == 1) & (table.second == 2)].iloc[0]
    assert row.p == pytest.approx(stats.wilcoxon(means[1][:, 0], means[0][:, 0]).pvalue)
    up = table[(table["first"] == 2) & (table.second == 3)]
    assert (up.effect == 1).all() and (up.p_holm < 1e-6).all()
    same = epoch_tests([means[0], means[0]], test)
    assert (same.p == 1).all() and (same.effect == 0).all()


def test_permutations_stay_within_a_content_and_match_all_of_them(monkeypatch):
    """Two contents in three languages: of the 36 permutations, the p-value can be counted."""
    train = some(6, "de en fr", parallel=True)
    test = Examples(("de8", "de9"), ("de",), np.array([0, 0]), np.array([0, 0]), None)
    index = np.array([[0, 3, 1], [0, 4, 3]])  # de0 twice, de1 twice, en0, en1
    counts = np.array([2, 1, 0, 2, 1, 0])
    everyone = [
        counts[[first[0], 3 + second[0]]].sum()
        for first in permutations(range(3))
        for second in permutations(range(3))
    ]
    mean = np.mean(everyone)
    expected = np.mean([abs(sum_ - mean) >= abs(4 - mean) for sum_ in everyone])
    monkeypatch.setattr(permutation, "PERMUTATIONS", 20_000)
    p = share_p_values(Ranking(index, np.zeros((2, 3))), train, test)
    assert p[0, 0] == pytest.approx(expected, abs=0.01)  # 4 of 36, and as many at the other end
    whole_contents = Ranking(np.array([[0, 1, 2], [3, 4, 5]]), np.zeros((2, 3)))
    assert (share_p_values(whole_contents, train, test) == 1).all()  # whole contents tell nothing


def test_permutations_are_right_about_chance():
    """Rankings that ignore the language are significant in about 5 % of the cases, no more."""
    rng = np.random.default_rng(0)
    train, test = some(300, "de en fr"), some(10, "de")
    hits = []
    for seed in range(60):
        index = np.stack([rng.permutation(300)[:20] for _ in range(10)])
        hits.append(share_p_values(Ranking(index, np.zeros((10, 20))), train, test, seed) < 0.05)
    assert 0.01 < np.mean(hits) < 0.1
    planted = np.stack(
        [rng.permutation(np.flatnonzero(train.language == 1))[:20] for _ in test.ids]
    )
    p = share_p_values(Ranking(planted, np.zeros((10, 20))), train, test)
    assert p[0, 1] == pytest.approx(1 / 1001)


def test_significance_is_in_the_table_of_shares():
    train, test = some(30, "de en"), some(4, "de en")
    ranking = Ranking(np.tile(np.arange(5), (4, 1)), np.zeros((4, 5)))
    traces = Traces(ranking, ranking, np.zeros((4, 2)))
    table = with_significance(shares([traces] * 2, train, test), traces, train, test)
    assert table[table.epoch == 0][["p", "q"]].notna().all().all()
    assert table[table.epoch == 1][["p", "q"]].isna().all().all()


def test_scripts_are_those_of_letters_alone():
    assert scripts("Ärger, 12 km!") == {"Latn"} and scripts("12 — 3") == set()
    assert scripts("Juan의 아들") == {"Latn", "Hang"}
    assert own_scripts(["그는 Juan의 아들입니다", "안녕하세요"]) == {"Hang"}
    assert own_scripts(["漢字かな交じり文", "カタカナ"]) == {"Hani", "Hira", "Kana"}
    assert own_scripts(["中文文本 ABC"]) == {"Hani"} and own_scripts(["123"]) == set()


def test_influential_examples_wholly_in_the_own_script_are_counted():
    train = some(4, "ko de")  # ko0 de0 ko1 de1
    texts = ["안녕하세요 여러분", "Guten Tag", "Juan의 아들입니다", "Добрый Tag heute Abend"]
    whole, own = wholly_own(texts, train)
    assert whole.tolist() == [True, True, False, False] and own == {"ko": {"Hang"}, "de": {"Latn"}}
    test = some(3, "de")
    index = np.array([[0, 2, 1], [2, 3, 1], [1, 3, 3]])  # Korean: one whole of two; none of one
    ranking = Ranking(index, np.zeros((3, 3)))
    table = script_table(Traces(ranking, ranking, np.zeros((3, 2))), whole, own, train, test)
    row = table[(table.sign == "+") & (table.train_language == "ko")].iloc[0]
    assert (row.test_languages, row.scripts, row.members) == ("others", "Hang", 3)
    assert row.whole == pytest.approx(1 / 3) and row.all_examples == 0.5
    row = table[(table.sign == "+") & (table.train_language == "de")].iloc[0]
    assert row.test_languages == "own" and row.whole == pytest.approx(3 / 6)
    assert (row.members, row.all_examples) == (6, 0.5)
    # The third test example has no Korean member: resampled are 1 of 2 and 0 of 1.
    row = table[(table.sign == "+") & (table.train_language == "ko")].iloc[0]
    assert (row.low, row.high) == pytest.approx((0, 1 / 2))
    assert set(zip(table.train_language, table.test_languages, strict=True)) == {
        ("ko", "others"),
        ("de", "own"),
    }


def test_the_papers_figures_are_those_that_were_printed():
    """Against the printed tables, cell by cell where a slip would hide."""
    table = reference()
    means = table[table.what == "mean_influence"]
    assert len(means) == 3 * 25 and means.groupby("task").size().eq(25).all()
    sums = means.groupby("task").value.sum().round(3).to_dict()
    assert sums == {"xnli": 14.092, "pawsx": 5.713, "marc": 13.731}
    reinforcing = table[
        (table.what == "reinforcing") & (table.task == "pawsx") & (table.sign == "-")
    ]
    assert dict(zip(reinforcing.test_language, reinforcing.value, strict=True)) == {
        "de": 0.45, "en": 0.5, "es": 0.46, "fr": 0.46, "ko": 0.32,
    }  # fmt: skip
    heads = table[table.what == "disabled_heads"]
    assert (heads.value % 14 == 0).all() and len(heads) == 15
    assert reference("sib200").empty
    marc = reference("marc")
    assert set(marc.paper) == {"choenni_2023", "choenni_2024"}
    assert marc.index.to_list() == list(range(len(marc))) and list(marc.columns) == list(
        table.columns
    )
    assert table.index.is_unique and not table.isna().any().any()  # what does not apply is ""


def test_distances_are_cosines_of_the_features_that_are_known(monkeypatch, tmp_path):
    """Codes of two letters are translated; -1 is not known, and no features are no direction."""
    folder = tmp_path / "lang2vec" / "data"
    folder.mkdir(parents=True)
    (folder / "letter_codes.json").write_text('{"de": "deu", "en": "eng"}', "utf-8")
    langs = np.array(["eng", "kor", "deu", "fra"])
    tables = {
        "feature_predictions": (
            ["S_A", "S_B", "P_A", "INV_A", "INV_B"],
            [[1, 0, 1, 1, 1], [0, 1, 1, 1, 0], [1, 1, 1, 0, 1], [1, -1, 1, 0, 0]],
        ),
        "family_features": (["F_A", "F_B"], [[1, 0], [0, 0], [1, 0], [0, 1]]),
        "geocoord_features": (["GC_1"], [[0.5], [0.5], [0.5], [0.5]]),
    }
    for name, (features, rows) in tables.items():
        data = np.array(rows, float)[:, :, None]
        np.savez(folder / f"{name}.npz", langs=langs, feats=np.array(features), data=data)
    packages = {"lang2vec": types.SimpleNamespace(locate_file=tmp_path.joinpath)}
    monkeypatch.setattr(analysis_distances, "distribution", packages.__getitem__)
    assert available()
    by_kind = distances(("de", "en", "kor", "fra", "xx"))
    half, nan = 1 - 1 / np.sqrt(2), np.nan
    expected = {
        "syntax": [[0, half, half, nan], [half, 0, 1, nan], [half, 1, 0, nan], [nan] * 4],
        "phonology": [[0] * 4] * 4,
        "inventory": [[0, half, 1, nan], [half, 0, half, nan], [1, half, 0, nan], [nan] * 4],
        "family": [[0, 0, nan, 1], [0, 0, nan, 1], [nan] * 4, [1, 1, nan, 0]],
        "geography": [[0] * 4] * 4,
    }
    assert list(by_kind) == list(expected)
    for kind, matrix in by_kind.items():
        assert matrix.shape == (5, 5) and np.isnan(matrix[4]).all() and np.isnan(matrix[:, 4]).all()
        np.testing.assert_allclose(matrix[:4, :4], expected[kind], atol=1e-12)


@pytest.mark.skipif(
    not available(), reason="lang2vec is not installed: pip install xling[distances]"
)
def test_related_languages_are_closer():
    languages = ("de", "en", "ko", "xx")
    by_kind = distances(languages)
    for matrix in by_kind.values():
        assert np.allclose(matrix, matrix.T, equal_nan=True) and np.isnan(matrix[3]).all()
        assert np.allclose(np.diag(matrix)[:3], 0, atol=1e-6)
    assert by_kind["family"][0, 1] < by_kind["family"][0, 2]
    assert by_kind["syntax"][0, 1] < by_kind["syntax"][0, 2]


def test_correlation_of_shares_with_distances():
    train, test = some(30, "de en fr"), some(6, "de en fr")
    rng = np.random.default_rng(0)
    index = rng.permuted(np.tile(np.arange(30), (6, 1)), axis=1)[:, :7]
    ranking = Ranking(index, np.zeros((6, 7)))
    table = shares([Traces(ranking, ranking, np.zeros((6, 3)))], train, test)
    apart = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0.0]])
    nothing = np.zeros((3, 3))
    languages = ("de", "en", "fr")
    correlations = distance_correlations(table, {"a": apart, "same": nothing}, languages)
    assert set(correlations.distance) == {"a"} and set(correlations.pairs) == {6}
    positive = table[(table.sign == "+") & (table.test_language != table.train_language)]
    place = {"de": 0, "en": 1, "fr": 2}
    by_hand = [
        apart[place[a], place[b]]
        for a, b in zip(positive.test_language, positive.train_language, strict=True)
    ]
    row = correlations.iloc[0]
    assert row.sign == "+" and row.rho == pytest.approx(
        stats.spearmanr(positive.share, by_hand).statistic
    )
    # Pairs share languages, so that the 6 orders of these are counted, not the 720 of the pairs.
    rhos = []
    for order in permutations(range(3)):
        named = [
            apart[order[place[a]], order[place[b]]]
            for a, b in zip(positive.test_language, positive.train_language, strict=True)
        ]
        rhos.append(stats.spearmanr(positive.share, named).statistic)
    assert row.p == pytest.approx(np.mean(np.abs(rhos) >= abs(row.rho) - 1e-9))
    assert row.least_p == pytest.approx(1 / 6) and row.p >= row.least_p
    apart[2] = apart[:, 2] = np.nan  # a language that the database lacks leaves two pairs
    assert distance_correlations(table, {"a": apart}, languages).empty
