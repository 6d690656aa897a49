"""The figures of sweeps over subnetworks (Choenni et al. 2024), by panels and as a whole.

What differs between the runs of a table, beside what a panel shows, stands in the panels' titles;
so do the runs' `variant`s.
"""

from collections.abc import Callable, Sequence
from functools import partial

import altair as alt
import pandas as pd

from xling.analysis.sweeps import SWITCHES
from xling.report.charts import by_language, dashed, epochs_axis, own_domain
from xling.report.style import GREY, HEADS, HUES, LINES, QUIET, SHAPES, SIGNS, rgba, styled
from xling.report.wording import change_intervals, interval, p_value, points

Panels = dict[str, alt.LayerChart]
RANDOM = "random masks, 95% of them"
IDENTIFIED = "identified"
TUNED = {"after_full": "full fine-tuning", "after_sft": "sparse fine-tuning"}
SOLID = alt.Legend(symbolOpacity=1, labelLimit=280, orient="bottom", columns=2)
OF = "{} test examples"


def whole(panels: Panels, columns: int = 2) -> alt.ConcatChart:
    """Put panels side by side, as one figure."""
    titled = [
        panel.properties(title=alt.Title(title, anchor="start")) for title, panel in panels.items()
    ]
    return styled(alt.concat(*titled, columns=columns, spacing=28))


def random_panels(
    random_masks: pd.DataFrame, sign: str, others: pd.DataFrame | None = None
) -> Panels:
    """Change by the identified masks against that by random ones (Choenni et al. 2024, Fig. 3).

    A panel per test language.

    Args:
        random_masks: the table of that name.
        sign: "+" or "-".
        others: rows of `sweep_change`, of runs with other languages' subnetworks, to stand beside.
    """
    table = random_masks[random_masks["sign"] == sign]
    none = pd.DataFrame(columns=["sign", "test_language", "train_language", "variant", "change"])
    beside = none if others is None else others[others["sign"] == sign]
    ends = table[["change", "random_low", "random_high"]]
    domain = _domain([*ends.min(), *ends.max(), *beside["change"]])

    def draw(part: pd.DataFrame) -> alt.LayerChart:
        same = beside[beside["test_language"] == part["test_language"].iloc[0]]
        return _against_random(part, same, f"rgb({HUES[sign]})", domain)

    return _panels(table, draw, "test_language", ("tuning", *SWITCHES, "apply"), OF)


def sft_accuracy_chart(sft_accuracy: pd.DataFrame) -> alt.ConcatChart:
    """`sft_accuracy_panels` as one figure."""
    return whole(sft_accuracy_panels(sft_accuracy))


def sft_accuracy_panels(sft_accuracy: pd.DataFrame) -> Panels:
    """Accuracy of subnetworks after full and after sparse fine-tuning (Choenni et al., Tab. 2)."""
    return _panels(sft_accuracy, _two_accuracies, "variant", (*SWITCHES, "apply"))


def own_share_epochs_chart(own_share_epochs: pd.DataFrame) -> alt.ConcatChart:
    """`own_share_panels` as one figure."""
    return whole(own_share_panels(own_share_epochs), columns=3)


def own_share_panels(
    own_share_epochs: pd.DataFrame, languages: Sequence[str] | None = None
) -> Panels:
    """Share of each language's own data at each epoch, a panel per variant (Fig. 16 to 18).

    Of the most positive examples, on one scale.
    """
    table = own_share_epochs[own_share_epochs["sign"] == "+"]
    order = languages or list(dict.fromkeys(table["language"]))
    draw = partial(_own_shares, languages=order, domain=own_domain(table))
    return _panels(table, draw, "variant", ())


def composed_chart(composed: pd.DataFrame, sign: str = "+") -> alt.ConcatChart:
    """`composed_panels` as one figure."""
    return whole(composed_panels(composed, sign))


def composed_panels(composed: pd.DataFrame, sign: str = "+") -> Panels:
    """Change of the shares through composed subnetworks, a panel per test language (Fig. 19)."""
    table = composed[composed["sign"] == sign]
    domain = _domain([*table[["change", "low"]].min(), *table[["change", "high"]].max()])
    draw = partial(_composed, domain=domain)
    return _panels(table, draw, "test_language", ("languages",), OF)


def _panels(
    table: pd.DataFrame,
    draw: Callable[[pd.DataFrame], alt.LayerChart],
    always: str,
    sometimes: Sequence[str],
    form: str = "{}",
) -> Panels:
    """Draw a panel for each value of a column, and of others where they differ.

    Their titles are these values, the first of them as `form` has it.
    """
    keys = [always, *(key for key in sometimes if key in table and table[key].nunique() > 1)]
    return {
        " · ".join([form.format(first), *map(str, others)]): draw(part)
        for (first, *others), part in table.groupby(keys, sort=False, dropna=False)
    }


def _domain(changes: Sequence[float]) -> tuple[float, float]:
    """Return a range, in percentage points, that holds changes and zero."""
    found = [0.0, *(100 * each for each in changes if each == each)]
    return min(found), max(found)


def _against_random(
    part: pd.DataFrame, others: pd.DataFrame, hue: str, domain: tuple[float, float]
) -> alt.LayerChart:
    """Bands of random masks, and marks of the identified and of other languages' ones."""
    names = [IDENTIFIED, *dict.fromkeys(others["variant"]), RANDOM]
    colors = [hue, *(LINES[i % len(LINES)] for i in range(len(names) - 2)), rgba(GREY, 0.45)]
    shapes = [*(SHAPES[i % len(SHAPES)] for i in range(len(names) - 1)), "square"]
    color = alt.Color("kind:N", title=None, sort=names, legend=SOLID)
    shape = alt.Shape("kind:N", title=None, sort=names).scale(domain=names, range=shapes)
    x = alt.X("train_language:N", sort=list(part["train_language"]), title="training examples")
    look = {"x": x.axis(labelAngle=0), "color": color.scale(domain=names, range=colors)}
    marks = pd.concat([part.assign(variant=IDENTIFIED), others])
    marks = marks[["train_language", "variant", "change"]].rename(columns={"variant": "kind"})
    dots = (
        alt.Chart(marks.assign(change=(100 * marks["change"]).round(3)))
        .mark_point(filled=True, size=85, opacity=1)
        .encode(
            **look,
            y="change:Q",
            shape=shape,
            tooltip=[
                alt.Tooltip("kind:N", title="subnetwork"),
                alt.Tooltip("train_language:N", title="training language"),
                alt.Tooltip("change:Q", title="change, points", format="+.2f"),
            ],
        )
    )
    return (dashed(0, "y") + _bands(part, look, domain) + dots).properties(width=330, height=230)


def _bands(
    part: pd.DataFrame, look: dict[str, alt.SchemaBase], domain: tuple[float, float]
) -> alt.LayerChart:
    """Where the changes by random masks lie, and their mean."""
    numbers = ["change", "random_mean", "random_low", "random_high"]
    table = part[["train_language", "masks"]].assign(
        **{each: (100 * part[each]).round(3) for each in numbers},
        kind=RANDOM,
        interval=change_intervals(part["random_low"], part["random_high"]),
        p=[p_value(p) for p in part["p"]],
    )
    base = alt.Chart(table).encode(
        x=look["x"],
        tooltip=[
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("change:Q", title="identified, points", format="+.2f"),
            alt.Tooltip("random_mean:Q", title="random, mean", format="+.2f"),
            alt.Tooltip("interval:N", title=RANDOM),
            alt.Tooltip("masks:Q", title="random masks"),
            alt.Tooltip("p:N"),
        ],
    )
    y = alt.Y("random_low:Q", title="change, percentage points").scale(domain=domain, nice=True)
    bars = base.mark_bar(size=22, cornerRadius=3).encode(y=y, y2="random_high:Q", **look)
    return bars + base.mark_tick(size=22, thickness=2, color=QUIET).encode(y="random_mean:Q")


def _two_accuracies(part: pd.DataFrame) -> alt.LayerChart:
    """Two marks a language, joined."""
    names = list(TUNED.values())
    table = (
        part[["language", *TUNED, "examples"]]
        .round(5)
        .assign(
            change=[points(each) for each in part["change"]],
            interval=change_intervals(part["low"], part["high"]),
            p=[p_value(p) for p in part["p"]],
        )
    )
    told = [
        alt.Tooltip("language:N"),
        alt.Tooltip("change:N", title="change, points"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("p:N"),
        alt.Tooltip("examples:Q", title="test examples"),
    ]
    axis = alt.Axis(format=".0%", tickCount=6)
    x = alt.X("after_full:Q", title="test accuracy", axis=axis).scale(zero=False, padding=10)
    y = alt.Y("language:N", sort=list(table["language"]), title="test language")
    joined = alt.Chart(table).mark_rule(strokeWidth=2, color=QUIET, opacity=0.6)
    joined = joined.encode(x=x, x2="after_sft:Q", y=y, tooltip=told)
    kept = [each for each in table if each not in TUNED]
    long = table.rename(columns=TUNED).melt(kept, var_name="tuned", value_name="accuracy")
    look = {"domain": names, "range": [QUIET, f"rgb({HEADS})"]}
    shapes = {"domain": names, "range": ["circle", "diamond"]}
    dots = (
        alt.Chart(long)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            y=y,
            x=alt.X("accuracy:Q", axis=axis).scale(zero=False, padding=10),
            color=alt.Color("tuned:N", title=None, sort=names, legend=SOLID).scale(**look),
            shape=alt.Shape("tuned:N", title=None, sort=names).scale(**shapes),
            tooltip=["tuned:N", alt.Tooltip("accuracy:Q", format=".1%"), *told],
        )
    )
    return (joined + dots).properties(width=400, height=34 * len(table))


def _own_shares(
    part: pd.DataFrame, languages: Sequence[str], domain: tuple[float, float]
) -> alt.LayerChart:
    table = part[["language", "epoch", "share", "base_rate"]].round(5)
    table["interval"] = [interval(a, b) for a, b in zip(part["low"], part["high"], strict=True)]
    color, dash, shape = by_language(table, languages)
    axis = alt.Axis(format=".0%", tickCount=5)
    base = alt.Chart(table).encode(
        x=epochs_axis(table),
        y=alt.Y("share:Q", title="own share", axis=axis).scale(domain=domain, nice=False),
        color=color,
        tooltip=[
            alt.Tooltip("language:N"),
            alt.Tooltip("epoch:O"),
            alt.Tooltip("share:Q", title="own share", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("base_rate:Q", title="base rate", format=".1%"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash)
    dots = base.mark_point(filled=True, size=50, opacity=1).encode(shape=shape)
    return (lines + dots).properties(width=230, height=200)


def _composed(part: pd.DataFrame, domain: tuple[float, float]) -> alt.LayerChart:
    order = list(dict.fromkeys(part["train_language"]))
    names = sorted(set(part["variant"]), key=lambda name: ("∪" in name, name))
    table = part[["variant", "train_language", "full", "subnetwork"]].round(5)
    table = table.assign(
        **{each: (100 * part[each]).round(3) for each in ("change", "low", "high")},
        interval=change_intervals(part["low"], part["high"]),
        q=[p_value(q) for q in part["q"]],
    )
    sign = part["sign"].iloc[0]
    shades = [f"rgb({HUES[sign]})", rgba(HUES[sign], 0.4), *LINES]
    base = alt.Chart(table).encode(
        x=alt.X("train_language:N", sort=order, title="training examples").axis(labelAngle=0),
        xOffset=alt.XOffset("variant:N", sort=names),
        tooltip=[
            alt.Tooltip("variant:N", title="subnetwork"),
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("full:Q", title="share, full model", format=".1%"),
            alt.Tooltip("subnetwork:Q", title="share, composed", format=".1%"),
            alt.Tooltip("interval:N", title="95% interval of the change"),
            alt.Tooltip("q:N"),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        y=alt.Y("change:Q", title=f"change of the most {SIGNS[sign]}, points").scale(
            domain=domain, nice=True
        ),
        color=alt.Color("variant:N", title=None, sort=names, legend=SOLID).scale(
            domain=names, range=[shades[i % len(shades)] for i in range(len(names))]
        ),
    )
    whiskers = base.mark_rule(color=QUIET, strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    return (dashed(0, "y") + bars + whiskers).properties(width=330, height=230)
