"""The evaluation as one HTML file that needs nothing else. Needs ``clear-opt[report]``."""

from clear_opt.report.page import check_installed, report_html, write_report

__all__ = ["check_installed", "report_html", "write_report"]
