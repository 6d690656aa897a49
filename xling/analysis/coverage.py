"""Which parameters the sketches cover, and which carry the gradient."""

from collections.abc import Sequence

import pandas as pd

from xling.sketch import Sketches

GROUPS = (
    ("head", ("head.",)),
    ("layer norm", ("layernorm", "layer_norm", "ln_")),
    ("embeddings", ("embed",)),
    ("attention", ("attention", "attn", "query", "key", "value")),
)


def group_of(parameter: str) -> str:
    """Name the kind of a parameter of an encoder with a classification head."""
    lower = parameter.lower()
    for group, marks in GROUPS:
        if any(mark in lower for mark in marks):
            return group
    return "feed-forward"


def coverage(sketches: list[Sketches]) -> pd.DataFrame:
    """Tabulate parameters and mean squared gradient norm by epoch, language and kind.

    The norms are estimates from the sketches themselves, as E‖Sx‖² = ‖x‖². A parameter that no
    gradient reaches has a share of zero. Parameters that were skipped and are used in a way that
    cannot be sketched in a batch have none: their share is missing, and the others' shares are
    shares of what was measured.

    Args:
        sketches: of each epoch; their groups of examples are the languages.

    Returns:
        Columns epoch (0: the sum over the epochs), language ("all": the mean over the languages),
        group, parameters, square_norm_share, covered.
    """
    by_epoch = [at_epoch.mean_square_norms() for at_epoch in sketches]
    languages = list(by_epoch[0])
    norms = {
        (epoch, language): by_language[language]
        for epoch, by_language in enumerate(by_epoch, start=1)
        for language in languages
    }
    for epoch in range(1, len(sketches) + 1):
        norms[epoch, "all"] = _mean([norms[epoch, language] for language in languages])
    for language in [*languages, "all"]:
        norms[0, language] = _mean([norms[e, language] for e in range(1, len(sketches) + 1)])
    tables = [
        _shares(sketches[0], norms[key]).assign(epoch=key[0], language=key[1])
        for key in sorted(norms, key=lambda key: key[0])
    ]
    columns = ["epoch", "language", "group", "parameters", "square_norm_share", "covered"]
    return pd.concat(tables, ignore_index=True)[columns]


def overall(coverage: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the table of coverage that hold for the whole run."""
    return coverage[(coverage["epoch"] == 0) & (coverage["language"] == "all")]


def mean_coverage(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Average tables of coverage, such as those of one model through several subnetworks."""
    if len(tables) == 1:
        return tables[0]
    keys = ["epoch", "language", "group", "covered", "parameters"]
    together = pd.concat(tables).groupby(keys, sort=False)["square_norm_share"]
    mean = together.agg(lambda column: column.mean(skipna=False)).reset_index()
    return mean[tables[0].columns]


def _mean(norms: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(norm[name] for norm in norms) / len(norms) for name in norms[0]}


def _shares(sketches: Sketches, norms: dict[str, float]) -> pd.DataFrame:
    metadata = sketches.metadata
    table = pd.DataFrame(
        {
            "group": group_of(name),
            "parameters": size,
            "square_norm_share": norms.get(name, float("nan") if name in metadata.skipped else 0.0),
            "covered": name not in metadata.skipped,
        }
        for name, size in metadata.sizes.items()
    )
    total = table["square_norm_share"].sum()
    table = (
        table.groupby(["group", "covered"], sort=False)
        .agg(
            parameters=("parameters", "sum"),
            square_norm_share=("square_norm_share", lambda column: column.sum(skipna=False)),
        )
        .reset_index()
    )
    table["square_norm_share"] /= total
    return table.sort_values("square_norm_share", ascending=False, na_position="last")
