"""A matrix with a cell per pair of languages."""

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt
import pandas as pd

from xling.report.style import INK, QUIET

ROOM = 430  # pixels that the columns of a matrix share, so that two stand side by side on a page


class Side(NamedTuple):
    """A side of a matrix: the table's column of languages, the axis's title, the tooltip's name."""

    field: str
    title: str
    name: str


TEST = Side("test_language", "test examples", "test language")
TRAIN = Side("train_language", "training examples", "training language")


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
    tallest: int = 48,
) -> alt.LayerChart:
    """Draw a cell per pair of languages.

    Args:
        table: a row per cell, with `printed`, its text; if there is a column `weak` (bool), the
            text of the others is bold: paler text could not be read on a strong colour.
        color: of the cells.
        tooltip: what a cell tells beside the two languages.
        languages: order of rows and columns; by default as they come.
        width: of a cell, in pixels; by default as many as there is room for.
        small: one of several: without titles of the axes.
        sides: what the rows and the columns are. Cells of a language with itself have a frame.
        tallest: greatest height of a row, in pixels.
    """
    down, across = sides
    order = list(languages) if languages else list(dict.fromkeys(table[down.field]))
    width = width or cell_width(table[across.field].nunique())
    height = min(tallest, width - 2)
    font = 13 if width >= 28 else 11
    top = alt.Axis(orient="top", labelAngle=0, labelFontSize=font)
    left = alt.Axis(labelFontSize=font)
    rows, columns = (None, None) if small else (down.title, across.title)
    base = packed(table, down.field).encode(
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
    figures = base.mark_text(fontSize=size, color=INK, **weight).encode(text=alt.Text("printed:N"))
    return alt.layer(cells, frames, figures).properties(
        width={"step": width}, height={"step": height}
    )


def packed(table: pd.DataFrame, field: str) -> alt.Chart:
    """Start a chart on a table that is written down row by row of the matrix, with lists of cells.

    A page then has the names of the columns once per row of the matrix, not once per cell: with 100
    languages that is a third of its size.
    """
    others = [name for name in table.columns if name != field]
    known = table.astype(object).where(table.notna(), None)  # NaN in a list is no JSON
    rows = known.groupby(field, sort=False)[others].agg(list).reset_index()
    return alt.Chart(rows).transform_flatten(others)
