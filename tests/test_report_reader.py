"""The pages for every reader: by eye or by ear, in the light or dark, by mouse or by keyboard."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from test_report import Opened, chromium, make_run  # noqa: F401
from test_report_subnetworks import PAIR, make_subnetwork_run, make_sweep

from xling import report
from xling.report import papers, specs, style, subnetwork_sweep, sweep, sweep_charts, wording
from xling.sweep import note

LANGUAGES = ("ar", "ko", "zh")
TEXTS = {
    "ar": ["تعمل اللغات معا في نموذج واحد (BERT)."],
    "ko": ["언어는 하나의 모델에서 함께 작동합니다."],
    "zh": ["语言在一个模型中共同作用。"],
}
PAPERS = {"light": "#fdfdfc", "dark": "#15181c"}
DRAWN = "[...document.querySelectorAll('.chart')].every(f => f.querySelector('svg.marks'))"
OPEN = "document.querySelectorAll('details:not([title])').forEach(each => each.open = true)"

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
SIGHT = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175],
     [0.0193339, 0.119192, 0.9503041]]
)  # fmt: skip
WHITE = np.array([0.95047, 1.0, 1.08883])


def rgb(colour):
    """Red, green and blue, 0 to 1, of "#rrggbb", "rgb(…)" or "27, 158, 119"."""
    if colour.startswith("#"):
        return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.array([float(each) for each in colour.strip("rgba()").split(",")][:3]) / 255


def linear(colour):
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def contrast(first, second):
    """WCAG's ratio of two colours' luminance, 1 to 21."""
    low, high = sorted(float(linear(each) @ XYZ[1]) for each in (first, second))
    return (high + 0.05) / (low + 0.05)


def lab(colour, sight):
    seen = XYZ @ np.clip(SIGHT[sight] @ linear(rgb(colour)), 0, 1) / WHITE
    root = np.where(seen > 0.008856, np.cbrt(seen), 7.787 * seen + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def least(colours, sight):
    """The least difference (CIE 1976) of two colours; 2.3 can just be noticed side by side."""
    seen = [lab(each, sight) for each in colours]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.fixture(scope="module")
def run_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "run"
    make_subnetwork_run(folder, LANGUAGES, epochs=2, traced_per_language=2, texts=TEXTS)
    return report.write(folder)


@pytest.fixture(scope="module")
def sweep_page(tmp_path_factory):
    folder = make_sweep(
        tmp_path_factory.mktemp("sweep"),
        ("a", {}, {"variant": "identified"}),
        ("b", {}, {"variant": "SFT, identified", "tuning": "sparse"}),
        ("c", {}, {"name": "random", "variant": "random 0", "seed": 1}),
        ("f", {"languages": list(PAIR), "compose": "union"},
         {"name": "composed", "variant": "de ∪ ko", "seed": 4}),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sweep, "save", lambda charts, folder: None)
        return sweep.write_sweep(folder)


@pytest.fixture(params=["run", "sweep"])
def file(request, run_page, sweep_page):
    return {"run": run_page, "sweep": sweep_page}[request.param]


@pytest.fixture
def show(chromium):  # noqa: F811
    """Open pages with all that is folded away, and with their complaints; close them again."""
    shown = []

    def opened(file, before="", **context):
        page = chromium.new_page(**context)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.add_init_script(before)
        page.goto(file.as_uri())
        page.wait_for_function(DRAWN)
        page.evaluate(OPEN)
        shown.append(page)
        return page

    yield opened
    for page in shown:
        page.close()


@pytest.mark.parametrize("scheme", PAPERS)
def test_a_checker_of_accessibility_finds_nothing_serious(show, file, scheme):
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core")
    # all that matters to a page in the light; in the dark what depends on colours
    chosen = {"light": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}
    chosen["dark"] = ["color-contrast", "link-in-text-block"]
    rules = {"runOnly": chosen[scheme], "resultTypes": ["violations"]}
    found = sync.Axe().run(show(file, color_scheme=scheme), options=rules).response
    assert found["passes"]
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_colours_are_chosen_by_keyboard_and_remembered(show, file):
    page = show(file, color_scheme="dark")
    dark = background(page)
    page.locator("[name=theme]").first.focus()
    page.keyboard.press("ArrowRight")
    light = background(page)
    assert contrast(rgb(light), rgb(PAPERS["light"])) < 1.01 < contrast(rgb(light), rgb(dark))
    page.reload()
    assert background(page) == light and page.get_by_label("light").is_checked()
    page.get_by_label("dark").check()
    assert background(page) == dark
    page.emulate_media(media="print")
    assert background(page) == light
    page.evaluate("localStorage.clear()")
    assert page.complaints == []


def test_colours_can_be_chosen_where_nothing_is_remembered(show, file):
    refused = (
        "Object.defineProperty(window, 'localStorage', "
        "{get() { throw new DOMException('refused', 'SecurityError') }})"
    )
    page = show(file, refused, color_scheme="light")
    page.get_by_label("dark").check()
    assert contrast(rgb(background(page)), rgb(PAPERS["dark"])) < 1.01
    assert page.complaints == []


CELLS = """[...document.querySelectorAll('svg.marks')].flatMap(svg => {
  const cells = [...svg.querySelectorAll('.role-mark.mark-rect > path:not([fill=transparent])')]
    .map(path => [path.getBoundingClientRect(), getComputedStyle(path).fill]);
  return [...svg.querySelectorAll('.role-mark.mark-text > text')].flatMap(text => {
    const box = text.getBoundingClientRect(), style = getComputedStyle(text);
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const under = cells.filter(([cell]) =>
      cell.left <= x && x <= cell.right && cell.top <= y && y <= cell.bottom);
    return under.map(([, fill]) => [style.fill, style.opacity, fill]);
  });
})"""


@pytest.mark.parametrize("scheme", PAPERS)
def test_figures_in_cells_can_be_read(show, file, scheme):
    page = show(file, color_scheme=scheme)
    behind = rgb(background(page))
    cells = page.evaluate(CELLS)
    assert len(cells) > 50
    for ink, opacity, fill in cells:
        alpha = float(fill.split(",")[3].strip(" )")) if fill.startswith("rgba") else 1.0
        cell = alpha * rgb(fill) + (1 - alpha) * behind
        text = float(opacity) * rgb(ink) + (1 - float(opacity)) * cell
        assert contrast(text, cell) >= 4.5, (ink, fill)


MARKS = """[...document.querySelectorAll(
  'svg.marks .role-mark:is(.mark-symbol, .mark-line) > path')].flatMap(path => {
    const style = getComputedStyle(path);
    return [style.stroke, style.fill].filter(each => each.startsWith('rgb('));
})"""


@pytest.mark.parametrize("scheme", PAPERS)
def test_marks_stand_out_from_the_page(show, file, scheme):
    page = show(file, color_scheme=scheme)
    behind = rgb(background(page))
    found = set(page.evaluate(MARKS)) - {background(page)}  # the rims around diamonds
    assert len(found) >= 4
    assert {each for each in found if contrast(rgb(each), behind) < 3} == set()


@pytest.mark.parametrize("scheme", PAPERS)
@pytest.mark.parametrize("sight", SIGHT)
def test_colours_differ_for_every_sight(sight, scheme):
    def shown(colour):
        return style.DARK[colour] if scheme == "dark" else colour

    assert least([shown(each) for each in style.LINES], sight) > 15
    signs = [shown(f"rgb({hue})") for hue in style.HUES.values()]
    assert least(signs, sight) > 30
    for colour in (*style.LINES, f"rgb({style.HEADS})", f"rgb({style.HUES['+']})"):
        assert contrast(rgb(shown(colour)), rgb(PAPERS[scheme])) >= 3
    for hue in style.HUES.values():  # more than the base rate against less
        strong = [0.8 * rgb(hue) + 0.2, 0.6 * rgb(style.GREY) + 0.4]
        assert least([f"rgb({','.join(map(str, 255 * each))})" for each in strong], sight) > 10


def test_arrow_keys_tell_what_the_mouse_is_told(show, run_page):
    page = show(run_page)
    row = report.load(run_page.parent).tables["shares"].iloc[1]
    figure = page.locator("#shares figure").first
    figure.focus()
    tip = page.locator("#vg-tooltip-element.visible")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    tip.wait_for()
    told = tip.inner_text()
    assert wording.percent(row["share"]) in told
    assert wording.interval(row["low"], row["high"]) in told
    assert figure.locator(".reached").count() == 1
    page.keyboard.press("Tab")
    assert tip.count() == figure.locator(".reached").count() == 0
    assert page.complaints == []


def test_what_has_the_focus_is_seen(show, file):
    page = show(file)
    seen = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        tag, width = page.evaluate(
            "[document.activeElement.tagName, parseFloat(getComputedStyle("
            "document.activeElement.closest('label') ?? document.activeElement).outlineWidth)]"
        )
        assert width >= 1, tag
        seen.add(tag)
    assert {"A", "INPUT", "SUMMARY", "FIGURE"} <= seen


def test_both_pages_lead_to_all_their_sections(show, file):
    page = show(file)
    sections = page.evaluate("[...document.querySelectorAll('main > section[id]')].map(e => e.id)")
    links = page.evaluate("[...document.querySelectorAll('main > nav a')].map(e => e.hash)")
    assert len(sections) > 5
    assert set(links) == {f"#{each}" for each in sections if each != "cite"}


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


def test_marks_tell_their_numbers_and_intervals(run_page):
    run = report.load(run_page.parent)
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


def test_intervals_of_accuracies_are_wilsons(run_page):
    table = report.load(run_page.parent).tables["accuracy"]
    spec = report.charts.accuracy_by_epoch(table, LANGUAGES).to_dict()
    (rows,) = spec["datasets"].values()
    assert wording.wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    first = rows[0]
    low, high = wording.wilson(first["accuracy"], first["examples"])
    assert first["interval"] == wording.interval(low, high) and low < first["accuracy"] < high


def test_texts_run_in_their_own_direction(show, run_page):
    page = show(run_page)
    directions = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll('#browser .text')].map(text => {
          const line = document.createRange(); line.selectNodeContents(text);
          const [box, own] = [text.getBoundingClientRect(), line.getBoundingClientRect()];
          const right = box.right - own.right < own.left - box.left;
          return [text.lang, [getComputedStyle(text).direction, right]];
        }))"""
    )
    assert directions["ar"] == ["rtl", True]
    assert all(directions[each] == ["ltr", False] for each in ("ko", "zh"))
    search = page.locator(".dt-search input")
    search.fill("تعمل")
    assert search.evaluate("input => getComputedStyle(input).direction") == "rtl"


def test_codes_of_languages_are_written_as_browsers_know_them(tmp_path):
    folder = make_run(tmp_path / "run", ("arb_Arab", "de"), epochs=1, traced_per_language=1)
    written = report.write(folder).read_text("utf-8")
    assert 'lang="arb-Arab"' in written and 'lang="arb_Arab"' not in written


def test_a_phone_is_wide_enough(show, file):
    page = show(file, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    wide = page.evaluate(
        """[...document.querySelectorAll('table, svg.marks, pre')].filter(each => {
          const box = each.getBoundingClientRect();
          return box.width && box.right > innerWidth
            && !each.closest('.scroll, .chart, pre, .vega-actions');
        }).map(each => each.outerHTML.slice(0, 80))"""
    )
    assert wide == []


def test_the_page_of_the_papers_setting_is_below_5_mb(tmp_path):
    """The page shows 25 test examples a language and 10 members at most, however many there are."""
    languages = ("de", "en", "es", "fr", "ja", "ko", "zh")
    texts = {language: [f"{i} " + "텍스트 " * 30 for i in range(40)] for language in languages}
    folder = make_subnetwork_run(
        tmp_path / "run", languages, epochs=10, traced_per_language=30, top_k=12, texts=texts
    )
    written = report.write(folder)
    assert 3_000_000 < written.stat().st_size < 5_000_000
    assert "of the 210 traced test examples" in written.read_text("utf-8")


def test_the_page_of_a_hundred_runs_is_below_5_mb_and_says_what_it_leaves_out(
    tmp_path, monkeypatch
):
    languages = ("de", "en", "es", "fr", "ja", "ko", "zh")
    folder = tmp_path / "pawsx"
    runs = [folder / f"r{i:03}" for i in range(100)]
    make_subnetwork_run(runs[0], languages, epochs=10, traced_per_language=1, task="pawsx")
    results = json.loads((runs[0] / "results.json").read_text("utf-8"))
    for i, run in enumerate(runs):
        run.mkdir(exist_ok=True)
        if i:
            (run / "tables").symlink_to(runs[0] / "tables")
        kind = results["subnetwork"] | {"name": "random" if i else "identified", "seed": i}
        named = {"subnetwork": kind, "variant": f"masks {i}", "seed": i}
        (run / "results.json").write_text(json.dumps(results | named), "utf-8")
        note(tmp_path / "sweeps/s", run, {"base": None, "masks": False})
    drawn = {}
    monkeypatch.setattr(sweep, "save", lambda charts, folder: drawn.update(charts))
    written = sweep.write_sweep(tmp_path / "sweeps/s")
    assert written.stat().st_size < 5_000_000
    page, shown = written.read_text("utf-8"), subnetwork_sweep.RUNS
    assert f"Of the 100 runs, the figures show the first {shown}" in page
    assert page.count('<tr><th scope="row"><a href=') == 100
    assert len(drawn["change_positive"].to_dict()["concat"]) == shown
    table = pd.read_parquet(written.parent / "tables/sweep_change.parquet")
    assert table["run"].nunique() == 100


def test_long_tables_of_a_sweep_are_cut_in_the_page_alone():
    table = pd.DataFrame({"k": range(sweep.ROWS + 7)})
    found = sweep._rows(table)
    assert len(found["rows"]) == sweep.ROWS and found["of"] == sweep.ROWS + 7
