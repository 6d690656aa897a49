"""What the marks of the figures tell: numbers and, where there are any, intervals."""

import pandas as pd
import pytest
from test_report_subnetworks import make_subnetwork_run

from xling import report
from xling.analysis.statistics import wilson_interval
from xling.report import papers, specs, sweep_charts, wording

LANGUAGES = ("de", "en", "ko")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "run"
    return report.load(make_subnetwork_run(folder, LANGUAGES, epochs=2, traced_per_language=1))


def tooltips(spec):
    """The titles of what each mark of a figure tells."""
    if isinstance(spec, list):
        return [each for part in spec for each in tooltips(part)]
    if not isinstance(spec, dict):
        return []
    told = spec.get("encoding", {}).get("tooltip", [])
    own = [[each.get("title", each["field"]) for each in told]] if "mark" in spec and told else []
    parts = ("layer", "concat", "spec", "hconcat", "vconcat")
    return own + [each for part in parts for each in tooltips(spec.get(part, []))]


def test_marks_tell_their_numbers_and_intervals(run):
    drawn = report.drawn(run)
    without = {"distribution", "head_use", "mask_overlap", "pruning", "specialization"}
    without |= {"similarity"}  # of these no interval is computed
    for name, chart in drawn.items():
        told = tooltips(chart.to_dict())
        assert told, name
        assert name in without or any("95% interval" in each for each in told), name
    assert without <= set(drawn)
    on_page = specs.specs(run, papers.paper(run))
    assert all(tooltips(each) for each in on_page["own"].values())


def test_marks_of_sweeps_tell_their_numbers_and_intervals():
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
    charts = sweep_charts.sweep_charts(tables)
    assert len(charts) == 6
    for name, chart in charts.items():
        told = tooltips(chart.to_dict())
        assert any("95% interval" in title for each in told for title in each), name
        assert ("share ÷ base rate" in told[0]) == name.startswith("imbalance")


def test_intervals_of_accuracies_are_wilsons(run):
    table = run.tables["accuracy"]
    spec = report.charts.accuracy_by_epoch(table, LANGUAGES).to_dict()
    (rows,) = spec["datasets"].values()
    assert wilson_interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    first = rows[0]
    low, high = wilson_interval(first["accuracy"], first["examples"])
    assert first["interval"] == wording.interval(low, high) and low < first["accuracy"] < high
