"""Planted truths by the real commands: what each language's data does is known, and is found.

The statistics alone, on outcomes whose law is known, are tested in `test_exchange_rates.py` and
`test_recommend.py`, the influence alone in `test_planted.py`.
"""

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import run_xling
from planted_languages import LEARNING, Planted, evaluated, law_of_all, of_pairs, write

LANGUAGES = ("de", "en", "fr")
BORROWED = {
    "de": Planted("other", "en", noise=True),
    "en": Planted("en", "en"),
    "fr": Planted("fr", "fr"),
}
"""German can be learnt only from English: its own training texts have words that no test has, and
labels at random. French has words of its own."""


@pytest.fixture(scope="module")
def borrowed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("borrowed")
    write(folder, BORROWED)
    return folder


def examples(tables: dict[str, pd.DataFrame], mixture: str) -> dict[str, int]:
    table = tables["recommend_mixtures"].query("mixture == @mixture")
    return dict(zip(table["train_language"], table["examples"], strict=True))


def test_the_language_is_found_that_another_can_be_learnt_from_alone(borrowed):
    effects = evaluated(borrowed, "language_effects", "mixture.fits=12")
    gain, low, high, q = (
        of_pairs(effects["effect_gains"], name) for name in ("gain", "low", "high", "q")
    )
    assert gain.loc["de", "en"] > 0.1 and q.loc["de", "en"] < 0.05, gain
    for other in ("de", "fr"):  # neither its own data nor French bring anything
        assert high.loc["de", other] < low.loc["de", "en"], (low, high)
        assert abs(gain.loc["de", other]) < 0.05, gain
    assert q.loc["de", "de"] > 0.05, q
    for own in ("en", "fr"):
        assert gain.loc[own].idxmax() == own and gain.loc[own, own] > 0.1, gain
        assert (gain.loc[own].drop(own).abs() < 0.05).all(), gain
    # By loss, too, English helps German most, and so do random labels: models are less sure.
    loss = of_pairs(effects["effect_gains"], "gain", "loss").loc["de"]
    assert loss["en"] == loss.max() > 0, loss
    (results,) = borrowed.glob("multirun/planted/*language_effects*/results.json")
    findings = json.loads(results.read_text("utf-8"))["findings"]
    assert "Its own data are not told to help de; what helps it most is en." in findings


@pytest.mark.slow
def test_the_language_is_recommended_that_the_target_can_be_learnt_from_alone(borrowed):
    switches = ("mixture.fits=16", "recommend.target=de", "recommend.measure=accuracy")
    advice = evaluated(borrowed, "recommend", *switches)
    gains = advice["recommend_gains"].set_index("train_language")
    assert gains.index[0] == "en" and (gains["high"].drop("en") < gains["low"]["en"]).all(), gains
    verdicts = advice["recommend_leave_out"].set_index("train_language")["verdict"]
    assert verdicts["en"] == "keep" and (verdicts.drop("en") != "keep").all(), verdicts
    assert examples(advice, "recommended")["en"] == 100  # all that there are
    verified = advice["recommend_verified"].set_index("mixture")
    balanced, own = verified.loc["balanced"], verified.loc["target"]
    best = verified.loc["recommended"]
    assert best["observed"] > balanced["observed"] + 0.05 > own["observed"] + 0.1, verified
    assert abs(best["observed"] - best["predicted"]) < 0.1, verified
    apart = advice["recommend_differences"].query("asked").set_index("against")
    assert apart["told"].to_dict() == {"balanced": "better", "target": "better"}, apart


METHODS = ("tracin", "tracin_dot", "preconditioned", "embedding", "bm25", "same_language", "random")


@pytest.mark.slow
def test_methods_that_must_find_the_language_that_was_learnt_from_do(borrowed):
    command = ("--multirun", f"influence={','.join(METHODS)}")
    done = run_xling(*LEARNING, *command, folder=borrowed)
    assert done.returncode == 0, done.stdout + done.stderr
    scores = pd.DataFrame({name: mean_scores(borrowed, name) for name in METHODS}).T
    ranks = scores.rank(axis=1, ascending=False)["en"].astype(int).to_dict()
    recorded = f"rank of English for German, by mean score: {ranks}\n{scores.round(3)}"
    print(recorded)
    # BM25 sees the words that are shared, and whitening takes off what all gradients have in
    # common. Of the others the ranks are recorded: cosines rank French as high as English.
    assert ranks["bm25"] == ranks["preconditioned"] == 1, recorded
    others = scores.loc["preconditioned"].drop("en")
    assert scores.loc["preconditioned", "en"] > 2 * others.max(), recorded
    assert ranks["same_language"] > 1, recorded  # no control sees it


def mean_scores(folder: Path, method: str) -> pd.Series:
    """Return the mean score of each training language's examples for German test examples."""
    for file in folder.glob("multirun/planted/*/tables/mean_influence.parquet"):
        results = json.loads((file.parents[1] / "results.json").read_text("utf-8"))
        settings = results["config"]["influence"]
        name = "tracin_dot" if settings["similarity"] == "dot" else "tracin"
        if method == (name if settings["method"] == "tracin" else settings["method"]):
            table = pd.read_parquet(file).query("epoch == 0 and test_language == 'de'")
            return table.set_index("train_language")["mean"]
    raise AssertionError(f"no run by {method}")


@pytest.mark.slow
def test_the_method_that_finds_it_also_predicts_fine_tunings_better_than_any_control(borrowed):
    switches = ("faithfulness.subsets=16", "faithfulness.again=4")
    tables = evaluated(borrowed, "faithfulness", *switches)
    scores = tables["faithfulness"].query("level == 'example'").set_index("method")
    beats = tables["faithfulness_beats"].query("level == 'example'")
    told = beats[beats["beats"]].groupby("method")["control"].nunique().to_dict()
    recorded = f"{scores[['lds', 'low', 'high', 'beyond']].round(2)}\ncontrols beaten: {told}"
    print(recorded)
    assert told.get("preconditioned") == 4, recorded
    assert scores["beyond_low"]["preconditioned"] > 0, recorded
    for control in ("same_language", "count"):  # halves have as many examples of each language
        assert scores["lds"][control] == 0 and scores["constant"][control] == 300, recorded


@pytest.mark.slow
def test_where_all_languages_share_their_words_all_data_count_alike(tmp_path):
    write(tmp_path, dict.fromkeys(LANGUAGES, Planted("words", "words")), label_words=80)
    tables = evaluated(tmp_path, "language_effects", "mixture.fits=20")
    for measure in ("loss", "accuracy"):
        law, r2 = law_of_all(tables, measure)
        assert law == "alike" and r2 > 0.6, tables["effect_overall"]
    gains = of_pairs(tables["effect_gains"], "gain")
    assert (gains > 0).all(None), gains
    rates = tables["exchange_rates"].query("law == 'each'")
    assert not (rates["q_alike"] < 0.05).any() and (rates["q_none"].dropna() < 0.05).all(), rates


@pytest.mark.slow
def test_a_language_of_random_labels_can_be_left_out_and_is_never_recommended(tmp_path):
    noise = {"fr": Planted("words", "words", noise=True)}
    write(tmp_path, dict.fromkeys(LANGUAGES, Planted("words", "words")) | noise)
    switches = ("mixture.fits=16", "recommend.measure=accuracy")
    tables = evaluated(tmp_path, "recommend", *switches)
    verdicts = tables["recommend_leave_out"].set_index("train_language")["verdict"]
    assert verdicts.to_dict() == {"de": "keep", "en": "keep", "fr": "leave out"}
    gains = tables["recommend_gains"].set_index("train_language")
    assert gains.index[-1] == "fr" and gains["high"]["fr"] < 0.02, gains
    assert gains["low"].drop("fr").min() > gains["high"]["fr"], gains
    assert examples(tables, "recommended")["fr"] == 0
    verified = tables["recommend_verified"].set_index("mixture")["observed"]
    assert verified["recommended"] > verified["balanced"] + 0.05, verified
    effects = evaluated(tmp_path, "language_effects", "mixture.fits=16")
    high, q = (of_pairs(effects["effect_changes"], name) for name in ("high", "q"))
    assert (high["fr"] < 0).all() and (q["fr"] < 0.01).all(), q  # it harms all, and itself
    assert (q.drop(columns="fr") > 0.5).all(None), q
    (results,) = tmp_path.glob("multirun/planted/*language_effects*/results.json")
    findings = " ".join(json.loads(results.read_text("utf-8"))["findings"])
    assert "The data of fr harm: with all of them, accuracy is " in findings


@pytest.mark.slow
def test_where_each_language_has_words_of_its_own_only_its_own_data_count(tmp_path):
    write(tmp_path, {language: Planted(language, language) for language in LANGUAGES})
    tables = evaluated(tmp_path, "language_effects", "mixture.fits=12")
    for measure in ("loss", "accuracy"):
        law, r2 = law_of_all(tables, measure)
        assert law == "own" and r2 > 0.6, tables["effect_overall"]
    rates = tables["exchange_rates"].query("law == 'one' and train_language != test_language")
    assert (rates["rate"] < 0.2).all(), rates
    assert not (rates.query("measure == 'accuracy'")["q_none"] < 0.05).any(), rates
