"""The section on the languages' subnetworks: heads, pruning, overlap (Choenni et al. 2024)."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.report.charts.lines import by_language
from xling.report.charts.matrix import ROOM, Side, cell_width, matrix
from xling.report.papers import printed_2024, source_2024
from xling.report.section import Figure, Schema, Section
from xling.report.sections.epochs import PANELS
from xling.report.style import GREY, HEADS, INK, rgba
from xling.report.tables import Run, RunTables, there
from xling.report.words import number, percent, percent_range

SMALL = 200  # pixels of one language's heads beside those of others
OVERLAPS = {"part": "% of the row’s heads", "shared": "shared heads", "cosine": "cosine"}
"""What of an overlap is drawn: the column of the table → the title of its colours."""
OVERLAP_NAMES = {
    "part": ("mask_overlap", "Shared heads as a share of the row’s heads"),
    "shared": ("mask_overlap_shared", "Number of shared heads"),
    "cosine": ("mask_overlap_cosine", "Cosine of the two masks"),
}
"""The name of each figure of the overlap and what a screen reader says of it."""
SUBNETWORKS = (
    Side("language", "subnetwork of", "subnetwork of"),
    Side("other", "shared with that of", "shared with that of"),
)

SCHEMAS = {
    "masks": Schema(
        "Which attention heads each language's subnetwork uses.",
        {
            "language": "language code",
            "layer": "layer, from 1",
            "head": "attention head of the layer, from 1",
            "on": "whether the subnetwork uses it",
        },
        required=False,
    ),
    "pruning": Schema(
        "Development accuracy while heads are switched off, step by step.",
        {
            "language": "language that the pruned model was fine-tuned on alone",
            "step": "step of the pruning; 0 is the unpruned model",
            "disabled": "number of heads that are off",
            "accuracy": "accuracy on the language's development set, 0 to 1",
            "kept": "whether this step is the language's subnetwork",
        },
        required=False,
    ),
    "mask_overlap": Schema(
        "Heads that two languages' subnetworks share.",
        {
            "language": "a language",
            "other": "another language, or the same",
            "layer": "layer, from 1; 0 is all layers together",
            "shared": "number of heads that both subnetworks use",
            "part": "shared heads as a share of those of `language`, 0 to 1, if it has any",
            "cosine": "cosine of the two masks, if both have heads on",
        },
        required=False,
        gaps=("part", "cosine"),
    ),
}


def content(run: Run) -> dict[str, Any] | None:
    """Return what the template prints; None for a run without subnetworks."""
    tables, results = run.tables, run.results
    if not there(tables, "subnetwork_change"):
        return None
    return {
        "disabled": disabled_sentence(results),
        "pruning": pruning_sentence(tables["pruning"]) if there(tables, "pruning") else "",
        "heads": heads_sentence(tables["masks"]) if there(tables, "masks") else "",
        "overlap": overlap_sentence(tables["mask_overlap"])
        if there(tables, "mask_overlap")
        else "",
        "rows": disabled_rows(results["task"], results["disabled_heads"], results["heads"]),
        "source": source_2024("disabled_heads"),
    }


def disabled_rows(task: str, counts: dict[str, int], heads: int) -> list[dict[str, Any]]:
    """Return a row per language: heads that are off, their share of all, and the paper's number."""
    in_paper = printed_2024(task, "disabled_heads")
    return [
        {"language": language, "disabled": count, "share": count / heads}
        | {"paper": in_paper.get(language)}
        for language, count in counts.items()
    ]


def figures(run: Run) -> list[Figure]:
    """Return the figures of the tables that are there."""
    drawn = head_figures(run)
    if there(run.tables, "masks"):
        masks, many = run.tables["masks"], run.tables["masks"]["language"].nunique() > PANELS
        if not one_for_all(masks) and not many:
            maps = {
                language: mask_map(masks, language)
                for language in run.languages
                if language in set(masks["language"])
            }
            drawn.append(Figure("masks", "Heads of the subnetwork of {}", maps, columns=5))
    return drawn


def head_figures(run: Run | RunTables) -> list[Figure]:
    """Draw pruning, the use of heads and the overlap of subnetworks, as far as there are tables."""
    tables, languages, drawn = run.tables, run.languages, []
    if there(tables, "pruning"):
        label = "Development accuracy of each language while heads are switched off"
        chart = pruning_chart(tables["pruning"], languages)
        drawn.append(Figure("pruning", label, chart, fluid=True, subject=run.title))
    if not there(tables, "masks"):
        return drawn
    label = "Number of languages whose subnetwork uses each head"
    drawn.append(Figure("head_use", label, head_use_chart(tables["masks"]), subject=run.title))
    if there(tables, "mask_overlap"):
        same = one_for_all(tables["masks"])
        for value in ("part",) if same else OVERLAPS:  # one matrix says it all
            name, label = OVERLAP_NAMES[value]
            chart = overlap_matrix(tables["mask_overlap"], value, languages)
            drawn.append(Figure(name, label, chart, shown=not same, subject=run.title))
    return drawn


def head_use_chart(masks: pd.DataFrame) -> alt.LayerChart:
    """Draw how many languages' subnetworks use each head (Choenni et al. 2024, Fig. 11)."""
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
        text=alt.Text("languages:Q"), color=alt.value(INK)
    )
    return cells + figures


def mask_map(masks: pd.DataFrame, language: str) -> alt.Chart:
    """Draw the heads that a language's subnetwork uses, small, as one of several."""
    table = masks.loc[masks["language"] == language, ["layer", "head", "on"]]
    color = alt.Color("on:N", legend=None).scale(
        domain=[True, False], range=[rgba(HEADS, 0.8), rgba(GREY, 0.16)]
    )
    size = max(7, min(16, SMALL // table["head"].nunique()))
    title = alt.Title(
        language, anchor="start", subtitle=f"{table['on'].sum()} of {len(table)} heads"
    )
    return _cells(table, color, size, size, ["on:N"]).properties(title=title)


def pruning_chart(pruning: pd.DataFrame, languages: Sequence[str] | None = None) -> alt.LayerChart:
    """Draw the accuracy while heads are switched off; a ring marks the subnetwork (§3.1)."""
    color, dash, shape = by_language(pruning, languages)
    disabled = sorted({int(count) for count in pruning["disabled"]})
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
    return (lines + points + rings).properties(width=560, height=260)


def overlap_matrix(
    mask_overlap: pd.DataFrame, value: str = "part", languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Draw the overlap of each two languages' subnetworks, all layers together.

    Choenni et al. 2024, Fig. 8 (left) and 12 to 14. Colours tell the pairs of different languages
    apart; a language with itself has none.

    Args:
        mask_overlap: the table of that name.
        value: "part" (of the row's heads), "shared" (their number) or "cosine".
        languages: order of rows and columns; by default as they come.
    """
    table = mask_overlap[mask_overlap["layer"] == 0]
    factor, digits = {"part": (100, 0), "shared": (1, 0), "cosine": (1, 2)}[value]
    shown = (factor * table[value].astype(float)).round(4)
    between = shown.where(table["language"] != table["other"])
    table = table[["language", "other", "shared", "part", "cosine"]].assign(
        shade=between,
        printed=["–" if cell != cell else number(cell, digits) for cell in shown],
    )
    low, high = (0.0, 1.0) if between.isna().all() else (between.min(), between.max())
    ends = [low, high] if high > low else [low - 1, high]  # all the same: all strong
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
    table: pd.DataFrame, color: alt.Color, height: int, width: int, tooltip: list[str]
) -> alt.Chart:
    """Draw a cell per head; the first layer is the uppermost row."""
    small = width < 18
    step = 4 if small else 1
    axes = {}
    for side in ("head", "layer"):
        last = int(table[side].max())
        values = [1, *range(step, last + 1, step)] if small else list(range(1, last + 1))
        orient = {"orient": "top", "labelAngle": 0} if side == "head" else {}
        axes[side] = alt.Axis(
            values=values, labelFontSize=10 if small else 12, labelPadding=3, **orient
        )
    return (
        alt.Chart(table)
        .mark_rect(cornerRadius=1 if small else 3)
        .encode(
            x=alt.X("head:O", title=None if small else "head", axis=axes["head"]),
            y=alt.Y("layer:O", title=None if small else "layer", axis=axes["layer"]),
            color=color,
            tooltip=["layer:O", "head:O", *tooltip],
        )
        .properties(width={"step": width}, height={"step": height})
    )


def disabled_sentence(results: dict[str, Any]) -> str:
    """Say how many heads the subnetworks leave off (Tab. 1)."""
    heads, counts = results["heads"], list(results["disabled_heads"].values())
    low, high = min(counts), max(counts)
    count = number(low) if low == high else f"{number(low)} to {number(high)}"
    share = percent_range([low / heads, high / heads])
    return f"Of {number(heads)} heads, a language’s subnetwork leaves {count} off ({share})."


def pruning_sentence(pruning: pd.DataFrame) -> str:
    """Say what accuracy the kept heads leave."""
    rows = pruning.set_index("language")
    kept = rows.loc[rows["kept"], "accuracy"]
    left = (kept / rows.loc[rows["step"] == 0, "accuracy"]).dropna()
    if left.empty:
        return ""
    return (
        f"The kept heads leave {percent_range(left)} of the development accuracy of the model "
        "with all heads."
    )


def one_for_all(masks: pd.DataFrame) -> bool:
    """Tell whether all languages have the same subnetwork, so that there is nothing to compare."""
    same = masks.groupby(["layer", "head"])["on"].nunique() == 1
    return bool(same.all())


def heads_sentence(masks: pd.DataFrame) -> str:
    """Say how many heads all languages use, how many none, and in which layers (Fig. 11)."""
    use = masks.groupby(["layer", "head"])["on"].mean()
    layers = int(masks["layer"].max())
    if one_for_all(masks):
        many = masks["language"].nunique() > 1
        start = "All languages go through the same" if many else "The subnetwork has"
        text = f"{start} {number(use.sum())} of {number(len(use))} heads"
    else:
        text = (
            f"{number((use == 1).sum())} of {number(len(use))} heads are in every language’s "
            f"subnetwork, {number((use == 0).sum())} in none"
        )
    if layers < 2:
        return f"{text}."
    layer, half = use.index.get_level_values("layer"), (layers + 1) // 2
    lower, upper = use[layer <= half].mean(), use[layer > half].mean()
    return (
        f"{text}. The subnetworks use {percent(lower, 0)} of the heads in {_range(1, half)} and "
        f"{percent(upper, 0)} in {_range(half + 1, layers)}."
    )


def _range(first: int, last: int) -> str:
    return f"layer {first}" if first == last else f"layers {first} to {last}"


def overlap_sentence(mask_overlap: pd.DataFrame) -> str:
    """Say how far the subnetworks overlap, and which are the most and the least similar."""
    pairs = mask_overlap.query("layer == 0 and language != other").dropna()
    if pairs.empty:
        return ""
    sentence = f"Two languages share {percent_range(pairs['part'])} of their heads"
    if len(pairs) < 3:
        return f"{sentence} (cosine {number(pairs['cosine'].iloc[0], 2)})."
    most, least = (pairs.loc[getattr(pairs["cosine"], end)()] for end in ("idxmax", "idxmin"))
    return (
        f"{sentence}. The most similar are the subnetworks of {most['language']} and "
        f"{most['other']} (cosine {number(most['cosine'], 2)}), the least those of "
        f"{least['language']} and {least['other']} ({number(least['cosine'], 2)})."
    )


SECTION = Section(
    "subnetworks", "heads.html.j2", content, "Subnetworks", schemas=SCHEMAS, figures=figures
)
