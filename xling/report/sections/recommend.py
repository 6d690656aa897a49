"""The section on which data to add and which to leave out."""

from typing import Any

import altair as alt
import pandas as pd

from xling.report.doubts import unlearnt_sentences
from xling.report.section import Figure, FilledSection, Section, filled
from xling.report.style import GREY, HEADS, LINES, QUIET, rgba
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import RunTables, printed_rows
from xling.report.words import listed, number

BOOTSTRAP = "end of the 95% bootstrap interval over fine-tunings and their seeds"
OUTCOME = "for the target; more is better, so losses are negative"
MIXTURE = (
    "recommended; balanced, or target: the target's own data first; of single examples: random, or "
    "matched: random ones with the recommended ones' languages and labels"
)
TRAIN = "language of the training examples"

SCHEMAS = {
    "recommend_gains": across_runs(
        "What 100 further examples of each language bring the target, best first.",
        {
            "train_language": TRAIN,
            "gain": f"change of the measure {OUTCOME}",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
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
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where nothing was to be recommended."""
    return {} if sweep.evaluated("recommend") else None


def groups(sweep: SweepResults) -> list[FilledSection]:
    """Return what is recommended for each run."""
    return [part for run in sweep.evaluated("recommend") for part in filled((RUN,), run)]


def of_run(run: RunTables) -> dict[str, Any]:
    """Return what the template of one run prints."""
    shown = {
        name: printed_rows(run.tables[f"recommend_{name}"])
        for name in ("gains", "leave_out", "verified")
        if f"recommend_{name}" in run.tables
    }
    doubts = unlearnt_sentences(run)
    return {"title": run.title, "doubts": doubts, "gains": None, "leave_out": None, **shown}


def numbers(run: RunTables) -> dict[str, float]:
    """Return what came out of each mixture that was fine-tuned on, for a tracker: observed/NAME."""
    verified = run.tables["recommend_verified"]
    return {f"observed/{row.mixture}": float(row.observed) for row in verified.itertuples()}


def figures(run: RunTables) -> list[Figure]:
    """Return what further data brings, the mixtures, and what was predicted and came out."""
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
    return [*drawn, Figure("recommend_verified", label, chart, fluid=True, subject=run.title)]


def gains_chart(gains: pd.DataFrame) -> alt.LayerChart:
    """Draw the gain by 100 further examples of each language, the best first."""
    base = alt.Chart(gains.round({"gain": 5, "low": 5, "high": 5})).encode(
        y=alt.Y("train_language:N", sort=list(gains["train_language"]), title=None),
        tooltip=[
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("gain:Q", format="+.4f"),
            alt.Tooltip("low:Q", title="95% interval, from", format="+.4f"),
            alt.Tooltip("high:Q", title="to", format="+.4f"),
            alt.Tooltip("examples:Q", title="examples there are"),
        ],
    )
    x = alt.X("low:Q", title="gain by 100 further examples")
    rules = base.mark_rule(strokeWidth=2, color=QUIET).encode(x=x, x2=alt.X2("high:Q"))
    dots = base.mark_point(filled=True, size=80, opacity=1, color=f"rgb({HEADS})")
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=QUIET).encode(x=alt.X("zero:Q"))
    dots = dots.encode(x=alt.X("gain:Q"))
    return (zero + rules + dots).properties(width=360, height={"step": 26})


def mixtures_chart(mixtures: pd.DataFrame, languages: list[str]) -> alt.LayerChart:
    """Draw how many examples of each language each mixture has."""
    order = [name for name in languages if name in set(mixtures["train_language"])]
    color = alt.Color("train_language:N", title=None, sort=order).scale(
        domain=order, range=[LINES[i % len(LINES)] for i in range(len(order))]
    )
    bars = (
        alt.Chart(mixtures)
        .mark_bar()
        .encode(
            x=alt.X("examples:Q", title="training examples"),
            y=alt.Y("mixture:N", sort=list(dict.fromkeys(mixtures["mixture"])), title=None),
            color=color,
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("mixture:N"),
                alt.Tooltip("train_language:N", title="training language"),
                alt.Tooltip("examples:Q"),
            ],
        )
        .transform_calculate(place=f"indexof({order}, datum.train_language)")
    )
    return alt.layer(bars).properties(width=360, height={"step": 34})


def verified_chart(verified: pd.DataFrame) -> alt.LayerChart:
    """Draw the predicted and the observed measure of each mixture, with their intervals."""
    parts = []
    for what, names in {
        "predicted": ("predicted", "low", "high"),
        "observed": ("observed", "observed_low", "observed_high"),
    }.items():
        if what not in verified:
            continue
        ends = dict(zip(names, ("value", "from", "to"), strict=True))
        parts.append(verified[["mixture", *names]].rename(columns=ends).assign(what=what))
    table = pd.concat(parts, ignore_index=True).round({"value": 4, "from": 4, "to": 4})
    base = alt.Chart(table).encode(
        y=alt.Y("mixture:N", sort=list(verified["mixture"]), title=None),
        yOffset=alt.YOffset("what:N", sort=["predicted", "observed"]),
        color=alt.Color("what:N", title=None, sort=["predicted", "observed"]).scale(
            domain=["predicted", "observed"], range=[rgba(GREY, 1), f"rgb({HEADS})"]
        ),
        tooltip=[
            alt.Tooltip("mixture:N"),
            alt.Tooltip("what:N", title="which"),
            alt.Tooltip("value:Q", format=".4f"),
            alt.Tooltip("from:Q", title="95% interval, from", format=".4f"),
            alt.Tooltip("to:Q", title="to", format=".4f"),
        ],
    )
    x = alt.X("from:Q", title="measure for the target, more is better").scale(zero=False)
    rules = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("to:Q"))
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(x=alt.X("value:Q"))
    return (rules + dots).properties(width=360, height={"step": 20})


def findings(sweep: SweepResults) -> list[str]:
    """Say for each run what to add, what can be left out, and whether the mixture held."""
    return sweep.told("recommend", sentences)


def sentences(run: RunTables) -> list[str]:
    """Say what to add, what can be left out, and whether the best mixture does as predicted."""
    if not by_language(run):
        return [_example_sentence(run.tables["recommend_verified"])]
    gains, left_out = run.tables["recommend_gains"], run.tables["recommend_leave_out"]
    return [
        _gain_sentence(gains),
        _leave_out_sentence(left_out),
        *_verified_sentences(run.tables["recommend_verified"], run.tables["recommend_mixtures"]),
    ]


def by_language(run: RunTables) -> bool:
    """Tell whether languages were recommended, not single examples."""
    return "recommend_gains" in run.tables


def _example_sentence(verified: pd.DataFrame) -> str:
    rows = verified.set_index("mixture")
    names = {
        "recommended": "on them",
        "random": "on as many random ones",
        "matched": "on random ones with their languages and labels",
    }
    parts = [
        f"{name} {number(rows.loc[key, 'observed'], 3)} "
        f"({number(rows.loc[key, 'observed_low'], 3)} to "
        f"{number(rows.loc[key, 'observed_high'], 3)})"
        for key, name in names.items()
    ]
    best = rows.loc["recommended"]
    return (
        f"The {number(best['examples'])} examples that score highest for the target, in "
        f"{int(best['fits'])} fine-tunings of each: {listed(parts)}; more is better."
    )


def _gain_sentence(gains: pd.DataFrame) -> str:
    best, rest = gains.iloc[0], gains.iloc[1:]
    told = rest[rest["high"] < best["low"]]
    text = (
        f"100 further examples bring the target most if they are {best['train_language']}: "
        f"{number(best['gain'], 3)} ({number(best['low'], 3)} to {number(best['high'], 3)})"
    )
    if len(told) == len(rest) and len(rest):
        return f"{text}; every other language’s bring less."
    near = rest.loc[rest["high"] >= best["low"], "train_language"]
    return f"{text}; as far as can be told, {listed(near)} might bring as much."


def _leave_out_sentence(left_out: pd.DataFrame) -> str:
    """Say what can be left out: that one language can says nothing of several at once."""
    parts = []
    for verdict, start in (("leave out", "Can be left out"), ("keep", "Not to be left out")):
        names = left_out.loc[left_out["verdict"] == verdict, "train_language"]
        if len(names):
            single = ", each by itself" if verdict == "leave out" and len(names) > 1 else ""
            parts.append(f"{start}{single}: {listed(names)}.")
    return " ".join(parts) or "Of no language can it be told whether it can be left out."


def _verified_sentences(verified: pd.DataFrame, mixtures: pd.DataFrame) -> list[str]:
    rows = verified.set_index("mixture")
    best, even = rows.loc["recommended"], rows.loc["balanced"]
    chosen = mixtures[(mixtures["mixture"] == "recommended") & (mixtures["examples"] > 0)]
    parts = [
        f"{row['examples']} {row['train_language']}"
        for row in chosen.sort_values("examples", ascending=False).to_dict("records")
    ]
    gain, seen = best["predicted"] - even["predicted"], best["observed"] - even["observed"]
    inside = best["observed_low"] <= best["high"] and best["low"] <= best["observed_high"]
    predicted, observed = (
        f"{number(best[value], 3)}, {number(best[low], 3)} to {number(best[high], 3)}"
        for value, low, high in (
            ("predicted", "low", "high"),
            ("observed", "observed_low", "observed_high"),
        )
    )
    no_better = " It did not turn out better than the balanced one." if seen <= 0 < gain else ""
    return [
        f"The best mixture of {number(best['examples'])} examples is {listed(parts)}.",
        f"Predicted: {number(gain, 3)} better than the balanced mixture; observed in "
        f"{int(best['fits'])} fine-tunings of each: {number(seen, 3)}.{no_better} The recommended "
        f"mixture’s outcome is {'not told from the prediction' if inside else 'not as predicted'} "
        f"(predicted {predicted}; observed {observed}).",
    ]


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
