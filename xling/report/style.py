"""The look of the figures: colours, type and axes.

Green is positive influence and purple negative, everywhere; both differ in lightness from the grey
of "less than the base rate". Blue is what is no influence: the subnetworks' heads. Colours are
transparent towards the neutral end, so that a chart stands on a light page as well as on a dark
one.
"""

from typing import TypeVar

import altair as alt

AnyChart = TypeVar("AnyChart", alt.Chart, alt.LayerChart, alt.ConcatChart)

FONT = 'Inter, "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif'
INK, QUIET, RULE = "#20242a", "#69707a", "#b9bec6"
HUES = {"+": "27, 158, 119", "-": "125, 91, 181"}
GREY = "112, 120, 132"
HEADS = "68, 119, 170"
# The hues of Paul Tol's "bright" scheme (grey last), with the lightness set so that any two differ
# for colour-blind readers too, and each from the page.
LINES = ("#265ec7", "#d4647a", "#295e2b", "#978a2a", "#3f95c8", "#9f3083", "#424242")
DARK_LINES = ("#4a74d8", "#d8453a", "#96e799", "#bcb824", "#5cb3ec", "#f0b0ca", "#7d7d7d")
DARK = {
    **dict(zip(LINES, DARK_LINES, strict=True)),
    INK: "#e7e9ec",
    QUIET: "#a3abb6",
    **{f"rgb({HUES[sign]})": hue for sign, hue in {"+": "#45c79c", "-": "#b294e4"}.items()},
    f"rgb({HEADS})": "#6ea3d6",
}
"""What a colour of the figures, as it stands in an SVG, is on a dark page."""
DASHES = ([1, 0], [6, 3], [2, 2])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")


def rgba(rgb: str, alpha: float) -> str:
    """Write a colour of `HUES`, `GREY` or `HEADS` with an opacity."""
    return f"rgba({rgb}, {alpha})"


def styled(chart: AnyChart) -> AnyChart:
    """Give a whole chart the look of the report."""
    # Each `configure_…` of Altair would copy the whole chart.
    copy = chart.copy(deep=False)
    copy.config = LOOK
    return copy


def _look() -> alt.Config:
    labels = {"labelColor": QUIET, "titleColor": QUIET}
    axis = alt.AxisConfig(
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
        titlePadding=10,
        domain=False,
        ticks=False,
        labelPadding=6,
        gridColor=RULE,
        gridOpacity=0.35,
        **labels,
    )
    legend = alt.LegendConfig(
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
        gradientLength=180,
        gradientThickness=8,
        gradientStrokeColor="transparent",
        symbolSize=70,
        titleLimit=320,
        **labels,
    )
    title = {"fontSize": 13, "fontWeight": "bold", "color": INK, "offset": 8}
    return alt.Config(
        font=FONT,
        background="transparent",
        view=alt.ViewConfig(stroke=None),
        axis=axis,
        axisBand=alt.AxisConfig(grid=False, labelFontSize=13),
        legend=legend,
        title=alt.TitleConfig(**title, subtitleColor=QUIET),
    )


LOOK = _look()
