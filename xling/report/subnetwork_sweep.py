"""What a sweep's report shows of subnetworks: its tables, its figures, what its page prints."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis import subnetwork_sweeps
from xling.report import head_charts, subnetwork_charts
from xling.report import subnetwork_sweep_charts as draw
from xling.report.specs import fluid, going_with, there
from xling.report.style import SIGNS, styled
from xling.report.subnetwork_page import sentences
from xling.report.subnetwork_rows import disabled_rows
from xling.report.told_subnetworks import one_for_all

ALIKE = ("specialization", "specialization_correlation", "similarity", "similarity_correlation")
"""Those of what goes with specialised and with similar subnetworks."""

READ = ("masks", "pruning", "mask_overlap", "subnetwork_change", "subnetwork_accuracy", "correct")
READ += ("shares", *ALIKE)
"""The tables of a run that a sweep's report looks at."""

OF_RUNS: dict[str, Callable[..., pd.DataFrame]] = {
    "sweep_change": subnetwork_sweeps.sweep_change,
    "random_masks": subnetwork_sweeps.random_masks,
    "random_accuracy": subnetwork_sweeps.random_accuracy,
    "sft_accuracy": subnetwork_sweeps.sft_accuracy,
    "own_share_epochs": subnetwork_sweeps.own_share_epochs,
    "composed": subnetwork_sweeps.composed,
}
"""The tables that are made of several runs; they are empty where they do not apply."""

RUNS = 12  # runs, and identified subnetworks, that are drawn at most; the tables hold all

Results = Mapping[str, dict[str, Any]]
Tables = dict[str, pd.DataFrame]


@dataclasses.dataclass(frozen=True)
class Heads:
    """Identified subnetworks, or the user's own, of a task."""

    task: str
    tables: Tables


@dataclasses.dataclass(frozen=True)
class Swept:
    """What of a sweep is of subnetworks; nothing, for a sweep without them.

    Attributes:
        tables: the sweep's tables by name; none is empty.
        heads: subnetworks by their title, such as the task.
        titles: of the runs by name, such as their variants.
        changes: the table `subnetwork_change` of each run by its title.
        alike: the tables `ALIKE` of each run through the languages' own subnetworks, by its title.
        others: the rows of `sweep_change` of runs through another language's subnetwork.
        languages: their order.
    """

    tables: Tables
    heads: dict[str, Heads]
    titles: dict[str, str]
    changes: Tables
    alike: dict[str, Tables]
    others: pd.DataFrame | None
    languages: list[str]

    def titled(self, name: str) -> pd.DataFrame:
        """Return a table with the runs' titles as `variant`, which need not tell them apart."""
        table = self.tables[name]
        table = table[table["run"].isin(self.titles)]
        return table.assign(variant=table["run"].map(self.titles))

    def drawn(self) -> "Swept":
        """Return what is drawn of it: the first `RUNS` runs."""
        titles = dict(islice(self.titles.items(), RUNS))
        shown = set(titles.values())
        return dataclasses.replace(
            self,
            titles=titles,
            heads=dict(islice(self.heads.items(), RUNS)),
            changes={title: of for title, of in self.changes.items() if title in shown},
            alike={title: of for title, of in self.alike.items() if title in shown},
        )


def gather(runs: Results, alone: Results, paths: Mapping[str, Path]) -> Swept:
    """Read and compute what a sweep's report shows of subnetworks.

    Args:
        runs: traced runs: name → results.json.
        alone: the same of jobs that identified subnetworks and stopped there.
        paths: name → folder, of both.
    """
    if all(kind(of) == "full" for of in (*runs.values(), *alone.values())):
        return Swept({}, {}, {}, {}, {}, None, [])
    tables = {name: read(paths[name]) for name in (*runs, *alone)}
    runs = {name: {"variant": "whole model", "tuning": "full", **of} for name, of in runs.items()}
    heads = identified({**alone, **runs}, tables)
    masks = {title: of.tables["masks"] for title, of in heads.items()}
    made = {name: make(runs, tables) for name, make in OF_RUNS.items()}
    made["disabled_heads"] = subnetwork_sweeps.disabled_heads(masks)
    made["head_use"] = subnetwork_sweeps.head_use(masks)
    titles = titled(runs)
    changes = {
        title: tables[name]["subnetwork_change"]
        for name, title in titles.items()
        if "subnetwork_change" in tables[name]
    }
    alike = {
        titles[name]: {table: tables[name][table] for table in ALIKE}
        for name, of in runs.items()
        if kind(of) in ("identified", "file") and all(table in tables[name] for table in ALIKE)
    }
    languages = [each for of in (*runs.values(), *alone.values()) for each in of["languages"]]
    return Swept(
        {name: table for name, table in made.items() if len(table)},
        heads,
        titles,
        changes,
        alike,
        _suboptimal(runs, made["random_masks"], made["sweep_change"]),
        list(dict.fromkeys(languages)),
    )


def read(folder: Path) -> Tables:
    """Read those tables of a run that a sweep's report looks at."""
    files = {name: folder / "tables" / f"{name}.parquet" for name in READ}
    return {name: pd.read_parquet(file) for name, file in files.items() if file.is_file()}


def titled(runs: Results) -> dict[str, str]:
    """Name each run by its variant; where that is not enough also by its task, else its folder."""
    found = {name: of["variant"] for name, of in runs.items()}
    several = len({of["task"] for of in runs.values()}) > 1
    longer = {name: f"{of['task']}, {found[name]}" for name, of in runs.items()}
    found = longer if several else found
    counts = Counter(found.values())
    return {name: each if counts[each] == 1 else name for name, each in found.items()}


def identified(runs: Results, tables: Mapping[str, Tables]) -> dict[str, Heads]:
    """Return identified subnetworks, and the user's own, each once, by their title.

    That is the task, or the task and the run where a task has several.
    """
    found: dict[str, Heads] = {}
    for name, of in runs.items():
        if kind(of) not in ("identified", "file") or "masks" not in tables[name]:
            continue
        masks = tables[name]["masks"]
        others = (each for each in found.values() if each.task == of["task"])
        if not any(each.tables["masks"].equals(masks) for each in others):
            found[name] = Heads(of["task"], tables[name])
    counts = Counter(each.task for each in found.values())
    return {
        each.task if counts[each.task] == 1 else f"{each.task}, {name}": each
        for name, each in found.items()
    }


def _suboptimal(
    runs: Results, random_masks: pd.DataFrame, changes: pd.DataFrame
) -> pd.DataFrame | None:
    """Return what other languages' subnetworks change, to stand beside random masks.

    None if these are of several settings: the titles of the runs would not tell which is which.
    """
    tunings = set(random_masks["tuning"])
    if len(tunings) != 1 or random_masks.columns[0] != "tuning":
        return None
    names = [name for name, of in runs.items() if kind(of) == "suboptimal"]
    return changes[changes["run"].isin(names) & changes["tuning"].isin(tunings)]


def kind(results: dict[str, Any]) -> str:
    """Name the kind of a run's subnetwork: "full" is none."""
    return results.get("subnetwork", {}).get("name", "full")


def figures(swept: Swept) -> dict[str, alt.TopLevelMixin]:
    """Return the figures as files, by name."""
    swept = swept.drawn()
    tables, languages = swept.tables, swept.languages
    found: dict[str, alt.TopLevelMixin] = {}
    for title, of in swept.heads.items():
        slug = title.replace(", ", "_")
        found[f"head_use_{slug}"] = head_charts.head_use_chart(of.tables["masks"])
        found[f"mask_overlap_{slug}"] = head_charts.overlap_matrix(of.tables["mask_overlap"])
        if "pruning" in of.tables:
            found[f"pruning_{slug}"] = head_charts.pruning_chart(of.tables["pruning"], languages)
    for sign, name in SIGNS.items():
        if swept.changes:
            found[f"change_{name}"] = subnetwork_charts.change_figure(
                swept.changes, sign, languages
            )
        if "random_masks" in tables:
            panels = draw.random_panels(tables["random_masks"], sign, swept.others)
            found[f"random_masks_{name}"] = draw.whole(panels)
    if "sft_accuracy" in tables:
        found["sft_accuracy"] = draw.sft_accuracy_chart(tables["sft_accuracy"])
    for title, of in swept.alike.items():
        slug = title.replace(", ", "_").replace(" ", "_")
        for name, chart in {
            "specialization": subnetwork_charts.specialization_chart,
            "similarity": partial(subnetwork_charts.similarity_chart, sign="+"),
        }.items():
            if there(of, name):
                found[f"{name}_{slug}"] = chart(of[name], languages=languages)
    for name, chart in {
        "own_share_epochs": draw.own_share_epochs_chart,
        "composed": draw.composed_chart,
    }.items():
        if name in tables:
            found[name] = chart(swept.titled(name))
    return found


def specs(swept: Swept) -> dict[str, Any]:
    """Return the figures of the page as Vega-Lite specifications, by section, panel by panel."""
    swept = swept.drawn()
    tables, languages = swept.tables, swept.languages
    found: dict[str, Any] = {
        "heads": {title: dict(_heads(of.tables, languages)) for title, of in swept.heads.items()}
    }
    for sign, name in SIGNS.items():
        if swept.changes:
            panels = subnetwork_charts.change_panels(swept.changes, sign, languages)
            specs_of = {title: panel.to_dict() for title, panel in panels.items()}
            found.setdefault("changes", {})[name] = specs_of
        if "random_masks" in tables:
            panels = draw.random_panels(tables["random_masks"], sign, swept.others)
            found.setdefault("random", {})[name] = _fluid(panels)
    if "sft_accuracy" in tables:
        found["sft"] = _fluid(draw.sft_accuracy_panels(tables["sft_accuracy"]))
    if "own_share_epochs" in tables and (tables["own_share_epochs"]["epoch"] > 1).any():
        panels = draw.own_share_panels(swept.titled("own_share_epochs"), languages)
        found["epochs"] = _fluid(panels)
    if swept.alike:
        found["alike"] = {
            title: {"drawn": going_with(of, languages), "told": sentences(of)}
            for title, of in swept.alike.items()
        }
    if "composed" in tables:
        found["composed"] = _fluid(draw.composed_panels(swept.titled("composed")))
    return found


def _heads(of: Tables, languages: list[str]) -> Iterator[tuple[str, Any]]:
    yield "use", head_charts.head_use_chart(of["masks"]).to_dict()
    if not one_for_all(of["masks"]):
        for value in head_charts.OVERLAPS:
            yield value, head_charts.overlap_matrix(of["mask_overlap"], value).to_dict()
    if "pruning" in of:
        yield "pruning", fluid(head_charts.pruning_chart(of["pruning"], languages))


def _fluid(panels: draw.Panels) -> dict[str, Any]:
    return {title: fluid(styled(panel)) for title, panel in panels.items()}


def disabled(swept: Swept) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the tables of disabled heads, by title, with the paper's figures."""
    if not swept.heads:
        return {}
    return {
        title: disabled_rows(
            swept.heads[title].task,
            dict(zip(of["language"], of["disabled"], strict=True)),
            int(of["heads"].iloc[0]),
        )
        for title, of in swept.tables["disabled_heads"].groupby("task", sort=False)
    }
