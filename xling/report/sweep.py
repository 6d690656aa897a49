"""The report of a sweep: all its runs in one table, and the figures of what was swept."""

import json
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.reference import reference
from xling.analysis.sweeps import confidence_changes, flattens, imbalance_curves, overview
from xling.errors import UserError
from xling.report.page import _fluid, _templates, _vega
from xling.report.style import DASHES, HUES, LINES, QUIET, styled
from xling.report.wording import interval, listed, percent
from xling.sweep import noted

SIGNS = {"+": "positive", "-": "negative"}
SOLID = alt.Legend(symbolOpacity=1, labelLimit=280)  # not that of the bands
TITLES = {
    "imbalance": "What does more data of one language change?",
    "zero_shot": "Whom does a language rely on that was left out?",
    "confidence": "Do the most influential examples make the predictions?",
}


def write_sweep(folder: Path) -> Path:
    """Write the report, the tables and the figures of a sweep from its finished jobs.

    Raises:
        UserError: none is finished.
    """
    jobs = noted(folder)
    if not jobs:
        raise UserError(f"{folder}: no job of this sweep is finished yet.")
    traced = [each["run"].parent / each["base"] if each["base"] else each["run"] for each in jobs]
    paths = {run.name: run for run in traced}
    runs = {name: _results(run) for name, run in paths.items()}
    tables = sweep_tables(runs, paths, [_results(each["run"]) for each in jobs if each["base"]])
    (folder / "tables").mkdir(exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet", index=False)
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    charts = sweep_charts(tables)
    (folder / "figures").mkdir(exist_ok=True)
    for name, chart in charts.items():
        for ending in ("svg", "png"):
            chart.save(folder / "figures" / f"{name}.{ending}", scale_factor=2)
    links = {name: f"../../{path.parent.name}/{name}/report.html" for name, path in paths.items()}
    part = folder / "report.html.part"
    part.write_text(_page(folder.name, runs, tables, charts, links), "utf-8")
    return part.rename(folder / "report.html")


def sweep_tables(
    runs: dict[str, dict[str, Any]], paths: dict[str, Path], left_out: list[dict[str, Any]]
) -> dict[str, pd.DataFrame]:
    """Return the tables that apply: an overview, and what the swept switches ask for."""
    tables = {"runs": overview(runs)}
    shares = {name: pd.read_parquet(paths[name] / "tables/shares.parquet") for name in runs}
    curves = imbalance_curves(runs, shares)
    if len(curves):
        tables["imbalance"] = curves
    for table in ("zero_shot", "zero_shot_shares", "zero_shot_accuracy"):
        files = {name: paths[name] / f"tables/{table}.parquet" for name in runs}
        parts = [
            pd.read_parquet(file).assign(run=name) for name, file in files.items() if file.is_file()
        ]
        if parts:
            tables[table] = pd.concat(parts, ignore_index=True)
    if left_out:
        tables["retrained"] = pd.DataFrame(left_out)
        tables["confidence"] = confidence_changes(left_out)
    return tables


def sweep_charts(tables: dict[str, pd.DataFrame]) -> dict[str, alt.TopLevelMixin]:
    """Return the figures of the tables that are there."""
    charts = {}
    if "imbalance" in tables:
        for sign, name in SIGNS.items():
            charts[f"imbalance_{name}"] = imbalance_chart(tables["imbalance"], sign, "share")
            charts[f"imbalance_{name}_lift"] = imbalance_chart(tables["imbalance"], sign, "lift")
    if "zero_shot_shares" in tables:
        charts["zero_shot_shares"] = zero_shot_chart(tables["zero_shot_shares"])
    if "confidence" in tables:
        for sign in dict.fromkeys(tables["confidence"]["sign"]):
            charts[f"confidence_{SIGNS[sign]}"] = confidence_chart(tables["confidence"], sign)
    return charts


def imbalance_chart(curves: pd.DataFrame, sign: str, value: str) -> alt.LayerChart:
    """Share of a language's own data, or its lift over the base rate, against p (Fig. 5)."""
    table = curves[curves["sign"] == sign].copy()
    if value == "lift":
        for end in ("low", "high"):
            table[end] = table[end] / table["base_rate"]
    table["interval"] = [_printed(row, value) for row in table.to_dict("records")]
    order = list(dict.fromkeys(table["language"]))
    title, form = ("own share", ".0%") if value == "share" else ("share ÷ base rate", ".1f")
    color = alt.Color("language:N", title=None, sort=order, legend=SOLID).scale(
        domain=order, range=[LINES[i % len(LINES)] for i in range(len(order))]
    )
    base = alt.Chart(table).encode(
        x=alt.X(
            "imbalance:Q",
            title="more data of the language, %",
            axis=alt.Axis(values=sorted(set(table["imbalance"])), grid=False),
        ),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("imbalance:Q", title="more data, %"),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
        ],
    )
    axis = alt.Axis(format=form, tickCount=5)
    bands = base.mark_area(opacity=0.12).encode(
        y=alt.Y("low:Q", title=title, axis=axis), y2="high:Q"
    )
    dash = alt.StrokeDash("language:N", title=None, sort=order).scale(
        domain=order, range=[DASHES[i // len(LINES) % len(DASHES)] for i in range(len(order))]
    )
    lines = base.mark_line(strokeWidth=2).encode(y=f"{value}:Q", strokeDash=dash)
    points = base.mark_point(filled=True, size=50, opacity=1).encode(y=f"{value}:Q")
    layers = [bands, lines, points]
    if value == "lift":
        layers.insert(
            0,
            alt.Chart(pd.DataFrame({"one": [1]}))
            .mark_rule(strokeDash=[4, 4], color=QUIET)
            .encode(y="one:Q"),
        )
    return styled(alt.layer(*layers).properties(width=420, height=260))


def zero_shot_chart(shares: pd.DataFrame) -> alt.TopLevelMixin:
    """Shares of the training languages for a language left out, by both models (Fig. 4)."""
    table = shares[(shares["sign"] == "+")].copy()
    table["interval"] = [interval(a, b) for a, b in zip(table["low"], table["high"], strict=True)]
    names = {"full": "with it", "without": "without it"}
    table["trained"] = table["model"].map(names)
    color = alt.Color("trained:N", title="trained", sort=list(names.values())).scale(
        domain=list(names.values()), range=[f"rgb({HUES['-']})", f"rgb({HUES['+']})"]
    )
    base = alt.Chart(table).encode(
        x=alt.X("train_language:N", title=None, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("trained:N", sort=list(names.values())),
        tooltip=[
            alt.Tooltip("test_language:N", title="test language"),
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("trained:N"),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        ],
    )
    bars = base.mark_bar(opacity=0.8, cornerRadiusEnd=2).encode(
        y=alt.Y("share:Q", title="share of the most positive", axis=alt.Axis(format=".0%")),
        color=color,
    )
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    width = max(90, 46 * table["train_language"].nunique())
    panel = (bars + whiskers).properties(width=width, height=180)
    return styled(panel.facet(facet=alt.Facet("test_language:N", title=None), columns=2))


def confidence_chart(changes: pd.DataFrame, sign: str) -> alt.LayerChart:
    """Change of the probability of the right class against k, beside the control (Fig. 1)."""
    table = changes[changes["sign"] == sign].copy()
    for each in ("change", "low", "high"):
        table[each] = 100 * table[each]
    kinds = {"influential": f"most {SIGNS[sign]}", "random": "as many random ones like them"}
    table["dropped"] = table["left_out"].map(kinds)
    color = alt.Color("dropped:N", title="left out", sort=list(kinds.values()), legend=SOLID).scale(
        domain=list(kinds.values()), range=[f"rgb({HUES[sign]})", QUIET]
    )
    base = alt.Chart(table).encode(
        x=alt.X(
            "k:Q",
            title="examples left out",
            axis=alt.Axis(values=sorted(set(table["k"])), grid=False),
            scale=alt.Scale(zero=False),
        ),
        color=color,
        tooltip=[
            alt.Tooltip("dropped:N", title="left out"),
            alt.Tooltip("k:Q"),
            alt.Tooltip("change:Q", title="points of probability", format="+.2f"),
            alt.Tooltip("low:Q", format="+.2f"),
            alt.Tooltip("high:Q", format="+.2f"),
            alt.Tooltip("test_examples:Q", title="test examples"),
        ],
    )
    title = "change in probability, points"
    bands = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
    lines = base.mark_line(strokeWidth=2).encode(y="change:Q")
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        y="change:Q",
        shape=alt.Shape("dropped:N", title="left out", sort=list(kinds.values())).scale(
            domain=list(kinds.values()), range=["circle", "square"]
        ),
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=QUIET).encode(y="zero:Q")
    return styled((zero + bands + lines + points).properties(width=460, height=260))


def findings(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Say what the sweep found, in sentences computed from its tables."""
    found = []
    if "imbalance" in tables:
        found += _imbalance_finding(tables["imbalance"])
    if "zero_shot" in tables:
        found += _zero_shot_finding(tables["zero_shot"], tables["zero_shot_accuracy"])
    if "confidence" in tables:
        found += _confidence_finding(tables["confidence"])
    return found


def _imbalance_finding(curves: pd.DataFrame) -> list[str]:
    sentences = []
    for language, table in curves[curves["sign"] == "+"].groupby("language", sort=False):
        first, last = table.iloc[0], table.iloc[-1]
        if first["imbalance"] == last["imbalance"]:
            continue
        sentences.append(
            f"With {last['imbalance']}% more {language} data, its share of its own most positive "
            f"examples goes from {percent(first['share'])} to {percent(last['share'])}; its part "
            f"of all training data from {percent(first['base_rate'])} to "
            f"{percent(last['base_rate'])}, so the lift over it from {first['lift']:.2f} to "
            f"{last['lift']:.2f}."
        )
    return sentences


def _zero_shot_finding(overlaps: pd.DataFrame, accuracies: pd.DataFrame) -> list[str]:
    sentences = []
    positive = overlaps[overlaps["sign"] == "+"]
    for language, table in positive.groupby("language", sort=False):
        of = table.set_index("measure")
        parts = []
        if "translations" in of.index:
            row = of.loc["translations"]
            parts.append(
                f"{percent(row['value'])} of the zero-shot model’s most positive examples "
                f"translate {language} examples that the full model relied on "
                f"(by chance {percent(row['chance'])})"
            )
        if "recovered" in of.index:
            row = of.loc["recovered"]
            parts.append(
                f"{percent(row['value'])} of the full model’s examples in other languages are "
                f"relied on again (by chance {percent(row['chance'])})"
            )
        accuracy = accuracies[accuracies["language"] == language].set_index("model")["accuracy"]
        sentences.append(
            f"{language}: {listed(parts)}. Accuracy {percent(accuracy['full'])} with it in "
            f"training, {percent(accuracy['without'])} without."
        )
    return sentences


def _confidence_finding(changes: pd.DataFrame) -> list[str]:
    sentences = []
    for sign, table in changes.groupby("sign", sort=False):
        of = table[table["left_out"] == "influential"]
        row = of.loc[of["k"].idxmax()]
        text = (
            f"Without the {row['k']} most {SIGNS[sign]} examples the probability of the right "
            f"class changes by {100 * row['change']:+.1f} points on average over "
            f"{row['test_examples']} test examples"
        )
        control = table[(table["left_out"] == "random") & (table["k"] == row["k"])]
        if len(control):
            text += f", without as many random ones by {100 * control.iloc[0]['change']:+.1f}"
        if pd.notna(row["p_random"]):
            text += f" (p = {row['p_random']:.3f})"
        where = flattens(changes, sign)
        text += f". The curve is flat from k = {where} on." if where else "."
        sentences.append(text.replace("-", "\u2212") if "-" not in str(where) else text)
    return sentences


def _page(
    name: str,
    runs: dict[str, dict[str, Any]],
    tables: dict[str, pd.DataFrame],
    charts: dict[str, alt.TopLevelMixin],
    links: dict[str, str],
) -> str:
    tasks = {run["task"] for run in runs.values()}
    papers = pd.concat([reference(task) for task in sorted(tasks)])
    return (
        _templates()
        .get_template("sweep.html.j2")
        .render(
            name=name,
            title=next(
                (title for key, title in TITLES.items() if key in tables), "The runs of a sweep"
            ),
            tasks=sorted(tasks),
            sample=any(run["profile"] == "sample" for run in runs.values()),
            findings=findings(tables),
            tables={key: _rows(table) for key, table in tables.items()},
            charts={
                key: chart.to_dict() if key == "zero_shot_shares" else _fluid(chart)
                for key, chart in charts.items()
            },
            links=links,
            paper=papers[papers["what"].str.startswith("zero_shot")].to_dict("records"),
            vega=_vega(),
        )
    )


def _rows(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as the page prints it: columns, and rows of short texts."""
    return {
        "columns": list(table.columns),
        "rows": [[_short(value) for value in row] for row in table.itertuples(index=False)],
    }


def _short(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _printed(row: dict[str, Any], value: str) -> str:
    if value == "share":
        return interval(row["low"], row["high"])
    return f"{row['low']:.2f}–{row['high']:.2f}"


def _results(run: Path) -> dict[str, Any]:
    file = run / "results.json"
    if not file.is_file():
        raise UserError(f"{run}: this run of the sweep is gone. Give the sweep's command again.")
    return json.loads(file.read_text("utf-8"))
