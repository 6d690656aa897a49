"""The benchmarks run, in sizes that take seconds."""

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("benchmarks", reason="the benchmarks are in the repository alone")

from benchmarks import bank, gpu, growth

ROOT = Path(__file__).parents[1]


def test_exponents_are_those_of_the_curve():
    assert growth.exponent({1: 9.0, 10: 2.0, 100: 200.0}) == pytest.approx(2)
    assert growth.exponent({3: 5.0, 6: 5.0}) == 0


def test_costs_are_measured_in_any_size(tmp_path):
    assert growth.scoring(tmp_path, train=300, test=4, dimensions=16, epochs=2) > 0
    assert growth.sketching(20, 64) > 0
    assert growth.tables(2, per_language=3, k=5) > 0


def test_mixtures_take_quarters_of_each_language_in_one_order():
    languages = ["de"] * 8 + ["en"] * 8
    parts = bank.mixtures(languages, 30, seed=0)
    sizes = Counter()
    for part in parts:
        assert list(part.rows) == sorted(set(part.rows))
        sizes.update([sum(row < 8 for row in part.rows)])
    assert set(sizes) == {0, 2, 4, 6, 8}
    by_size = {}
    for part in parts:
        german = frozenset(row for row in part.rows if row < 8)
        assert by_size.setdefault(len(german), german) == german
    nested = [by_size[size] for size in sorted(by_size)]
    assert all(small < large for small, large in itertools.pairwise(nested))


@pytest.mark.slow
def test_the_gpu_s_benchmark_runs_on_a_cpu(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--json", tmp_path / "out.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert set(gpu.TARGETS) - set(measured) <= {"peak_gb"}
    assert measured["same_bits_twice"] == 1 and measured["sketch_against_cpu"] < 1e-6
