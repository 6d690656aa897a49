"""The section on whose data matters to whom: shares of the most influential training examples."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS, told_sides
from xling.report.charts.matrix import cell_width, matrix
from xling.report.doubts import headline, unlearnt_languages
from xling.report.methods import method
from xling.report.papers import paper
from xling.report.section import EPOCH, INTERVAL, SIGN, Figure, KeyFigure, Schema, Section
from xling.report.sections import labels
from xling.report.style import GREY, HUES, rgba
from xling.report.tables import Cells, Run, records
from xling.report.words import (
    SIGNIFICANT,
    interval,
    listed,
    number,
    p_value,
    percent,
    percent_range,
    too_few,
)

SMALL = 190  # pixels that the columns of one of several small matrices share

SCHEMAS = {
    "shares": Schema(
        "What each training language holds of the most influential training examples.",
        {
            "epoch": EPOCH,
            "sign": SIGN,
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "share": "mean share of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "share of all training data that is of the training language, 0 to 1",
            "lift": "share divided by the base rate",
            "same_label": "share among the members with the test example's label, if any",
            "p": "how often permuted languages give a share as far from chance, 0 to 1",
            "q": "p with the false discovery rate controlled over the table (Benjamini, Hochberg)",
            "test_examples": "number of test examples averaged over",
            "noise": "{noise}",
        },
        gaps=("noise", "same_label", "p", "q"),
    ),
}


TOLD = f"whole 95% interval, and q < {SIGNIFICANT}"
"""By what a share is told from its base rate, in words."""

MOST_CELLS = 1_600
"""Pairs of languages whose numbers are on the page; those of more are in the files alone."""


def content(run: Run) -> dict[str, Any]:
    """Return what the template prints."""
    shares = run.tables["shares"]
    return {
        "top_k": run.results["top_k"],
        "twin": run.results.get("twin"),
        "significance": significance(run.told("shares")),
        "at_random": at_random(run),
        "doubted": bool(headline(run.results)),
        "cells": {sign: share_cells(shares, sign) for sign in SIGNS},
        "test_languages": present(run, "test_language"),
        "train_languages": present(run, "train_language"),
        "printed": is_printed(shares),
        "paper": paper(run).sentences["shares"],
    }


def present(run: Run, side: str, table: str = "shares") -> list[str]:
    """Return the languages on a side of a table (test_language or train_language), in order."""
    languages = set(run.tables[table][side])
    return [language for language in run.languages if language in languages]


def is_printed(table: pd.DataFrame) -> bool:
    """Tell whether a table of pairs of languages has few enough of them to be on a page."""
    return table["test_language"].nunique() * table["train_language"].nunique() <= MOST_CELLS


def cells(table: pd.DataFrame) -> Cells:
    """Return the rows summed over checkpoints by (test language, training language)."""
    summed = records(table[table["epoch"] == 0])
    return {(row["test_language"], row["train_language"]): row for row in summed}


def share_cells(shares: pd.DataFrame, sign: str) -> Cells:
    """Return `cells` of one sign; `weak` are those that are not significant."""
    rows = cells(shares[shares["sign"] == sign])
    return {
        pair: {**row, "weak": row["q"] is not None and row["q"] >= SIGNIFICANT}
        for pair, row in rows.items()
    }


def at_random(run: Run) -> dict[tuple[str, str, str], float]:
    """Return shares with ties broken at random by (sign, test language, training language)."""
    if "tie_shares" not in run.tables:
        return {}
    return {
        (row["sign"], row["test_language"], row["train_language"]): row["at_random"]
        for row in records(run.tables["tie_shares"])
    }


def figures(run: Run) -> list[Figure]:
    """Return the matrices of both signs, on one scale."""
    shares = run.tables["shares"]
    limit = share_limit(shares.query("epoch == 0"))
    return [
        Figure(
            f"{name}_shares",
            f"Share of each training language in the most {name} training examples of each test "
            "language",
            share_heatmap(shares, sign, 0, run.languages, limit),
        )
        for sign, name in SIGNS.items()
    ]


def share_heatmap(
    shares: pd.DataFrame,
    sign: str,
    epoch: int = 0,
    languages: Sequence[str] | None = None,
    limit: float | None = None,
) -> alt.LayerChart:
    """Draw each training language's share of the top-k sets (Choenni et al. 2023, Fig. 2).

    Args:
        shares: the table `shares`.
        sign: "+" or "-".
        epoch: 0 for the influence summed over the checkpoints.
        languages: order of rows and columns; by default as they come.
        limit: distance from the base rate (0 to 1) with the strongest colour, so that several
            charts can have one scale; by default the largest in the chart.
    """
    table = shares.query("sign == @sign and epoch == @epoch")
    return _share_matrix(table, sign, languages, limit)


def share_panel(
    shares: pd.DataFrame,
    sign: str,
    epoch: int,
    languages: Sequence[str] | None = None,
    limit: float | None = None,
) -> alt.LayerChart:
    """`share_heatmap` of one epoch as one of several: small, with a title, without a legend."""
    table = shares.query("sign == @sign and epoch == @epoch")
    title = alt.Title(f"epoch {epoch}", anchor="start")
    return _share_matrix(table, sign, languages, limit, small=True).properties(title=title)


def share_limit(shares: pd.DataFrame) -> float:
    """Return the largest distance of a share from its base rate (0 to 1)."""
    return float((shares["share"] - shares["base_rate"]).abs().max())


def _share_matrix(
    shares: pd.DataFrame,
    sign: str,
    languages: Sequence[str] | None,
    limit: float | None,
    small: bool = False,
) -> alt.LayerChart:
    limit = max(100 * (limit if limit is not None else share_limit(shares)), 1e-6)
    columns = shares["train_language"].nunique()
    width = cell_width(columns, SMALL, 19) if small else cell_width(columns)
    noisy = shares["noise"].notna().all()  # there are twin sketches
    tested = shares["q"].notna().all()  # single epochs are not
    digits = 1 if width >= 44 else 0
    table = shares[["test_language", "train_language", "base_rate", "test_examples"]].assign(
        share=shares["share"].round(5),
        lift=shares["lift"].round(3),
        excess=(100 * (shares["share"] - shares["base_rate"])).round(3),
        interval=[
            interval(low, high) for low, high in zip(shares["low"], shares["high"], strict=True)
        ],
        printed=[
            f"{100 * share:.{digits}f}" + (f" ±{100 * noise:.1f}" if noisy and width >= 60 else "")
            for share, noise in zip(shares["share"], shares["noise"], strict=True)
        ],
        **({"noise": shares["noise"]} if noisy else {}),
        **({"q": [p_value(q) for q in shares["q"]]} if tested else {}),
    )
    color = alt.Color("excess:Q", title="percentage points from the base rate").scale(
        domain=[-limit, 0, 1e-6 * limit, limit],
        range=[rgba(GREY, 0.6), rgba(GREY, 0), rgba(HUES[sign], 0), rgba(HUES[sign], 0.8)],
    )
    tooltip = [
        alt.Tooltip("share:Q", title="share", format=".1%"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        alt.Tooltip("lift:Q", title="share / base rate", format=".2f"),
        *([alt.Tooltip("q:N", title="q against chance")] if tested else []),
        alt.Tooltip("test_examples:Q", title="test examples"),
        *([alt.Tooltip("noise:Q", title="differs by twin sketch", format=".1%")] if noisy else []),
    ]
    label = "datum.value == 0 ? 'base rate' : format(datum.value, '+.0f')"
    legend = color.legend(orient="bottom", labelExpr=label, values=[-limit, 0, limit])
    return matrix(table, color.legend(None) if small else legend, tooltip, languages, width, small)


def significance(shares: pd.DataFrame) -> str:
    """Say how many shares, summed over the checkpoints, chance does not explain."""
    q = shares.query("epoch == 0")["q"].dropna()
    if q.empty:
        return ""
    return (
        f"Of {number(len(q))} shares, {number((q < SIGNIFICANT).sum())} are farther from chance "
        f"than permuted languages explain (q < {SIGNIFICANT}, the false discovery rate controlled "
        "over both signs)."
    )


def findings(run: Run) -> list[str]:
    """Return what the shares say, the sentence for the head of the page first."""
    shares, top_k = run.told("shares").query("epoch == 0"), run.results["top_k"]
    few = [sentence] if (sentence := too_few(run.traced)) else []
    weak = unlearnt_languages(run.results)
    sure = shares[~shares["test_language"].isin(weak)]
    if sure.empty:
        return few or [f"In no language is the accuracy shown to be above chance: {listed(weak)}."]
    positive = sure.query("sign == '+'")
    first = finding(sure, top_k, method(run.results).most)
    first += f" {_traced(sure)}"
    if weak:
        first = (
            f"This model has not been shown to learn {listed(weak)}; this holds for the other "
            f"languages. {first}"
        )
    return [
        first,
        *few,
        *_strongest(positive),
        *_zero_shot(positive),
    ]


def own_shares(shares: pd.DataFrame, sign: str) -> pd.DataFrame:
    """Return the rows, summed over checkpoints, where a language meets its own training data."""
    return shares.query("epoch == 0 and sign == @sign and test_language == train_language")


def finding(shares: pd.DataFrame, top_k: int, most: str) -> str:
    """Say what each language's own data holds of the most positive examples.

    `most` is what these do or are, see `xling.report.methods.MethodWords`.
    """
    own = own_shares(shares, "+")
    if own.empty:
        return "No test language has training data of its own in this run."
    sides = told_sides(own)
    above, below = int((sides > 0).sum()), int((sides < 0).sum())
    subject = (
        "Each language’s own data" if len(own) > 1 else f"The {own.iloc[0].test_language} data"
    )
    sentence = (
        f"{subject} holds {percent_range(own['share'])} of the {top_k} training examples that "
        f"{most}; by its size alone it would hold {percent_range(own['base_rate'])}."
    )
    return f"{sentence} {_verdict(above, below, len(own))}"


def _traced(shares: pd.DataFrame) -> str:
    """Say for which test examples that holds, and for how many."""
    count = int(shares.groupby("test_language")["test_examples"].first().sum())
    return (
        f"Only test examples that the model classifies correctly are traced, {number(count)} here."
    )


def _verdict(above: int, below: int, languages: int) -> str:
    if above == languages:
        return f"That is more than that base rate in every language ({TOLD})."
    parts = [f"more than that base rate in {above} of {languages} languages"] if above else []
    parts += [f"less in {below} of {languages}"] if below else []
    if not parts:
        return f"In no language is it told from that base rate ({TOLD})."
    return f"That is {listed(parts)} ({TOLD})."


def _strongest(positive: pd.DataFrame) -> list[str]:
    others = _standing_out(positive[positive["test_language"] != positive["train_language"]])
    if others.empty:
        return [
            "No language’s data holds clearly more of another language’s most positive examples "
            f"than its base rate (95% interval above it and q < {SIGNIFICANT})."
        ]
    row = others.iloc[0]
    return [
        f"Across languages, {row.train_language} training examples stand out most among the most "
        f"positive of {row.test_language} test examples: {percent(row['share'])} "
        f"({interval(row['low'], row['high'])}), base rate {percent(row['base_rate'])}."
    ]


def _zero_shot(positive: pd.DataFrame) -> list[str]:
    """Say of each language that was left out whose data stand out for it, if any do."""
    trained = set(positive["train_language"])
    unseen = positive[~positive["test_language"].isin(trained)]
    texts = []
    for language, rows in unseen.groupby("test_language", sort=False):
        most = "no language’s data stands out among the most positive of its test examples"
        if len(told := _standing_out(rows)):
            top = told.iloc[0]
            most = (
                f"{top.train_language} training examples stand out most among the most positive of "
                f"its test examples ({percent(top['share'])}, base rate "
                f"{percent(top['base_rate'])})"
            )
        texts.append(f"{language} was left out of training; {most}.")
    return texts


def _standing_out(shares: pd.DataFrame) -> pd.DataFrame:
    """Return the shares that are told from their base rates, above them, the farthest first."""
    told = shares[told_sides(shares) > 0]
    order = (told["base_rate"] - told["share"]).to_numpy().argsort(kind="stable")
    return told.iloc[order]


def key_figures(run: Run) -> list[KeyFigure]:
    """Return the own-language share, if a test language has training data."""
    own = own_shares(run.told("shares"), "+")
    if own.empty:
        return []
    base = f"base rate {percent(own['base_rate'].mean())}"
    return [("Own-language share", percent(own["share"].mean()), base)]


SECTION = Section(
    "shares",
    "shares.html.j2",
    content,
    "Shares",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    key_figures=key_figures,
    parts=(labels.SECTION,),
)
