"""The report page of a run: what it shows, that it is safe, and asks nothing of the network."""

import itertools
import json
from pathlib import Path

from report_pages import UNFOLD
from report_runs import LANGUAGES, make_run

from xling import report
from xling.analysis.reference import reference
from xling.report import templating, words

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)> & </script> \"'"


def test_page_opens_without_requests_or_complaints(opened, run_folder):
    page = opened(run_folder / "report.html")
    assert page.outside_requests() == []
    assert page.complaints == []
    assert sum(url.startswith("file:") for url in page.requests) == 1
    # 5 matrices and lines, reinforcing bars; small ones: own share and distribution per language,
    # and shares per sign and epoch
    assert page.page.locator("figure.chart svg.marks").count() == 6 + 2 * len(LANGUAGES) + 2 * 3
    assert page.rows().count() == len(LANGUAGES) * 3
    assert "1–9 of 9 test examples" in page.page.locator(".dt-info").inner_text()


def test_positive_heatmap_shows_the_shares_of_the_table(opened, run_folder):
    page = opened(run_folder / "report.html")
    drawn = page.page.locator("#shares .pair > div:first-child .role-mark.mark-text text")
    shares = report.load(run_folder).tables["shares"].query("epoch == 0 and sign == '+'")
    assert sorted(drawn.all_text_contents()) == sorted(f"{100 * s:.1f}" for s in shares["share"])


def test_texts_of_users_are_shown_and_never_run(opened, tmp_path):
    folder = make_run(tmp_path / "run", texts={key: [ATTACK] for key in LANGUAGES})
    rename = {"config": {"evil": ATTACK}, "command": ATTACK, "run": ATTACK}
    results = json.loads((folder / "results.json").read_text()) | rename
    (folder / "results.json").write_text(json.dumps(results))
    page = opened(report.write_page(folder))
    assert page.complaints == [] and page.outside_requests() == []
    assert page.page.locator("#browser .text").first.inner_text() == ATTACK
    page.search("alert(1)")
    assert page.rows().count() == 9
    assert page.page.locator("img").count() == 0


def test_language_codes_with_markup_stay_text(opened, tmp_path):
    evil = "</script><script>alert(1)</script>"
    page = opened(report.write_page(make_run(tmp_path / "run", languages=("de", evil))))
    assert page.complaints == []
    assert evil in page.page.locator("#run").inner_text()
    assert page.page.locator(f"#browser [data-language={json.dumps(evil)}]").count() > 0


def test_page_fits_its_width_in_light_and_dark(opened, tmp_path):
    folder = make_run(tmp_path / "run", traced_per_language=25, top_k=2)
    page = opened(report.write_page(folder)).page
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


def test_held_out_languages_are_named_and_texts_keep_their_direction(opened, tmp_path):
    folder = make_run(
        tmp_path / "run", ("ar", "de", "ko"), ("ko",), traced_per_language=5, profile="paper"
    )
    page = opened(report.write_page(folder))
    text = page.page.locator("main").inner_text()
    assert "ko was left out of training" in text
    assert "Sample corpus." not in text
    assert page.page.locator("#epochs .small-multiples figure").count() == 2
    assert page.page.locator("#browser .text[lang=ar][dir=auto]").count() > 0


def test_a_run_of_one_epoch_without_parallel_data_has_fewer_sections(opened, tmp_path):
    folder = make_run(tmp_path / "run", ("de", "en"), epochs=1, parallel=False)
    page = opened(report.write_page(folder))
    assert page.complaints == []
    assert page.page.locator("figure.chart svg.marks").count() == 4 + 2
    assert page.page.locator("#reinforcing, #epochs").count() == 0
    assert "Sample corpus." in page.page.locator(".banner").inner_text()


def test_the_paper_is_shown_with_runs_of_its_tasks_alone(opened, tmp_path):
    def shown(task):
        folder = make_run(tmp_path / task, epochs=1, traced_per_language=1, task=task)
        page = opened(report.write_page(folder))
        assert page.complaints == []
        return page.page

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


def test_numbers_on_the_page_are_those_of_the_tables(opened, run_folder):
    page = opened(run_folder / "report.html").page
    tables = report.load(run_folder).tables
    page.evaluate(UNFOLD)
    summed = tables["shares"].query("epoch == 0")
    weak = page.locator("#shares td.weak").all_inner_texts()
    assert len(weak) == (summed["q"] >= 0.05).sum() > 0
    assert all("†" in text and "q 0.210" in text for text in weak)
    cell = page.locator("#shares .matrix tbody td").first.inner_text()
    row = summed.iloc[0]
    assert f"×{row['lift']:.2f}" in cell and f"label {words.percent(row['same_label'])}" in cell
    assert page.locator("#labels tbody tr").count() == len(LANGUAGES)
    cells = page.locator("#tests tbody td")
    assert cells.count() == len(tables["epoch_tests"])
    assert cells.nth(1).inner_text().endswith("p <0.001")
    assert page.locator("#tests td.weak").count() == 1
    assert page.locator("#distances tbody tr").count() == 2
    korean = page.locator("#scripts-table tbody tr").nth(2).inner_text()
    assert "Hangul" in korean and "16.0%" in korean and korean.rstrip().endswith("40.0%")
    assert "Of the ko training examples" in page.locator("#scripts-sentence").inner_text()


def test_whole_scripts_need_no_table_and_optional_sections_are_left_out(opened, tmp_path):
    folder = make_run(tmp_path / "run", whole=1.0, distances=False, epochs=1)
    page = opened(report.write_page(folder)).page
    assert "All training examples are written wholly" in page.locator("#scripts").inner_text()
    assert page.locator("#scripts table, #distances, #tests").count() == 0


def test_fifteen_languages_and_ten_epochs_fit(opened, tmp_path):
    languages = tuple("ar bg de el en es fr hi ru sw th tr ur vi zh".split())
    folder = make_run(tmp_path / "run", languages, epochs=10, traced_per_language=5)
    written = report.write_page(folder)
    assert written.stat().st_size < 5_000_000
    page = opened(written)
    assert page.complaints == []
    page = page.page
    assert page.locator("#epochs details .panels figure").count() == 2 * 10
    assert page.locator("#distribution figure").count() == 15
    names = page.locator("#distribution figure").first.locator(".role-axis-label text")
    assert set(languages) <= set(names.all_text_contents())
    for width in (400, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_script_of_the_figures_is_built_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    whole = templating.vega.__wrapped__()
    (kept,) = tmp_path.glob("xling/*")
    assert kept.read_text("utf-8") == whole and "vegaEmbed" in whole
    kept.write_text("kept", "utf-8")
    assert templating.vega.__wrapped__() == "kept"
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))  # where no folder can be made
    assert templating.vega.__wrapped__() == whole


def test_headings_and_captions_keep_off_the_chart_above_them(chromium):
    css = (Path(report.__file__).parent / "templates" / "report.css").read_text("utf-8")
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    caption = '<div class="scroll"><table class="numbers"><caption>A</caption></table></div>'
    for below in (caption, "<h3>A</h3>", "<h4>A</h4>"):
        for above in ('<figure class="chart"></figure>', '<div class="pair"></div>'):
            page.set_content(f"<style>{css}</style>{above}{below}")
            top = page.evaluate("getComputedStyle(document.body.children[1]).marginTop")
            assert top == "32px", (above, below)  # 2rem
    broad = '<figure class="chart broad"><div class="drawing"></div></figure>'
    page.set_content(f"<style>{css}</style>{broad}")
    chart, drawing = (page.locator(name).bounding_box() for name in (".chart", ".drawing"))
    assert chart["width"] <= 390 < drawing["width"]  # it is moved, not made smaller
