"""What the pages of runs and of sweeps show of subnetworks, with invented tables."""

import json

import numpy as np
import pandas as pd
import pytest
from test_report import LANGUAGES, Opened, chromium, make_run  # noqa: F401

from xling import report
from xling.analysis import overlap as mask_tables
from xling.analysis.change import specialization_correlation
from xling.errors import UserError
from xling.report import head_charts, subnetwork_charts, subnetwork_rows, subnetwork_sweep, sweep
from xling.report import subnetwork_sweep_charts as sweep_figures
from xling.report import told_subnetwork_sweep as told_sweep
from xling.report import told_subnetworks as told
from xling.report.page import summary
from xling.report.wording import percent, points
from xling.sweep.records import Job, write_job

LAYERS, HEADS = 4, 6
PAIR = ("de", "ko")


def make_masks(rng, languages, disabled=8):
    """A mask per language with 2 more heads off than the one before."""
    found = {}
    for place, language in enumerate(languages):
        off = rng.permutation(LAYERS * HEADS)[: disabled - 2 * (place % 3)]
        mask = np.ones(LAYERS * HEADS, bool)
        mask[off] = False
        found[language] = mask.reshape(LAYERS, HEADS)
    return found


def make_subnetwork_run(folder, languages=LANGUAGES, name="identified", seed=0, **more):
    """Add to an invented run what subnetworks leave."""
    settings = {key: more.pop(key) for key in ("variant", "tuning") if key in more}
    make_run(folder, languages, **more)
    rng = np.random.default_rng(seed)
    masks = make_masks(rng, languages)
    shares = pd.read_parquet(folder / "tables/shares.parquet")
    tables = {
        "masks": mask_tables.mask_table(masks),
        "pruning": _pruning(rng, masks),
        "mask_overlap": (overlap := mask_tables.mask_overlap(masks)),
        "subnetwork_change": _change(rng, shares),
        "subnetwork_accuracy": _accuracy(rng, languages),
        "modularity": _modularity(rng, languages),
        **_specialization(rng, shares),
        "similarity": (alike := mask_tables.similarity(overlap, shares)),
        "similarity_correlation": mask_tables.similarity_correlation(alike),
        "correct": _correct(rng, languages),
    }
    for each, table in tables.items():
        table.to_parquet(folder / f"tables/{each}.parquet")
        table.to_csv(folder / f"tables/{each}.csv", index=False)
    _add(folder, masks, name, seed, settings)
    return folder


def make_masks_job(folder, task, languages=LANGUAGES, seed=0):
    """What a job leaves that identified masks alone."""
    rng = np.random.default_rng(seed)
    masks = make_masks(rng, languages)
    (folder / "tables").mkdir(parents=True)
    tables = {"masks": mask_tables.mask_table(masks), "pruning": _pruning(rng, masks)}
    tables["mask_overlap"] = mask_tables.mask_overlap(masks)
    for each, table in tables.items():
        table.to_parquet(folder / f"tables/{each}.parquet")
    results = {"task": task, "profile": "sample", "languages": list(languages)}
    (folder / "results.json").write_text(json.dumps(results), "utf-8")
    _add(folder, masks, "identified", seed, {})
    return folder


def _add(folder, masks, name, seed, settings):
    file = folder / "results.json"
    results = json.loads(file.read_text("utf-8"))
    results |= {
        "subnetwork": {
            "name": name, "apply": "both", "seed": seed, "language": None, "languages": [],
            "compose": None,
        },
        "tuning": "full",
        "variant": name,
        "heads": LAYERS * HEADS,
        "disabled_heads": {each: int((~mask).sum()) for each, mask in masks.items()},
        "own_language_share": dict.fromkeys(masks, 0.3),
        "test_accuracy": dict.fromkeys(masks, 0.8),
    }  # fmt: skip
    file.write_text(json.dumps(results | settings), "utf-8")


def _pruning(rng, masks):
    rows = []
    for language, mask in masks.items():
        disabled = int((~mask).sum())
        for step in range(disabled // 2 + 2):
            accuracy = 0.84 - 0.004 * step - (0.08 if 2 * step > disabled else 0)
            kept = 2 * step == disabled
            rows.append((language, step, 2 * step, accuracy + rng.normal(0, 0.004), kept))
    return pd.DataFrame(rows, columns="language step disabled accuracy kept".split())


def _change(rng, shares):
    rows = []
    for row in shares[shares["epoch"] == 0].itertuples():
        change = float(rng.normal(0.03 if row.test_language == row.train_language else -0.01, 0.03))
        q = 0.01 if abs(change) > 0.02 else 0.4
        pair = row.sign, row.test_language, row.train_language
        numbers = row.share, row.share + change, change, change - 0.01, change + 0.01, q / 2, q, 25
        rows.append((*pair, *numbers))
    columns = "sign test_language train_language full subnetwork change low high p q test_examples"
    return pd.DataFrame(rows, columns=columns.split())


def _accuracy(rng, languages):
    rows = []
    for place, language in enumerate(languages):
        full, change = float(rng.uniform(0.78, 0.86)), -0.01 * place
        ends = change - 0.015, change + 0.015
        rows.append((language, full, full + change, change, *ends, 0.5 / 20**place, 1000))
    columns = "language full subnetwork change low high p examples"
    return pd.DataFrame(rows, columns=columns.split())


def _modularity(rng, languages):
    rows = []
    for language in languages:
        full, change = rng.uniform(0.05, 0.3), rng.normal(0.03, 0.03)
        for model, value in (("full", full), ("subnetwork", full + change), ("change", change)):
            rows.append((language, model, value, value - 0.03, value + 0.03, 25))
    return pd.DataFrame(rows, columns="language model value low high test_examples".split())


def _specialization(rng, shares):
    own = shares.query("epoch > 0 and sign == '+' and test_language == train_language")
    table = own[["test_language", "epoch", "share"]].set_axis(
        ["language", "epoch", "own_share"], axis=1
    )
    table = table.assign(accuracy=1 - 0.4 * table["own_share"] + rng.normal(0, 0.01, len(table)))
    correlation = specialization_correlation(table)
    return {"specialization": table, "specialization_correlation": correlation}


def _correct(rng, languages):
    ids = [(f"{language}{i}", language) for language in languages for i in range(50)]
    table = pd.DataFrame(ids, columns=["test_id", "language"])
    return table.assign(full=rng.random(len(ids)) < 0.8, subnetwork=rng.random(len(ids)) < 0.75)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "pawsx-0a1b2c3d"
    return make_subnetwork_run(folder, task="pawsx", epochs=2, traced_per_language=1)


@pytest.fixture(scope="module")
def tables(run_folder):
    return report.load(run_folder).tables


def data(spec, field):
    """The rows of a chart that have a field."""
    return pd.DataFrame(next(rows for rows in spec["datasets"].values() if field in rows[0]))


def test_the_page_shows_the_subnetworks(chromium, run_folder, tables):  # noqa: F811
    opened = Opened(chromium, report.write(run_folder))
    page = opened.page
    assert opened.complaints == [] and opened.outside_requests() == []
    assert page.locator("nav a[href='#subnetworks']").count() == 1
    assert "through subnetworks, not through the full model" in page.locator("#traced").inner_text()
    # pruning, head map, 3 masks, 3 overlaps
    assert page.locator("#subnetworks figure svg.marks").count() == 8
    # changes ±, modularity, specialization, similarity ±, shared part, layers
    assert page.locator("#subnetwork-change figure svg.marks").count() == 8
    change = tables["subnetwork_change"]
    drawn = page.locator("#subnetwork-change .pair").first.locator(".role-mark.mark-text text")
    assert sorted(drawn.all_text_contents()) == sorted(points(each) for each in change["change"])
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.locator("#changes td.weak").count() == (change["q"] >= 0.05).sum() > 0
    paper = page.locator("#disabled tbody td:last-child").all_inner_texts()
    assert paper == ["42", "56", "42"]  # Tab. 1: de, en, ko
    paper = page.locator("#subnetwork-accuracy tbody td:last-child").all_inner_texts()
    assert paper == ["68.0%", "78.6%", "67.1%"]  # Tab. 2
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_runs_without_subnetworks_have_none_of_it(tmp_path):
    folder = make_run(tmp_path / "run", ("de", "en"), epochs=1, traced_per_language=1)
    written = report.write(folder).read_text("utf-8")
    assert 'id="subnetwork' not in written and "#subnetworks" not in written
    assert 'id="traced"' not in written and "with all heads" not in written
    assert not {"head_use", "positive_change"} & set(report.drawn(report.load(folder)))


def test_a_run_with_own_masks_has_no_pruning_and_one_language_no_overlap(tmp_path):
    folder = make_subnetwork_run(
        tmp_path / "run", ("de",), "file", epochs=1, traced_per_language=1, task="mine"
    )
    (folder / "tables/pruning.parquet").unlink()
    written = report.write(folder).read_text("utf-8")
    assert "while heads are switched off" not in written and "How far they overlap" not in written
    assert "Similar subnetworks and influence" not in written
    assert "The subnetwork has" in written and "its mask file" in written
    assert "in the paper</th>" not in written


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "identified"}, "§3.1"),
        ({"name": "random", "seed": 2}, "random attention heads, as many as .* (seed 2;"),
        ({"name": "suboptimal", "language": "ko"}, "through the subnetwork of ko"),
        (
            {"name": "composed", "languages": ["es", "fr"], "compose": "union"},
            "union of the subnetworks of es and fr",
        ),
        ({"name": "file", "apply": "test"}, "off for the test examples alone"),
    ],
)
def test_what_was_traced_is_said_plainly(settings, words):
    subnetwork = {"apply": "both", "seed": 0, "language": None, "languages": [], "compose": None}
    results = {"subnetwork": subnetwork | settings, "tuning": "full"}
    sentence = told.traced(results)
    assert all(word in sentence for word in words.split(" .* "))
    assert "sparsely" not in sentence
    assert "sparsely" in told.traced(results | {"tuning": "sparse"})
    assert told.traced({"subnetwork": {"name": "full"}}) == told.traced({}) == ""


def test_sentences_are_computed(run_folder, tables):
    results = report.load(run_folder).results
    assert told.disabled(results) == (
        "Of 24 heads, a language’s subnetwork leaves 4 to 8 off (17–33%)."
    )
    change = tables["subnetwork_change"]
    own = change.query("sign == '+' and test_language == train_language")["change"]
    sentence = told.change(change)
    assert f"by {points(own.min())} to {points(own.max())} percentage points" in sentence
    assert f"on average {points(own.mean())}" in sentence
    accuracy = tables["subnetwork_accuracy"]
    assert told.accuracy(accuracy).startswith(
        f"The subnetworks classify {percent(accuracy['subnetwork'].mean())} of the test examples"
    )
    assert "differ in 2 of 3 languages" in told.accuracy(accuracy)
    row = tables["specialization_correlation"].iloc[0]
    assert "go with lower accuracy" in told.specialization(tables["specialization_correlation"])
    assert f"over {row['points']} points" in told.specialization(pd.DataFrame([row]))
    use = tables["masks"].groupby(["layer", "head"])["on"].sum()
    assert told.heads(tables["masks"]).startswith(f"{(use == 3).sum()} of 24 heads are in every")
    pairs = tables["mask_overlap"].query("layer == 0 and language != other")
    most = pairs.loc[pairs["cosine"].idxmax()]
    assert f"{most['language']} and {most['other']} (cosine {most['cosine']:.2f})" in told.overlap(
        tables["mask_overlap"]
    )
    facts = dict(summary(results))
    assert facts["Subnetworks"] == "identified; on for test and training examples"


def test_what_cannot_be_computed_is_said(tables):
    none = tables["similarity_correlation"].assign(r=np.nan, r_p=np.nan, rho=np.nan, rho_p=np.nan)
    none = none.assign(p_holm=np.nan)
    assert "cannot be correlated" in told.similarity(none)
    assert "In layers 1, 2, 3 and 4 it cannot be told" in told.layers(none)
    assert "in no layer for the most positive and no layer for the most negative" in told.layers(
        none
    )
    row = tables["specialization_correlation"].assign(rho=np.nan)
    assert "cannot be correlated" in told.specialization(row)
    assert "no modularity" in told.modularity(tables["modularity"].assign(value=np.nan))
    chart = subnetwork_charts.layer_correlation_chart(none).to_dict()
    assert data(chart, "p_holm")["rho"].isna().all()


def test_tables_with_gaps_are_read_and_with_holes_refused(tmp_path):
    folder = make_subnetwork_run(tmp_path / "run", epochs=1, traced_per_language=1)
    file = folder / "tables/subnetwork_change.parquet"
    change = pd.read_parquet(file)
    change.assign(low=np.nan, high=np.nan).to_parquet(file)
    assert "no interval" in report.write(folder).read_text("utf-8")
    change.assign(change=np.nan).to_parquet(file)
    with pytest.raises(UserError, match="column change has no value"):
        report.write(folder)


def test_changes_have_one_scale_and_strong_ones_are_bold(tables):
    change = tables["subnetwork_change"]
    for sign in "+-":
        limit = subnetwork_charts.change_limit(change)
        chart = subnetwork_charts.change_matrix(change, sign, LANGUAGES, limit).to_dict()
        cells = data(chart, "shade")
        table = change[change["sign"] == sign]
        np.testing.assert_allclose(cells["shade"], 100 * table["change"], atol=1e-3)
        assert list(cells["weak"]) == list(table["q"] >= 0.05)
        domain = chart["layer"][0]["encoding"]["color"]["scale"]["domain"]
        np.testing.assert_allclose((domain[0], domain[-1]), (-100 * limit, 100 * limit))
    panels = subnetwork_charts.change_panels({"a": change, "b": change}, "+")
    assert [panel.to_dict()["title"]["text"] for panel in panels.values()] == ["a", "b"]


def test_heads_are_counted_and_a_language_is_not_compared_with_itself(tables):
    cells = data(head_charts.head_use_chart(tables["masks"]).to_dict(), "languages")
    use = tables["masks"].groupby(["layer", "head"])["on"].sum()
    found = cells.set_index(["layer", "head"])["languages"]
    assert (found.loc[use.index] == use).all() and len(cells) == LAYERS * HEADS
    for value in head_charts.OVERLAPS:
        cells = data(head_charts.overlap_matrix(tables["mask_overlap"], value).to_dict(), "shade")
        assert (cells["shade"].isna() == (cells["language"] == cells["other"])).all()
    assert set(cells.loc[cells["shade"].isna(), "printed"]) == {"1.00"}
    for language, mask in tables["masks"].groupby("language"):
        cells = data(head_charts.mask_map(tables["masks"], language).to_dict(), "on")
        assert list(cells["on"]) == list(mask["on"])


def test_figures_of_subnetworks_are_drawn(run_folder):
    run = report.load(run_folder)
    drawn = report.drawn(run)
    names = {"positive_change", "negative_change", "head_use", "mask_overlap", "pruning"}
    names |= {"specialization", "similarity"}
    assert names <= set(drawn)
    for name in names:
        drawn[name].to_dict()


def job(folder, run, masks):
    path = run.relative_to(folder).as_posix()
    return Job(folder / "sweeps/s", 1, run.name, path, base=None, masks=masks)


def make_sweep(folder, *runs, masks=()):
    """A sweep of runs (name, settings of its subnetwork, other arguments) and of masks alone."""
    for name, settings, more in runs:
        run = make_subnetwork_run(
            folder / "pawsx" / name, PAIR, epochs=2, traced_per_language=1, task="pawsx", **more
        )
        file = run / "results.json"
        results = json.loads(file.read_text("utf-8"))
        results["subnetwork"] |= settings
        file.write_text(json.dumps(results), "utf-8")
        write_job(job(folder, run, masks=False))
    for task in masks:
        run = make_masks_job(folder / task / f"{task}-1", task, PAIR)
        write_job(job(folder, run, masks=True))
    return folder / "sweeps/s"


def test_a_sweep_that_identified_masks_alone(chromium, tmp_path):  # noqa: F811
    written = sweep.write_sweep(make_sweep(tmp_path, masks=("marc", "xnli")))
    tables = {file.stem: pd.read_parquet(file) for file in written.parent.glob("tables/*.parquet")}
    assert set(tables) == {"disabled_heads", "head_use"}
    assert set(tables["disabled_heads"]["task"]) == {"marc", "xnli"}
    names = {f"{name}_{task}" for name in ("head_use", "mask_overlap", "pruning") for task in
             ("marc", "xnli")}  # fmt: skip
    assert {file.stem for file in written.parent.glob("figures/*")} == names
    page, complaints = chromium.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(written.as_uri())
    page.wait_for_function(
        "[...document.querySelectorAll('.chart')].every(f => f.querySelector('svg.marks'))"
    )
    assert complaints == [] and page.locator("figure.chart").count() == 2 * 5
    assert page.locator("h1").inner_text() == "Which heads does each language need?"
    assert "2 runs" in page.locator(".subtitle").inner_text()
    assert "marc: of 24 heads, 6 to 8 are off" in page.locator(".findings").inner_text()
    assert page.locator("#runs, #changes").count() == 0
    assert page.locator("#heads table").first.locator("tbody td:last-child").all_inner_texts() == [
        "56", "–",
    ]  # fmt: skip


def test_a_sweep_of_runs_with_subnetworks(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "save", lambda charts, folder: drawn.update(charts))
    drawn = {}
    pair = {"languages": ["de", "ko"], "compose": "union"}
    folder = make_sweep(
        tmp_path,
        ("a", {}, {"variant": "identified"}),
        ("b", {}, {"variant": "SFT, identified", "tuning": "sparse"}),
        ("c", {}, {"name": "random", "variant": "random 0", "seed": 1}),
        ("d", {}, {"name": "random", "variant": "random 1", "seed": 2}),
        ("e", {"language": "ko"}, {"name": "suboptimal", "variant": "ko’s", "seed": 3}),
        ("f", pair, {"name": "composed", "variant": "de ∪ ko", "seed": 4}),
    )
    page = sweep.write_sweep(folder).read_text("utf-8")
    tables = {file.stem: pd.read_parquet(file) for file in folder.glob("tables/*.parquet")}
    names = "runs sweep_change random_masks random_accuracy sft_accuracy own_share_epochs composed"
    assert set(tables) == {*names.split(), "disabled_heads", "head_use"}
    assert {"change_positive", "random_masks_negative", "composed", "sft_accuracy"} <= set(drawn)
    assert list(tables["runs"]["variant"]) == [
        "identified", "SFT, identified", "random 0", "random 1", "ko’s", "de ∪ ko",
    ]  # fmt: skip
    for section in ("heads", "changes", "random", "sft", "own-share-epochs", "composed"):
        assert f'<section id="{section}">' in page
    assert "the other marks are other languages’ subnetworks" in page
    assert "78.4% after sparse fine-tuning on pawsx" in page  # Tab. 2
    (sentence,) = told_sweep.sft_accuracy(tables["sft_accuracy"])
    found = tables["sft_accuracy"]
    assert (
        f"from {percent(found['after_full'].mean())} to {percent(found['after_sft'].mean())}"
        in (sentence)
    )
    (sentence,) = told_sweep.random_masks(tables["random_masks"])
    own = tables["random_masks"].query("sign == '+' and test_language == train_language")
    outside = ((own["change"] - own["random_low"]) * (own["random_high"] - own["change"]) < 0).sum()
    assert f"in {outside} of 2 comparisons" in sentence and "is 0.333" in sentence
    panels = sweep_figures.random_panels(tables["random_masks"], "+")
    assert list(panels) == [f"{each} test examples" for each in PAIR]


def test_means_are_of_the_same_languages_and_random_masks_count_as_one():
    def table(**changes):
        rows = [("+", name, name, change) for name, change in changes.items()]
        return pd.DataFrame(rows, columns="sign test_language train_language change".split())

    changes = {
        "identified": table(de=0.04, en=0.02),
        "random 0": table(de=0.01),
        "random 1": table(de=0.03),
    }
    first, second = told_sweep.changes(changes)
    assert "on average over de and en, changes by +3.0 (identified) percentage" in first
    assert "in de changes by +4.0 (identified) and +2.0 (random masks) percentage" in second


def test_runs_have_titles_of_their_own():
    def run(variant, task="xnli"):
        return {"variant": variant, "task": task}

    assert subnetwork_sweep.titled({"a": run("x"), "b": run("y")}) == {"a": "x", "b": "y"}
    several = {"a": run("x"), "b": run("x", "marc"), "c": run("x")}
    assert subnetwork_sweep.titled(several) == {"a": "a", "b": "marc, x", "c": "c"}


def test_the_paper_has_figures_of_its_tasks_alone():
    assert subnetwork_rows.printed("pawsx", "disabled_heads")["ko"] == 42
    assert subnetwork_rows.printed("sib200", "disabled_heads") == {}
    assert subnetwork_rows.accuracies(["xnli"]) == ""
    assert "76.4%" not in subnetwork_rows.accuracies(["pawsx"])
