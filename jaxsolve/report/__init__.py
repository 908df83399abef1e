"""Host: runs as one HTML file that needs no network: what came of them, how it went, a replay, and figures."""

from jaxsolve.report.figure import Figure
from jaxsolve.report.page import Report, comparison_of, page, report_of
from jaxsolve.report.sections import Section

__all__ = ["Figure", "Report", "Section", "comparison_of", "page", "report_of"]
