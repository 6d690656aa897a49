"""What a page says of fine-tunings on parts of the data: the law in words, and methods' worth."""

import dataclasses

import pandas as pd
import pytest
from conftest import config

from xling.report.charts import effects as effects_charts
from xling.report.sections import faithfulness, language_effects
from xling.report.sections.checked import scored_by
from xling.report.sections.harms import harm_sentences
from xling.report.sweep_results import evaluation_tables
from xling.report.tables import RunTables

LANGUAGES = ["de", "en", "sw"]


def laws(chosen: dict[str, str], r2: float = 0.9) -> pd.DataFrame:
    rows = [
        ("accuracy", language, law, 3, 20, 20, r2 if law == which else 0.1, 0.8, law == which, "")
        for language, which in chosen.items()
        for law in ("nothing", "alike", "own", "one", "separate", "each")
    ]
    columns = "measure test_language law parameters fits parts r2 rho chosen why".split()
    return pd.DataFrame(rows, columns=columns)


def overall(law: str, measure: str = "accuracy", r2: float = 0.9) -> pd.DataFrame:
    rows = [(measure, "nothing", 2, -0.1, law == "nothing"), (measure, law, 2, r2, True)]
    table = pd.DataFrame(rows, columns="measure law languages r2 chosen".split())
    return table.drop_duplicates("law", keep="last")


def effects(chosen: dict[str, str], rates: dict[tuple[str, str], float]) -> RunTables:
    """Return the tables of a run whose languages follow these laws, with these rates."""
    rate_rows = [
        ("accuracy", test, train, rate, rate - 0.1, rate + 0.1, law, 0.001, 0.001)
        for (test, train), rate in rates.items()
        for law in ("one", "each")
    ]
    columns = "measure test_language train_language rate low high law q_alike q_none".split()
    agreement = pd.DataFrame(
        [
            ("accuracy", "mean influence", "other languages", 0.43, 0.2, 6),
            ("accuracy", "mean influence", "all", 0.9, 0.001, 9),
        ],
        columns="measure influence pairs rho p points".split(),
    )
    most = max(set(chosen.values()), key=[*chosen.values()].count)
    gain_rows = [("accuracy", *pair, rate / 10, "each", 0.001) for pair, rate in rates.items()]
    gain_columns = "measure test_language train_language gain law q".split()
    tables = {
        "effect_gains": pd.DataFrame(gain_rows, columns=gain_columns),
        "effect_overall": overall(most),
        "effect_laws": laws(chosen),
        "exchange_rates": pd.DataFrame(rate_rows, columns=columns),
        "effect_agreement": agreement,
        "retrainings": pd.DataFrame({"retraining": [1, 1, 2, 2, 3]}),
    }
    return RunTables(tables, LANGUAGES, "xnli", "")


RATES = {
    (test, train): 1.0 if test == train else {"de": 0.9, "en": 1.1, "sw": 0.3}[train]
    for test in LANGUAGES
    for train in LANGUAGES
}


def test_a_law_of_few_languages_is_said_of_these_alone():
    run = effects({"de": "own", "en": "nothing", "sw": "nothing"}, RATES)
    run.tables["effect_overall"] = overall("own")
    first, nothing, *_ = language_effects.sentences(run)
    assert "judged by accuracy, of de alone: only a language’s own data counts" in first
    assert nothing.startswith("Nothing predicts en and sw")


@pytest.mark.parametrize(
    ("law", "sentence"),
    [
        ("own", "only a language’s own data counts; no other adds to it"),
        ("alike", "whose data it is does not matter, only how much there is"),
        ("one", "an example of any other language is worth 0.90–1.10 of an own one"),
        ("separate", "the languages’ data do not stand in for one another"),
        ("each", "An example of sw is worth 0.30 own ones, the least, and one of en 1.10, the"),
    ],
)
def test_the_law_that_predicts_best_is_said_in_words(law, sentence):
    run = effects({"de": law, "en": law, "sw": "nothing"}, RATES)
    first, nothing, agreement = language_effects.sentences(run)
    assert first.startswith("In 3 fine-tunings on parts of the data, judged by accuracy: ")
    assert sentence in first and "cross-validated R² 0.90" in first
    assert nothing == "Nothing predicts sw: neither how much data nor whose."
    assert "the 6 pairs of different languages" in agreement and "ρ = 0.43" in agreement


def test_it_is_said_how_many_rates_are_told_from_nothing_and_from_an_own_example():
    run = effects(dict.fromkeys(LANGUAGES, "each"), RATES)
    rates = run.tables["exchange_rates"]
    others = rates.query("law == 'each' and test_language != train_language").index
    rates.loc[others[:2], "q_none"] = 0.05  # not below it
    rates.loc[others[1:], "q_alike"] = 0.2
    first, _ = language_effects.sentences(run)
    assert first.endswith("Of 6 such rates, 4 are told from 0 and 1 from 1 (q < 0.05).")
    run = effects(dict.fromkeys(LANGUAGES, "one"), RATES)
    first, _ = language_effects.sentences(run)
    assert first.endswith("Of 3 such rates, 3 are told from 0 and 3 from 1 (q < 0.05).")
    run = effects(dict.fromkeys(LANGUAGES, "alike"), RATES)
    assert "such rates" not in language_effects.sentences(run)[0]


def test_laws_that_predict_practically_as_well_are_said_in_the_same_breath():
    run = effects({"de": "separate", "en": "separate", "sw": "separate"}, RATES)
    (clear, *_) = language_effects.sentences(run)
    assert clear.endswith("each adds something of its own (cross-validated R² 0.90).")
    near = pd.DataFrame(
        [("accuracy", "alike", 2, 0.88, False), ("accuracy", "each", 2, 0.89, False)],
        columns=run.tables["effect_overall"].columns,
    )
    known = run.tables["effect_overall"].assign(as_good=False)
    run.tables["effect_overall"] = pd.concat([known, near.assign(as_good=True)])
    (tied, *_) = language_effects.sentences(run)
    assert tied == (
        f"{clear} The law each predicts practically as well (R² 0.89): it matters whose data it "
        "is. An example of sw is worth 0.30 own ones, the least, and one of en 1.10, the most. The "
        "law alike predicts practically as well (R² 0.88): whose data it is does not matter, only "
        "how much there is. Print separate, each and alike with their R²: these fine-tunings "
        "hardly tell them apart."
    )
    run.tables["effect_overall"] = known
    assert language_effects.sentences(run)[0] == clear
    assert "as_good" in language_effects.of_run(run)["overall"]["columns"]


def test_rates_in_own_examples_that_help_nothing_are_not_told():
    rates = RATES | {("de", "en"): 250.0, ("de", "sw"): 80.0}
    run = effects(dict.fromkeys(LANGUAGES, "each"), rates)
    gains = run.tables["effect_gains"].set_index(["test_language", "train_language"])
    assert "250" in language_effects.sentences(run)[0]  # as long as they help
    gains.loc[("de", "de"), "q"] = 0.4
    run.tables["effect_gains"] = gains.reset_index()
    first, own, _ = language_effects.sentences(run)
    assert "An example of sw is worth 0.30 own ones, the least, and one of en 1.10" in first
    assert own == "No effect of its own data on de is told; what helps it most is en."
    gains["q"] = [0.4 if test == train else 0.001 for test, train in gains.index]
    run.tables["effect_gains"] = gains.reset_index()
    first, own, _ = language_effects.sentences(run)
    assert first.endswith("it matters whose data it is (cross-validated R² 0.90).")
    assert own.startswith("No effect of its own data is told on de (helped most by en), en (")


def test_several_languages_whose_own_data_bring_nothing_are_told_in_one_sentence():
    run = effects(dict.fromkeys(LANGUAGES, "each"), RATES | {("sw", "en"): 0.9})
    gains = run.tables["effect_gains"]
    own = gains["test_language"] == gains["train_language"]
    run.tables["effect_gains"] = gains.assign(q=own.map({True: 0.4, False: 0.001}))
    assert language_effects.sentences(run)[1] == (
        "No effect of its own data is told on de (helped most by en), en (helped most by de) and "
        "sw (helped most by any other)."
    )


def test_laws_for_which_there_are_too_few_fine_tunings_are_named():
    run = effects(dict.fromkeys(LANGUAGES, "alike"), RATES)
    laws = run.tables["effect_laws"].set_index("law")
    laws.loc["each", "why"] = "needs 64 different parts of the data, there are 51"
    run.tables["effect_laws"] = laws.reset_index()
    assert (
        "Laws for which there are too few fine-tunings (mixture.fits): each needs 64 different "
        "parts of the data, there are 51. So whether one language’s data is worth more than "
        "another’s is not told."
    ) in language_effects.sentences(run)


def test_where_own_data_make_it_worse_no_rate_is_said_to_be_worth_anything():
    run = effects(dict.fromkeys(LANGUAGES, "one"), RATES)
    own = "test_language == train_language and test_language != 'de'"
    gains = run.tables["effect_gains"]
    gains.loc[gains["test_language"] != "de", "gain"] *= -1
    first, bare, _ = language_effects.sentences(run)
    assert "of an own one (cross" in first and "Of 1 such rate" in first  # of German alone
    assert bare == "No good of own data is told, so no rates in units of it: en and sw."
    gains.loc[gains.eval(own), "gain"] *= -1
    gains.loc[gains.eval(own), "q"] = 0.06
    assert bare in language_effects.sentences(run)
    gains.loc[gains.eval(own), "q"] = 0.04
    assert "Of 3 such rates" in language_effects.sentences(run)[0]


def test_data_that_harm_are_told_in_a_sentence_and_a_table():
    run = effects(dict.fromkeys(LANGUAGES, "alike"), RATES)
    columns = "measure test_language train_language change low high q".split()
    rows = [
        ("loss", "de", "sw", -0.1, -0.2, -0.05, 0.001),
        ("loss", "en", "sw", -0.25, -0.3, -0.2, 0.001),
        ("accuracy", "de", "sw", -0.02, -0.03, -0.01, 0.01),
        ("accuracy", "en", "sw", -0.01, -0.03, 0.01, 0.3),
        ("accuracy", "en", "de", 0.2, 0.1, 0.3, 1.0),
    ]
    run.tables["effect_changes"] = pd.DataFrame(rows, columns=columns)
    assert (
        "The data of sw harm: with all of them, loss is 0.100 to 0.250 higher for de and en and "
        "accuracy is 0.020 lower for de (q < 0.05)."
    ) in language_effects.sentences(run)
    told = language_effects.of_run(run)
    assert [row[2] for row in told["harms"]["rows"]] == ["sw"] * 3
    by_loss = pd.DataFrame([*rows[:2], *((*row[:-1], 0.3) for row in rows[2:])], columns=columns)
    alone = RunTables({"effect_changes": by_loss}, LANGUAGES, "xnli", "")
    assert harm_sentences(alone) == [
        "The data of sw harm by loss alone: with all of them, loss is 0.100 to 0.250 higher for de "
        "and en (q < 0.05); accuracy is not told to be lower."
    ]
    assert len(told["changes"]["rows"]) == 5
    del run.tables["effect_changes"]  # of an earlier version
    assert language_effects.of_run(run)["harms"] is None


def test_rates_fit_into_the_cells_of_many_languages():
    names = [f"l{number}" for number in range(30)]
    columns = "test_language train_language rate low high q_alike q_none".split()
    rates = (0.25, 9.94, 17.2, 250.0, *[1.0] * 26)
    rows = [("l0", name, rate, 0.0, 1.0, 0.5, 0.5) for name, rate in zip(names, rates, strict=True)]
    chart = effects_charts.rates_matrix(pd.DataFrame(rows, columns=columns), names).to_dict()
    (printed,) = (rows[0]["printed"] for rows in chart["datasets"].values() if "weak" in rows[0])
    assert printed[:4] == ["0.2", "10", "17", ">99"]


def test_languages_with_another_law_than_all_together_are_named():
    run = effects({"de": "own", "en": "own", "sw": "each"}, RATES)
    assert "Taken alone, another law does better for sw (each)." in language_effects.sentences(run)
    (sentence, _) = language_effects.sentences(effects({"de": "nothing"}, RATES))
    assert "nothing predicts any language" in sentence


def test_the_measure_that_is_predicted_better_leads():
    both = pd.concat([overall("own"), overall("alike", "loss", 0.95)])
    run = RunTables({"effect_overall": both}, LANGUAGES, "xnli", "")
    assert language_effects.lead(run) == "loss"
    run = RunTables({"effect_overall": overall("own")}, LANGUAGES, "xnli", "")
    assert language_effects.lead(run) == "accuracy"


def test_rates_that_are_not_told_from_nothing_are_not_bold():
    rates = effects({"de": "each"}, RATES).tables["exchange_rates"].query("law == 'each'")
    rates = rates.assign(q_none=[0.5, 0.01, None] * 3)
    rows = effects_charts.rates_matrix(rates, LANGUAGES).to_dict()["datasets"].values()
    (weak,) = ([row["weak"] for row in table] for table in rows if "weak" in table[0])
    assert weak == [[False, False, True], [True, False, True], [True, False, False]]


def scores(**lds: float) -> RunTables:
    """Return the tables of a run whose methods have these scores; `dot` beats all controls."""
    rows = [
        (name, level, value, value - 0.05, value + 0.05, 0, 100, 40, value / 2, 0.0, 1.0)
        for name, value in {**lds, "noise ceiling": 0.46}.items()
        for level in ("example", "language")
    ]
    columns = "method level lds low high constant tests subsets beyond beyond_low beyond_high"
    beats = [
        (name, control, level, lds[name], 0.0, 1.0, 0.01, 0.01, name == "dot")
        for name in lds
        for control in ("count", "random")
        for level in ("example", "language")
    ]
    beats_columns = "method control level difference low high p q beats".split()
    tables = {
        "faithfulness": pd.DataFrame(rows, columns=columns.split()),
        "faithfulness_beats": pd.DataFrame(beats, columns=beats_columns),
        "faithfulness_languages": pd.DataFrame(
            {"method": ["dot"], "test_language": ["de"], "lds": [0.4]}
        ),
    }
    return RunTables(tables, LANGUAGES, "xnli", "")


def test_the_best_method_is_named_with_the_ceiling_and_what_it_beats():
    example, language = faithfulness.sentences(scores(dot=0.3, cosine=0.1))
    assert example == (
        "In 40 fine-tunings on random halves, dot predicts each test example’s loss best: linear "
        "datamodelling score 0.30 (0.25 to 0.35; noise ceiling 0.46, 0.41 to 0.51), and 0.15 "
        "beyond counts of labels and languages. Better than every control (count and random): dot."
    )
    assert "each test language’s mean loss" in language


def test_a_score_that_is_not_told_from_nothing_or_below_a_control_is_not_the_best():
    example, _ = faithfulness.sentences(scores(dot=0.04))
    assert example.startswith(
        "In 40 fine-tunings on random halves, no method is shown to predict each test example’s "
        "loss; the highest is dot’s linear datamodelling score 0.04 (−0.01 to 0.09; noise ceiling"
    )
    run = scores(dot=0.3, count=0.35)
    beats = run.tables["faithfulness_beats"]
    run.tables["faithfulness_beats"] = beats[beats["method"] == "dot"].assign(beats=False)
    example, _ = faithfulness.sentences(run)
    assert "dot predicts each test example’s loss best: " in example
    assert example.endswith(
        "The control count has 0.35. No method is told from all controls (count and random)."
    )


def test_where_no_method_beats_the_controls_that_is_said():
    example, _ = faithfulness.sentences(scores(cosine=0.1))
    assert example.endswith("No method is told from all controls (count and random).")


def test_a_run_quotes_what_its_own_method_is_worth():
    text = faithfulness.of_method(scores(dot=0.3, cosine=0.1).tables, "cosine")
    assert text.startswith("in 40 fine-tunings on random halves, these scores predicted each test ")
    assert "loss with ρ = 0.10 (noise ceiling 0.46, 0.41 to 0.51), 0.05 beyond counts" in text


def test_scores_by_other_moments_are_not_taken_for_those_that_were_looked_at():
    plain = config("influence=preconditioned").influence
    recorded = scored_by(dataclasses.asdict(plain))
    assert recorded == scored_by({**dataclasses.asdict(plain), "fit_examples": 1000})
    other = config("influence=preconditioned", "influence.moments=adafactor").influence
    few = config("influence=ekfac", "influence.fit_examples=50").influence
    ekfac = config("influence=ekfac").influence
    assert (
        len({recorded, *(scored_by(dataclasses.asdict(one)) for one in (other, few, ekfac))}) == 4
    )
    earlier = dataclasses.asdict(plain)
    del earlier["moments"], earlier["fit_examples"]
    assert scored_by(earlier) == recorded


def test_halves_that_have_learnt_nothing_are_told_on_the_page():
    run = scores(dot=0.3)
    assert faithfulness.of_run(run)["doubts"] == []
    columns = "retraining kind steps test_language accuracy p".split()
    rows = [(number, "half", 4, "de", 0.5, 0.5) for number in range(1, 9)]
    run.tables["retrainings"] = pd.DataFrame(rows, columns=columns)
    (doubt,) = faithfulness.of_run(run)["doubts"]
    assert doubt.startswith("8 of 8 fine-tunings on parts of the data have learnt nothing")


def dropped(**differences: tuple[float, float]) -> RunTables:
    """Return the tables of a run: per method what is lost, against random and matched examples."""
    rows = [
        (name, against, test, 40, 1.0, value, value - 0.01, value + 0.01, 0.02, 0.03, value > 0.01)
        for name, pair in differences.items()
        for against, value in zip(("random", "matched"), pair, strict=True)
        for test in ("all", "de")
    ]
    columns = "method against test_language dropped alike difference low high p q beats".split()
    run = scores(**dict.fromkeys(differences, 0.3))
    run.tables["faithfulness_dropped"] = pd.DataFrame(rows, columns=columns).assign(fits=2)
    return run


def test_what_is_lost_without_the_first_examples_is_said_of_the_best_method():
    *_, sentence = faithfulness.sentences(dropped(dot=(0.021, 0.018), cosine=(0.015, -0.004)))
    assert sentence == (
        "Without the 40 examples that dot ranks first for all test examples, the loss is 0.021 "
        "higher than without random examples (0.011 to 0.031, q = 0.030) and 0.018 higher than "
        "without others of the same language and label (0.008 to 0.028, q = 0.030); 2 fine-tunings "
        "of each. Told from both controls: dot."
    )
    *_, sentence = faithfulness.sentences(dropped(cosine=(0.015, -0.004)))
    assert "and 0.004 lower than without others of the same language and label (" in sentence
    assert sentence.endswith("No method is told from both controls; from random examples: cosine.")
    *_, sentence = faithfulness.sentences(dropped(cosine=(0.005, -0.004)))
    assert sentence.endswith("No method is told from either control.")
    assert len(faithfulness.sentences(scores(dot=0.3))) == 2  # of an evaluation without


def test_what_is_lost_is_drawn_of_all_test_examples_together():
    run = dropped(cosine=(0.015, -0.004), dot=(0.02, 0.018))
    *_, figure = faithfulness.figures(run)
    assert figure.name == "faithfulness_dropped"
    (rows,) = (
        table
        for table in faithfulness.dropped_chart(run.tables["faithfulness_dropped"])
        .to_dict()["datasets"]
        .values()
        if "method" in table[0]
    )
    assert len(rows) == 4 and {row["others"] for row in rows} == {
        "random examples",
        "same language and label",
    }


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_evaluations_with_and_without_anything_left_out_share_a_page(order):
    pair = [
        dataclasses.replace(dropped(dot=(0.02, 0.01)), title="drop=0.01"),
        dataclasses.replace(scores(dot=0.3), title="drop=0"),
    ]
    tables = evaluation_tables({"faithfulness": pair[order]})
    assert set(tables["faithfulness_dropped"]["switches"]) == {"drop=0.01"}
    assert set(tables["faithfulness"]["switches"]) == {"drop=0.01", "drop=0"}


def test_influence_that_does_not_order_the_pairs_is_not_said_to():
    def said(*rows: tuple[str, float, float]) -> str:
        table = pd.DataFrame(rows, columns=["influence", "rho", "p"])
        (text,) = language_effects._agreement_sentence(
            table.assign(pairs="other languages", points=20)
        )
        return text.split(" the 20 pairs")[0]

    shares = "share of the most positive"
    assert said(("mean influence", 0.11, 0.65)) == "Influence is not shown to order"
    assert said(("mean influence", -0.6, 0.01)) == "Influence is not shown to order"
    assert (
        said(("mean influence", 0.5, 0.02), (shares, 0.1, 0.6)) == "Influence does not always order"
    )
    assert said(("mean influence", 0.5, 0.02), (shares, 0.6, 0.01)) == "Influence orders"
