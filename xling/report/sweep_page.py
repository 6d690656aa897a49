"""The report of a sweep: one page of all its runs, its tables, and its figures as files."""

from collections.abc import Sequence
from pathlib import Path

from xling.report.doubts import doubted
from xling.report.export import saved, write_tables
from xling.report.order import SWEEP_QUESTIONS, SWEEP_SCHEMAS, SWEEP_SECTIONS
from xling.report.section import FilledSection, all_figures, filled
from xling.report.sweep_results import SweepJob, SweepResults, gather
from xling.report.templating import templates, vega


def write_sweep(folder: Path, jobs: Sequence[SweepJob]) -> Path:
    """Write the report, the tables and the figures of a sweep from those jobs that are finished.

    Args:
        folder: the sweep's.
        jobs: all jobs of the sweep with their states, in the order of its plan.

    Raises:
        UserError: none is finished, or the folder of one is gone.
    """
    sweep = gather(folder, jobs)
    (folder / "tables").mkdir(exist_ok=True)
    for stale in [*(folder / "tables").iterdir()]:
        if stale.stem not in {*sweep.tables, "README"}:
            stale.unlink()
    write_tables(folder / "tables", sweep.tables, SWEEP_SCHEMAS, source="sweep")
    sections = filled(SWEEP_SECTIONS, sweep)
    part = folder / "report.html.part"
    with saved(all_figures(sections), folder / "figures"):
        part.write_text(page(sweep, sections), "utf-8")
    return part.rename(folder / "report.html")


def page(sweep: SweepResults, sections: Sequence[FilledSection]) -> str:
    """Return the HTML of the report."""
    on_page = [section for section in sections if section.content is not None]
    names = {section.section.name for section in on_page}
    questions = [section.question for section in SWEEP_QUESTIONS if section.name in names]
    jobs, retrained = sweep.tables.get("jobs"), sweep.tables.get("retrained")
    template = templates().get_template("sweep.html.j2")
    return template.render(
        name=sweep.folder.name,
        title=questions[0] if questions else "The runs of a sweep",
        tasks=sweep.tasks,
        runs=len(sweep.runs),
        retrained=0 if retrained is None else len(retrained),
        sample=any(results["profile"] == "sample" for results in sweep.runs.values()),
        jobs=0 if jobs is None else len(jobs),
        finished=0 if jobs is None else (jobs["state"] == "finished").sum(),
        doubted=doubted(sweep.runs),
        findings=[text for section in sections for text in section.section.findings(sweep)],
        links={
            section.section.name: section.section.link
            for section in on_page
            if section.section.link
        },
        sections=[section.html() for section in on_page],
        vega=vega(),
    )
