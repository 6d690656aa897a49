"""The figures of the subnetworks themselves: heads, pruning, overlap (Choenni et al. 2024)."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from xling.report.charts import by_language
from xling.report.matrices import Side, cell_width, matrix
from xling.report.style import GREY, HEADS, INK, rgba, styled
from xling.report.wording import number

ROOM = 430  # pixels that the heads of a layer share
SMALL = 200  # the same for one language's heads beside those of others
OVERLAPS = {"part": "% of the row’s heads", "shared": "shared heads", "cosine": "cosine"}
SUBNETWORKS = (
    Side("language", "subnetwork of", "subnetwork of"),
    Side("other", "shared with that of", "shared with that of"),
)


def head_use_chart(masks: pd.DataFrame) -> alt.LayerChart:
    """Number of languages whose subnetwork uses each head (Choenni et al. 2024, Fig. 11)."""
    count = masks["language"].nunique()
    used = masks[masks["on"]].groupby(["layer", "head"])["language"].agg(["count", " ".join])
    table = masks[["layer", "head"]].drop_duplicates().join(used, on=["layer", "head"])
    table = table.assign(
        languages=table["count"].fillna(0).astype(int), which=table["join"].fillna("none")
    ).drop(columns=["count", "join"])
    color = alt.Color("languages:Q", title="languages whose subnetwork uses the head").scale(
        domain=[0, count], range=[rgba(HEADS, 0), rgba(HEADS, 0.85)]
    )
    legend = color.legend(orient="bottom", values=[0, count], format="d")
    width = cell_width(masks["head"].nunique(), ROOM, 18)
    cells = _cells(table, legend, min(28, width), width, ["languages:Q", "which:N"])
    figures = cells.mark_text(fontSize=11, color=INK).encode(
        text="languages:Q", color=alt.value(INK)
    )
    return styled(cells + figures)


def mask_map(masks: pd.DataFrame, language: str) -> alt.Chart:
    """The heads that a language's subnetwork uses, small, as one of several."""
    table = masks.loc[masks["language"] == language, ["layer", "head", "on"]]
    color = alt.Color("on:N", legend=None).scale(
        domain=[True, False], range=[rgba(HEADS, 0.8), rgba(GREY, 0.16)]
    )
    size = max(7, min(16, SMALL // table["head"].nunique()))
    title = alt.Title(
        language, anchor="start", subtitle=f"{table['on'].sum()} of {len(table)} heads"
    )
    return styled(_cells(table, color, size, size, ["on:N"]).properties(title=title))


def pruning_chart(pruning: pd.DataFrame, languages: Sequence[str] | None = None) -> alt.LayerChart:
    """Development accuracy while heads are switched off; a ring marks the subnetwork (§3.1)."""
    color, dash, shape = by_language(pruning, languages)
    disabled = sorted({int(each) for each in pruning["disabled"]})
    axis = alt.Axis(values=disabled if len(disabled) < 13 else disabled[::2], grid=False)
    base = alt.Chart(pruning.assign(accuracy=pruning["accuracy"].round(5))).encode(
        x=alt.X("disabled:Q", title="heads switched off", axis=axis).scale(nice=False),
        y=alt.Y("accuracy:Q", title="development accuracy", axis=alt.Axis(format=".0%")).scale(
            zero=False, nice=True
        ),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("disabled:Q", title="heads off"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("kept:N", title="the subnetwork"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash)
    points = base.mark_point(filled=True, size=45, opacity=1).encode(shape=shape)
    rings = base.transform_filter("datum.kept").mark_point(
        filled=False, size=230, strokeWidth=2, opacity=1, shape="circle"
    )
    return styled((lines + points + rings).properties(width=560, height=260))


def overlap_matrix(
    mask_overlap: pd.DataFrame, value: str = "part", languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Overlap of each two languages' subnetworks, all layers together.

    Choenni et al. 2024, Fig. 8 (left) and 12 to 14. Colours tell the pairs of different languages
    apart; a language with itself has none.

    Args:
        mask_overlap: the table of that name.
        value: "part" (of the row's heads), "shared" (their number) or "cosine".
        languages: order of rows and columns; by default as they come.
    """
    return styled(_overlap(mask_overlap, value, languages))


def _overlap(
    mask_overlap: pd.DataFrame, value: str, languages: Sequence[str] | None
) -> alt.LayerChart:
    table = mask_overlap[mask_overlap["layer"] == 0]
    factor, digits = {"part": (100, 0), "shared": (1, 0), "cosine": (1, 2)}[value]
    shown = (factor * table[value].astype(float)).round(4)
    between = shown.where(table["language"] != table["other"])
    table = table[["language", "other", "shared", "part", "cosine"]].assign(
        shade=between,
        printed=["–" if each != each else number(each, digits) for each in shown],
    )
    low, high = (0.0, 1.0) if between.isna().all() else (between.min(), between.max())
    ends = [low, high] if high > low else [low - 1, high]  # all alike: all strong
    color = alt.Color("shade:Q", title=OVERLAPS[value]).scale(
        domain=ends, range=[rgba(HEADS, 0.08), rgba(HEADS, 0.8)]
    )
    legend = alt.Legend(orient="bottom", values=[low, high], format=f".{digits}f")
    if between.isna().all():
        legend = None
    tooltip = [
        alt.Tooltip("shared:Q", title="shared heads"),
        alt.Tooltip("part:Q", title="of its heads", format=".1%"),
        alt.Tooltip("cosine:Q", format=".3f"),
    ]
    return matrix(table, color.legend(legend), tooltip, languages, sides=SUBNETWORKS)


def _cells(
    table: pd.DataFrame, color: alt.Color, height: int, width: int, told: list[str]
) -> alt.Chart:
    """Draw a cell per head; the first layer is the uppermost row."""
    small = width < 18
    step = 4 if small else 1
    axes = {}
    for each in ("head", "layer"):
        last = int(table[each].max())
        values = [1, *range(step, last + 1, step)] if small else list(range(1, last + 1))
        orient = {"orient": "top", "labelAngle": 0} if each == "head" else {}
        axes[each] = alt.Axis(
            values=values, labelFontSize=10 if small else 12, labelPadding=3, **orient
        )
    return (
        alt.Chart(table)
        .mark_rect(cornerRadius=1 if small else 3)
        .encode(
            x=alt.X("head:O", title=None if small else "head", axis=axes["head"]),
            y=alt.Y("layer:O", title=None if small else "layer", axis=axes["layer"]),
            color=color,
            tooltip=["layer:O", "head:O", *told],
        )
        .properties(width={"step": width}, height={"step": height})
    )
