"""The figures of what subnetworks change and go with (Choenni et al. 2024)."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from xling.analysis.statistics import SIGNIFICANT
from xling.report.charts import by_language, dashed
from xling.report.matrices import cell_width, matrix
from xling.report.style import GREY, HEADS, HUES, QUIET, SIGNS, rgba, styled
from xling.report.wording import change_intervals, number, p_value, points

SMALL = 250  # pixels that the columns of a small matrix of changes share
MODELS = {"full": "full model", "subnetwork": "subnetwork"}
SOLID = alt.Legend(symbolOpacity=1)


def change_matrix(
    subnetwork_change: pd.DataFrame,
    sign: str,
    languages: Sequence[str] | None = None,
    limit: float | None = None,
) -> alt.LayerChart:
    """Change of the shares through the subnetworks (Choenni et al. 2024, Fig. 2, 4 and 6).

    Changes that are significant are bold.

    Args:
        subnetwork_change: the table of that name.
        sign: "+" or "-".
        languages: order of rows and columns; by default as they come.
        limit: change (0 to 1) with the strongest colour, so that several charts can have one
            scale; by default the largest in the chart.
    """
    return styled(_change(subnetwork_change, sign, languages, limit))


def change_panels(
    changes: dict[str, pd.DataFrame], sign: str, languages: Sequence[str] | None = None
) -> dict[str, alt.LayerChart]:
    """`change_matrix` of several runs on one scale: small, by the title that each is given."""
    return {name: styled(each) for name, each in _change_panels(changes, sign, languages).items()}


def change_figure(
    changes: dict[str, pd.DataFrame], sign: str, languages: Sequence[str] | None = None
) -> alt.ConcatChart:
    """`change_panels` side by side."""
    panels = _change_panels(changes, sign, languages).values()
    return styled(alt.concat(*panels, columns=3, spacing=28))


def change_limit(subnetwork_change: pd.DataFrame) -> float:
    """Return the largest change of a share (0 to 1), of both signs."""
    return float(subnetwork_change["change"].abs().max())


def modularity_chart(
    modularity: pd.DataFrame, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """How far each language relies on its own data alone, with intervals, by both models."""
    table = modularity[modularity["model"].isin(MODELS) & modularity["value"].notna()]
    table = table.round(5).assign(
        shown=table["model"].map(MODELS),
        interval=[
            "none" if low != low else f"{number(low, 2)} to {number(high, 2)}"
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
    )
    names = list(MODELS.values())
    look = {"domain": names, "range": [QUIET, f"rgb({HEADS})"]}
    base = alt.Chart(table).encode(
        y=alt.Y("language:N", sort=languages, title="test language").scale(paddingInner=0.3),
        yOffset=alt.YOffset("shown:N", sort=names),
        tooltip=[
            alt.Tooltip("language:N", title="test language"),
            alt.Tooltip("shown:N", title="model"),
            alt.Tooltip("value:Q", title="modularity", format=".3f"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("test_examples:Q", title="test examples"),
        ],
    )
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(x="low:Q", x2="high:Q")
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("value:Q", title="modularity", axis=alt.Axis(tickCount=6)),
        color=alt.Color("shown:N", title=None, sort=names, legend=SOLID).scale(**look),
        shape=alt.Shape("shown:N", title=None, sort=names).scale(
            domain=names, range=["circle", "diamond"]
        ),
    )
    height = 38 * max(1, table["language"].nunique())
    return styled((dashed(0, "x") + whiskers + dots).properties(width=460, height=height))


def specialization_chart(
    specialization: pd.DataFrame, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Own-language share against accuracy at every epoch (Choenni et al. 2024, Fig. 7).

    A line joins a language's epochs.
    """
    table = specialization.dropna().round(5)
    color, _, shape = by_language(table, languages)
    part = alt.Axis(format=".0%", tickCount=6, tickMinStep=0.01)
    base = alt.Chart(table).encode(
        x=alt.X("own_share:Q", title="share of the language’s own data", axis=part).scale(
            zero=False
        ),
        y=alt.Y("accuracy:Q", title="development accuracy", axis=part).scale(zero=False),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("epoch:O"),
            alt.Tooltip("own_share:Q", title="own share", format=".1%"),
            alt.Tooltip("accuracy:Q", format=".1%"),
        ],
    )
    lines = base.mark_line(strokeWidth=1, opacity=0.4).encode(order="epoch:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(shape=shape)
    return styled((lines + dots).properties(width=460, height=280))


def similarity_chart(
    similarity: pd.DataFrame,
    sign: str,
    layer: int = 0,
    measure: str = "cosine",
    languages: Sequence[str] | None = None,
) -> alt.Chart:
    """Influence between languages against their subnetworks' overlap.

    Choenni et al. 2024, Fig. 8 (right), and 15 with sign="-" and measure="part".

    Args:
        similarity: the table of that name.
        sign: "+" or "-".
        layer: that the overlap is of; 0 for all together.
        measure: "cosine" of the masks, or "part" of the test language's heads that is shared.
        languages: their order; by default as they come.
    """
    table = similarity.query("sign == @sign and layer == @layer").dropna(subset=[measure]).round(5)
    color, _, shape = by_language(table, languages, "test_language")
    cosine = measure == "cosine"
    titles = {"cosine": "cosine of the two subnetworks", "part": "part of its heads that is shared"}
    axis = alt.Axis(format=".2f" if cosine else ".0%", tickCount=6, tickMinStep=0.01)
    chart = (
        alt.Chart(table)
        .mark_point(filled=True, size=70, opacity=0.9)
        .encode(
            x=alt.X(f"{measure}:Q", title=titles[measure], axis=axis).scale(zero=False),
            y=alt.Y(
                "share:Q",
                title=f"share of the most {SIGNS[sign]}",
                axis=alt.Axis(format=".0%", tickCount=6, tickMinStep=0.01),
            ).scale(zero=False),
            color=color.title("test language"),
            shape=shape.title("test language"),
            tooltip=[
                alt.Tooltip("test_language:N", title="test language"),
                alt.Tooltip("train_language:N", title="training language"),
                alt.Tooltip("cosine:Q", format=".3f"),
                alt.Tooltip("part:Q", title="of its heads shared", format=".1%"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    return styled(chart.properties(width=340, height=260))


def layer_correlation_chart(
    similarity_correlation: pd.DataFrame, measure: str = "cosine"
) -> alt.LayerChart:
    """Correlation of influence with the subnetworks' overlap in each layer (Fig. 9).

    Filled where it is significant after Holm's correction; layers without spread have no point.
    """
    table = similarity_correlation.query("measure == @measure and layer > 0")
    names = list(SIGNS.values())
    table = table[["sign", "layer", "rho", "p_holm", "pairs"]].assign(
        rho=table["rho"].round(4),
        influence=table["sign"].map(SIGNS),
        significant=table["p_holm"] < SIGNIFICANT,
        p=[p_value(p) for p in table["p_holm"]],
    )
    layers = list(range(1, int(similarity_correlation["layer"].max()) + 1))
    hues = alt.Scale(domain=names, range=[f"rgb({hue})" for hue in HUES.values()])
    base = alt.Chart(table).encode(
        x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0, grid=False)).scale(
            domain=layers
        ),
        y=alt.Y("rho:Q", title="rank correlation ρ", axis=alt.Axis(format=".1f")).scale(
            domain=[-1, 1], nice=False
        ),
        color=alt.Color("influence:N", title=None, sort=names, legend=SOLID, scale=hues),
        tooltip=[
            alt.Tooltip("influence:N"),
            alt.Tooltip("layer:O"),
            alt.Tooltip("rho:Q", title="ρ", format=".2f"),
            alt.Tooltip("p:N", title="p, corrected (Holm)"),
            alt.Tooltip("pairs:Q", title="pairs of languages"),
        ],
    )
    broken = "break-paths-show-path-domains"  # not joined across layers without spread
    lines = base.mark_line(strokeWidth=1, opacity=0.35, invalid=broken)
    dots = base.mark_point(filled=True, size=90, strokeWidth=2, opacity=1, invalid="filter").encode(
        shape=alt.Shape("influence:N", title=None, sort=names).scale(
            domain=names, range=["circle", "square"]
        ),
        stroke=alt.Stroke("influence:N", title=None, sort=names, legend=SOLID, scale=hues),
        fillOpacity=alt.condition("datum.significant", alt.value(1), alt.value(0)),
    )
    return styled((dashed(0, "y") + lines + dots).properties(width=560, height=260))


def _change_panels(
    changes: dict[str, pd.DataFrame], sign: str, languages: Sequence[str] | None
) -> dict[str, alt.LayerChart]:
    limit = max(change_limit(change) for change in changes.values())
    return {
        name: _change(change, sign, languages, limit, small=True).properties(
            title=alt.Title(name, anchor="start")
        )
        for name, change in changes.items()
    }


def _change(
    subnetwork_change: pd.DataFrame,
    sign: str,
    languages: Sequence[str] | None,
    limit: float | None,
    small: bool = False,
) -> alt.LayerChart:
    limit = max(100 * (limit if limit is not None else change_limit(subnetwork_change)), 0.1)
    found = subnetwork_change.query("sign == @sign")
    columns = found["train_language"].nunique()
    width = cell_width(columns, SMALL, 24) if small else cell_width(columns)
    color = alt.Color("shade:Q", title="change, percentage points").scale(
        domain=[-limit, 0, 1e-6 * limit, limit],
        range=[rgba(GREY, 0.6), rgba(GREY, 0), rgba(HUES[sign], 0), rgba(HUES[sign], 0.8)],
    )
    form = "+.0f" if limit >= 2 else "+.1f"
    label = f"datum.value == 0 ? 'no change' : format(datum.value, '{form}')"
    legend = alt.Legend(orient="bottom", labelExpr=label, values=[-limit, 0, limit])
    tooltip = [
        alt.Tooltip("full:Q", title="share, full model", format=".1%"),
        alt.Tooltip("subnetwork:Q", title="share, subnetwork", format=".1%"),
        alt.Tooltip("shade:Q", title="change, points", format="+.2f"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("p:N"),
        alt.Tooltip("q:N"),
        alt.Tooltip("test_examples:Q", title="test examples"),
    ]
    table = _change_table(found, 1 if width >= 34 else 0)
    return matrix(table, color.legend(None if small else legend), tooltip, languages, width, small)


def _change_table(found: pd.DataFrame, digits: int) -> pd.DataFrame:
    """Return what the cells of a matrix of changes show and tell."""
    table = found[["test_language", "train_language", "full", "subnetwork", "test_examples"]]
    return table.round(5).assign(
        shade=(100 * found["change"]).round(3),
        weak=found["q"] >= SIGNIFICANT,
        printed=[points(change, digits) for change in found["change"]],
        interval=change_intervals(found["low"], found["high"]),
        p=[p_value(p) for p in found["p"]],
        q=[p_value(q) for q in found["q"]],
    )
