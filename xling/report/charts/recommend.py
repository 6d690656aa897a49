"""What is recommended: gains of further data, mixtures, and what came out of them."""

import altair as alt
import pandas as pd

from xling.report.style import GREY, HEADS, HUES, LINES, QUIET, rgba
from xling.report.words import number

OTHERS = {
    "balanced": "than balanced",
    "target": "than most of the target’s own",
    "random": "than random",
    "matched": "than matched",
}
"""What the recommended mixture is better than."""

COLUMNS = 5
"""Names in a row of a legend, which has to fit a narrow screen."""

BELOW = alt.Legend(symbolOpacity=1, labelLimit=320, orient="bottom", columns=1)


def gains_chart(gains: pd.DataFrame) -> alt.LayerChart:
    """Draw the gain by 100 further examples of each language, the best first."""
    base = alt.Chart(gains.round({"gain": 5, "low": 5, "high": 5})).encode(
        y=alt.Y("train_language:N", sort=list(gains["train_language"]), title=None),
        tooltip=[
            alt.Tooltip("train_language:N", title="training language"),
            alt.Tooltip("gain:Q", format="+.4f"),
            alt.Tooltip("low:Q", title="95% interval, from", format="+.4f"),
            alt.Tooltip("high:Q", title="to", format="+.4f"),
            alt.Tooltip("examples:Q", title="examples there are"),
        ],
    )
    x = alt.X("low:Q", title="gain by 100 further examples")
    rules = base.mark_rule(strokeWidth=2, color=QUIET).encode(x=x, x2=alt.X2("high:Q"))
    dots = base.mark_point(filled=True, size=80, opacity=1, color=f"rgb({HEADS})")
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=QUIET).encode(x=alt.X("zero:Q"))
    dots = dots.encode(x=alt.X("gain:Q"))
    return (zero + rules + dots).properties(width=360, height={"step": 26})


def mixtures_chart(mixtures: pd.DataFrame, languages: list[str]) -> alt.LayerChart:
    """Draw how many examples of each language each mixture has."""
    order = [name for name in languages if name in set(mixtures["train_language"])]
    legend = alt.Legend(orient="bottom", columns=COLUMNS)
    color = alt.Color("train_language:N", title=None, sort=order, legend=legend).scale(
        domain=order, range=[LINES[i % len(LINES)] for i in range(len(order))]
    )
    bars = (
        alt.Chart(mixtures)
        .mark_bar()
        .encode(
            x=alt.X("examples:Q", title="training examples"),
            y=alt.Y("mixture:N", sort=list(dict.fromkeys(mixtures["mixture"])), title=None),
            color=color,
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("mixture:N"),
                alt.Tooltip("train_language:N", title="training language"),
                alt.Tooltip("examples:Q"),
            ],
        )
        .transform_calculate(place=f"indexof({order}, datum.train_language)")
    )
    return alt.layer(bars).properties(width=360, height={"step": 34})


def verified_chart(verified: pd.DataFrame) -> alt.LayerChart:
    """Draw the predicted and the observed measure of each mixture, with their intervals."""
    parts = []
    for what, names in {
        "predicted": ("predicted", "low", "high"),
        "observed": ("observed", "observed_low", "observed_high"),
    }.items():
        if what not in verified:
            continue
        ends = dict(zip(names, ("value", "from", "to"), strict=True))
        parts.append(verified[["mixture", *names]].rename(columns=ends).assign(what=what))
    table = pd.concat(parts, ignore_index=True).round({"value": 4, "from": 4, "to": 4})
    colors = {"predicted": rgba(GREY, 1), "observed": f"rgb({HEADS})"}
    colors = {what: color for what, color in colors.items() if what in set(table["what"])}
    legend = alt.Legend(orient="bottom") if len(colors) > 1 else None
    base = alt.Chart(table).encode(
        y=alt.Y("mixture:N", sort=list(verified["mixture"]), title=None),
        yOffset=alt.YOffset("what:N", sort=list(colors)),
        color=alt.Color("what:N", title=None, sort=list(colors), legend=legend).scale(
            domain=list(colors), range=list(colors.values())
        ),
        tooltip=[
            alt.Tooltip("mixture:N"),
            alt.Tooltip("what:N", title="which"),
            alt.Tooltip("value:Q", format=".4f"),
            alt.Tooltip("from:Q", title="95% interval, from", format=".4f"),
            alt.Tooltip("to:Q", title="to", format=".4f"),
        ],
    )
    x = alt.X("from:Q", title="measure for the target, more is better").scale(zero=False)
    rules = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("to:Q"))
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(x=alt.X("value:Q"))
    return (rules + dots).properties(width=360, height={"step": 20})


def differences_chart(differences: pd.DataFrame) -> alt.LayerChart:
    """Draw by how much the recommended mixture is better, the target first; strokes: predicted."""
    others = [OTHERS[name] for name in dict.fromkeys(differences["against"])]
    tests = [
        f"{test} (target)" if asked else test
        for test, asked in zip(differences["test_language"], differences["asked"], strict=True)
    ]
    ends = zip(differences["low"], differences["high"], strict=True)
    shown = differences[["difference", "low", "high", "q", "told", "fits"]].assign(
        test=tests,
        other=differences["against"].map(OTHERS),
        interval=[f"{number(low, 4)} to {number(high, 4)}" for low, high in ends],
    )
    if "predicted" in differences:
        shown["predicted"] = differences["predicted"].round(5)
    shown = shown.round({"difference": 5, "low": 5, "high": 5, "q": 4})
    tooltip = [
        alt.Tooltip("test:N", title="test language"),
        alt.Tooltip("other:N", title="better"),
        alt.Tooltip("difference:Q", format="+.4f"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("q:Q", format=".3f"),
        alt.Tooltip("told:N"),
        alt.Tooltip("fits:Q", title="fine-tunings of each"),
    ]
    if "predicted" in shown:
        tooltip.append(alt.Tooltip("predicted:Q", format="+.4f"))
    base = alt.Chart(shown).encode(
        y=alt.Y("test:N", sort=list(dict.fromkeys(tests)), title=None),
        yOffset=alt.YOffset("other:N", sort=others),
        color=alt.Color("other:N", title=None, sort=others, legend=BELOW).scale(
            domain=others, range=[f"rgb({HEADS})", f"rgb({HUES['+']})"][: len(others)]
        ),
        tooltip=tooltip,
    )
    axis = alt.Axis(tickCount=6, labelOverlap="greedy", labelSeparation=6)
    x = alt.X("low:Q", title="better by, in the measure", axis=axis)
    rules = base.mark_rule(strokeWidth=2).encode(x=x, x2=alt.X2("high:Q"))
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X("difference:Q"),
        shape=alt.Shape("other:N", title=None, sort=others, legend=BELOW).scale(
            domain=others, range=["circle", "diamond"][: len(others)]
        ),
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=QUIET).encode(x=alt.X("zero:Q"))
    layers = zero + rules + dots
    if "predicted" in shown:
        promised = base.transform_filter("isValid(datum.predicted)")
        layers += promised.mark_tick(thickness=3, size=14).encode(
            x=alt.X("predicted:Q"), color=alt.value(rgba(GREY, 1))
        )
    return layers.properties(width=360, height={"step": 17})
