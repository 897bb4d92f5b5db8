"""Pictures for paper, by matplotlib's object interface: no window, no global state. Needs [plots].

`clear_opt.plots.interactive` has the same pictures for the screen, by plotly. Both draw what
`clear_opt.plots.data` prepares, and both take `FigureOptions`.
"""

from clear_opt.plots.figure_options import FigureOptions
from clear_opt.plots.static import (
    plot_accuracy,
    plot_actual_spend,
    plot_calibration,
    plot_curve,
    plot_demand,
    plot_frontier,
    plot_funded,
    plot_regret,
)

__all__ = [
    "FigureOptions",
    "plot_accuracy",
    "plot_actual_spend",
    "plot_calibration",
    "plot_curve",
    "plot_demand",
    "plot_frontier",
    "plot_funded",
    "plot_regret",
]
