"""The section of a sweep on which heads each language needs (Choenni et al. 2024)."""

from typing import Any

from xling.report.papers import source_2024
from xling.report.section import FilledSection, Section, filled
from xling.report.sections.heads import disabled_rows, head_figures
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import across_runs
from xling.report.tables import RunTables
from xling.report.words import listed, number, percent_range

SCHEMAS = {
    "disabled_heads": across_runs(
        "Attention heads that each language's subnetwork lacks.",
        {
            "task": "task, or task and run",
            "language": "language code",
            "disabled": "number of heads that are off",
            "heads": "number of all heads",
            "multiple": "whether it is a multiple of a pruning step, a tenth of all heads",
        },
    ),
    "head_use": across_runs(
        "How many languages' subnetworks use each attention head.",
        {
            "task": "task, or task and run",
            "layer": "layer, from 1",
            "head": "attention head of the layer, from 1",
            "languages": "number of languages whose subnetwork uses it",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None for a sweep without identified subnetworks."""
    return {} if sweep.heads else None


def of_task(run: RunTables) -> dict[str, Any]:
    """Return what the template of one task's subnetworks prints."""
    masks = run.tables["masks"]
    off = (~masks["on"]).groupby(masks["language"], sort=False).sum()
    heads = int(masks.groupby("language")["on"].size().iloc[0])
    rows = disabled_rows(run.task, {language: int(count) for language, count in off.items()}, heads)
    return {"title": run.title, "rows": rows, "source": source_2024("disabled_heads")}


TASK = Section("task", "sweep_heads_task.html.j2", of_task, figures=head_figures)


def groups(sweep: SweepResults) -> list[FilledSection]:
    """Return the subnetworks of each task."""
    return [part for run in sweep.drawn().heads for part in filled((TASK,), run)]


def findings(sweep: SweepResults) -> list[str]:
    """Say how many heads are off, and how many all and no languages use (Tab. 1, Fig. 11)."""
    if not sweep.heads:
        return []
    disabled_heads, head_use = sweep.tables["disabled_heads"], sweep.tables["head_use"]
    sentences = []
    for title, table in disabled_heads.groupby("task", sort=False):
        low, high = table["disabled"].min(), table["disabled"].max()
        off = number(low) if low == high else f"{number(low)} to {number(high)}"
        use = head_use.loc[head_use["task"] == title, "languages"]
        total = table["heads"].iloc[0]
        odd = table.loc[~table["multiple"], "language"]
        step = f" Not a multiple of a tenth of all heads: {listed(odd)}." if len(odd) else ""
        sentences.append(
            f"{title}: of {number(total)} heads, {off} are off in a language’s subnetwork "
            f"({percent_range(table['disabled'] / total)}); {number((use == len(table)).sum())} "
            f"are in every subnetwork and {number((use == 0).sum())} in none.{step}"
        )
    return sentences


SECTION = Section(
    "heads",
    "sweep_heads.html.j2",
    content,
    "Heads",
    schemas=SCHEMAS,
    findings=findings,
    groups=groups,
    question="Which heads does each language need?",
)
