"""Tables as LaTeX: what is escaped, rounded, summed and left out."""

import numpy as np
import pandas as pd
import pytest

from xling.report.export import write_tables
from xling.report.latex import MAX_ROWS, PAGE_ROWS, RULE, escaped, latex
from xling.report.order import SCHEMAS, SWEEP_SCHEMAS
from xling.report.section import Schema


def rows(text):
    """The cells of the body, row by row."""
    body = text.split("\\midrule\n")[1].split("\\bottomrule")[0]
    lines = [line.removesuffix(" \\\\") for line in body.splitlines() if line.endswith("\\\\")]
    return [line.split(" & ") for line in lines]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a & b_c 5% #1 $x {y}", r"a \& b\_c 5\% \#1 \$x \{y\}"),
        ("\\input ~ ^", r"\textbackslash{}input \textasciitilde{} \textasciicircum{}"),
        ("<b>", r"\textless{}b\textgreater{}"),
        ("两\n\n行 и 텍스트 שלום", "两 行 и 텍스트 שלום"),
        ("de ∪ en", r"de $\cup$ en"),
    ],
)
def test_texts_are_printed_as_they_are(text, expected):
    assert escaped(text) == expected


def test_cells_are_rounded_and_escaped_by_their_kind():
    table = pd.DataFrame(
        {
            "sign": ["+", "-"],
            "a_name": ["p&q", None],
            "share": [0.12345, -0.5],
            "p_holm": [0.0004, 0.0361],
            "examples": [12000, -3],
            "covered": [True, False],
            "dropped": [["de_1", "en_2"], []],
            "low": [np.nan, 1234.5],
        }
    )
    text = latex(table, "mixed", "All kinds, 100% of them.")
    assert rows(text) == [
        ["$+$", r"p\&q", "0.123", "$<$0.001", r"12\,000", "yes", r"['de\_1', 'en\_2']", "--"],
        ["$-$", "--", "$-$0.500", "0.036", "$-$3", "no", "[]", r"1\,234.500"],
    ]
    assert r"\caption{All kinds, 100\% of them.}" in text and r"\label{tab:mixed}" in text
    assert "sign & a name & share & p holm & examples & covered & dropped & low" in text
    assert r"\begin{tabular}{llrrrllr}" in text
    assert all(rule in text for rule in ("\\toprule", "\\midrule", "\\bottomrule"))


def test_epochs_give_way_to_their_sum():
    epochs = pd.DataFrame({"epoch": [0, 0, 1, 1], "share": [0.1, 0.2, 0.3, 0.4]})
    text = latex(epochs, "shares", "Shares.")
    assert rows(text) == [["0.100"], ["0.200"]] and "epoch" not in text
    assert r"\caption{Shares, summed over the checkpoints.}" in text
    single = latex(epochs[epochs["epoch"] > 0], "shares", "Shares.")
    assert rows(single) == [["1", "0.300"], ["1", "0.400"]] and "summed" not in single


def test_long_tables_break_over_pages_and_longer_ones_are_left_out():
    def table_of(count):
        return latex(pd.DataFrame({"k": range(count)}), "k", "Numbers.")

    assert "longtable" not in table_of(PAGE_ROWS) and len(rows(table_of(PAGE_ROWS))) == PAGE_ROWS
    assert table_of(PAGE_ROWS + 1).count("\\begin{longtable}") == 1
    assert table_of(MAX_ROWS) and table_of(MAX_ROWS + 1) is None and table_of(0) is None


def test_a_folder_of_tables_says_what_it_holds(tmp_path):
    schemas = {"a": Schema("Of a.", {"k": "a number"})}
    write_tables(tmp_path / "tables", {"a": pd.DataFrame({"k": [1]})}, schemas, source="sweep")
    readme = (tmp_path / "tables/README.md").read_text("utf-8")
    assert readme.startswith("# The tables of this sweep") and RULE in readme
    assert "## a\n\nOf a.\n\n- `k`: a number" in readme and str(MAX_ROWS) in RULE
    assert {file.name for file in (tmp_path / "tables").iterdir()} == {
        "README.md", "a.csv", "a.parquet", "a.tex",
    }  # fmt: skip
    write_tables(tmp_path / "tables", {"a": pd.DataFrame({"k": range(MAX_ROWS + 1)})}, schemas)
    assert not (tmp_path / "tables/a.tex").exists()


@pytest.mark.parametrize("schemas", [SCHEMAS, SWEEP_SCHEMAS])
def test_the_caption_of_every_table_is_a_sentence(schemas):
    assert all(schema.about.endswith(".") and schema.columns for schema in schemas.values())
