"""The report page of a run: what it shows, that it is safe, small, and asks nothing of the net."""

import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xling import report
from xling.analysis.reference import reference
from xling.errors import UserError
from xling.report import browser, distributions, matrices, page, papers, rows, specs, told, wording
from xling.report.__main__ import main

LANGUAGES = ("de", "en", "ko")
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)> & </script> \"'"


def make_run(
    folder: Path,
    languages: tuple[str, ...] = LANGUAGES,
    exclude: tuple[str, ...] = (),
    epochs: int = 3,
    traced_per_language: int = 3,
    top_k: int = 12,
    parallel: bool = True,
    texts: dict[str, list[str]] | None = None,
    profile: str = "sample",
    task: str = "xnli",
    whole: float = 0.4,
    distances: bool = True,
) -> Path:
    """Write results.json and the tables of an invented run, as a finished run leaves them."""
    rng = np.random.default_rng(0)
    trained = [language for language in languages if language not in exclude]
    tables = {
        "accuracy": _accuracy(rng, languages, epochs),
        "shares": _shares(rng, languages, trained, epochs, traced_per_language),
        "mean_influence": _means(rng, languages, trained, epochs),
        "coverage": pd.DataFrame(
            [
                ("embeddings", 1_000_000, 0.31, True),
                ("attention", 500_000, 0.27, True),
                ("feed-forward", 900_000, 0.35, True),
                ("layer norm", 4_000, 0.05, True),
                ("head", 70_000, 0.02, False),
            ],
            columns=["group", "parameters", "square_norm_share", "covered"],
        ).assign(epoch=0, language="all"),
        **_examples(rng, languages, trained, traced_per_language, top_k, texts or {}),
        "labels": _labels(rng, languages),
        "distribution": _distribution(rng, languages, trained),
        "scripts": _scripts(trained, whole),
    }
    if epochs > 1:
        tables["epoch_tests"] = _epoch_tests(rng, languages, epochs)
    if distances:
        kinds = itertools.product("+-", ("syntax", "geography"))
        found = [
            (*kind, rho, 0.0004, 6) for kind, rho in zip(kinds, (-0.5, -0.7, 0.1, 0.2), strict=True)
        ]
        tables["distances"] = pd.DataFrame(found, columns="sign distance rho p pairs".split())
    if parallel:
        rows = [
            (sign, language, value := float(rng.uniform(0.2, 0.5)), value - 0.04, value + 0.04, 900)
            for sign, language in itertools.product("+-", trained)
        ]
        columns = ["sign", "test_language", "reinforcing", "low", "high", "members"]
        tables["reinforcing"] = pd.DataFrame(rows, columns=columns)
    (folder / "tables").mkdir(parents=True)
    for name, table in tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet")
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    results = _results(folder.name, languages, exclude, epochs, top_k, profile) | {"task": task}
    (folder / "results.json").write_text(json.dumps(results, ensure_ascii=False), "utf-8")
    return folder


def _results(run, languages, exclude, epochs, top_k, profile):
    trained = [language for language in languages if language not in exclude]
    return {
        "xling": "0.1.0",
        "run": run,
        "task": "xnli",
        "profile": profile,
        "languages": list(languages),
        "exclude": list(exclude),
        "imbalance": 0,
        "imbalance_language": None,
        "model": "tiny",
        "classes": ["not_entailment", "entailment"],
        "epochs": epochs,
        "kept_epoch": epochs,
        "train_examples": dict.fromkeys(trained, 2000),
        "dev_accuracy": 0.842,
        "top_k": top_k,
        "sketch": {"side": 16, "stack": 4, "combine": "sum", "dimensions": 1024},
        "config": {"tuning": {"batch_size": 32, "learning_rate": 2e-5}, "seed": 0},
        "command": "xling task=xnli",
        "seconds": {"data": 3.2, "tuning": 61.0, "sketch": 44.5, "influence": 2.1},
        "something_new": {"of": "later"},
    }


def _accuracy(rng, languages, epochs):
    rows = []
    for place, language in enumerate(languages):
        for epoch in range(1, epochs + 1):
            value = 0.86 - 0.012 * place - 0.3 * np.exp(-0.8 * epoch) + rng.normal(0, 0.008)
            rows.append(("dev", epoch, language, value, 500))
        rows.append(("test", epochs, language, value - 0.01, 1000))
    return pd.DataFrame(rows, columns=["split", "epoch", "language", "accuracy", "examples"])


def _shares(rng, languages, trained, epochs, examples, noise=np.nan):
    rows = []
    for sign, epoch, test in itertools.product("+-", range(epochs + 1), languages):
        weights = rng.uniform(0.7, 1.3, len(trained))
        if test in trained:
            weights[trained.index(test)] *= (2.6 if sign == "+" else 1.7) - 0.15 * epoch
        for train, share in zip(trained, weights / weights.sum(), strict=True):
            interval = max(0.0, share - 0.025), share + 0.025
            p = np.nan if epoch else float(rng.choice([0.0004, 0.21]))
            numbers = (*interval, 1 / len(trained), share * len(trained), 0.9 * share, p, p)
            rows.append((epoch, sign, test, train, share, *numbers, examples, noise))
    columns = "epoch sign test_language train_language share low high base_rate lift same_label"
    return pd.DataFrame(rows, columns=[*columns.split(), "p", "q", "test_examples", "noise"])


def _data(spec, view):
    """The rows of a view of a chart, which may stand with the chart itself."""
    return pd.DataFrame(spec["datasets"][view.get("data", spec.get("data"))["name"]])


def _labels(rng, languages):
    rows = [
        (sign, language, value := mean + rng.uniform(0, 0.05), value - 0.02, value + 0.02, 0.5)
        for sign, mean in (("+", 0.9), ("-", 0.1))
        for language in languages
    ]
    columns = "sign test_language same_label low high base_rate"
    return pd.DataFrame(rows, columns=columns.split())


def _distribution(rng, languages, trained):
    edges = np.linspace(-2, 3, 51).round(2)
    rows = []
    for test, train in itertools.product(languages, trained):
        counts, _ = np.histogram(rng.normal(0.3 + 0.4 * (test == train), 0.4, 2000), edges)
        ends = zip(edges[:-1], edges[1:], counts, strict=True)
        rows += [(test, train, low, high, int(n)) for low, high, n in ends if n]
    columns = ["test_language", "train_language", "low", "high", "pairs"]
    return pd.DataFrame(rows, columns=columns)


def _epoch_tests(rng, languages, epochs):
    pairs = itertools.product(languages, itertools.combinations(range(1, epochs + 1), 2))
    rows = []
    for place, (language, pair) in enumerate(pairs):
        p = 0.5 if place == 0 else 1e-9
        rows.append((language, *pair, p, p, rng.uniform(-0.6, 0.6), 6000))
    columns = "test_language first second p p_holm effect examples"
    return pd.DataFrame(rows, columns=columns.split())


def _scripts(trained, whole):
    rows = []
    for sign, language, where in itertools.product("+-", trained, ("own", "others")):
        latin = language != "ko"
        part = 1.0 if latin else whole if where == "own" else whole**2
        name = "Latn" if latin else "Hang"
        rows.append(
            (sign, language, where, name, part, np.nan, np.nan, 90, 1.0 if latin else whole)
        )
    columns = "sign train_language test_languages scripts whole low high members all_examples"
    return pd.DataFrame(rows, columns=columns.split())


def _means(rng, languages, trained, epochs):
    rows = []
    for epoch, test, train in itertools.product(range(epochs + 1), languages, trained):
        value = rng.normal(0.02, 0.05) + 0.12 * (test == train)
        rows.append((epoch, test, train, value, value - 0.01, value + 0.01))
    columns = ["epoch", "test_language", "train_language", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _examples(rng, languages, trained, per_language, top_k, texts):
    def text(language):
        choices = texts.get(language) or [f"Sentence {i} in {language}." for i in range(50)]
        return str(choices[int(rng.integers(len(choices)))])

    labels = ("not_entailment", "entailment")
    traced, influential = [], []
    for language, i in itertools.product(languages, range(per_language)):
        test_id, label = f"{language}{i}", labels[i % 2]
        traced.append(
            (test_id, language, label, label, 0.5 + i / 100, text(language), text(language), str(i))
        )
        for sign, rank in itertools.product("+-", range(1, top_k + 1)):
            train = trained[int(rng.integers(len(trained)))]
            score = (3 - 0.2 * rank / top_k) * (1 if sign == "+" else -1)
            ids = f"{train}{int(rng.integers(2000))}"
            row = (test_id, sign, rank, ids, train, labels[rank % 2], score, rank % 3 == 0)
            row = (*row, rank % 4 != 0)
            influential.append((*row, text(train), text(train)))
    columns = ["test_id", "language", "label", "predicted", "probability", "text", "text_pair"]
    members = ["test_id", "sign", "rank", "train_id", "train_language", "label", "score"]
    return {
        "traced": pd.DataFrame(traced, columns=[*columns, "parallel_id"]),
        "influential": pd.DataFrame(
            influential, columns=[*members, "translation", "own_script", "text", "text_pair"]
        ),
    }


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("report") / "xnli-0a1b2c3d")


@pytest.fixture(scope="module")
def page_file(run_folder):
    return report.write(run_folder)


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium: the one on the path, driven by playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next((found for name in names if (found := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"no Chromium on the path (looked for {', '.join(names)})")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A report open in the browser, with all that it asked for and complained of."""

    def __init__(self, browser, file, **context):
        self.requests, self.complaints = [], []
        self.page = browser.new_page(**context)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector(".dt-paging")
        self.page.wait_for_function(
            "[...document.querySelectorAll('.chart')].every(f => f.querySelector('svg.marks'))"
        )

    def choose(self, name, value):
        self.page.locator(".filters").get_by_label(name).select_option(value)

    def search(self, text):
        self.page.locator(".dt-search").get_by_label("Search").fill(text)

    def rows(self):
        return self.page.locator("#browser > tbody > tr:visible")

    def outside_requests(self):
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]


def test_page_opens_without_requests_and_complaints(chromium, run_folder, page_file):
    opened = Opened(chromium, page_file)
    assert opened.outside_requests() == []
    assert opened.complaints == []
    assert sum(url.startswith("file:") for url in opened.requests) == 1
    # 5 matrices and lines, reinforcing bars; small ones: own share and distribution per language,
    # and shares per sign and epoch
    assert opened.page.locator("figure.chart svg.marks").count() == 6 + 2 * len(LANGUAGES) + 2 * 3
    assert opened.rows().count() == len(LANGUAGES) * 3
    assert "1–9 of 9 test examples" in opened.page.locator(".dt-info").inner_text()


def test_positive_heatmap_shows_the_shares_of_the_table(chromium, run_folder, page_file):
    opened = Opened(chromium, page_file)
    drawn = opened.page.locator("#shares .pair > div:first-child .role-mark.mark-text text")
    shares = report.load(run_folder).tables["shares"].query("epoch == 0 and sign == '+'")
    assert sorted(drawn.all_text_contents()) == sorted(f"{100 * s:.1f}" for s in shares["share"])


def test_filters_and_search_choose_rows(chromium, run_folder, page_file):
    opened = Opened(chromium, page_file)
    traced = report.load(run_folder).tables["traced"]
    opened.choose("Test language", "ko")
    assert opened.rows().count() == 3
    assert set(opened.page.locator("#browser summary .code").all_inner_texts()) == {"ko"}
    opened.choose("Class", "entailment")
    expected = traced.query("language == 'ko' and label == 'entailment'")
    assert opened.rows().count() == len(expected) == 1
    opened.choose("Test language", "all")
    opened.choose("Class", "all")
    opened.search("no such text anywhere")
    assert opened.page.locator(".dt-empty").inner_text() == "No test example matches."
    opened.search("probability 0.52")  # the third test example of each language
    assert opened.rows().count() == len(LANGUAGES)


def test_sign_and_training_language_choose_members(chromium, run_folder, page_file):
    opened = Opened(chromium, page_file)
    sets = opened.page.locator("#browser details[open] .set:visible")
    assert sets.count() == 2
    opened.choose("Influence", "negative")
    assert sets.count() == 1
    assert "Most negative" in sets.inner_text()
    opened.choose("Training language", "ko")
    members = sets.locator(".member:visible")
    influential = report.load(run_folder).tables["influential"]
    expected = influential.query("test_id == 'de0' and sign == '-' and rank <= 10")
    assert members.count() == (expected["train_language"] == "ko").sum() > 0


def test_script_chooses_members_and_mixed_ones_are_marked(chromium, run_folder, page_file):
    opened = Opened(chromium, page_file)
    influential = report.load(run_folder).tables["influential"]
    shown = influential.query("test_id == 'de0' and rank <= 10")
    members = opened.page.locator("#browser details[open] .member:visible")
    assert members.count() == len(shown)
    marks = opened.page.locator("#browser details[open] .member .mixed")
    assert marks.count() == (~shown["own_script"]).sum() > 0
    opened.choose("Script", "own script only")
    assert members.count() == shown["own_script"].sum()
    assert not marks.first.is_visible()
    opened.choose("Script", "mixed script only")
    assert members.count() == marks.count()
    opened.choose("Influence", "negative")
    assert members.count() == (~shown["own_script"] & (shown["sign"] == "-")).sum()
    opened.choose("Script", "all")
    assert members.count() == (shown["sign"] == "-").sum()


def test_members_show_id_score_label_and_translation(chromium, run_folder, page_file):
    opened = Opened(chromium, page_file)
    influential = report.load(run_folder).tables["influential"]
    row = influential.query("test_id == 'de0' and sign == '-' and rank == 3").iloc[0]
    member = opened.page.locator("#browser details[open] .set.negative .member").nth(2)
    assert row["translation"]
    told = [member.locator(each).inner_text() for each in (".id", "b", ".score", ".translation")]
    score = wording.number(row["score"], 3)
    assert told == [row["train_id"], row["label"], score, "translation"]
    assert opened.page.locator("#browser summary .id").first.inner_text() == "de0"


def test_browser_works_by_keyboard(chromium, run_folder, page_file):
    opened = Opened(chromium, page_file)
    second = opened.page.locator("#browser details").nth(1)
    assert not second.locator(".sets").is_visible()
    second.locator("summary").focus()
    opened.page.keyboard.press("Enter")
    assert second.locator(".sets").is_visible()


def test_texts_of_users_are_shown_and_never_run(chromium, tmp_path):
    folder = make_run(tmp_path / "run", texts={key: [ATTACK] for key in LANGUAGES})
    rename = {"config": {"evil": ATTACK}, "command": ATTACK, "run": ATTACK}
    results = json.loads((folder / "results.json").read_text()) | rename
    (folder / "results.json").write_text(json.dumps(results))
    opened = Opened(chromium, report.write(folder))
    assert opened.complaints == [] and opened.outside_requests() == []
    assert opened.page.locator("#browser .text").first.inner_text() == ATTACK
    opened.search("alert(1)")
    assert opened.rows().count() == 9
    assert opened.page.locator("img").count() == 0


def test_language_codes_with_markup_stay_text(chromium, tmp_path):
    evil = "</script><script>alert(1)</script>"
    opened = Opened(chromium, report.write(make_run(tmp_path / "run", languages=("de", evil))))
    assert opened.complaints == []
    assert evil in opened.page.locator("#run").inner_text()
    assert opened.page.locator(f"#browser [data-language={json.dumps(evil)}]").count() > 0


def test_page_fits_its_width_in_light_and_dark(chromium, tmp_path):
    folder = make_run(tmp_path / "run", traced_per_language=25, top_k=2)
    page = Opened(chromium, report.write(folder)).page
    assert page.locator(".dt-paging-button").count() > 7
    for width, scheme in itertools.product((360, 1280), ("light", "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        colors = [
            page.evaluate(f"getComputedStyle(document.body).{name}")
            for name in ("color", "backgroundColor")
        ]
        ink, paper = (sum(map(int, color[4:-1].split(", "))) for color in colors)
        assert (ink < paper) == (scheme == "light")


def test_languages_left_out_of_training_and_other_scripts(chromium, tmp_path):
    folder = make_run(tmp_path / "run", ("ar", "de", "ko"), exclude=("ko",), profile="paper")
    opened = Opened(chromium, report.write(folder))
    text = opened.page.locator("main").inner_text()
    assert "ko was left out of training" in text
    assert "Sample corpus." not in text
    assert opened.page.locator("#epochs .small-multiples figure").count() == 2
    assert opened.page.locator("#browser .text[lang=ar][dir=auto]").count() > 0


def test_report_without_parallel_data_and_with_one_epoch(chromium, tmp_path):
    folder = make_run(tmp_path / "run", ("de", "en"), epochs=1, parallel=False)
    opened = Opened(chromium, report.write(folder))
    assert opened.complaints == []
    assert opened.page.locator("figure.chart svg.marks").count() == 4 + 2
    assert opened.page.locator("#reinforcing, #epochs").count() == 0
    assert "Sample corpus." in opened.page.locator(".banner").inner_text()


def test_page_stays_below_5_mb_and_says_what_it_leaves_out(tmp_path):
    languages = ("ar", "de", "en", "es", "fr", "ko", "ru", "zh")
    texts = {language: [f"{i} " + "텍" * 150 for i in range(40)] for language in languages}
    folder = make_run(tmp_path / "run", languages, traced_per_language=40, texts=texts)
    written = report.write(folder)
    assert written.stat().st_size < 5_000_000
    shown = browser.browser(report.load(folder))
    per_language = pd.Series([traced.example["language"] for traced in shown.examples])
    counts = per_language.value_counts()
    assert counts.nunique() == 1 and 1 <= counts.iloc[0] < browser.EXAMPLES
    assert f"{len(shown.examples)} of the 320 traced" in written.read_text("utf-8")


def test_finding_is_computed_from_the_table():
    def table(rows):
        columns = ["test_language", "train_language", "share", "low", "high", "base_rate"]
        return pd.DataFrame(rows, columns=columns).assign(epoch=0, sign="+")

    rows = [
        ("de", "de", 0.24, 0.22, 0.26, 0.2),
        ("de", "en", 0.5, 0.4, 0.6, 0.2),
        ("en", "en", 0.41, 0.19, 0.5, 0.2),
    ]
    assert wording.finding(table(rows), 100) == (
        "Each language’s own data holds 24–41% of the 100 training examples that help its test "
        "examples most; by its size alone it would hold 20%. The 95% interval lies above that "
        "base rate in 1 of 2 languages."
    )
    assert "every language" in wording.finding(table(rows[:1]), 100)
    assert wording.finding(table(rows[1:2]), 100).startswith("No test language has")


def test_numbers_in_words():
    assert wording.percent(0.3141) == "31.4%"
    assert (wording.percent(0.0004), wording.percent(0.0)) == ("<0.1%", "0.0%")
    assert wording.percent_range([0.201, 0.199]) == "20%"
    assert [wording.p_value(p) for p in (0.0009, 0.0234, 1)] == ["<0.001", "0.023", "1.000"]
    assert wording.number(-0.001, 2) == "0.00"
    assert wording.number(-1234.5678, 2) == "\u22121\u202f234.57"
    assert [wording.duration(s) for s in (59.6, 42, 3600, 7440)] == [
        "1 min 0 s", "42 s", "1 h 0 min", "2 h 4 min",
    ]  # fmt: skip


def test_heatmaps_are_coloured_from_the_base_rate_on_one_scale(run_folder):
    shares = report.load(run_folder).tables["shares"]
    chart = matrices.share_heatmap(shares, "-", epoch=2, limit=0.5).to_dict()
    cells = pd.DataFrame(next(iter(chart["datasets"].values())))
    table = shares.query("sign == '-' and epoch == 2")
    assert len(cells) == len(table) == len(LANGUAGES) ** 2
    excess = 100 * (table["share"] - table["base_rate"])
    np.testing.assert_allclose(cells["excess"], excess, atol=1e-3)
    domain = chart["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert (domain[0], domain[1], domain[-1]) == (-50, 0, 50)


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([0.4, 0.5, 0.6, 0.66], [0.4, 0.66]),
        ([0.050, 0.051, 0.050, 0.052], [0, 0.052]),
        ([-0.1, -0.4, -0.2, -0.3], [-0.4, -0.1]),
    ],
)
def test_mean_influence_of_one_sign_uses_one_hue(means, expected):
    pairs = list(itertools.product(("de", "en"), repeat=2))
    table = pd.DataFrame(pairs, columns=["test_language", "train_language"])
    table = table.assign(epoch=0, mean=means, low=means, high=means)
    scale = matrices.mean_influence_matrix(table).to_dict()["layer"][0]["encoding"]["color"]
    np.testing.assert_allclose(scale["scale"]["domain"], expected)


def test_heatmaps_tell_lift_and_q_where_there_are_any(run_folder):
    shares = report.load(run_folder).tables["shares"]
    summed = matrices.share_heatmap(shares, "+").to_dict()
    fields = {each["field"] for each in summed["layer"][0]["encoding"]["tooltip"]}
    assert {"share", "interval", "base_rate", "lift", "q"} <= fields
    cells = pd.DataFrame(next(iter(summed["datasets"].values())))
    assert set(cells["q"]) == {"<0.001", "0.210"}
    single = matrices.share_heatmap(shares, "+", epoch=1).to_dict()
    fields = {each["field"] for each in single["layer"][0]["encoding"]["tooltip"]}
    assert "lift" in fields and "q" not in fields


@pytest.mark.parametrize(("count", "epochs"), [(5, 3), (15, 10)])
def test_shares_of_each_epoch_have_one_scale(count, epochs):
    languages = [f"l{i:02}" for i in range(count)]
    shares = _shares(np.random.default_rng(1), languages, languages, epochs, 3)
    chart = matrices.share_by_epoch(shares, "-", languages).to_dict()
    panels = chart["concat"]
    assert [panel["title"]["text"] for panel in panels] == [f"epoch {i + 1}" for i in range(epochs)]
    limit = 100 * matrices.share_limit(shares.query("epoch > 0"))
    for at, panel in enumerate(panels, 1):
        scale = panel["layer"][0]["encoding"]["color"]["scale"]["domain"]
        np.testing.assert_allclose((scale[0], scale[-1]), (-limit, limit))
        cells = _data(chart, panel)
        table = shares[(shares["sign"] == "-") & (shares["epoch"] == at)]
        np.testing.assert_allclose(cells["share"], table["share"], atol=1e-5)
        assert panel["width"]["step"] * count <= 300  # three fit beside one another


def test_distribution_is_normalised_within_two_languages(run_folder):
    distribution = report.load(run_folder).tables["distribution"]
    panels = distributions.influence_distributions(distribution, ["ko", "en", "de"])
    assert list(panels) == ["ko", "en", "de"]
    spec = panels["en"].to_dict()
    bars = _data(spec, spec["layer"][1])
    np.testing.assert_allclose(bars.groupby("train_language")["part"].sum(), 1, atol=1e-4)
    assert (bars.loc[bars["low"] < 0, "influence"] == "negative").all()
    assert (bars.loc[bars["low"] >= 0, "influence"] == "positive").all()
    # rows go downwards in the languages' order, and no bar leaves its row
    assert bars.groupby("train_language")["foot"].unique().map(list).to_dict() == {
        "ko": [1], "en": [2], "de": [3],
    }  # fmt: skip
    assert (bars["foot"] - bars["head"]).between(0, 0.92).all()


def test_many_languages_are_drawn_by_their_quantiles():
    languages = [f"l{i:02}" for i in range(15)]
    table = _distribution(np.random.default_rng(0), languages, languages)
    panels = distributions.influence_distributions(table, languages)
    assert len(panels) == 15
    spec = panels["l03"].to_dict()
    found = pd.DataFrame(next(d for d in spec["datasets"].values() if "median" in d[0]))
    found = found.set_index("train_language")
    assert len(found) == 15
    np.testing.assert_allclose(found.loc["l03", "median"], 0.7, atol=0.05)
    np.testing.assert_allclose(found.loc["l04", ["lower", "upper"]], [0.03, 0.57], atol=0.05)


def test_quantiles_lie_within_the_bins():
    table = pd.DataFrame(
        [("a", "b", -1.0, 0.0, 25), ("a", "b", 0.0, 1.0, 50), ("a", "b", 4.0, 5.0, 25)],
        columns=["test_language", "train_language", "low", "high", "pairs"],
    )
    row = distributions.quantiles(table).iloc[0]
    np.testing.assert_allclose([row.least, row.lower, row["median"]], [-0.96, 0, 0.5])
    assert row.most == pytest.approx(4.96)


def test_reinforcing_has_the_papers_figures_as_diamonds(run_folder):
    run = report.load(run_folder)
    paper = papers.paper(run)
    chart = report.charts.reinforcing_bars(run.tables["reinforcing"], LANGUAGES, paper.reinforcing)
    spec = chart.to_dict()
    marks = _data(spec, spec["layer"][2])
    table = reference("xnli").query("what == 'reinforcing' and test_language in ['de', 'en']")
    np.testing.assert_allclose(marks["reinforcing"], table["value"])
    assert set(marks["printed"]) == {"Choenni et al. 2023, Tab. 4"}
    bars = _data(spec, spec["layer"][0])
    np.testing.assert_allclose(bars["reinforcing"], run.tables["reinforcing"]["reinforcing"])
    assert len(report.charts.reinforcing_bars(run.tables["reinforcing"]).to_dict()["layer"]) == 2


def test_the_paper_stands_beside_runs_of_its_tasks_alone(chromium, tmp_path):
    def shown(task):
        folder = make_run(tmp_path / task, epochs=1, traced_per_language=1, task=task)
        opened = Opened(chromium, report.write(folder))
        assert opened.complaints == []
        return opened.page

    page = shown("xnli")
    setting = "XLM-R base, 2,000 examples per language"
    page.locator("#paper-means > summary").click()
    source = page.locator("#paper-means .paper").inner_text()
    assert source.startswith(f"Choenni et al. 2023, Tab. 3a: {setting}")
    drawn = page.locator("#paper-means .role-mark.mark-text text").all_text_contents()
    table = reference("xnli").query("what == 'mean_influence'")
    assert sorted(drawn) == sorted(f"{value:.2f}" for value in table["value"])
    assert f"§4.1 ({setting}): 78%" in page.locator("#accuracy .paper").inner_text()
    assert page.locator("#scripts .paper, #shares .paper").count() == 0
    page = shown("pawsx")
    assert "ko holds 13%" in page.locator("#shares .paper").inner_text()
    assert "11% are written wholly" in page.locator("#scripts .paper").inner_text()
    page = shown("mine")
    assert page.locator(".paper, #paper-means").count() == 0
    assert "Tab. 3a" not in page.content()


def test_the_paper_is_quoted_for_languages_left_out(tmp_path):
    folder = make_run(tmp_path / "run", exclude=("ko",), task="pawsx")
    sentence = papers.paper(report.load(folder)).sentences["accuracy"]
    assert "83% on the development set" in sentence
    assert sentence.endswith("Left out of training, ko reaches 74% (§8.3).")


def test_sentences_beside_the_shares_are_computed(run_folder):
    tables = report.load(run_folder).tables
    shares = tables["shares"].query("epoch == 0")
    count = (shares["q"] < 0.05).sum()
    assert told.significance(tables["shares"]).startswith(f"Of 18 shares, {count} are farther")
    assert "90–" in told.labels(tables["labels"]) and "50% have it" in told.labels(tables["labels"])
    tests = tables["epoch_tests"]
    sentence = told.epoch_tests(tests)
    assert sentence.startswith(
        "Of 9 comparisons of two epochs, 8 differ (p < 0.05 after Holm’s correction)."
    )
    row = tests.loc[tests["effect"].abs().idxmax()]
    assert f"from epoch {row['first']} to {row['second']} on {row['test_language']}" in sentence
    assert ("most scores rise" in sentence) == (row["effect"] > 0)
    none = told.epoch_tests(tests.assign(p_holm=0.9))
    assert none.endswith("none differs (p < 0.05 after Holm’s correction).")
    assert "go most with geography: closer languages" in told.distances(tables["distances"])


def test_distribution_is_told_within_and_between_languages():
    bins = [("de", -1, 0, 1), ("de", 0, 1, 3), ("en", -1, 0, 2), ("en", 0, 1, 2)]
    table = pd.DataFrame(bins, columns=["train_language", "low", "high", "pairs"])
    table = table.assign(test_language="de")
    assert told.distribution(table) == (
        "Of all pairs of a training and a test example, 62.5% have positive influence: 75.0% of "
        "those in the same language, 50.0% of those in different ones."
    )
    assert told.distribution(table.head(2)).endswith("75.0% have positive influence.")


def test_tables_beside_the_shares(chromium, run_folder, page_file):
    page = Opened(chromium, page_file).page
    tables = report.load(run_folder).tables
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    summed = tables["shares"].query("epoch == 0")
    weak = page.locator("#shares td.weak").all_inner_texts()
    assert len(weak) == (summed["q"] >= 0.05).sum() > 0
    assert all("†" in text and "q 0.210" in text for text in weak)
    cell = page.locator("#shares .matrix tbody td").first.inner_text()
    row = summed.iloc[0]
    assert f"×{row['lift']:.2f}" in cell and f"label {wording.percent(row['same_label'])}" in cell
    assert page.locator("#labels tbody tr").count() == len(LANGUAGES)
    cells = page.locator("#tests tbody td")
    assert cells.count() == len(tables["epoch_tests"])
    assert cells.nth(1).inner_text().endswith("p <0.001")
    assert page.locator("#tests td.weak").count() == 1
    assert page.locator("#distances tbody tr").count() == 2
    korean = page.locator("#scripts-table tbody tr").nth(2).inner_text()
    assert "Hangul" in korean and "16.0%" in korean and korean.rstrip().endswith("40.0%")
    assert "Of the ko training examples" in page.locator("#scripts-told").inner_text()


def test_scripts_that_are_all_whole_are_told_and_optional_tables_left_out(chromium, tmp_path):
    folder = make_run(tmp_path / "run", whole=1.0, distances=False, epochs=1)
    page = Opened(chromium, report.write(folder)).page
    assert "All training examples are written wholly" in page.locator("#scripts").inner_text()
    assert page.locator("#scripts table, #distances, #tests").count() == 0


def test_tests_between_epochs_go_downwards_by_the_longer_side():
    rng = np.random.default_rng(0)
    few = rows.pair_grid(_epoch_tests(rng, LANGUAGES, 2), list(LANGUAGES))
    assert few["rows"] == list(LANGUAGES) and few["columns"] == ["1 → 2"]
    many = rows.pair_grid(_epoch_tests(rng, LANGUAGES, 4), list(LANGUAGES))
    assert many["columns"] == list(LANGUAGES) and len(many["rows"]) == 6
    assert many["cells"]["1 → 2", "de"]["weak"] and not many["cells"]["1 → 3", "de"]["weak"]


def test_fifteen_languages_and_ten_epochs_fit(chromium, tmp_path):
    languages = tuple("ar bg de el en es fr hi ru sw th tr ur vi zh".split())
    folder = make_run(tmp_path / "run", languages, epochs=10, traced_per_language=5)
    written = report.write(folder)
    assert written.stat().st_size < 5_000_000
    opened = Opened(chromium, written)
    assert opened.complaints == []
    page = opened.page
    assert page.locator("#epochs details .panels figure").count() == 2 * 10
    assert page.locator("#distribution figure").count() == 15
    names = page.locator("#distribution figure").first.locator(".role-axis-label text")
    assert set(languages) <= set(names.all_text_contents())
    for width in (400, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_more_languages_than_panels_hold_have_tables_alone(tmp_path):
    languages = tuple(f"l{i:02}" for i in range(specs.PANELS + 1))
    folder = make_run(tmp_path / "run", languages, epochs=2, traced_per_language=1)
    run = report.load(folder)
    assert not {"distribution", "epochs"} & set(specs.specs(run, papers.paper(run)))
    assert not [name for name in report.drawn(run) if name.endswith("distribution")]
    assert "too many to draw" in report.write(folder).read_text("utf-8")


def test_own_share_takes_the_diagonal_of_single_epochs(run_folder):
    shares = report.load(run_folder).tables["shares"]
    own = report.charts.own_per_epoch(shares)
    assert len(own) == 2 * 3 * len(LANGUAGES)
    low, high = report.charts.own_domain(own)
    assert low == 0 and high >= own["high"].max()
    report.charts.own_share_by_epoch(shares).to_dict()


def test_figures_are_written_as_svg_png_and_pdf(run_folder):
    written = report.figures(run_folder)
    names = {"accuracy_by_epoch", "positive_shares", "negative_shares", "mean_influence"}
    names |= {"own_share_by_epoch", "reinforcing", "distribution"}
    names |= {"positive_shares_by_epoch", "negative_shares_by_epoch"}
    starts = {".svg": b"<svg", ".png": b"\x89PNG\r\n", ".pdf": b"%PDF-"}
    assert {path.name for path in written} == {n + suffix for n in names for suffix in starts}
    for path in written:
        assert path.read_bytes().startswith(starts[path.suffix])
    assert not list((run_folder / "figures").glob("*.part"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "results.json").unlink(), "no results.json"),
        (lambda folder: (folder / "results.json").write_text("{}"), "lacks run, task"),
        (lambda folder: (folder / "tables/shares.parquet").unlink(), "no shares.parquet"),
        (lambda folder: _change(folder, lambda t: t.drop(columns="low")), "no column low"),
        (lambda folder: _change(folder, lambda t: t.assign(share=np.nan)), "column share has no"),
        (lambda folder: _change(folder, lambda t: t.assign(sign="pos")), "sign=pos; expected + or"),
    ],
)
def test_what_is_missing_is_named(tmp_path, spoil, words):
    folder = make_run(tmp_path / "run", ("de", "en"), epochs=1, traced_per_language=1)
    spoil(folder)
    with pytest.raises(UserError, match=re.escape(words)):
        report.write(folder)
    assert not (folder / "report.html").exists()


def _change(folder, change):
    file = folder / "tables" / "shares.parquet"
    change(pd.read_parquet(file)).to_parquet(file)


def test_the_module_makes_reports_again(run_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["xling.report", str(run_folder)])
    main()
    assert str(run_folder / "report.html") in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["xling.report", str(tmp_path)])
    with pytest.raises(SystemExit, match="not the folder of a finished run"):
        main()


def test_the_script_of_the_figures_is_put_together_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    whole = page.vega.__wrapped__()
    (kept,) = tmp_path.glob("xling/*")
    assert kept.read_text("utf-8") == whole and "vegaEmbed" in whole
    kept.write_text("kept", "utf-8")
    assert page.vega.__wrapped__() == "kept"
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))  # where no folder can be made
    assert page.vega.__wrapped__() == whole
