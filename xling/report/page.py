"""The report of a run: one self-contained HTML page that asks nothing of the network."""

import base64
import json
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup

from xling.report import (
    distributions,
    matrices,
    rows,
    subnetwork_page,
    told,
    told_subnetworks,
    wording,
)
from xling.report.browser import BYTES, browser
from xling.report.papers import Paper, paper
from xling.report.specs import specs
from xling.report.style import DARK, SIGNS
from xling.report.tables import SCHEMAS, Run, load, overall

PAGE = 4_700_000  # bytes that the page may weigh; the browser takes what the rest leaves
EXAMPLES = "<!-- test examples -->"  # markup, which no text of a run can be


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
    beside = paper(run)
    rest = _html(run, beside, specs(run, beside))
    examples = browser(run, room=min(BYTES, PAGE - len(rest.encode())))
    section = templates().get_template("examples.html.j2")
    return rest.replace(EXAMPLES, section.render(results=run.results, browser=examples), 1)


def _html(run: Run, beside: Paper, drawn: dict[str, Any]) -> str:
    """Return the page without its examples, for which there is a place."""
    tables, results, languages = run.tables, run.results, run.languages
    shares, tests = tables["shares"], tables.get("epoch_tests", pd.DataFrame())
    distances = tables.get("distances", pd.DataFrame())
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            results=results,
            tables=tables,
            schemas=SCHEMAS,
            latex={file.stem for file in run.folder.glob("tables/*.tex")},
            finding=wording.finding(shares, results["top_k"]),
            findings=[*wording.details(tables, results), *subnetwork_page.findings(run)],
            tiles=tiles(run),
            summary=summary(results),
            version=software(results).get("xling", ""),
            accuracy=rows.final_accuracy(run),
            covered=wording.covered(overall(tables["coverage"])) if "coverage" in tables else "",
            coverage=overall(tables["coverage"]).to_dict("records") if "coverage" in tables else [],
            charts=drawn,
            epoch_limit=matrices.share_limit(shares.query("epoch > 0")),
            shares={sign: rows.share_cells(shares, sign) for sign in SIGNS},
            labels=rows.label_rows(tables["labels"], languages),
            tests=rows.pair_grid(tests, languages) if len(tests) else None,
            tested=int(tests["examples"].max()) if len(tests) else 0,
            means=rows.cells(tables["mean_influence"]),
            ridges=distributions.RIDGES,
            scripts=rows.script_rows(tables["scripts"], languages),
            all_whole=told.all_whole(tables["scripts"]),
            distances=rows.distance_rows(distances) if len(distances) else [],
            told={
                "significance": told.significance(shares),
                "labels": told.labels(tables["labels"]),
                "tests": told.epoch_tests(tests) if len(tests) else "",
                "distribution": told.distribution(tables["distribution"]),
                "scripts": told.scripts(tables["scripts"]),
                "distances": told.distances(distances) if len(distances) else "",
            },
            paper=beside,
            traced=told_subnetworks.traced(results),
            subnetworks=subnetwork_page.section(run),
            train_languages=[x for x in languages if x in set(shares["train_language"])],
            test_languages=[x for x in languages if x in set(shares["test_language"])],
            examples=Markup(EXAMPLES),
            vega=vega(),
            datatables=_datatables(),
        )
    )


def tiles(run: Run) -> list[tuple[str, str, str]]:
    """Return the headline figures: name, figure, and what stands beside it."""
    results, own = run.results, wording.own_shares(run.tables["shares"], "+")
    kept, epochs = results["kept_epoch"], results["epochs"]
    found = [
        (
            "Development accuracy",
            wording.percent(results["dev_accuracy"]),
            subnetwork_page.kept(results),
        ),
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
    return [*found, *subnetwork_page.tiles(run)]


def summary(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was run as rows of a small table; rows that the results do not know are left."""
    counts = results.get("train_examples", {})
    sketch = results.get("sketch", {})
    facts = {
        "Task": f"{results['task']} ({', '.join(results['classes'])})",
        "Languages": ", ".join(results["languages"]),
        "Left out of training": ", ".join(results.get("exclude") or []),
        "Imbalance": f"{results['imbalance']}% more of {results['imbalance_language']}"
        if results.get("imbalance")
        else "",
        "Training examples": _counts(counts),
        "Data": _config(results, "data.source"),
        "Model": results.get("model"),
        **subnetwork_page.summary(results),
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
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]


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


@cache
def vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script.

    Putting it together takes seconds, so it is kept in the user's cache folder, where there is one.
    """
    name = f"vega-{alt.SCHEMA_VERSION}-{version('vl-convert-python')}.js"
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    kept = Path(caches) / "xling" / name
    with suppress(OSError):
        return kept.read_text("utf-8")
    script = vl_convert.javascript_bundle(vl_version=alt.SCHEMA_VERSION.removeprefix("v")[:3])
    part = kept.with_name(f".{name}.{os.getpid()}.part")
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(script, "utf-8")
        part.replace(kept)
    return script


@cache
def _datatables() -> str:
    """DataTables as itables packs it: a JavaScript module, in base64."""
    return base64.b64encode((files("itables") / "html" / "dt_bundle.js").read_bytes()).decode()


@cache
def templates() -> jinja2.Environment:
    """Return the pages' templates, with the filters that they use."""
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
    environment.globals |= {
        "interval": wording.interval,
        "change_interval": wording.change_interval,
        "points": wording.points,
        "p_value": wording.p_value,
        "dark": DARK,
    }
    return environment
