"""Wrong use of the library is refused in its own words, before anything is computed."""

import re

import numpy as np
import pytest
import torch
from sketch_rows import sketches

from xling.attribution import (
    Embedding,
    InnerProducts,
    Ranking,
    Traces,
    TracIn,
    concatenated,
    histograms,
    mean_scores,
    named,
    reranked,
    score_matrix,
    shortened,
    trace,
)
from xling.cli.mistakes import SWITCH_OF_ARGUMENT, explain
from xling.errors import ArgumentError
from xling.sketch import Sketches, Source

RNG = np.random.default_rng(0)
TRAIN = [sketches(RNG.normal(size=(6, 3)), epoch) for epoch in (1, 2)]
TEST = [sketches(RNG.normal(size=(4, 3)), epoch) for epoch in (1, 2)]
GROUPS = np.array([0, 1, 2, 0, 1, 2])
HYDRA = re.compile(r"(influence|sketch|tuning|data)\.\w+")


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
        ("groups", [[0, 1, 2], [0]], "rows have to be of the same length"),
        ("k", 0, "k=0 is not possible: write a whole number from 1 on"),
        ("k", -3, "k=-3 is not possible"),
        ("k", "5", "k='5' is not possible"),
        ("k", None, "k=None is not possible"),
        ("k", 2.5, "k=2.5 is not possible"),
        ("k", float("nan"), "k=nan is not possible"),
        ("k", True, "k=True is not possible"),
        ("memory_gb", 0, "memory_gb=0 is not possible: write a finite number of gigabytes above 0"),
        ("memory_gb", -1, "memory_gb=-1 is not possible"),
        ("memory_gb", float("nan"), "memory_gb=nan is not possible"),
        ("memory_gb", float("inf"), "memory_gb=inf is not possible"),
        ("memory_gb", 1e300, r"memory_gb=1e\+300 is not possible"),
        ("memory_gb", "2", "memory_gb='2' is not possible"),
        ("memory_gb", None, "memory_gb=None is not possible"),
        ("memory_gb", True, "memory_gb=True is not possible"),
        ("memory_gb", 0.0001, "0.0001 GB is too little .* at 2 epochs: they need"),
        ("weights", [1.0], "1 weights for 2 epochs"),
        ("weights", [1.0, -0.5], "weights=-0.5 is not possible: write finite numbers from 0 on"),
        ("weights", [1.0, float("nan")], "weights=nan is not possible"),
        ("weights", [1.0, float("inf")], "weights=inf is not possible"),
        ("weights", ["1", 1.0], "weights='1' is not possible"),
        ("weights", [None, 1.0], "weights=None is not possible"),
        ("weights", [True, 1.0], "weights=True is not possible"),
        ("weights", [0, 0.0], "All weights are 0: write one or more that are above 0"),
    ],
)
def test_arguments_out_of_their_range_are_refused(argument, value, words):
    assert refused(words, ArgumentError, **{argument: value}).argument == argument


def test_too_little_memory_names_what_would_suffice():
    error = refused("too little", ArgumentError, memory_gb=0.0001)
    trace(TRAIN, TEST, GROUPS, 2, memory_gb=float(error.instead))
    with pytest.raises(ArgumentError):
        trace(TRAIN, TEST, GROUPS, 2, memory_gb=float(error.instead) - 0.011)
    assert "write influence.memory_gb=" in explain(error, None)
    assert {"memory_gb", "k", "attribution"} <= SWITCH_OF_ARGUMENT.keys()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weights": 1.0}, "weights: pass a sequence, such as a list, not a single float"),
        ({"weights": "11"}, "weights='11' is a single string"),
        ({"method": "tracin"}, r"method='tracin' is not possible: .* such as TracIn\(\)"),
        ({"method": ""}, "method='' is not possible"),
        ({"method": TracIn}, "method=TracIn is not possible"),
        ({"train": TRAIN[0]}, "train is a single Sketches: pass a list"),
        ({"test": [[1, 2], [3, 4]]}, "test: the Sketches of a checkpoint are expected, got a list"),
        ({"train": None}, "train=None is not possible"),
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


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TracIn(projection="dense"), "projection='dense' is not a Projection"),
        (lambda: TracIn(projection=None), "projection=None is not a Projection"),
        (lambda: TracIn(skip=3), "skip: pass a sequence"),
        (lambda: TracIn(skip="head.*"), "skip='head.*' is a single string"),
        (lambda: Embedding(module=3), "module=3 is not possible: write the name of a module"),
        (lambda: named("tracin", similarty="dot"), "setting 'similarty'.* mean 'similarity'"),
        (lambda: named(["tracin"]), "no attribution method"),
    ],
)
def test_methods_with_wrong_settings_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("method", [TracIn(), Embedding()])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precison": "int8"}, "no option 'precison' of a pass; .* mean 'precision'"),
        ({"batch_tokens": 0}, "batch_tokens=0 is not possible"),
        ({"groups": "abc"}, "groups='abc' is a single string"),
        ({"groups": ["a"]}, "1 groups: every example"),
        ({"epoch": "one"}, "epoch='one' is not possible"),
        ({"epoch": -1}, "epoch=-1 is not possible"),
    ],
)
def test_passes_with_wrong_options_are_refused(method, options, words):
    model, states = torch.nn.Linear(2, 1), torch.ones(3, 2)
    source = Source(lambda group: model(states[group])[:, 0], list("abc"), [1, 1, 1])
    with pytest.raises(ValueError, match=words):
        method.represent(model, source, **{"epoch": 1} | options)


RANKING = Ranking(np.array([[0, 1]]), np.array([[1.0, 0.5]]))
TRACES = Traces(RANKING, RANKING, np.zeros((1, 1)))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scores": [[1.0, np.nan]]}, "every score has to be finite"),
        ({"scores": [["a", "b"]]}, "scores of shape .* an array of real numbers"),
        ({"scores": None}, "scores=None is not possible"),
        ({"ids": ["a", "a"]}, "'a' is there twice"),
        ({"ids": ["a"]}, "is wanted that is not there; there are 1"),
        ({"wanted": [[0.0, 1.0]]}, "of test example 0, a list or array of integers"),
        ({"wanted": ["ab"]}, "of test example 0, a list or array of integers"),
        ({"wanted": [[]], "scores": [[]]}, "every test example needs one candidate or more"),
        ({"wanted": [[0, 0]]}, "wanted twice of test example 0"),
        ({"k": 1.5}, "k=1.5 is not possible"),
        ({"k": 3}, "k=3 is more than the 2 candidates .* from 1 to 2"),
    ],
)
def test_reranking_refuses_what_does_not_fit(changed, words):
    given = {"wanted": [[0, 1]], "scores": [[1.0, 0.5]], "ids": ["a", "b"], "k": 1}
    assert reranked(TRACES, **given).positive.index.tolist() == [[0]]
    with pytest.raises(ValueError, match=words):
        reranked(TRACES, **given | changed)


def test_traces_that_do_not_fit_are_not_joined():
    with pytest.raises(ValueError, match="no traces to join"):
        concatenated([])
    with pytest.raises(ValueError, match="rankings of one size"):
        concatenated([TRACES, shortened(TRACES, 1)])


def test_a_stream_checks_its_arguments_at_the_call():
    for wrong in ({"memory_gb": 0}, {"weights": [1]}, {"method": "tracin"}):
        with pytest.raises(ValueError):
            score_matrix(TRAIN, TEST, **{"method": TracIn()} | wrong)


def test_means_histograms_and_streams_refuse_the_same():
    edges = np.linspace(-1, 1, 5)
    with pytest.raises(ArgumentError, match="test_groups of shape"):
        mean_scores(TRAIN[0], TEST[0], GROUPS)
    with pytest.raises(ArgumentError, match="test_groups"):
        histograms(TRAIN, TEST, GROUPS, np.array(list("abab")), edges)
    with pytest.raises(ArgumentError, match="groups of shape"):
        histograms(TRAIN, TEST, GROUPS[:4], np.arange(4), edges)
    for wrong in (edges[::-1], edges[:1], [0, 1, 3], [0, np.nan, 1], [-np.inf, np.inf]):
        with pytest.raises(ArgumentError, match="evenly spaced in ascending order"):
            histograms(TRAIN, TEST, GROUPS, np.arange(4), wrong)
    for wrong in (3, np.eye(2), "ab", ["0", "1"], [[0, 1], [2]], None):
        with pytest.raises(ArgumentError, match=r"^edges"):
            histograms(TRAIN, TEST, GROUPS, np.arange(4), wrong)
    with pytest.raises(ValueError, match="train is a single Sketches"):
        histograms(TRAIN[0], TEST[0], GROUPS, np.arange(4), edges)
    with pytest.raises(ValueError, match="train: the Sketches of a checkpoint are expected"):
        mean_scores(TRAIN, TEST, np.arange(4))
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
