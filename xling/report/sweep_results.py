"""What the finished jobs of a sweep left, read and put together for its report."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from xling.analysis import subnetwork_sweeps
from xling.analysis.subnetwork_sweeps import subnetwork_kind
from xling.analysis.sweeps import (
    SWITCHES,
    confidence_changes,
    imbalance_curves,
    overview,
    retrained,
)
from xling.errors import UserError
from xling.report.doubts import warnings
from xling.report.seed_groups import SeedGroup, group_tables, seed_groups
from xling.report.tables import RunTables

SIMILARITY = (
    "specialization",
    "specialization_correlation",
    "similarity",
    "similarity_correlation",
)
"""The tables on what goes with specialized and with similar subnetworks."""

READ = ("masks", "pruning", "mask_overlap", "subnetwork_change", "subnetwork_accuracy", "correct")
READ += ("shares", *SIMILARITY)
"""The tables of a run with subnetworks that a sweep's report reads."""

ACROSS_RUNS: dict[str, Callable[..., pd.DataFrame]] = {
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
"""Name of a run → its results.json."""
Tables = dict[str, pd.DataFrame]


@dataclasses.dataclass(frozen=True)
class SweepJob:
    """A job of a sweep, as its report needs it.

    Attributes:
        number: from 1, as in the plan; 0 is a run on its own that names the sweep.
        label: the switches in which it differs from others.
        folder: of its results, once it is finished.
        base: name of the run that fine-tunings on some of its examples are compared with; None for
            an ordinary run, and for a job that does a share of another's fine-tunings.
        masks: whether it identifies subnetworks and no more.
        evaluation: whether it checks influence by fine-tuning on parts of the data.
        state: finished, running, failed, stopped or waiting.
        error: the last line of what went wrong.
    """

    number: int
    label: str
    folder: Path
    base: str | None
    masks: bool
    evaluation: bool
    state: str
    error: str | None = None

    @property
    def finished(self) -> bool:
        """Whether its results are there."""
        return self.state == "finished"

    @property
    def only_shares(self) -> bool:
        """Whether it does a share of another job's fine-tunings, and leaves no results."""
        return self.evaluation and self.base is None


@dataclasses.dataclass(frozen=True)
class SweepResults:
    """The results of a sweep's finished jobs.

    Attributes:
        folder: the sweep's.
        runs: results.json of all runs by name, with those that identified subnetworks alone.
        links: from the names of traced runs to their pages.
        tables: the sweep's tables by name; none is empty.
        heads: identified subnetworks, and the user's own, titled by their task.
        titles: of the runs by name, such as their variants; none in a sweep without subnetworks.
        changes: the table `subnetwork_change` of each run by its title.
        similar: the tables `SIMILARITY` of each run through the languages' own subnetworks.
        others: the rows of `sweep_change` of runs through another language's subnetwork.
        languages: their order.
        evaluations: tables of each evaluation by what it is, such as language_effects.
        seeds: runs, or evaluations, that differ in the seed alone.
    """

    folder: Path
    runs: dict[str, dict[str, Any]]
    links: dict[str, str]
    tables: Tables
    heads: list[RunTables] = dataclasses.field(default_factory=list)
    titles: dict[str, str] = dataclasses.field(default_factory=dict)
    changes: Tables = dataclasses.field(default_factory=dict)
    similar: list[RunTables] = dataclasses.field(default_factory=list)
    others: pd.DataFrame | None = None
    languages: list[str] = dataclasses.field(default_factory=list)
    evaluations: dict[str, list[RunTables]] = dataclasses.field(default_factory=dict)
    seeds: list[SeedGroup] = dataclasses.field(default_factory=list)

    @property
    def tasks(self) -> list[str]:
        """The tasks of all runs."""
        return sorted({results["task"] for results in self.runs.values()})

    def evaluated(self, name: str) -> list[RunTables]:
        """Return the evaluations of a kind, with a title each where there are several."""
        return self.evaluations.get(name, [])

    def told(self, name: str, sentences: Callable[[RunTables], list[str]]) -> list[str]:
        """Return what is said of each evaluation of a kind, after its title."""
        return [
            (f"{run.title}: " if run.title else "") + text
            for run in self.evaluated(name)
            for text in sentences(run)
        ]

    def titled(self, name: str) -> pd.DataFrame:
        """Return a table with the runs' titles as `variant`, which need not tell them apart."""
        table = self.tables[name]
        table = table[table["run"].isin(self.titles)]
        return table.assign(variant=table["run"].map(self.titles))

    def drawn(self) -> "SweepResults":
        """Return what is drawn of it: the first `RUNS` runs."""
        titles = dict(islice(self.titles.items(), RUNS))
        shown = set(titles.values())
        return dataclasses.replace(
            self,
            titles=titles,
            heads=self.heads[:RUNS],
            changes={title: table for title, table in self.changes.items() if title in shown},
            similar=[run for run in self.similar if run.title in shown],
        )


def gather(folder: Path, jobs: Sequence[SweepJob]) -> SweepResults:
    """Read what the finished jobs of a sweep left, and make the sweep's tables.

    Raises:
        UserError: none is finished, or the folder of one is gone.
    """
    done = [job for job in jobs if job.finished]
    if not done:
        raise UserError(f"{folder}: no job of this sweep is finished yet.")
    masks = {job.folder.name: job.folder for job in done if job.masks}
    done = [job for job in done if not job.masks and not job.only_shares]
    evaluations = {job.folder.name: job.folder for job in done if job.evaluation}
    traced = [job.folder.parent / job.base if job.base else job.folder for job in done]
    paths = {run.name: run for run in traced}
    runs = {name: _results(run) for name, run in paths.items()}
    alone = {name: _results(run) for name, run in masks.items()}
    left_out = [_results(job.folder) for job in done if job.base and not job.evaluation]
    evaluated = read_evaluations(evaluations, {job.folder.name: job.label for job in done})
    by_seed = {**runs, **{name: _results(evaluations[name]) for name in evaluations}}
    seeds = seed_groups(by_seed, {**paths, **evaluations})
    tables = run_tables(runs, paths, left_out) | evaluation_tables(evaluated) | group_tables(seeds)
    links = {name: f"../../{path.parent.name}/{name}/report.html" for name, path in paths.items()}
    results = SweepResults(folder, runs | alone, links, tables, evaluations=evaluated, seeds=seeds)
    if any(subnetwork_kind(of_run) for of_run in results.runs.values()):
        results = with_subnetworks(results, runs, alone, paths | masks)
    if "runs" in tables:
        labels = {job.folder.name: job.label for job in done}
        tables["runs"] = with_missing(with_switches(tables["runs"], labels), jobs)
    if not all(job.finished for job in jobs):
        tables["jobs"] = jobs_table(jobs)
    return dataclasses.replace(results, tables={**results.tables, **tables})


def run_tables(
    runs: dict[str, dict[str, Any]], paths: dict[str, Path], left_out: list[dict[str, Any]]
) -> dict[str, pd.DataFrame]:
    """Return the tables that apply: an overview, and what the swept switches ask for."""
    if not runs:
        return {}
    tables = {"runs": with_warnings(with_variants(overview(runs), runs), runs)}
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
        tables["retrained"] = retrained(left_out)
        tables["confidence"] = confidence_changes(left_out)
    return tables


def read_evaluations(
    folders: Mapping[str, Path], labels: Mapping[str, str]
) -> dict[str, list[RunTables]]:
    """Read what evaluations left, by what they evaluate.

    Args:
        folders: by name.
        labels: of the jobs, which are the titles where there are several evaluations.
    """
    by_kind: dict[str, list[RunTables]] = {}
    for name, folder in folders.items():
        about = _results(folder)
        files = sorted(folder.glob("tables/*.parquet"))
        tables = {file.stem: pd.read_parquet(file) for file in files}
        run = RunTables(tables, about["languages"], about["task"], labels.get(name) or name)
        by_kind.setdefault(about["evaluate"], []).append(run)
    return {
        kind: runs if len(runs) > 1 else [dataclasses.replace(runs[0], title="")]
        for kind, runs in by_kind.items()
    }


def evaluation_tables(evaluations: Mapping[str, Sequence[RunTables]]) -> Tables:
    """Return the evaluations' tables; where a kind has several, their titles are a column.

    Not every evaluation of a kind need have every table.
    """
    tables: Tables = {}
    for runs in evaluations.values():
        for name in dict.fromkeys(name for run in runs for name in run.tables):
            parts = [
                run.tables[name].assign(switches=run.title) if run.title else run.tables[name]
                for run in runs
                if name in run.tables
            ]
            tables[name] = pd.concat(parts, ignore_index=True)
    return tables


def with_subnetworks(
    results: SweepResults, runs: Results, alone: Results, paths: Mapping[str, Path]
) -> SweepResults:
    """Add what a sweep's report shows of subnetworks.

    Args:
        results: of the sweep without them.
        runs: traced runs: name → results.json.
        alone: the same of jobs that identified subnetworks and stopped there.
        paths: name → folder, of both.
    """
    tables = {name: read(paths[name]) for name in (*runs, *alone)}
    runs = {name: {"variant": "whole model", "tuning": "full", **own} for name, own in runs.items()}
    languages = [code for own in (*runs.values(), *alone.values()) for code in own["languages"]]
    languages = list(dict.fromkeys(languages))
    heads = identified({**alone, **runs}, tables, languages)
    masks = {own.title: own.tables["masks"] for own in heads}
    made = {name: make(runs, tables) for name, make in ACROSS_RUNS.items()}
    made["disabled_heads"] = subnetwork_sweeps.disabled_heads(masks)
    made["head_use"] = subnetwork_sweeps.head_use(masks)
    titles = run_titles(runs)
    return dataclasses.replace(
        results,
        tables={**results.tables, **{name: table for name, table in made.items() if len(table)}},
        heads=heads,
        titles=titles,
        changes={
            title: tables[name]["subnetwork_change"]
            for name, title in titles.items()
            if "subnetwork_change" in tables[name]
        },
        similar=[
            RunTables(
                {table: tables[name][table] for table in SIMILARITY},
                languages,
                own["task"],
                titles[name],
            )
            for name, own in runs.items()
            if subnetwork_kind(own) in ("identified", "file")
            and all(table in tables[name] for table in SIMILARITY)
        ],
        others=_suboptimal(runs, made["random_masks"], made["sweep_change"]),
        languages=languages,
    )


def read(folder: Path) -> Tables:
    """Read the tables of a run with subnetworks that a sweep's report reads."""
    files = {name: folder / "tables" / f"{name}.parquet" for name in READ}
    return {name: pd.read_parquet(file) for name, file in files.items() if file.is_file()}


def run_titles(runs: Results) -> dict[str, str]:
    """Name each run by its variant; where that is not enough also by its task, else its folder."""
    titles = {name: results["variant"] for name, results in runs.items()}
    several = len({results["task"] for results in runs.values()}) > 1
    longer = {name: f"{results['task']}, {titles[name]}" for name, results in runs.items()}
    titles = longer if several else titles
    counts = Counter(titles.values())
    return {name: title if counts[title] == 1 else name for name, title in titles.items()}


def identified(
    runs: Results, tables: Mapping[str, Tables], languages: list[str]
) -> list[RunTables]:
    """Return identified subnetworks, and the user's own, each once.

    Their title is the task, or the task and the run where a task has several.
    """
    heads: dict[str, RunTables] = {}
    for name, results in runs.items():
        if subnetwork_kind(results) not in ("identified", "file") or "masks" not in tables[name]:
            continue
        masks, task = tables[name]["masks"], results["task"]
        same_task = (other for other in heads.values() if other.task == task)
        if not any(other.tables["masks"].equals(masks) for other in same_task):
            heads[name] = RunTables(tables[name], languages, task, f"{task}, {name}")
    counts = Counter(own.task for own in heads.values())
    return [
        own if counts[own.task] > 1 else dataclasses.replace(own, title=own.task)
        for own in heads.values()
    ]


def _suboptimal(
    runs: Results, random_masks: pd.DataFrame, changes: pd.DataFrame
) -> pd.DataFrame | None:
    """Return what other languages' subnetworks change, to stand beside random masks.

    None if these are of several settings: the titles of the runs would not tell which is which.
    """
    tunings = set(random_masks["tuning"])
    if len(tunings) != 1 or random_masks.columns[0] != "tuning":
        return None
    names = [name for name, results in runs.items() if subnetwork_kind(results) == "suboptimal"]
    return changes[changes["run"].isin(names) & changes["tuning"].isin(tunings)]


def jobs_table(jobs: Sequence[SweepJob]) -> pd.DataFrame:
    """Tabulate all jobs of a sweep by how they stand."""
    rows = [(job.number, job.label, job.state, job.error, job.folder.name) for job in jobs]
    return pd.DataFrame(rows, columns=["job", "switches", "state", "error", "run"])


def with_switches(table: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Add the switches by which the jobs differ, if the table's own columns do not."""
    own = [key for key in SWITCHES if key in table]
    if len(table) < 2 or (own and not table.duplicated(own).any()):
        return table
    table.insert(1, "switches", [labels.get(name, "") for name in table["run"]])
    return table


def with_missing(table: pd.DataFrame, jobs: Sequence[SweepJob]) -> pd.DataFrame:
    """Add a row for each planned run that is not finished: how it stands, and no figures."""
    left = [job for job in jobs if not (job.finished or job.masks or job.evaluation or job.base)]
    if not left:
        return table
    labels = {job.folder.name: job.label for job in jobs}
    states = [job.state for job in left]
    missing = pd.DataFrame({"run": [job.folder.name for job in left], "state": states})
    every = pd.concat([table.assign(state="finished"), missing], ignore_index=True)
    every["switches"] = [labels.get(name, "") for name in every["run"]]
    first = ["run", "switches", "state"]
    return every[[*first, *(column for column in table if column not in first)]]


def with_variants(table: pd.DataFrame, runs: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Add the runs' variants to the overview, if any run has a subnetwork."""
    if all(results["subnetwork"]["name"] == "full" for results in runs.values()):
        return table
    table.insert(1, "variant", [runs[name]["variant"] for name in table["run"]])
    return table


def with_warnings(table: pd.DataFrame, runs: Results) -> pd.DataFrame:
    """Add the codes of the runs' warnings to the overview, if any run has one."""
    codes = [
        ", ".join(dict.fromkeys(warning["code"] for warning in warnings(runs[name])))
        for name in table["run"]
    ]
    return table.assign(warnings=codes) if any(codes) else table


def _results(run: Path) -> dict[str, Any]:
    file = run / "results.json"
    if not file.is_file():
        raise UserError(f"{run}: this run of the sweep is gone. Give the sweep's command again.")
    return json.loads(file.read_text("utf-8"))
