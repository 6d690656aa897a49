"""A table as LaTeX for a paper: booktabs, escaped, with its description as the caption."""

import re
from functools import partial
from numbers import Integral, Real
from typing import Any

import pandas as pd

from xling.report.words import MINUS, THIN, number

MAX_ROWS = 200  # longer tables are for programs; readers have the figures of them
PAGE_ROWS = 40  # rows that one page holds; longer tables may break
RULE = (
    f"Tables of at most {MAX_ROWS} rows are also there as LaTeX (`NAME.tex`), to be `\\input` with "
    "the packages booktabs and longtable, by XeLaTeX or LuaLaTeX where texts or names are not "
    "Latin. "
    "Where a table has the epochs one by one and their sum, the rows of the sum alone count, and "
    "stand there."
)
"""What a folder of tables says of its LaTeX."""

ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "∪": r"$\cup$",
        "∩": r"$\cap$",
    }
)


def latex(table: pd.DataFrame, name: str, about: str) -> str | None:
    """Write a table as LaTeX; None for one that is too long or that has no rows.

    Args:
        table: its missing values become dashes, its numbers are rounded.
        name: of the table; the label is `tab:NAME`.
        about: the caption.
    """
    rows = _summed(table)
    if not 0 < len(rows) <= MAX_ROWS:
        return None
    if len(rows.columns) < len(table.columns):
        about = f"{about.removesuffix('.')}, summed over the checkpoints."
    cells = rows.astype(object).apply(lambda column: column.map(partial(_cell, column.name)))
    return cells.rename(columns=_heading).to_latex(
        index=False,
        escape=False,  # the numbers are LaTeX already
        caption=escaped(about),
        label=f"tab:{name}",
        column_format="".join("r" if _numeric(rows[column]) else "l" for column in rows),
        longtable=len(rows) > PAGE_ROWS,
    )


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it is, on one line."""
    return re.sub(r"\s+", " ", text).translate(ESCAPES)


def _summed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows summed over the checkpoints, without their epoch, if there are any."""
    if "epoch" not in table or not (table["epoch"] == 0).any():
        return table
    return table[table["epoch"] == 0].drop(columns="epoch")


def _heading(column: str) -> str:
    return escaped(column.replace("_", " "))


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _cell(column: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return _signed(number(value))
    if isinstance(value, Real):
        return "--" if value != value else _real(column, float(value))
    if value is None:
        return "--"
    text = str(value)
    return f"${text}$" if text in ("+", "-") else escaped(text)


def _real(column: str, value: float) -> str:
    """Write three digits; a p- or q-value that these make 0 as `$<$0.001`."""
    if column in ("p", "q") or column.startswith("p_") or column.endswith("_p"):
        return "$<$0.001" if value < 0.001 else f"{value:.3f}"
    return _signed(number(value, 3))


def _signed(text: str) -> str:
    return text.replace(MINUS, "$-$").replace(THIN, r"\,")
