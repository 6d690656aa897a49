"""Whole runs by the real command: restart, reuse, sweeps, exclusion, imbalance."""

import json
import signal
import time

import pandas as pd
import pytest
from conftest import SMALL, run_xling, start_xling
from runs import only, written
from tracked_runs import outcome

from xling.analysis.doubts import CODES, ONE_CLASS
from xling.tracker import headline_metrics


@pytest.mark.command
def test_a_run_leaves_all_its_files(undisturbed):
    run = only(undisturbed.folder, "multirun/xnli/tiny-*")
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert set(results["own_language_share"]) == {"de", "en", "fr"} == set(results["test_accuracy"])
    assert results["command"].startswith("xling task=xnli") and results["software"]["torch"]
    assert results["sketch"]["parameters_covered"] == 1
    assert results["sketch"]["square_norm_covered"] == pytest.approx(1)
    assert results["classifier"] == {"encoder": "XLMRobertaModel", "pooling": "first"}
    page = (run / "report.html").read_text("utf-8")
    assert len(page) > 10_000
    assert "A classifier on the first token’s state of XLMRobertaModel is fine-tuned on" in page
    tables = {file.stem: pd.read_parquet(file) for file in (run / "tables").glob("*.parquet")}
    for name, table in tables.items():
        assert len(pd.read_csv(run / "tables" / f"{name}.csv")) == len(table) > 0
        documented = (run / "tables/README.md").read_text().split(f"## {name}\n")[1].split("##")[0]
        assert all(f"- `{column}`: " in documented for column in table.columns)
    sums = tables["shares"].groupby(["epoch", "sign", "test_language"]).share.sum()
    assert sums.round(6).eq(1).all()
    assert len(tables["influential"]) == 3 * 4 * 2 * 10
    epochs = results["kept_epoch"]
    assert set(tables["shares"].epoch) == set(range(epochs + 1))
    stage = only(undisturbed.folder, "multirun/xnli/stages/tuning-*")
    assert len(list(stage.glob("checkpoints/*.safetensors"))) == results["epochs"]
    made_by = json.loads((stage / "made_by.json").read_text("utf-8"))
    assert made_by["settings"]["tuning"]["epochs"] == 2 and "influence" not in made_by["settings"]
    assert not list(undisturbed.folder.rglob("*.part"))


@pytest.mark.command
def test_the_terminal_says_what_matters(undisturbed):
    lines = undisturbed.done.stdout.splitlines()
    assert "task xnli" in lines[0] and "SAMPLE profile" in lines[1]
    assert any("profile=paper" in line for line in lines[:6])
    assert sum(line.startswith("epoch") for line in lines) == 2
    assert any(line.startswith("WARNING: The model predicts") for line in lines)  # so small
    assert lines[-1].startswith("Report: multirun/xnli/tiny-")
    assert (undisturbed.folder / lines[-1].removeprefix("Report: ")).is_file()
    assert "\r" not in "".join(lines) and "\x1b" not in "".join(lines)


@pytest.mark.command
def test_a_run_that_predicts_one_class_says_so_everywhere(undisturbed):
    run = only(undisturbed.folder, "multirun/xnli/tiny-*")
    results, tables = outcome(run)
    codes = [warning["code"] for warning in results["warnings"]]
    assert codes[0] == ONE_CLASS and set(codes) <= set(CODES)
    assert not tables["learnt"]["learnt"].any()
    page = (run / "report.html").read_text("utf-8")
    top = page.split('<section id="run">')[0]
    assert top.count('class="banner doubt"') == len(codes)
    assert '<p class="finding">This model has not learnt the task' in top
    assert results["warnings"][0]["sentence"] in top
    assert headline_metrics(results)[f"warning/{ONE_CLASS}"] == 1
    assert results["warnings"][0]["sentence"] in undisturbed.done.stdout


def test_a_finished_run_is_not_run_again_and_its_training_is_shared(undisturbed, copied):
    folder = copied(undisturbed)
    before = written(folder)
    again = run_xling(*undisturbed.command, folder=folder)
    assert again.returncode == 0 and "already finished" in again.stdout
    assert "epoch  1" not in again.stdout and written(folder) == before
    other = run_xling(*undisturbed.command, "influence.top_k=5", folder=folder)
    assert other.returncode == 0 and "already fine-tuned" in other.stdout, other.stderr
    assert before.items() <= written(folder).items()
    runs = [run for run in (folder / "multirun/xnli").glob("tiny-*") if run.is_dir()]
    assert sorted(len(pd.read_parquet(run / "tables/influential.parquet")) for run in runs) == [
        3 * 4 * 2 * 5,
        3 * 4 * 2 * 10,
    ]


KILLED_WHEN_THERE_IS = {
    "training": "multirun/xnli/stages/tuning-*.part/history.json",
    "sketching": "multirun/xnli/stages/tuning-*.part/sketches-*/epoch-02.part",
    "scoring": "multirun/xnli/tiny-*.part/sketches/test/epoch-01*",
}


@pytest.mark.parametrize("stage", KILLED_WHEN_THERE_IS)
def test_a_killed_run_goes_on_to_the_same_results(undisturbed, tmp_path, stage):
    with start_xling(*undisturbed.command, folder=tmp_path, merged=True) as process:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob(KILLED_WHEN_THERE_IS[stage])):
            assert process.poll() is None, process.output()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("multirun/xnli/tiny-*/results.json"))
    again = run_xling(*undisturbed.command, folder=tmp_path)
    assert again.returncode == 0, again.stderr
    whole = only(undisturbed.folder, "multirun/xnli/tiny-*")
    resumed = only(tmp_path, "multirun/xnli/tiny-*")
    assert resumed.name == whole.name
    assert (resumed / "results.json").read_bytes() == (whole / "results.json").read_bytes()
    for table in ("shares", "influential", "mean_influence"):
        file = f"tables/{table}.csv"
        assert (resumed / file).read_bytes() == (whole / file).read_bytes()
    assert not list(tmp_path.rglob("*.part"))


def test_sweeps_over_imbalance_and_exclusion_train_on_what_they_say(tmp_path):
    done = run_xling("--multirun", "imbalance=0,50", "exclude=de,[]", *SMALL, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    runs = {}
    for file in tmp_path.glob("multirun/xnli/tiny-*/results.json"):
        run = json.loads(file.read_text("utf-8"))
        runs[run["imbalance"], tuple(run["exclude"])] = run
    assert set(runs) == {(0, ()), (0, ("de",)), (50, ()), (50, ("de",))}
    assert runs[50, ()]["train_examples"] == {"de": 40, "en": 60, "fr": 40}
    assert runs[0, ("de",)]["train_examples"] == {"en": 40, "fr": 40}
    assert set(runs[0, ("de",)]["test_accuracy"]) == {"de", "en", "fr"}
    assert set(runs[0, ("de",)]["own_language_share"]) == {"en", "fr"}
    folder = next(tmp_path.glob("multirun/xnli/tiny-*no_de-*/tables"))
    accuracy = pd.read_parquet(folder / "accuracy.parquet")
    assert set(accuracy[accuracy.split == "dev"].language) == {"en", "fr"}
    shares = pd.read_parquet(folder / "shares.parquet")
    assert set(shares.test_language) == {"de", "en", "fr"}
    assert set(shares.train_language) == {"en", "fr"}
    report = next(tmp_path.glob("multirun/sweeps/imbalance-exclude-*/report.html"))
    assert f"Report of the sweep: {report.relative_to(tmp_path)}" in done.stdout
    curves = pd.read_parquet(report.parent / "tables/imbalance.parquet")
    assert set(zip(curves.language, curves.imbalance, strict=True)) == {("en", 0), ("en", 50)}


def test_runs_on_texts_that_are_not_parallel_have_no_translations(tmp_path):
    small = [switch for switch in SMALL if not switch.startswith("languages")]
    done = run_xling("task=marc", "languages=[de,fr]", *small, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    run = only(tmp_path, "multirun/marc/tiny-*")
    assert not (run / "tables/reinforcing.csv").exists()
    assert pd.read_parquet(run / "tables/influential.parquet").translation.isna().all()
