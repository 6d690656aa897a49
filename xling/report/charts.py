"""The figures with lines and bars, one pure function each: a table in, an Altair chart out."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from xling.analysis.statistics import wilson_interval
from xling.report.style import DASHES, HUES, INK, LINES, QUIET, SHAPES, SIGNS, styled
from xling.report.wording import interval


def accuracy_by_epoch(
    accuracy: pd.DataFrame, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Development accuracy of each language after each epoch."""
    table = accuracy.query("split == 'dev'")
    counts = zip(table["accuracy"], table["examples"], strict=True)
    table = table.assign(interval=[interval(*wilson_interval(*each)) for each in counts])
    color, dash, shape = by_language(table, languages)
    base = alt.Chart(table).encode(
        x=epochs_axis(table),
        y=alt.Y(
            "accuracy:Q",
            title="development accuracy",
            axis=alt.Axis(format=".0%", tickMinStep=0.01),
        ).scale(zero=False, nice=True),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("epoch:O"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("examples:Q"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash)
    points = base.mark_point(filled=True, size=55, opacity=1).encode(shape=shape)
    return styled((lines + points).properties(width=560, height=260))


def by_language(
    table: pd.DataFrame, languages: Sequence[str] | None = None, field: str = "language"
) -> tuple[alt.Color, alt.StrokeDash, alt.Shape]:
    """Return what tells languages apart: colour, dash of a line and shape of a point.

    Args:
        table: what is drawn; languages that it lacks are left out.
        languages: their order; by default as they come.
        field: the table's column.
    """
    present = list(dict.fromkeys(table[field]))
    order = [each for each in languages if each in present] if languages else present
    colors = [LINES[i % len(LINES)] for i in range(len(order))]
    dashes = [DASHES[i // len(LINES) % len(DASHES)] for i in range(len(order))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(order))]
    legend = alt.Legend(columns=-(-len(order) // 16), symbolLimit=0, symbolOpacity=1)
    color = alt.Color(f"{field}:N", title=None, sort=order, legend=legend)
    dash, shape = (of(f"{field}:N", title=None, sort=order) for of in (alt.StrokeDash, alt.Shape))
    return (
        color.scale(domain=order, range=colors),
        dash.scale(domain=order, range=dashes),
        shape.scale(domain=order, range=shapes),
    )


def own_share(
    shares: pd.DataFrame, language: str, domain: tuple[float, float] | None = None
) -> alt.LayerChart:
    """Share of a language's own data at each checkpoint, positive and negative, with intervals.

    `domain` is the range of the vertical axis, so that several charts can have one scale
    (Choenni et al. 2023, Fig. 3).
    """
    return styled(_own_share(shares, language, domain))


def own_share_by_epoch(
    shares: pd.DataFrame, languages: Sequence[str] | None = None, columns: int = 4
) -> alt.ConcatChart:
    """`own_share` of every language side by side on one scale."""
    own = own_per_epoch(shares)
    order = languages if languages is not None else list(dict.fromkeys(own["test_language"]))
    present = [language for language in order if language in set(own["test_language"])]
    domain = own_domain(own)
    panels = [_own_share(shares, language, domain) for language in present]
    return styled(alt.concat(*panels, columns=columns, spacing=28))


def own_per_epoch(shares: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single checkpoints in which a language meets its own training data."""
    return shares.query("epoch > 0 and test_language == train_language")


def own_domain(own: pd.DataFrame) -> tuple[float, float]:
    """Return a vertical range that holds all intervals and base rates, from 0, in steps of 10 %."""
    top = max(own["high"].max(), own["base_rate"].max())
    return 0.0, min(1.0, (int(top * 10) + 1) / 10)


def _own_share(
    shares: pd.DataFrame, language: str, domain: tuple[float, float] | None
) -> alt.LayerChart:
    table = own_per_epoch(shares).query("test_language == @language").copy()
    table["interval"] = [
        interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)
    ]
    table["influence"] = table["sign"].map(SIGNS)
    scale = alt.Scale(domain=domain or own_domain(table), nice=False)
    axis = alt.Axis(format=".0%", tickCount=4)
    color = alt.Color("influence:N", legend=None).scale(
        domain=list(SIGNS.values()), range=[f"rgb({hue})" for hue in HUES.values()]
    )
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
        y=alt.Y("low:Q", scale=scale, axis=axis, title=None), y2="high:Q"
    )
    lines = base.mark_line(strokeWidth=2).encode(y=alt.Y("share:Q", scale=scale))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        y=alt.Y("share:Q", scale=scale),
        shape=alt.Shape("influence:N", legend=None).scale(
            domain=list(SIGNS.values()), range=["circle", "square"]
        ),
    )
    rule = (
        alt.Chart(table.head(1))
        .mark_rule(strokeDash=[4, 4], color=QUIET)
        .encode(y=alt.Y("base_rate:Q", scale=scale))
    )
    return (rule + bands + lines + points).properties(
        width=180, height=140, title=alt.Title(language, anchor="start")
    )


def reinforcing_bars(
    reinforcing: pd.DataFrame,
    languages: Sequence[str] | None = None,
    paper: pd.DataFrame | None = None,
) -> alt.LayerChart:
    """Part of the influential examples from other languages that reinforce.

    Choenni et al. 2023, §8.1 and Tab. 4. The figures of a `paper` (columns sign, test_language,
    reinforcing, source) are marked by diamonds on the bars of the same languages.
    """
    table = reinforcing.copy()
    order = list(languages) if languages else list(dict.fromkeys(table["test_language"]))
    table["interval"] = [
        interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)
    ]
    table["influence"] = table["sign"].map(SIGNS)
    place = {
        "y": alt.Y("test_language:N", sort=order, title="test language").scale(paddingInner=0.35),
        "yOffset": alt.YOffset("influence:N", sort=list(SIGNS.values())),
    }
    base = alt.Chart(table).encode(
        **place,
        tooltip=[
            alt.Tooltip("test_language:N", title="test language"),
            alt.Tooltip("influence:N"),
            alt.Tooltip("reinforcing:Q", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("members:Q", title="from other languages"),
        ],
    )
    color = alt.Color("influence:N", title=None, sort=list(SIGNS.values())).scale(
        domain=list(SIGNS.values()), range=[f"rgb({hue})" for hue in HUES.values()]
    )
    axis = alt.Axis(format=".0%", tickCount=5)
    bars = base.mark_bar(opacity=0.75, cornerRadiusEnd=2).encode(
        x=alt.X("reinforcing:Q", title="reinforcing", axis=axis), color=color
    )
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(x="low:Q", x2="high:Q")
    chart = bars + whiskers
    if paper is not None:
        paper = paper[paper["test_language"].isin(table["test_language"])]
        chart = chart if paper.empty else chart + _diamonds(paper, place)
    return styled(chart.properties(width=460, height=38 * table["test_language"].nunique()))


def _diamonds(paper: pd.DataFrame, place: dict[str, alt.SchemaBase]) -> alt.Chart:
    """Mark a paper's figures where its languages and signs have their bars."""
    return (
        alt.Chart(
            paper.assign(
                influence=paper["sign"].map(SIGNS), printed=paper["source"].str.split(":").str[0]
            )
        )
        .mark_point(filled=True, size=70, color=INK, stroke="white", strokeWidth=1, opacity=1)
        .encode(
            **place,
            x="reinforcing:Q",
            shape=alt.Shape("printed:N", title=None)
            .scale(range=["diamond"])
            .legend(orient="bottom", labelLimit=260),
            tooltip=[
                alt.Tooltip("source:N", title="not of this run"),
                alt.Tooltip("test_language:N", title="test language"),
                alt.Tooltip("influence:N"),
                alt.Tooltip("reinforcing:Q", format=".0%"),
            ],
        )
    )


def dashed(at: float, axis: str) -> alt.Chart:
    """A dashed line across the chart, at a value of the axis "x" or "y"."""
    chart = alt.Chart(pd.DataFrame({"at": [at]})).mark_rule(strokeDash=[4, 4], color=QUIET)
    return chart.encode(**{axis: "at:Q"})


def epochs_axis(table: pd.DataFrame) -> alt.X:
    """Epochs as a continuous axis with whole numbers only, readable up to many epochs."""
    epochs = sorted({int(epoch) for epoch in table["epoch"]})
    step = max(1, -(-len(epochs) // 12))
    axis = alt.Axis(values=epochs[::step], format="d", grid=False)
    margin = 0.25 if len(epochs) < 3 else 0.15
    scale = alt.Scale(domain=[epochs[0] - margin, epochs[-1] + margin], nice=False, zero=False)
    return alt.X("epoch:Q", title="epoch", axis=axis, scale=scale)
