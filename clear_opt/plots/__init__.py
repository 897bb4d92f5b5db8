"""Pictures, by matplotlib's object interface: no window, no global state. Needs [plots].

`clear_opt.plots.interactive` has the same pictures to point at and zoom, by plotly.
"""

from clear_opt.plots.curve import plot_curve
from clear_opt.plots.demand import plot_demand
from clear_opt.plots.evaluated import plot_accuracy, plot_calibration
from clear_opt.plots.frontier import plot_frontier
from clear_opt.plots.funded import plot_funded

__all__ = [
    "plot_accuracy",
    "plot_calibration",
    "plot_curve",
    "plot_demand",
    "plot_frontier",
    "plot_funded",
]
