"""Invented runs that differ in the seed alone, whose tables agree with each other."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from report_runs import make_run

from xling.analysis.statistics import bootstrap_interval
from xling.report.sweep_results import SweepJob

TOP_K = 10
Counts = dict[str, list[list[int]]]
"""Test language → what each test example's top `TOP_K` has of each training language."""


def tables(
    positive: Counts,
    languages: tuple[str, ...],
    negative: Counts | None = None,
    ids: str = "",
) -> dict[str, pd.DataFrame]:
    """Return the tables of a run that what is said over seeds is made of.

    Args:
        positive: counts, with as many training languages as `languages`, all of one size.
        negative: the same of the other sign; by default equal shares.
        ids: begins the test examples' ids, so that those of other seeds are others.
    """
    equal = [TOP_K // len(languages)] * len(languages)
    even = {name: [equal] * len(own) for name, own in positive.items()}
    influential, traced, rows, means, accuracy = [], [], [], [], []
    for sign, counts in (("+", positive), ("-", negative or even)):
        for test, by_example in counts.items():
            for number, own in enumerate(by_example):
                members = [name for name, n in zip(languages, own, strict=True) for _ in range(n)]
                influential += [(f"{ids}{test}{number}", sign, name) for name in members]
            shares = np.array(by_example) / np.sum(by_example, axis=1, keepdims=True)
            low, high = bootstrap_interval(shares)
            for column, train in enumerate(languages):
                ends = low[column], high[column]
                base = 1 / len(languages)
                rows.append((0, sign, test, train, shares[:, column].mean(), *ends, base))
    for test, by_example in positive.items():
        traced += [(f"{ids}{test}{number}", test) for number in range(len(by_example))]
        means += [(0, test, train, 0.1, 0.1 - 0.0196, 0.1 + 0.0196) for train in languages]
        accuracy.append(("test", 1, test, 0.8, 100))
    columns = "epoch sign test_language train_language share low high base_rate"
    return {
        "influential": pd.DataFrame(influential, columns=["test_id", "sign", "train_language"]),
        "traced": pd.DataFrame(traced, columns=["test_id", "language"]),
        "shares": pd.DataFrame(rows, columns=columns.split()),
        "mean_influence": pd.DataFrame(
            means, columns="epoch test_language train_language mean low high".split()
        ),
        "accuracy": pd.DataFrame(
            accuracy, columns="split epoch language accuracy examples".split()
        ),
    }


def make_seed(folder: Path, seed: int, own: dict[str, pd.DataFrame], **settings) -> SweepJob:
    """Write a run with a seed and these tables, among those that every run has."""
    make_run(folder, ("de", "en"), traced_per_language=2)
    for name, table in own.items():
        table.to_parquet(folder / f"tables/{name}.parquet")
    file = folder / "results.json"
    results = json.loads(file.read_text("utf-8"))
    results["config"] |= {"seed": seed, "trainer": {"threads": seed + 1}}
    results |= {
        "subnetwork": {"name": "full"},
        "variant": "whole model",
        "own_language_share": {"de": 0.5, "en": 0.5},
        "test_accuracy": {"de": 0.8, "en": 0.8},
        **settings,
    }
    file.write_text(json.dumps(results), "utf-8")
    return SweepJob(seed + 1, f"seed={seed}", folder, None, False, False, "finished")
