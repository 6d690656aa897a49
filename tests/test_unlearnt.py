"""Fine-tunings that have learnt nothing are counted, and what then may help is said."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xling.analysis.unlearnt import (
    FINE_TUNINGS,
    at_chance,
    beside_chance,
    epochs_at_chance,
    unlearnt_doubts,
)
from xling.pipeline import retrain

LANGUAGES = ("de", "en", "sw")
TESTS = [name for name in LANGUAGES for _ in range(100)]


def retrainings(accuracies: list[tuple[float, ...]], steps: list[int], kind="mixture"):
    rows = [
        (number, kind, taken, language, accuracy)
        for number, (own, taken) in enumerate(zip(accuracies, steps, strict=True), 1)
        for language, accuracy in zip(LANGUAGES, own, strict=True)
    ]
    table = pd.DataFrame(rows, columns="retraining kind steps test_language accuracy".split())
    return beside_chance(table, TESTS, np.array([0, 1] * 150), 2)


def test_accuracy_is_tested_against_chance_or_the_most_frequent_class():
    table = pd.DataFrame({"test_language": ["de", "en"], "accuracy": [0.62, 0.75]})
    labels = np.array([0] * 70 + [1] * 30 + [0, 1] * 50)
    languages = ["en"] * 100 + ["de"] * 100
    p = beside_chance(table, languages, labels, 2).set_index("test_language")["p"]
    assert p["de"] == pytest.approx(stats.binom.sf(61, 100, 0.5))
    assert p["en"] == pytest.approx(stats.binom.sf(74, 100, 0.7))
    four = beside_chance(table[:1], ["de"] * 100, np.array([0, 1, 2, 3] * 25), 4)
    assert four["p"].item() == pytest.approx(stats.binom.sf(61, 100, 0.25))


def test_one_language_that_is_learnt_is_enough_and_chance_has_as_many_tries_as_languages():
    table = retrainings([(0.5, 0.51, 0.8), (0.5, 0.6, 0.5), (0.5, 0.63, 0.5)], [9, 9, 9])
    assert 0.05 / 3 < table["p"][4] < 0.05  # 60 of 100 would do for a single language
    assert at_chance(table) == [2]


NONE, SOME = (0.5, 0.5, 0.5), (0.5, 0.9, 0.5)


def test_few_steps_are_warned_of_where_many_fine_tunings_have_learnt_nothing():
    few = retrainings([NONE] * 3 + [SOME] * 17, [4, 12, 8] + [48] * 17)
    (doubt,) = unlearnt_doubts(few)
    assert doubt["code"] == FINE_TUNINGS
    assert doubt["sentence"] == (
        "3 of 20 fine-tunings on parts of the data have learnt nothing that shows: their accuracy "
        "is not told from chance in any language, after up to 12 steps. Where steps are too few to "
        "learn, any language’s data seem to help, by their steps: mixture.steps=equal gives each "
        "fine-tuning as many as all data take."
    )
    assert unlearnt_doubts(retrainings([NONE] + [SOME] * 19, [4] + [48] * 19)) == []
    assert unlearnt_doubts(retrainings([SOME] * 20, [4] * 20)) == []
    assert unlearnt_doubts(few.drop(columns="p")) == []  # of an earlier version


def test_what_may_help_depends_on_what_is_wrong():
    def advice(*given, **more) -> str:
        return unlearnt_doubts(retrainings(*given, **more))[0]["sentence"].split(". ")[1]

    equal = advice([NONE] * 3 + [SOME] * 3, [48] * 6)
    assert equal.startswith("Their data may be too few: data.train_per_language")
    every = advice([NONE] * 6, [48, 24, 12] * 2)
    assert every.startswith("Little can be told from these: raise tuning.epochs")
    assert advice([NONE] * 3 + [SOME] * 3, [24] * 6, kind="half") == every


def test_what_verifies_a_recommendation_is_judged_by_itself():
    mixtures = retrainings([SOME] * 40, [48] * 40)
    kinds = ["recommended"] * 3 + ["balanced"] * 3 + ["target"] * 3

    def verifying(outcomes) -> pd.DataFrame:
        table = retrainings(outcomes, [24] * 9)
        return table.assign(
            retraining=table["retraining"] + 40,
            kind=[kinds[number - 1] for number in table["retraining"]],
        )

    def told(outcomes) -> list[str]:
        table = pd.concat([mixtures, verifying(outcomes)], ignore_index=True)
        return [doubt["sentence"] for doubt in unlearnt_doubts(table)]

    assert told([NONE] * 9) == [
        "9 of 9 fine-tunings that verify the recommendation have learnt nothing that shows: their "
        "accuracy is not told from chance in any language, after up to 24 steps. Whether it holds "
        "cannot be told from these: raise recommend.total, tuning.epochs or tuning.learning_rate."
    ]
    (some,) = told([SOME] * 3 + [NONE] + [SOME] * 2 + [NONE] * 3)
    assert some.startswith("4 of 9 fine-tunings that verify the recommendation have learnt nothing")
    assert "They are 1 of 3 balanced, 3 of 3 target; with more steps (tuning.epochs)" in some
    assert told([SOME] * 9) == []


def test_epochs_until_something_is_learnt_in_any_language_are_counted():
    labels, languages = np.array([0, 1] * 100), np.repeat(["de", "en"], 100)

    def counted(*accuracies: tuple[float, float], labels: np.ndarray = labels) -> int:
        by_language = [dict(zip(("de", "en"), pair, strict=True)) for pair in accuracies]
        return epochs_at_chance(by_language, languages, labels, 2)

    assert counted((0.5, 0.5), (0.5, 0.55), (0.5, 0.8), (0.5, 0.5)) == 2
    assert counted((0.9, 0.9), (0.5, 0.5)) == 0
    assert counted((0.5, 0.4), (0.4, 0.5)) == 2
    # p of 59 of 100 is 0.044 by itself, and of 62 it is 0.010: times two languages.
    assert counted((0.59, 0.5), (0.62, 0.5)) == 1
    most = np.array(([0] * 80 + [1] * 20) * 2)
    assert counted((0.8, 0.8), labels=most) == 1  # the most frequent class
    assert epochs_at_chance([{}], [], np.array([], dtype=int), 2) == 0


@pytest.mark.parametrize("mixtures", [True, False])
@pytest.mark.parametrize(("steps", "few"), [([6, 12, 12, 48], 3), ([13, 48] * 8, 0)])
def test_too_few_steps_are_warned_of_before_the_first_of_them(steps, few, mixtures):
    corpus = {"dev": {"label": [0, 1] * 50, "language": ["de"] * 100}}
    inputs = SimpleNamespace(corpus=corpus, encoded={"train": range(90)})
    tuning = SimpleNamespace(batch_size=16)
    task = SimpleNamespace(classes=("a", "b"), parallel=False)
    history = [{"languages": {"de": accuracy}} for accuracy in (0.5, 0.56, 0.9)]
    model = SimpleNamespace(
        inputs=inputs,
        config=SimpleNamespace(tuning=tuning, task=task),
        history=history,
        kept=3,
    )
    kinds = {"full", "mixture"} if mixtures else {"half"}
    warnings = retrain.few_steps(model, steps, kinds)  # two epochs of six steps told nothing
    assert len(warnings) == bool(few)
    assert all(f"WARNING: {few} of 4 take 12 steps or fewer" in text for text in warnings)
    assert all(("mixture.steps=equal" in text) == mixtures for text in warnings)
    assert all(("raise tuning.epochs" in text) != mixtures for text in warnings)
    checks = retrain.few_steps(model, steps, {"recommended", "random", "matched"})
    assert all("raise tuning.epochs or recommend.total" in text for text in checks)
    model.kept = 2  # the model on all data has not learnt: the run has warned of that
    assert retrain.few_steps(model, steps, kinds) == []
