"""The report of a run: one self-contained HTML page that asks nothing of the network."""

import base64
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import pandas as pd
import vl_convert

from xling.report import charts, wording
from xling.report.browser import browser
from xling.report.export import share_limit
from xling.report.tables import SCHEMAS, Run, load, overall

FLUID = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}


def write(folder: Path) -> Path:
    """Write `folder`/report.html from the results and tables of a finished run; return its path.

    Raises:
        UserError: as `xling.report.tables.load`.
    """
    run = load(Path(folder))
    part = run.folder / "report.html.part"
    part.write_text(page(run), encoding="utf-8")
    return part.rename(run.folder / "report.html")


def page(run: Run) -> str:
    """Return the HTML of the report."""
    shares, results = run.tables["shares"], run.results
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            results=results,
            tables=run.tables,
            schemas=SCHEMAS,
            finding=wording.finding(shares, results["top_k"]),
            findings=wording.details(run.tables, results),
            tiles=tiles(run),
            summary=summary(results),
            version=software(results).get("xling", ""),
            accuracy=final_accuracy(run),
            covered=wording.covered(overall(run.tables["coverage"])),
            coverage=overall(run.tables["coverage"]).to_dict("records"),
            charts=specs(run),
            shares={sign: cells(shares.query("sign == @sign"), "share") for sign in charts.SIGNS},
            means=cells(run.tables["mean_influence"], "mean"),
            train_languages=[x for x in run.languages if x in set(shares["train_language"])],
            test_languages=[x for x in run.languages if x in set(shares["test_language"])],
            browser=browser(run),
            vega=_vega(),
            datatables=_datatables(),
        )
    )


def tiles(run: Run) -> list[tuple[str, str, str]]:
    """Return the headline figures: name, figure, and what stands beside it."""
    results, own = run.results, wording.own_shares(run.tables["shares"], "+")
    kept, epochs = results["kept_epoch"], results["epochs"]
    found = [
        ("Development accuracy", wording.percent(results["dev_accuracy"]), "at the kept epoch"),
        ("Kept epoch", str(kept), f"of {epochs} trained" if epochs > 1 else "the only one"),
    ]
    if len(own):
        base = f"base rate {wording.percent(own['base_rate'].mean())}"
        found.append(("Own-language share", wording.percent(own["share"].mean()), base))
    if "reinforcing" in run.tables:
        positive = run.tables["reinforcing"].query("sign == '+'")
        if len(positive):
            mean = wording.percent(positive["reinforcing"].mean())
            found.append(("Reinforcing", mean, "of positive examples in other languages"))
    return found


def summary(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was run as rows of a small table; rows that the results do not know are left."""
    counts = results.get("train_examples", {})
    sketch = results.get("sketch", {})
    rows = {
        "Task": f"{results['task']} ({', '.join(results['classes'])})",
        "Languages": ", ".join(results["languages"]),
        "Left out of training": ", ".join(results.get("exclude") or []),
        "Imbalance": f"{results['imbalance']}% more of {results['imbalance_language']}"
        if results.get("imbalance")
        else "",
        "Training examples": _counts(counts),
        "Data": _config(results, "data.source"),
        "Model": results.get("model"),
        "Learning rate": _rate(results),
        "Epochs": f"{results['epochs']} trained, {results['kept_epoch']} kept",
        "Batch size": _config(results, "tuning.batch_size"),
        "Gradient sketches": _sketch(sketch),
        "Re-ranking": f"exact gradients for the {again} best and worst of each"
        if (again := _config(results, "influence.rerank"))
        else "",
        "Traced per language": _config(results, "influence.test_per_language"),
        "Top k": results["top_k"],
        "Seed": _config(results, "seed"),
        "Time": _time(results.get("seconds", {})),
        "Software": ", ".join(f"{name} {version}" for name, version in software(results).items()),
    }
    return [(name, str(value)) for name, value in rows.items() if value not in (None, "")]


def software(results: dict[str, Any]) -> dict[str, str]:
    """Return the versions that the run was made with; the commit in its short form."""
    versions = {"xling": results["xling"]} if "xling" in results else {}
    versions |= results.get("software", {})
    return {
        name: str(version)[:12] if name == "commit" else str(version)
        for name, version in versions.items()
        if version
    }


def _counts(counts: dict[str, int]) -> str:
    if len(set(counts.values())) == 1:
        return f"{wording.number(next(iter(counts.values())))} per language"
    return ", ".join(f"{language} {wording.number(n)}" for language, n in counts.items())


def _rate(results: dict[str, Any]) -> str:
    """Write the learning rate, as `2e-5`: the override, else the model's own, else the task's."""
    rates = (_config(results, f"{key}.learning_rate") for key in ("tuning", "model", "task"))
    rate = results.get("learning_rate") or next(filter(None, rates), None)
    return "" if rate is None else f"{rate:g}".replace("e-0", "e-")


def _config(results: dict[str, Any], path: str) -> Any:
    """Return the value of a dotted key of the run's configuration, None where there is none."""
    value: Any = results.get("config", {})
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _sketch(sketch: dict[str, Any]) -> str:
    if not {"side", "stack", "combine"} <= sketch.keys():
        return ""
    shape = f"{sketch['side']} × {sketch['side']}"
    blocks = f"{sketch['stack']} of {shape}" if sketch["stack"] > 1 else f"one of {shape}"
    size = sketch.get("dimensions")
    total = f", {wording.number(size)} numbers per example and epoch" if size else ""
    combined = {"sum": "summed over the parameters", "concat": "per parameter, side by side"}
    return f"{blocks}, {combined.get(sketch['combine'], sketch['combine'])}{total}"


def _time(seconds: dict[str, float]) -> str:
    if not seconds:
        return ""
    stages = ", ".join(f"{stage} {wording.duration(s)}" for stage, s in seconds.items())
    return f"{wording.duration(sum(seconds.values()))} ({stages})"


def final_accuracy(run: Run) -> list[dict[str, Any]]:
    """Return test and development accuracy per language at the kept epoch, with example counts."""
    table, kept = run.tables["accuracy"], run.results["kept_epoch"]
    rows = table[table["epoch"] == kept].set_index(["split", "language"])
    return [
        {
            "language": language,
            **{
                split: rows.loc[split, language].to_dict()
                if (split, language) in rows.index
                else {}
                for split in ("dev", "test")
            },
        }
        for language in run.languages
    ]


def cells(table: pd.DataFrame, value: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows summed over checkpoints by (test language, training language)."""
    summed = table[table["epoch"] == 0]
    keys = zip(summed["test_language"], summed["train_language"], strict=True)
    records = summed[[value, "low", "high"]].rename(columns={value: "value"}).to_dict("records")
    return dict(zip(keys, records, strict=True))


def specs(run: Run) -> dict[str, Any]:
    """Return the page's charts as Vega-Lite specifications."""
    tables, languages = run.tables, run.languages
    shares, limit = tables["shares"], share_limit(tables["shares"])
    found = {
        "positive": charts.share_heatmap(shares, "+", 0, languages, limit).to_dict(),
        "negative": charts.share_heatmap(shares, "-", 0, languages, limit).to_dict(),
        "means": charts.mean_influence_matrix(tables["mean_influence"], 0, languages).to_dict(),
    }
    if (tables["accuracy"]["epoch"] > 1).any():  # of a single epoch the table says it all
        found["accuracy"] = _fluid(charts.accuracy_by_epoch(tables["accuracy"], languages))
    if (shares["epoch"] > 1).any():
        own = charts.own_per_epoch(shares)
        found["own"] = {
            language: _fluid(charts.own_share(shares, language, charts.own_domain(own)))
            for language in languages
            if language in set(own["test_language"])
        }
    if "reinforcing" in tables:
        found["reinforcing"] = _fluid(charts.reinforcing_bars(tables["reinforcing"], languages))
    return found


def _fluid(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """Let a chart take the width of its place on the page."""
    return {**chart.to_dict(), **FLUID}


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script."""
    return vl_convert.javascript_bundle(vl_version=alt.SCHEMA_VERSION.removeprefix("v")[:3])


@cache
def _datatables() -> str:
    """DataTables as itables packs it: a JavaScript module, in base64."""
    return base64.b64encode((files("itables") / "html" / "dt_bundle.js").read_bytes()).decode()


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xling.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "percent": wording.percent,
        "number": wording.number,
        "indented": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    }
    environment.globals |= {"interval": wording.interval}
    return environment
