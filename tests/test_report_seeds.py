"""The page of a sweep over seeds: which runs belong together, and what survives another seed."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
from report_runs import make_run
from seed_runs import make_seed, tables

from xling.analysis.seeds import CORRELATIONS, DIFFERENCES
from xling.report.order import SWEEP_SCHEMAS
from xling.report.section import filled
from xling.report.sections import seeds
from xling.report.seed_groups import (
    READ,
    SeedGroup,
    group_titles,
    same_but_seed,
    seed_groups,
    tables_over_seeds,
)
from xling.report.sweep_page import write_sweep
from xling.report.sweep_results import SweepResults, gather

PAIR = ("de", "en")
MUCH = [[8, 2], [9, 1], [8, 2], [9, 1], [8, 2], [9, 1]]
LITTLE = [[2, 8], [1, 9], [2, 8], [1, 9], [2, 8], [1, 9]]


def planted(number: int) -> dict[str, pd.DataFrame]:
    """German is always much of its own; English is above its base rate in three of five seeds."""
    return tables({"de": MUCH, "en": MUCH if number < 3 else LITTLE}, PAIR, ids=f"{number}-")


def sweep(folder: Path, count: int = 5, **settings):
    jobs = [
        make_seed(folder / "xnli" / f"tiny-{number}", number, planted(number), **settings)
        for number in range(count)
    ]
    (folder / "sweeps/s").mkdir(parents=True)
    return folder / "sweeps/s", jobs


@pytest.fixture(scope="module")
def five(tmp_path_factory) -> Path:
    """The page of a sweep over five seeds."""
    return write_sweep(*sweep(tmp_path_factory.mktemp("seeds")))


def test_statements_that_reverse_between_seeds_are_named(five):
    text = five.read_text("utf-8")
    assert "Which findings survive another seed?" in text
    assert (
        "Of 6 statements of single runs, that a language’s share is above or below its base rate, "
        "2 hold over 5 seeds; of those that one run makes, 50% hold on average."
    ) in text
    assert (
        "Single runs contradict each other: de → en (most positive) is above in 3 and below in 2 "
        "and en → en (most positive) is above in 2 and below in 3."
    ) in text
    table = pd.read_parquet(five.parent / "tables/seed_statements.parquet")
    verdicts = table.groupby("test_language")["verdict"].unique().map(list).to_dict()
    assert verdicts == {"de": ["holds"], "en": ["contradicted"]}


def test_every_table_over_seeds_is_documented_and_none_has_other_columns(five):
    names = [name for name in SWEEP_SCHEMAS if name.startswith("seed_")]
    files = {file.stem for file in five.parent.glob("tables/seed_*.parquet")}
    assert files == set(names) - {"seed_laws", "seed_rates", "seed_differences"}
    for name in files:
        table = pd.read_parquet(five.parent / f"tables/{name}.parquet")
        assert set(table) <= set(SWEEP_SCHEMAS[name].columns)
    assert "same_side" in (five.parent / "tables/README.md").read_text("utf-8")


def test_shares_that_are_told_from_the_base_rate_over_seeds_are_bold(five):
    table = pd.read_parquet(five.parent / "tables/seed_shares.parquet").query("sign == '+'")
    chart = seeds.shares_matrix(table, "+", PAIR, 0.5).to_dict()
    (rows,) = (rows for rows in chart["datasets"].values() if "weak" in rows[0])
    assert {row["test_language"]: row["weak"] for row in rows} == {
        "de": [False, False],
        "en": [True, True],
    }
    assert rows[1]["single"] == ["above in 3, below in 2", "above in 2, below in 3"]


def test_the_page_is_drawn_without_complaint_on_a_phone_too(five, opened):
    for width, scheme in ((1300, "light"), (1300, "dark"), (390, "light")):
        shown = opened(five, color_scheme=scheme, viewport={"width": width, "height": 900})
        page = shown.page
        assert shown.complaints == [] and page.locator("#seeds figure.chart").count() == 2
        assert (
            page.locator("#seeds table caption").first.inner_text() == "Statements of single runs"
        )
        wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(wider)


def test_two_seeds_are_said_to_tell_little(tmp_path):
    results = gather(*sweep(tmp_path, 2))
    *_, last = seeds.findings(results)
    assert last.startswith("Two seeds tell little: an interval of two is 6.5 times as wide")
    (group,) = results.seeds
    assert (
        group.seeds == [0, 1] and "6.5 times as wide" in filled((seeds.SECTION,), results)[0].html()
    )


def test_seeds_whose_model_has_not_learnt_make_no_finding(tmp_path):
    doubt = {"code": "model_not_above_chance", "model": "the model", "languages": []}
    results = gather(*sweep(tmp_path, 3, warnings=[{**doubt, "sentence": "At chance."}]))
    (sentence,) = seeds.findings(results)
    assert sentence.startswith("In 3 of 3 seeds the shares cannot stand (seed 0, 1 and 2")
    assert "Not a finding." in filled((seeds.SECTION,), results)[0].html()


def test_languages_with_few_test_examples_or_at_chance_are_left_out(tmp_path):
    folder, jobs = sweep(tmp_path, 3)
    doubt = {"code": "languages_not_above_chance", "model": "the model", "languages": ["en"]}
    file = jobs[0].folder / "results.json"
    own = json.loads(file.read_text("utf-8")) | {"warnings": [{**doubt, "sentence": "At chance."}]}
    file.write_text(json.dumps(own), "utf-8")
    first, second = seeds.findings(gather(folder, jobs))
    assert first.startswith("Over 3 seeds, nothing is said of en:")
    assert second.startswith("Of 2 statements of single runs")


def test_runs_belong_together_that_differ_in_the_seed_alone():
    def run(seed: int, exclude: list[str], **more) -> dict:
        config = {"seed": seed, "influence": {"top_k": 9}, "trainer": {"threads": seed}, **more}
        return {"task": "xnli", "exclude": exclude, "languages": ["de"], "config": config}

    runs = {
        "b": run(1, []),
        "a": run(0, []),
        "c": run(0, ["de"]),
        "d": run(3, ["de"]),
        "alone": run(0, ["en"]),
        "other": run(4, [], influence={"top_k": 8}),
        "evaluation": {**run(5, []), "evaluate": "language_effects"},
    }
    assert same_but_seed(runs) == [["a", "b"], ["c", "d"]]


def test_groups_are_titled_by_the_switches_in_which_they_differ(tmp_path):
    def groups(*settings: dict) -> list[SeedGroup]:
        results, folders = {}, {}
        for place, own in enumerate(settings):
            for number in (0, 1):
                name = f"{place}-{number}"
                job = make_seed(tmp_path / str(own) / name, number, planted(number), **own)
                results[name] = json.loads((job.folder / "results.json").read_text("utf-8"))
                folders[name] = job.folder
        return seed_groups(results, folders)

    one, other = groups({"exclude": []}, {"exclude": ["fr"]})
    assert (one.title, other.title) == ("exclude=[]", "exclude=fr")
    found = SweepResults(tmp_path, {}, {}, {}, seeds=[one, other])
    files = [figure.file for part in seeds.groups(found) for figure in part.figures]
    assert files[2] == "seed_positive_shares_exclude=fr" and len(set(files)) == 4
    assert {text.split(":")[0] for text in seeds.findings(found)} == {one.title, other.title}


def test_evaluations_and_their_runs_are_told_apart_by_what_is_evaluated_alone():
    config = {"model": {"name": "tiny", "path": None}, "evaluate": None}
    run = {"task": "xnli", "model": "tiny", "config": config}
    effects = {"task": "xnli", "evaluate": "language_effects", "config": config}
    assert group_titles([run, effects]) == ["", "evaluate=language_effects"]


def test_a_sweep_without_seeds_says_nothing_of_them(tmp_path):
    folder, (job, *_) = sweep(tmp_path, 1)
    results = gather(folder, [job])
    assert results.seeds == [] and not any(name.startswith("seed_") for name in results.tables)
    (part,) = filled((seeds.SECTION,), results)
    assert part.content is None and seeds.findings(results) == []


def test_the_laws_and_rates_of_seeds_are_said():
    def evaluation(rate: float, law: str) -> dict[str, pd.DataFrame]:
        rates = [("loss", "de", "en", "each", rate), ("loss", "en", "de", "each", 0.4)]
        columns = "measure test_language train_language law rate".split()
        laws = [("loss", name, 0.9, name == law) for name in ("own", "each")]
        return {
            "exchange_rates": pd.DataFrame(rates, columns=columns).assign(low=0.0, high=0.0),
            "effect_overall": pd.DataFrame(laws, columns="measure law r2 chosen".split()),
        }

    runs = [evaluation(0.1, "own"), evaluation(0.7, "each"), evaluation(0.2, "own")]
    results = {number: {"languages": [*PAIR]} for number in range(3)}
    group = SeedGroup("", results, tables_over_seeds(runs))
    assert seeds.sentences(group) == [
        "The law of what languages’ data do, by loss, is own in 2 and each in 1 of 3 seeds.",
        "Exchange rates spread by 0.30 between seeds (median), most that of en for de by loss: "
        "from 0.10 to 0.70.",
    ]
    for run in runs[1:]:  # nothing predicts German there
        run["exchange_rates"] = run["exchange_rates"].query("test_language == 'en'")
    (*_, spread) = seeds.sentences(SeedGroup("", results, tables_over_seeds(runs)))
    assert "spread by 0.00 between seeds (median), most that of de for en" in spread
    (row,) = seeds.sentences(SeedGroup("", {0: results[0]}, tables_over_seeds(runs[:1])))
    assert row == "The law of what languages’ data do, by loss, is own in 1 of 1 seeds."
    found = SweepResults(Path(), {}, {}, {}, seeds=[dataclasses.replace(group, title="effects")])
    html = filled((seeds.SECTION,), found)[0].html()
    assert "Exchange rates" in html and "<figure" not in html


def test_pages_of_many_languages_hold_the_first_rows_and_say_so():
    names = tuple("abcdefghijk")
    counts = {name: [[1] * 11, [1] * 11] for name in names}
    own = [tables(counts, names, counts, ids=seed) for seed in "01"]
    results = {number: {"languages": [*names]} for number in range(2)}
    group = SeedGroup("", results, tables_over_seeds(own))
    html = filled((seeds.SECTION,), SweepResults(Path(), {}, {}, {}, seeds=[group]))[0].html()
    assert len(group.tables["seed_shares"]) == 242
    assert "All shares over seeds (242)" in html and "the first 100 of 242 rows" in html


def test_the_runs_of_the_other_tests_of_reports_have_a_seed_too(tmp_path):
    make_run(tmp_path / "run")
    results = json.loads((tmp_path / "run/results.json").read_text("utf-8"))
    assert same_but_seed({"a": results, "b": results}) == []  # the same seed twice


def test_all_that_is_told_over_seeds_is_read():
    assert {*CORRELATIONS, *DIFFERENCES} <= {*READ}


def test_what_single_evaluations_tell_is_said_with_what_holds_over_seeds():
    rows = [
        ("faithfulness_beats", "tracin · count · example", "holds"),
        ("faithfulness_beats", "tracin · random · example", "open"),
        ("faithfulness_beats", "bm25 · count · example", ""),
        ("effect_gains", "loss · de · en", ""),
    ]
    table = pd.DataFrame(rows, columns=["table", "what", "verdict"])
    group = SeedGroup("", {0: {}, 1: {}, 2: {}}, {"seed_differences": table})
    assert seeds.sentences(group) == [
        "No seed tells that more data of a language help, or harm, a language.",
        "That a method predicts better, or worse, than a control is told by single seeds in 2 "
        "cases, of which 1 holds over 3 seeds: “tracin, count, example”.",
    ]
    doubt = {"code": "fine_tunings_at_chance", "model": "the model", "languages": []}
    group.results[1]["warnings"] = [doubt]
    assert seeds.sentences(group)[-1] == (
        "In 1 of 3 seeds many fine-tunings have learnt nothing that shows (seed 1: see the warning "
        "of each), and what the seeds have in common may come of that."
    )


@pytest.mark.parametrize(
    ("languages", "reverse", "rest"),
    [
        ("abcd", "and 1 is reversed", "; likewise 1 more pair."),
        ("abcde", "and 2 are reversed", "; likewise 2 more pairs."),
    ],
)
def test_what_is_reversed_or_contradicted_is_counted_in_grammar(languages, reverse, rest):
    verdicts = ["holds"] * 3 + ["reversed"] * (len(languages) - 3)
    made = pd.DataFrame({"test_language": [*languages], "verdict": verdicts}).assign(
        sign="+", train_language="x", side="above", runs=2, opposite=1
    )
    assert reverse in seeds._statements_sentence(made, 3)
    (said,) = seeds._contradictions(made)
    assert said.endswith(rest)
