"""What a section of a page is: the tables it documents, its figures, and what it prints."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

import altair as alt
from altair.utils.schemapi import debug_mode
from markupsafe import Markup

from xling.report.methods import MethodWords
from xling.report.style import styled
from xling.report.templating import templates

Subject = TypeVar("Subject")
"""What a page is made from: a run, or the results of a sweep."""

Chart = alt.Chart | alt.LayerChart | alt.FacetChart
KeyFigure = tuple[str, str, str]
"""A headline number: its name, the number, and what stands beside it."""

FLUID = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
"""Lets a chart take the width of its place on the page."""
SHARED_KEYS = ("$schema", "config", "datasets")
"""What a specification has once, however many panels there are."""

EPOCH = "epoch, from 1; 0 is the sum over the checkpoints"
INTERVAL = "end of the 95% bootstrap interval over test examples"
SIGN = "+ for the most positive, - for the most negative training examples"


@dataclasses.dataclass(frozen=True)
class Schema:
    """A table's purpose and its columns with what they hold; `gaps` may lack values.

    Tables of earlier versions may be without the columns `newer`.

    Where the attribution method matters, columns have `{scores}`, `{mean}` or `{noise}` for
    what `xling.report.methods.MethodWords` says of them.
    """

    about: str
    columns: dict[str, str]
    required: bool = True
    gaps: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()

    def in_words(self, words: MethodWords) -> "Schema":
        """Return the schema in the words of an attribution method."""
        columns = {
            name: _in_words(text, ("scores", "mean", "noise"), words)
            for name, text in self.columns.items()
        }
        return dataclasses.replace(self, columns=columns)


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure: on the page as one chart or as several panels, in its file always as one.

    Attributes:
        name: of its file, and what its section's template knows it by.
        label: what a screen reader says of it; of a panel with `{}` in place of the panel's title.
        chart: without the look of the report; panels by their titles.
        columns: of the panels in the file.
        spacing: between them, in pixels.
        fluid: whether it takes the width of its place on the page.
        shown: whether it is on the page; where a table there says it all, it is a file alone.
        subject: what it is of, such as a task, where a page has several of its kind.
    """

    name: str
    label: str
    chart: Chart | Mapping[str, Chart]
    columns: int = 3
    spacing: int = 28
    fluid: bool = False
    shown: bool = True
    subject: str = ""

    @property
    def file(self) -> str:
        """The name of its file, without a suffix."""
        return f"{self.name}_{slug(self.subject)}" if self.subject else self.name

    def described(self, title: str) -> str:
        """Return what a screen reader says of the panel with a title."""
        behind = f", {self.subject}" if self.subject else ""
        return f"{self.label.format(title)}{behind}"

    @cached_property
    def panels(self) -> dict[str, dict[str, Any]]:
        """Vega-Lite specifications of the charts by title; that of a single chart is ""."""
        charts = self.chart if isinstance(self.chart, Mapping) else {"": self.chart}
        # The tests check the charts, which takes half of the time; many languages have more rows
        # than the library lets pass.
        with debug_mode(False), alt.data_transformers.disable_max_rows():
            return {title: styled(chart).to_dict(validate=False) for title, chart in charts.items()}

    @property
    def specs(self) -> dict[str, dict[str, Any]]:
        """The charts on the page as Vega-Lite specifications, by title."""
        own = FLUID if self.fluid else {}
        return {title: {**panel, **own} for title, panel in self.panels.items()}

    @property
    def spec(self) -> dict[str, Any]:
        """The figure of the file as a Vega-Lite specification; panels have a title there."""
        if not isinstance(self.chart, Mapping):
            return self.panels[""]
        concat = [
            {"title": {"text": title, "anchor": "start"}}
            | {key: value for key, value in panel.items() if key not in SHARED_KEYS}
            for title, panel in self.panels.items()
        ]
        first = next(iter(self.panels.values()))
        datasets = {
            name: rows for panel in self.panels.values() for name, rows in panel["datasets"].items()
        }
        return {
            **{key: first[key] for key in SHARED_KEYS},
            "datasets": datasets,
            "concat": concat,
            "columns": self.columns,
            "spacing": self.spacing,
        }

    def html(self) -> str:
        """Return the figure as an HTML page that asks nothing of the network."""
        return alt.Chart.from_dict(self.spec).to_html(inline=True)


def _in_words(text: str, names: Iterable[str], words: MethodWords) -> str:
    for name in names:
        text = text.replace(f"{{{name}}}", getattr(words, name))
    return text


def slug(title: str) -> str:
    """Write a title so that it can stand in a file's name."""
    return title.replace(", ", "_").replace(" ", "_")


def _nothing(subject: Any) -> list[Any]:
    return []


@dataclasses.dataclass(frozen=True)
class Section(Generic[Subject]):
    """One section of a page of runs or of sweeps.

    Attributes:
        name: its id on the page.
        template: its file in templates/sections.
        content: returns what the template prints; None where the section does not apply.
        link: its name in the page's navigation; what is a part of another section has none.
        schemas: what documents its tables, by name.
        figures: returns its figures.
        findings: returns its sentences for the top of the page.
        key_figures: returns its headline numbers.
        parts: what stands at its end, in this order.
        groups: returns what stands at its end once for each run or task of a sweep.
        question: the title of a sweep's page that is about it.
    """

    name: str
    template: str
    content: Callable[[Subject], dict[str, Any] | None]
    link: str = ""
    schemas: Mapping[str, Schema] = dataclasses.field(default_factory=dict)
    figures: Callable[[Subject], list[Figure]] = _nothing
    findings: Callable[[Subject], list[str]] = _nothing
    key_figures: Callable[[Subject], list[KeyFigure]] = _nothing
    parts: "tuple[Section[Subject], ...]" = ()
    groups: "Callable[[Subject], list[FilledSection]]" = _nothing
    question: str = ""


@dataclasses.dataclass(frozen=True)
class FilledSection:
    """A section with its content, None where it does not apply, and its figures."""

    section: Section[Any]
    content: dict[str, Any] | None
    figures: list[Figure]
    parts: "list[FilledSection]"

    def html(self) -> Markup:
        """Return the section as the page has it, which is nothing where it does not apply."""
        if self.content is None:
            return Markup()
        template = templates().get_template(f"sections/{self.section.template}")
        figures = {figure.name: figure for figure in self.figures if figure.shown}
        parts = Markup("").join(part.html() for part in self.parts)
        return Markup(template.render(**self.content, figures=figures, parts=parts))


def filled(sections: Iterable[Section[Subject]], subject: Subject) -> list[FilledSection]:
    """Return the sections with what they make of a run or of a sweep."""
    with debug_mode(False):
        return [
            FilledSection(
                section,
                section.content(subject),
                section.figures(subject),
                [*filled(section.parts, subject), *section.groups(subject)],
            )
            for section in sections
        ]


def all_figures(sections: Iterable[FilledSection]) -> Iterator[Figure]:
    """Yield every figure of sections and of their parts, in the order of the page."""
    for section in sections:
        yield from section.figures
        yield from all_figures(section.parts)


def all_schemas(sections: Iterable[Section[Any]]) -> dict[str, Schema]:
    """Return what documents the tables of sections and of their parts, by name."""
    schemas: dict[str, Schema] = {}
    for section in sections:
        schemas |= section.schemas
        schemas |= all_schemas(section.parts)
    return schemas
