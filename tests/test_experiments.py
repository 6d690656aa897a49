"""The experiments by their real commands, small; and that none does anything twice."""

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL, run_command, run_xling
from runs import sweep_tables, written

from xling.errors import UserError
from xling.evaluation.leave_k_out import matched_control, round_robin
from xling.training.batches import EpochBatches


def test_zero_shot_compares_with_the_model_of_all_languages_and_repeats_nothing(tmp_path):
    command = ("experiment=zero_shot", *SMALL, "exclude=[de],[fr]")
    done = run_xling(*command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    tables = sweep_tables(tmp_path, "zero_shot-xnli")
    overlaps = tables["zero_shot"]
    assert set(overlaps.language) == {"de", "fr"}
    assert set(overlaps.measure) == {"translations", "recovered"}
    shares = tables["zero_shot_shares"]
    for (model, language), rows in shares.groupby(["model", "test_language"]):
        assert (language in set(rows.train_language)) == (model == "full")
        assert rows.groupby("sign").share.sum().round(6).eq(1).all()
    full = tables["zero_shot_accuracy"].query("model == 'full'")
    assert full.accuracy.between(0, 1).all() and len(full) == 2
    stages = list(tmp_path.glob("multirun/xnli/stages/tuning-*/history.json"))
    assert len(stages) == 3  # without de, without fr, and once with both
    before = written(tmp_path)
    again = run_xling(*command, folder=tmp_path)
    assert again.returncode == 0 and "2 jobs, 2 finished" in again.stdout
    assert written(tmp_path) == before


@pytest.mark.command  # `python -m xling.report`
def test_leave_k_out_retrains_from_one_base_and_repeats_nothing(tmp_path):
    command = (
        "experiment=leave_k_out",
        *SMALL,
        "leave_out.example=0,1",
        "leave_out.sign='-'",
        "leave_out.k=5",
        "leave_out.control=0,1",
    )
    done = run_xling(*command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    tables = sweep_tables(tmp_path, "leave_k_out-xnli")
    jobs, base = tables["retrained"], next(tmp_path.glob("multirun/xnli/tiny-de+en+fr-????????"))
    assert len(jobs) == 4 and set(jobs.base) == {base.name} and set(jobs.dropped) == {5}
    assert jobs.language.nunique() == 2  # the languages take turns
    traced = pd.read_parquet(base / "tables/traced.parquet").set_index("test_id").probability
    assert np.allclose(jobs.before, traced[jobs.test_id]) and (jobs.before != jobs.after).any()
    assert len(tables["confidence"]) == 2
    assert not list(tmp_path.glob("multirun/xnli/tiny-*without*/tuning"))  # no weights are kept
    before = written(tmp_path)
    again = run_xling(*command, folder=tmp_path)
    assert again.returncode == 0 and "4 jobs, 4 finished" in again.stdout
    assert written(tmp_path) == before
    report = next(tmp_path.glob("multirun/sweeps/leave_k_out-xnli-*/report.html"))
    report.unlink()
    made = run_command(str(report.parent), folder=tmp_path, module="xling.report")
    assert made.stdout.strip() == str(report)
    page = report.read_text("utf-8")
    assert 'src="http' not in page and 'href="http' not in page
    too_far = run_xling(*SMALL, "leave_out.example=12", folder=tmp_path)
    assert too_far.returncode == 1 and "write 0 to 11" in too_far.stderr
    too_many = run_xling(*SMALL, "leave_out.example=0", "leave_out.k=121", folder=tmp_path)
    assert too_many.returncode == 1 and "the run has 120 training examples" in too_many.stderr


def test_leaving_nothing_out_changes_nothing_and_the_others_keep_their_order():
    whole = EpochBatches(50, 8, seed=3)
    without = EpochBatches(50, 8, seed=3, without=frozenset({4, 17, 30}))
    for epoch in (0, 1):
        whole.set_epoch(epoch)
        without.set_epoch(epoch)
        order = [example for batch in whole for example in batch]
        left = [example for batch in without for example in batch]
        assert left == [example for example in order if example not in {4, 17, 30}]
        assert [len(batch) for batch in without] == [8] * 5 + [7]
        assert len(without) == 6
    same = EpochBatches(50, 8, seed=3, without=frozenset())
    same.set_epoch(1)
    assert list(same) == list(whole)


def test_controls_are_like_the_members():
    rng = np.random.default_rng(0)
    languages = rng.choice(["de", "en"], 200).tolist()
    labels = rng.choice(2, 200).tolist()
    kinds = [f"{a}{b}" for a, b in zip(languages, labels, strict=True)]
    members = rng.permutation(200)[:60]
    control = matched_control(languages, labels, members, [0, 1, 43, 1])
    assert not set(control) & set(members) and len(set(control)) == 60
    assert sorted(kinds[i] for i in control) == sorted(kinds[i] for i in members)
    assert np.array_equal(matched_control(languages, labels, members, [0, 1, 43, 1]), control)
    assert set(matched_control(languages, labels, members, [0, 1, 43, 2])) != set(control)
    with pytest.raises(UserError, match="others are left to draw a control from"):
        matched_control(languages, labels, np.arange(150), [0])
    order = round_robin(pd.Series(["de"] * 3 + ["en"] * 5), seed=0)
    assert sorted(order) == list(range(8))
    assert [row < 3 for row in order[:6]] == [True, False] * 3
