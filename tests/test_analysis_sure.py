"""Accuracy beside chance, ties and the effective dimension, against counts made by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from xling.analysis.doubts import LANGUAGES, MODEL, OWN
from xling.analysis.effective_dimension import (
    effective_dimension,
    label_decides,
    mean_dimensions,
    sample,
)
from xling.analysis.example_metadata import Examples
from xling.analysis.learnt import learnt, not_learnt, unlearnt_subnetworks
from xling.analysis.ties import bands, difference_variance, joined, shares_at_random, tie_tables
from xling.attribution import Ranking, Tile, Traces
from xling.pipeline.certainty import say_doubts
from xling.sketch import Projection, Sketches

CLASSES = ("no", "yes")
NONE = {sign: np.zeros(1) for sign in "+-"}


def test_accuracy_is_tested_against_the_larger_of_chance_and_majority():
    languages = ["de"] * 20 + ["en"] * 20
    labels = np.array([0] * 14 + [1] * 6 + [0] * 10 + [1] * 10)
    predictions = np.array([0] * 20 + [0] * 10 + [1] * 9 + [0])
    table = learnt(languages, labels, predictions, predictions == labels, CLASSES)
    german, english, every = table.to_dict("records")
    assert german["language"] == "de" and german["accuracy"] == 0.7 == german["majority"]
    assert german["p"] == pytest.approx(sum(stats.binom.pmf(n, 20, 0.7) for n in range(14, 21)))
    assert not german["learnt"] and german["only_class"] == "no"
    assert (
        english["p"] == pytest.approx(21 * 0.5**20)
        and english["learnt"]
        and english["only_class"] == ""
    )
    assert (every["language"], every["examples"], every["chance"]) == ("all", 40, 0.5)
    assert every["majority"] == pytest.approx(0.6) and every["accuracy"] == 33 / 40
    assert not_learnt(table) == ["de"]


def test_of_many_languages_that_are_not_learnt_none_counts_as_learnt_by_chance():
    """Of thirty guesses of a hundred, one or two are right 59 times: p = 0.044 of each."""
    languages = np.repeat([f"l{number}" for number in range(30)], 100)
    labels = np.tile([0, 1], 1500)
    right = np.concatenate(
        [np.arange(100) < count for count in (59, *range(42, 56), *range(43, 57), 59)]
    )
    guessed = np.where(right, labels, 1 - labels)
    table = learnt(languages.tolist(), labels, guessed, right, CLASSES)
    single = table[:-1]
    assert (single["p"] < 0.05).sum() == 2 and not single["learnt"].any()
    assert single["q"].tolist() == pytest.approx(
        stats.false_discovery_control(single["p"]).tolist()
    )
    every = table.iloc[-1]  # one test, by itself
    assert every["q"] == every["p"]
    pruning = pd.DataFrame(
        {"language": single["language"], "step": 0, "accuracy": single["accuracy"]}
    )
    weak = unlearnt_subnetworks(pruning, languages.tolist(), labels, 2)
    assert weak == single["language"].tolist()


def test_where_most_languages_are_learnt_another_needs_hardly_more():
    languages = np.repeat([f"l{number}" for number in range(10)], 100)
    labels = np.tile([0, 1], 500)
    right = np.array([True] * 900 + [True] * 60 + [False] * 40)  # the last: p = 0.028
    predictions = np.where(right, labels, 1 - labels)
    last = learnt(languages.tolist(), labels, predictions, right, CLASSES).iloc[-2]
    assert 0.02 < last["p"] == pytest.approx(last["q"]) and last["learnt"]


def test_translations_count_once_where_all_languages_are_tested_together():
    labels = np.tile([0, 1], 30)
    right = np.tile([True] * 6 + [False] * 4, 6)
    languages = np.repeat(["de", "en", "fr"], 20).tolist()
    predictions = np.where(right, labels, 1 - labels)
    alone = learnt(languages, labels, predictions, right, CLASSES).iloc[-1]
    contents = [str(number) for number in range(20)] * 3
    parallel = learnt(languages, labels, predictions, right, CLASSES, contents).iloc[-1]
    assert alone["p"] == pytest.approx(stats.binom.sf(35, 60, 0.5))
    assert parallel["p"] == pytest.approx(stats.binom.sf(11, 20, 0.5))
    assert parallel["examples"] == 60 and parallel["low"] < alone["low"]


def test_subnetworks_of_models_at_chance_are_named():
    rows = [("de", 0, 0.5), ("de", 1, 0.9), ("en", 0, 0.9), ("en", 1, 0.6)]
    pruning = pd.DataFrame(rows, columns=["language", "step", "accuracy"])
    languages, labels = ["de"] * 40 + ["en"] * 40, np.tile([0, 1], 40)
    assert unlearnt_subnetworks(pruning, languages, labels, 2) == ["de"]


def case(scores: list[float], k: int, languages: str) -> tuple[list[Tile], Traces, Examples]:
    """One test example with given scores of training examples, whose languages are letters."""
    names = tuple(dict.fromkeys(languages))
    code = np.array([names.index(letter) for letter in languages])
    count = len(languages)
    train = Examples(tuple(map(str, range(count))), names, code, np.zeros(count, int), None)
    row = np.array([scores], np.float32)
    order = np.argsort(-row, kind="stable")[:, :k], np.argsort(row, kind="stable")[:, :k]
    traces = Traces(*(Ranking(o, np.take_along_axis(row, o, 1)) for o in order), np.zeros((1, 2)))
    half = count // 2
    tiles = [
        Tile(part, slice(0, 1), row[:, part], []) for part in (slice(0, half), slice(half, count))
    ]
    return tiles, traces, train


def test_shares_with_ties_at_random_are_as_counted_by_hand():
    # The third rank has 0.50; 0.52, 0.5, 0.49 and 0.48 lie within 0.03 of it.
    tiles, traces, train = case([0.9, 0.52, 0.5, 0.49, 0.48, 0.1, 0.0, -1], 3, "aabbabab")
    noise = {sign: np.array([0.03]) for sign in "+-"}
    counts = bands(tiles, traces, noise, train)
    positive = counts["+"]
    assert positive.above.tolist() == [[1, 0]] and positive.within.tolist() == [[2, 2]]
    # Two places are left for the four: each of a's two gets one in half of the draws.
    assert shares_at_random(positive, 3).tolist() == [[(1 + 1) / 3, 1 / 3]]
    test = Examples(("t",), ("a",), np.array([0]), np.array([0]), None)
    tables = tie_tables(joined([counts]), traces, noise, train, test)
    row = tables["ties"].iloc[0]
    assert (row["sign"], row["noise"], row["candidates"], row["exact"]) == ("+", 0.03, 4, 0)
    assert row["within_noise"] == pytest.approx(2 / 3) and row["test_examples"] == 1
    # Two of three places are drawn among four: each of the two keeps its own in half of the draws.
    assert row["by_chance"] == pytest.approx(1 / 3)
    shares = tables["tie_shares"].query("sign == '+'")
    assert shares["share"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert shares["at_random"].tolist() == pytest.approx([2 / 3, 1 / 3])


def test_ties_at_random_are_the_mean_over_many_draws():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, 40).astype(float)
    languages = "".join(rng.choice(list("ab"), 40))
    tiles, traces, train = case(scores.tolist(), 15, "ab" + languages[2:])
    band = bands(tiles, traces, NONE, train)["+"]
    draws = [np.lexsort((rng.random(40), -scores))[:15] for _ in range(4000)]
    drawn = np.mean([np.bincount(train.language[draw], minlength=2) / 15 for draw in draws], axis=0)
    assert shares_at_random(band, 15)[0] == pytest.approx(drawn, abs=0.01)


@pytest.mark.parametrize(
    ("scores", "exact"),
    [([3, 2, 1, 1, 1, 0], 1 / 3), ([3, 2, 1, 0, 0, 0], 0), ([1, 1, 1, 1, 1, 1], 1)],
)
def test_a_place_is_an_exact_tie_where_the_ids_decide_it(scores, exact):
    tiles, traces, train = case(scores, 3, "ababab")
    counts = bands(tiles, traces, NONE, train)
    test = Examples(("t",), ("a",), np.array([0]), np.array([0]), None)
    ties = tie_tables(counts, traces, NONE, train, test)["ties"]
    assert ties["exact"].iloc[0] == pytest.approx(exact)


def deviation(left: torch.Tensor, right: torch.Tensor, projection: Projection) -> float:
    """The standard deviation of an inner product of sketches over draws of the projection."""
    products = []
    for epoch in range(1500):
        drawn = projection.of("weight", left.shape, epoch)
        one, other = (
            drawn.to(torch.device("cpu"), torch.float64).gradient(x[None]) for x in (left, right)
        )
        products.append(float((one * other).sum()))
    return float(np.std(products))


def test_the_noise_of_stacked_kronecker_sketches_is_that_of_simulations():
    torch.manual_seed(0)
    projection = Projection(side=4, stack=4)  # 64 numbers
    one, other, test = (torch.randn(40, 40, dtype=torch.float64) / 40 for _ in range(3))
    members = np.stack([one.flatten(), other.flatten()])
    # The first term has the exact norms in it; sketches keep them, here they are as they are.
    expected = difference_variance(members, test.flatten().numpy(), 1600) * 1600 / 64
    assert expected**0.5 == pytest.approx((2 / 64) ** 0.5, rel=0.05)
    # Random matrices have nearly nothing in common in either factor.
    assert deviation(one - other, test, projection) == pytest.approx(expected**0.5, rel=0.15)
    # Gradients that are alike are off by the same: their order is surer than their scores.
    alike = one + 0.1 * other
    members = np.stack([one.flatten(), alike.flatten()])
    near = difference_variance(members, test.flatten().numpy(), 1600) * 1600 / 64
    assert near**0.5 == pytest.approx(0.1 / 64**0.5, rel=0.1)
    assert deviation(one - alike, test, projection) == pytest.approx(near**0.5, rel=0.15)
    # Of rank one with a factor in common, r + 2 times the variance: the most that there can be.
    common = torch.eye(40, dtype=torch.float64)
    left, right = torch.outer(common[0], common[0]), torch.outer(common[1], common[0])
    assert deviation(left, right, projection) == pytest.approx((6 / 64) ** 0.5, rel=0.15)


def test_the_variances_of_blocks_side_by_side_add_up():
    members = np.array([[3.0, 0, 0, 4.0], [0, 0, 0, 4.0]])
    test = np.array([2.0, 0, 0, 1.0])
    # The members differ in the first block of two alone, by 3, where the test row has norm 2.
    assert difference_variance(members, test, 2) == pytest.approx(9 * 4 / 2)
    assert difference_variance(members, test, 4) == pytest.approx(9 * 5 / 4)


def test_the_effective_dimension_is_the_participation_ratio_of_the_eigenvalues():
    rng = np.random.default_rng(0)
    rows = [rng.standard_normal((60, 8)) * np.arange(1, 9), rng.standard_normal((60, 8))]
    train = [
        Sketches.of(part, [str(i) for i in range(60)], {"epoch": epoch})
        for epoch, part in enumerate(rows, 1)
    ]
    labels = np.arange(60) % 3
    table = effective_dimension(train, labels).set_index("epoch")
    units = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in rows]
    together = np.concatenate(units, axis=1) / 2**0.5
    for epoch, part in enumerate([together, *units]):
        values = np.linalg.eigvalsh(part.T @ part / 60)
        ratio = values.sum() ** 2 / (values**2).sum()
        assert table.loc[epoch, "dimension"] == pytest.approx(ratio, rel=1e-4)
        cosines = part @ part.T
        alike = (labels[:, None] == labels) & ~np.eye(60, dtype=bool)
        assert table.loc[epoch, "same_label_cosine"] == pytest.approx(
            cosines[alike].mean(), abs=1e-5
        )
    assert set(table["examples"]) == {60} and not label_decides(table.reset_index())


def test_gradients_that_only_the_label_tells_apart_are_told():
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    rows = np.eye(16)[labels] + 0.02 * rng.standard_normal((90, 16))
    table = effective_dimension([Sketches.of(rows, [str(i) for i in range(90)], {})], labels)
    assert label_decides(table) and table["dimension"].to_numpy() == pytest.approx(3, rel=0.03)
    assert label_decides(mean_dimensions([table, table]))


def test_as_many_examples_are_compared_as_memory_allows():
    assert len(sample(50, 1024, 2.0)) == 50
    assert len(sample(5000, 1024, 2.0)) == 1024
    assert len(sample(5000, 10_000_000, 2.0)) == 25


def test_a_warning_of_some_languages_says_nothing_of_the_others(capsys):
    some = {"code": LANGUAGES, "model": OWN, "languages": ["ko"], "sentence": "Not in ko."}
    every = {"code": MODEL, "model": OWN, "languages": [], "sentence": "Not at all."}
    say_doubts([some, every])
    told = capsys.readouterr().out
    assert "WARNING: Not in ko. What influenced predictions in these means little: " in told
    assert "WARNING: Not at all. What influenced its predictions means little: " in told
