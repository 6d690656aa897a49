"""The reports that several test files look at, each written once, and the browser for them."""

import shutil
from contextlib import nullcontext

import pytest
from report_pages import Opened
from report_runs import make_embedding_run, make_run
from report_subnetworks import make_subnetwork_run, make_sweep_of_all_kinds

from xling import report
from xling.report import sweep_page

SCRIPTS = ("ar", "ko", "zh")
TEXTS = {
    "ar": ["تعمل اللغات معا في نموذج واحد (BERT)."],
    "ko": ["언어는 하나의 모델에서 함께 작동합니다."],
    "zh": ["语言在一个模型中共同作用。"],
}
"""Languages and texts in scripts that are not Latin."""


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium: the one on the path, driven by playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next((path for name in names if (path := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"no Chromium on the path (looked for {', '.join(names)})")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """Open pages, and close them again; takes the arguments of `Opened`."""
    pages = []

    def open_page(file, **context):
        pages.append(Opened(chromium, file, **context))
        return pages[-1]

    yield open_page
    for page in pages:
        page.page.close()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A run with its page."""
    folder = make_run(tmp_path_factory.mktemp("report") / "xnli-0a1b2c3d")
    report.write_page(folder)
    return folder


@pytest.fixture(scope="session")
def subnetwork_folder(tmp_path_factory):
    """A run with subnetworks, with its page."""
    folder = tmp_path_factory.mktemp("report") / "pawsx-0a1b2c3d"
    make_subnetwork_run(folder, task="pawsx", epochs=2, traced_per_language=1)
    report.write_page(folder)
    return folder


@pytest.fixture(scope="session")
def sweep_of_all_kinds(tmp_path_factory):
    """The folder and the jobs of a sweep of runs with all kinds of subnetworks."""
    return make_sweep_of_all_kinds(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="session")
def sweep_folder(sweep_of_all_kinds):
    """This sweep, with its page and tables."""
    folder, jobs = sweep_of_all_kinds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep_page, "saved", lambda figures, folder: nullcontext())
        sweep_page.write_sweep(folder, jobs)
    return folder


@pytest.fixture(scope="session")
def run_page(tmp_path_factory):
    """The page of a run whose languages are written in scripts of their own."""
    folder = tmp_path_factory.mktemp("report") / "run"
    make_subnetwork_run(folder, SCRIPTS, epochs=2, traced_per_language=2, texts=TEXTS)
    return report.write_page(folder)


@pytest.fixture(params=["run", "sweep"])
def page_file(request, run_page, sweep_folder):
    """The page of a run, and that of a sweep."""
    return {"run": run_page, "sweep": sweep_folder / "report.html"}[request.param]


@pytest.fixture(scope="module")
def look(chromium):
    """Show pages with everything unfolded; a page is opened once for each colour scheme."""
    pages = {}

    def unfolded(file, scheme="light"):
        if (file, scheme) not in pages:
            pages[file, scheme] = Opened(chromium, file, color_scheme=scheme)
            pages[file, scheme].unfold()
        return pages[file, scheme].page

    yield unfolded
    for page in pages.values():
        page.page.close()


@pytest.fixture
def show(opened):
    """Open pages with everything unfolded, and with their complaints."""

    def unfolded(file, before="", **context):
        report_page = opened(file, before=before, **context)
        report_page.unfold()
        report_page.page.complaints = report_page.complaints
        return report_page.page

    return unfolded


@pytest.fixture(scope="session")
def embedding_folder(tmp_path_factory):
    """A run by cosines of hidden states, with its page."""
    folder = tmp_path_factory.mktemp("report") / "run"
    make_embedding_run(folder, epochs=2, traced_per_language=5)
    report.write_page(folder)
    return folder


@pytest.fixture(scope="session")
def subnetwork_run(subnetwork_folder):
    """The run with subnetworks, as its report reads it."""
    return report.load(subnetwork_folder)


@pytest.fixture
def subnetwork_tables(subnetwork_run):
    """The tables of the run with subnetworks, by name."""
    return dict(subnetwork_run.tables)
