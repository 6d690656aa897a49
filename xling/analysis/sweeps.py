"""Many runs in one table: what their switches were and what came of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xling.analysis.statistics import SIGNIFICANT, bootstrap_interval, signed_rank

SWITCHES = "task exclude imbalance imbalance_language model method seed languages".split()
"""What runs are compared by, or told apart by in a table."""

DEFAULT_METHOD = "tracin"
"""The attribution method of results that name none, as those of earlier versions."""


def switch(results: Mapping[str, Any], key: str) -> Any:
    """Return the value of a switch in a results.json, lists as one text; None if it has none."""
    value = results.get(key, results.get("config", {}).get(key))
    if key == "method":
        return value or DEFAULT_METHOD
    return " ".join(value) if isinstance(value, (list, tuple)) else value


def _by_method(table: pd.DataFrame) -> list[str]:
    """Return the column `method` where the rows differ in it, so that no methods are pooled."""
    return ["method"] if "method" in table and table["method"].nunique() > 1 else []


def overview(runs: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """Tabulate the runs of a sweep, with the switches in which they differ.

    Args:
        runs: name → results.json.

    Returns:
        Columns run, the switches that differ, dev_accuracy, test_accuracy and own_share (means over
        the languages).
    """
    rows = []
    for name, results in runs.items():
        own = list(results["own_language_share"].values())
        rows.append(
            {
                "run": name,
                **{key: switch(results, key) for key in SWITCHES},
                "dev_accuracy": results["dev_accuracy"],
                "test_accuracy": float(np.mean(list(results["test_accuracy"].values()))),
                "own_share": float(np.mean(own)) if own else np.nan,
            }
        )
    table = pd.DataFrame(rows)
    same = [key for key in SWITCHES if key in table and table[key].nunique(dropna=False) == 1]
    table = table.drop(columns=same)
    switches = [key for key in SWITCHES if key in table]
    return (
        table.sort_values(switches, ignore_index=True, na_position="first") if switches else table
    )


def imbalance_curves(
    runs: Mapping[str, dict[str, Any]], shares: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Tabulate share(l, l, ±) against p (Choenni et al. 2023, §8.4, Fig. 5).

    A run without imbalance is the start, p = 0, of every language's curve.

    Args:
        runs, shares: name → results.json and the table of shares.

    Returns:
        Columns language, imbalance, sign, share, low, high, base_rate, lift; in front of them
        method, where the runs differ in it.
    """
    languages = [run["imbalance_language"] for run in runs.values() if run["imbalance"]]
    parts = []
    for name, run in runs.items():
        if run.get("exclude"):
            continue
        table = shares[name]
        own = table[(table["epoch"] == 0) & (table["test_language"] == table["train_language"])]
        for language in dict.fromkeys(languages):
            if run["imbalance"] and run["imbalance_language"] != language:
                continue
            curve = own[own["test_language"] == language]
            more = {"imbalance": run["imbalance"], "method": switch(run, "method")}
            parts.append(curve.assign(language=language, **more))
    columns = "language imbalance sign share low high base_rate lift".split()
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)
    methods = _by_method(table)
    return table[[*methods, *columns]].sort_values(
        [*methods, "language", "sign", "imbalance"], ignore_index=True
    )


def retrained(jobs: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Tabulate the results.json of each fine-tuning without some examples, as they are.

    Returns:
        A row for each; the column method stands in front where they differ in it, else nowhere.
    """
    table = pd.DataFrame(jobs).drop(columns="method", errors="ignore")
    methods = [switch(job, "method") for job in jobs]
    if len(set(methods)) > 1:
        table.insert(0, "method", methods)
    return table


def confidence_changes(jobs: Sequence[dict[str, Any]], seed: int = 0) -> pd.DataFrame:
    """Tabulate how leaving out examples changes the probability of the right class.

    Choenni et al. 2023, §6 and Fig. 1, 6 to 8, with random examples of the same languages and
    labels as a control. The controls of one test example are averaged first.

    Args:
        jobs: the results.json of each job: test_id, sign, k, control, before, after, method.
        seed: of the bootstrap.

    Returns:
        Columns method (where the jobs differ in it: methods are not averaged), sign, k, left_out
        ("influential" or "random"), change (mean of after - before), low, high, test_examples,
        p_random (paired Wilcoxon test against the control of the same k), p_next (against the next
        k). A p-value is missing where there is nothing to compare.
    """
    table = retrained(jobs)
    if methods := _by_method(table):
        parts = [
            confidence_changes(
                [job for job in jobs if switch(job, "method") == method], seed
            ).assign(method=method)
            for method in sorted(set(table["method"]))
        ]
        every = pd.concat(parts, ignore_index=True)
        return every[[*methods, *every.columns.drop(methods)]]
    table["change"] = table["after"] - table["before"]
    table["left_out"] = np.where(table["control"] == 0, "influential", "random")
    means = table.groupby(["sign", "left_out", "k", "test_id"], as_index=False)["change"].mean()
    settings: dict[Any, pd.Series] = {
        setting: of_setting.set_index("test_id")["change"]
        for setting, of_setting in means.groupby(["sign", "left_out", "k"])
    }
    rows = []
    for (sign, left_out, k), changes in settings.items():
        values = changes.to_numpy(float)
        low, high = bootstrap_interval(values, seed=seed)
        control = settings.get((sign, "random", k)) if left_out == "influential" else None
        sizes = [size for *kind, size in settings if kind == [sign, left_out]]
        later = [size for size in sizes if size > k]
        following = settings[sign, left_out, min(later)] if later else None
        rows.append(
            (
                *(sign, k, left_out, values.mean(), low, high, len(values)),
                *(_paired_p(changes, other) for other in (control, following)),
            )
        )
    columns = "sign k left_out change low high test_examples p_random p_next".split()
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["sign", "left_out", "k"], ignore_index=True
    )


def _paired_p(left: pd.Series, right: pd.Series | None) -> float:
    """Return the p-value of a signed-rank test over the test examples that both have."""
    if right is None:
        return np.nan
    both = left.index.intersection(right.index)
    return signed_rank(left[both].to_numpy(float), right[both].to_numpy(float)).p


def flattens(changes: pd.DataFrame, sign: str) -> int | None:
    """Return the smallest k whose next step does not change the confidence significantly.

    None if every step does, if there is no next step to compare with, or if there are so few test
    examples that no change could be significant.
    """
    steps = changes[(changes["sign"] == sign) & (changes["left_out"] == "influential")]
    steps = steps[2 * 0.5 ** steps["test_examples"] < SIGNIFICANT]  # the least possible p-value
    flat = steps.loc[steps["p_next"] >= SIGNIFICANT, "k"]
    return int(min(flat)) if len(flat) else None
