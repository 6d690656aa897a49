"""Random examples and rankings for the tests of the analyses."""

import numpy as np

from xling.analysis.example_metadata import Examples
from xling.attribution import Ranking, Traces


def some(count: int, languages: str, parallel: bool = False) -> Examples:
    """Examples of languages in turn; every round of them is one content."""
    names = tuple(languages.split())
    code = np.arange(count) % len(names)
    number = np.arange(count) // len(names)
    ids = tuple(f"{names[c]}{n}" for c, n in zip(code, number, strict=True))
    return Examples(ids, names, code, number % 2, number if parallel else None)


def random_traces(train: Examples, test: Examples, k: int, seed: int) -> Traces:
    """Rankings of any k training examples for each test example."""
    rng = np.random.default_rng(seed)
    rankings = []
    for _ in range(2):
        index = np.stack([rng.permutation(len(train.ids))[:k] for _ in test.ids])
        rankings.append(Ranking(index, np.zeros(index.shape)))
    return Traces(*rankings, rng.normal(size=(len(test.ids), len(train.languages))))
