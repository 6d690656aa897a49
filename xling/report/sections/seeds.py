"""The section of a sweep on which statements of a single run survive another seed."""

import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
from scipy import stats

from xling.analysis.seeds import ABOVE, BELOW, HOLDS, REVERSED
from xling.analysis.shares import SIGNS
from xling.analysis.unlearnt import FINE_TUNINGS
from xling.report.charts.matrix import cell_width, matrix
from xling.report.doubts import headline, unlearnt_languages, warnings
from xling.report.section import SIGN, Figure, FilledSection, Section, filled
from xling.report.sections.shares import share_limit
from xling.report.seed_groups import SeedGroup
from xling.report.style import GREY, HUES, rgba
from xling.report.sweep_results import RUNS, SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import printed_rows
from xling.report.words import (
    FEW,
    SIGNIFICANT,
    interval,
    listed,
    number,
    p_value,
    percent,
)

OVER = "end of the 95% interval over seeds and test examples"
OVER_SEEDS = "end of the 95% interval over seeds (Student's t)"
OVER_FITS = "end of the 95% interval over seeds and fine-tunings"
BETWEEN = "standard deviation between the seeds"
SEEDS = "number of seeds"
TEST = "language of the test examples"
TRAIN = "language of the training examples"
MEASURE = "loss (minus the mean loss of a language's test examples) or accuracy"

ENOUGH = 5
"""With fewer seeds than this, the page says what more would do."""

SHOWN = {
    "seed_statements": "Statements of single runs",
    "seed_laws": "Laws of what languages’ data do",
    "seed_rates": "Exchange rates",
    "seed_differences": "Differences that evaluations test",
    "seed_accuracy": "Test accuracy",
    "seed_correlations": "Correlations",
}
FOLDED = {"seed_shares": "All shares over seeds", "seed_means": "Mean influence over seeds"}
"""The tables of a group on the page, with what they are called; what is folded is long."""

MOST_PRINTED = 100
"""Rows of a table of a group that are on the page."""

MOST_OPEN = 36
"""Rows of a table that the page shows without unfolding it."""

EVALUATED = {
    "effect_gains": "more data of a language help, or harm, a language",
    "effect_changes": "all data of a language harm a language",
    "faithfulness_beats": "a method predicts better, or worse, than a control",
    "faithfulness_pairs": "a method predicts better, or worse, than another",
    "faithfulness_dropped": "the loss is higher, or lower, without a method’s first examples",
    "recommend_differences": "a recommendation does better, or worse, than something else",
}
"""What the tables of evaluations test, behind "that"."""

NAMED = 3
"""Pairs of languages that a sentence names at most."""

SCHEMAS = {
    "seed_shares": across_runs(
        "Shares over the seeds of runs that differ in nothing else, by a hierarchical bootstrap.",
        {
            "sign": SIGN,
            "test_language": TEST,
            "train_language": TRAIN,
            "share": "mean share of the top-k set, over test examples and then over seeds, 0 to 1",
            "low": f"lower {OVER}",
            "high": f"upper {OVER}",
            "between": BETWEEN,
            "base_rate": "share of all training data that is of the training language, 0 to 1",
            "p": "of the t-test of the share against the base rate, with the variances between "
            "seeds and between test examples that the interval has",
            "q": "p with the false discovery rate controlled over the sweep's runs of one setting",
            "above": "seeds whose own page tells it from the base rate: its interval is above, and "
            "q below 0.05",
            "below": "the same of an interval below it",
            "same_side": "of these, those on the side of the base rate that the share is on",
            "seeds": SEEDS,
            "test_examples": "traced test examples of a seed, the fewest",
        },
    ),
    "seed_statements": across_runs(
        "What single runs state of shares, with their intervals, and what becomes of it over "
        "seeds.",
        {
            "sign": SIGN,
            "test_language": TEST,
            "train_language": TRAIN,
            "side": "what is stated: that the share is above, or below, its base rate",
            "runs": "seeds whose run states it: its interval lies wholly on that side, and q is "
            "below 0.05",
            "opposite": "seeds whose run states the opposite",
            "verdict": "holds: the interval over seeds lies on that side, too; reversed: on the "
            "other side; contradicted: on none, and another seed states the opposite; open: on "
            "none",
            "share": "mean over seeds, 0 to 1",
            "low": f"lower {OVER}",
            "high": f"upper {OVER}",
            "base_rate": "share of all training data that is of the training language, 0 to 1",
            "seeds": SEEDS,
        },
    ),
    "seed_means": across_runs(
        "Mean influence over the seeds of runs that differ in nothing else.",
        {
            "test_language": TEST,
            "train_language": TRAIN,
            "mean": "mean influence, over all pairs of examples and then over seeds",
            "low": f"lower {OVER}",
            "high": f"upper {OVER}",
            "between": BETWEEN,
            "p": "of the t-test of the mean against 0, with the variances that the interval has",
            "q": "p with the false discovery rate controlled over the sweep's runs of one setting",
            "above": "seeds whose own interval lies above 0",
            "below": "seeds whose own interval lies below 0",
            "same_side": "of these, those on the side of 0 that the mean is on",
            "seeds": SEEDS,
        },
    ),
    "seed_accuracy": across_runs(
        "Test accuracy over the seeds of runs that differ in nothing else.",
        {
            "language": TEST,
            "accuracy": "mean over seeds, 0 to 1",
            "low": f"lower {OVER}, as if all seeds had the same test examples",
            "high": f"upper {OVER}",
            "between": BETWEEN,
            "lowest": "of a seed",
            "highest": "of a seed",
            "seeds": SEEDS,
        },
    ),
    "seed_correlations": across_runs(
        "The correlations that each run found, over the seeds of runs that differ in nothing else.",
        {
            "table": "table of the run that has the correlation",
            "what": "what is correlated",
            "correlation": "mean over seeds, -1 to 1",
            "low": f"lower {OVER_SEEDS}",
            "high": f"upper {OVER_SEEDS}",
            "between": BETWEEN,
            "lowest": "of a seed",
            "highest": "of a seed",
            "positive": "seeds in which it is above 0",
            "seeds": SEEDS,
        },
    ),
    "seed_differences": across_runs(
        "What evaluations test against 0, over the seeds of those that differ in nothing else.",
        {
            "table": "table of the evaluation",
            "what": "its row: measure, training and test language of effect_gains and "
            "effect_changes; method, control and level of faithfulness_beats; method, other and "
            "level of faithfulness_pairs; method, control and test language of "
            "faithfulness_dropped; other mixture and test language of recommend_differences",
            "difference": "mean over seeds, in the table's own unit",
            "low": f"lower {OVER_FITS}",
            "high": f"upper {OVER_FITS}",
            "between": BETWEEN,
            "p": "of the t-test of the mean against 0, with the variances that the interval has",
            "q": "p with the false discovery rate controlled over the table of the evaluation",
            "above": "seeds whose own q is below 0.05, above 0",
            "below": "seeds whose own q is below 0.05, below 0",
            "verdict": "of what more seeds tell. holds: the interval over seeds lies on that side, "
            "too; reversed: on the other side; contradicted: on none, and another seed tells the "
            "opposite; open: on none. Empty: no seed tells anything",
            "seeds": SEEDS,
        },
    ),
    "seed_laws": across_runs(
        "How often each law of what languages' data do is chosen, over seeds.",
        {
            "measure": MEASURE,
            "law": "see effect_laws",
            "r2": "cross-validated share of the variance that it explains, mean over seeds",
            "low": f"lower {OVER_SEEDS}",
            "high": f"upper {OVER_SEEDS}",
            "chosen": "seeds in which it is chosen for all test languages together",
            "seeds": SEEDS,
        },
    ),
    "seed_rates": across_runs(
        "Exchange rates over seeds, each with fine-tunings of its own.",
        {
            "measure": MEASURE,
            "test_language": TEST,
            "train_language": TRAIN,
            "law": "each: a rate of its own for each language; one: the same for all others",
            "rate": "what an example is worth, in the test language's own: mean over seeds",
            "low": f"lower {OVER_FITS}",
            "high": f"upper {OVER_FITS}",
            "between": BETWEEN,
            "lowest": "of a seed",
            "highest": "of a seed",
            "seeds": SEEDS,
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where no runs differ in the seed alone."""
    if not sweep.seeds:
        return None
    return {"shown": min(RUNS, len(sweep.seeds)), "groups": len(sweep.seeds)}


def groups(sweep: SweepResults) -> list[FilledSection]:
    """Return what is shown of each group of runs, of the first `RUNS` of them."""
    return [part for group in sweep.seeds[:RUNS] for part in filled((GROUP,), group)]


def of_group(group: SeedGroup) -> dict[str, Any]:
    """Return what the template of one group prints."""
    printed = {name: _printed(table) for name, table in group.tables.items()}
    return {
        "title": group.title,
        "seeds": group.seeds,
        "doubted": bool(doubted(group)),
        "shown": [(text, printed[name]) for name, text in SHOWN.items() if name in printed],
        "folded": [(text, printed[name]) for name, text in FOLDED.items() if name in printed],
        "most": MOST_OPEN,
        "few": len(group.seeds) < ENOUGH,
        "widths": t_widths(len(group.seeds)),
    }


def _printed(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as the page has it: what its other columns tell is in the file alone."""
    shown = table[:MOST_PRINTED].drop(columns=["p", "same_side"], errors="ignore")
    return {**printed_rows(shown), "total": len(table)}


def t_widths(seeds: int) -> str:
    """Say how much wider than that of many seeds the interval of a few is."""
    return number(stats.t.ppf(0.975, seeds - 1) / stats.norm.ppf(0.975), 1)


def figures(group: SeedGroup) -> list[Figure]:
    """Return the matrices of shares of both signs, on one scale."""
    if "seed_shares" not in group.tables:
        return []
    shares = group.tables["seed_shares"]
    limit = share_limit(shares)
    subject = re.sub(r"[^\w.=+-]+", "_", group.title).strip("_")  # a part of the files' names
    return [
        Figure(
            f"seed_{name}_shares",
            f"Share of each training language in the most {name} training examples of each test "
            f"language, over {len(group.seeds)} seeds",
            shares_matrix(shares[shares["sign"] == sign], sign, group.languages, limit),
            subject=subject,
        )
        for sign, name in SIGNS.items()
    ]


def shares_matrix(
    shares: pd.DataFrame, sign: str, languages: Sequence[str], limit: float
) -> alt.LayerChart:
    """Draw shares over seeds; those that are told from their base rate are bold.

    Args:
        shares: rows of `seed_shares` with one sign.
        limit: distance from the base rate, 0 to 1, with the strongest colour.
    """
    limit = max(100 * limit, 1e-6)
    width = cell_width(shares["train_language"].nunique())
    rows = shares.to_dict("records")
    table = shares[["test_language", "train_language", "seeds"]].assign(
        share=shares["share"].round(5),
        base_rate=shares["base_rate"].round(5),
        between=shares["between"].round(5),
        excess=(100 * (shares["share"] - shares["base_rate"])).round(3),
        printed=[f"{100 * share:.{1 if width >= 44 else 0}f}" for share in shares["share"]],
        interval=[_interval(row) for row in rows],
        q=["–" if pd.isna(q) else p_value(q) for q in shares["q"]],
        single=[f"above in {row[ABOVE]}, below in {row[BELOW]}" for row in rows],
        weak=~(shares["q"] < SIGNIFICANT),
    )
    color = alt.Color("excess:Q", title="percentage points from the base rate").scale(
        domain=[-limit, 0, 1e-6 * limit, limit],
        range=[rgba(GREY, 0.6), rgba(GREY, 0), rgba(HUES[sign], 0), rgba(HUES[sign], 0.8)],
    )
    label = "datum.value == 0 ? 'base rate' : format(datum.value, '+.0f')"
    tooltip = [
        alt.Tooltip("share:Q", title="share", format=".1%"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        alt.Tooltip("q:N", title="q against the base rate"),
        alt.Tooltip("between:Q", title="sd between seeds", format=".1%"),
        alt.Tooltip("single:N", title="single runs"),
        alt.Tooltip("seeds:Q"),
    ]
    legend = color.legend(orient="bottom", labelExpr=label, values=[-limit, 0, limit])
    return matrix(table, legend, tooltip, languages, width)


def _interval(row: dict[str, Any]) -> str:
    return "no interval" if pd.isna(row["low"]) else interval(row["low"], row["high"])


def findings(sweep: SweepResults) -> list[str]:
    """Say what survives another seed, in a sentence or two for each group of runs."""
    return [
        (f"{group.title}: " if group.title else "") + text
        for group in sweep.seeds[:RUNS]
        for text in sentences(group)
    ]


def sentences(group: SeedGroup) -> list[str]:
    """Say how many statements of single runs hold over seeds, and which contradict each other."""
    told = [*_law_sentences(group), *_difference_sentences(group)]
    texts = [*_share_sentences(group), *told, *(_at_chance(group) if told else [])]
    if texts and len(group.seeds) == 2:
        texts.append(
            f"Two seeds tell little: an interval of two is {t_widths(2)} times as wide as one of "
            f"many seeds would be. Give {ENOUGH} or more, as in seed=0,1,2,3,4."
        )
    return texts


def doubted(group: SeedGroup) -> list[int]:
    """Return the seeds whose page says that its shares cannot stand."""
    return [seed for seed, results in group.results.items() if headline(results)]


def _at_chance(group: SeedGroup) -> list[str]:
    """Say that many of the evaluations' fine-tunings have learnt nothing, where it is so."""
    seeds = [
        seed
        for seed, results in group.results.items()
        if any(doubt["code"] == FINE_TUNINGS for doubt in warnings(results))
    ]
    if not seeds:
        return []
    return [
        f"In {len(seeds)} of {len(group.seeds)} seeds many fine-tunings have learnt nothing that "
        f"shows (seed {listed(map(str, seeds))}: see the warning of each), and what the seeds have "
        "in common may come of that."
    ]


def _share_sentences(group: SeedGroup) -> list[str]:
    if "seed_shares" not in group.tables:
        return []
    count = len(group.seeds)
    if wrong := doubted(group):
        which = listed(map(str, wrong))
        return [
            f"In {len(wrong)} of {count} seeds the shares cannot stand (seed {which}: see the page "
            "of the run), so what the seeds have in common is no finding."
        ]
    shares = group.tables["seed_shares"]
    weak = {name for results in group.results.values() for name in unlearnt_languages(results)}
    few = set(shares.loc[shares["test_examples"] < FEW, "test_language"])
    texts = []
    if left := [name for name in group.languages if name in weak | few]:
        texts.append(
            f"Over {count} seeds, nothing is said of {listed(left)}: not learnt in every seed, or "
            f"fewer than {FEW} test examples traced."
        )
    told = shares[~shares["test_language"].isin(weak | few)]
    if told.empty:
        return texts
    made = group.tables.get("seed_statements")
    made = made[~made["test_language"].isin(weak | few)] if made is not None else None
    if made is None or made.empty:
        return [*texts, f"No run of {count} seeds states that a share is above or below its base."]
    return [*texts, _statements_sentence(made, count), *_contradictions(made)]


def _statements_sentence(made: pd.DataFrame, seeds: int) -> str:
    holds = made[made["verdict"] == HOLDS]
    reversed_ones = int((made["verdict"] == REVERSED).sum())
    kept = holds["runs"].sum() / made["runs"].sum()
    verb, are = "holds" if len(holds) == 1 else "hold", "is" if reversed_ones == 1 else "are"
    return (
        f"Of {number(len(made))} statements of single runs, that a language’s share is above or "
        f"below its base rate, {number(len(holds)) if len(holds) else 'none'} {verb} over "
        f"{seeds} seeds"
        + (f", and {number(reversed_ones)} {are} reversed" if reversed_ones else "")
        + f"; of those that one run makes, {percent(kept, 0)} hold on average."
    )


def _contradictions(made: pd.DataFrame) -> list[str]:
    """Name the pairs of languages on which single runs contradict each other most."""
    both = made[(made["opposite"] > 0) & (made["side"] == ABOVE)]
    if both.empty:
        return []
    balance = both[["runs", "opposite"]].min(axis=1)
    named = both.loc[balance.sort_values(ascending=False, kind="stable").index[:NAMED]]
    parts = [
        f"{row['train_language']} → {row['test_language']} (most {SIGNS[row['sign']]}) is above in "
        f"{row['runs']} and below in {row['opposite']}"
        for row in named.to_dict("records")
    ]
    more = len(both) - len(named)
    rest = f"; likewise {number(more)} more {'pair' if more == 1 else 'pairs'}" if more else ""
    return [f"Single runs contradict each other: {listed(parts)}{rest}."]


def _difference_sentences(group: SeedGroup) -> list[str]:
    if "seed_differences" not in group.tables:
        return []
    every, texts = group.tables["seed_differences"], []
    for name, what in EVALUATED.items():
        made = every[(every["table"] == name) & (every["verdict"] != "")]
        if made.empty:
            if name in set(every["table"]):
                texts.append(f"No seed tells that {what}.")
            continue
        holds = made.loc[made["verdict"] == HOLDS, "what"].str.replace(" · ", ", ").tolist()
        kept = "none holds"
        if holds:
            kept = f"{number(len(holds))} {'holds' if len(holds) == 1 else 'hold'}"
        named = ", ".join(f"“{row}”" for row in holds[:NAMED])
        more = ", …" if len(holds) > NAMED else ""
        texts.append(
            f"That {what} is told by single seeds in {number(len(made))} "
            f"{'case' if len(made) == 1 else 'cases'}, of which {kept} over {len(group.seeds)} "
            f"seeds" + (f": {named}{more}." if named else ".")
        )
    return texts


def _law_sentences(group: SeedGroup) -> list[str]:
    if "seed_laws" not in group.tables:
        return []
    laws, rates = group.tables["seed_laws"], group.tables.get("seed_rates")
    texts = []
    for measure, table in laws.groupby("measure", sort=False):
        often = table[table["chosen"] > 0].sort_values("chosen", ascending=False, kind="stable")
        parts = [f"{row['law']} in {row['chosen']}" for row in often.to_dict("records")]
        texts.append(
            f"The law of what languages’ data do, by {measure}, is {listed(parts)} of "
            f"{len(group.seeds)} seeds."
        )
    if rates is None:
        return texts
    several = rates["seeds"] > 1  # one seed alone, as nothing predicts in others, has no spread
    if len(each := rates[several & (rates["law"] == "each")]):
        spread = each["highest"] - each["lowest"]
        row = each.loc[spread.idxmax()]
        texts.append(
            f"Exchange rates spread by {number(spread.median(), 2)} between seeds (median), most "
            f"that of {row['train_language']} for {row['test_language']} by {row['measure']}: from "
            f"{number(row['lowest'], 2)} to {number(row['highest'], 2)}."
        )
    return texts


GROUP = Section("seeds-group", "seeds_group.html.j2", of_group, figures=figures)

SECTION = Section(
    "seeds",
    "seeds.html.j2",
    content,
    "Seeds",
    schemas=SCHEMAS,
    findings=findings,
    groups=groups,
    question="Which findings survive another seed?",
)
