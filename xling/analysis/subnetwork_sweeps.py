"""Many runs with subnetworks in one table (Choenni et al. 2024, §5.2 to §6.1, appendices D to F).

The functions are given each run's results.json and its tables, by the run's name. A table that does
not apply is empty.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, product
from typing import Any

import numpy as np
import pandas as pd

from xling.analysis.change import CHANGE_COLUMNS, accuracy_change
from xling.analysis.statistics import percentile_interval, permutation_p
from xling.analysis.sweeps import SWITCHES, switch

Runs = Mapping[str, dict[str, Any]]
"""Name of a run → its results.json."""

RunTables = Mapping[str, Mapping[str, pd.DataFrame]]
"""Name of a run → its tables by name."""

MASKS = ("name", "seed", "language", "languages", "compose")
"""The settings of a run's subnetworks that decide which masks they are."""


def sweep_change(runs: Runs, tables: RunTables) -> pd.DataFrame:
    """Tabulate what each run's subnetworks change (Choenni et al. 2024, Fig. 2 to 4 and 6).

    Returns:
        Columns run, variant, tuning, and those of `xling.analysis.change.change`.
    """
    parts = [
        tables[name]["subnetwork_change"].assign(run=name, **_labels(results))
        for name, results in runs.items()
        if "subnetwork_change" in tables[name]
    ]
    return _together(parts, ["run", "variant", "tuning", *CHANGE_COLUMNS])


def random_masks(runs: Runs, tables: RunTables) -> pd.DataFrame:
    """Compare what identified subnetworks change with what random ones of their size change.

    Choenni et al. 2024, §5.2 and §6.1, Fig. 3 and 6. Test languages that have both alone, after the
    same fine-tuning.

    Returns:
        Columns tuning, sign, test_language, train_language, change (of the identified),
        random_mean, random_low, random_high (mean and middle 95 % over the random masks), masks
        (how many random ones), p (how likely a random mask's change lies as far from their mean;
        the least possible is 1 / (masks + 1)). If the runs differ in other switches, these stand
        in front, and runs are compared that agree in them.
    """
    pair = ["sign", "test_language", "train_language"]
    rows = []
    for switches, identified, others in _against_random(runs, tables, "subnetwork_change"):
        random = pd.concat([tables[name]["subnetwork_change"] for name in others])
        drawn = {key: values.to_numpy(float) for key, values in random.groupby(pair)["change"]}
        common = {**switches, "tuning": runs[identified]["tuning"]}
        for row in tables[identified]["subnetwork_change"][[*pair, "change"]].to_dict("records"):
            by_chance = drawn.get(tuple(row[key] for key in pair))
            if by_chance is not None:
                rows.append({**common, **row, **_by_chance(row["change"], by_chance)})
    columns = ["tuning", *pair, *"change random_mean random_low random_high masks p".split()]
    return _rows(rows, columns)


def _by_chance(change: float, drawn: np.ndarray) -> dict[str, float]:
    """Say where a change lies among those by random masks."""
    mean = drawn.mean()
    low, high = percentile_interval(drawn)
    p = permutation_p(np.array(change), drawn, mean)
    numbers = {"random_mean": mean, "random_low": low, "random_high": high}
    return {**numbers, "masks": len(drawn), "p": float(p)}


def random_accuracy(runs: Runs, tables: RunTables) -> pd.DataFrame:
    """Compare the accuracy of identified subnetworks with that of random ones.

    Choenni et al. 2024, §6.1. Languages that have both alone, after the same fine-tuning.

    Returns:
        Columns tuning, language, identified, random, random_low, random_high (mean, least and most
        over the random masks), masks (how many random ones); and switches as in `random_masks`.
    """
    columns = "tuning language identified random random_low random_high masks".split()
    rows = []
    for switches, identified, others in _against_random(runs, tables, "subnetwork_accuracy"):
        random = pd.concat([tables[name]["subnetwork_accuracy"] for name in others])
        by_language = random.groupby("language")["subnetwork"]
        drawn = {language: values.to_numpy(float) for language, values in by_language}
        tuning = runs[identified]["tuning"]
        table = tables[identified]["subnetwork_accuracy"]
        for language, accuracy in zip(table["language"], table["subnetwork"], strict=True):
            if language in drawn:
                values = drawn[language]
                numbers = (values.mean(), values.min(), values.max(), len(values))
                row = (tuning, language, accuracy, *numbers)
                rows.append({**switches, **dict(zip(columns, row, strict=True))})
    return _rows(rows, columns)


def sft_accuracy(runs: Runs, tables: RunTables, seed: int = 0) -> pd.DataFrame:
    """Compare the subnetworks' accuracy after full and after sparse fine-tuning.

    Choenni et al. 2024, appendix E, Tab. 2. Runs with the same masks alone, and the test examples
    that both classified.

    Args:
        seed: of the bootstrap.

    Returns:
        Columns variant (of the masks), language, after_full, after_sft, change, low, high, p,
        examples, see `xling.analysis.change.accuracy_change`; and switches as in `random_masks`.
    """
    rows = []
    # Runs that differ only in `apply` or in the attribution method predict the same.
    deciding = [key for key in SWITCHES if key != "method"]
    for switches, names in _by_setting(runs, deciding):
        traced = [name for name in names if "correct" in tables[name]]
        for full, sparse in product(traced, repeat=2):
            tunings = (runs[full]["tuning"], runs[sparse]["tuning"])
            if tunings != ("full", "sparse") or _masks(runs[full]) != _masks(runs[sparse]):
                continue
            both = tables[full]["correct"].merge(
                tables[sparse]["correct"],
                on="test_id",
                validate="one_to_one",
                suffixes=("", "_sft"),
            )
            changes = accuracy_change(
                both["language"].tolist(),
                both["subnetwork"].to_numpy(bool),
                both["subnetwork_sft"].to_numpy(bool),
                seed,
            ).rename(columns={"full": "after_full", "subnetwork": "after_sft"})
            common = {**switches, "variant": runs[full]["variant"]}
            rows += [{**common, **row} for row in changes.to_dict("records")]
    columns = "variant language after_full after_sft change low high p examples"
    return _rows(rows, columns.split()).drop_duplicates(ignore_index=True)


def own_share_epochs(runs: Runs, tables: RunTables) -> pd.DataFrame:
    """Tabulate each epoch's share of the own language (Choenni et al. 2024, Fig. 16 to 18).

    Runs without subnetworks are there to compare with; without any others there is no table.

    Returns:
        Columns run, variant, tuning, language, epoch (from 1), sign, share, low, high, base_rate.
    """
    columns = "run variant tuning language epoch sign share low high base_rate".split()
    if not any(map(subnetwork_kind, runs.values())):
        return pd.DataFrame(columns=columns)
    parts = []
    for name, results in runs.items():
        shares = tables[name]["shares"]
        own = shares[(shares["epoch"] > 0) & (shares["test_language"] == shares["train_language"])]
        parts.append(own.assign(language=own["test_language"], run=name, **_labels(results)))
    return _together(parts, columns)


def composed(runs: Runs, tables: RunTables) -> pd.DataFrame:
    """Tabulate what composing two languages' subnetworks changes (Choenni et al. 2024, Fig. 19).

    Returns:
        Columns run, variant, compose ("union" or "intersection"), languages (those composed, as in
        "es fr"), and those of `xling.analysis.change.change`.
    """
    parts = [
        tables[name]["subnetwork_change"].assign(
            run=name,
            variant=results["variant"],
            compose=results["subnetwork"]["compose"],
            languages=" ".join(results["subnetwork"]["languages"]),
        )
        for name, results in runs.items()
        if subnetwork_kind(results) == "composed" and "subnetwork_change" in tables[name]
    ]
    return _together(parts, ["run", "variant", "compose", "languages", *CHANGE_COLUMNS])


def disabled_heads(masks: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Count the heads that each task's and language's subnetwork lacks.

    Choenni et al. 2024, Tab. 1.

    Args:
        masks: task → the table `masks` of a run.

    Returns:
        Columns task, language, disabled, heads, multiple (whether `disabled` is a multiple of what
        one step of the pruning takes, a tenth of all heads).
    """
    rows = []
    for task, table in masks.items():
        for language, mask in table.groupby("language", sort=False):
            heads, disabled = len(mask), int((~mask["on"]).sum())
            multiple = disabled % max(1, int(0.1 * heads)) == 0
            rows.append((task, language, disabled, heads, multiple))
    return pd.DataFrame(rows, columns="task language disabled heads multiple".split())


def head_use(masks: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Count, for each head, the languages whose subnetworks use it (Choenni et al. 2024, Fig. 11).

    Args:
        masks: task → the table `masks` of a run.

    Returns:
        Columns task, layer, head, languages (how many).
    """
    parts = [
        table.groupby(["layer", "head"], as_index=False)["on"].sum().assign(task=task)
        for task, table in masks.items()
    ]
    parts = [part.rename(columns={"on": "languages"}) for part in parts]
    return _together(parts, "task layer head languages".split())


def subnetwork_kind(results: dict[str, Any]) -> str | None:
    """Return the kind of subnetwork that a run has, if any; runs of earlier versions have none."""
    name = results.get("subnetwork", {}).get("name", "full")
    return None if name == "full" else name


def _masks(results: dict[str, Any]) -> tuple:
    """Return what is equal for runs with the same masks."""
    return tuple(str(results["subnetwork"][key]) for key in MASKS)


def _labels(results: dict[str, Any]) -> dict[str, str]:
    return {key: results[key] for key in ("variant", "tuning")}


def _by_setting(runs: Runs, switches: Sequence[str]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Group the runs with subnetworks by what else was swept.

    Yields:
        Those of the switches in which any of the runs differ, with their values, and the names of
        the runs that have these values.
    """
    values = {}
    for name, results in runs.items():
        if subnetwork_kind(results):
            known = {"apply": results["subnetwork"]["apply"], **results}
            values[name] = [switch(known, key) for key in switches]
    differ = [len(set(column)) > 1 for column in zip(*values.values(), strict=True)]
    for setting in dict.fromkeys(map(tuple, values.values())):
        swept = dict(compress(zip(switches, setting, strict=True), differ))
        yield swept, [name for name in values if tuple(values[name]) == setting]


def _against_random(
    runs: Runs, tables: RunTables, wanted: str
) -> Iterator[tuple[dict[str, Any], str, list[str]]]:
    """Find what identified subnetworks are compared with.

    Args:
        wanted: the table that the runs must have.

    Yields:
        The switches that the runs agree in (see `_by_setting`), the name of a run with identified
        subnetworks, and the names of those with random ones after the same fine-tuning.
    """
    for switches, names in _by_setting(runs, (*SWITCHES, "apply")):
        having = [name for name in names if wanted in tables[name]]
        for name in having:
            others = [
                other
                for other in having
                if subnetwork_kind(runs[other]) == "random"
                and runs[other]["tuning"] == runs[name]["tuning"]
            ]
            if subnetwork_kind(runs[name]) == "identified" and others:
                yield switches, name, others


def _together(parts: list[pd.DataFrame], columns: Iterable[str]) -> pd.DataFrame:
    """Put tables below each other; no tables make an empty one."""
    if not parts:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(parts, ignore_index=True)[list(columns)]


def _rows(rows: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Make a table of rows; the switches that they name stand in front."""
    switches = [key for key in rows[0] if key not in columns] if rows else []
    return pd.DataFrame(rows, columns=[*switches, *columns])
