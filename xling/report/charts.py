"""The figures, one pure function each: a long-form table in, an Altair chart out."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from xling.report.style import DASHES, GREY, HUES, INK, LINES, QUIET, SHAPES, rgba, styled
from xling.report.wording import MINUS, interval

FLAT = 0.2  # matrices whose values differ by less, relatively, are coloured from zero
SIGNS = {"+": "positive", "-": "negative"}


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
    table = shares.query("sign == @sign and epoch == @epoch").copy()
    table["excess"] = 100 * (table["share"] - table["base_rate"])
    table["interval"] = [
        interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)
    ]
    width = cell_width(table["train_language"].nunique())
    digits = 1 if width >= 44 else 0
    noisy = table["noise"].notna().all()  # there are twin sketches
    table["printed"] = [
        f"{100 * share:.{digits}f}" + (f" ±{100 * noise:.1f}" if noisy and width >= 60 else "")
        for share, noise in zip(table["share"], table["noise"], strict=True)
    ]
    limit = max(100 * limit if limit is not None else table["excess"].abs().max(), 1e-6)
    color = alt.Color("excess:Q", title="percentage points from the base rate").scale(
        domain=[-limit, 0, 1e-6 * limit, limit],
        range=[rgba(GREY, 0.6), rgba(GREY, 0), rgba(HUES[sign], 0), rgba(HUES[sign], 0.8)],
    )
    tooltip = [
        alt.Tooltip("share:Q", title="share", format=".1%"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        alt.Tooltip("test_examples:Q", title="test examples"),
        *([alt.Tooltip("noise:Q", title="differs by twin sketch", format=".1%")] if noisy else []),
    ]
    label = "datum.value == 0 ? 'base rate' : format(datum.value, '+.0f')"
    legend = color.legend(orient="bottom", labelExpr=label, values=[-limit, 0, limit])
    return styled(_matrix(table, legend, tooltip, languages))


def mean_influence_matrix(
    mean_influence: pd.DataFrame, epoch: int = 0, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Mean influence of each training on each test language (Choenni et al. 2023, Tab. 3)."""
    table = mean_influence.query("epoch == @epoch").copy()
    low, high = table["mean"].min(), table["mean"].max()
    size = max(abs(low), abs(high), 1e-12)
    digits = 2 if size >= 0.1 else 3 if size >= 0.01 else 4
    table["printed"] = [f"{mean:.{digits}f}".replace("-", MINUS) for mean in table["mean"]]
    table["interval"] = [
        f"{low:.{digits + 1}f} to {high:.{digits + 1}f}".replace("-", MINUS)
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
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
    tooltip = [
        alt.Tooltip("mean:Q", title="mean influence", format=f".{digits + 1}f"),
        alt.Tooltip("interval:N", title="95% interval"),
    ]
    legend = color.legend(orient="bottom", format=f".{digits}f", values=ticks)
    return styled(_matrix(table, legend, tooltip, languages))


def _matrix(
    table: pd.DataFrame,
    color: alt.Color,
    tooltip: list[alt.Tooltip],
    languages: Sequence[str] | None,
) -> alt.LayerChart:
    """Rows are test languages, columns training languages; own-language cells have a frame."""
    order = list(languages) if languages else list(dict.fromkeys(table["test_language"]))
    columns = table["train_language"].nunique()
    width = cell_width(columns)
    height = min(48, width - 2)
    top = alt.Axis(orient="top", labelAngle=0)
    base = alt.Chart(table).encode(
        x=alt.X("train_language:N", sort=order, title="training examples", axis=top),
        y=alt.Y("test_language:N", sort=order, title="test examples"),
        tooltip=[
            alt.Tooltip("test_language:N", title="test language"),
            alt.Tooltip("train_language:N", title="training language"),
            *tooltip,
        ],
    )
    own = alt.datum.test_language == alt.datum.train_language
    cells = base.mark_rect(cornerRadius=3).encode(color=color)
    frames = base.transform_filter(own).mark_rect(
        cornerRadius=3, fill="transparent", stroke=QUIET, strokeWidth=1.2
    )
    figures = base.mark_text(fontSize=13 if width >= 44 else 11, color=INK).encode(text="printed:N")
    return (cells + frames + figures).properties(width={"step": width}, height={"step": height})


def cell_width(columns: int) -> int:
    """Width of a matrix cell in pixels, so that two matrices stand side by side on a page."""
    return max(28, min(78, 430 // columns))


def accuracy_by_epoch(
    accuracy: pd.DataFrame, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Development accuracy of each language after each epoch."""
    table = accuracy.query("split == 'dev'")
    order = list(languages) if languages else list(dict.fromkeys(table["language"]))
    order = [language for language in order if language in set(table["language"])]
    colors = [LINES[i % len(LINES)] for i in range(len(order))]
    dashes = [DASHES[i // len(LINES) % len(DASHES)] for i in range(len(order))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(order))]
    base = alt.Chart(table).encode(
        x=_epochs(table),
        y=alt.Y(
            "accuracy:Q",
            title="development accuracy",
            axis=alt.Axis(format=".0%", tickMinStep=0.01),
        ).scale(zero=False, nice=True),
        color=alt.Color("language:N", title=None, sort=order).scale(domain=order, range=colors),
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("epoch:O"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("examples:Q"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash("language:N", title=None, sort=order).scale(
            domain=order, range=dashes
        )
    )
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        shape=alt.Shape("language:N", title=None, sort=order).scale(domain=order, range=shapes)
    )
    return styled((lines + points).properties(width=560, height=260))


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
        x=_epochs(table),
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
    reinforcing: pd.DataFrame, languages: Sequence[str] | None = None
) -> alt.LayerChart:
    """Part of the influential examples from other languages that reinforce.

    Choenni et al. 2023, §8.1 and Tab. 4.
    """
    table = reinforcing.copy()
    order = list(languages) if languages else list(dict.fromkeys(table["test_language"]))
    table["interval"] = [
        interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)
    ]
    table["influence"] = table["sign"].map(SIGNS)
    base = alt.Chart(table).encode(
        y=alt.Y("test_language:N", sort=order, title="test language").scale(paddingInner=0.35),
        yOffset=alt.YOffset("influence:N", sort=list(SIGNS.values())),
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
    return styled(
        (bars + whiskers).properties(width=460, height=38 * table["test_language"].nunique())
    )


def _epochs(table: pd.DataFrame) -> alt.X:
    """Epochs as a continuous axis with whole numbers only, readable up to many epochs."""
    epochs = sorted({int(epoch) for epoch in table["epoch"]})
    step = max(1, -(-len(epochs) // 12))
    axis = alt.Axis(values=epochs[::step], format="d", grid=False)
    margin = 0.25 if len(epochs) < 3 else 0.15
    scale = alt.Scale(domain=[epochs[0] - margin, epochs[-1] + margin], nice=False, zero=False)
    return alt.X("epoch:Q", title="epoch", axis=axis, scale=scale)
