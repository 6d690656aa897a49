"""Which parameters the sketches cover, and which carry the gradient."""

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
    """Tabulate parameters and mean squared gradient norm by kind, over the epochs' sketches.

    The norms are estimates from the sketches themselves, as E‖Sx‖² = ‖x‖². Parameters that were
    skipped because they cannot be sketched have none: their share is missing, and the others'
    shares are of what was measured.

    Returns:
        Columns group, parameters, square_norm_share, covered.
    """
    first = sketches[0]
    measured = first.square_norms
    table = pd.DataFrame(
        {
            "group": group_of(name),
            "parameters": size,
            "square_norm_share": sum(each.square_norms[name] for each in sketches)
            if name in measured
            else float("nan"),
            "covered": name not in first.skipped,
        }
        for name, size in first.sizes.items()
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
    table = table.sort_values("square_norm_share", ascending=False, na_position="last")
    columns = ["group", "parameters", "square_norm_share", "covered"]
    return table[columns].reset_index(drop=True)
