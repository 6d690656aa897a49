"""The section on how shares move from epoch to epoch."""

from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.charts.lines import epochs_axis, own_domain, sign_hues
from xling.report.section import Figure, Section
from xling.report.sections import epoch_tests
from xling.report.sections.shares import present, share_limit, share_panel
from xling.report.style import QUIET
from xling.report.tables import Run
from xling.report.words import interval

PANELS = 20  # languages up to which small multiples of matrices or distributions can be read


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None for a run of one epoch."""
    shares = run.tables["shares"]
    if not (shares["epoch"] > 1).any():
        return None
    epochs, languages = shares["epoch"].max(), len(present(run, "train_language"))
    return {
        "limit": share_limit(shares.query("epoch > 0")),
        "folded": epochs > 4 or languages > 8,
    }


def figures(run: Run) -> list[Figure]:
    """Return the own-language shares, and the matrices of every epoch where they can be read."""
    shares = run.tables["shares"]
    own = own_per_epoch(shares)
    drawn = [own_share_figure(own, run.languages)] if len(own) else []
    if (shares["epoch"] > 1).any() and few(run):
        drawn += [shares_by_epoch(shares, sign, run.languages) for sign in SIGNS]
    return drawn


def few(run: Run) -> bool:
    """Tell whether small multiples of all languages can be read."""
    return len(run.languages) <= PANELS


def own_per_epoch(shares: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single checkpoints in which a language meets its own training data."""
    return shares.query("epoch > 0 and test_language == train_language")


def own_share_figure(own: pd.DataFrame, languages: list[str]) -> Figure:
    """Draw the own-language share of every language on one scale (Choenni et al. 2023, Fig. 3)."""
    domain = own_domain(own)
    return Figure(
        "own_share_by_epoch",
        "Own-language share of {} at each epoch",
        {
            language: own_share(own, language, domain)
            for language in languages
            if language in set(own["test_language"])
        },
        columns=4,
        fluid=True,
    )


def shares_by_epoch(
    shares: pd.DataFrame, sign: str, languages: list[str], limit: float | None = None
) -> Figure:
    """Draw the shares of every epoch side by side (Choenni et al. 2023, Fig. 12 and 13).

    `limit` is by default the largest distance from the base rate at any epoch, of both signs.
    """
    single, name = shares.query("epoch > 0"), SIGNS[sign]
    limit = share_limit(single) if limit is None else limit
    return Figure(
        f"{name}_shares_by_epoch",
        f"Share of each training language in the most {name} training examples of each test "
        "language at epoch {}",
        {
            str(epoch): share_panel(shares, sign, epoch, languages, limit)
            for epoch in sorted({int(epoch) for epoch in single["epoch"]})
        },
        columns=5 if shares["train_language"].nunique() <= 8 else 3,
        spacing=24,
    )


def own_share(own: pd.DataFrame, language: str, domain: tuple[float, float]) -> alt.LayerChart:
    """Draw the share of a language's own data at each epoch, by sign, with intervals.

    Args:
        own: rows of the table `shares` for single epochs.
        language: the language.
        domain: the range of the vertical axis.
    """
    rows = own.query("test_language == @language")
    table = rows[["epoch", "share", "low", "high", "base_rate"]].round(5)
    table["interval"] = [interval(*ends) for ends in zip(rows["low"], rows["high"], strict=True)]
    table["influence"] = rows["sign"].map(SIGNS)
    scale = alt.Scale(domain=domain, nice=False)
    axis = alt.Axis(format=".0%", tickCount=4)
    color = alt.Color("influence:N", legend=None, scale=sign_hues())
    base = alt.Chart(table).encode(
        x=epochs_axis(table),
        color=color,
        tooltip=[
            alt.Tooltip("influence:N"),
            alt.Tooltip("epoch:O"),
            alt.Tooltip("share:Q", title="own share", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        ],
    )
    bands = base.mark_area(opacity=0.18).encode(
        y=alt.Y("low:Q", scale=scale, axis=axis, title=None), y2=alt.Y2("high:Q")
    )
    lines = base.mark_line(strokeWidth=2).encode(y=alt.Y("share:Q", scale=scale))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        y=alt.Y("share:Q", scale=scale),
        shape=alt.Shape("influence:N", legend=None).scale(
            domain=list(SIGNS.values()), range=["circle", "square"]
        ),
    )
    rule = (
        alt.Chart(table[["base_rate"]].head(1))
        .mark_rule(strokeDash=[4, 4], color=QUIET)
        .encode(y=alt.Y("base_rate:Q", scale=scale))
    )
    return alt.layer(rule, bands, lines, points).properties(
        width=180, height=140, title=alt.Title(language, anchor="start")
    )


SECTION = Section(
    "epochs",
    "epochs.html.j2",
    content,
    "Per epoch",
    figures=figures,
    parts=(epoch_tests.SECTION,),
)
