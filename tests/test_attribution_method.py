"""The interface of attribution methods: nothing that uses it depends on gradients."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import encoded
from sketch_rows import sketches

from xling.attribution import (
    Embedding,
    ExactMethod,
    TracIn,
    histograms,
    mean_scores,
    named,
    score_matrix,
    tiled_means,
    trace,
)
from xling.attribution.tiles import compared
from xling.errors import ArgumentError
from xling.sketch import Projection, Sketches, Source
from xling.subnetwork import gated_by_group
from xling.tasks import Classification
from xling.training.batches import Collator
from xling.training.sketches import source


@dataclasses.dataclass(frozen=True)
class SameWord:
    """A toy method: 1 if two examples' words are the same, else -1/(1 + the words' distance).

    It is no inner product, its score is not the mean of means, and it reads no gradient.
    """

    words: tuple[int, ...]

    def represent(self, model, examples, epoch, **options):
        rows = np.array([[self.words[int(name)], 1] for name in examples.ids], np.float32)
        return Sketches.of(rows, list(examples.ids), {"epoch": epoch})

    def compare(self, train, test):
        return Words(train, test)


@dataclasses.dataclass(frozen=True)
class Words:
    train: Sketches
    test: Sketches
    dimensions: int = 2

    @property
    def train_ids(self):
        return self.train.ids

    @property
    def test_ids(self):
        return self.test.ids

    def scorers(self, tests):
        right = words_of(self.test)[tests]

        def scorer(tile):
            left = words_of(self.train)[tile]
            return lambda part: toy_scores(right[part], left)

        return scorer

    def mean_scores(self, test_groups):
        return tiled_means(self, test_groups)


def words_of(sketches):
    return np.rint(sketches.units(0, len(sketches))[:, 0] * sketches.norms).astype(int)


def toy_scores(right, left):
    apart = np.abs(right[:, None] - left)
    return np.where(apart == 0, 1, -1 / (1 + apart)).astype(np.float32)


def test_a_method_without_gradients_goes_through_all_that_uses_the_interface():
    rng = np.random.default_rng(0)
    words = tuple(rng.integers(0, 9, 5000).tolist())
    method = SameWord(words)

    def represented(rows, epoch):
        names = [str(row) for row in rows]
        return method.represent(None, Source(lambda group: None, names, [1] * len(names)), epoch)

    train = [represented(range(4600), epoch) for epoch in (1, 2)]
    test = [represented(range(4600, 5000), epoch) for epoch in (1, 2)]
    scores = toy_scores(np.array(words[4600:]), np.array(words[:4600]))
    groups, test_groups = np.arange(4600) % 3, np.arange(400) % 2
    options = {"method": method, "weights": [1.0, 0.5]}
    summed, *epochs = trace(train, test, groups, 5, **options)
    assert len(epochs) == 2
    by_id = np.argsort(np.argsort([str(row) for row in range(4600)]))
    order = np.stack([np.lexsort((by_id, -row)) for row in scores])
    np.testing.assert_array_equal(summed.positive.index, order[:, :5])
    np.testing.assert_allclose(summed.group_mean[:, 1], 1.5 * scores[:, 1::3].mean(1), rtol=1e-5)
    np.testing.assert_allclose(epochs[1].group_mean[:, 2], scores[:, 2::3].mean(1), rtol=1e-5)
    edges = np.linspace(-1, 2, 31) + 0.01
    counts = histograms(train, test, groups, test_groups, edges, **options)
    expected, _ = np.histogram(1.5 * scores[1::2, 2::3], edges)
    np.testing.assert_array_equal(counts[1, 2], expected)
    means = mean_scores(train[0], test[0], test_groups, method)
    np.testing.assert_allclose(means[:, 1], scores[1::2].mean(0), rtol=1e-5)
    assert not isinstance(method, ExactMethod) and isinstance(TracIn(), ExactMethod)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize("memory", [2.0, 0.05])
def test_the_streamed_scores_are_those_of_a_dense_product(similarity, memory):
    rng = np.random.default_rng(0)
    left = [rng.normal(size=(2100, 20)) for _ in range(2)]
    right = [rng.normal(size=(600, 20)) for _ in range(2)]
    stream = score_matrix(
        [sketches(rows, epoch) for epoch, rows in enumerate(left)],
        [sketches(rows, epoch) for epoch, rows in enumerate(right)],
        TracIn(similarity=similarity),
        weights=[1.0, 0.25],
        memory_gb=memory,
    )
    summed, epochs = np.full((600, 2100), np.nan), np.full((2, 600, 2100), np.nan)
    for tile in stream:
        assert np.isnan(summed[tile.test, tile.train]).all()  # every pair once
        summed[tile.test, tile.train] = tile.summed
        epochs[:, tile.test, tile.train] = tile.epochs
        tile.summed[:] = 0  # the arrays are the caller's
    if similarity == "cosine":
        left, right = (
            [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in side]
            for side in (left, right)
        )
    dense = np.stack([b @ a.T for a, b in zip(left, right, strict=True)])
    np.testing.assert_allclose(epochs, dense, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(summed, dense[0] + 0.25 * dense[1], rtol=1e-4, atol=1e-5)


def test_means_by_tiles_are_those_of_the_mean_rows():
    rng = np.random.default_rng(0)
    train, test = sketches(rng.normal(size=(2500, 8))), sketches(rng.normal(size=(300, 8)))
    groups = np.arange(300) % 4
    (comparison,) = compared([train], [test], TracIn())
    np.testing.assert_allclose(
        tiled_means(comparison, groups, memory_gb=0.03), comparison.mean_scores(groups), atol=1e-6
    )


def test_a_method_is_found_by_its_name_and_takes_the_settings_that_it_has():
    settings = {"projection": Projection(4), "similarity": "dot", "skip": ("head.*",)}
    assert named("tracin", **settings) == TracIn(Projection(4), "dot", ("head.*",))
    assert named("embedding", **settings) == Embedding(similarity="dot")
    with pytest.raises(ArgumentError, match="no attribution method tracn.*Did you mean 'tracin'"):
        named("tracn")


def gated_source(model, tokenizer, gates=None):
    collate = Collator(tokenizer, ("de", "en", "fr"))
    return source(model, Classification(), encoded(30), collate, gates)


def by_hand(model, tokenizer, gates=None):
    """The activation after the tanh of the head's hidden layer, one example at a time."""
    collate = Collator(tokenizer, ("de", "en", "fr"))
    states = []
    with torch.no_grad():
        for example in encoded(30):
            batch = collate([example])
            with gated_by_group(model, gates, batch["languages"]):
                state = model.encoder(**batch["inputs"]).last_hidden_state[:, 0]
            states.append(torch.tanh(state @ model.head.hidden.weight.T + model.head.hidden.bias))
    return torch.cat(states).numpy()


@pytest.mark.parametrize("gated", [False, True])
def test_an_embedding_is_the_state_after_the_tanh_of_the_head(make_model, tokenizer, gated):
    model = make_model()
    gates = torch.tensor([[1, 0, 1, 1], [0, 1, 1, 0]]).bool().expand(3, 2, 4) if gated else None
    expected = by_hand(model, tokenizer, gates)
    model.train()  # dropout stays out of it, and the mode is given back
    made = Embedding().represent(
        model, gated_source(model, tokenizer, gates), 1, precision="float32", batch_tokens=40
    )
    assert model.training and model.head.dropout.training
    rows = made.units(0, 30) * made.norms[:, None]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-6)
    assert made.ids == encoded(30)["id"] and made.metadata.settings["epoch"] == 1


def test_scores_of_embeddings_are_cosines_of_states_summed_over_the_checkpoints(
    make_model, tokenizer
):
    method, models = Embedding(), [make_model(), make_model()]
    with torch.no_grad():
        models[1].head.hidden.weight.add_(torch.randn(32, 32, generator=torch.manual_seed(1)) / 9)
    made = [
        method.represent(model, gated_source(model, tokenizer), epoch, precision="float32")
        for epoch, model in enumerate(models, start=1)
    ]
    dense = np.zeros((30, 30))
    for model in models:
        states = by_hand(model, tokenizer)
        states /= np.linalg.norm(states, axis=1, keepdims=True)
        dense += states @ states.T
    (tile,) = score_matrix(made, made, method)
    np.testing.assert_allclose(tile.summed, dense, atol=1e-5)
    with pytest.raises(ValueError, match="not comparable"):
        list(score_matrix(made[:1], made[1:], method))


def test_a_stopped_pass_of_embeddings_resumes_at_the_next_block(make_model, tokenizer, tmp_path):
    model = make_model()
    examples = gated_source(model, tokenizer)
    options = {"block_rows": 8, "batch_tokens": 30}
    whole = Embedding().represent(model, examples, 1, folder=tmp_path / "a", **options)

    def until_block_2(group):
        if 17 in group:
            raise KeyboardInterrupt
        return examples.losses(group)

    part = Source(until_block_2, examples.ids, examples.lengths)
    with pytest.raises(KeyboardInterrupt):
        Embedding().represent(model, part, 1, folder=tmp_path / "b", **options)
    again = []

    def watched(group):
        again.extend(group)
        return examples.losses(group)

    rest = Source(watched, examples.ids, examples.lengths)
    made = Embedding().represent(model, rest, 1, folder=tmp_path / "b", **options)
    shortest = min(range(30), key=examples.lengths.__getitem__)
    assert set(again) - {shortest} <= set(range(16, 30))
    np.testing.assert_array_equal(made.units(0, 30), whole.units(0, 30))
    half = [
        Embedding().represent(model, examples, 1, folder=tmp_path / "c", share=(rank, 2), **options)
        for rank in (0, 1)
    ]
    np.testing.assert_array_equal(half[1].units(0, 30), whole.units(0, 30))


def test_modules_without_one_vector_an_example_are_refused(make_model, tokenizer):
    model = make_model()
    examples = gated_source(model, tokenizer)
    with pytest.raises(ValueError, match=r"no module head\.nothing"):
        Embedding("head.nothing").represent(model, examples, 1)
    with pytest.raises(ValueError, match="one vector for each"):
        Embedding("encoder.encoder.layer.0.output.dense").represent(model, examples, 1)
    with torch.no_grad():
        model.head.hidden.weight.zero_()
    with pytest.raises(ValueError, match=r"hidden state of example \w+ is zero"):
        Embedding().represent(model, examples, 1)
