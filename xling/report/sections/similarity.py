"""The part on similar subnetworks: whether they go with influence (§7.2)."""

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import pandas as pd

from xling.analysis.shares import SIGNS
from xling.report.charts.lines import SOLID, by_language, dashed, sign_hues
from xling.report.section import SIGN, Figure, Schema, Section
from xling.report.sections.distances import whose_p
from xling.report.sections.specialization import CORRELATION
from xling.report.tables import Run, RunTables, there
from xling.report.words import SIGNIFICANT, coefficients, listed, number, p_value

DRAWN_CORRELATIONS = "layer > 0 and measure == 'cosine'"  # correlations that are drawn

SCHEMAS = {
    "similarity": Schema(
        "Overlap of two languages' subnetworks beside the influence between the languages.",
        {
            "test_language": "language of the test examples",
            "train_language": "another language, of the training examples",
            "sign": SIGN,
            "layer": "layer that the overlap is of, from 1; 0 is all layers together",
            "cosine": "cosine of the two masks, if both have heads on",
            "part": "shared heads as a share of those of the test language's subnetwork, if any",
            "share": "mean share of the top-k set, summed over the checkpoints, 0 to 1",
        },
        required=False,
        gaps=("cosine", "part"),
    ),
    "similarity_correlation": Schema(
        "Correlation, over pairs of languages, of the subnetworks' overlap with influence.",
        {
            "sign": SIGN,
            "measure": "of the overlap: cosine of the masks, or share of the test language's heads",
            "layer": "layer that the overlap is of, from 1; 0 is all layers together",
            **CORRELATION,
            "r_p": "its p-value of permuted languages (Mantel), as pairs that share a language are "
            "not independent",
            "rho_p": "its p-value of permuted languages",
            "p_holm": "rho_p corrected for the number of layers (Holm); uncorrected in layer 0",
            "pairs": "number of ordered pairs of languages",
            "least_p": "the least r_p or rho_p that so many languages can have; tables of earlier "
            "versions are without it, and their p-values take pairs as independent",
        },
        required=False,
        gaps=(*CORRELATION, "p_holm", "least_p"),
        newer=("least_p",),
    ),
}


def content(run: Run | RunTables) -> dict[str, Any] | None:
    """Return what the template prints of a run's tables; None where nothing can be compared."""
    if not there(run.tables, "similarity_correlation"):
        return None
    correlation = run.tables["similarity_correlation"]
    if not (similar := similarity_sentence(correlation)):
        return None
    return {
        "similarity": similar,
        "whose_p": whose_p(correlation.query("layer == 0")),
        "interference": interference_sentence(correlation),
        "layers": layers_sentence(correlation),
    }


def figures(run: Run | RunTables) -> list[Figure]:
    """Draw influence against overlap, and the correlation of each layer, of a run's tables.

    Subnetworks that are all equally similar have nothing to show on a page.
    """
    drawn = []
    if there(run.tables, "similarity"):
        table = run.tables["similarity"]
        spread = table.query("layer == 0")["cosine"].nunique() > 1
        for sign, name in SIGNS.items():
            chart = similarity_chart(table, sign, languages=run.languages)
            label = (
                f"Share of the most {name} training examples against the cosine of the two "
                "subnetworks"
            )
            file = "similarity" if sign == "+" else "similarity_negative"
            drawn.append(Figure(file, label, chart, fluid=True, shown=spread, subject=run.title))
        chart = similarity_chart(table, "-", measure="part", languages=run.languages)
        label = "Share of the most negative training examples against the share of shared heads"
        # folded away on the page, where there is no width to take
        drawn.append(Figure("interference", label, chart, shown=spread, subject=run.title))
    correlation = run.tables.get("similarity_correlation", pd.DataFrame())
    if len(correlation) and correlation.query(DRAWN_CORRELATIONS)["rho"].notna().any():
        label = "Correlation of influence with the overlap in each layer"
        chart = layer_correlation_chart(correlation)
        drawn.append(Figure("layers", label, chart, fluid=True, subject=run.title))
    return drawn


def similarity_chart(
    similarity: pd.DataFrame,
    sign: str,
    layer: int = 0,
    measure: str = "cosine",
    languages: Sequence[str] | None = None,
) -> alt.Chart:
    """Draw the influence between languages against their subnetworks' overlap.

    Choenni et al. 2024, Fig. 8 (right), and 15 with sign="-" and measure="part".

    Args:
        similarity: the table of that name.
        sign: "+" or "-".
        layer: that the overlap is of; 0 for all together.
        measure: "cosine" of the masks, or "part" of the test language's heads that is shared.
        languages: their order; by default as they come.
    """
    table = similarity.query("sign == @sign and layer == @layer").dropna(subset=[measure]).round(5)
    color, _, shape = by_language(table, languages, "test_language")
    cosine = measure == "cosine"
    titles = {
        "cosine": "cosine of the two subnetworks",
        "part": "share of its heads that is shared",
    }
    axis = alt.Axis(format=".2f" if cosine else ".0%", tickCount=6, tickMinStep=0.01)
    chart = (
        alt.Chart(table)
        .mark_point(filled=True, size=70, opacity=0.9)
        .encode(
            x=alt.X(f"{measure}:Q", title=titles[measure], axis=axis).scale(zero=False),
            y=alt.Y(
                "share:Q",
                title=f"share of the most {SIGNS[sign]}",
                axis=alt.Axis(format=".0%", tickCount=6, tickMinStep=0.01),
            ).scale(zero=False),
            color=color.title("test language"),
            shape=shape.title("test language"),
            tooltip=[
                alt.Tooltip("test_language:N", title="test language"),
                alt.Tooltip("train_language:N", title="training language"),
                alt.Tooltip("cosine:Q", format=".3f"),
                alt.Tooltip("part:Q", title="of its heads shared", format=".1%"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    return chart.properties(width=340, height=260)


def layer_correlation_chart(
    similarity_correlation: pd.DataFrame, measure: str = "cosine"
) -> alt.LayerChart:
    """Draw the correlation of influence with the subnetworks' overlap in each layer (Fig. 9).

    Filled where it is significant after Holm's correction; layers without spread have no point.
    """
    table = similarity_correlation.query("measure == @measure and layer > 0")
    names = list(SIGNS.values())
    table = table[["sign", "layer", "rho", "p_holm", "pairs"]].assign(
        rho=table["rho"].round(4),
        influence=table["sign"].map(SIGNS),
        significant=table["p_holm"] < SIGNIFICANT,
        p=[p_value(p) for p in table["p_holm"]],
    )
    layers = list(range(1, int(similarity_correlation["layer"].max()) + 1))
    hues = sign_hues()
    base = alt.Chart(table).encode(
        x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0, grid=False)).scale(
            domain=layers
        ),
        y=alt.Y("rho:Q", title="rank correlation ρ", axis=alt.Axis(format=".1f")).scale(
            domain=[-1, 1], nice=False
        ),
        color=alt.Color("influence:N", title=None, sort=names, legend=SOLID, scale=hues),
        tooltip=[
            alt.Tooltip("influence:N"),
            alt.Tooltip("layer:O"),
            alt.Tooltip("rho:Q", title="ρ", format=".2f"),
            alt.Tooltip("p:N", title="p, corrected (Holm)"),
            alt.Tooltip("pairs:Q", title="pairs of languages"),
        ],
    )
    broken = "break-paths-show-path-domains"  # not joined across layers without spread
    lines = base.mark_line(strokeWidth=1, opacity=0.35, invalid=broken)
    dots = base.mark_point(filled=True, size=90, strokeWidth=2, opacity=1, invalid="filter").encode(
        shape=alt.Shape("influence:N", title=None, sort=names).scale(
            domain=names, range=["circle", "square"]
        ),
        stroke=alt.Stroke("influence:N", title=None, sort=names, legend=SOLID, scale=hues),
        fillOpacity=alt.condition("datum.significant", alt.value(1), alt.value(0)),
    )
    return (dashed(0, "y") + lines + dots).properties(width=560, height=260)


def similarity_sentence(similarity_correlation: pd.DataFrame) -> str:
    """Say whether languages with similar subnetworks influence each other more (§7.2)."""
    rows = similarity_correlation.query("layer == 0 and measure == 'cosine'")
    return _correlated("The cosine of two languages’ subnetworks", rows)


def interference_sentence(similarity_correlation: pd.DataFrame) -> str:
    """Say whether shared heads go with negative influence (§7.2, Fig. 15)."""
    rows = similarity_correlation.query("layer == 0 and measure == 'part' and sign == '-'")
    return _correlated("The share of the test language’s heads that is shared", rows)


def _correlated(what: str, rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    missing = rows["rho"].isna()
    parts = [
        f"with the share of the most {SIGNS[row['sign']]} examples at {coefficients(row)}"
        for row in rows[~missing].to_dict("records")
    ]
    pairs = f"{number(rows['pairs'].max())} pairs of languages"
    sentences = [f"{what} correlates {listed(parts)}, over {pairs}."] if parts else []
    if missing.any():
        names = listed(f"most {SIGNS[sign]}" for sign in rows.loc[missing, "sign"])
        sentences.append(
            f"{what} cannot be correlated with the shares of the {names} examples over {pairs}: "
            "a correlation needs three or more, with different values of both."
        )
    return " ".join(sentences)


def layers_sentence(similarity_correlation: pd.DataFrame, measure: str = "cosine") -> str:
    """Say in which layers overlap goes with influence, and where that is unknown (Fig. 9)."""
    table = similarity_correlation.query("layer > 0 and measure == @measure")
    parts = [
        f"{_layers(rows.loc[rows['p_holm'] < SIGNIFICANT, 'layer'])} for the most {SIGNS[sign]}"
        for sign, rows in table.groupby("sign", sort=False)
    ]
    if not parts:
        return ""
    sentence = (
        f"By single layers, the rank correlation is significant (p < {SIGNIFICANT} after Holm’s "
        f"correction) in {listed(parts)}."
    )
    if "least_p" in table:
        tested = table.dropna(subset="least_p").groupby("sign")["least_p"]
        least = (tested.max() * tested.size()).clip(upper=1).min()
        if least >= SIGNIFICANT:
            sentence += f" Of so few languages none could be: p is {p_value(least)} at least then."
    missing = sorted(set(table.loc[table["rho"].isna(), "layer"]))
    if missing:
        sentence += (
            f" In {_layers(missing)} it cannot be determined: the subnetworks are all "
            "equally similar there, or too few."
        )
    return sentence


def _layers(layers: Iterable[Any]) -> str:
    names = [str(int(layer)) for layer in layers]
    if not names:
        return "no layer"
    return f"layer{'s' if len(names) > 1 else ''} {listed(names)}"


SECTION = Section("similarity", "similarity.html.j2", content, schemas=SCHEMAS, figures=figures)
