"""The run's figures as Altair charts and as SVG and PNG files."""

from pathlib import Path

import altair as alt
import pandas as pd
import vl_convert

from xling.report import charts
from xling.report.tables import Run, load

SCALE = 2  # PNG pixels per unit of the chart


def drawn(run: Run) -> dict[str, alt.TopLevelMixin]:
    """Return every figure of a run by name; the same charts as on the page."""
    tables, languages = run.tables, run.languages
    limit = share_limit(tables["shares"])
    found = {
        "accuracy_by_epoch": charts.accuracy_by_epoch(tables["accuracy"], languages),
        "positive_shares": charts.share_heatmap(tables["shares"], "+", 0, languages, limit),
        "negative_shares": charts.share_heatmap(tables["shares"], "-", 0, languages, limit),
        "mean_influence": charts.mean_influence_matrix(tables["mean_influence"], 0, languages),
    }
    if not charts.own_per_epoch(tables["shares"]).empty:
        found["own_share_by_epoch"] = charts.own_share_by_epoch(tables["shares"], languages)
    if "reinforcing" in tables:
        found["reinforcing"] = charts.reinforcing_bars(tables["reinforcing"], languages)
    return found


def share_limit(shares: pd.DataFrame) -> float:
    """Return the largest distance of a summed share from its base rate, both signs (0 to 1)."""
    summed = shares.query("epoch == 0")
    return float((summed["share"] - summed["base_rate"]).abs().max())


def figures(folder: Path) -> list[Path]:
    """Draw the figures of a finished run into `folder`/figures, as SVG and as PNG.

    Raises:
        UserError: as `xling.report.tables.load`.
    """
    written = []
    for name, chart in drawn(load(Path(folder))).items():
        spec = {**chart.to_dict(), "background": "white"}
        target = Path(folder) / "figures"
        target.mkdir(exist_ok=True)
        for suffix, content in (
            ("svg", vl_convert.vegalite_to_svg(spec).encode()),
            ("png", vl_convert.vegalite_to_png(spec, scale=SCALE)),
        ):
            part = target / f"{name}.{suffix}.part"
            part.write_bytes(content)
            written.append(part.rename(target / f"{name}.{suffix}"))
    return written
