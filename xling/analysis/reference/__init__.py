"""Figures that the papers print as numbers, to be compared with one's own.

`choenni_2023.csv` is Choenni, Garrette and Shutova (2023), `choenni_2024.csv` Choenni, Shutova and
Garrette (2024); `where` says which table or section a figure was taken from.
"""

from importlib.resources import files

import pandas as pd

PAPERS = ("choenni_2023", "choenni_2024")


def reference(task: str | None = None) -> pd.DataFrame:
    """Return the papers' figures, of one task or of all.

    Returns:
        Columns paper, where, task, what, sign, test_language, train_language, value. Shares lie
        between 0 and 1, as in the runs' own tables. `what` is one of mean_influence, reinforcing,
        dev_accuracy, zero_shot_accuracy, zero_shot_translations, zero_shot_recovered,
        script_whole, share, disabled_heads, subnetwork_accuracy_full, subnetwork_accuracy_sft.
    """
    tables = []
    for paper in PAPERS:
        text = files("xling.analysis.reference") / f"{paper}.csv"
        with text.open(encoding="utf-8") as stream:
            tables.append(pd.read_csv(stream, keep_default_na=False).assign(paper=paper))
    table = pd.concat(tables, ignore_index=True)
    return table if task is None else table[table["task"] == task].reset_index(drop=True)
