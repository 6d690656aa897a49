"""What the marks of the figures show: numbers and, where there are any, intervals."""

from pathlib import Path

import pandas as pd
import pytest
from report_runs import LANGUAGES

from xling import report
from xling.analysis.statistics import wilson_interval
from xling.report import words
from xling.report.sections import confidence, imbalance, zero_shot
from xling.report.sections.accuracy import accuracy_by_epoch
from xling.report.sweep_results import SweepResults


def tooltips(spec):
    """The titles of what each mark of a figure shows."""
    if isinstance(spec, list):
        return [titles for part in spec for titles in tooltips(part)]
    if not isinstance(spec, dict):
        return []
    shown = spec.get("encoding", {}).get("tooltip", [])
    titles = [entry.get("title", entry["field"]) for entry in shown]
    own = [titles] if "mark" in spec and shown else []
    parts = ("layer", "concat", "spec", "hconcat", "vconcat")
    return own + [titles for part in parts for titles in tooltips(spec.get(part, []))]


def test_marks_show_their_numbers_and_intervals(subnetwork_run):
    figures = {figure.name: figure for figure in report.figures(subnetwork_run)}
    without = {"distribution", "head_use", "masks", "mask_overlap", "mask_overlap_shared"}
    without |= {"mask_overlap_cosine", "mean_influence_in_paper", "pruning", "specialization"}
    without |= {"similarity", "similarity_negative", "interference", "layers"}
    # of these no interval is computed
    for name, figure in figures.items():
        shown = tooltips(figure.spec)
        assert shown, name
        assert name in without or any("95% interval" in titles for titles in shown), name
        assert all(tooltips(spec) for spec in figure.specs.values())
    assert without <= set(figures)


def test_marks_of_sweeps_show_their_numbers_and_intervals():
    ends = {"low": 0.1, "high": 0.3, "base_rate": 0.25}
    tables = {
        "imbalance": pd.DataFrame(
            [{"language": "de", "sign": sign, "imbalance": p, "share": 0.2, "lift": 0.8, **ends}
             for sign in "+-" for p in (0, 50)]
        ),
        "zero_shot_shares": pd.DataFrame(
            [{"model": model, "sign": "+", "test_language": "ko", "train_language": "de",
              "share": 0.2, **ends} for model in ("full", "without")]
        ),
        "confidence": pd.DataFrame(
            [{"sign": "+", "k": k, "left_out": kind, "change": -0.1, "low": -0.2, "high": 0.0,
              "test_examples": 9} for k in (50, 100) for kind in ("influential", "random")]
        ),
    }  # fmt: skip
    sweep = SweepResults(Path("s"), {}, {}, tables)
    sections = (imbalance, zero_shot, confidence)
    figures = [figure for section in sections for figure in section.figures(sweep)]
    assert len(figures) == 6
    for figure in figures:
        shown = tooltips(figure.spec)
        assert any("95% interval" in title for titles in shown for title in titles), figure.name
        assert ("share ÷ base rate" in shown[0]) == figure.name.startswith("imbalance")


def test_intervals_of_accuracies_are_wilsons(subnetwork_run):
    table = subnetwork_run.tables["accuracy"]
    spec = accuracy_by_epoch(table, LANGUAGES).to_dict()
    (rows,) = spec["datasets"].values()
    assert wilson_interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    first = rows[0]
    low, high = wilson_interval(first["accuracy"], first["examples"])
    assert first["interval"] == words.interval(low, high) and low < first["accuracy"] < high
