"""Ties: how much of a ranking is decided by the noise of the sketches, or by no difference at all.

A training example is tied with rank k where the two scores differ by no more than the sketches'
noise: one standard deviation of such a difference. Of the tied ones, some stand in the top k and
others do not; the share of a language with ties broken at random is the mean over all such draws.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from xling.analysis.example_metadata import Examples
from xling.analysis.shares import SIGNS, language_shares, ranking
from xling.attribution import Tile, Traces

ROUNDING = 2e-6
"""Scores that differ by less, of the largest, are equal: single precision, in any order of sums."""


@dataclasses.dataclass(frozen=True)
class Band:
    """The training examples around rank k of each test example, of one sign.

    Attributes:
        above: (test, train languages) how many lie above the band: in the top k for certain.
        within: (test, train languages) how many lie within it.
        equal: (test,) how many have the score of rank k itself, which is one of them.
        beyond: (test,) how many lie above that score.
    """

    above: np.ndarray
    within: np.ndarray
    equal: np.ndarray
    beyond: np.ndarray


def bands(
    tiles: Iterable[Tile], traces: Traces, noise: Mapping[str, np.ndarray], train: Examples
) -> dict[str, Band]:
    """Count the training examples around rank k, by sign.

    Args:
        tiles: the scores of all pairs.
        traces: of the summed influence, whose last rank is rank k.
        noise: by sign, (test,) standard deviation of the difference of two scores.
    """
    tests, languages = len(traces.group_mean), len(train.languages)
    onehot = np.eye(languages, dtype=np.float32)[train.language]
    counts = {
        sign: Band(*np.zeros((2, tests, languages)), *np.zeros((2, tests), np.int64))
        for sign in SIGNS
    }
    for tile in tiles:
        for sign, band in counts.items():
            turned = 1 if sign == "+" else -1
            last = turned * ranking(traces, sign).score[tile.test, -1:]
            scores, equal = turned * tile.summed, _rounding(traces)
            wide = np.maximum(noise[sign][tile.test, None], equal)
            band.above[tile.test] += (scores > last + wide) @ onehot[tile.train]
            band.within[tile.test] += (np.abs(scores - last) <= wide) @ onehot[tile.train]
            band.equal[tile.test] += (np.abs(scores - last) <= equal).sum(1)
            band.beyond[tile.test] += (scores > last + equal).sum(1)
    return counts


def joined(parts: Sequence[dict[str, Band]]) -> dict[str, Band]:
    """Join the counts of several sets of test examples, in their order."""
    names = [field.name for field in dataclasses.fields(Band)]
    return {
        sign: Band(*(np.concatenate([getattr(one[sign], name) for one in parts]) for name in names))
        for sign in SIGNS
    }


def _rounding(traces: Traces) -> float:
    ends = [np.abs(ranking(traces, sign).score).max() for sign in SIGNS]
    return ROUNDING * float(max(*ends, 1e-30))


def shares_at_random(band: Band, k: int) -> np.ndarray:
    """Return each language's expected share of the top k with ties broken at random.

    Those above the band count 1; the k minus so many places that are left are dealt to those
    within it, each with the same probability.

    Args:
        k: size of the top-k sets.

    Returns:
        (test, train languages).
    """
    within = band.within.sum(1, keepdims=True)
    left = k - band.above.sum(1, keepdims=True)
    return (band.above + band.within * left / within) / k


def tie_tables(
    counts: Mapping[str, Band],
    traces: Traces,
    noise: Mapping[str, np.ndarray],
    train: Examples,
    test: Examples,
) -> dict[str, pd.DataFrame]:
    """Tabulate ties by test language, and shares with ties broken at random by pair of languages.

    Args:
        counts: from `bands`.
        traces: of the summed influence.
        noise: as there; NaN where it is not known.

    Returns:
        ties: columns sign, test_language, noise (mean standard deviation), within_noise
        (mean share of the top k within the noise of rank k), candidates (mean number of training
        examples there, in the top k or not), by_chance (mean share of the top k that a draw among
        these at random would replace), exact (mean share of the top k whose place only the
        order of the ids decides), test_examples.
        tie_shares: columns sign, test_language, train_language, share, at_random.
    """
    ties, by_pair = [], []
    for sign, band in counts.items():
        ranked = ranking(traces, sign)
        k = ranked.index.shape[1]
        taken, drawn = language_shares(ranked, train), shares_at_random(band, k)
        inside = (k - band.above.sum(1)) / k
        placed = k - band.beyond
        exact = np.where(band.equal > placed, placed, 0) / k
        for language in test.languages:
            mine = test.rows_of(language)
            tied = band.within.sum(1)
            by_chance = inside * (1 - k * inside / tied)
            numbers = (part[mine] for part in (noise[sign], inside, tied, by_chance, exact))
            ties.append((sign, language, *(float(part.mean()) for part in numbers), len(mine)))
            means = zip(train.languages, taken[mine].mean(0), drawn[mine].mean(0), strict=True)
            by_pair += [(sign, language, *row) for row in means]
    columns = "sign test_language noise within_noise candidates by_chance exact test_examples"
    pairs = "sign test_language train_language share at_random"
    return {
        "ties": pd.DataFrame(ties, columns=columns.split()),
        "tie_shares": pd.DataFrame(by_pair, columns=pairs.split()),
    }


def difference_variance(members: np.ndarray, test: np.ndarray, block: int) -> float:
    """Return the variance that a random projection gives to the difference of two scores.

    The inner product of the sketches of a and b, of `block` numbers, has the variance
    (‖a‖² ‖b‖² + ⟨a, b⟩²) / block by a dense projection. A stack of s Kronecker ones of side r, of
    block = s r² numbers, has the same for gradients A and B with nothing in common in either
    factor (AᵀB = 0 = ABᵀ), and more for those that share one: (‖AᵀB‖² + ‖ABᵀ‖² + …) / (s r) comes
    on top, up to r + 2 times the variance where they are of rank one and share one wholly. For
    sums over parameters the norms are those of the whole gradients; for parameters side by side
    the variances add up. What is returned is the first term, with a the difference of two
    members: sketches are linear, so what two gradients have in common is off by the same in both
    scores. For nearly orthogonal cosines it is 2/d.

    Args:
        members: (members, numbers) sketches of training examples that are ranked alike.
        test: (numbers,) that of the test example.
        block: numbers of a block: all, or those of one parameter where these stand side by side.
    """
    starts = np.arange(0, len(test), block)
    spread = np.add.reduceat(members.astype(float).var(0, ddof=1), starts)
    return float(2 * spread @ np.add.reduceat(test.astype(float) ** 2, starts) / block)
