"""The report room: a finished run's tables become one offline HTML page, and figures as files."""

from xling.report import charts
from xling.report.export import drawn, figures
from xling.report.page import write
from xling.report.tables import load

__all__ = ["charts", "drawn", "figures", "load", "write"]
