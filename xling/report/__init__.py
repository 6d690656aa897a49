"""The report room: a finished run's tables become one offline HTML page, and figures as files."""

from xling.report.page import figures, load, write_page, write_report

__all__ = ["figures", "load", "write_page", "write_report"]
