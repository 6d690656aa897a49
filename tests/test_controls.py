"""Controls, which look at no model, and BM25: scores that can be written down."""

import math
from collections import Counter

import bm25s
import numpy as np
import pytest
from conftest import LANGUAGES, config, encoded

from xling.attribution import ExactMethod, mean_scores, named, score_matrix, trace
from xling.attribution.spelled import keep, numbers_of
from xling.config.checks import APPLIES_TO
from xling.errors import ArgumentError, UserError
from xling.pipeline.paths import named_paths
from xling.report.methods import words_of
from xling.sketch import Sketches, Source
from xling.tasks import Classification
from xling.training.batches import Collator
from xling.training.sketches import method_of, source

CONTROLS = ("same_language", "same_label", "count", "random")
NO_MODEL = (*CONTROLS, "bm25")


def refuse(group):
    raise AssertionError("the model is not to be run")


def examples(count, name="a", seed=0, **known) -> Source:
    """Examples of three languages and two labels, of random tokens."""
    rng = np.random.default_rng(seed)
    words = [
        rng.zipf(1.4, size=rng.integers(1, 30)).clip(0, 250_000).tolist() for _ in range(count)
    ]
    values = {
        "languages": rng.choice(["de", "zh-Hant", "español"], count).tolist(),
        "labels": rng.choice(["0", "11"], count).tolist(),
        "tokens": lambda group: [words[index] for index in group],
    }
    lengths = [len(row) for row in words]
    return Source(refuse, [f"{name}{i}" for i in range(count)], lengths, **values | known)


def scores(method, train, test, memory_gb=2.0, folder=None, **options) -> np.ndarray:
    """Return (test, train) scores of one representation."""
    sides = [method.represent(None, side, 1, **options) for side in (train, test)]
    made = np.full((len(test.ids), len(train.ids)), np.nan)
    for tile in score_matrix(*([side] for side in sides), method, memory_gb=memory_gb):
        made[tile.test, tile.train] = tile.summed
    return made


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_same_language_same_label_and_count_are_zeros_and_ones(precision):
    train, test = examples(2500), examples(300, "b", 1)
    for name, words in (("same_language", "languages"), ("same_label", "labels")):
        made = scores(named(name), train, test, 0.01, precision=precision)
        ours, theirs = getattr(test, words), getattr(train, words)
        expected = [[float(one == other) for other in theirs] for one in ours]
        np.testing.assert_array_equal(made, expected)
    np.testing.assert_array_equal(scores(named("count"), train, test), np.ones((300, 2500)))


def test_random_scores_follow_the_seed_and_the_ids_but_no_order():
    train, test = examples(2100), examples(300, "b")
    made = scores(named("random"), train, test)
    assert -1 <= made.min() < -0.999 and 0.999 < made.max() <= 1
    assert abs(made.mean()) < 0.01 and abs(made.var() - 1 / 3) < 0.01
    assert len(np.unique(made)) > 0.95 * made.size
    for axis in (0, 1):  # neither an example nor a test example has scores of its own
        assert np.abs(made.mean(axis)).max() < 6 / math.sqrt(3 * made.shape[axis])
        assert np.abs(np.corrcoef(made[:20] if axis else made[:, :20].T) - np.eye(20)).max() < 0.3
    order = np.random.default_rng(0).permutation(2100)
    shuffled = Source(refuse, [train.ids[i] for i in order], [1] * 2100)
    np.testing.assert_array_equal(scores(named("random"), shuffled, test), made[:, order])
    few = Source(refuse, train.ids[:5], [1] * 5)
    np.testing.assert_array_equal(scores(named("random"), few, test), made[:, :5])
    other = scores(named("random", seed=1), train, test)
    assert abs(np.corrcoef(other.ravel(), made.ravel())[0, 1]) < 0.01
    again = scores(named("random"), test, train)  # which side an example is on makes a difference
    assert abs(np.corrcoef(again.T.ravel(), made.ravel())[0, 1]) < 0.01
    assert method_of(config("influence=random", "seed=3")).seed == 3


def test_equal_scores_are_not_ranked_by_ids_that_tell_the_language():
    languages = np.repeat(["de", "en", "fr", "zh"], 500)
    ids = [f"{language}{index}" for index, language in enumerate(languages)]
    train = Source(refuse, ids, [1] * 2000, languages=languages.tolist())
    method = named("count")
    sides = [method.represent(None, side, 1) for side in (train, examples(3, "b"))]
    (summed, _) = trace(*([side] for side in sides), np.arange(2000) % 2, 400, method=method)
    counts = Counter(languages[summed.positive.index[0]])
    assert all(70 < counts[language] < 130 for language in "de en fr zh".split())


def bm25_by_hand(train, test, k1=1.5, b=0.75) -> np.ndarray:
    """The formula, pair by pair."""
    texts = train.tokens(range(len(train.ids)))
    containing = Counter(word for text in texts for word in set(text))
    mean = sum(map(len, texts)) / len(texts)
    made = np.zeros((len(test.ids), len(texts)))
    for row, query in enumerate(test.tokens(range(len(test.ids)))):
        for column, text in enumerate(texts):
            for word in query:
                times, n = text.count(word), containing[word]
                rarity = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
                length = k1 * (1 - b + b * len(text) / mean)
                made[row, column] += rarity * times / (times + length)
    return made


@pytest.mark.parametrize("settings", [{}, {"k1": 0.9, "b": 0.4}, {"b": 0}, {"b": 1.0}])
def test_bm25_is_the_formula_and_what_the_library_computes(settings):
    train, test = examples(200), examples(30, "b", 1)
    made = scores(named("bm25", **settings), train, test)
    np.testing.assert_allclose(made, bm25_by_hand(train, test, **settings), rtol=1e-5, atol=1e-6)
    library = by_the_library(train, test, **settings)
    np.testing.assert_allclose(made, library, rtol=1e-5, atol=1e-6)


def by_the_library(train, test, **settings) -> np.ndarray:
    """(test, train) scores; it takes words, as it mistakes numbers that are not consecutive."""
    library = bm25s.BM25(**settings)
    texts = [list(map(str, text)) for text in train.tokens(range(len(train.ids)))]
    library.index(texts, show_progress=False)
    queries = test.tokens(range(len(test.ids)))
    return np.stack([library.get_scores(list(map(str, query))) for query in queries])


def test_bm25_in_tiles_is_bm25_at_once():
    train, test = examples(5000), examples(300, "b", 1)
    made = scores(named("bm25"), train, test, memory_gb=0.02)
    np.testing.assert_allclose(made, by_the_library(train, test), rtol=1e-5, atol=1e-6)
    groups = np.arange(300) % 3
    sides = [named("bm25").represent(None, side, 1) for side in (train, test)]
    means = mean_scores(*sides, groups, named("bm25"))
    np.testing.assert_allclose(means[:, 2], made[2::3].mean(0), rtol=1e-4)


def test_texts_without_tokens_score_nothing():
    train = Source(
        refuse, list("abc"), [1, 3, 1], tokens=lambda g: [[[], [5, 5, 7], []][i] for i in g]
    )
    test = Source(refuse, list("xy"), [1, 1], tokens=lambda g: [[[7], []][i] for i in g])
    made = scores(named("bm25"), train, test)
    np.testing.assert_array_equal(made > 0, [[False, True, False], [False, False, False]])
    nothing = Source(refuse, list("abc"), [1] * 3, tokens=lambda g: [[] for _ in g])
    assert not scores(named("bm25"), nothing, nothing).any()
    for wrong in ({"k1": -1}, {"b": 1.5}, {"b": "0"}, {"k1": math.inf}):
        with pytest.raises(ArgumentError, match=f"{next(iter(wrong))}=.* is not possible"):
            named("bm25", **wrong)


def test_numbers_come_back_as_they_were_and_a_stopped_pass_resumes(tmp_path):
    rng = np.random.default_rng(0)
    wanted = [rng.integers(0, 2**21, rng.integers(0, 128)).tolist() for _ in range(50)]
    source = Source(refuse, [str(index) for index in range(50)], [1] * 50)

    def until(last):
        def numbers(group):
            if group[0] >= last:
                raise KeyboardInterrupt
            return [wanted[index] for index in group]

        return numbers

    options = {"folder": tmp_path, "block_rows": 20, "precision": "int8"}
    with pytest.raises(KeyboardInterrupt):
        keep(source, until(20), 128, "x", 1, **options)
    made = keep(source, lambda g: [wanted[i] for i in g], 128, "x", 1, **options)
    for sketches in (made, Sketches.read(tmp_path)):
        kept = numbers_of(sketches, slice(7, 50))
        assert [row.tolist() for row in kept] == wanted[7:]
    with pytest.raises(ValueError, match="from 0 to 2,097,151 are possible"):
        keep(source, lambda g: [[2**21]] * len(g), 1, "x", 1)
    with pytest.raises(ArgumentError, match="representation"):
        left = keep(source, lambda g: [()] * len(g), 0, "language", 1)
        named("same_label").compare(left, keep(source, lambda g: [()] * len(g), 0, "label", 1))


def test_what_is_not_known_of_examples_is_said():
    source = Source(refuse, ["a"], [1])
    for name, what in (
        ("same_language", "languages"),
        ("same_label", "labels"),
        ("bm25", "tokens"),
    ):
        with pytest.raises(ArgumentError, match=rf"needs the {what} .* Source\(\.\.\., {what}="):
            named(name).represent(None, source, 1)
    with pytest.raises(ValueError, match="1 ids and 1 lengths and 2 languages"):
        Source(refuse, ["a"], [1], languages=["de", "en"])
    with pytest.raises(ValueError, match="labels: strings are expected"):
        Source(refuse, ["a"], [1], labels=[3])
    with pytest.raises(ValueError, match="no option 'precison'"):
        named("count").represent(None, source, 1, precison="int8")


def test_a_run_knows_languages_labels_and_tokens_of_its_examples(make_model, tokenizer):
    rows = encoded(20)
    made = source(make_model(), Classification(), rows, Collator(tokenizer, LANGUAGES))
    assert made.languages == rows["language"][:]
    assert made.labels == [str(label) for label in rows["label"]]
    (tokens,) = made.tokens([3])
    assert tokens == rows[3]["input_ids"][1:-1]  # without what marks the ends


@pytest.mark.parametrize("name", NO_MODEL)
def test_methods_without_a_model_refuse_what_has_no_effect_on_them(name):
    chosen, plain = config(f"influence={name}"), config()
    assert not chosen.influence.gradients and not chosen.influence.checkpoints
    paths = named_paths(chosen, {})
    assert paths.tuning == named_paths(plain, {}).tuning
    assert paths.sketches.startswith(f"{name}-") and paths.run.name.startswith(f"tiny-{name}-")
    assert not isinstance(named(name), ExactMethod)
    others = {
        "rerank": "5", "weights": "learning_rate", "parameters": "[head.*]", "similarity": "dot",
        "damping": "1", "method": "dense", "combine": "concat", "seed": "1", "twin": "true",
        "skip": "[head.*]", "precision": "bf16", "store": "int8",
            "moments": "adamw", "fit_examples": "10",
    }  # fmt: skip
    for group, settings in APPLIES_TO.items():
        for key in settings:
            with pytest.raises(UserError, match=rf"{group}.{key}=.*influence={name}"):
                config(f"influence={name}", f"{group}.{key}={others[key]}")


@pytest.mark.parametrize("name", CONTROLS)
def test_the_report_says_that_a_control_is_one(name):
    words = words_of(name)
    assert "this run is a control, which looks at no model" in words.reading
    assert "control" in words.scores and "control" in words.most and "control" in words.mean
    assert not words.when
