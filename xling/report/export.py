"""The run's figures as Altair charts and as SVG, PNG and PDF files."""

from functools import partial
from pathlib import Path

import altair as alt
import pandas as pd
import vl_convert

from xling.report import charts, distributions, head_charts, matrices, subnetwork_charts
from xling.report.latex import RULE, latex
from xling.report.papers import paper
from xling.report.schema import Schema
from xling.report.specs import few, there
from xling.report.style import SIGNS
from xling.report.tables import SCHEMAS, Run, load

SCALE = 2  # PNG pixels per unit of the chart


def drawn(run: Run) -> dict[str, alt.TopLevelMixin]:
    """Return every figure of a run by name; the same charts as on the page."""
    tables, languages = run.tables, run.languages
    shares = tables["shares"]
    limit = matrices.share_limit(shares.query("epoch == 0"))
    found = {
        "accuracy_by_epoch": charts.accuracy_by_epoch(tables["accuracy"], languages),
        "positive_shares": matrices.share_heatmap(shares, "+", 0, languages, limit),
        "negative_shares": matrices.share_heatmap(shares, "-", 0, languages, limit),
        "mean_influence": matrices.mean_influence_matrix(tables["mean_influence"], 0, languages),
    }
    if not charts.own_per_epoch(shares).empty:
        found["own_share_by_epoch"] = charts.own_share_by_epoch(shares, languages)
    if (shares["epoch"] > 1).any() and few(run):
        for sign, name in SIGNS.items():
            found[f"{name}_shares_by_epoch"] = matrices.share_by_epoch(shares, sign, languages)
    if few(run):
        found["distribution"] = distributions.distribution_figure(tables["distribution"], languages)
    if "reinforcing" in tables:
        found["reinforcing"] = charts.reinforcing_bars(
            tables["reinforcing"], languages, paper(run).reinforcing
        )
    return {**found, **_subnetworks(run)}


def _subnetworks(run: Run) -> dict[str, alt.TopLevelMixin]:
    """Return the figures of a run with subnetworks, as far as there are tables."""
    tables, languages = run.tables, run.languages
    found: dict[str, alt.TopLevelMixin] = {}
    if there(tables, "subnetwork_change"):
        change = tables["subnetwork_change"]
        limit = subnetwork_charts.change_limit(change)
        for sign, name in SIGNS.items():
            chart = subnetwork_charts.change_matrix(change, sign, languages, limit)
            found[f"{name}_change"] = chart
    if there(tables, "masks"):
        found["head_use"] = head_charts.head_use_chart(tables["masks"])
    for name, draw in {
        "pruning": head_charts.pruning_chart,
        "mask_overlap": partial(head_charts.overlap_matrix, value="part"),
        "specialization": subnetwork_charts.specialization_chart,
        "similarity": partial(subnetwork_charts.similarity_chart, sign="+"),
    }.items():
        if there(tables, name):
            found[name] = draw(tables[name], languages=languages)
    return found


def figures(folder: Path) -> list[Path]:
    """Draw the figures of a finished run into `folder`/figures, as SVG, PNG and PDF.

    Raises:
        UserError: as `xling.report.tables.load`.
    """
    return save(drawn(load(Path(folder))), Path(folder) / "figures")


def save(charts: dict[str, alt.TopLevelMixin], target: Path) -> list[Path]:
    """Write charts by name into a folder, each as SVG, PNG and PDF, on white."""
    target.mkdir(exist_ok=True)
    written = []
    for name, chart in charts.items():
        # Vega draws once: the other two are made of the SVG, which takes a fraction of the time.
        svg = vl_convert.vegalite_to_svg({**chart.to_dict(), "background": "white"})
        for suffix, content in (
            ("svg", svg.encode()),
            ("png", vl_convert.svg_to_png(svg, scale=SCALE)),
            ("pdf", vl_convert.svg_to_pdf(svg)),
        ):
            part = target / f"{name}.{suffix}.part"
            part.write_bytes(content)
            written.append(part.rename(target / f"{name}.{suffix}"))
    return written


def write_tables(
    folder: Path,
    tables: dict[str, pd.DataFrame],
    schemas: dict[str, Schema] = SCHEMAS,
    of: str = "run",
) -> None:
    """Write tables as Parquet, CSV and LaTeX, and a page that says what their columns hold.

    Args:
        folder: is made if it is not there.
        tables: by name.
        schemas: what documents them, by the same names.
        of: what the tables are of, for the page's title.
    """
    folder.mkdir(exist_ok=True)
    lines = [f"# The tables of this {of}", "", RULE]
    for name, table in tables.items():
        about, columns = schemas[name].about, schemas[name].columns
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
