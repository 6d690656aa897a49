"""What a page says of fine-tunings on parts of the data: the law in words, rates, and harm."""

import dataclasses

import pandas as pd
import pytest

from xling.report.charts import effects as effects_charts
from xling.report.sections import language_effects
from xling.report.sections.harms import harm_sentences
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
    assert "judged by accuracy, of de alone: no law does better than a language’s own data" in first
    assert nothing.startswith("No law predicts en and sw")


@pytest.mark.parametrize(
    ("law", "sentence"),
    [
        ("own", "no law does better than a language’s own data alone"),
        ("alike", "whose data it is does not matter, only how much there is"),
        ("one", "an example of any other language is worth 0.90–1.10 of an own one"),
        ("separate", "the languages’ data do not stand in for one another"),
        ("each", "An example of sw is worth 0.30 own ones, the least, and one of en 1.10, the"),
    ],
)
def test_the_law_that_predicts_best_is_said_in_words(law, sentence):
    run = effects({"de": law, "en": law, "sw": "nothing"}, RATES)
    first, nothing, *small, agreement = language_effects.sentences(run)
    yet = (
        "Yet by accuracy, 6 of 6 rates of other languages are told from 0; the largest, that of en "
        "for de, is 1.10."
    )
    assert small == ([yet] if law == "own" else [])
    assert first.startswith("In 3 fine-tunings on parts of the data, judged by accuracy: ")
    assert sentence in first and "cross-validated R² 0.90" in first
    assert nothing == "No law predicts sw: neither how much data nor whose."
    if law in ("own", "alike"):
        assert agreement.endswith(" have no order that influence could show.")
    else:
        assert "the 6 pairs of different languages" in agreement and "ρ = 0.43" in agreement


def test_that_no_other_language_adds_anything_is_said_where_no_rate_is_told_from_none():
    run = effects(dict.fromkeys(LANGUAGES, "own"), RATES)
    rates = run.tables["exchange_rates"]
    rates["q_none"] = 0.2
    rates.loc[
        rates.query("law == 'each' and test_language != train_language").index[0], "q_none"
    ] = 0
    assert any(
        "1 of 6 rates of other languages is" in text for text in language_effects.sentences(run)
    )
    rates["q_none"] = 0.2
    first, *_ = language_effects.sentences(run)
    assert "only a language’s own data counts; no other’s rate is told from 0 (cross" in first
    run.tables["exchange_rates"] = run.tables["exchange_rates"][:0]  # too few fine-tunings
    first, *_ = language_effects.sentences(run)
    assert "only a language’s own data counts (cross" in first


def test_one_rate_that_is_the_same_for_all_test_languages_does_not_depend_on_them():
    alike = {pair: 1.0 if len(set(pair)) == 1 else 0.08 for pair in RATES}
    first, *_ = language_effects.sentences(effects(dict.fromkeys(LANGUAGES, "one"), alike))
    assert "any other language is worth 0.08 of an own one (cross-validated" in first


def test_where_only_a_language_without_own_data_is_predicted_no_other_law_is_better():
    run = effects({"de": "nothing", "en": "nothing", "sw": "alike"}, RATES)
    run.tables["effect_overall"] = overall("nothing")
    first, alone, _ = language_effects.sentences(run)
    assert "no law predicts the languages together" in first
    assert alone == "Taken alone, a law predicts sw (alike)."


def test_where_nothing_predicts_either_measure_both_are_named():
    run = effects(dict.fromkeys(LANGUAGES, "nothing"), RATES)
    alone, _ = language_effects.sentences(run)
    assert alone.startswith("In 3 fine-tunings on parts of the data, judged by accuracy: no law")
    run.tables["effect_overall"] = pd.concat([overall("nothing"), overall("nothing", "loss")])
    both, _ = language_effects.sentences(run)
    assert "judged by loss or accuracy: no law predicts the languages together" in both


def test_where_influence_is_compared_with_nothing_there_is_no_table_of_it():
    run = effects(dict.fromkeys(LANGUAGES, "each"), RATES)
    assert len(language_effects.of_run(run)["agreement"]["rows"]) == 2
    run.tables["effect_agreement"] = run.tables["effect_agreement"].assign(rho=None)
    assert not language_effects.of_run(run)["agreement"]["rows"]


def test_where_the_other_measure_tells_nothing_that_is_no_other_law():
    run = effects(dict.fromkeys(LANGUAGES, "alike"), RATES)
    run.tables["effect_overall"] = pd.concat([overall("alike"), overall("nothing", "loss", 0.0)])
    _, other, _ = language_effects.sentences(run)
    assert other.startswith("By loss no law predicts the languages together")


def test_fine_tunings_most_of_which_are_at_chance_are_said_to_be():
    run = effects(dict.fromkeys(LANGUAGES, "alike"), RATES)
    run.tables["retrainings"] = pd.DataFrame({"retraining": [1, 2, 3], "p": [0.2, 0.001, 0.3]})
    first, *_ = language_effects.sentences(run)
    assert first.startswith(
        "In 3 fine-tunings on parts of the data, most of which have learnt nothing that shows, "
        "judged by"
    )
    half = pd.DataFrame({"retraining": [1, 2, 3, 4], "p": [0.2, 0.001, 0.001, 0.3]})
    for some, count in ((half, 4), (half[:3], 3)):
        run.tables["retrainings"] = some
        first, *_ = language_effects.sentences(run)
        assert first.startswith(f"In {count} fine-tunings on parts of the data, judged by accuracy")


def test_that_seeds_differ_is_told_where_they_do():
    run = effects(dict.fromkeys(LANGUAGES, "alike"), RATES)
    rows = [
        (number, kind, seed, language, accuracy)
        for number, (kind, seed, both) in enumerate(
            [("full", 0, (1.0, 0.9)), ("full", 1, (0.7, 0.6)), ("mixture", 0, (0.3, 0.3))]
        )
        for language, accuracy in zip(("de", "en"), both, strict=True)
    ]
    columns = "retraining kind seed test_language accuracy".split()
    run.tables["retrainings"] = pd.DataFrame(rows, columns=columns)
    unstable = (
        "Accuracy depends on the seed: on all data, 2 seeds reach 0.65 to 0.95, on the mean of "
        "the languages. One run tells of its own seed."
    )
    assert unstable in language_effects.sentences(run)
    assert unstable in language_effects.quoted(run)
    run.tables["retrainings"]["accuracy"] = 0.8
    assert not any("seed" in text for text in language_effects.sentences(run))


def test_another_law_by_the_other_measure_is_told_too():
    run = effects(dict.fromkeys(LANGUAGES, "own"), RATES)
    assert not any("another law" in text for text in language_effects.sentences(run))
    for name in ("effect_gains", "exchange_rates"):
        table = run.tables[name]
        run.tables[name] = pd.concat([table, table.assign(measure="loss")])
    run.tables["effect_overall"] = pd.concat([overall("own"), overall("each", "loss", 0.8)])
    first, other, *_ = language_effects.sentences(run)
    assert "judged by accuracy: no law does better than a language’s own data alone" in first
    assert other.startswith(
        "By loss it is another law: it matters whose data it is (law each, R² 0.80). An example of "
        "sw is worth 0.30 own ones, the least,"
    )
    run.tables["effect_overall"] = pd.concat([overall("own"), overall("own", "loss", 0.8)])
    assert not any("another law" in text for text in language_effects.sentences(run))


def test_rates_of_a_language_that_is_not_trained_on_are_not_counted_in_own_examples():
    rates = {pair: rate for pair, rate in RATES.items() if pair[1] != "sw"}
    trained = effects(dict.fromkeys(LANGUAGES, "each"), rates)
    (first, *_) = language_effects.sentences(trained)
    assert "Of 2 such rates, 2 are told from 0" in first  # de by en, and en by de, none of sw
    assert language_effects.of_run(trained)["untrained"] == ["sw"]
    whole = effects(dict.fromkeys(LANGUAGES, "each"), RATES)
    assert language_effects.of_run(whole)["untrained"] == []


def test_a_language_whose_own_data_do_not_help_has_no_rates_in_the_matrix():
    run = effects(dict.fromkeys(LANGUAGES, "each"), RATES)
    gains = run.tables["effect_gains"]
    gains.loc[gains.eval("test_language == 'sw'"), "gain"] = -0.1  # all data harm: no unit
    run.tables["effect_curves"] = run.tables["effect_points"] = gains[:0]
    (rates,) = [
        figure.chart
        for figure in language_effects.figures(dataclasses.replace(run, languages=[*"0123456789"]))
        if figure.name == "exchange_rates_accuracy"
    ]
    (data,) = rates.to_dict()["datasets"].values()
    assert {row["test_language"] for row in data} == {"de", "en"}


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
    assert clear.endswith("each has an effect of its own (cross-validated R² 0.90).")
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
    assert "as good and no larger" in language_effects.of_run(run)["overall"]["columns"]


def test_rates_in_own_examples_that_help_nothing_are_not_told():
    rates = RATES | {("de", "en"): 250.0, ("de", "sw"): 80.0}
    run = effects(dict.fromkeys(LANGUAGES, "each"), rates)
    gains = run.tables["effect_gains"].set_index(["test_language", "train_language"])
    assert "250" in language_effects.sentences(run)[0]  # as long as they help
    gains.loc[("de", "de"), "q"] = 0.4
    run.tables["effect_gains"] = gains.reset_index()
    first, own, _ = language_effects.sentences(run)
    assert "An example of sw is worth 0.30 own ones, the least, and one of en 1.10" in first
    assert own == "Its own data are not told to help de; what helps it most is en."
    gains["q"] = [0.4 if test == train else 0.001 for test, train in gains.index]
    run.tables["effect_gains"] = gains.reset_index()
    first, own, _ = language_effects.sentences(run)
    assert first.endswith("it matters whose data it is (cross-validated R² 0.90).")
    assert own.startswith("Own data are not told to help de (helped most by en), en (")


def test_several_languages_whose_own_data_bring_nothing_are_told_in_one_sentence():
    run = effects(dict.fromkeys(LANGUAGES, "each"), RATES | {("sw", "en"): 0.9})
    gains = run.tables["effect_gains"]
    own = gains["test_language"] == gains["train_language"]
    run.tables["effect_gains"] = gains.assign(q=own.map({True: 0.4, False: 0.001}))
    assert language_effects.sentences(run)[1] == (
        "Own data are not told to help de (helped most by en), en (helped most by de) and "
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
    first, harm = language_effects.quoted(run)  # on the page of the run that was evaluated
    assert first == language_effects.sentences(run)[0] and harm.startswith("The data of sw harm: ")
    told = language_effects.of_run(run)
    assert [row[2] for row in told["harms"]["rows"]] == ["sw"] * 3
    by_loss = pd.DataFrame([*rows[:2], *((*row[:-1], 0.3) for row in rows[2:])], columns=columns)
    alone = RunTables({"effect_changes": by_loss}, LANGUAGES, "xnli", "")
    assert harm_sentences(alone) == [
        "The data of sw harm by loss alone: with all of them, loss is 0.100 to 0.250 higher for de "
        "and en (q < 0.05); accuracy is not told to be lower."
    ]
    alone.tables["retrainings"] = pd.DataFrame({"examples": [9, 20], "steps": [4, 8]})
    (longer,) = harm_sentences(alone)
    alone.tables["retrainings"]["steps"] = 8
    (harm,) = harm_sentences(alone)
    assert "mixture.steps=equal" not in longer
    assert harm.endswith(
        "accuracy is not told to be lower. (All fine-tunings took as many steps, "
        "mixture.steps=equal: what a language’s data add takes steps from the others’, and that "
        "may be the harm)."
    )
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
    assert "Taken alone, another law is chosen for sw (each)." in language_effects.sentences(run)
    (sentence, _) = language_effects.sentences(effects({"de": "nothing"}, RATES))
    assert "no law predicts the languages together" in sentence


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
