"""The report of a run: one self-contained HTML page that asks nothing of the network."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from xling.report.doubts import banners, headline
from xling.report.export import saved
from xling.report.order import RUN_SECTIONS, SCHEMAS
from xling.report.section import Figure, FilledSection, all_figures, filled
from xling.report.sections import accuracy, checked, traced_examples
from xling.report.sections.shares import present
from xling.report.sections.what_was_run import software
from xling.report.tables import Run, read_run
from xling.report.templating import datatables, templates, vega

PAGE_BYTES = 4_700_000  # bytes that the page may weigh; the examples take what the rest leaves
EXAMPLES_PLACEHOLDER = "<!-- test examples -->"  # markup, which no text of a run can be


def load(folder: Path) -> Run:
    """Read the results and tables of a finished run.

    Raises:
        UserError: a file, a key or a column is not there, or a number is missing.
    """
    return read_run(Path(folder), SCHEMAS)


def figures(run: Run) -> list[Figure]:
    """Return every figure of a run: those of its page, and those that are files alone."""
    return [*all_figures(filled(RUN_SECTIONS, run))]


def write_report(folder: Path) -> list[Path]:
    """Write report.html and figures/ of a finished run; return the files, the page first.

    Raises:
        UserError: as `load`.
    """
    run = load(folder)
    sections = filled(RUN_SECTIONS, run)
    with saved(all_figures(sections), run.folder / "figures") as files:
        page_file = _write(run, sections)
    return [page_file, *files]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished run, without figures as files; return its path.

    Raises:
        UserError: as `load`.
    """
    run = load(folder)
    return _write(run, filled(RUN_SECTIONS, run))


def _write(run: Run, sections: Sequence[FilledSection]) -> Path:
    part = run.folder / "report.html.part"
    part.write_text(page(run, sections), encoding="utf-8")
    return part.rename(run.folder / "report.html")


def page(run: Run, sections: Sequence[FilledSection]) -> str:
    """Return the HTML of the report."""
    (shown,) = (entry for entry in sections if entry.section is traced_examples.SECTION)
    rest = _html(run, sections, {shown.section.name: Markup(EXAMPLES_PLACEHOLDER)})
    room = PAGE_BYTES - len(rest.encode())
    if room < traced_examples.BYTES:
        shown = dataclasses.replace(shown, content=traced_examples.content(run, room))
    return rest.replace(EXAMPLES_PLACEHOLDER, shown.html(), 1)


def _findings(run: Run, sections: Sequence[FilledSection]) -> list[str]:
    return [text for section in sections for text in section.section.findings(run)]


def _html(run: Run, sections: Sequence[FilledSection], instead: dict[str, Markup]) -> str:
    """Return the page, with other markup instead of some sections, by their names."""
    on_page = [section for section in sections if section.content is not None]
    instead_of_shares = headline(run.results)
    lead, *findings = [instead_of_shares] if instead_of_shares else _findings(run, sections)
    measured = checked.measured(run)
    leads = [lead] if instead_of_shares else [*measured[:1], lead]
    template = templates().get_template("report.html.j2")
    return template.render(
        results=run.results,
        leads=leads,
        findings=[*measured[len(leads) - 1 :], *checked.unmeasured(run), *findings],
        banners=banners(run.results),
        key_figures=[
            figure
            for section in sections
            if not instead_of_shares or section.section is accuracy.SECTION
            for figure in section.section.key_figures(run)
        ],
        version=software(run.results).get("xling", ""),
        links={section.section.name: section.section.link for section in on_page},
        sections=[instead.get(section.section.name) or section.html() for section in on_page],
        train_languages=present(run, "train_language"),
        vega=vega(),
        datatables=datatables(),
    )
