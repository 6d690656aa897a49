"""The section on which data to add and which to leave out."""

from typing import Any

import pandas as pd

from xling.report.charts.recommend import (
    differences_chart,
    gains_chart,
    mixtures_chart,
    verified_chart,
)
from xling.report.doubts import unlearnt_sentences
from xling.report.section import Figure, FilledSection, Section, filled
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import RunTables, printed_rows
from xling.report.words import listed, number, p_equals, percent

BOOTSTRAP = "end of the 95% bootstrap interval over fine-tunings and their seeds"
OUTCOME = "for the target; more is better, so losses are negative"
MIXTURE = (
    "recommended; balanced, or target: the target's own data first; of single examples: random, or "
    "matched: random ones with the recommended ones' languages and labels"
)
TRAIN = "language of the training examples"
STUDENT = "end of the 95% interval over seeds and test examples together (Student's t)"

TARGET, DIFFERENCES = "recommend_target", "recommend_differences"
"""Tables that runs of earlier versions are without."""

LOPSIDED = 1.5
"""From this many times its share of the data on, a label is said to be much of what is chosen."""

ENOUGH = 5
"""With fewer fine-tunings of each mixture, intervals are wide by their number alone."""

BETTER, WORSE, UNTOLD, SAME = "better", "worse", "no difference", "same examples"
"""What the table of differences tells."""

OTHERS = {
    "balanced": "the balanced mixture",
    "target": "the mixture with most of the target’s own data",
    "random": "as many random examples",
    "matched": "random examples of the same languages and labels",
}
"""What is recommended is compared with these, in sentences."""

TARGETS = {"mean": "the mean of the test languages", "worst": "the worst test language"}
"""What targets that are no language are called, in sentences."""

SCHEMAS = {
    TARGET: across_runs(
        "Which test languages the target is made of. Where that is none, nothing is recommended.",
        {
            "test_language": "language of the test examples",
            "law": "the law that predicts it, as in effect_laws; or nothing",
            "aimed_at": "whether the target is of it; of mean and worst, all that a law predicts",
            "target": "a test language, mean or worst",
            "measure": "loss or accuracy",
        },
    ),
    "recommend_gains": across_runs(
        "What 100 further examples of each language bring the target, best first.",
        {
            "train_language": TRAIN,
            "gain": f"change of the measure {OUTCOME}",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "behind_low": f"how much less it is than that of the best language, lower {BOOTSTRAP}",
            "behind_high": f"the same, upper {BOOTSTRAP}",
            "examples": "number of them in the present data; 0 of a candidate",
        },
    ),
    "recommend_leave_out": across_runs(
        "What the target loses without a language.",
        {
            "train_language": TRAIN,
            "change": f"change of the measure {OUTCOME}",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "verdict": "leave out: the interval is above minus recommend.margin; keep: below it",
        },
    ),
    "recommend_mixtures": across_runs(
        "The best mixture of a total for the target, and others of the same total.",
        {
            "mixture": MIXTURE,
            "train_language": TRAIN,
            "examples": "number of them",
        },
    ),
    "recommend_labels": across_runs(
        "Labels of the examples that score highest for the target.",
        {
            "train_label": "label",
            "examples": "number of recommended examples",
            "share": "of the recommended examples, 0 to 1",
            "base_rate": "share of all training examples, 0 to 1",
        },
    ),
    "recommend_verified": across_runs(
        "What the laws predict of each mixture, and what came out of fine-tuning on it.",
        {
            "mixture": MIXTURE,
            "examples": "number of training examples",
            "predicted": f"measure {OUTCOME}",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "observed": f"mean measure of the fine-tunings {OUTCOME}",
            "observed_low": "lower end of its 95% interval over seeds (Student's t)",
            "observed_high": "upper end of its 95% interval over seeds (Student's t)",
            "fits": "number of fine-tunings",
        },
    ),
    DIFFERENCES: across_runs(
        "By how much the recommended mixture came out better than each other one. Differences are "
        "taken seed by seed; translations of a test example count once.",
        {
            "against": f"the other mixture: {MIXTURE}",
            "test_language": "language of the test examples; mean: of those that something "
            "predicts; worst: the one with the lowest measure",
            "asked": "whether it is the target",
            "measure": "loss or accuracy",
            "difference": "of the mean measures; above 0, the recommended mixture is better",
            "low": f"lower {STUDENT}",
            "high": f"upper {STUDENT}",
            "p": "two-sided; missing where both are the same examples",
            "q": "p with the false discovery rate controlled over the rows of the target, or over "
            "all others",
            "told": "better or worse, where q is below 0.05; no difference; same examples",
            "fits": "number of fine-tunings of each of the two, under the same seeds",
            "predicted": "difference that the laws predict, for the target",
            "predicted_low": f"lower {BOOTSTRAP}",
            "predicted_high": f"upper {BOOTSTRAP}",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where nothing was to be recommended."""
    runs = sweep.evaluated("recommend")
    kinds = {by_language(run) for run in runs}
    verified = any(map(recommended, runs))
    told = {"languages": True in kinds, "examples": False in kinds, "verified": verified}
    return told if kinds else None


def groups(sweep: SweepResults) -> list[FilledSection]:
    """Return what is recommended for each run."""
    return [part for run in sweep.evaluated("recommend") for part in filled((RUN,), run)]


def of_run(run: RunTables) -> dict[str, Any]:
    """Return what the template of one run prints."""
    shown = {
        name: printed_rows(run.tables[f"recommend_{name}"])
        for name in ("target", "gains", "leave_out", "verified", "differences")
        if f"recommend_{name}" in run.tables
    }
    doubts = unlearnt_sentences(run)
    none = dict.fromkeys(("target", "gains", "leave_out", "verified", "differences"))
    nothing = None if recommended(run) else _nothing_sentence(run)
    return {"title": run.title, "doubts": doubts, "nothing": nothing, **none, **shown}


def numbers(run: RunTables) -> dict[str, float]:
    """Return what came out, for a tracker: observed/MIXTURE, and difference/OTHER for the target.

    The difference is by how much the recommended mixture is better.
    """
    if not recommended(run):
        return {}
    verified, apart = run.tables["recommend_verified"], run.tables[DIFFERENCES]
    came = {f"observed/{row.mixture}": float(row.observed) for row in verified.itertuples()}
    asked = apart[apart["asked"]].itertuples()
    return came | {f"difference/{row.against}": float(row.difference) for row in asked}


def figures(run: RunTables) -> list[Figure]:
    """Return what further data brings, the mixtures, and what was predicted and came out."""
    if not recommended(run):
        return []
    mixtures, verified = (run.tables[f"recommend_{name}"] for name in ("mixtures", "verified"))
    drawn = []
    if by_language(run):
        label = "What 100 further examples of each language bring"
        chart = gains_chart(run.tables["recommend_gains"])
        drawn.append(Figure("recommend_gains", label, chart, fluid=True, subject=run.title))
    label = "Examples of each language in each mixture"
    chart = mixtures_chart(mixtures, run.languages)
    drawn.append(Figure("recommend_mixtures", label, chart, fluid=True, subject=run.title))
    label = "What was predicted of each mixture, and what came out"
    chart = verified_chart(verified)
    drawn.append(Figure("recommend_verified", label, chart, fluid=True, subject=run.title))
    apart = run.tables.get(DIFFERENCES, pd.DataFrame({"told": []}))
    if len(apart := apart[apart["told"] != SAME]):
        label = "How much better the recommended mixture is than others, by test language"
        chart = differences_chart(apart)
        drawn.append(Figure(DIFFERENCES, label, chart, fluid=True, subject=run.title))
    return drawn


def findings(sweep: SweepResults) -> list[str]:
    """Say for each run what to add, what can be left out, and whether the mixture held."""
    return [
        *sweep.told("recommend", unlearnt_sentences),
        *sweep.told("recommend", sentences),
    ]


def sentences(run: RunTables) -> list[str]:
    """Say what to add, what can be left out, and whether the recommendation does better."""
    if not recommended(run):
        return [_nothing_sentence(run)]
    verified, apart = run.tables["recommend_verified"], run.tables.get(DIFFERENCES)
    target, measure = _asked(apart)
    if by_language(run):
        told = [
            _gain_sentence(run.tables["recommend_gains"], target, measure),
            *_left_aside_sentence(run.tables.get(TARGET)),
            _leave_out_sentence(run.tables["recommend_leave_out"], target, measure),
            _mixture_sentence(run.tables["recommend_mixtures"], target),
        ]
    else:
        labels = _label_sentences(run.tables.get("recommend_labels"))
        told = [_example_sentence(verified, target), *labels]
    return told if apart is None else [*told, _verified_sentence(apart)]


def quoted(run: RunTables) -> list[str]:
    """Return what a run's page quotes.

    Of languages what to add, and which of them a mean is without; of examples whether they do
    better than others, as they are chosen by the scores that the page is about.
    """
    told = sentences(run)
    if not recommended(run):
        return told
    if by_language(run):
        return [told[0], *_left_aside_sentence(run.tables.get(TARGET))]
    return [told[0], told[-1]] if DIFFERENCES in run.tables else told


def by_language(run: RunTables) -> bool:
    """Tell whether languages were recommended, not single examples."""
    return "recommend_gains" in run.tables or TARGET in run.tables


def recommended(run: RunTables) -> bool:
    """Tell whether anything was recommended."""
    return "recommend_mixtures" in run.tables


def _nothing_sentence(run: RunTables) -> str:
    """Say that nothing predicts the target, and what might help."""
    aim, count = run.tables[TARGET], run.tables["retrainings"]["retraining"].nunique()
    target, measure = aim[["target", "measure"]].iloc[0]
    known = aim.loc[aim["law"] != "nothing", "test_language"]
    whose = f"its {measure}" if target not in TARGETS else f"any test language’s {measure}"
    text = (
        f"recommend.target={target}: nothing predicts {whose} in {count} fine-tunings, so nothing "
        "is recommended."
    )
    if len(known):
        text += f" Predicted {'is' if len(known) == 1 else 'are'} {listed(known)}."
    if unlearnt_sentences(run):  # these say what to change
        return text
    return (
        f"{text} More fine-tunings (mixture.fits), more test examples (data.test_per_language) or "
        "the other recommend.measure may tell more."
    )


def _left_aside_sentence(aim: pd.DataFrame | None) -> list[str]:
    """Say which test languages the mean, or the worst, is without."""
    if aim is None or aim["target"].iloc[0] not in TARGETS or aim["aimed_at"].all():
        return []
    by_aim = {own: names.tolist() for own, names in aim.groupby("aimed_at")["test_language"]}
    target, measure = aim[["target", "measure"]].iloc[0]
    return [
        f"Nothing predicts the {measure} of {listed(by_aim[False])}, so {TARGETS[target]} is told "
        f"of {listed(by_aim[True])} alone."
    ]


def _asked(apart: pd.DataFrame | None) -> tuple[str, str]:
    """Return what the target and the measure are called; runs of earlier versions name neither."""
    if apart is None or not apart["asked"].any():
        return "the target", "the measure"
    row = apart[apart["asked"]].iloc[0]
    return TARGETS.get(row["test_language"], row["test_language"]), row["measure"]


def _example_sentence(verified: pd.DataFrame, target: str) -> str:
    parts = [
        f"{row['mixture']} {number(row['observed'], 3)}" for row in verified.to_dict("records")
    ]
    return (
        f"The {number(verified['examples'].iloc[0])} examples that score highest for {target} "
        f"are recommended. What came out of fine-tuning on them, and on as many others: "
        f"{listed(parts)}; more is better."
    )


def _label_sentences(labels: pd.DataFrame | None) -> list[str]:
    """Say that a label makes up far more of the recommended examples than of all data."""
    if labels is None:  # of an earlier version
        return []
    row = labels.loc[(labels["share"] - labels["base_rate"]).idxmax()]
    if row["share"] < LOPSIDED * row["base_rate"]:
        return []
    return [
        f"{percent(row['share'], 0)} of them are {row['train_label']}, as are "
        f"{percent(row['base_rate'], 0)} of the training data: so many of one label teach little "
        "else. The matched examples, which have the same labels, show what is the labels’ doing."
    ]


def _gain_sentence(gains: pd.DataFrame, target: str, measure: str) -> str:
    """Say whose further examples help most, or that it is not told whose, or whether any do."""
    best, rest = gains.iloc[0], gains.iloc[1:]
    behind = rest["behind_low"] > 0 if "behind_low" in rest else rest["high"] < best["low"]
    told = rest[behind]
    size = f"{number(best['gain'], 3)} ({number(best['low'], 3)} to {number(best['high'], 3)})"
    if (gains["low"] <= 0).all():
        return (
            f"By {measure}, of no language’s further examples is it told that they help {target}: "
            f"100 of {best['train_language']}, the most by the laws, bring {size}."
        )
    if len(rest) and told.empty and (gains["low"] > 0).all():
        return (
            f"By {measure}, 100 further examples bring {target} {size}, and as far as can be told "
            "it does not matter in which language."
        )
    text = (
        f"By {measure}, 100 further examples bring {target} most if they are "
        f"{best['train_language']}: {size}"
    )
    if len(told) == len(rest) and len(rest):
        return f"{text}; every other language’s bring less."
    near = rest.loc[~behind, "train_language"]
    return f"{text}; as far as can be told, {listed(near)} might bring as much."


def _leave_out_sentence(left_out: pd.DataFrame, target: str, measure: str) -> str:
    """Say what can be left out: that one language can says nothing of several at once.

    Nor anything of other test languages than the target.
    """
    out, keep, unclear = (
        left_out.loc[left_out["verdict"] == verdict, "train_language"].tolist()
        for verdict in ("leave out", "keep", "unclear")
    )
    if not out and not keep:
        return f"For {target}, by {measure}, it is told of no language whether it can be left out."
    single = ", each by itself" if len(out) > 1 else ""
    parts = [
        f"{listed(names)} {says}"
        for names, says in ((out, f"can be left out{single}"), (keep, "cannot be left out"))
        if names
    ]
    if unclear:
        parts.append(f"of {listed(unclear)} it is not told")
    return f"For {target}, by {measure}, {'; '.join(parts)}."


def _mixture_sentence(mixtures: pd.DataFrame, target: str) -> str:
    by_mixture = mixtures.pivot(index="train_language", columns="mixture", values="examples")
    chosen = mixtures[(mixtures["mixture"] == "recommended") & (mixtures["examples"] > 0)]
    if (by_mixture["recommended"] == by_mixture["balanced"]).all():
        return (
            f"The balanced mixture is recommended: no other of {number(chosen['examples'].sum())} "
            f"examples is told to do better for {target}."
        )
    parts = [
        f"{number(row['examples'])} {row['train_language']}"
        for row in chosen.sort_values("examples", ascending=False).to_dict("records")
    ]
    text = f"The best mixture of {number(chosen['examples'].sum())} examples for {target} is "
    if "target" in by_mixture and (by_mixture["recommended"] == by_mixture["target"]).all():
        rest = ", and no other rest is told to do better"
        return f"{text}{listed(parts)}: its own data first{rest if len(parts) > 1 else ''}."
    return f"{text}{listed(parts)}."


def _verified_sentence(apart: pd.DataFrame) -> str:
    """Say whether what is recommended was told better than others, and was so as predicted."""
    asked, fits = apart[apart["asked"]], int(apart["fits"].iloc[0])
    told = [_difference_sentence(row) for row in asked.to_dict("records")]
    text = f"{fits} fine-tunings of each show whether that holds. {' '.join(told)}"
    first = asked["against"].iloc[0]
    others = apart[(apart["against"] == first) & ~apart["asked"]]
    others = others[others["test_language"] != "mean"]
    parts = [
        f"{verdict} for {listed(others.loc[others['told'] == verdict, 'test_language'])}"
        for verdict in (BETTER, WORSE)
        if (others["told"] == verdict).any()
    ]
    if parts:
        text += f" Of single test languages, beside {OTHERS[first]}, it is told {listed(parts)}."
    if fits < ENOUGH and (asked["told"] == UNTOLD).any():
        text += (
            f" {fits} fine-tunings of each can tell large differences only; recommend.seeds="
            f"{ENOUGH} would tell smaller ones."
        )
    return text


def _difference_sentence(row: dict[str, Any]) -> str:
    """Say of one comparison what is told, with the interval, and whether it was predicted."""
    name, verdict = OTHERS[row["against"]], row["told"]
    if verdict == SAME:
        return f"The recommended one is {name} itself, so that there is nothing to compare."
    value, low, high = (row[key] for key in ("difference", "low", "high"))
    if pd.isna(low):
        return f"There are too few test examples to tell it from {name}."
    side, value, low, high = (
        (WORSE, -value, -high, -low) if value < 0 else (BETTER, value, low, high)
    )
    size = f"{side} by {number(value, 3)} in {row['measure']}"
    ends = f"{number(low, 3)} to {number(high, 3)}, {p_equals(row['q'], 'q')}"
    text = f"It is told from {name}: {size} ({ends})"
    if verdict == UNTOLD:
        single = ", though by itself it would be" if low > 0 or high < 0 else ""
        text = f"No difference from {name} is told{single}: {size} ({ends})"
    if pd.isna(row.get("predicted")):
        return f"{text}."
    inside = row["low"] <= row["predicted"] <= row["high"]
    promised = row["predicted"] if side == BETTER else -row["predicted"]  # on the same side
    other = {BETTER: WORSE, WORSE: BETTER}[side]
    return (
        f"{text}; predicted was {side if promised >= 0 else other} by {number(abs(promised), 3)}, "
        f"{'inside' if inside else 'outside of'} that interval."
    )


RUN = Section("mixture", "recommend_run.html.j2", of_run, figures=figures)

SECTION = Section(
    "recommend",
    "recommend.html.j2",
    content,
    "Recommendation",
    schemas=SCHEMAS,
    findings=findings,
    groups=groups,
    question="Which data should be added, and what can be left out?",
)
