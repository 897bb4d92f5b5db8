"""The evaluation as one HTML file that needs nothing else. Needs ``clear-opt[report]``.

For trackers and papers, `clear_opt.plots` draws its main figures as PNG or PDF.
"""

from clear_opt.plots.report.page import check_installed, report_html, write_report

__all__ = ["check_installed", "report_html", "write_report"]
