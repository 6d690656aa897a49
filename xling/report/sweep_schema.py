"""What the tables of sweeps are documented by, beside what documents those of runs."""

from collections.abc import Mapping

import pandas as pd

from xling.report.section import Schema

RUN = {
    "run": "name of the run's folder",
    "switches": "the switches in which the run's job differs from others",
    "variant": "its subnetworks in a word or two",
    "tuning": "full or sparse fine-tuning",
}
SWITCH_COLUMNS = {
    "task": "task",
    "exclude": "languages left out of training",
    "imbalance": "how much more data of one language, in per cent",
    "imbalance_language": "that language",
    "model": "model that was fine-tuned",
    "method": "attribution method: what the influence is measured by",
    "seed": "seed",
    "languages": "languages of the run",
}
"""The switches that stand in a table where the runs differ in them."""

RANDOM_COLUMNS = {
    "random_low": "2.5th percentile over the random masks",
    "random_high": "97.5th percentile over the random masks",
    "masks": "number of random masks",
}


def across_runs(about: str, columns: Mapping[str, str]) -> Schema:
    """Document a table of several runs, which may have any of the switches."""
    apply = {"apply": "which examples masks are on for"}
    return Schema(about, {**RUN, **SWITCH_COLUMNS, **apply, **columns})


def compared_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns that tell what is compared: those in front of the language."""
    return list(table.columns[: table.columns.get_loc("language")])
