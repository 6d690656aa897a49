"""The reports that several test files look at, each written once, and the browser for them."""

import shutil

import pytest
from report_pages import Opened
from report_runs import make_run
from report_subnetworks import make_subnetwork_run, make_sweep_of_all_kinds

from xling import report
from xling.report.sweep_page import write_sweep


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
    """A run with its report and figures."""
    folder = make_run(tmp_path_factory.mktemp("report") / "xnli-0a1b2c3d")
    report.write_report(folder)
    return folder


@pytest.fixture(scope="session")
def subnetwork_folder(tmp_path_factory):
    """A run with subnetworks, with its report and figures."""
    folder = tmp_path_factory.mktemp("report") / "pawsx-0a1b2c3d"
    make_subnetwork_run(folder, task="pawsx", epochs=2, traced_per_language=1)
    report.write_report(folder)
    return folder


@pytest.fixture(scope="session")
def sweep_folder(tmp_path_factory):
    """A sweep of runs with all kinds of subnetworks, with its report and figures."""
    folder, jobs = make_sweep_of_all_kinds(tmp_path_factory.mktemp("sweep"))
    write_sweep(folder, jobs)
    return folder
