"""The look of the figures: colours, type and axes.

Green is positive influence and purple negative, everywhere; both differ in lightness from the grey
of "less than the base rate". Colours are transparent towards the neutral end, so that a chart
stands on a light page as well as on a dark one.
"""

from typing import TypeVar

import altair as alt

Chart = TypeVar("Chart", alt.LayerChart, alt.ConcatChart)

FONT = 'Inter, "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif'
INK, QUIET, RULE = "#20242a", "#69707a", "#b9bec6"
SIGNS = {"+": "positive", "-": "negative"}
HUES = {"+": "27, 158, 119", "-": "125, 91, 181"}
GREY = "112, 120, 132"
# Paul Tol's "bright" scheme, made for colour-blind readers (grey last).
LINES = ("#4477AA", "#EE6677", "#228833", "#B39B00", "#33A7C8", "#AA3377", "#888888")
DASHES = ([1, 0], [6, 3], [2, 2])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke")


def rgba(rgb: str, alpha: float) -> str:
    """Write a colour of `HUES` or `GREY` with an opacity."""
    return f"rgba({rgb}, {alpha})"


def styled(chart: Chart) -> Chart:
    """Give a whole chart the look of the report."""
    labels = {"labelColor": QUIET, "titleColor": QUIET}
    return (
        chart.configure(font=FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
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
        .configure_axisBand(grid=False, labelFontSize=13)
        .configure_legend(
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
        .configure_title(fontSize=13, fontWeight="bold", color=INK, offset=8)
    )
