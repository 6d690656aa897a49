"""Draws are seeded, nested and disjoint, and do not depend on what does not concern them."""

import numpy as np
import pytest
from conftest import config

from xling.config import Config
from xling.data.corpus import draw_splits
from xling.data.rows import Row
from xling.data.sampling import Quota, allot, largest_imbalance, permutation, quotas_by_source
from xling.errors import UserError

IDS = [str(number) for number in range(50)]
SHARED = "data.splits={train: dev, dev: dev, test: test}"


def pools(languages: str = "de en fr", reverse: bool = False) -> dict:
    ids = IDS[::-1] if reverse else IDS
    return {
        source: {
            language: {
                row_id: Row(row_id, 0, f"{language} {row_id}", "b", "f", 1) for row_id in ids
            }
            for language in languages.split()
        }
        for source in ("train", "dev", "test")
    }


def small(*more: str, task: str = "xnli") -> Config:
    sizes = [f"data.{split}_per_language=10" for split in ("train", "dev", "test")]
    return config(f"task={task}", "languages=[de,en,fr]", *sizes, *more)


def drawn(settings: Config, **options: object) -> dict[str, dict[str, list[str]]]:
    splits = draw_splits(settings, quotas_by_source(settings), pools(**options))
    return {
        split: {language: [row.id for row in rows] for language, rows in by_language.items()}
        for split, by_language in splits.items()
    }


def test_parallel_tasks_have_one_draw_for_all_languages() -> None:
    for by_language in drawn(small()).values():
        assert by_language["de"] == by_language["en"] == by_language["fr"]
        assert len(set(by_language["de"])) == 10


def test_other_tasks_have_a_draw_per_language() -> None:
    together = drawn(small(task="marc"))["train"]
    assert together["de"] != together["en"]
    alone = drawn(small("languages=[fr,de]", task="marc"), languages="de fr")["train"]
    assert alone["de"] == together["de"]
    assert alone["fr"] == together["fr"]


@pytest.mark.parametrize("task", ["xnli", "marc"])
def test_seed_changes_the_draw_and_order_of_the_files_does_not(task: str) -> None:
    assert drawn(small(task=task)) == drawn(small(task=task), reverse=True)
    assert drawn(small(task=task)) != drawn(small("seed=1", task=task))


@pytest.mark.parametrize("task", ["xnli", "marc"])
def test_excluded_language_is_tested_only_and_changes_nothing_for_others(task: str) -> None:
    full, without = drawn(small(task=task)), drawn(small("exclude=fr", task=task))
    assert list(without["train"]) == list(without["dev"]) == ["de", "en"]
    assert without["test"] == full["test"]
    for split in ("train", "dev"):
        assert without[split] == {language: full[split][language] for language in ("de", "en")}


def test_imbalance_is_nested_and_touches_one_language() -> None:
    def imbalanced(per_cent: int) -> dict[str, dict[str, list[str]]]:
        return drawn(small(f"imbalance={per_cent}", "imbalance_language=en", SHARED))

    none, some, more = imbalanced(0), imbalanced(25), imbalanced(100)
    assert len(some["train"]["en"]) == 12  # round(10 * 25 / 100) = 2 more
    assert len(more["train"]["en"]) == 20
    assert more["train"]["en"][:12] == some["train"]["en"]
    assert some["train"]["en"][:10] == none["train"]["en"]
    assert some["train"]["de"] == none["train"]["de"]
    assert none["dev"] == some["dev"] == more["dev"]
    assert not set(more["train"]["en"]) & set(more["dev"]["en"])


def test_splits_of_one_source_are_disjoint_and_stay_when_training_grows() -> None:
    all_one = "data.splits={train: dev, dev: validation, test: dev}"  # two names of one split
    smaller = drawn(small(all_one))
    sets = [set(smaller[split]["de"]) for split in ("train", "dev", "test")]
    assert len(set.union(*sets)) == 30
    larger = drawn(small(all_one, "data.train_per_language=30"))
    assert (larger["dev"], larger["test"]) == (smaller["dev"], smaller["test"])
    assert larger["train"]["de"][:10] == smaller["train"]["de"]
    rest = drawn(small(all_one, "data.train_per_language=null"))
    assert len(rest["train"]["de"]) == 30


def test_null_takes_all_rows() -> None:
    splits = drawn(small("data.test_per_language=null"))
    assert sorted(splits["test"]["de"]) == sorted(IDS)


def test_sources_have_streams_of_their_own() -> None:
    splits = drawn(small())
    assert splits["train"]["de"] != splits["dev"]["de"] != splits["test"]["de"]


def test_permutation_is_uniform_in_its_first_position() -> None:
    first = [int(permutation(IDS[:10], seed, "train")[0]) for seed in range(2000)]
    counts = np.bincount(first, minlength=10)
    assert np.abs(counts - 200).max() < 5 * np.sqrt(200 * 0.9)


def test_permutation_stays_the_same() -> None:
    """A run is repeated by its seed: no version may draw otherwise."""
    assert permutation([str(n) for n in range(8)], 0, "train") == list("36470152")


def test_too_little_data_is_reported_with_what_there_is() -> None:
    with pytest.raises(UserError) as caught:
        drawn(small("data.train_per_language=45", SHARED))
    for part in ("has 50 usable rows", "train 45 + dev 10", "data.train_per_language"):
        assert part in str(caught.value)
    with pytest.raises(
        UserError, match=r"imbalance=90 needs 27 rows beyond(.|\n)*imbalance=68 at most"
    ):
        drawn(small("data.train_per_language=30", "imbalance=90"))
    drawn(small("data.train_per_language=30", "imbalance=68"))


@pytest.mark.parametrize(("size", "left"), [(30, 20), (3, 1), (7, 0), (2000, 490), (1, 5), (40, 1)])
def test_largest_imbalance_is_the_largest(size: int, left: int) -> None:
    fitting = [p for p in range(1000) if round(size * p / 100) <= left]
    assert largest_imbalance(size, left) == max(fitting)


def test_numbers_that_are_needed_are_asked_for() -> None:
    with pytest.raises(UserError, match=r"data\.dev_per_language=null: dev shares .* with train"):
        quotas_by_source(small(SHARED, "data.dev_per_language=null"))
    with pytest.raises(UserError, match="imbalance=25 needs data.train_per_language"):
        quotas_by_source(small("imbalance=25", "data.train_per_language=null"))


def test_allot_leaves_nothing_over_or_twice() -> None:
    draws = allot(IDS, [Quota("train", None), Quota("dev", 7), Quota("test", 5)], 0, "here")
    assert len(draws["train"]) == 38
    assert sorted(sum(draws.values(), [])) == sorted(IDS)
