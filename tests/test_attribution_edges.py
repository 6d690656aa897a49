"""Wrong use of the library is refused in its own words, before anything is computed."""

import re

import numpy as np
import pytest
from sketch_rows import sketches

from xling.attribution import (
    Embedding,
    InnerProducts,
    TracIn,
    histograms,
    mean_scores,
    score_matrix,
    trace,
)
from xling.cli.mistakes import SWITCHES, explain
from xling.errors import ArgumentError
from xling.sketch import Sketches, Source

RNG = np.random.default_rng(0)
TRAIN = [sketches(RNG.normal(size=(6, 3)), epoch) for epoch in (1, 2)]
TEST = [sketches(RNG.normal(size=(4, 3)), epoch) for epoch in (1, 2)]
GROUPS = np.array([0, 1, 2, 0, 1, 2])
HYDRA = re.compile(r"(influence|sketch|tuning|data)\.\w+|\w+=")


def refused(words: str, error: type[Exception] = ValueError, **changed: object) -> Exception:
    """Trace with some arguments changed, and return the error."""
    given = {"train": TRAIN, "test": TEST, "groups": GROUPS, "k": 2} | changed
    with pytest.raises(error, match=words) as raised:
        trace(**given)
    assert not HYDRA.search(str(raised.value)) or "numpy" in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        ("groups", GROUPS[:5], r"shape \(5,\) for 6 examples"),
        ("groups", np.array(list("abcabc")), r"numbered 0, 1, .* numpy.unique"),
        ("groups", list("abcabc"), "numbered 0, 1"),
        ("groups", GROUPS / 2, "numbered 0, 1"),
        ("groups", GROUPS - 1, "-1 is negative"),
        ("groups", GROUPS * 2, "no example is of group 1"),
        ("groups", GROUPS[:, None], r"shape \(6, 1\)"),
        ("k", 0, "ranking of 0 examples"),
        ("k", -3, "ranking of -3 examples"),
        ("memory_gb", 0, "memory of 0 GB is no bound"),
        ("memory_gb", -1, "memory of -1 GB is no bound"),
        ("memory_gb", float("nan"), "memory of nan GB is no bound"),
        ("memory_gb", float("inf"), "memory of inf GB is no bound"),
        ("memory_gb", 0.0001, "0.0001 GB is too little .* at 2 epochs: they need"),
        ("weights", [1.0], "1 weights for 2 epochs"),
        ("weights", [1.0, -0.5], "-0.5 is negative"),
        ("weights", [1.0, float("nan")], "nan is negative or no number"),
    ],
)
def test_arguments_out_of_their_range_are_refused(argument, value, words):
    assert refused(words, ArgumentError, **{argument: value}).argument == argument


def test_too_little_memory_names_what_would_do():
    error = refused("too little", ArgumentError, memory_gb=0.0001)
    trace(TRAIN, TEST, GROUPS, 2, memory_gb=float(error.instead))
    with pytest.raises(ArgumentError):
        trace(TRAIN, TEST, GROUPS, 2, memory_gb=float(error.instead) - 0.011)
    assert "write influence.memory_gb=" in explain(error, None)
    assert {"memory_gb", "k", "attribution"} <= SWITCHES.keys()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"test": TEST[:1]}, "at 2 epochs and test examples at 1"),
        ({"train": [], "test": []}, "at one or more"),
        ({"train": TRAIN[::-1], "test": TEST[::-1]}, "epochs 2, 1 are not in ascending order"),
        ({"train": TRAIN[:1] * 2, "test": TEST[:1] * 2}, "epochs 1, 1 are not in ascending order"),
        (
            {"train": [TRAIN[0], sketches(RNG.normal(size=(7, 3)), 2)]},
            "training examples are not the same ones at every epoch",
        ),
        (
            {"test": [TEST[0], sketches(RNG.normal(size=(5, 3)), 2)]},
            "test examples are not the same ones at every epoch",
        ),
    ],
)
def test_epochs_that_do_not_fit_are_refused(changed, words):
    refused(words, **changed)


def test_sketches_that_are_not_comparable_are_refused():
    left, right = ([sketches(np.eye(2), seed=seed)] for seed in (0, 1))
    with pytest.raises(ValueError, match=r"not comparable.*seed \(0 and 1\)"):
        trace(left, right, np.array([0, 1]), k=1)
    with pytest.raises(ValueError, match=r"not comparable.*epoch \(1 and 2\)"):
        trace(TRAIN, TEST[::-1], GROUPS, k=1)


@pytest.mark.parametrize("norm", [np.nan, np.inf, 0.0])
def test_rows_without_a_direction_are_refused(norm):
    wrong = Sketches.of(np.eye(4), list("abcd"), {})
    wrong.norms[2] = norm
    right = Sketches.of(np.eye(4), list("efgh"), {})
    for pair in ((wrong, right), (right, wrong)):
        with pytest.raises(ValueError, match="example c has the norm"):
            InnerProducts(*pair)


def test_similarities_of_another_name_are_refused():
    for make in (
        lambda: TracIn(similarity="euclid"),
        lambda: Embedding(similarity="euclid"),
        lambda: InnerProducts(TRAIN[0], TEST[0], "euclid"),
    ):
        with pytest.raises(ValueError, match="no similarity 'euclid'; there are cosine, dot"):
            make()


def test_means_histograms_and_streams_refuse_the_same():
    edges = np.linspace(-1, 1, 5)
    with pytest.raises(ArgumentError, match="test_groups of shape"):
        mean_scores(TRAIN[0], TEST[0], GROUPS)
    with pytest.raises(ArgumentError, match="test_groups"):
        histograms(TRAIN, TEST, GROUPS, np.array(list("abab")), edges)
    with pytest.raises(ArgumentError, match="groups of shape"):
        histograms(TRAIN, TEST, GROUPS[:4], np.arange(4), edges)
    for wrong in (edges[::-1], edges[:1], [0, 1, 3], [0, np.nan, 1]):
        with pytest.raises(ArgumentError, match="evenly spaced in ascending order"):
            histograms(TRAIN, TEST, GROUPS, np.arange(4), wrong)
    with pytest.raises(ValueError, match="no representations"):
        histograms([], [], GROUPS, np.arange(4), edges)
    with pytest.raises(ArgumentError, match="3 weights for 2 epochs"):
        list(score_matrix(TRAIN, TEST, TracIn(), weights=[1, 1, 1]))


def test_ids_and_lengths_of_different_sizes_make_no_embeddings():
    for ids, lengths, words in (
        (["a", "b"], [3, 4, 5], "2 ids and 3 lengths"),
        (["a", "a"], [3, 4], "'a' is there twice"),
        (["a", "b"], [3, 0], "lengths=0"),
        ([], [], "There are no examples"),
    ):
        with pytest.raises(ValueError, match=words):
            Embedding().represent(None, Source(lambda group: None, ids, lengths), 1)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(wrong, monkeypatch):
    scorers = InnerProducts.scorers

    def spoilt(comparison, tests):
        def tile(train):
            score = scorers(comparison, tests)(train)
            return lambda part: np.where(np.eye(4, 6), wrong, score(part)).astype(np.float32)

        return tile

    monkeypatch.setattr(InnerProducts, "scorers", spoilt)
    refused("scores are not finite")
