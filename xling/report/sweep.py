"""The report of a sweep: all its runs in one table, and the figures of what was swept."""

import json
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.reference import reference
from xling.analysis.sweeps import SWITCHES, confidence_changes, flattens, imbalance_curves, overview
from xling.errors import UserError
from xling.report import subnetwork_sweep, told_subnetwork_sweep
from xling.report.export import save, write_tables
from xling.report.page import templates, vega
from xling.report.specs import fluid
from xling.report.style import SIGNS
from xling.report.subnetwork_rows import accuracies, source
from xling.report.sweep_charts import sweep_charts
from xling.report.sweep_tables import SWEEP_SCHEMAS
from xling.report.wording import listed, p_equals, percent, points
from xling.sweep.records import Job, State, read_jobs, state_of

ROWS = 500  # rows of a table that the page prints at most

TITLES = {
    "imbalance": "What does more data of one language change?",
    "zero_shot": "Whom does a language rely on that was left out?",
    "confidence": "Do the most influential examples make the predictions?",
    "composed": "Do composed subnetworks make two languages share?",
    "random_masks": "Do random heads change as much as a language’s own?",
    "sft_accuracy": "What does sparse fine-tuning do to the subnetworks?",
    "sweep_change": "What changes through the languages’ subnetworks?",
    "disabled_heads": "Which heads does each language need?",
}


def write_sweep(folder: Path) -> Path:
    """Write the report, the tables and the figures of a sweep from those jobs that are finished.

    Raises:
        UserError: none is finished.
    """
    states = {job: state_of(job) for job in read_jobs(folder)}
    jobs = [job for job, state in states.items() if state.word == "finished"]
    if not jobs:
        raise UserError(f"{folder}: no job of this sweep is finished yet.")
    masks = {job.folder.name: job.folder for job in jobs if job.masks}
    jobs = [job for job in jobs if not job.masks]
    traced = [job.folder.parent / job.base if job.base else job.folder for job in jobs]
    paths = {run.name: run for run in traced}
    runs = {name: _results(run) for name, run in paths.items()}
    alone = {name: _results(run) for name, run in masks.items()}
    tables = sweep_tables(runs, paths, [_results(job.folder) for job in jobs if job.base])
    swept = subnetwork_sweep.gather(runs, alone, paths | masks)
    tables |= swept.tables
    if "runs" in tables:
        tables["runs"] = with_switches(tables["runs"], {job.folder.name: job.label for job in jobs})
        tables["runs"] = with_missing(tables["runs"], states)
    if len(jobs) + len(masks) < len(states):
        tables["jobs"] = jobs_table(states)
    (folder / "tables").mkdir(exist_ok=True)
    for stale in [*(folder / "tables").iterdir()]:
        if stale.stem not in {*tables, "README"}:
            stale.unlink()
    write_tables(folder / "tables", tables, SWEEP_SCHEMAS, of="sweep")
    charts = sweep_charts(tables)
    save(charts | subnetwork_sweep.figures(swept), folder / "figures")
    links = {name: f"../../{path.parent.name}/{name}/report.html" for name, path in paths.items()}
    part = folder / "report.html.part"
    part.write_text(_page(folder.name, runs | alone, tables, charts, swept, links), "utf-8")
    return part.rename(folder / "report.html")


def sweep_tables(
    runs: dict[str, dict[str, Any]], paths: dict[str, Path], left_out: list[dict[str, Any]]
) -> dict[str, pd.DataFrame]:
    """Return the tables that apply: an overview, and what the swept switches ask for."""
    if not runs:
        return {}
    tables = {"runs": with_variants(overview(runs), runs)}
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


def jobs_table(states: dict[Job, State]) -> pd.DataFrame:
    """Tabulate all jobs of a sweep by how they stand."""
    rows = [
        (job.number, job.label, state.word, state.error, job.folder.name)
        for job, state in states.items()
    ]
    return pd.DataFrame(rows, columns=["job", "switches", "state", "error", "run"])


def with_switches(table: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Add the switches by which the jobs are told apart, if the table's own columns do not."""
    own = [key for key in SWITCHES if key in table]
    if len(table) < 2 or (own and not table.duplicated(own).any()):
        return table
    table.insert(1, "switches", [labels.get(name, "") for name in table["run"]])
    return table


def with_missing(table: pd.DataFrame, states: dict[Job, State]) -> pd.DataFrame:
    """Add a row for each planned run that is not finished: how it stands, and no figures."""
    left = {
        job: state.word
        for job, state in states.items()
        if state.word != "finished" and not job.masks and job.base is None
    }
    if not left:
        return table
    labels = {job.folder.name: job.label for job in states}
    missing = pd.DataFrame({"run": [job.folder.name for job in left], "state": [*left.values()]})
    every = pd.concat([table.assign(state="finished"), missing], ignore_index=True)
    every["switches"] = [labels.get(name, "") for name in every["run"]]
    first = ["run", "switches", "state"]
    return every[[*first, *(column for column in table if column not in first)]]


def with_variants(table: pd.DataFrame, runs: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Add the runs' variants to the overview, if any run has a subnetwork."""
    if all(run["subnetwork"]["name"] == "full" for run in runs.values()):
        return table
    table.insert(1, "variant", [runs[name]["variant"] for name in table["run"]])
    return table


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
            f"class changes by {points(row['change'])} points on average over "
            f"{row['test_examples']} test examples"
        )
        control = table[(table["left_out"] == "random") & (table["k"] == row["k"])]
        if len(control):
            text += f", without as many random ones by {points(control.iloc[0]['change'])}"
        if pd.notna(row["p_random"]):
            text += f" ({p_equals(row['p_random'])})"
        where = flattens(changes, sign)
        text += f". The curve is flat from k = {where} on." if where else "."
        sentences.append(text)
    return sentences


def _page(
    name: str,
    runs: dict[str, dict[str, Any]],
    tables: dict[str, pd.DataFrame],
    charts: dict[str, alt.TopLevelMixin],
    swept: subnetwork_sweep.Swept,
    links: dict[str, str],
) -> str:
    """Return the page's HTML; `runs` are all, with those that identified subnetworks alone."""
    tasks = sorted({run["task"] for run in runs.values()})
    papers = pd.concat([reference(task) for task in tasks])
    return (
        templates()
        .get_template("sweep.html.j2")
        .render(
            name=name,
            title=next(
                (title for key, title in TITLES.items() if key in tables), "The runs of a sweep"
            ),
            tasks=tasks,
            runs=len(runs),
            drawn=subnetwork_sweep.RUNS,
            traced=len(swept.titles),
            sample=any(run["profile"] == "sample" for run in runs.values()),
            findings=[*findings(tables), *told_subnetwork_sweep.findings(swept)],
            tables={key: _rows(table) for key, table in tables.items()},
            finished=(tables["jobs"]["state"] == "finished").sum() if "jobs" in tables else None,
            charts={
                key: chart.to_dict() if key == "zero_shot_shares" else fluid(chart)
                for key, chart in charts.items()
            },
            subnetworks={
                "charts": subnetwork_sweep.specs(swept),
                "disabled": subnetwork_sweep.disabled(swept),
                "source": source("disabled_heads"),
                "others": swept.others is not None and len(swept.others) > 0,
                "accuracies": accuracies(tasks),
            },
            links=links,
            paper=papers[papers["what"].str.startswith("zero_shot")].to_dict("records"),
            vega=vega(),
        )
    )


def _rows(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as the page prints it: columns, which of them are words, rows of texts."""
    numbers = [pd.api.types.is_numeric_dtype(table[column]) for column in table]
    return {
        "columns": list(table.columns),
        "words": [not number for number in numbers],
        "rows": [[_short(value) for value in row] for row in table[:ROWS].itertuples(index=False)],
        "of": len(table),
    }


def _short(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _results(run: Path) -> dict[str, Any]:
    file = run / "results.json"
    if not file.is_file():
        raise UserError(f"{run}: this run of the sweep is gone. Give the sweep's command again.")
    return json.loads(file.read_text("utf-8"))
