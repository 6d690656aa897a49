"""The section on the own share from epoch to epoch, by run (Choenni et al. 2024, app. F.1)."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from xling.report.charts.lines import by_language, epochs_axis, own_domain
from xling.report.charts.panels import Panels, panels
from xling.report.section import INTERVAL, SIGN, Figure, Section
from xling.report.sections.sweep_changes import averaged
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.words import interval, listed, percent

SCHEMAS = {
    "own_share_epochs": across_runs(
        "Share of each language's own data at each epoch.",
        {
            "language": "language code",
            "epoch": "epoch, from 1",
            "sign": SIGN,
            "share": "mean share of the top-k set, from that epoch alone, 0 to 1",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "base_rate": "share of all training data that is of the language, 0 to 1",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None where there is one epoch."""
    tables = sweep.tables
    if "own_share_epochs" not in tables or not (tables["own_share_epochs"]["epoch"] > 1).any():
        return None
    return {}


def figures(sweep: SweepResults) -> list[Figure]:
    """Return the own shares, a panel per run that is drawn."""
    if "own_share_epochs" not in sweep.tables:
        return []
    label = "Own-language share at each epoch, {}"
    by_run = own_share_panels(sweep.drawn().titled("own_share_epochs"), sweep.languages)
    return [Figure("own_share_epochs", label, by_run, fluid=True)]


def own_share_panels(
    own_share_epochs: pd.DataFrame, languages: Sequence[str] | None = None
) -> Panels:
    """Draw each language's own share at each epoch, a panel per variant (Fig. 16 to 18).

    Of the most positive examples, on one scale.
    """
    table = own_share_epochs[own_share_epochs["sign"] == "+"]
    order = languages or list(dict.fromkeys(table["language"]))
    draw = partial(_own_shares, languages=order, domain=own_domain(table))
    return panels(table, draw, "variant", ())


def _own_shares(
    rows: pd.DataFrame, languages: Sequence[str], domain: tuple[float, float]
) -> alt.LayerChart:
    table = rows[["language", "epoch", "share", "base_rate"]].round(5)
    table["interval"] = [interval(a, b) for a, b in zip(rows["low"], rows["high"], strict=True)]
    color, dash, shape = by_language(table, languages)
    axis = alt.Axis(format=".0%", tickCount=5)
    base = alt.Chart(table).encode(
        x=epochs_axis(table),
        y=alt.Y("share:Q", title="own share", axis=axis).scale(domain=domain, nice=False),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("epoch:O"),
            alt.Tooltip("share:Q", title="own share", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash)
    dots = base.mark_point(filled=True, size=50, opacity=1).encode(shape=shape)
    return (lines + dots).properties(width=230, height=200)


def findings(sweep: SweepResults) -> list[str]:
    """Say how the own share moves from the first to the last epoch, by run."""
    if "own_share_epochs" not in sweep.tables:
        return []
    return epoch_sentences(sweep.titled("own_share_epochs"))


def epoch_sentences(own_share_epochs: pd.DataFrame) -> list[str]:
    """Say how the own share moves from the first to the last epoch, by run (app. F.1)."""
    table = own_share_epochs[own_share_epochs["sign"] == "+"]
    ends: list[dict[str, pd.Series]] = [{}, {}]
    for title, rows in table.groupby("variant", sort=False):
        shares = rows.pivot(index="language", columns="epoch", values="share")
        shares = shares.loc[list(dict.fromkeys(rows["language"]))]
        for end, place in zip(ends, (0, -1), strict=True):
            end[str(title)] = shares.iloc[:, place]
    if table["epoch"].nunique() < 2:
        return []
    sentences = []
    for (whose, first), (_, last) in zip(*map(averaged, ends), strict=True):
        moves = (f"{percent(first[title])} to {percent(last[title])} ({title})" for title in first)
        sentences.append(
            "From the first to the last epoch, the share of the most positive examples that is "
            f"{whose} goes from {listed(moves)}."
        )
    return sentences


SECTION = Section(
    "own-share-epochs",
    "own_share_epochs.html.j2",
    content,
    "Per epoch",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
)
