"""Figures as SVG, PNG and PDF files, and tables as Parquet, CSV and LaTeX."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert

from xling.report.latex import RULE, latex
from xling.report.methods import TRACIN, words_of
from xling.report.order import SCHEMAS
from xling.report.section import Figure, Schema

SCALE = 2  # PNG pixels per unit of the chart


@contextmanager
def saved(figures: Iterable[Figure], target: Path) -> Iterator[list[Path]]:
    """Write figures into a folder, each as SVG, PNG and PDF, on white, while a block goes on.

    Drawing does not hold up Python. One thread draws: Vega numbers parts in the order of drawing.

    Yields:
        A list, which has the files once the block has ended.
    """
    target.mkdir(exist_ok=True)
    files: list[Path] = []
    with ThreadPoolExecutor(1) as pool:
        saving = [pool.submit(_save, figure.spec, target / figure.file) for figure in figures]
        yield files
        files += [file for figure in saving for file in figure.result()]


def _save(spec: dict[str, Any], stem: Path) -> list[Path]:
    # Vega draws once: the other two are made of the SVG, which takes a fraction of the time.
    svg = vl_convert.vegalite_to_svg({**spec, "background": "white"})
    contents = {
        ".svg": svg.encode(),
        ".png": vl_convert.svg_to_png(svg, scale=SCALE),
        ".pdf": vl_convert.svg_to_pdf(svg),
    }
    for suffix, content in contents.items():
        part = stem.with_name(f"{stem.name}{suffix}.part")
        part.write_bytes(content)
        part.rename(stem.with_name(stem.name + suffix))
    return [stem.with_name(stem.name + suffix) for suffix in contents]


def write_tables(
    folder: Path,
    tables: dict[str, pd.DataFrame],
    schemas: Mapping[str, Schema] = SCHEMAS,
    source: str = "run",
    method: str = TRACIN,
    **influence: Any,
) -> None:
    """Write tables as Parquet, CSV and LaTeX, and a page that says what their columns hold.

    Args:
        folder: is made if it is not there.
        tables: by name.
        schemas: what documents them, by the same names.
        source: what the tables are of, a run or a sweep.
        method, influence: what the scores are of, see `xling.report.methods.words_of`.
    """
    folder.mkdir(exist_ok=True)
    lines = [f"# The tables of this {source}", "", RULE]
    for name, table in tables.items():
        about = schemas[name].about
        columns = schemas[name].in_words(words_of(method, **influence)).columns
        table.to_parquet(folder / f"{name}.parquet", index=False)
        table.to_csv(folder / f"{name}.csv", index=False)
        text, file = latex(table, name, about), folder / f"{name}.tex"
        if text is None:
            file.unlink(missing_ok=True)  # of a table that was shorter before
        else:
            file.write_text(text, "utf-8")
        lines += ["", f"## {name}", "", about, ""]
        lines += [f"- `{column}`: {columns[column]}" for column in table.columns]
    (folder / "README.md").write_text("\n".join(lines) + "\n", "utf-8")
