"""Intervals and permutations are those of the seed that is handed in, for every table."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from analysis_cases import random_traces, some

from xling.analysis.change import accuracy_change, change, modularity
from xling.analysis.means import mean_influence
from xling.analysis.permutation import share_p_values
from xling.analysis.scripts import script_table
from xling.analysis.shares import labels, shares
from xling.analysis.subnetwork_sweeps import sft_accuracy
from xling.analysis.sweeps import confidence_changes
from xling.analysis.translations import reinforcing
from xling.analysis.zero_shot import Trained, zero_shot

TRAIN = some(60, "de en fr", parallel=True)
TEST = some(24, "de en fr")
FULL, OTHER = (random_traces(TRAIN, TEST, 9, seed) for seed in (0, 1))
RANDOM = np.random.default_rng(2).random((2, 60)) < 0.5
LANGUAGES = [TEST.languages[code] for code in TEST.language]


def of_zero_shot(seed: int) -> pd.DataFrame:
    names = np.array([TRAIN.languages[code] for code in TRAIN.language])
    full, without = (
        Trained(np.array(TRAIN.ids), names, TRAIN.parallel, traces) for traces in (FULL, OTHER)
    )
    return zero_shot(full, without, LANGUAGES, seed)


def of_confidence_changes(seed: int) -> pd.DataFrame:
    common = {"sign": "+", "k": 50, "control": 0, "before": 0.5}
    after = np.random.default_rng(3).random(9)
    return confidence_changes(
        [{**common, "test_id": f"de{n}", "after": p} for n, p in enumerate(after)], seed
    )


def of_sft_accuracy(seed: int) -> pd.DataFrame:
    masks = {"name": "identified", "apply": "both", "seed": 0, "language": None}
    masks |= {"languages": [], "compose": None}
    runs = {
        tuning: {"subnetwork": masks, "tuning": tuning, "variant": "identified"}
        for tuning in ("full", "sparse")
    }
    correct = pd.DataFrame({"test_id": TRAIN.ids, "language": "de"})
    tables = {
        name: {"correct": correct.assign(subnetwork=right)}
        for name, right in zip(runs, RANDOM, strict=True)
    }
    return sft_accuracy(runs, tables, seed)


TABLES = {
    "shares": lambda seed: shares([FULL], TRAIN, TEST, seed),
    "labels": lambda seed: labels(FULL, TRAIN, TEST, seed),
    "mean_influence": lambda seed: mean_influence([FULL], TRAIN, TEST, seed),
    "reinforcing": lambda seed: reinforcing(FULL, TRAIN, TEST, seed),
    "scripts": lambda seed: script_table(
        FULL, RANDOM[0], {name: {"Latn"} for name in TRAIN.languages}, TRAIN, TEST, seed
    ),
    "subnetwork_change": lambda seed: change(FULL, OTHER, TRAIN, TEST, seed),
    "modularity": lambda seed: modularity(FULL, OTHER, TRAIN, TEST, seed),
    "subnetwork_accuracy": lambda seed: accuracy_change(LANGUAGES * 2, *RANDOM[:, :48], seed),
    "zero_shot": of_zero_shot,
    "confidence_changes": of_confidence_changes,
    "sft_accuracy": of_sft_accuracy,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_intervals_are_of_the_seed_given(table: Callable[[int], pd.DataFrame]):
    first, again, other = (table(seed)[["low", "high"]].to_numpy() for seed in (5, 5, 6))
    assert len(first) and np.isfinite(first).all()
    assert first.tolist() == again.tolist() and first.tolist() != other.tolist()


def test_permutations_are_of_the_seed_given():
    first, again, other = (
        share_p_values(FULL.positive, TRAIN, TEST, seed).tolist() for seed in (5, 5, 6)
    )
    assert first == again != other
