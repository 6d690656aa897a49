"""The section on what each language's data really does, found by fine-tuning on mixtures."""

from typing import Any

import numpy as np
import pandas as pd

from xling.analysis.rate_units import with_unit, without_unit
from xling.analysis.unlearnt import at_chance
from xling.report.charts.effects import curve_panels, laws_matrix, rates_matrix
from xling.report.doubts import unlearnt_sentences
from xling.report.section import Figure, FilledSection, Section, filled
from xling.report.sections.harms import SCHEMA, harm_sentences, harmful
from xling.report.sections.told_rates import told_rates, useless_owns
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import RunTables, printed_rows
from xling.report.words import SIGNIFICANT, listed, number, p_equals

MEASURES = {"loss": "loss", "accuracy": "accuracy"}
PAIRED = 15
"""Languages whose two matrices stand side by side; those of more have the page's whole width."""

UNSTABLE = 0.1
"""From this difference of the mean accuracy on, fine-tunings depend on the seed."""

MOST_DRAWN = 12
"""Languages whose curves are drawn; those of more are in the tables alone."""

MEASURE = "loss (minus the mean loss of a language's test examples) or accuracy"
PAIR = {
    "measure": MEASURE,
    "test_language": "language of the test examples",
    "train_language": "language of the training examples",
}
BOOTSTRAP = "end of the 95% bootstrap interval over fine-tunings and their seeds"
LAW_TEXT = "law that it comes from, see effect_laws"

LAW_TEXTS = (
    "nothing (the mean); alike: a + b log(n0 + all examples); own: a + b log(n0 + own examples); "
    "one: like own, other languages' examples at one rate; separate: a + the sum of b log(n0 + "
    "examples) over the languages; each: like one, a rate each"
)

SCHEMAS = {
    "effect_overall": across_runs(
        "The law that holds for all test languages together, and how well the others do.",
        {
            "measure": MEASURE,
            "law": LAW_TEXTS,
            "languages": "number of test languages; those that nothing predicts take no part",
            "r2": "cross-validated share of the variance that it explains, mean over them",
            "chosen": "whether it is the simplest law that is as good as the best",
            "as_good": "whether it is to be told beside the chosen one: within 0.03 of its r2, "
            "of no more numbers, and neither a general case of it nor one of another such law that "
            "is hardly better than that",
        },
    ),
    "effect_laws": across_runs(
        "Laws that could tell how good a fine-tuning is on a test language, and how well each does "
        "on fine-tunings that it was not fitted to.",
        {
            "measure": MEASURE,
            "test_language": "language of the test examples",
            "law": LAW_TEXTS,
            "parameters": "numbers that the law is made of",
            "fits": "fine-tunings",
            "parts": "different parts of the training data among them",
            "r2": "cross-validated share of the variance that it explains; negative: worse than "
            "the mean",
            "rho": "Spearman correlation of what it predicts with what came out, cross-validated",
            "chosen": "whether it is the simplest law that is as good as the best: within one "
            "standard error, or 0.01 of r2",
            "why": "why it was not tried; empty if it was",
        },
    ),
    "exchange_rates": across_runs(
        "What an example of a training language is worth to a test language, in its own examples.",
        {
            **PAIR,
            "rate": "exchange rate: 1 is worth an own example, 0 nothing; of a test language that "
            "is not trained on, relative to the mean of the training languages",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "law": "each: a rate of its own for each language; one: the same for all others",
            "q_alike": "q-value against 1 (bootstrap; false discovery rate over a measure and law)",
            "q_none": "q-value against 0 (F test without the language; likewise)",
        },
    ),
    "effect_gains": across_runs(
        "What 100 further examples of a training language would bring, by the chosen law.",
        {
            **PAIR,
            "gain": "change of the measure",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "law": LAW_TEXT,
            "q": "q-value against 0 (false discovery rate over a measure)",
        },
    ),
    "effect_changes": SCHEMA,
    "effect_curves": across_runs(
        "The measure against the number of examples of one language, the others at their mean.",
        {
            **PAIR,
            "examples": "number of examples of the training language",
            "predicted": "what the chosen law predicts",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "law": LAW_TEXT,
        },
    ),
    "effect_points": across_runs(
        "What came out of each fine-tuning, moved by the chosen law to the other languages' mean.",
        {
            **PAIR,
            "fit": "number of the fine-tuning, as in retrainings",
            "examples": "number of examples of the training language in it",
            "value": "the measure",
        },
    ),
    "effect_agreement": across_runs(
        "Whether influence orders pairs of languages as their exchange rates do.",
        {
            "measure": MEASURE,
            "influence": "what is compared: the mean influence, or the share of the most positive",
            "pairs": "other languages, or all: with each language's own data, whose rate is 1",
            "rho": "Spearman correlation over the pairs",
            "p": "its p-value, two-sided, by permuting the languages of one of the two (Mantel), "
            "as pairs that share a language are not independent; own data stay own",
            "points": "number of pairs",
            "least_p": "the least p that so many languages can have",
        },
    ),
    "retrainings": across_runs(
        "Fine-tunings on parts of the training data, and how well each does.",
        {
            "retraining": "number of the fine-tuning, from 1",
            "kind": "mixture of the languages, full (all data), without (one language), half (of "
            "each language); all data without random examples, without those that a method ranks "
            "first, or without others matched with these; or what verifies a recommendation, as in "
            "recommend_mixtures",
            "seed": "of the training",
            "examples": "number of training examples",
            "test_language": "language of the test examples",
            "loss": "mean loss of the language's test examples",
            "accuracy": "share of them classified correctly, 0 to 1",
            "steps": "steps of the training",
            "p": "of the accuracy against chance or the most frequent class, whichever is larger "
            "(exact binomial test, one-sided)",
        },
    ),
    "retraining_data": across_runs(
        "How many training examples of each language each fine-tuning has.",
        {
            "retraining": "number of the fine-tuning, from 1",
            "train_language": "language of the training examples",
            "examples": "number of them",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where nothing was fine-tuned on mixtures."""
    return {} if sweep.evaluated("language_effects") else None


def groups(sweep: SweepResults) -> list[FilledSection]:
    """Return what is shown of each run whose languages were looked at."""
    runs = sweep.evaluated("language_effects")
    return [part for run in runs for part in filled((RUN,), run)]


def of_run(run: RunTables) -> dict[str, Any]:
    """Return what the template of one run prints."""
    return {
        "title": run.title,
        "findings": sentences(run),
        "doubts": unlearnt_sentences(run),
        "measure": lead(run),
        "measures": [
            name for name in MEASURES if name in set(run.tables["effect_laws"]["measure"])
        ],
        "overall": printed_rows(
            _of(run.tables["effect_overall"], lead(run)).rename(
                columns={"r2": "R²", "as_good": "as good and no larger"}
            )
        ),
        "laws": printed_rows(run.tables["effect_laws"]),
        "agreement": printed_rows(run.tables["effect_agreement"].dropna(subset="rho")),
        "gains": printed_rows(run.tables["effect_gains"]),
        "harms": printed_rows(harmful(run)) if len(harmful(run)) else None,
        "changes": printed_rows(
            run.tables.get("effect_changes", run.tables["effect_gains"][:0]).rename(
                columns={"q": "q of harm"}
            )
        ),
        "wide": len(run.languages) > PAIRED,
        "untrained": _untrained(run),
    }


def _untrained(run: RunTables) -> list[str]:
    """Return the test languages with exchange rates though they are not trained on."""
    rates = run.tables["exchange_rates"].dropna(subset="rate")
    with_rates = set(rates["test_language"]) - set(rates["train_language"])
    return [name for name in run.languages if name in with_rates]


def numbers(run: RunTables) -> dict[str, float]:
    """Return how well each law predicts the languages together, for a tracker: r2/MEASURE/LAW."""
    overall = run.tables["effect_overall"].dropna(subset="r2")
    return {f"r2/{row.measure}/{row.law}": float(row.r2) for row in overall.itertuples()}


def figures(run: RunTables) -> list[Figure]:
    """Return the matrices of rates and of laws, and the curves, of each measure."""
    drawn = []
    for measure in MEASURES:
        rates = _of(run.tables["exchange_rates"], measure).query("law == 'each'")
        unitless = without_unit(_of(run.tables["effect_gains"], measure))
        rates = rates[~rates["test_language"].isin(unitless)]
        laws, curves = _of(run.tables["effect_laws"], measure), run.tables["effect_curves"]
        if rates["rate"].notna().any():
            label = f"Exchange rates of the training languages, by {measure}"
            chart = rates_matrix(rates, run.languages)
            drawn.append(Figure(f"exchange_rates_{measure}", label, chart, subject=run.title))
        label = f"How well each law predicts each test language, by {measure}"
        chart = laws_matrix(laws, run.languages)
        drawn.append(Figure(f"effect_laws_{measure}", label, chart, subject=run.title))
        if len(run.languages) <= MOST_DRAWN:
            label = f"{measure.capitalize()} against the examples of each training language, {{}}"
            points = _of(run.tables["effect_points"], measure)
            drawn.append(
                Figure(
                    f"effect_curves_{measure}",
                    label,
                    curve_panels(_of(curves, measure), points, run.languages),
                    columns=2,
                    fluid=True,
                    shown=measure == lead(run),
                    subject=run.title,
                )
            )
    return drawn


def _of(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    return table[table["measure"] == measure]


def findings(sweep: SweepResults) -> list[str]:
    """Return what the languages' data do, in a sentence or two for each run."""
    return [
        *sweep.told("language_effects", unlearnt_sentences),
        *sweep.told("language_effects", sentences),
    ]


def lead(run: RunTables) -> str:
    """Return the measure that the laws for all languages predict better."""
    overall = run.tables["effect_overall"]
    best = overall[overall["chosen"]].set_index("measure")["r2"]
    return str(best.idxmax())


def sentences(run: RunTables) -> list[str]:
    """Say which law holds for all languages and which are exceptions; how far influence agrees."""
    measure = lead(run)
    laws, overall = (_of(run.tables[f"effect_{name}"], measure) for name in ("laws", "overall"))
    (chosen,) = overall[overall["chosen"]].to_dict("records")
    rates = _of(run.tables["exchange_rates"], measure).dropna(subset="rate")
    retrainings = run.tables["retrainings"]
    count = retrainings["retraining"].nunique()
    unlearnt = "p" in retrainings and 2 * len(at_chance(retrainings)) > count
    which = ", most of which have learnt nothing that shows," if unlearnt else ","
    by_language = laws[laws["chosen"]].set_index("test_language")["law"]
    nothing = by_language.index[by_language == "nothing"]
    gains = _of(run.tables["effect_gains"], measure)
    useless = useless_owns(gains[~gains["test_language"].isin(nothing)])
    rates = with_unit(rates[~rates["test_language"].isin(nothing)], gains)
    said = [*_law_sentences(overall, rates), *told_rates(chosen["law"], rates)]
    known = by_language.index.difference(nothing, sort=False)
    few = 2 * len(known) <= len(by_language) and chosen["law"] != "nothing"
    every = run.tables["effect_overall"].query("chosen")["law"]
    by = " or ".join(MEASURES) if len(every) > 1 and (every == "nothing").all() else measure
    whose = f", of {listed(known)} alone" if few else ""
    texts = [
        f"In {count} fine-tunings on parts of the data{which} judged by {by}{whose}: "
        + " ".join(said)
    ]
    texts.extend(_other_measure(run, measure, chosen["law"]))
    texts.extend(_seed_sentence(retrainings))
    if len(nothing) and chosen["law"] != "nothing":
        texts.append(f"No law predicts {listed(nothing)}: neither how much data nor whose.")
    if len(useless) == 1:
        ((language, best),) = useless.items()
        texts.append(f"Its own data are not told to help {language}; what helps it most is {best}.")
    elif useless:
        named = listed(f"{language} (helped most by {best})" for language, best in useless.items())
        texts.append(f"Own data are not told to help {named}.")
    bare = [name for name in without_unit(gains) if name not in {*nothing, *useless}]
    if bare and chosen["law"] in ("one", "each"):
        texts.append(f"No good of own data is told, so no rates in units of it: {listed(bare)}.")
    texts.extend(harm_sentences(run))
    texts.extend(_untried_sentence(laws))
    texts.extend(_alone_sentence(by_language, chosen["law"]))
    if chosen["law"] == "own":
        texts.extend(_small_rates(run))
    if chosen["law"] in UNORDERED:
        return [*texts, UNORDERED[chosen["law"]]]
    return [*texts, *_agreement_sentence(_of(run.tables["effect_agreement"], measure))]


def quoted(run: RunTables) -> list[str]:
    """Return what a run's page quotes: which law holds, and what speaks against it."""
    overall = _of(run.tables["effect_overall"], lead(run))
    (law,) = overall.loc[overall["chosen"], "law"]
    small = _small_rates(run) if law == "own" else []
    laws = _of(run.tables["effect_laws"], lead(run)).query("chosen")
    alone = _alone_sentence(laws.set_index("test_language")["law"], law)
    seeds = _seed_sentence(run.tables["retrainings"])
    return [sentences(run)[0], *harm_sentences(run), *alone, *small, *seeds]


def _alone_sentence(by_language: pd.Series, law: str) -> list[str]:
    """Say which test languages have another law than all together.

    Args:
        by_language: the law of each test language.
        law: that of all together.
    """
    others = by_language[~by_language.isin([law, "nothing"])]
    if others.empty:
        return []
    named = listed(f"{language} ({own})" for language, own in others.items())
    chosen = "a law predicts" if law == "nothing" else "another law is chosen for"
    return [f"Taken alone, {chosen} {named}."]


def _small_rates(run: RunTables) -> list[str]:
    """Say of how many rates it is told that they are not 0, though own data alone predict best."""
    rates, texts = run.tables["exchange_rates"].query("law == 'each'"), []
    for measure in MEASURES:
        gains = _of(run.tables["effect_gains"], measure)
        own = _of(rates, measure).dropna(subset="rate")
        own = with_unit(own, gains)
        others = own[own["test_language"] != own["train_language"]]
        told = others[others["q_none"] < SIGNIFICANT]
        if len(told):
            most = told.loc[told["rate"].idxmax()]
            texts.append(
                f"Yet by {measure}, {len(told)} of {len(others)} rates of other languages "
                f"{'is' if len(told) == 1 else 'are'} told from 0; the largest, that of "
                f"{most['train_language']} for {most['test_language']}, is "
                f"{number(most['rate'], 2)}."
            )
    return texts


def _seed_sentence(retrainings: pd.DataFrame) -> list[str]:
    """Say how far the mean accuracy of fine-tuning on all data depends on the seed, if it does."""
    if "kind" not in retrainings:  # of an earlier version
        return []
    means = retrainings[retrainings["kind"] == "full"].groupby("seed")["accuracy"].mean()
    if len(means) < 2 or np.ptp(means) < UNSTABLE:
        return []
    return [
        f"Accuracy depends on the seed: on all data, {len(means)} seeds reach "
        f"{number(means.min(), 2)} to {number(means.max(), 2)}, on the mean of the languages. One "
        "run tells of its own seed."
    ]


def _other_measure(run: RunTables, lead_measure: str, law: str) -> list[str]:
    """Say which law is chosen by the other measure, where it is another one."""
    texts = []
    for measure in MEASURES:
        overall = _of(run.tables["effect_overall"], measure)
        chosen = overall[overall["chosen"]].to_dict("records")
        if measure == lead_measure or not chosen or chosen[0]["law"] == law:
            continue
        gains = _of(run.tables["effect_gains"], measure)
        rates = _of(run.tables["exchange_rates"], measure).dropna(subset="rate")
        rates = with_unit(rates, gains)
        how = f" (law {chosen[0]['law']}, R² {number(chosen[0]['r2'], 2)})"
        another = "" if chosen[0]["law"] == "nothing" else " it is another law:"
        texts.append(f"By {measure}{another} {_law_sentence(chosen[0]['law'], how, rates)}")
    return texts


UNORDERED = {
    "own": "By this law, the others’ data have no order that influence could show.",
    "alike": "By this law, languages’ data have no order that influence could show.",
    "nothing": "As nothing predicts these fine-tunings, they show no order that influence could "
    "have.",
}
"""What is said of laws that order no data, in place of how far influence orders them alike."""


def _law_sentences(overall: pd.DataFrame, rates: pd.DataFrame) -> list[str]:
    """Say what the chosen law means, and what those that predict practically as well do.

    Args:
        overall: the laws by one measure; earlier versions' have no column `as_good`.
        rates: exchange rates of the test languages that it is told of.
    """
    (chosen,) = overall[overall["chosen"]].to_dict("records")
    r2 = number(chosen["r2"], 2)
    texts = [_law_sentence(chosen["law"], f" (cross-validated R² {r2})", rates)]
    if "as_good" not in overall or not overall["as_good"].any():
        return texts
    near = overall[overall["as_good"]].sort_values("r2", ascending=False)
    for law, r2 in zip(near["law"], near["r2"], strict=True):
        says = _law_sentence(law, "", rates)
        texts.append(f"The law {law} predicts practically as well (R² {number(r2, 2)}): {says}")
    names = listed([chosen["law"], *near["law"]])
    return [*texts, f"Print {names} with their R²: these fine-tunings hardly tell them apart."]


def _law_sentence(law: str, how: str, rates: pd.DataFrame) -> str:
    """Say in words what a law means.

    Args:
        how: how well it predicts, in brackets after a space; or "".
        rates: exchange rates of the test languages that it is told of.
    """
    if law == "nothing":
        return "no law predicts the languages together, neither by how much data nor by whose."
    if law == "alike":
        return f"whose data it is does not matter, only how much there is{how}."
    across = rates[rates["test_language"] != rates["train_language"]]
    if law == "own":
        if (across["q_none"] < SIGNIFICANT).any():
            return f"no law does better than a language’s own data alone{how}."
        others = "; no other’s rate is told from 0" if len(across) else ""
        return f"only a language’s own data counts{others}{how}."
    if law == "separate":
        return (
            "the languages’ data do not stand in for one another: each has an effect of its own"
            f"{how}."
        )
    others = across[across["law"] == law]
    if others.empty:
        return f"it matters whose data it is{how}."
    if law == "one":
        worth = others.groupby("test_language")["rate"].first()
        differ = worth.map(lambda rate: number(rate, 2)).nunique() > 1
        return (
            f"an example of any other language is worth {_span(worth)} of an own one"
            + (", depending on the test language" if differ else "")
            + f"{how}."
        )
    means = others.groupby("train_language")["rate"].mean().sort_values()
    least, most = means.index[0], means.index[-1]
    worth = others.groupby("train_language")["rate"].agg(_span)
    if least == most:
        return f"an example of {least} is worth {worth[least]} own ones{how}."
    return (
        f"it matters whose data it is{how}. An example of {least} is worth {worth[least]} own "
        f"ones, the least, and one of {most} {worth[most]}, the most."
    )


def _untried_sentence(laws: pd.DataFrame) -> list[str]:
    """Say which laws there are too few fine-tunings for, and so what cannot be told."""
    few = laws[laws["why"].str.startswith("needs ")].drop_duplicates("law")
    texts = [f"{law} {why}" for law, why in zip(few["law"], few["why"], strict=True)]
    if not texts:
        return []
    told = f"Laws for which there are too few fine-tunings (mixture.fits): {'; '.join(texts)}."
    if "each" in set(few["law"]):
        told += " So whether one language’s data is worth more than another’s is not told."
    return [told]


def _span(values: pd.Series) -> str:
    low, high = number(values.min(), 2), number(values.max(), 2)
    return low if low == high else f"{low}–{high}"


def _agreement_sentence(agreement: pd.DataFrame) -> list[str]:
    others = agreement[agreement["pairs"] == "other languages"].dropna(subset="rho")
    if others.empty:
        return []
    parts = [
        f"{row['influence']} at ρ = {number(row['rho'], 2)} ({p_equals(row['p'])})"
        for row in others.to_dict("records")
    ]
    told = (others["p"] < SIGNIFICANT) & (others["rho"] > 0)
    how = (
        "orders"
        if told.all()
        else "does not always order"
        if told.any()
        else "is not shown to order"
    )
    return [
        f"Influence {how} the {others['points'].iloc[0]} pairs of different languages as these "
        f"rates do: {listed(parts)}."
    ]


RUN = Section("effects", "language_effects_run.html.j2", of_run, figures=figures)

SECTION = Section(
    "language_effects",
    "language_effects.html.j2",
    content,
    "Effects",
    schemas=SCHEMAS,
    findings=findings,
    groups=groups,
    question="What does each language’s data really do?",
)
