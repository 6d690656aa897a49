"""What charts with lines, points and bars have in common."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.style import DASHES, HUES, LINES, QUIET, SHAPES

SOLID = alt.Legend(symbolOpacity=1)  # not the opacity of the marks


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
    order = [language for language in languages if language in present] if languages else present
    colors = [LINES[i % len(LINES)] for i in range(len(order))]
    dashes = [DASHES[i // len(LINES) % len(DASHES)] for i in range(len(order))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(order))]
    legend = alt.Legend(columns=-(-len(order) // 16), symbolLimit=0, symbolOpacity=1)
    color = alt.Color(f"{field}:N", title=None, sort=order, legend=legend)
    dash = alt.StrokeDash(f"{field}:N", title=None, sort=order)
    shape = alt.Shape(f"{field}:N", title=None, sort=order)
    return (
        color.scale(domain=order, range=colors),
        dash.scale(domain=order, range=dashes),
        shape.scale(domain=order, range=shapes),
    )


def sign_hues() -> alt.Scale:
    """Return the scale of colours of positive and negative influence."""
    return alt.Scale(domain=list(SIGNS.values()), range=[f"rgb({hue})" for hue in HUES.values()])


def own_domain(own: pd.DataFrame) -> tuple[float, float]:
    """Return a vertical range that holds all intervals and base rates, from 0, in steps of 10 %."""
    top = max(own["high"].max(), own["base_rate"].max())
    return 0.0, min(1.0, (int(top * 10) + 1) / 10)


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
