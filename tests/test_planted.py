"""A planted truth: which language was learnt from is known, and must be recovered."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from xling.analysis.example_metadata import Examples
from xling.analysis.permutation import with_significance
from xling.analysis.shares import shares
from xling.attribution import trace
from xling.sketch import Projection, sketch_examples

# Words and label words of each language: a's training examples hold nothing to learn their random
# labels from, and its test examples are made of b's words. b and c share no word.
WORDS = {"a": (range(20, 28), None), "b": (range(6, 14), (4, 5)), "c": (range(30, 38), (50, 51))}
LENGTH = 8


def texts(language: str, count: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    words, marks = WORDS[language]
    labels = rng.integers(2, size=count)
    ids = rng.choice(np.array(words), (count, LENGTH))
    if marks:
        ids[np.arange(count), rng.integers(LENGTH, size=count)] = np.array(marks)[labels]
    ids = np.concatenate([np.zeros((count, 1), int), ids], axis=1)
    return torch.tensor(ids), torch.tensor(labels)


def losses(model, ids, labels):
    def losses_of(rows):
        inputs = {"input_ids": ids[rows], "attention_mask": torch.ones_like(ids[rows])}
        return cross_entropy(model(**inputs), labels[rows], reduction="none")

    return losses_of


def test_the_language_that_was_learnt_from_has_the_largest_share(make_model):
    rng = np.random.default_rng(0)
    model, size = make_model(), 120
    parts = [texts(language, size, rng) for language in "abc"]
    ids, labels = (torch.cat(values) for values in zip(*parts, strict=True))
    tests = [texts(language, 20, rng) for language in "bbc"]  # a's are made of b's words
    test_ids, test_labels = (torch.cat(values) for values in zip(*tests, strict=True))
    train_losses, test_losses = losses(model, ids, labels), losses(model, test_ids, test_labels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    left, right = [], []
    for epoch in range(1, 6):
        model.train()
        for rows in torch.tensor(rng.permutation(len(ids))).split(16):
            optimizer.zero_grad()
            train_losses(rows).mean().backward()
            optimizer.step()
        projection = Projection(16, stack=4)
        for sketches, split_losses, name in (
            (left, train_losses, "train"),
            (right, test_losses, "test"),
        ):
            names = [f"{name}{i}" for i in range(len(ids) if name == "train" else len(test_ids))]
            sketches.append(
                sketch_examples(
                    model, split_losses, names, [LENGTH + 1] * len(names), projection, epoch
                )
            )
    with torch.no_grad():
        model.eval()
        inputs = {"input_ids": test_ids, "attention_mask": torch.ones_like(test_ids)}
        assert (model(**inputs).argmax(-1) == test_labels).float().mean() > 0.95  # it learnt
    code = np.repeat([0, 1, 2], size)
    train = Examples(tuple(left[0].ids), ("a", "b", "c"), code, labels.numpy(), None)
    test = Examples(
        tuple(right[0].ids), ("a", "b", "c"), np.repeat([0, 1, 2], 20), test_labels.numpy(), None
    )
    traces = trace(left, right, code, k=30)
    table = with_significance(shares(traces, train, test), traces[0], train, test)
    positive = table[(table.epoch == 0) & (table.sign == "+")]
    share = positive.pivot(index="test_language", columns="train_language", values="share")
    assert share.loc["a"].idxmax() == "b" and share.loc["a", "b"] > 2 / 3
    assert share.loc["b"].idxmax() == "b" and share.loc["c"].idxmax() == "c"
    for one, other in (("b", "c"), ("c", "b")):
        assert share.loc[one, other] <= 1 / 3
    q_values = positive.set_index(["test_language", "train_language"]).q
    assert q_values["a", "b"] < 0.05 and q_values["c", "c"] < 0.05
