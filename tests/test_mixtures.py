"""What to fine-tune on again: balanced, reproducible, nested, and never empty or of one class."""

from itertools import pairwise

import numpy as np
import pytest

from xling.evaluation.mixtures import (
    LEVELS,
    again,
    counts,
    full,
    halves,
    kept,
    mixtures,
    numbered,
    without,
)


def rows_of(**sizes: int) -> list[str]:
    """Languages of training examples, mixed up as in a corpus."""
    names = [name for name, size in sizes.items() for _ in range(size)]
    return np.random.default_rng(1).permutation(names).tolist()


def fractions_of(parts) -> np.ndarray:
    return np.array([[fraction for _, fraction in part.fractions] for part in parts])


@pytest.mark.parametrize("languages", [2, 5, 7, 12, 30])
@pytest.mark.parametrize("count", [10, 37, 60])
def test_every_language_has_every_fraction_about_equally_often(languages, count):
    parts = mixtures(rows_of(**{f"l{i}": 8 for i in range(languages)}), count, seed=3)
    fractions = fractions_of(parts)
    assert set(np.unique(fractions)) == set(LEVELS)
    for column in fractions.T:
        often = [(column == level).sum() for level in LEVELS]
        assert min(often) >= count // 10 * 2 - 1 and max(often) <= -(-count // 10) * 2 + 1


@pytest.mark.parametrize(("languages", "largest"), [(2, 0.1), (5, 0.2), (7, 0.25), (30, 0.6)])
def test_languages_hardly_go_together_and_the_total_varies(languages, largest):
    names = rows_of(**{f"l{i}": 8 for i in range(languages)})
    for seed in range(2):
        fractions = fractions_of(mixtures(names, 40, seed))
        together = np.corrcoef(fractions, rowvar=False)[np.triu_indices(languages, 1)]
        assert np.abs(together).max() < largest
        aim = np.std(LEVELS) / np.sqrt(min(languages, 7))  # of independent languages, by hand
        assert 0.9 * aim < fractions.mean(1).std() < 1.15 * aim


def test_a_design_is_reproducible_and_begins_with_the_smaller_one():
    names = rows_of(de=40, en=40, sw=41)
    assert mixtures(names, 25, 0) == mixtures(names, 25, 0)
    assert mixtures(names, 25, 0)[:8] == mixtures(names, 8, 0)
    assert mixtures(names, 25, 0) != mixtures(names, 25, 1)
    assert halves(names, 9, 0)[:4] == halves(names, 4, 0)


def test_parts_hold_the_fraction_that_they_say():
    names = rows_of(de=40, en=10, sw=41)
    parts = [*mixtures(names, 20, 0), *without(names), *full(names, [0, 4])]
    held = counts(kept(parts, 91), names, ["de", "en", "sw"])
    rounded_up = {
        0: [0, 0, 0],
        0.25: [10, 3, 11],
        0.5: [20, 5, 21],
        0.75: [30, 8, 31],
        1: [40, 10, 41],
    }
    for part, found in zip(parts, held, strict=True):
        assert part.rows == tuple(sorted(set(part.rows)))
        asked = [dict(part.fractions)[name] for name in ("de", "en", "sw")]
        assert found.tolist() == [rounded_up[asked[i]][i] for i in range(3)]
    assert [part.seed for part in parts[-2:]] == [0, 4]
    assert (held[20:23] == 0).sum() == 3 and (held[23:] == [40, 10, 41]).all()


def test_a_larger_fraction_contains_the_smaller_ones():
    names = rows_of(de=40, en=40)
    by_fraction = {}
    for part in mixtures(names, 30, 5):
        own = {row for row in part.rows if names[row] == "de"}
        by_fraction.setdefault(dict(part.fractions)["de"], []).append(own)
    for smaller, larger in pairwise(LEVELS):
        assert all(a <= b for a in by_fraction[smaller] for b in by_fraction[larger])


def test_a_translation_goes_with_its_own_language_only():
    """Row i of each language is a translation: which are kept is independent of the others."""
    names = ["de"] * 400 + ["en"] * 400
    part = next(p for p in mixtures(names, 25, 0) if dict(p.fractions) == {"de": 0.5, "en": 0.5})
    inside = kept([part], 800)[0].reshape(2, 400)
    assert 70 < (inside[0] & inside[1]).sum() < 130  # 100 by chance, 200 or 0 if they went along
    # And a language's order does not change with the languages beside it.
    others = ["de"] * 400 + ["sw"] * 400
    rows = {p.rows[:200] for p in mixtures(others, 25, 0) if dict(p.fractions)["de"] == 0.5}
    assert rows == {part.rows[:200]}


def test_no_mixture_is_empty_nor_of_one_class():
    names = rows_of(de=8, en=8)
    for seed in range(6):
        assert all(part.rows for part in mixtures(names, 30, seed))
    labels = [int(name == "de") for name in names]  # a language alone is one class
    for seed in range(2):
        parts = [*mixtures(names, 30, seed, labels=labels), *halves(names, 5, seed, labels=labels)]
        assert all(len({labels[row] for row in part.rows}) == 2 for part in parts)
        alike = [0] * 16  # one class in all the data: nothing to choose
        assert len(mixtures(names, 6, seed, labels=alike)) == 6
    with pytest.raises(ValueError, match="200 random halves of the 2 .* held one class"):
        halves(["de", "de"], 1, 0, labels=[0, 1])


def test_the_same_mixture_is_never_trained_twice_with_one_seed():
    parts = mixtures(rows_of(de=8, en=8), 60, 0, training_seed=7)  # of 24 there are
    assert len({(part.rows, part.seed) for part in parts}) == 60
    assert min(part.seed for part in parts) == 7


def test_a_mixture_that_is_all_data_or_all_but_a_language_is_no_fine_tuning_that_there_is():
    languages = rows_of(de=8, en=8)
    there = [*full(languages, range(3, 6)), *without(languages, 3)]
    parts = [*there, *mixtures(languages, 40, 0, training_seed=3, beside=there)]
    assert len({(part.rows, part.seed) for part in parts}) == len(parts)
    mixed = {part.rows: [] for part in parts}
    for part in parts:
        mixed[part.rows].append(part.seed)
    whole = mixed[there[0].rows]
    assert whole[:3] == [3, 4, 5] and whole[3:] == [*range(6, 3 + len(whole))] != []


def test_halves_are_half_of_each_language():
    names = rows_of(de=40, en=11)
    parts = halves(names, 30, 0)
    inside = kept(parts, 51)
    assert (counts(inside, names, ["de", "en"]) == [20, 6]).all()
    assert len({part.rows for part in parts}) == 30
    assert inside.mean(0).min() > 0.2 and inside.mean(0).max() < 0.85  # every example now and then


def test_repetitions_have_another_seed():
    parts = mixtures(rows_of(de=8, en=8), 40, 0)
    repeated = again([part for part in parts if part.seed == 0], 12, 1)
    assert numbered([*parts[:12], *repeated]).tolist() == [*range(12)] * 2
    assert len({part.rows for part in repeated}) == 12
    assert {part.seed for part in repeated} == {1}
    assert [part.rows for part in repeated] == [part.rows for part in parts if part.seed == 0][:12]
    with pytest.raises(ValueError, match="seed of the repetitions, 0, is that of .* such as"):
        again(parts, 3, 0)
    with pytest.raises(ValueError, match="30 repetitions were asked for of 2[0-9] different"):
        again(parts, 30, 9)


def test_one_language_cannot_be_mixed():
    with pytest.raises(ValueError, match="two languages or more"):
        mixtures(["de"] * 9, 5, 0)
    with pytest.raises(ValueError, match="no training data are left"):
        without(["de"] * 9)
