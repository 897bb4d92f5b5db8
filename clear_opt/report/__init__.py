"""The evaluation as one HTML file that needs nothing else, and as pictures.

The page needs ``clear-opt[report]``, the pictures need ``clear-opt[plots]``.
"""

from clear_opt.report.page import check_installed, report_html, write_report
from clear_opt.report.pictures import draw_accuracy, draw_calibration

__all__ = ["check_installed", "draw_accuracy", "draw_calibration", "report_html", "write_report"]
