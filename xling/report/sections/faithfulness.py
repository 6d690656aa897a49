"""The section on how far attribution methods predict fine-tunings on parts of the data."""

from typing import Any

import altair as alt
import pandas as pd

from xling.report.section import Figure, FilledSection, Section, filled
from xling.report.style import HUES, LINES, QUIET
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import RunTables, printed_rows
from xling.report.words import listed, number

CEILING = "noise ceiling"
"""How well fine-tunings predict those on the same examples with another seed."""

CONTROLS = ("same_language", "same_label", "count", "random")
"""Methods that look at no model and no text: what predicts no better than they has told nothing."""

LEVELS = {"example": "each test example’s loss", "language": "each test language’s mean loss"}
KINDS = {"method": "method", "control": "control", "ceiling": CEILING}

BOOTSTRAP = "end of the 95% bootstrap interval over halves and test examples together"
METHOD = "attribution method, control, or noise ceiling: fine-tunings with another seed"
LEVEL = (
    "example: correlation for each test example, averaged; language: for each test language's mean "
    "loss, averaged"
)

BELOW = alt.Legend(symbolOpacity=1, labelLimit=320, orient="bottom", columns=3)
PLAIN, BEYOND = "score", "beyond counts"

SCHEMAS = {
    "faithfulness": across_runs(
        "Linear datamodelling scores (Park et al. 2023): the rank correlation, over fine-tunings "
        "on random halves of the training data, of the summed scores of the half with minus the "
        "loss.",
        {
            "method": METHOD,
            "level": LEVEL,
            "lds": "linear datamodelling score, -1 to 1",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "constant": "test examples, or languages, whose sums do not vary; they count as 0",
            "tests": "test examples, or languages",
            "subsets": "number of halves; for the noise ceiling, those fine-tuned twice",
            "beyond": "the same beyond the half's counts of each label and language (partial rank "
            "correlation)",
            "beyond_low": f"lower {BOOTSTRAP}",
            "beyond_high": f"upper {BOOTSTRAP}",
        },
    ),
    "faithfulness_beats": across_runs(
        "Which methods predict better than which controls, over the same halves.",
        {
            "method": "attribution method",
            "control": "what it is compared with",
            "level": LEVEL,
            "difference": "of the two linear datamodelling scores",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "p": "two-sided, of the bootstrap",
            "q": "p with the false discovery rate controlled over the table",
            "beats": "whether q is below 0.05, and the method is better",
        },
    ),
    "faithfulness_languages": across_runs(
        "The linear datamodelling score of each test language's mean loss.",
        {
            "method": METHOD,
            "test_language": "language of the test examples",
            "lds": "linear datamodelling score, -1 to 1",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where nothing was fine-tuned on halves."""
    return {} if sweep.evaluated("faithfulness") else None


def groups(sweep: SweepResults) -> list[FilledSection]:
    """Return what is shown of each run whose methods were looked at."""
    runs = sweep.evaluated("faithfulness")
    return [part for run in runs for part in filled((RUN,), run)]


def of_run(run: RunTables) -> dict[str, Any]:
    """Return what the template of one run prints."""
    return {
        "title": run.title,
        "levels": LEVELS,
        "scores": printed_rows(run.tables["faithfulness"]),
        "beats": printed_rows(run.tables["faithfulness_beats"]),
        "languages": printed_rows(run.tables["faithfulness_languages"]),
    }


def figures(run: RunTables) -> list[Figure]:
    """Return the scores of each level, with their intervals, the best method first."""
    table = run.tables["faithfulness"]
    return [
        Figure(
            f"faithfulness_{level}",
            f"How well each method predicts {LEVELS[level]}",
            scores_chart(table[table["level"] == level]),
            fluid=True,
            subject=run.title,
        )
        for level in LEVELS
    ]


def scores_chart(scores: pd.DataFrame) -> alt.LayerChart:
    """Draw the linear datamodelling score of each method and what of it is beyond the counts."""
    table = scores.assign(kind=[_kind(name) for name in scores["method"]])
    order = list(table.sort_values("lds", ascending=False, na_position="last")["method"])
    plain = table[["method", "kind", "lds", "low", "high", "subsets"]].assign(what=PLAIN)
    beyond = table[["method", "kind", "subsets"]].assign(
        what=BEYOND, lds=table["beyond"], low=table["beyond_low"], high=table["beyond_high"]
    )
    shown = pd.concat([plain, beyond.dropna(subset="lds")], ignore_index=True)
    shown["interval"] = [
        f"{number(low, 2)} to {number(high, 2)}"
        for low, high in zip(shown["low"], shown["high"], strict=True)
    ]
    for column in ("lds", "low", "high"):
        shown[column] = shown[column].round(4)
    names = list(KINDS.values())
    base = alt.Chart(shown).encode(
        y=alt.Y("method:N", sort=order, title=None, axis=alt.Axis(labelLimit=200)),
        yOffset=alt.YOffset("what:N", sort=[PLAIN, BEYOND]),
        color=alt.Color("kind:N", title=None, sort=names, legend=BELOW).scale(
            domain=names, range=[f"rgb({HUES['+']})", QUIET, LINES[0]]
        ),
        tooltip=[
            alt.Tooltip("method:N"),
            alt.Tooltip("what:N", title="score"),
            alt.Tooltip("lds:Q", title="linear datamodelling score", format=".3f"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("subsets:Q", title="halves"),
        ],
    )
    x = alt.X("lds:Q", title="linear datamodelling score", axis=alt.Axis(tickCount=6))
    rules = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    dots = base.mark_point(size=70, opacity=1, strokeWidth=2).encode(
        x=x,
        shape=alt.Shape("what:N", title=None, sort=[PLAIN, BEYOND], legend=BELOW).scale(
            domain=[PLAIN, BEYOND], range=["circle", "diamond"]
        ),
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=QUIET).encode(x=alt.X("zero:Q"))
    return (zero + rules + dots).properties(width=460, height={"step": 15})


def _kind(method: str) -> str:
    if method == CEILING:
        return KINDS["ceiling"]
    return KINDS["control" if method in CONTROLS else "method"]


def findings(sweep: SweepResults) -> list[str]:
    """Say for each run which method predicts best, how near the ceiling, and what it beats."""
    return sweep.told("faithfulness", sentences)


def sentences(run: RunTables) -> list[str]:
    """Say what the scores of a run's methods are worth, for each level."""
    return [_sentence(run, level) for level in LEVELS]


def of_method(tables: dict[str, pd.DataFrame], method: str) -> str:
    """Say what the scores of one method are worth."""
    table = tables["faithfulness"].set_index("method")
    parts = []
    for level, name in LEVELS.items():
        of_level = table[table["level"] == level]
        row, noise = of_level.loc[method], _ceiling(of_level)
        text = f"{name} with ρ = {number(row['lds'], 2)}" + (f" ({noise[2:]})" if noise else "")
        if pd.notna(row["beyond"]):
            text += f", {number(row['beyond'], 2)} beyond counts of labels and languages"
        parts.append(text)
    subsets = int(table.loc[[method], "subsets"].iloc[0])
    return f"in {subsets} fine-tunings on random halves, these scores predicted {'; '.join(parts)}."


def _ceiling(scores: pd.DataFrame) -> str:
    """Return the noise ceiling with its interval, as it stands behind a score; "" if there is none.

    Args:
        scores: of one level, by method.
    """
    if CEILING not in scores.index or pd.isna(scores.loc[CEILING, "lds"]):
        return ""
    value, low, high = (number(scores.loc[CEILING, name], 2) for name in ("lds", "low", "high"))
    return f"; noise ceiling {value}, {low} to {high}"


def _sentence(run: RunTables, level: str) -> str:
    table = run.tables["faithfulness"]
    table = table[table["level"] == level].set_index("method")
    methods = table.drop([*CONTROLS, CEILING], errors="ignore").dropna(subset="lds")
    noise = _ceiling(table)
    beats = run.tables["faithfulness_beats"]
    beats = beats[beats["level"] == level]
    controls = [name for name in CONTROLS if name in set(beats["control"])]
    won = beats[beats["beats"]].groupby("method")["control"].agg(set)
    every = [name for name in methods.index if controls and won.get(name, set()) >= {*controls}]
    if methods.empty:
        return f"No method was compared with {LEVELS[level]}."
    best = methods["lds"].idxmax()
    row = methods.loc[best]
    beyond = ""
    if pd.notna(row["beyond"]):
        beyond = f", and {number(row['beyond'], 2)} beyond counts of labels and languages"
    text = (
        f"In {row['subsets']} fine-tunings on random halves, {best} predicts {LEVELS[level]} best: "
        f"linear datamodelling score {number(row['lds'], 2)} "
        f"({number(row['low'], 2)} to {number(row['high'], 2)}{noise}){beyond}."
    )
    if not controls:
        return text
    if not every:
        return f"{text} No method is told from all controls ({listed(controls)})."
    return f"{text} Better than every control ({listed(controls)}): {listed(every)}."


RUN = Section("methods", "faithfulness_run.html.j2", of_run, figures=figures)

SECTION = Section(
    "faithfulness",
    "faithfulness.html.j2",
    content,
    "Faithfulness",
    schemas=SCHEMAS,
    findings=findings,
    groups=groups,
    question="How far can influence be believed?",
)
