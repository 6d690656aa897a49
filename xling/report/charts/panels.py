"""Panels of a figure, drawn from the groups of a table."""

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd

Panels = dict[str, alt.LayerChart]
"""The panels of a figure by their titles."""

BELOW = alt.Legend(symbolOpacity=1, labelLimit=280, orient="bottom", columns=2)
TEST_EXAMPLES = "{} test examples"


def panels(
    table: pd.DataFrame,
    draw: Callable[[pd.DataFrame], alt.LayerChart],
    always: str,
    sometimes: Sequence[str],
    form: str = "{}",
) -> Panels:
    """Draw a panel for each value of a column, and of others where they differ.

    The titles are these values, the first of them as `form` has it.
    """
    keys = [always, *(key for key in sometimes if key in table and table[key].nunique() > 1)]
    return {
        " · ".join([form.format(first), *map(str, others)]): draw(part)
        for (first, *others), part in table.groupby(keys, sort=False, dropna=False)
    }


def by_method(
    table: pd.DataFrame, draw: Callable[[pd.DataFrame], alt.LayerChart]
) -> alt.LayerChart | Panels:
    """Draw a table of several attribution methods as a panel for each, any other as one chart."""
    return panels(table, draw, "method", ()) if "method" in table else draw(table)


def split_by_method(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each attribution method, after what a sentence says first of them."""
    if "method" not in table:
        return [("", table)]
    return [(f"By {method}: ", part) for method, part in table.groupby("method", sort=False)]


def change_domain(changes: Sequence[float]) -> tuple[float, float]:
    """Return a range, in percentage points, that holds changes and zero."""
    values = [0.0, *(100 * change for change in changes if change == change)]
    return min(values), max(values)
