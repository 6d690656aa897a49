"""The pages for every reader: by eye or by ear, in the light or dark, by mouse or by keyboard."""

import pytest
from colours import PAPERS, contrast, rgb
from report_runs import make_run

from xling import report
from xling.report import words


@pytest.mark.parametrize("scheme", PAPERS)
def test_a_checker_of_accessibility_finds_nothing_serious(look, page_file, scheme):
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core")
    # all that matters to a page in the light; in the dark what depends on colours
    chosen = {"light": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}
    chosen["dark"] = ["color-contrast", "link-in-text-block"]
    rules = {"runOnly": chosen[scheme], "resultTypes": ["violations"]}
    checked = sync.Axe().run(look(page_file, scheme), options=rules).response
    assert checked["passes"]
    serious = [rule for rule in checked["violations"] if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in serious] == []


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_colours_are_chosen_by_keyboard_and_remembered(show, page_file):
    page = show(page_file, color_scheme="dark")
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


def test_colours_can_be_chosen_where_nothing_is_remembered(show, page_file):
    refused = (
        "Object.defineProperty(window, 'localStorage', "
        "{get() { throw new DOMException('refused', 'SecurityError') }})"
    )
    page = show(page_file, refused, color_scheme="light")
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
def test_figures_in_cells_can_be_read(look, page_file, scheme):
    page = look(page_file, scheme)
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
def test_marks_stand_out_from_the_page(look, page_file, scheme):
    page = look(page_file, scheme)
    behind = rgb(background(page))
    colours = set(page.evaluate(MARKS)) - {background(page)}  # the rims around diamonds
    assert len(colours) >= 4
    assert {colour for colour in colours if contrast(rgb(colour), behind) < 3} == set()


def test_arrow_keys_show_what_the_mouse_shows(show, run_page):
    page = show(run_page)
    row = report.load(run_page.parent).tables["shares"].iloc[1]
    figure = page.locator("#shares figure").first
    figure.focus()
    tip = page.locator("#vg-tooltip-element.visible")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    tip.wait_for()
    shown = tip.inner_text()
    assert words.percent(row["share"]) in shown
    assert words.interval(row["low"], row["high"]) in shown
    assert figure.locator(".reached").count() == 1
    page.keyboard.press("Tab")
    assert tip.count() == figure.locator(".reached").count() == 0
    assert page.complaints == []


def test_what_has_the_focus_is_seen(show, page_file):
    page = show(page_file)
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


def test_both_pages_link_to_all_their_sections(look, page_file):
    page = look(page_file)
    sections = page.evaluate("[...document.querySelectorAll('main > section[id]')].map(e => e.id)")
    links = page.evaluate("[...document.querySelectorAll('main > nav a')].map(e => e.hash)")
    assert len(sections) > 5
    assert set(links) == {f"#{name}" for name in sections if name != "cite"}


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
    assert all(directions[code] == ["ltr", False] for code in ("ko", "zh"))
    search = page.locator(".dt-search input")
    search.fill("تعمل")
    assert search.evaluate("input => getComputedStyle(input).direction") == "rtl"


def test_codes_of_languages_are_written_as_browsers_know_them(tmp_path):
    folder = make_run(tmp_path / "run", ("arb_Arab", "de"), epochs=1, traced_per_language=1)
    written = report.write_page(folder).read_text("utf-8")
    assert 'lang="arb-Arab"' in written and 'lang="arb_Arab"' not in written


def test_a_phone_is_wide_enough(show, page_file):
    page = show(page_file, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    wide = page.evaluate(
        """[...document.querySelectorAll('table, svg.marks, pre')].filter(each => {
          const box = each.getBoundingClientRect();
          return box.width && box.right > innerWidth
            && !each.closest('.scroll, .chart, pre, .vega-actions');
        }).map(each => each.outerHTML.slice(0, 80))"""
    )
    assert wide == []
