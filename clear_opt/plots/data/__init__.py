"""Prepared figures: one function for each computes all numbers and labels that it shows.

`clear_opt.plots.matplotlib_figure` and `clear_opt.plots.plotly_figure` draw the result and compute
nothing.
"""

from clear_opt.plots.data.budgets import (
    accuracy_data,
    actual_spend_data,
    frontier_data,
    regret_data,
)
from clear_opt.plots.data.curve import curve_data
from clear_opt.plots.data.figure import FigureData
from clear_opt.plots.data.funded import funded_data
from clear_opt.plots.data.price_demand import demand_data
from clear_opt.plots.data.reliability import calibration_data

__all__ = [
    "FigureData",
    "accuracy_data",
    "actual_spend_data",
    "calibration_data",
    "curve_data",
    "demand_data",
    "frontier_data",
    "funded_data",
    "regret_data",
]
