"""The section on identified or random heads (Choenni et al. 2024, §5.2, §6.1 and Fig. 3)."""

from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.charts.lines import dashed
from xling.report.charts.panels import BELOW, TEST_EXAMPLES, Panels, change_domain, panels
from xling.report.section import Figure, Section
from xling.report.sections.change import own_changes
from xling.report.sections.sweep_changes import CHANGE_COLUMNS
from xling.report.style import GREY, HUES, LINES, QUIET, SHAPES, rgba
from xling.report.sweep_results import SweepResults
from xling.report.sweep_schema import RANDOM_COLUMNS, SWITCH_COLUMNS, across_runs, compared_columns
from xling.report.tables import printed_rows
from xling.report.words import change_intervals, listed, number, p_value, percent

RANDOM_RANGE = "random masks, 95% of them"
IDENTIFIED = "identified"

SCHEMAS = {
    "random_masks": across_runs(
        "What identified subnetworks change, beside random ones of their size.",
        {
            **CHANGE_COLUMNS,
            "change": "change of the share through the identified subnetwork",
            "random_mean": "mean over the random masks",
            **RANDOM_COLUMNS,
            "p": "how likely a random mask's change lies as far from their mean",
        },
    ),
    "random_accuracy": across_runs(
        "Test accuracy of identified subnetworks, beside random ones of their size.",
        {
            "language": "language code",
            "identified": "accuracy through the identified subnetwork, 0 to 1",
            "random": "mean over the random masks",
            **RANDOM_COLUMNS,
            "random_low": "least over the random masks",
            "random_high": "most over the random masks",
        },
    ),
}


def content(sweep: SweepResults) -> dict[str, Any] | None:
    """Return what the template prints; None for a sweep without random masks."""
    tables = sweep.tables
    if "random_masks" not in tables:
        return None
    accuracy = tables.get("random_accuracy")
    return {
        "others": sweep.others is not None and len(sweep.others) > 0,
        "masks": printed_rows(tables["random_masks"]),
        "accuracy": None if accuracy is None else printed_rows(accuracy),
    }


def figures(sweep: SweepResults) -> list[Figure]:
    """Return the changes of both signs, a panel per test language."""
    if "random_masks" not in sweep.tables:
        return []
    return [
        Figure(
            f"random_masks_{name}",
            f"Change by the identified masks against random ones, most {name}, {{}}",
            random_panels(sweep.tables["random_masks"], sign, sweep.others),
            columns=2,
            fluid=True,
        )
        for sign, name in SIGNS.items()
    ]


def random_panels(
    random_masks: pd.DataFrame, sign: str, others: pd.DataFrame | None = None
) -> Panels:
    """Draw the change by the identified masks against that by random ones.

    Choenni et al. 2024, Fig. 3. A panel per test language.

    Args:
        random_masks: the table of that name.
        sign: "+" or "-".
        others: rows of `sweep_change`, of runs with other languages' subnetworks, to stand beside.
    """
    table = random_masks[random_masks["sign"] == sign]
    none = pd.DataFrame(columns=["sign", "test_language", "train_language", "variant", "change"])
    beside = none if others is None else others[others["sign"] == sign]
    ends = table[["change", "random_low", "random_high"]]
    domain = change_domain([*ends.min(), *ends.max(), *beside["change"]])

    def draw(rows: pd.DataFrame) -> alt.LayerChart:
        same = beside[beside["test_language"] == rows["test_language"].iloc[0]]
        return _against_random(rows, same, f"rgb({HUES[sign]})", domain)

    return panels(table, draw, "test_language", ("tuning", *SWITCH_COLUMNS, "apply"), TEST_EXAMPLES)


def _against_random(
    rows: pd.DataFrame, others: pd.DataFrame, hue: str, domain: tuple[float, float]
) -> alt.LayerChart:
    """Draw bands of random masks, and marks of the identified and of other languages' ones."""
    names = [IDENTIFIED, *dict.fromkeys(others["variant"]), RANDOM_RANGE]
    colors = [hue, *(LINES[i % len(LINES)] for i in range(len(names) - 2)), rgba(GREY, 0.45)]
    shapes = [*(SHAPES[i % len(SHAPES)] for i in range(len(names) - 1)), "square"]
    color = alt.Color("kind:N", title=None, sort=names, legend=BELOW)
    shape = alt.Shape("kind:N", title=None, sort=names).scale(domain=names, range=shapes)
    x = alt.X("train_language:N", sort=list(rows["train_language"]), title="training examples")
    look = {"x": x.axis(labelAngle=0), "color": color.scale(domain=names, range=colors)}
    marks = pd.concat([rows.assign(variant=IDENTIFIED), others])
    marks = marks[["train_language", "variant", "change"]].rename(columns={"variant": "kind"})
    dots = (
        alt.Chart(marks.assign(change=(100 * marks["change"]).round(3)))
        .mark_point(filled=True, size=85, opacity=1)
        .encode(
            **look,
            y=alt.Y("change:Q"),
            shape=shape,
            tooltip=[
                alt.Tooltip("kind:N", title="subnetwork"),
                alt.Tooltip("train_language:N", title="training language"),
                alt.Tooltip("change:Q", title="change, points", format="+.2f"),
            ],
        )
    )
    return (dashed(0, "y") + _bands(rows, look, domain) + dots).properties(width=330, height=230)


def _bands(
    rows: pd.DataFrame, look: dict[str, alt.SchemaBase], domain: tuple[float, float]
) -> alt.LayerChart:
    """Draw where the changes by random masks lie, and their mean."""
    numbers = ["change", "random_mean", "random_low", "random_high"]
    table = rows[["train_language", "masks"]].assign(
        **{column: (100 * rows[column]).round(3) for column in numbers},
        kind=RANDOM_RANGE,
        interval=change_intervals(rows["random_low"], rows["random_high"]),
        p=[p_value(p) for p in rows["p"]],
    )
    base = alt.Chart(table).encode(
        x=look["x"],
        tooltip=[
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("change:Q", title="identified, points", format="+.2f"),
            alt.Tooltip("random_mean:Q", title="random, mean", format="+.2f"),
            alt.Tooltip("interval:N", title=RANDOM_RANGE),
            alt.Tooltip("masks:Q", title="random masks"),
            alt.Tooltip("p:N"),
        ],
    )
    y = alt.Y("random_low:Q", title="change, percentage points").scale(domain=domain, nice=True)
    bars = base.mark_bar(size=22, cornerRadius=3).encode(y=y, y2=alt.Y2("random_high:Q"), **look)
    return bars + base.mark_tick(size=22, thickness=2, color=QUIET).encode(y=alt.Y("random_mean:Q"))


def findings(sweep: SweepResults) -> list[str]:
    """Say whether identified masks differ from random ones, in their changes and accuracy."""
    tables, sentences = sweep.tables, []
    if "random_masks" in tables:
        sentences += masks_sentences(tables["random_masks"])
    if "random_accuracy" in tables:
        sentences += accuracy_sentences(tables["random_accuracy"])
    return sentences


def masks_sentences(random_masks: pd.DataFrame) -> list[str]:
    """Say whether the identified masks change the own share as random ones do (Fig. 3)."""
    own = own_changes(random_masks, "+")
    if own.empty:
        return []
    count = own["masks"].max()
    if count == 1:
        return ["There is one random mask to compare with, too few for a range."]
    outside = own[(own["change"] < own["random_low"]) | (own["change"] > own["random_high"])]
    which = f": {listed(dict.fromkeys(outside['test_language']))}" if len(outside) else ""
    return [
        f"Compared with {number(count)} random masks of the same size, the identified one moves "
        "the own language’s share of the most positive examples out of the range of 95% of them "
        f"in {len(outside)} of {len(own)} comparisons{which}. The smallest p that so many can give "
        f"is {1 / (1 + count):.3f}."
    ]


def accuracy_sentences(random_accuracy: pd.DataFrame) -> list[str]:
    """Say how accurate random subnetworks are beside identified ones (§6.1)."""
    return [
        f"{''.join(f'{value}: ' for value in switches)}After {tuning} fine-tuning, identified "
        f"subnetworks classify {percent(rows['identified'].mean())} of the test examples correctly "
        f"on average over the languages, random ones {percent(rows['random'].mean())}."
        for (*switches, tuning), rows in random_accuracy.groupby(
            compared_columns(random_accuracy), sort=False, dropna=False
        )
    ]


SECTION = Section(
    "random",
    "random_masks.html.j2",
    content,
    "Random heads",
    schemas=SCHEMAS,
    figures=figures,
    findings=findings,
    question="Do random heads change as much as a language’s own?",
)
