"""The section on how far attribution methods predict fine-tunings on parts of the data.

And on what is lost without the examples that they rank first, the query loss difference.
"""

from typing import Any

import altair as alt
import pandas as pd

from xling.config import CONTROLS
from xling.report.doubts import unlearnt_sentences
from xling.report.section import Figure, FilledSection, Section, filled
from xling.report.style import HUES, LINES, QUIET
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import RunTables, printed_rows, there
from xling.report.words import SIGNIFICANT, listed, number, p_equals

CEILING = "noise ceiling"
"""How well fine-tunings predict those on the same examples with another seed."""

LEVELS = {"example": "each test example’s loss", "language": "each test language’s mean loss"}
KINDS = {"method": "method", "control": "control", "ceiling": CEILING}

BOOTSTRAP = "end of the 95% bootstrap interval over halves and test examples together"
TWO_SIDED = "two-sided, of the bootstrap; at least 0.002"
STUDENT = "end of the 95% interval over fine-tunings and test examples together"
METHOD = "attribution method, control, or noise ceiling: fine-tunings with another seed"
LEVEL = (
    "example: correlation for each test example, averaged; language: for each test language's mean "
    "loss, averaged"
)

BELOW = alt.Legend(symbolOpacity=1, labelLimit=320, orient="bottom", columns=1)
PAIRS = "faithfulness_pairs"
"""The table of methods against each other, which evaluations of earlier versions are without."""

ALL = "all"
AGAINST = {"random": "random examples", "matched": "same language and label"}
THAN = {
    "random": "without random examples",
    "matched": "without others of the same language and label",
}
TOLD = {"random": "random examples", "matched": "others of the same language and label"}
"""What a method's first examples are compared with, in figures and in sentences."""

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
            "low": f"lower {BOOTSTRAP}; missing with fewer than 8 halves",
            "high": f"upper {BOOTSTRAP}",
            "p": f"of a score of 0, {TWO_SIDED}",
            "q": "p with the false discovery rate controlled over the methods of a level; missing "
            "for controls and the noise ceiling",
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
            "p": TWO_SIDED,
            "q": "p with the false discovery rate controlled over the table",
            "beats": "whether q is below 0.05, and the method is better",
        },
    ),
    "faithfulness_pairs": across_runs(
        "Which methods predict better than which others, over the same halves.",
        {
            "method": "attribution method",
            "other": "another",
            "level": LEVEL,
            "difference": "the linear datamodelling score of the method minus that of the other",
            "low": f"lower {BOOTSTRAP}",
            "high": f"upper {BOOTSTRAP}",
            "p": TWO_SIDED,
            "q": "p with the false discovery rate controlled over the table",
            "told": "whether q is below 0.05: one of the two is better",
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
    "faithfulness_dropped": across_runs(
        "By how much more the loss rises without the training examples that a method ranks first "
        "than without as many others.",
        {
            "method": "attribution method, by whose scores for all test examples together they are "
            "ranked",
            "against": "random: random examples; matched: others of the same language and label, "
            "one for each",
            "test_language": "language of the test examples; all: together",
            "dropped": "number of training examples that are left out",
            "alike": "share of the matched ones of the same language and label; below 1 where "
            "these are too few, and others of the label, or any, stand in",
            "difference": "of the mean losses; above 0, the method's first examples help more",
            "low": f"lower {STUDENT}",
            "high": f"upper {STUDENT}",
            "p": "two-sided, Student's t; the noise of a fine-tuning is estimated from all of them",
            "q": "p with the false discovery rate controlled over the rows of all, or of languages",
            "beats": "whether q is below 0.05, and the difference above 0",
            "fits": "number of fine-tunings of each of the two",
        },
    ),
    "faithfulness_first": across_runs(
        "The training examples that each method ranks first for all test examples together.",
        {
            "method": "attribution method",
            "rank": "from 1",
            "train_id": "id of the training example",
            "train_language": "its language",
            "train_label": "its label",
            "score": "mean over the test examples, summed over the checkpoints",
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
    dropped = run.tables.get("faithfulness_dropped")
    return {
        "title": run.title,
        "doubts": unlearnt_sentences(run),
        "dropped": None if dropped is None else printed_rows(dropped),
        "levels": LEVELS,
        "ranked": {level: _ranked_rows(run, level) for level in LEVELS},
        "scores": printed_rows(run.tables["faithfulness"]),
        "pairs": printed_rows(run.tables[PAIRS]) if there(run.tables, PAIRS) else None,
        "beats": printed_rows(run.tables["faithfulness_beats"]),
        "languages": printed_rows(run.tables["faithfulness_languages"]),
    }


def _ranked_rows(run: RunTables, level: str) -> dict[str, Any] | None:
    """Return which methods each is told from, as it is printed; None if nothing compares two."""
    if not there(run.tables, PAIRS):
        return None
    better = _better(run, level)
    names = _methods(run, level).index
    rows = {
        "method": [*names],
        "better than": [", ".join(n for n in names if (name, n) in better) for name in names],
        "worse than": [", ".join(n for n in names if (n, name) in better) for name in names],
    }
    return printed_rows(pd.DataFrame(rows).replace("", "–"))


def numbers(run: RunTables) -> dict[str, float]:
    """Return each method's scores, for a tracker: lds/LEVEL/METHOD."""
    scores = run.tables["faithfulness"].dropna(subset="lds")
    return {f"lds/{row.level}/{row.method}": float(row.lds) for row in scores.itertuples()}


def figures(run: RunTables) -> list[Figure]:
    """Return the scores of each level with their intervals, and what is lost without the first."""
    table = run.tables["faithfulness"]
    drawn = [
        Figure(
            f"faithfulness_{level}",
            f"How well each method predicts {LEVELS[level]}",
            scores_chart(table[table["level"] == level]),
            fluid=True,
            subject=run.title,
        )
        for level in LEVELS
    ]
    if "faithfulness_dropped" in run.tables:
        label = "How much the loss rises without the examples that each method ranks first"
        chart = dropped_chart(run.tables["faithfulness_dropped"])
        drawn.append(Figure("faithfulness_dropped", label, chart, fluid=True, subject=run.title))
    return drawn


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
        _interval(low, high, 2) for low, high in zip(shown["low"], shown["high"], strict=True)
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


def dropped_chart(dropped: pd.DataFrame) -> alt.LayerChart:
    """Draw the differences of the loss of all test examples, the largest first."""
    table = dropped[dropped["test_language"] == ALL]
    order = list(dict.fromkeys(table.sort_values("difference", ascending=False)["method"]))
    ends = zip(table["low"], table["high"], strict=True)
    shown = table[["method", "difference", "low", "high", "q", "dropped", "fits"]].assign(
        others=table["against"].map(AGAINST), interval=[_interval(*pair) for pair in ends]
    )
    shown = shown.round({"difference": 5, "low": 5, "high": 5, "q": 4})
    names = list(AGAINST.values())
    base = alt.Chart(shown).encode(
        y=alt.Y("method:N", sort=order, title=None, axis=alt.Axis(labelLimit=200)),
        yOffset=alt.YOffset("others:N", sort=names),
        color=alt.Color("others:N", title=None, sort=names, legend=BELOW).scale(
            domain=names, range=[QUIET, f"rgb({HUES['+']})"]
        ),
        tooltip=[
            alt.Tooltip("method:N"),
            alt.Tooltip("others:N", title="others"),
            alt.Tooltip("difference:Q", title="difference of the loss", format="+.4f"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("q:Q", format=".3f"),
            alt.Tooltip("dropped:Q", title="examples left out"),
            alt.Tooltip("fits:Q", title="fine-tunings of each"),
        ],
    )
    axis = alt.Axis(tickCount=6, labelOverlap="greedy", labelSeparation=6)
    x = alt.X("low:Q", title="loss, higher than without others", axis=axis)
    rules = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("high:Q"))
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X("difference:Q"),
        shape=alt.Shape("others:N", title=None, sort=names, legend=BELOW).scale(
            domain=names, range=["circle", "diamond"]
        ),
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=QUIET).encode(x=alt.X("zero:Q"))
    return (zero + rules + dots).properties(width=460, height={"step": 17})


def _interval(low: float, high: float, digits: int = 4) -> str:
    return "no interval" if pd.isna(low) else f"{number(low, digits)} to {number(high, digits)}"


def _kind(method: str) -> str:
    if method == CEILING:
        return KINDS["ceiling"]
    return KINDS["control" if method in CONTROLS else "method"]


def findings(sweep: SweepResults) -> list[str]:
    """Say for each run which method predicts best, how near the ceiling, and what it beats."""
    return [
        *sweep.told("faithfulness", unlearnt_sentences),
        *sweep.told("faithfulness", sentences),
    ]


def sentences(run: RunTables) -> list[str]:
    """Say what the scores of a run's methods are worth, and what is lost without the first."""
    told = [_sentence(run, level) for level in LEVELS]
    if "faithfulness_dropped" in run.tables:
        told.append(_dropped_sentence(run.tables["faithfulness_dropped"]))
    return told


def quoted(run: RunTables) -> list[str]:
    """Return what a run's page quotes."""
    return sentences(run)[:1]


def of_method(tables: dict[str, pd.DataFrame], method: str) -> str:
    """Say what the scores of one method are worth."""
    table = tables["faithfulness"].set_index("method")
    parts = []
    for level, name in LEVELS.items():
        of_level = table[table["level"] == level]
        row, noise = of_level.loc[method], _ceiling(of_level)
        ends = _interval(row["low"], row["high"], 2) if pd.notna(row["low"]) else ""
        about = "; ".join(part for part in (ends, noise[2:]) if part)
        text = f"{name} at ρ = {number(row['lds'], 2)}" + (f" ({about})" if about else "")
        if pd.notna(row["beyond"]):
            text += f", {number(row['beyond'], 2)} beyond counts of labels and languages"
        beats = tables["faithfulness_beats"]
        beats = beats[(beats["method"] == method) & (beats["level"] == level)]
        beats = beats[beats["control"].isin(CONTROLS)]
        if len(beats) and not beats["beats"].all():
            text += ", not told to be better than every control"
        parts.append(text)
    subsets = int(table.loc[[method], "subsets"].iloc[0])
    return f"In {subsets} fine-tunings on random halves, these scores went with {'; '.join(parts)}."


def _ceiling(scores: pd.DataFrame) -> str:
    """Return the noise ceiling with its interval, as it stands behind a score; "" if there is none.

    Args:
        scores: of one level, by method.
    """
    if CEILING not in scores.index or pd.isna(scores.loc[CEILING, "lds"]):
        return ""
    row = scores.loc[CEILING]
    ends = _interval(row["low"], row["high"], 2)
    if pd.isna(row["low"]):
        ends = f"of {row['subsets']} halves, too few for an interval"
    return f"; noise ceiling {number(row['lds'], 2)}, {ends}"


def _of_level(run: RunTables, level: str) -> pd.DataFrame:
    """Return the scores of a level, by method."""
    table = run.tables["faithfulness"]
    return table[table["level"] == level].set_index("method")


def _methods(run: RunTables, level: str) -> pd.DataFrame:
    """Return the scores of a level by method, the best first, without controls and ceiling."""
    table = _of_level(run, level).drop([*CONTROLS, CEILING], errors="ignore")
    return table.dropna(subset="lds").sort_values("lds", ascending=False, kind="stable")


def _better(run: RunTables, level: str) -> set[tuple[str, str]]:
    """Return the pairs of methods of which the first is told to be the better one."""
    pairs = run.tables[PAIRS]
    told = pairs[(pairs["level"] == level) & pairs["told"].astype(bool)]
    columns = zip(told["method"], told["other"], told["difference"], strict=True)
    return {(one, other) if ahead > 0 else (other, one) for one, other, ahead in columns}


def _shown(methods: pd.DataFrame) -> list[str]:
    """Return the methods that are told to predict; by their intervals, of earlier versions."""
    above = methods["q"] < SIGNIFICANT if "q" in methods else methods["low"] > 0
    return [*methods.index[above & (methods["lds"] > 0)]]


def _ahead(run: RunTables, level: str) -> str:
    """Say which method leads, or which are not told apart, up to the first one's score."""
    methods, what = _methods(run, level), LEVELS[level]
    best, *others = methods.index
    if not _shown(methods):
        return f"no method is shown to predict {what}; the highest is {best}’s "
    if not others:
        return f"{best} is shown to predict {what}: "
    if PAIRS not in run.tables:  # of an earlier version
        return f"{best} is highest with {what}, methods not having been compared with each other: "
    beaten = {worse for _, worse in _better(run, level)}
    if tied := [name for name in others if name not in beaten]:
        apart = f"{listed([best, *tied])} are not told apart"
        return f"{apart} in how well they predict {what}; the highest is {best}’s "
    return f"{best} goes furthest with {what}, told from the next, {others[0]}: "


def _sentence(run: RunTables, level: str) -> str:
    table, methods = _of_level(run, level), _methods(run, level)
    noise = _ceiling(table)
    beats = run.tables["faithfulness_beats"]
    beats = beats[beats["level"] == level]
    controls = [name for name in CONTROLS if name in set(beats["control"])]
    won = beats[beats["beats"]].groupby("method")["control"].agg(set)
    every = [name for name in methods.index if controls and won.get(name, set()) >= {*controls}]
    if methods.empty:
        return f"No method was compared with {LEVELS[level]}."
    row, shown = methods.iloc[0], _shown(methods)
    beyond = ""
    if pd.notna(row["beyond"]):
        beyond = f", and {number(row['beyond'], 2)} beyond counts of labels and languages"
    unshown = not len(shown) and pd.notna(row.get("q"))
    against_nothing = f", {p_equals(row['q'], 'q')} among the methods" if unshown else ""
    text = (
        f"In {row['subsets']} fine-tunings on random halves, {_ahead(run, level)}"
        f"linear datamodelling score {number(row['lds'], 2)} "
        f"({_interval(row['low'], row['high'], 2)}{against_nothing}{noise}){beyond}."
    )
    if 0 < len(shown) < len(methods):
        text += f" Shown to predict at all: {listed(shown)}."
    higher = table.loc[table.index.intersection(controls), "lds"]
    if (higher > row["lds"]).any():
        text += f" The control {higher.idxmax()} has {number(higher.max(), 2)}."
    if not controls:
        return text
    if not every:
        return f"{text} No method is told from all controls ({listed(controls)})."
    return f"{text} Better than every control ({listed(controls)}): {listed(every)}."


def _dropped_sentence(dropped: pd.DataFrame) -> str:
    table = dropped[dropped["test_language"] == ALL].set_index(["against", "method"])
    best = table.loc["random", "difference"].idxmax()
    parts = []
    for against, than in THAN.items():
        row = table.loc[(against, best)]
        up = "higher" if row["difference"] >= 0 else "lower"
        size = number(abs(row["difference"]), 3)
        ends = f"{_interval(row['low'], row['high'], 3)}, {p_equals(row['q'], 'q')}"
        parts.append(f"{size} {up} than {than} ({ends})")
    count, fits = (int(table.iloc[0][key]) for key in ("dropped", "fits"))
    examples = "example" if count == 1 else f"{number(count)} examples"
    text = (
        f"Without the {examples} that {best} ranks first for all test examples, the loss is "
        f"{listed(parts)}; {fits} fine-tunings of each."
    )
    told = {
        against: [name for name in table.loc[against].index if table.loc[(against, name), "beats"]]
        for against in THAN
    }
    both = [name for name in told["random"] if name in told["matched"]]
    if both:
        return f"{text} Told from both controls: {listed(both)}."
    parts = [f"from {TOLD[key]}: {listed(names)}" for key, names in told.items() if names]
    if parts:
        return f"{text} No method is told from both controls; {listed(parts)}."
    return f"{text} No method is told from either control."


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
