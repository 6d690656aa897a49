"""Real fine-tunings, measured before. Needs XLING_SHARED, a folder that holds banks/."""

import os
from pathlib import Path

import numpy as np
import pytest

from xling.evaluation.exchange_rates import FineTunings, language_effects
from xling.evaluation.lds import lds, noise_ceiling
from xling.evaluation.mixtures import counts

BANK = Path(os.environ.get("XLING_SHARED", "/nonexistent")) / "banks/sib200-7x150.npz"
pytestmark = pytest.mark.skipif(
    not BANK.is_file(), reason="XLING_SHARED does not name a folder that holds banks/"
)
LANGUAGES = "de en es fr ru sw zh".split()

RATES = {  # of minus the mean loss; test languages' rows, training languages' columns
    "de": [1, 0.81, 0.93, 0.97, 0.90, 0.33, 0.74],
    "en": [1.12, 1, 1.09, 1.04, 1.06, 0.43, 1.03],
    "es": [1.04, 0.83, 1, 0.97, 0.98, 0.31, 0.86],
    "fr": [1.07, 0.90, 1.00, 1, 0.99, 0.38, 0.89],
    "ru": [1.17, 0.92, 1.06, 1.07, 1, 0.40, 0.91],
    "zh": [1.00, 0.91, 0.94, 0.85, 0.91, 0.36, 1],
}


@pytest.fixture(scope="module")
def bank():
    stored = np.load(BANK)
    inside = np.unpackbits(stored["keep"], axis=1, count=1050).astype(bool)
    correct = np.unpackbits(stored["correct"], axis=1, count=1428).astype(float)
    return stored, inside, -stored["loss"].astype(float), correct


@pytest.fixture(scope="module")
def effects(bank):
    stored, inside, outcomes, correct = bank
    mixed = [name.startswith("mix") and name.endswith("s0") for name in stored["fits"]]
    numbers = counts(inside[mixed], stored["language_train"], LANGUAGES)
    means = {}
    for measure, values in (("loss", outcomes), ("accuracy", correct)):
        columns = [values[mixed][:, stored["language_test"] == name].mean(1) for name in LANGUAGES]
        means[measure] = np.stack(columns, axis=1)
    return language_effects(FineTunings(numbers, means, LANGUAGES, LANGUAGES))


def test_exchange_rates_are_those_measured(effects):
    table = effects.exchange_rates.query("law == 'each' and measure == 'loss'")
    rates = table.pivot(index="test_language", columns="train_language", values="rate")
    for name, expected in RATES.items():
        np.testing.assert_allclose(rates.loc[name], expected, atol=0.025)
    assert rates.loc["sw"].isna().all()  # nothing predicts it
    others = table[table["low"].notna()]
    swahili = others["train_language"] == "sw"
    assert (others[swahili]["q_alike"] < 0.05).all() and (others["q_none"] < 0.05).all()
    assert not (others[~swahili]["q_alike"] < 0.05).any()


def test_the_law_of_a_rate_of_each_language_predicts_best(effects):
    laws = effects.laws.set_index(["measure", "test_language", "law"])
    loss = laws.loc["loss"]
    for name in RATES:
        r2 = loss.loc[name]["r2"]
        assert 0.895 < r2["each"] < 0.955 and 0.835 < r2["alike"] < 0.905
        assert r2["own"] < 0.3 and abs(r2["one"] - r2["alike"]) < 0.015
        assert loss.loc[name]["chosen"]["each"]
        assert 0.5 < laws["r2"][("accuracy", name, "each")] < 0.7
    assert loss["chosen"][("sw", "nothing")] and loss["r2"][("sw", "each")] < 0
    overall = effects.overall[effects.overall["chosen"]].set_index("measure")
    assert overall["law"].to_dict() == {"loss": "each", "accuracy": "each"}


@pytest.mark.parametrize(
    ("kind", "example", "language"), [("half", 0.46, 0.35), ("mix", 0.62, 0.86)]
)
def test_noise_ceilings_are_those_measured(bank, kind, example, language):
    stored, _, outcomes, _ = bank
    rows = np.char.startswith(stored["fits"], kind)
    parts = np.char.rpartition(stored["fits"][rows], "-s")[:, 0]
    ceiling = noise_ceiling(outcomes[rows], parts.tolist(), stored["language_test"].tolist())
    assert ceiling is not None and ceiling.subsets == 12
    assert ceiling.example.value == pytest.approx(example, abs=0.006)
    assert ceiling.language.value == pytest.approx(language, abs=0.006)
    assert ceiling.example.low < example < ceiling.example.high


def test_trivial_predictors_score_what_was_measured(bank):
    stored, inside, outcomes, _ = bank
    train, test = stored["language_train"], stored["language_test"]
    for kind, expected in (("mix", (0.56, 0.84, 0.22, 0.38)), ("half", (0, 0, 0, 0))):
        rows = np.array([f.startswith(kind) and f.endswith("s0") for f in stored["fits"]])
        sums = (
            inside[rows].sum(1, keepdims=True),
            inside[rows] @ (train[:, None] == test).astype(float),
        )
        found = [lds(s.astype(float), outcomes[rows], test.tolist(), resamples=50) for s in sums]
        values = [level.value for one in found for level in (one.example, one.language)]
        np.testing.assert_allclose(values, expected, atol=0.012)
