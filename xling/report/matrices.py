"""The figures with a cell per pair of languages, pure functions: a table in, a chart out."""

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt
import pandas as pd

from xling.report.style import GREY, HUES, INK, QUIET, rgba, styled
from xling.report.wording import interval, number, p_value

FLAT = 0.2  # matrices whose values differ by less, relatively, are coloured from zero
ROOM = 430  # pixels that the columns of a matrix share, so that two stand side by side on a page
SMALL = 190  # the same for one of the small multiples


class Side(NamedTuple):
    """A side of a matrix: the table's column of languages, the axis's title, the tooltip's name."""

    field: str
    title: str
    name: str


TEST = Side("test_language", "test examples", "test language")
TRAIN = Side("train_language", "training examples", "training language")


def share_heatmap(
    shares: pd.DataFrame,
    sign: str,
    epoch: int = 0,
    languages: Sequence[str] | None = None,
    limit: float | None = None,
) -> alt.LayerChart:
    """Share of each training language in the top-k sets, as a matrix (Choenni et al. 2023, Fig. 2).

    Args:
        shares: the table `shares`.
        sign: "+" or "-".
        epoch: 0 for the influence summed over the checkpoints.
        languages: order of rows and columns; by default as they come.
        limit: distance from the base rate (0 to 1) with the strongest colour, so that several
            charts can have one scale; by default the largest in the chart.
    """
    table = shares.query("sign == @sign and epoch == @epoch")
    return styled(_share_matrix(table, sign, languages, limit))


def share_panel(
    shares: pd.DataFrame,
    sign: str,
    epoch: int,
    languages: Sequence[str] | None = None,
    limit: float | None = None,
) -> alt.LayerChart:
    """`share_heatmap` of one epoch as one of several: small, with a title, without a legend."""
    return styled(_share_panel(shares, sign, epoch, languages, limit))


def share_by_epoch(
    shares: pd.DataFrame,
    sign: str,
    languages: Sequence[str] | None = None,
    limit: float | None = None,
) -> alt.ConcatChart:
    """`share_heatmap` of every epoch side by side (Choenni et al. 2023, Fig. 12 and 13).

    `limit` is by default the largest distance from the base rate at any epoch, of both signs.
    """
    if limit is None:
        limit = share_limit(shares.query("epoch > 0"))
    order = sorted({int(epoch) for epoch in shares["epoch"]} - {0})
    panels = [_share_panel(shares, sign, epoch, languages, limit) for epoch in order]
    per_row = 5 if shares["train_language"].nunique() <= 8 else 3
    return styled(alt.concat(*panels, columns=per_row, spacing=24))


def share_limit(shares: pd.DataFrame) -> float:
    """Return the largest distance of a share from its base rate (0 to 1)."""
    return float((shares["share"] - shares["base_rate"]).abs().max())


def mean_influence_matrix(
    mean_influence: pd.DataFrame, epoch: int = 0, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Mean influence of each training on each test language (Choenni et al. 2023, Tab. 3).

    A table without the columns low and high, as of a paper, is drawn without intervals.
    """
    table = mean_influence.query("epoch == @epoch")
    low, high = table["mean"].min(), table["mean"].max()
    size = max(abs(low), abs(high), 1e-12)
    digits = 2 if size >= 0.1 else 3 if size >= 0.01 else 4
    ends = [table[each] for each in ("low", "high") if each in table]
    table = table[["test_language", "train_language"]].assign(
        mean=table["mean"].astype(float).round(digits + 3),
        printed=[number(mean, digits) for mean in table["mean"]],
    )
    tooltip = [alt.Tooltip("mean:Q", title="mean influence", format=f".{digits + 1}f")]
    if ends:
        table["interval"] = [
            f"{number(low, digits + 1)} to {number(high, digits + 1)}"
            for low, high in zip(*ends, strict=True)
        ]
        tooltip.append(alt.Tooltip("interval:N", title="95% interval"))
    strong, weak = ({sign: rgba(hue, alpha) for sign, hue in HUES.items()} for alpha in (0.8, 0.04))
    if low < 0 < high:
        ticks = [-size, 0.0, size]
        domain = [-size, 0, 1e-6 * size, size]
        colors = [strong["-"], weak["-"], weak["+"], strong["+"]]
    else:  # all of one sign: from the smallest, unless they hardly differ
        weakest = min(abs(low), abs(high)) if high - low > FLAT * size else 0.0
        ticks = domain = [weakest, size] if high > 0 else [-size, -weakest]
        colors = [weak["+"], strong["+"]] if high > 0 else [strong["-"], weak["-"]]
    color = alt.Color("mean:Q", title="mean influence").scale(domain=domain, range=colors)
    legend = color.legend(orient="bottom", format=f".{digits}f", values=ticks)
    return styled(matrix(table, legend, tooltip, languages))


def cell_width(columns: int, room: int = ROOM, least: int = 28) -> int:
    """Width of a matrix cell in pixels, so that its columns fit into `room`."""
    return max(least, min(78, room // columns))


def matrix(
    table: pd.DataFrame,
    color: alt.Color,
    tooltip: list[alt.Tooltip],
    languages: Sequence[str] | None,
    width: int | None = None,
    small: bool = False,
    sides: tuple[Side, Side] = (TEST, TRAIN),
) -> alt.LayerChart:
    """Draw a cell per pair of languages, without the look of a whole chart.

    Args:
        table: a row per cell, with `printed`, its text; if there is a column `weak` (bool), the
            text of the others is bold: paler text could not be read on a strong colour.
        color: of the cells.
        tooltip: what it tells beside the two languages.
        languages: order of rows and columns; by default as they come.
        width: of a cell, in pixels; by default as many as there is room for.
        small: one of several: without titles of the axes.
        sides: what the rows and the columns are. Cells of a language with itself have a frame.
    """
    down, across = sides
    order = list(languages) if languages else list(dict.fromkeys(table[down.field]))
    width = width or cell_width(table[across.field].nunique())
    height = min(48, width - 2)
    font = 13 if width >= 28 else 11
    top = alt.Axis(orient="top", labelAngle=0, labelFontSize=font)
    left = alt.Axis(labelFontSize=font)
    rows, columns = (None, None) if small else (down.title, across.title)
    base = alt.Chart(table).encode(
        x=alt.X(f"{across.field}:N", sort=order, title=columns, axis=top),
        y=alt.Y(f"{down.field}:N", sort=order, title=rows, axis=left),
        tooltip=[
            alt.Tooltip(f"{down.field}:N", title=down.name),
            alt.Tooltip(f"{across.field}:N", title=across.name),
            *tooltip,
        ],
    )
    own = alt.datum[down.field] == alt.datum[across.field]
    cells = base.mark_rect(cornerRadius=3).encode(color=color)
    frames = base.transform_filter(own).mark_rect(
        cornerRadius=3, fill="transparent", stroke=QUIET, strokeWidth=1.2
    )
    size = 13 if width >= 44 else 11 if width >= 28 else 9.5
    weight = {"fontWeight": alt.expr("datum.weak ? 400 : 700")} if "weak" in table else {}
    figures = base.mark_text(fontSize=size, color=INK, **weight).encode(text="printed:N")
    return (cells + frames + figures).properties(width={"step": width}, height={"step": height})


def _share_panel(
    shares: pd.DataFrame,
    sign: str,
    epoch: int,
    languages: Sequence[str] | None,
    limit: float | None,
) -> alt.LayerChart:
    table = shares.query("sign == @sign and epoch == @epoch")
    title = alt.Title(f"epoch {epoch}", anchor="start")
    return _share_matrix(table, sign, languages, limit, small=True).properties(title=title)


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
