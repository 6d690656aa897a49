"""The section on parts of the model: whose data matters by the gradients of each part alone."""

from typing import Any

import altair as alt
import pandas as pd

from xling.report.charts.lines import by_language, own_domain
from xling.report.section import INTERVAL, SIGN, Figure, Schema, Section
from xling.report.sections.shares import own_shares
from xling.report.style import QUIET
from xling.report.tables import Run
from xling.report.words import interval, listed, percent

SCHEMAS = {
    "part_shares": Schema(
        "What each training language holds of the most influential training examples, by the "
        "gradients of one part of the model alone, summed over the checkpoints.",
        {
            "part": "part of the model: embeddings, layer N (from 1), head, other",
            "sign": SIGN,
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "share": "mean share of the top-k set, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "share of all training data that is of the language, 0 to 1",
            "test_examples": "number of traced test examples",
        },
        required=False,
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None where the parts' gradients were not kept apart."""
    if (table := _table(run)) is None:
        return None
    return {"sentence": sentence(table, own_shares(run.tables["shares"], "+"))}


def figures(run: Run) -> list[Figure]:
    """Return the own-language shares of the parts, as one chart."""
    table = _table(run)
    if table is None:
        return []
    label = "Own-language share by the gradients of each part of the model"
    chart = own_share_by_part(table, run.languages)
    return [Figure("own_share_by_part", label, chart, fluid=True)]


def sentence(own: pd.DataFrame, whole: pd.DataFrame) -> str:
    """Say what the own data holds, on average over the languages, by each part and by all.

    Args:
        own: rows of the table where a language meets its own data, most positive.
        whole: those of the table `shares`.
    """
    means = own.groupby("part", sort=False)["share"].mean()
    parts = listed([f"{percent(share)} by {part}" for part, share in means.items()])
    return (
        "Of the most positive training examples, the test language’s own data holds on average "
        f"{parts}; by all parameters together {percent(whole['share'].mean())}."
    )


def own_share_by_part(own: pd.DataFrame, languages: list[str]) -> alt.LayerChart:
    """Draw the own-language share by the gradients of each part, a line per language."""
    table = own[["part", "share", "base_rate"]].round(5)
    table["language"] = own["test_language"]
    table["interval"] = [interval(*ends) for ends in zip(own["low"], own["high"], strict=True)]
    color, dash, shape = by_language(table, languages)
    axis = alt.Axis(format=".0%", tickCount=5)
    order = list(dict.fromkeys(table["part"]))
    base = alt.Chart(table).encode(
        x=alt.X("part:N", title=None, sort=order, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("share:Q", title="own share", axis=axis).scale(domain=own_domain(own), nice=False),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("part:N"),
            alt.Tooltip("share:Q", title="own share", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash)
    dots = base.mark_point(filled=True, size=50, opacity=1).encode(shape=shape)
    rule = alt.Chart(pd.DataFrame({"at": sorted(set(table["base_rate"]))})).mark_rule(
        strokeDash=[4, 4], color=QUIET
    )
    return alt.layer(rule.encode(y="at:Q"), lines, dots).properties(
        width=max(240, 44 * len(order)), height=220
    )


def _table(run: Run) -> pd.DataFrame | None:
    """Return the rows where a language meets its own data, most positive; None without any."""
    if "part_shares" not in run.tables:
        return None
    own = run.tables["part_shares"].query("sign == '+' and test_language == train_language")
    return own if len(own) else None


SECTION = Section(
    "parts", "part_shares.html.j2", content, "Parts", schemas=SCHEMAS, figures=figures
)
