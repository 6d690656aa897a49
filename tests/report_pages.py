"""Pages open in a browser, and what is read off them and their figures, for the report's tests."""

import pandas as pd

DRAWN = "[...document.querySelectorAll('.chart')].every(f => f.querySelector('svg.marks'))"
UNFOLD = "document.querySelectorAll('details:not([title])').forEach(fold => fold.open = true)"


class Opened:
    """A report open in the browser, with all its requests and complaints."""

    def __init__(self, chromium, file, drawn=True, before="", **context):
        """Open a page; with `drawn`, wait until its figures are, after running `before`."""
        self.requests, self.complaints = [], []
        self.page = chromium.new_page(**context)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        if before:
            self.page.add_init_script(before)
        self.page.goto(file.as_uri())
        if self.page.locator("#browser").count():
            self.page.wait_for_selector(".dt-paging")
        if drawn:
            self.wait_for_figures()

    def wait_for_figures(self):
        """Ask again and again from outside: the page's own policy forbids the browser to."""
        for _ in range(400):
            if self.page.evaluate(DRAWN):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("The figures are not drawn within 20 s.")

    def unfold(self):
        self.page.evaluate(UNFOLD)

    def choose(self, name, value):
        self.page.locator(".filters").get_by_label(name).select_option(value)

    def search(self, text):
        self.page.locator(".dt-search").get_by_label("Search").fill(text)

    def rows(self):
        return self.page.locator("#browser > tbody > tr:visible")

    def outside_requests(self):
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]


def rows_with(spec, field):
    """The rows of a chart's data that have a field."""
    return rows_in(next(rows for rows in spec["datasets"].values() if field in rows[0]))


def rows_of(spec, view):
    """The rows of a view of a chart, which may stand with the chart itself."""
    return rows_in(spec["datasets"][view.get("data", spec.get("data"))["name"]])


def rows_in(rows):
    """Rows as they are drawn: a matrix has lists of its cells, which are flattened."""
    table = pd.DataFrame(rows)
    lists = [name for name in table if isinstance(table[name].iloc[0], list)]
    return table.explode(lists, ignore_index=True).infer_objects() if lists else table
